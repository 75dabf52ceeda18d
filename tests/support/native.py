"""Programs and loads of the native executor, written by a test as the compiler would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgpack

from stormdb.executor import LoadSpec
from stormdb.executor.native import NativeExecutor
from tests.it.executor.conftest import LEAD_NS, Outcome

__all__ = ["execute", "program", "run_native", "statements"]

Step = dict[str, Any]


def execute(statement: int, values: list[Any] | None = None, **options: Any) -> Step:
    """One execution of a statement."""
    step = {"statement": statement, "values": values or [], "rows": None, "capture": []}
    return {"place": "work.py:1", "do": {"execute": step | options}}


def program(
    sql: list[str], steps: list[Step], *, slots: int = 0, parameters: list[int] | None = None
) -> bytes:
    """A program of one transaction, `work`.

    Args:
        sql: its statements; they are labelled `s0`, `s1`, …
        steps: what it does.
        slots: number of variables.
        parameters: number of parameters of each statement; default: none.
    """
    counts = parameters or [0] * len(sql)
    transaction = {
        "name": "work",
        "weight": 1,
        "place": "work.py:1",
        "slots": [f"v{number}" for number in range(slots)],
        "draws": 100,
        "steps": steps,
    }
    return bytes(
        msgpack.packb(
            {
                "version": 1,
                "mix": "sampled",
                "transactions": [transaction],
                "statements": [
                    {"label": f"s{number}", "sql": text, "parameter_count": count}
                    for number, (text, count) in enumerate(zip(sql, counts, strict=True))
                ],
                "tables": [],
                "metrics": [],
            }
        )
    )


def statements(*sql: str) -> bytes:
    """A program whose one transaction executes these statements in turn."""
    return program(list(sql), [execute(number) for number in range(len(sql))])


async def run_native(
    spec: LoadSpec,
    code: bytes,
    during: Callable[[NativeExecutor], Awaitable[None]] | None = None,
    **options: Any,
) -> Outcome:
    """Run a load to its end; `during` runs beside it."""
    async with NativeExecutor(spec, code, **options) as executor:
        await executor.start()
        start_ns = time.monotonic_ns() + LEAD_NS
        await executor.go(start_ns)
        if during is None:
            end = await executor.finished()
        else:
            end, _ = await asyncio.gather(executor.finished(), during(executor))
        return Outcome(
            snapshots=executor.poll(),
            end=end,
            logs=[],
            warnings=[],
            total_ns=time.monotonic_ns() - start_ns,
        )
