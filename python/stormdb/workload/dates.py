"""Random dates and times, as texts that PostgreSQL reads.

Days are written as Julian days, `J2460311` for 2024-01-01, which PostgreSQL reads wherever it
reads a date: so a drawn number becomes a date by addition alone.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from stormdb.workload.functions import once, pad, text
from stormdb.workload.generators import uniform
from stormdb.workload.places import problem
from stormdb.workload.values import Value

__all__ = ["random_date", "random_timestamp"]

_JULIAN_DAY_OF_ORDINAL_0 = 1_721_425
_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US


def random_date(first: date, last: date) -> Value:
    """A day between two, both included, every one alike; for columns of the type date."""
    _check("random_date", first, last)
    start = first.toordinal() + _JULIAN_DAY_OF_ORDINAL_0
    return text("J", uniform(start, start + (last - first).days))


def random_timestamp(first: datetime, last: datetime) -> Value:
    """A microsecond between two, both included, every one alike; for timestamp and timestamptz.

    Args:
        first: earliest; with a time zone, or without one for the zone of the session.
        last: latest; with a time zone if `first` has one.
    """
    _check("random_timestamp", first, last)
    zone = []
    if first.tzinfo:
        first, last, zone = first.astimezone(UTC), last.astimezone(UTC), ["+00"]
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    drawn = uniform(
        (first - midnight) // timedelta(microseconds=1),
        (last - midnight) // timedelta(microseconds=1),
    )
    moment = once(drawn)
    seconds = moment // _SECOND_US
    return text(
        "J",
        moment // _DAY_US + (first.toordinal() + _JULIAN_DAY_OF_ORDINAL_0),
        " ",
        seconds // 3600 % 24,
        ":",
        seconds // 60 % 60,
        ":",
        seconds % 60,
        ".",
        pad(moment % _SECOND_US, 6),
        *zone,
    )


def _check(function: str, first: object, last: object) -> None:
    wanted = datetime if function == "random_timestamp" else date
    for one in (first, last):
        if not isinstance(one, wanted) or (wanted is date and isinstance(one, datetime)):
            raise problem(
                f"{function}: {one!r} is no datetime.{wanted.__name__}",
                hint=f"write datetime.{wanted.__name__}(2024, 1, 31)",
            )
    zones = [one.tzinfo is not None for one in (first, last) if isinstance(one, datetime)]
    if len(set(zones)) > 1:
        raise problem(f"{function}: one has a time zone, the other has none")
    if last < first:  # type: ignore[operator]
        raise problem(f"{function}: {last} comes before {first}", hint="the earlier comes first")
