"""Programs as bytes: encode and decode are inverse, and the form is the one that serde reads."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given

from stormdb.errors import ProgramError
from stormdb.program import Program, decode, encode
from stormdb.program.encode import plain
from stormdb.workload import distributions as d
from stormdb.workload import expressions as e
from stormdb.workload import steps as s
from tests.support.programs import expressions, programs

ONE = e.Const(1)


@given(program=programs)
def test_decode_is_the_inverse_of_encode(program: Program) -> None:
    decoded = decode(encode(program))
    assert decoded == program
    # 1, 1.0 and True are equal, but they are not the same.
    assert repr(decoded) == repr(program)
    assert encode(decoded) == encode(program)


@given(expression=expressions)
def test_walk_finds_every_node_that_is_encoded(expression: e.Expression) -> None:
    names = {"unary", "binary", "slot", "case", "table", "array", "index", "draw", "permute"}

    def count(value: object) -> int:
        if isinstance(value, dict):
            return sum(count(item) + (name in names) for name, item in value.items())
        return sum(map(count, value)) if isinstance(value, list) else 0

    walked = [node for node in e.walk(expression) if type(node).__name__.lower() in names]
    assert len(walked) == count(plain(expression))


@pytest.mark.parametrize(
    ("node", "form"),
    [
        (e.Const(None), {"const": None}),
        (e.Const((1, None)), {"const": [1, None]}),
        (e.Slot(3), {"slot": 3}),
        (e.Unary(e.UnaryOperation.IS_NULL, ONE), {"unary": ["is_null", {"const": 1}]}),
        (
            e.Binary(e.BinaryOperation.FLOOR_DIV, ONE, ONE),
            {"binary": ["floor_div", {"const": 1}, {"const": 1}]},
        ),
        (e.Case(((ONE, ONE),), ONE), {"case": [[[{"const": 1}, {"const": 1}]], {"const": 1}]}),
        (e.Table(2, ONE), {"table": [2, {"const": 1}]}),
        (e.Array((ONE,)), {"array": [{"const": 1}]}),
        (e.Index(ONE, ONE), {"index": [{"const": 1}, {"const": 1}]}),
        (
            e.Draw(0, d.UniformFloat(low=ONE, high=ONE)),
            {"draw": [0, {"uniform_float": {"low": {"const": 1}, "high": {"const": 1}}}]},
        ),
        (e.Draw(1, d.Uuid()), {"draw": [1, "uuid"]}),
        (e.Draw(2, d.Pattern("#")), {"draw": [2, {"pattern": "#"}]}),
        (
            e.Permute(size=ONE, seed=5, value=ONE),
            {"permute": {"size": {"const": 1}, "seed": 5, "value": {"const": 1}}},
        ),
        (e.Sequence(), "sequence"),
        (
            s.Step(place="f.py:3", do=s.Let(slot=0, value=ONE)),
            {"place": "f.py:3", "do": {"let": {"slot": 0, "value": {"const": 1}}}},
        ),
        (s.Step(place="f.py:3", do=s.Abort()), {"place": "f.py:3", "do": "abort"}),
        (s.RowRange(min=0, max=None), {"min": 0, "max": None}),
        (s.Capture(column=0, slot=1, kind=e.Kind.TEXT), {"column": 0, "slot": 1, "kind": "text"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nodes_travel_as_rust_reads_them(node: object, form: object) -> None:
    assert plain(node) == form


def program() -> Program:
    return Program(mix="deck", transactions=(), statements=(), tables=((1,),), metrics=())


def test_bytes_are_not_texts() -> None:
    one = e.Const(b"ab")
    assert msgpack.unpackb(msgpack.packb(plain(one))) == {"const": b"ab"}


def test_another_version_is_refused() -> None:
    values = plain(program()) | {"version": 2}
    with pytest.raises(ProgramError, match="has format version 2, this stormdb reads 1"):
        decode(msgpack.packb(values))


@pytest.mark.parametrize(
    "change",
    [
        {"mix": "dealt"},
        {"tables": {}},
        {"metrics": [1]},
        {"more": 1},
        {"statements": [{"label": "a", "sql": "b"}]},
        {"transactions": [{}]},
        {"transactions": ["a"]},
        {"transactions": [1]},
    ],
    ids=str,
)
def test_what_is_no_program_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ProgramError, match="the program cannot be read"):
        decode(msgpack.packb(plain(program()) | change))


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x81", b"\x01", encode(program()) + b"\x00"])
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ProgramError):
        decode(data)
