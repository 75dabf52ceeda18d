"""What of Python's values can be sent to a server."""

from __future__ import annotations

import datetime as dt
import decimal
import numbers
import uuid

from stormdb.workload.bounds import INT_MAX, INT_MIN
from stormdb.workload.expressions import Constant
from stormdb.workload.kinds import KindError, common_kind, constant_kind
from stormdb.workload.places import problem

__all__ = ["checked_constant", "checked_text"]

_AS_TEXT = (decimal.Decimal, uuid.UUID)
_AS_ISO = (dt.date, dt.time)  # a datetime is a date
_HINTS = {
    dict: "json.dumps() makes a text of it that json and jsonb columns take",
    set: "sorted() makes a list of it",
    complex: "send real and imaginary part as two values",
    dt.timedelta: "send its total_seconds(), and multiply by interval '1 second' in SQL",
}


def checked_constant(value: object) -> Constant:  # noqa: PLR0911 - one for each type
    """A value of Python as a program has it.

    Raises:
        ProgramError: it cannot be sent.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return checked_text(str(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, _AS_TEXT):
        return str(value)
    if isinstance(value, _AS_ISO):
        return value.isoformat()
    if isinstance(value, numbers.Integral):
        return _checked_int(int(value))
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, list | tuple):
        return _checked_array(value)
    raise problem(
        f"a value of the type {type(value).__name__} cannot be sent",
        hint=next(
            (hint for known, hint in _HINTS.items() if isinstance(value, known)),
            "send None, bool, int, float, str, bytes, a list of them, Decimal, UUID, date, time "
            "or datetime",
        ),
    )


def checked_text(text: str) -> str:
    """A text that PostgreSQL can store.

    Raises:
        ProgramError: it cannot.
    """
    if "\0" in text:
        raise problem(
            "a text with a zero byte cannot be sent: PostgreSQL stores none",
            hint="send bytes, to a bytea column",
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise problem(
            f"a text that is no valid Unicode cannot be sent: {error.reason}",
            hint="send bytes, to a bytea column",
        ) from None
    return text


def _checked_int(value: int) -> int:
    if not INT_MIN <= value <= INT_MAX:
        raise problem(
            f"the integer {value} does not fit into 64 bits",
            hint="send it as a text or as a Decimal, to a numeric column",
        )
    return value


def _checked_array(values: list[object] | tuple[object, ...]) -> tuple[Constant, ...]:
    elements = tuple(checked_constant(value) for value in values)
    kind = None
    for element in elements:
        try:
            kind = common_kind(kind, constant_kind(element))
        except KindError as error:
            raise problem(
                f"an array has values of one kind, and here {error}",
                hint="make all of them the same, as with float()",
            ) from None
    return elements
