"""Bodies of the `with` statements that `Tx` begins: what is recorded when one ends."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TypeAlias

from stormdb.workload.expressions import Kind
from stormdb.workload.places import here, problem
from stormdb.workload.steps import Action, Repeat, Step
from stormdb.workload.trace import Trace
from stormdb.workload.values import Value, variable

__all__ = ["Body", "Steps", "Turns"]

Steps: TypeAlias = tuple[Step, ...]


class _Open:
    """The steps that an author indents below a `with`.

    Args:
        trace: of the transaction.
        word: the method of `Tx`.
        action: makes the step of the ones inside.
        is_certain: whether these are all done whenever the transaction goes on behind them.
    """

    def __init__(
        self, trace: Trace, word: str, action: Callable[[Steps], Action], *, is_certain: bool
    ) -> None:
        self._trace = trace
        self._word = word
        self._action = action
        self._is_certain = is_certain
        self._place = here()
        trace.check_entered()
        trace.unentered = f"tx.{word}(…)", self._place

    def _enter(self) -> None:
        self._trace.unentered = None
        self._trace.open(self._word, self._place)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        frame = self._trace.close(is_certain=self._is_certain)
        # Without steps, `when` can still have an `otherwise`.
        if not frame.steps and self._word != "when":
            raise problem(f"tx.{self._word}() has no steps in it", where=self._place)
        self._trace.record_body(self._action(tuple(frame.steps)), frame, self._place)


class Body(_Open):
    """A body that has nothing to name."""

    def __enter__(self) -> None:
        self._enter()


class Turns(_Open):
    """Body of a loop; `as` names the number of the turn, from 0."""

    def __init__(self, trace: Trace, count: Value, limit: int) -> None:
        super().__init__(trace, "repeat", self._repeat, is_certain=False)
        self._count = trace.use(count)
        self._limit = limit
        self._slot = 0

    def __enter__(self) -> Value:
        self._enter()
        self._slot = self._trace.set_new("turn", Kind.INT, (0, self._limit - 1))
        return variable(self._slot, Kind.INT, self._trace)

    def _repeat(self, steps: Steps) -> Repeat:
        return Repeat(count=self._count, limit=self._limit, slot=self._slot, body=steps)
