"""The work itself: the same by the same seed, alike in both forms, and without hoarding memory."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from stormdb.plugins import Access, Host
from stormdb.run.ready import prepare_workload
from stormdb.testing.outcome import BrokenPromiseError, NotTriedError
from stormdb.testing.statements import statements_of, without

if TYPE_CHECKING:
    from stormdb.testing.bench import Bench, Case
    from stormdb.testing.runner import LiveRun
    from stormdb.testing.statements import Statement

__all__ = ["both_forms_agree", "memory_stays_flat", "the_same_seed_offers_the_same_work"]

_CALLS = 30
_SHARE = 0.2
"""How far the share of a statement may differ between the forms of a workload."""
_ENOUGH = 300
"""Transactions of each form before they are compared: shares are then known to ±0.03."""
_LIMIT_S = 30.0
_GROWTH_BYTES = 8 * 2**20
_GROWTH_RATIO = 0.1


async def the_same_seed_offers_the_same_work(bench: Bench) -> str:
    """Two runs with one seed ask the server the same things with the same values."""
    return await bench.tries(lambda case: _offers_the_same(bench, case))


async def _offers_the_same(bench: Bench, case: Case) -> str:
    asks = _programs if case.executor == "native" else _calls
    first, second = await asks(bench, case), await asks(bench, case)
    for index, (one, other) in enumerate(zip(first, second, strict=True)):
        if one != other:
            raise BrokenPromiseError(
                f"two runs of {case} with seed {bench.declaration.seed} differ at call {index}: "
                f"{_first_difference(one, other)}",
                hint="draw every value from ctx.random, not from random, a clock or a set; or "
                'declare a part of the statement: varies = {"…"}',
            )
    return f"{len(first)} calls" if case.executor == "coroutine" else "the same program"


async def _programs(bench: Bench, case: Case) -> list[list[Any]]:
    database = await bench.loaded(case.workload)
    config = bench.config(case.workload, database)
    async with await Host.start(bench.record, bench.limits) as host:
        program = await host.compile(await prepare_workload(host, config))
    return [program.text.splitlines()]


async def _calls(bench: Bench, case: Case) -> list[list[Any]]:
    async with bench.copy(case.workload) as database:
        config = bench.config(case.workload, database)
        async with await Host.start(
            bench.record,
            bench.limits,
            access=Access.to_server(database.target),
            module="stormdb.testing.child",
        ) as host:
            seen = await prepare_workload(host, config)
            calls: list[list[Any]] = await host.request(
                "record",
                {"target": database.target.to_wire(), "config": asdict(seen), "calls": _CALLS},
                timeout_ns=bench.limits.setup_timeout_ns,
            )
    may_vary = bench.declaration.may_vary
    return [[(sql, [] if may_vary(sql) else values) for sql, values in call] for call in calls]


def _first_difference(one: list[Any], other: list[Any]) -> str:
    for left, right in zip(one, other, strict=False):
        if left != right:
            return f"{_shown(left)}, then {_shown(right)}"
    return f"{len(one)} statements, then {len(other)}"


def _shown(asked: Any) -> str:
    if isinstance(asked, str):
        return asked
    sql, values = asked
    return f"{sql[:80]} with ({', '.join(values)[:80]})"


async def both_forms_agree(bench: Bench) -> str:
    """A workload that has both forms asks the same statements in the same shares in both."""
    native = [case for case in await bench.cases() if case.executor == "native"]
    pairs = [
        (case, other)
        for case in await bench.cases()
        for other in native
        if case.executor == "coroutine" and case.workload == other.workload
    ]
    if not pairs:
        raise NotTriedError("no workload has both forms")
    for case, other in pairs:
        await _agree(bench, case, other)
    return ", ".join(case.workload for case, _ in pairs)


async def _agree(bench: Bench, case: Case, other: Case) -> None:
    shares, other_shares = await _shares(bench, case), await _shares(bench, other)
    for number in shares.keys() | other_shares.keys():
        (text, share), (other_text, other_share) = (
            shares.get(number, ("", 0.0)),
            other_shares.get(number, ("", 0.0)),
        )
        if abs(share - other_share) > _SHARE:
            raise BrokenPromiseError(
                f"the forms of {case.workload} differ: {share:.0%} of what run() asks and "
                f"{other_share:.0%} of what the described transactions ask is "
                f"{text or other_text}",
                hint="let run() and the methods with @transaction do the same, in the same mix",
            )


async def _shares(bench: Bench, case: Case) -> dict[int, tuple[str, float]]:
    async def until_enough(live: LiveRun) -> None:
        await live.has_committed(least=_ENOUGH, limit_s=_LIMIT_S)

    async with bench.copy(case.workload) as database:
        await bench.runner(database).run(
            case.workload,
            setup=False,
            executor=case.executor,
            during=until_enough,
            duration="10m",
        )
        seen = await statements_of(bench.server, database)
    of_verify = (await bench.first(case.workload)).statements
    statements: list[Statement] | None = without(seen, of_verify)
    if statements is None:
        raise NotTriedError("the server has no pg_stat_statements for this role")
    statements = [one for one in statements if one.has_rows]
    total = sum(one.calls for one in statements) or 1
    return {one.id: (one.shown, one.calls / total) for one in statements}


async def memory_stays_flat(bench: Bench) -> str:
    """The worker process does not grow as long as the load lasts."""
    return await bench.tries(lambda case: _flat(bench, case))


async def _flat(bench: Bench, case: Case) -> str:
    if case.executor == "native":
        raise NotTriedError("no code of the plugin runs in the load")
    memory_s = bench.declaration.memory_s
    async with bench.copy(case.workload) as database:
        run = await bench.runner(database).run(
            case.workload,
            setup=False,
            executor=case.executor,
            duration=f"{int(memory_s * 1000)}ms",
        )
    sizes = [
        sum(gauges.rss_bytes for gauges in snapshot.processes.values())
        for snapshot in run.result.intervals
        if snapshot.processes
    ]
    # At first modules are imported and caches filled: what counts comes after a third of the time.
    begun, ended = sizes[len(sizes) // 3], sizes[-1]
    if ended - begun > max(_GROWTH_BYTES, begun * _GROWTH_RATIO):
        raise BrokenPromiseError(
            f"the worker process of {case} grows from {begun / 2**20:.0f} to "
            f"{ended / 2**20:.0f} MiB within {memory_s:g} s",
            hint="keep nothing from call to call in lists, dicts and caches without a limit",
        )
    return f"{begun / 2**20:.0f} MiB, then {ended / 2**20:.0f} MiB in {memory_s:g} s"
