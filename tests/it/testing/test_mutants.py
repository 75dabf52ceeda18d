"""Each mutant breaks one promise, and the contract says which; the honest plugin breaks none."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stormdb.testing.bench import Bench
from stormdb.testing.checks import errors, outages, work
from stormdb.testing.contract import PROMISES, Promise, try_promise
from stormdb.testing.declaration import Declaration
from stormdb.testing.outcome import Outcome, Verdict
from stormdb.testing.subject import find_record
from tests.it.testing.mutants import HONEST, MUTANTS, Mutant

if TYPE_CHECKING:
    from stormdb.testing import ScratchServer

pytestmark = pytest.mark.timeout(300)

BY_NAME = {promise.name: promise for promise in PROMISES}


def neighbours(name: str) -> list[Promise]:
    """The promises that are about the same thing, which a careless check would confuse.

    Where each of them costs a run of its own, one more mutant would not tell more than the honest
    plugin does: there it is the promise alone.
    """
    check = BY_NAME[name].check
    if check.__module__ in {outages.__name__, errors.__name__, work.__name__}:
        return [BY_NAME[name]]
    return [promise for promise in PROMISES if promise.check.__module__ == check.__module__]


def outcomes(
    server: ScratchServer, plugin: Path, promises: list[Promise], declaration: Declaration
) -> dict[str, Outcome]:
    async def body() -> dict[str, Outcome]:
        bench = Bench(await find_record(plugin), server, declaration)
        try:
            return {promise.name: await try_promise(promise, bench) for promise in promises}
        finally:
            await bench.close()

    return asyncio.run(body())


def test_every_promise_has_a_mutant() -> None:
    assert {mutant.promise for mutant in MUTANTS.values()} == BY_NAME.keys()


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_mutant_fails_just_where_it_is_broken(
    mutant: Mutant, stormdb_server: ScratchServer, tmp_path: Path
) -> None:
    plugin = mutant.write(tmp_path)
    declaration = Declaration(**mutant.declares)
    seen = outcomes(stormdb_server, plugin, neighbours(mutant.promise), declaration)
    broken = {name: one for name, one in seen.items() if one.verdict is Verdict.BROKEN}
    assert list(broken) == [mutant.promise], seen
    problem = broken[mutant.promise].problem
    assert problem
    assert mutant.says in problem.message
    assert problem.hint


def test_the_honest_plugin_keeps_every_promise(stormdb_server: ScratchServer) -> None:
    seen = outcomes(stormdb_server, HONEST, list(PROMISES), Declaration(memory_s=2))
    not_kept = {name: one for name, one in seen.items() if one.verdict is not Verdict.KEPT}
    assert list(not_kept) == ["both_forms_agree"], not_kept
    assert not_kept["both_forms_agree"].detail == "no workload has both forms"
