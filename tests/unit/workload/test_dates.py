# ruff: noqa: DTZ001 - moments without a zone are tested, too

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from stormdb.workload import random_date, random_timestamp
from stormdb.workload.expressions import Constant
from stormdb.workload.steps import Let
from tests.support.described import compiled, send
from tests.support.reference import Evaluator
from tests.support.reference_draws import Draws


def texts(make: Any, count: int = 50) -> list[str]:
    """What many transactions draw."""
    program = compiled(lambda tx: (tx.let("result", make()), send(tx)))
    found = []
    for index in range(count):
        slots: list[Constant] = [None] * len(program.transactions[0].slots)
        evaluator = Evaluator(slots, (), Draws(index=index))
        for step in program.transactions[0].steps:
            if isinstance(step.do, Let):
                slots[step.do.slot] = evaluator.value(step.do.value)
        found.append(str(slots[-1]))
    return found


def day(julian: str) -> date:
    return date(2024, 1, 1) + timedelta(int(julian.removeprefix("J")) - 2_460_311)


def moment(shown: str) -> datetime:
    julian, time = shown.removesuffix("+00").split(" ")
    hours, minutes, seconds = time.split(":")
    at = datetime.combine(day(julian), datetime.min.time())
    assert len(seconds.partition(".")[2]) == 6
    return at + timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))


def test_days_lie_between_the_two_and_reach_both() -> None:
    first, last = date(2024, 2, 27), date(2024, 3, 1)
    assert {day(one) for one in texts(lambda: random_date(first, last), 200)} == {
        first + timedelta(n) for n in range(4)
    }


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (datetime(1999, 12, 31, 23, 59, 58), datetime(2000, 1, 1, 0, 0, 1)),
        (datetime(2024, 1, 1, 12, 30), datetime(2024, 1, 1, 12, 30, 0, 5)),
        (datetime(2024, 1, 1, 6), datetime(2024, 12, 31, 23, 59, 59, 999_999)),
    ],
)
def test_moments_lie_between_the_two(first: datetime, last: datetime) -> None:
    drawn = [moment(one) for one in texts(lambda: random_timestamp(first, last))]
    assert all(first <= one <= last for one in drawn)
    assert len(set(drawn)) > 3


def test_a_time_zone_is_kept_by_saying_utc() -> None:
    first = datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    (shown,) = set(texts(lambda: random_timestamp(first, first), 2))
    assert shown.endswith("+00")
    assert moment(shown).replace(tzinfo=UTC) == first


def test_the_same_day_is_possible() -> None:
    assert {*texts(lambda: random_date(date(2024, 1, 1), date(2024, 1, 1)), 3)} == {"J2460311"}


def test_a_moment_is_drawn_once() -> None:
    program = compiled(
        lambda tx: send(tx, random_timestamp(datetime(2024, 1, 1), datetime(2024, 1, 2)))
    )
    assert program.transactions[0].draws == 1
