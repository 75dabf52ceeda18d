"""Durations, rates and sizes as people write them, and as this project keeps them.

Durations are integer nanoseconds, rates are integer arrivals per million seconds
(`rate_micro_per_s`: exact for 0.5/s as for 50000/s), sizes are bytes.
"""

from __future__ import annotations

import re
from decimal import Decimal

from stormdb.errors import ConfigError

__all__ = [
    "format_bytes",
    "format_count",
    "format_duration",
    "format_rate",
    "parse_bytes",
    "parse_duration",
    "parse_rate",
]

_NS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "min": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|μs|ms|min|s|m|h|d)")
_NUMBER = r"(\d+(?:\.\d+)?|\.\d+)"
_HIGHEST_RATE = 10 * 10**6 * 10**6
_RATE = re.compile(_NUMBER + r"\s*([kKM]?)\s*(?:/\s*(s|sec|m|min|h))?")
_BYTES = re.compile(_NUMBER + r"\s*(B|[kKMGT]i?B?)?")
_RATE_PERIOD_S = {None: 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}
_SCALE = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6}
_LONGEST_NS = 2**62


def parse_duration(text: str | float) -> int:
    """Nanoseconds of a duration such as `60s`, `1m30s`, `250ms`, `1.5h`, or a number of seconds.

    Raises:
        ConfigError: the text is not a duration, or is negative or longer than 146 years.
    """
    if isinstance(text, bool):
        raise ConfigError(f"{text!r} is not a duration", hint="write it as 60s, 1m30s or 250ms")
    total = Decimal("NaN")
    if isinstance(text, int | float):
        total = Decimal(str(text)) * 10**9
    elif re.fullmatch(_NUMBER, text.strip()):
        total = Decimal(text.strip()) * 10**9
    elif (parts := _DURATION_PART.findall(text)) and not _DURATION_PART.sub("", text).strip():
        total = sum((Decimal(n) * _NS[unit] for n, unit in parts), Decimal(0))
    if total.is_nan() or total < 0:
        raise ConfigError(f"{text!r} is not a duration", hint="write it as 60s, 1m30s or 250ms")
    if total > _LONGEST_NS:
        raise ConfigError(f"{text!r} is too long", hint="the longest duration is 146 years")
    return int(total)


def parse_rate(text: str | float) -> int:
    """Arrivals per million seconds of a rate such as `500`, `500/s`, `2k/s`, `30/min`, `0.5/s`.

    Raises:
        ConfigError: the text is not a rate, or is zero, negative or above 10 M/s.
    """
    match = None if isinstance(text, bool) else _RATE.fullmatch(str(text).strip())
    if not match:
        raise ConfigError(f"{text!r} is not a rate", hint="write it as 500/s, 2k/s or 30/min")
    number, scale, period = match.groups()
    micro = int(Decimal(number) * _SCALE[scale] * 10**6 / _RATE_PERIOD_S[period])
    if micro <= 0:
        raise ConfigError(f"{text!r} is out of range", hint="a rate is above 0")
    if micro > _HIGHEST_RATE:
        raise ConfigError(
            f"{text!r} is too high",
            hint="the highest rate is 10M/s: beyond it the generator has no time even to count the "
            "arrivals that are dropped",
        )
    return micro


def parse_bytes(text: str | int) -> int:
    """Bytes of a size such as `512MiB`, `2GB`, `64k`; `k M G T` and `KiB …` are powers of 1024.

    `kB`, `MB` and `GB` are powers of 1024 too, as in postgresql.conf.

    Raises:
        ConfigError: the text is not a size.
    """
    match = None if isinstance(text, bool) else _BYTES.fullmatch(str(text).strip())
    if not match:
        raise ConfigError(f"{text!r} is not a size", hint="write it as 512MiB, 2GB or 64kB")
    number, unit = match.groups()
    power = "BKMGT".index((unit or "B")[0].upper())
    return int(Decimal(number) * 1024**power)


def format_duration(ns: float) -> str:
    """A duration for people: `640 µs`, `1.87 s`, `1m 30s`."""
    if ns < 0:
        return "-" + format_duration(-ns)
    if ns < 1_000:
        return f"{ns:.0f} ns"
    for unit, size in (("µs", 1e3), ("ms", 1e6), ("s", 1e9)):
        value = ns / size
        if value < 999.5 and (unit != "s" or value < 60):
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {unit}"
    seconds = round(ns / 1e9)
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"))
    return " ".join(f"{n}{unit}" for n, unit in parts if n) or "0s"


def format_count(count: float) -> str:
    """A whole number with thousands apart: `1,234,567`."""
    return f"{count:,.0f}"


def format_rate(per_s: float) -> str:
    """A rate for people: `1,234/s`, `12.3/s`, `0.52/s`."""
    digits = 0 if per_s >= 100 or per_s == 0 else 1 if per_s >= 10 else 2
    return f"{per_s:,.{digits}f}/s"


def format_bytes(size: float) -> str:
    """A size for people, in powers of 1024: `1.5 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
