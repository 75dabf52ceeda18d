"""Programs on a real server, executed by the engine itself, without what stands around it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from stormdb._native import Cell, Engine, IntervalSnapshot, Phase, Plan, Target
from stormdb.plugin import Workload
from stormdb.program import compile_workload
from stormdb.workload import transaction
from tests.conftest import Database

RowKind = Literal["transaction", "operation"]
Protocol = Literal["simple", "extended", "prepared"]
PROTOCOLS: tuple[Protocol, ...] = ("simple", "extended", "prepared")
SECOND_NS = 10**9


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a load left."""

    snapshot: IntervalSnapshot
    problems: list[str]

    def row(self, name: str = "work", kind: RowKind = "transaction") -> Cell:
        cells = {(cell.name, cell.kind): cell for cell in self.snapshot.row_totals()}
        return cells[name, kind]

    def statement(self, name: str) -> Cell:
        return self.row(f"work / {name}", "operation")


def program_of(describe: Callable[..., None]) -> bytes:
    """The program of one transaction, `work`."""

    class Work(Workload):
        async def setup(self, ctx: Any, db: Any, cfg: Any) -> None: ...

        @transaction
        def work(self, tx: Any) -> None:
            describe(tx)

    return compile_workload(Work(), None).bytes  # type: ignore[arg-type]


def address_of(database: Database) -> tuple[str, int] | str:
    """Path of the Unix socket, or address and port."""
    if database.host.startswith("/"):
        return f"{database.host}/.s.PGSQL.{database.port}"
    return database.host, database.port


def execute(
    database: Database,
    program: bytes,
    *,
    protocol: Protocol = "prepared",
    seconds: float = 0.3,
    workers: int = 2,
    io: str = "auto",
    max_tries: int = 1,
    settings: dict[str, str] | None = None,
    protocol_version: str = "3.0",
    transaction_timeout_ns: int = 0,
) -> Outcome:
    """Run a program for a short time, in closed loop."""
    plan = Plan([Phase("steady", "steady", int(seconds * SECOND_NS))])
    target = Target(
        [(database.host, database.host, address_of(database))],
        user=database.user,
        dbname=database.dbname,
        password=database.password,
        settings=settings or {},
        protocol_version=protocol_version,
    )
    engine = Engine(
        program,
        plan,
        target,
        threads=1,
        connections=workers,
        workers=workers,
        seed=7,
        max_queue=10,
        drain_ns=10 * SECOND_NS,
        max_tries=max_tries,
        transaction_timeout_ns=transaction_timeout_ns,
        protocol=protocol,
        io=io,
    )
    while not engine.is_ready and not engine.is_ended:
        time.sleep(0.001)
    engine.go(time.monotonic_ns())
    while not engine.is_ended:
        time.sleep(0.001)
    problems = [f"{one.message}; hint: {one.hint}" for one in engine.problems]
    snapshots = engine.poll()
    if not snapshots:
        pytest.fail(f"the engine did not start: {problems}")
    first, *rest = snapshots
    for snapshot in rest:
        first.merge(snapshot)
    (identity,) = first.identity()
    assert identity.holds, identity
    return Outcome(snapshot=first, problems=problems)
