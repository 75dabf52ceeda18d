"""Described transactions in a line or two: compiled, or refused with a message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from stormdb._native import check_program
from stormdb.errors import ProgramError
from stormdb.plugin import Config, Context, Workload
from stormdb.program import Program, compile_workload
from stormdb.workload import Tx, transaction

if TYPE_CHECKING:
    import asyncpg

    from stormdb.workload.steps import Action

CONFIG = Config(workload="test")


class Described(Workload):
    """A workload without data."""

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        """Nothing to make."""


def compiled(*describe: Callable[[Tx], Any]) -> Program:
    """The program of transactions that functions describe; they are named `t1`, `t2` …"""
    methods = {f"t{number}": _method(one, f"t{number}") for number, one in enumerate(describe, 1)}
    workload: type[Described] = type("Workload", (Described,), methods)
    program = compile_workload(workload(), CONFIG)
    check_program(program.bytes)  # what we let through, the engine takes
    return program


def _method(describe: Callable[[Tx], Any], name: str) -> Callable[..., None]:
    def method(self: Workload, tx: Tx) -> None:
        describe(tx)

    return transaction(name=name)(method)


def actions(*describe: Callable[[Tx], Any]) -> Sequence[Action]:
    """What the only, or the first, of some transactions does."""
    return [step.do for step in compiled(*describe).transactions[0].steps]


def refusal(*describe: Callable[[Tx], Any]) -> ProgramError:
    """The error of transactions that cannot be compiled; it names a line of this test, and says
    what to do."""
    with pytest.raises(ProgramError) as caught:
        compiled(*describe)
    error = caught.value
    first = error.message.split()[0]
    assert first.islower() or first.isupper() or not first.isalpha()
    assert not error.message.endswith(".")
    return error


def send(tx: Tx, *values: object) -> None:
    """Execute something with values: what is described must send something."""
    tx.execute(f"SELECT {', '.join(f'${n}' for n in range(1, len(values) + 1))}", *values)
