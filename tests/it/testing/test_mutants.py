"""Each mutant breaks one promise, and the contract says which; the honest plugin breaks none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stormdb.testing.checks import errors, outages, work
from stormdb.testing.contract import PROMISES, Promise
from stormdb.testing.declaration import Declaration
from stormdb.testing.outcome import Verdict
from tests.it.testing.mutants import HONEST, MUTANTS, Mutant
from tests.it.testing.outcomes import outcomes

if TYPE_CHECKING:
    from stormdb.testing import ScratchServer

pytestmark = pytest.mark.timeout(300)

BY_NAME = {promise.name: promise for promise in PROMISES}


def tried(name: str) -> list[Promise]:
    """What a mutant is tried against: the promise that it breaks, and all that one can look at
    without a run for each.

    Those of outages, errors and work have runs of their own: there the honest plugin shows that
    they do not fail by themselves. Each of them against each mutant would take minutes more.
    """
    dear = {outages.__name__, errors.__name__, work.__name__}
    return [one for one in PROMISES if one.name == name or one.check.__module__ not in dear]


def test_every_promise_has_a_mutant() -> None:
    assert {mutant.promise for mutant in MUTANTS.values()} == BY_NAME.keys()


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_mutant_fails_just_where_it_is_broken(
    mutant: Mutant, stormdb_server: ScratchServer, tmp_path: Path
) -> None:
    plugin = mutant.write(tmp_path)
    declaration = Declaration(**mutant.declares)
    seen = outcomes(stormdb_server, plugin, tried(mutant.promise), declaration)
    broken = [name for name, one in seen.items() if one.verdict is Verdict.BROKEN]
    assert broken == [mutant.promise], seen
    for one in seen.values():
        assert one.verdict is not Verdict.BLOCKED or one.blocked_by == (mutant.promise,), one
    problem = seen[mutant.promise].problem
    assert problem
    assert mutant.says in problem.message
    assert problem.hint


def test_the_honest_plugin_keeps_every_promise(stormdb_server: ScratchServer) -> None:
    seen = outcomes(stormdb_server, HONEST, list(PROMISES), Declaration(memory_s=2))
    not_kept = {name: one for name, one in seen.items() if one.verdict is not Verdict.KEPT}
    assert list(not_kept) == ["both_forms_agree"], not_kept
    assert not_kept["both_forms_agree"].detail == "no workload has both forms"
