from __future__ import annotations

import enum
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import numpy as np
import pytest

from stormdb.errors import ProgramError
from stormdb.workload.constants import checked_constant


class Colour(enum.StrEnum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


@pytest.mark.parametrize(
    ("value", "constant"),
    [
        (None, None),
        (True, True),
        (2**63 - 1, 2**63 - 1),
        (1.5, 1.5),
        ("ä", "ä"),
        (b"\x00", b"\x00"),
        (bytearray(b"a"), b"a"),
        ([1, [2, None]], None),
        ((1, None), (1, None)),
        ([], ()),
        (Colour.RED, "red"),
        (Number.ONE, 1),
        (Decimal("1.10"), "1.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (date(2024, 2, 29), "2024-02-29"),
        (time(1, 2, 3), "01:02:03"),
        (datetime(2024, 1, 2, 3, tzinfo=UTC), "2024-01-02T03:00:00+00:00"),
        (Fraction(1, 4), 0.25),
        (np.int64(3), 3),
        (np.float64(0.5), 0.5),
    ],
    ids=repr,
)
def test_values_of_python_as_a_program_has_them(value: object, constant: object) -> None:
    if isinstance(value, list) and value:
        with pytest.raises(ProgramError, match="an array has values of one kind"):
            checked_constant(value)
        return
    found = checked_constant(value)
    assert found == constant
    assert type(found) is type(constant)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_integers_have_64_bits(value: int) -> None:
    with pytest.raises(ProgramError, match=f"the integer {value} does not fit into 64 bits"):
        checked_constant(value)


def test_the_error_names_the_line() -> None:
    with pytest.raises(ProgramError) as caught:
        checked_constant({})
    assert str(caught.value.where).startswith("tests/unit/workload/test_constants.py:")
