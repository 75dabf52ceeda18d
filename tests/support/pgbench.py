"""Values of pgbench's expressions as our programs compute them."""

from __future__ import annotations

from typing import Any

from stormdb.workload import Tx
from stormdb.workload.pgbench.describe import Description
from stormdb.workload.pgbench.script import read_script
from stormdb.workload.steps import Let

from .described import actions
from .reference import Evaluator


def described(text: str, **variables: object) -> list[Any]:
    """The actions of a script."""

    def describe(tx: Tx) -> None:
        Description(tx, read_script(text, "load.sql"), variables, {}).describe()

    return list(actions(describe))


def value_of(expression: str, **variables: object) -> Any:
    """The value of an expression without random values.

    Raises:
        EvaluationError: it has none.
    """
    slots: dict[int, Any] = {}
    for action in described(f"\\set x {expression}\nSELECT :x;", **variables):
        if isinstance(action, Let):
            evaluator = Evaluator([slots.get(number) for number in range(len(slots) + 1)])
            slots[action.slot] = evaluator.value(action.value)
    return slots[max(slots)]
