"""`@transaction`: which methods of a workload describe transactions, and how they are weighted."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from stormdb.workload.places import of_function, problem

if TYPE_CHECKING:
    from stormdb.plugin import Config, Workload
    from stormdb.workload.tx import Tx

__all__ = [
    "DescribedTransaction",
    "Weight",
    "describes_transactions",
    "placed",
    "transaction",
    "transactions_of",
]

_MARK = "__stormdb_transaction__"
_MAX_WEIGHT = 2**32 - 1
_MAX_NAME_BYTES = 80

Weight: TypeAlias = "int | Callable[[Config], int] | Callable[[Any, Config], int]"
_Method = TypeVar("_Method", bound=Callable[..., None])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """What the decorator says."""

    name: str
    weight: Weight
    place: str
    takes_config: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedTransaction:
    """A transaction of a workload that is not described yet.

    Attributes:
        name: row of the report.
        weight: share of the mix, >= 0; 0 leaves it out.
        place: file and line of its method.
        describe: calls the method.
    """

    name: str
    weight: int
    place: str
    describe: Callable[[Tx], object]


@overload
def transaction(method: _Method, /) -> _Method: ...


@overload
def transaction(*, weight: Weight = 1, name: str | None = None) -> Callable[[_Method], _Method]: ...


def transaction(
    method: _Method | None = None, /, *, weight: Weight = 1, name: str | None = None
) -> _Method | Callable[[_Method], _Method]:
    """Mark a method of a `Workload` as the description of a transaction.

    The method takes `(self, tx)` or `(self, tx, cfg)` and is called once, before the run. It
    describes with the methods of `tx` what native threads then do again and again.

    Args:
        method: for `@transaction` without arguments.
        weight: share of the mix: a whole number, or a function of `cfg`, or of `self` and `cfg`,
            that returns one; 0 leaves the transaction out.
        name: row of the report; None for the method's name.
    """

    def mark(function: _Method) -> _Method:
        setattr(function, _MARK, _mark(function, weight, name))
        return function

    return mark if method is None else mark(method)


def _mark(function: object, weight: Weight, name: str | None) -> _Mark:
    if not isinstance(function, FunctionType):
        raise problem("@transaction stands before something that is no method")
    place = of_function(function)
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise problem(
            f"the transaction {function.__name__} is a coroutine or a generator",
            where=place,
            hint="write def, without async, await and yield: it only describes what is to be done",
        )
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) not in {2, 3} or any(
        one.kind not in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD} for one in parameters
    ):
        raise problem(
            f"the transaction {function.__name__} takes {len(parameters)} arguments",
            where=place,
            hint="write def name(self, tx) or def name(self, tx, cfg)",
        )
    if not callable(weight):
        _checked_weight(weight, function.__name__, place)
    return _Mark(
        name=_checked_name(name or function.__name__, place),
        weight=weight,
        place=place,
        takes_config=len(parameters) == 3,
    )


def placed(method: _Method, place: str) -> _Method:
    """Say where a marked method is described, if that is not where it is defined."""
    setattr(method, _MARK, replace(getattr(method, _MARK), place=place))
    return method


def transactions_of(workload: Workload, cfg: Config) -> list[DescribedTransaction]:
    """The transactions that a workload describes, those of base classes first.

    Raises:
        ProgramError: two have one name, or a weight is no whole number.
    """
    found = []
    for attribute, mark in _marks(type(workload)).items():
        method = getattr(workload, attribute)
        describe = (lambda tx, method=method: method(tx, cfg)) if mark.takes_config else method
        weight = _weight_of(workload, mark, cfg)
        found.append(
            DescribedTransaction(name=mark.name, weight=weight, place=mark.place, describe=describe)
        )
    by_name: dict[str, str] = {}
    for one in found:
        if one.name in by_name:
            raise problem(
                f"two transactions are named {one.name}: here and in {by_name[one.name]}",
                where=one.place,
                hint='give one another name: @transaction(name="…")',
            )
        by_name[one.name] = one.place
    return found


def describes_transactions(workload: Workload) -> bool:
    """Whether a workload has the form of described transactions."""
    return bool(_marks(type(workload)))


def _marks(workload_type: type) -> dict[str, _Mark]:
    """Marks by attribute; a class that overrides a transaction says what becomes of it."""
    found: dict[str, _Mark] = {}
    for base in reversed(workload_type.__mro__):
        for attribute, value in vars(base).items():
            mark = getattr(value, _MARK, None)
            if isinstance(mark, _Mark):
                found[attribute] = mark
            elif attribute in found:
                if value is not None:
                    raise problem(
                        f"{base.__name__}.{attribute} overrides the transaction of "
                        f"{found[attribute].place} and is none itself",
                        where=of_function(value) if isinstance(value, FunctionType) else None,
                        hint=f"put @transaction before it, or write {attribute} = None to leave "
                        "the transaction out",
                    )
                del found[attribute]
    return found


def _weight_of(workload: Workload, mark: _Mark, cfg: Config) -> int:
    weight: Any = mark.weight
    if callable(weight):
        takes_workload = len(inspect.signature(weight).parameters) == 2
        weight = weight(workload, cfg) if takes_workload else weight(cfg)
    return _checked_weight(weight, mark.name, mark.place)


def _checked_weight(weight: object, name: str, place: str) -> int:
    if isinstance(weight, bool) or not isinstance(weight, int) or not 0 <= weight <= _MAX_WEIGHT:
        raise problem(
            f"the weight of the transaction {name} is {weight!r}",
            where=place,
            hint="write whole numbers, such as 70 and 30; their proportion counts",
        )
    return weight


def _checked_name(name: str, place: str) -> str:
    if not name.isprintable() or not name.strip() or len(name.encode()) > _MAX_NAME_BYTES:
        raise problem(
            f"a transaction is named {name!r}",
            where=place,
            hint=f"a name is a text that can be printed, of at most {_MAX_NAME_BYTES} bytes",
        )
    return name
