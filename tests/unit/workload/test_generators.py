"""Generators make the draws of the format, each with its own number and known bounds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stormdb.errors import ProgramError
from stormdb.workload import (
    Tx,
    Value,
    choice,
    exponential,
    gaussian,
    nurand,
    pattern,
    random_bytes,
    random_text,
    uniform,
    uniform_float,
    uuid,
    vector,
    zipf,
)
from stormdb.workload import distributions as d
from stormdb.workload.expressions import Const, Draw, Kind
from tests.support.described import compiled, send

C = Const


def made(make: Callable[[], Value]) -> Value:
    """A value as a transaction makes it."""
    kept: list[Value] = []

    def describe(tx: Tx) -> None:
        kept.append(make())
        send(tx, kept[0])

    compiled(describe)
    return kept[0]


@pytest.mark.parametrize(
    ("make", "distribution", "kind", "bounds"),
    [
        (lambda: uniform(1, 6), d.Uniform(low=C(1), high=C(6)), Kind.INT, (1, 6)),
        (lambda: uniform_float(0, 1.5), d.UniformFloat(low=C(0), high=C(1.5)), Kind.FLOAT, None),
        (lambda: zipf(100, skew=1), d.Zipf(count=C(100), skew=1.0), Kind.INT, (0, 99)),
        (
            lambda: gaussian(1, 6, sigmas=2.5),
            d.Gaussian(low=C(1), high=C(6), sigmas=2.5),
            Kind.INT,
            (1, 6),
        ),
        (
            lambda: exponential(1, 6, decay=5),
            d.Exponential(low=C(1), high=C(6), decay=5.0),
            Kind.INT,
            (1, 6),
        ),
        (
            lambda: nurand(255, 0, 999, c=7),
            d.Nurand(a=255, c=7, low=C(0), high=C(999)),
            Kind.INT,
            (0, 999),
        ),
        (
            lambda: choice(["a", None]),
            d.Choice(weights=(1.0, 1.0), values=(C("a"), C(None))),
            Kind.TEXT,
            None,
        ),
        (
            lambda: choice([1, 2], [3, 1]),
            d.Choice(weights=(3.0, 1.0), values=(C(1), C(2))),
            Kind.INT,
            (1, 2),
        ),
        (lambda: pattern("A-##"), d.Pattern("A-##"), Kind.TEXT, None),
        (
            lambda: random_text(5, alphabet="ab"),
            d.Text(min=C(5), max=C(5), alphabet="ab"),
            Kind.TEXT,
            None,
        ),
        (lambda: random_bytes(16), d.Bytes(length=C(16)), Kind.BYTES, None),
        (uuid, d.Uuid(), Kind.TEXT, None),
        (lambda: vector(3), d.Vector(dimensions=3, is_normalised=True), Kind.ARRAY, None),
    ],
)
def test_distributions(
    make: Callable[[], Value],
    distribution: d.Distribution,
    kind: Kind,
    bounds: tuple[int, int] | None,
) -> None:
    value = made(make)
    assert value.expression == Draw(0, distribution)
    assert (value.kind, value.bounds) == (kind, bounds)


def test_arguments_can_be_values() -> None:
    def describe(tx: Tx) -> None:
        size = tx.fetch_value("SELECT count(*) FROM t")
        for value in (uniform(1, size), zipf(size, skew=1), random_text(1, size)):
            assert value.bounds is None
            send(tx, value)

    compiled(describe)


def test_each_call_is_a_draw_of_its_own() -> None:
    def describe(tx: Tx) -> None:
        send(tx, uniform(1, 6), uniform(1, 6) + uniform(1, 6))

    assert compiled(describe).transactions[0].draws == 3


@pytest.mark.parametrize("make", [lambda: uniform(1, 6), uuid, lambda: choice([1])])
def test_outside_of_a_transaction_nothing_is_drawn(make: Callable[[], Value]) -> None:
    with pytest.raises(ProgramError, match=r"\(\) stands outside of a transaction") as caught:
        make()
    assert "test_generators.py:" in str(caught.value.where)
