"""Types of configuration values: how each is read from a file and written back; `Section`.

A type carries its reader, its writer (what the reader turns into the same value again) and its
piece of JSON schema. `Kind` marks how the layers treat the raw text of a key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from stormdb.errors import ConfigError
from stormdb.units import parse_bytes, parse_duration, parse_rate

__all__ = [
    "Count",
    "Duration",
    "HostPort",
    "Kind",
    "NameList",
    "PathText",
    "PortList",
    "Ports",
    "Rate",
    "RateOrZero",
    "Ratio",
    "Secret",
    "Section",
    "Size",
    "Switch",
    "Text",
    "TextList",
    "Times",
    "bytes_text",
    "duration_text",
    "problem",
    "rate_text",
    "shown",
]


class Section(BaseModel):
    """A mapping of the file with a fixed set of keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Kind:
    """How the layers treat a key: `text` keeps what was written, `path` is made absolute too."""

    name: Literal["text", "path", "secret"]


def problem(message: str, hint: str = "") -> PydanticCustomError:
    """An error of a value, in this project's words."""
    return PydanticCustomError("stormdb", "{message}", {"message": message, "hint": hint})


def shown(value: object) -> str:
    """A value inside of a message: quoted text, or the name of a structure."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return repr(text) if isinstance(value, str) else text


def _reader(parse: Callable[[Any], Any], what: str, hint: str) -> BeforeValidator:
    """Make a reader out of a function of `units`, which explains itself by a `ConfigError`."""

    def read(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise problem(f"{shown(value)} is not {what}", hint)
        try:
            return parse(value)
        except ConfigError as error:
            raise problem(error.message, error.hint or hint) from None

    return BeforeValidator(read)


def duration_text(ns: int) -> str:
    """What `parse_duration` reads as exactly this: `1h30m`, `15.5s`, `250ms`."""
    minutes, rest = divmod(ns, 60 * 10**9)
    parts = [f"{n}{unit}" for n, unit in ((minutes // 60, "h"), (minutes % 60, "m")) if n]
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3), ("ns", 1)):
        if rest >= size:
            parts.append(f"{(Decimal(rest) / size).normalize():f}{unit}")
            break
    return "".join(parts) or "0s"


def rate_text(micro_per_s: int) -> str:
    """The text that `parse_rate` reads as exactly this."""
    return f"{(Decimal(micro_per_s) / 10**6).normalize():f}/s"


def bytes_text(size: int) -> str:
    """The shortest text that `parse_bytes` reads as exactly this."""
    for unit, power in (("GiB", 3), ("MiB", 2), ("KiB", 1)):
        if size and size % 1024**power == 0:
            return f"{size // 1024**power}{unit}"
    return f"{size}B"


def _rate_or_zero(value: str | float) -> int:
    return 0 if str(value).strip() in {"0", "0/s", "0.0"} else parse_rate(value)


def _ratio(value: Any) -> float:
    text = str(value).strip()
    try:
        ratio = float(Decimal(text.removesuffix("%").strip()) / (100 if "%" in text else 1))
    except ArithmeticError:
        ratio = -1.0
    if isinstance(value, bool) or not 0 <= ratio <= 1:
        raise problem(f"{shown(value)} is not a ratio", "write it as 5%, or as 0.05")
    return ratio


def _times(value: Any) -> int:
    try:
        micro = int(Decimal(str(value).strip()) * 10**6)
    except (ArithmeticError, ValueError):
        micro = 0
    if isinstance(value, bool) or not 1 <= micro <= 10**12:
        raise problem(f"{shown(value)} is not a factor", "write a number above 0, such as 2 or 0.5")
    return micro


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise problem(f"{shown(value)} is not a text", "write one word, or a text in quotes")


def _secret(value: Any) -> Any:
    if value is None or isinstance(value, dict | list):
        raise problem(
            "the value is not a text", "write a text in quotes, or ${VAR} for a variable's value"
        )
    return value if isinstance(value, SecretStr) else SecretStr(_text(value))


def _count(value: Any) -> int:
    if isinstance(value, str) and value.strip().lstrip("+-").isdecimal():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise problem(f"{shown(value)} is not a whole number", "write digits only, such as 10")
    return value


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "yes", "on"}:
        return True
    if isinstance(value, str) and value.lower() in {"false", "no", "off"}:
        return False
    raise problem(f"{shown(value)} is neither true nor false", "write true or false")


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str | int | float) else value


def _ports(value: Any) -> tuple[int, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    ports = [_port(part) for part in (parts if isinstance(parts, list | tuple) else [parts])]
    return tuple(ports)


def _port(value: Any) -> int:
    port = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        raise problem(f"{shown(value)} is not a port", "write a number from 1 to 65535")
    return port


def _host_port(value: Any) -> tuple[str, int]:
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not host or not colon:
        raise problem(f"{shown(value)} is not a host with a port", "write it as pooler:6432")
    return host.removeprefix("[").removesuffix("]"), _port(port)


def _host_port_text(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


_DURATION_HINT = "write it as 60s, 1m30s or 250ms"
_RATE_HINT = "write it as 500/s, 2k/s or 30/min"

Duration = Annotated[
    int,
    _reader(parse_duration, "a duration", _DURATION_HINT),
    PlainSerializer(duration_text),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "pattern": r"^\s*(\d+(\.\d+)?\s*(ns|us|µs|μs|ms|min|s|m|h|d)?\s*)+$",
            "minimum": 0,
            "examples": ["60s", "1m30s", "250ms"],
        }
    ),
]
"""Nanoseconds; `60s`, `1m30s`, `250ms` or a number of seconds in a file."""

_RATE_SCHEMA = {
    "type": ["string", "number"],
    "pattern": r"^\s*(\d+(\.\d+)?|\.\d+)\s*[kKM]?\s*(/\s*(s|sec|m|min|h))?\s*$",
    "examples": ["500/s", "2k/s", "30/min"],
}
Rate = Annotated[
    int,
    _reader(parse_rate, "a rate", _RATE_HINT),
    PlainSerializer(rate_text),
    WithJsonSchema(_RATE_SCHEMA | {"exclusiveMinimum": 0}),
]
"""Arrivals per million seconds; `500/s`, `2k/s`, `30/min` in a file."""

RateOrZero = Annotated[
    int,
    _reader(_rate_or_zero, "a rate", _RATE_HINT),
    PlainSerializer(rate_text),
    WithJsonSchema(_RATE_SCHEMA | {"minimum": 0}),
]
"""As `Rate`, and 0: where a ramp starts or ends."""

Size = Annotated[
    int,
    _reader(parse_bytes, "a size", "write it as 512MiB, 2GB or 64kB"),
    PlainSerializer(bytes_text),
    WithJsonSchema(
        {
            "type": ["string", "integer"],
            "pattern": r"^\s*(\d+(\.\d+)?|\.\d+)\s*(B|[kKMGT]i?B?)?\s*$",
            "examples": ["512MiB", "2GB"],
        }
    ),
]
"""Bytes; `512MiB`, `2GB` in a file."""

Ratio = Annotated[
    float,
    BeforeValidator(_ratio),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "pattern": r"^\s*(\d+(\.\d*)?|\.\d+)\s*%?\s*$",
            "minimum": 0,
            "maximum": 1,
            "examples": ["5%", 0.05],
        }
    ),
]
"""Part of a whole, from 0 to 1; `5%` or 0.05 in a file."""

Times = Annotated[
    int,
    BeforeValidator(_times),
    PlainSerializer(lambda micro: micro / 10**6),
    WithJsonSchema({"type": ["string", "number"], "exclusiveMinimum": 0, "examples": [2, 0.5]}),
]
"""A factor in millionths; `2` or `0.5` in a file."""

_SCALAR = ["string", "number", "boolean"]
Count = Annotated[int, BeforeValidator(_count)]
Switch = Annotated[bool, BeforeValidator(_switch)]
Text = Annotated[str, BeforeValidator(_text), Kind("text"), WithJsonSchema({"type": _SCALAR})]
PathText = Annotated[str, BeforeValidator(_text), Kind("path"), WithJsonSchema({"type": "string"})]
Secret = Annotated[
    SecretStr, BeforeValidator(_secret), Kind("secret"), WithJsonSchema({"type": _SCALAR})
]
NameList = Annotated[tuple[Text, ...], BeforeValidator(_list)]
PortList = Annotated[tuple[Annotated[int, BeforeValidator(_port)], ...], BeforeValidator(_list)]
TextList = Annotated[tuple[PathText, ...], BeforeValidator(_list)]
Ports = Annotated[
    tuple[int, ...],
    BeforeValidator(_ports),
    PlainSerializer(lambda ports: ports[0] if len(ports) == 1 else ",".join(map(str, ports))),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 65535},
                {"type": "string", "pattern": r"^\d+(,\d+)*$"},
            ],
            "examples": [5432, "5432,5433"],
        }
    ),
]
"""Ports of the hosts, in their order: one for all, or one each."""

HostPort = Annotated[
    tuple[str, int],
    BeforeValidator(_host_port),
    PlainSerializer(_host_port_text),
    Kind("text"),
    WithJsonSchema({"type": "string", "pattern": r"^.+:\d+$", "examples": ["pooler:6432"]}),
]
"""Name, address or socket folder, and a port; `host:port` in a file."""
