"""Random programs: every node of the format, nested at random, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from stormdb.program import Program, Transaction
from stormdb.workload import distributions as d
from stormdb.workload import expressions as e
from stormdb.workload import steps as s

__all__ = ["constants", "expressions", "programs"]


def tuples(items: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(items, max_size=3).map(tuple)


ints = st.integers(-(2**63), 2**63 - 1)
words = st.integers(0, 2**32 - 1)
floats = st.floats(allow_nan=False)  # a NaN is unequal to itself
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.none() | st.booleans() | ints | floats | texts | st.binary(max_size=8)
constants = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=5
)
leaves = (
    constants.map(e.Const) | words.map(e.Slot) | st.just(e.Sequence()) | st.just(e.Const(value=1.0))
)


def distributions(inner: st.SearchStrategy[e.Expression]) -> st.SearchStrategy[d.Distribution]:
    """A distribution whose arguments are expressions."""
    return st.one_of(
        st.builds(d.Uniform, low=inner, high=inner),
        st.builds(d.UniformFloat, low=inner, high=inner),
        st.builds(d.Zipf, count=inner, skew=floats),
        st.builds(d.Gaussian, low=inner, high=inner, sigmas=floats),
        st.builds(d.Exponential, low=inner, high=inner, decay=floats),
        st.builds(d.Nurand, a=ints, c=ints, low=inner, high=inner),
        st.builds(d.Choice, weights=tuples(floats), values=tuples(inner)),
        st.builds(d.Pattern, texts),
        st.builds(d.Text, min=inner, max=inner, alphabet=texts),
        st.builds(d.Bytes, length=inner),
        st.builds(d.Uuid),
        st.builds(d.Vector, dimensions=words, is_normalised=st.booleans()),
    )


def _nested(inner: st.SearchStrategy[e.Expression]) -> st.SearchStrategy[e.Expression]:
    return st.one_of(
        st.builds(e.Unary, st.sampled_from(e.UnaryOperation), inner),
        st.builds(e.Binary, st.sampled_from(e.BinaryOperation), inner, inner),
        st.builds(e.Case, tuples(st.tuples(inner, inner)), inner),
        st.builds(e.Table, words, inner),
        st.builds(e.Array, tuples(inner)),
        st.builds(e.Index, inner, inner),
        st.builds(e.Draw, words, distributions(inner)),
        st.builds(e.Permute, size=inner, seed=ints, value=inner),
        st.builds(e.Hash, value=inner, seed=ints),
    )


expressions: st.SearchStrategy[e.Expression] = st.recursive(leaves, _nested, max_leaves=12)
captures = st.builds(
    s.Capture,
    column=words,
    slot=words,
    kind=st.sampled_from([*e.Kind][:-1]),  # no arrays
)
row_ranges = st.none() | st.builds(s.RowRange, min=words, max=st.none() | words)


def steps(inner: st.SearchStrategy[tuple[s.Step, ...]]) -> st.SearchStrategy[s.Step]:
    """A step whose bodies are drawn from a strategy."""
    small = st.recursive(leaves, _nested, max_leaves=3)
    columns = st.builds(s.CopyColumn, value=small, type_name=texts)
    actions = st.one_of(
        st.builds(s.Let, slot=words, value=small),
        st.builds(
            s.Execute,
            statement=words,
            values=tuples(small),
            rows=row_ranges,
            capture=tuples(captures),
        ),
        st.builds(s.When, condition=small, then=inner, otherwise=inner),
        st.builds(s.Repeat, count=small, limit=words, slot=st.none() | words, body=inner),
        st.builds(s.Block, begin=texts, retry=st.booleans(), body=inner),
        st.builds(s.Pipeline, body=inner),
        st.builds(s.CopyIn, statement=words, rows=small, limit=words, columns=tuples(columns)),
        st.builds(s.Savepoint, goes_on=st.booleans(), body=inner),
        st.builds(s.Think, seconds=small),
        st.just(s.Abort()),
        st.builds(s.Check, condition=small, message=texts),
        st.builds(s.Emit, metric=words, value=small),
    )
    return st.builds(s.Step, place=texts, do=actions)


bodies = st.recursive(
    st.just(()), lambda inner: st.lists(steps(inner), max_size=3).map(tuple), max_leaves=4
)
programs = st.builds(
    Program,
    mix=st.sampled_from(["sampled", "deck"]),
    transactions=tuples(
        st.builds(
            Transaction,
            name=texts,
            weight=words,
            place=texts,
            slots=tuples(texts),
            draws=words,
            steps=bodies,
        )
    ),
    statements=tuples(st.builds(s.Statement, label=texts, sql=texts, parameter_count=words)),
    tables=tuples(tuples(constants)),
    metrics=tuples(texts),
)
