"""What is recorded of one transaction while its method runs, and which values may be used where.

The rules are those that the engine checks again when it reads the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from stormdb.workload.bounds import Bounds, joined
from stormdb.workload.expressions import Draw, Expression, Kind, Slot, walk
from stormdb.workload.kinds import KindError, common_kind
from stormdb.workload.places import here, problem
from stormdb.workload.steps import Abort, Action, Execute, Let, Step, When

if TYPE_CHECKING:
    from stormdb.workload.parts import Parts
    from stormdb.workload.values import Value

__all__ = ["MAX_DEPTH", "Frame", "Trace", "current_trace"]

MAX_DEPTH = 64
"""Deepest nesting of steps, and of an expression; the engine reads twice as much."""
_MAX_VARIABLES = 10_000

_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current_trace(what: str) -> Trace:
    """The transaction that is being described.

    Args:
        what: the function that needs it, for the message.

    Raises:
        ProgramError: there is none.
    """
    trace = _current.get()
    if trace is None:
        raise problem(
            f"{what} stands outside of a transaction",
            hint="write it in a method with @transaction, or in a function that such a method "
            "calls",
        )
    return trace


@dataclass(slots=True, eq=False)
class Frame:
    """An open body of steps.

    Attributes:
        word: what the author wrote, such as `when`.
        place: where.
        opened_at: reading of the trace's clock.
        was_set: the variables that were surely set before it.
        is_set: those that were surely set when it ended.
        steps: what was recorded in it.
        captured: variables that a pipeline sets at its end.
        foreign: values that a loop's body uses and that were computed before the loop: what each
            reads, where it was computed.
    """

    word: str
    place: str
    opened_at: int
    was_set: set[int]
    is_set: set[int] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)
    captured: list[int] = field(default_factory=list)
    foreign: list[tuple[set[int], str]] = field(default_factory=list)

    HINTS: ClassVar[dict[str, str]] = {
        "when": "tx.let() the same name in `otherwise` as well, or before",
        "otherwise": "tx.let() the same name in `when` as well, or before",
        "repeat": "a loop may have no turn: tx.let() the same name before it as well",
        "savepoint": "an error skips the rest of a savepoint: tx.let() a name before and inside",
        "pipeline": "the answers come when the pipeline ends: use it behind it",
    }
    """What to do about a variable that is set inside and used outside."""

    def __str__(self) -> str:
        return f"the `{self.word}` of {self.place}"


@dataclass(slots=True)
class _Variable:
    name: str
    kind: Kind | None
    bounds: Bounds
    set_place: str
    loop: Frame | None  # the innermost one that it was first set in
    changed_at: int = 0  # by the clock, when it was set anew
    lost: Frame | None = None  # what sets it on some ways only


@dataclass(slots=True)
class _Drawn:
    place: str
    loop: Frame | None
    used: str | None = None


class Trace:
    """One transaction, while it is described.

    Args:
        name: of the transaction.
        place: where its method begins.
        parts: of the program.

    Attributes:
        unentered: a `with` statement's call that has not been entered, and its place.
        drawn_once: variables without a name that hold a random value.
    """

    def __init__(self, name: str, place: str, parts: Parts) -> None:
        self.name = name
        self.parts = parts
        self.unentered: tuple[str, str] | None = None
        self.drawn_once: set[int] = set()
        self._clock = 0
        self._variables: list[_Variable] = []
        self._named: dict[str, int] = {}
        self._drawn: list[_Drawn] = []
        self._is_set: set[int] = set()
        self._frames = [Frame("transaction", place, 0, set())]
        self._closed: tuple[Action | None, set[int]] = None, set()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Let the functions of this package find the trace."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    @property
    def is_active(self) -> bool:
        """Whether this transaction is the one that is being described."""
        return _current.get() is self

    @property
    def steps(self) -> tuple[Step, ...]:
        """What was recorded of the innermost open body."""
        return tuple(self._frames[-1].steps)

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the variables."""
        return tuple(variable.name for variable in self._variables)

    @property
    def draws(self) -> int:
        """How many random values there are."""
        return len(self._drawn)

    def tick(self) -> int:
        """A reading of the clock that orders what happens while tracing."""
        self._clock += 1
        return self._clock

    def bounds_of(self, slot: int) -> Bounds:
        """What is known here of a variable that is an integer.

        Nothing, if a loop lies between here and where it was set: it may change in there.
        """
        variable = self._variables[slot]
        may_change = slot in self._named.values() and self.frame("repeat") is not variable.loop
        return None if may_change else variable.bounds

    def frame(self, *words: str) -> Frame | None:
        """The innermost open body that one of the words began."""
        return next((one for one in reversed(self._frames) if one.word in words), None)

    def new_draw(self) -> int:
        """Number of one more random value."""
        if len(self._drawn) == _MAX_VARIABLES:
            raise problem(f"more than {_MAX_VARIABLES} random values in one transaction")
        self._drawn.append(_Drawn(here(), self.frame("repeat")))
        return len(self._drawn) - 1

    def record(self, action: Action, place: str | None = None) -> None:
        """Append a step to the innermost open body."""
        self.check_entered()
        place = place or here()
        if not self.is_active:
            raise problem(
                f"this belongs to the transaction {self.name}, which has been described already",
                where=place,
                hint="use the `tx` that the method is given, while it runs",
            )
        if not isinstance(action, Let | Execute):
            self._check_pipeline(place)
        frame = self._frames[-1]
        if frame.steps and isinstance(frame.steps[-1].do, Abort):
            raise problem(
                f"this is never done: tx.abort() of {frame.steps[-1].place} ends the transaction",
                where=place,
                hint="put tx.abort() last, or into a tx.when()",
            )
        frame.steps.append(Step(place=place, do=action))

    def check_entered(self) -> None:
        """Refuse a call such as `tx.when(…)` that no `with` stands before."""
        if self.unentered:
            call, place = self.unentered
            raise problem(
                f"{call} does nothing by itself",
                where=place,
                hint=f"write `with {call}:` and what belongs to it indented below",
            )

    def open(self, word: str, place: str) -> Frame:
        """Begin a body."""
        self._check_pipeline(place)
        if len(self._frames) > MAX_DEPTH:
            raise problem(f"steps are nested more than {MAX_DEPTH} deep", where=place)
        self._frames.append(Frame(word, place, self.tick(), set(self._is_set)))
        return self._frames[-1]

    def _check_pipeline(self, place: str) -> None:
        if pipeline := self.frame("pipeline"):
            raise problem(
                f"{pipeline} can only execute statements and set variables",
                where=place,
                hint="put this before or behind it",
            )

    def close(self, *, is_certain: bool) -> Frame:
        """End the innermost body.

        Args:
            is_certain: whether its steps are all done whenever the transaction goes on behind it.
        """
        self.check_entered()
        frame = self._frames.pop()
        frame.is_set = self._is_set
        if not is_certain:
            for slot in self._is_set - frame.was_set:
                self._variables[slot].lost = frame
            self._is_set = set(frame.was_set)
        self._is_set |= set(frame.captured)
        return frame

    def record_body(self, action: Action, frame: Frame, place: str) -> None:
        """Append the step of a body that has ended; an `otherwise` goes into the `when` above."""
        above = self._frames[-1].steps
        if isinstance(action, When) and frame.word == "otherwise":
            place = above.pop().place
            # What each of the branches sets is set, whichever way was taken.
            self._is_set |= self._closed[1] & frame.is_set
        self.record(action, place)
        self._closed = action, frame.is_set

    @property
    def when_above(self) -> When:
        """The `when` that ended just now, for its `otherwise`.

        Raises:
            ProgramError: something else comes before, or it has one already.
        """
        above = self._frames[-1].steps
        when = self._closed[0]
        if not (above and isinstance(when, When) and above[-1].do is when and not when.otherwise):
            raise problem(
                "tx.otherwise() does not follow the body of a tx.when() directly",
                hint="write it right behind that body, indented as its `with tx.when(…):`",
            )
        return when

    def assign(self, name: str, kind: Kind | None, bounds: Bounds) -> int:
        """Set the variable of a name from here on.

        Args:
            name: of the variable.
            kind: of its value.
            bounds: of its value.

        Returns:
            its number.
        """
        slot = self._named.get(name)
        if slot is None:
            slot = self._named[name] = self.set_new(name, kind, bounds)
        else:
            self._change(self._variables[slot], slot, kind, bounds)
            self._is_set.add(slot)
        return slot

    def set_new(self, name: str, kind: Kind | None, bounds: Bounds) -> int:
        """Set a variable of its own, whether the name is taken or not.

        Returns:
            its number.
        """
        slot = len(self._variables)
        if slot == _MAX_VARIABLES:
            raise problem(f"more than {_MAX_VARIABLES} variables in one transaction")
        shown, number = name, 1
        while shown in self.slots:
            number += 1
            shown = f"{name} ({number})"
        loop = self.frame("repeat")
        self._variables.append(_Variable(shown, kind, bounds, here(), loop))
        self._is_set.add(slot)
        return slot

    def capture(self, name: str, kind: Kind) -> int:
        """Set a variable of its own to what a statement returns.

        Returns:
            its number.
        """
        slot = self.set_new(name, kind, None)
        if pipeline := self.frame("pipeline"):
            self._is_set.remove(slot)
            self._variables[slot].lost = pipeline
            pipeline.captured.append(slot)
        return slot

    def _change(self, variable: _Variable, slot: int, kind: Kind | None, bounds: Bounds) -> None:
        try:
            variable.kind = common_kind(variable.kind, kind)
        except KindError as error:
            raise problem(
                f"the variable {variable.name} was set in {variable.set_place} to another kind of "
                f"value: {error}",
                hint="give each its own name",
            ) from None
        for loop in self._frames:
            for slots, place in loop.foreign:
                if slot in slots:
                    raise problem(
                        f"this changes {variable.name}, from which {place} computes a value that "
                        f"{loop} uses in every turn",
                        hint="set a variable to that value before the loop with tx.let(), or "
                        "compute it inside",
                    )
        is_in_the_same_turn = self.frame("repeat") is variable.loop
        variable.bounds = joined(variable.bounds, bounds) if is_in_the_same_turn else None
        variable.changed_at = self.tick()
        variable.set_place = here()

    def use(self, value: Value) -> Expression:
        """The expression of a value that a step needs here.

        Raises:
            ProgramError: it has no value here, or another one than the author will think.
        """
        self.check_owner(value)
        expression = value.expression
        nodes = list(walk(expression))
        slots = {node.number for node in nodes if isinstance(node, Slot)}
        for slot in sorted(slots):
            self._check_slot(slot, value)
        for node in nodes:
            if isinstance(node, Draw):
                self._use_draw(self._drawn[node.number])
        if value.computed_at is not None and slots:
            for loop in self._frames:
                if loop.word == "repeat" and loop.opened_at > value.computed_at:
                    loop.foreign.append((slots, value.place))
        return expression

    def check_owner(self, value: Value) -> None:
        """Refuse a value of another transaction."""
        owner = value.trace or self
        if owner is not self or not self.is_active:
            raise problem(
                f"this value belongs to the transaction {owner.name}, where {value.place} makes it",
                hint="make it anew in each transaction, for example in a function that both call",
            )

    def _check_slot(self, slot: int, value: Value) -> None:
        variable = self._variables[slot]
        if slot not in self._is_set:
            lost = variable.lost
            assert lost
            raise problem(
                f"{variable.name} may have no value here: only {lost} sets it",
                hint=Frame.HINTS[lost.word],
            )
        if value.computed_at is not None and variable.changed_at > value.computed_at:
            raise problem(
                f"this value is computed in {value.place} from {variable.name}, which "
                f"{variable.set_place} changes before the value is used",
                hint="set a variable to it with tx.let() where it is computed",
            )

    def _use_draw(self, drawn: _Drawn) -> None:
        if drawn.used:
            raise problem(
                f"the random value of {drawn.place} is used a second time, after {drawn.used}",
                hint='give it a name, x = tx.let("x", …), and use x as often as you like',
            )
        if drawn.loop is not self.frame("repeat"):
            raise problem(
                f"the random value of {drawn.place} is used inside of another loop than it stands "
                "in, so it is not clear how often it is drawn",
                hint="tx.let() before the loop for one value, or the generator inside of the loop "
                "for a new one in each turn",
            )
        drawn.used = here()
