"""A body is recorded when it ends, and only then."""

from __future__ import annotations

import pytest

from stormdb.workload import Tx
from stormdb.workload.bodies import Body, Steps
from stormdb.workload.parts import Parts
from stormdb.workload.steps import Execute, Pipeline
from stormdb.workload.trace import Trace
from tests.support.described import refusal, send


def test_a_body_is_recorded_when_it_ends() -> None:
    trace = Trace("t", "f.py:1", Parts())
    execute = Execute(statement=0, values=(), rows=None, capture=())
    with trace.active():
        with Body(trace, "pipeline", lambda steps: Pipeline(body=steps), is_certain=True):
            trace.record(execute)
            assert [step.do for step in trace.steps] == [execute]
        (step,) = trace.steps
    assert isinstance(step.do, Pipeline)
    assert step.place.startswith("tests/unit/workload/test_bodies.py:")


def test_a_body_that_an_exception_leaves_is_not() -> None:
    trace = Trace("t", "f.py:1", Parts())

    def action(steps: Steps) -> Pipeline:
        raise AssertionError

    body = Body(trace, "pipeline", action, is_certain=True)
    with trace.active(), pytest.raises(KeyError), body:
        raise KeyError


@pytest.mark.parametrize("word", ["block", "pipeline", "savepoint", "repeat", "otherwise"])
def test_a_body_has_steps(word: str) -> None:
    def describe(tx: Tx) -> None:
        bodies = {
            "block": tx.block,
            "pipeline": tx.pipeline,
            "repeat": lambda: tx.repeat(3),
            "savepoint": tx.savepoint,
            "otherwise": tx.otherwise,
        }
        if word == "savepoint":
            with tx.block():
                with tx.savepoint():
                    pass
                send(tx)
        if word == "otherwise":
            with tx.when(True):
                send(tx)
        with bodies[word]():
            pass

    assert refusal(describe).message == f"tx.{word}() has no steps in it"


def test_the_place_of_a_body_that_is_not_entered_is_where_it_was_called() -> None:
    def describe(tx: Tx) -> None:
        tx.pipeline()
        send(tx)

    error = refusal(describe)
    assert str(error.where).endswith(f":{describe.__code__.co_firstlineno + 1}")
