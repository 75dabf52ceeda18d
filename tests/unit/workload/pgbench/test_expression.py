from __future__ import annotations

import math

import pytest

from stormdb.errors import ProgramError
from tests.support.pgbench import value_of
from tests.support.reference import EvaluationError


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("10 - 4 - 3", 3),
        ("-3 - -2", -1),
        ("-9223372036854775808", -(2**63)),
        ("1.5 + .5 + 1e1", 12.0),
        # Integers are divided towards 0, and a remainder has the sign of the dividend.
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("7 / -2", -3),
        ("-7 / -2", 3),
        ("-6 / 2", -3),
        ("-7 % 2", -1),
        ("7 % -2", 1),
        ("mod(-7, -2)", -1),
        ("7 / 2.0", 3.5),
        ("-7 / 2 / 2 * :big", -1_000_000),
        # The operators on bits have one level, below that of the sum.
        ("~1 + 1", -3),
        ("1 | 2 + 4", 7),
        ("6 # 3 & 1", 1),
        ("1 << 4 >> 2", 4),
        ("5 & ~4", 1),
        ("~5 & 255", 250),
        ("2 * ~3 + 1", -10),
        ("-~~3 | 4", -3),
        ("2 > 1 and not 1 = 2", True),
        ("true or 1 / (:big - :big) = 1", True),
        ("not true and false", False),
        ("1 <> 2", True),
        ("1 != 1.0", False),
        ("null is null", True),
        ("1 isnull", False),
        ("1 notnull", True),
        ("(1 = 1) is not true", False),
        ("(null > 1) is false", False),
        ("case when 0 then 1 when 2 then 3 else 4 end", 3),
        ("case when null then 1 end", None),
        ("case when 1 = 1 then 1 else 1 / (:big - :big) end", 1),
        ("abs(-3)", 3),
        ("int(2.5)", 2),
        ("int(-3.5)", -4),
        ("double(1)", 1.0),
        ("greatest(1, 3, 2) - least(4, 2)", 1),
        ("pow(2, 3)", 8.0),
        ("sqrt(16) + ln(exp(1))", 5.0),
        ("pi()", math.pi),
        ("hash(10, 5432)", -5817877081768721676),  # as pgbench's own tests have it
        ("hash_murmur2(10, 5432)", -5817877081768721676),
        ("permute(0, 2, 1) + permute(1, 2, 1)", 1),
        ("PERMUTE(:big, 1) + 1", 1),
    ],
)
def test_an_expression_has_the_value_that_pgbench_gives_it(expression: str, value: object) -> None:
    found = value_of(expression, big=1_000_000)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("expression", ["1 / 0", "1 % 0", "9223372036854775807 + :one"])
def test_what_fails_there_fails_here(expression: str) -> None:
    with pytest.raises((ProgramError, EvaluationError)):
        value_of(expression, one=1)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 +", "a value is expected before 'the end': '1 +'"),
        ("1 2", "'2' is not expected here: '1 2'"),
        ("(1", "')' is expected before 'the end': '(1'"),
        ("1 $ 2", "'$' belongs to no expression: '1 $ 2'"),
        ("9223372036854775808", "9223372036854775808 is more than 64 bits hold"),
        (":y", "undefined variable 'y'"),
        ("nope(1)", "there is no function nope()"),
        ("abs(1, 2)", "abs() does not take 2 arguments"),
        ("debug(1)", "debug() is not supported"),
        ("1 and true", "an integer is no boolean"),
        ("true + 1", "a boolean is no number"),
        ("true = true", "a boolean is no number"),
        ("1 is 2", "IS is followed by '2': '1 is 2'"),
        ("random_gaussian(1, 9, 1.5)", "the parameter of random_gaussian() is 1.5, not 2 to inf"),
        ("random_zipfian(1, 9, 1)", "the parameter of random_zipfian() is 1, not 1.001 to 1000"),
        ("random_zipfian(1, 9, random(2, 3))", "the parameter of random_zipfian() changes"),
        ("hash(1, random(1, 2))", "the seed is not a whole number"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_its_line(expression: str, message: str) -> None:
    with pytest.raises(ProgramError) as caught:
        value_of(expression)
    assert caught.value.message.startswith(message)
    assert caught.value.where == "load.sql:1"
