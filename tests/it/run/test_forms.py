"""A workload in both forms: by the same seed both leave the same distribution of data."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats

from tests.conftest import Database
from tests.it.run.native import Ran, run

FORMS = Path(__file__).parent / "plugins" / "forms.py"
OFFERED = 1500
CHANCE = 1e-4
"""The seed is fixed, so a test that holds once holds always."""


def ran(database: Database, executor: str) -> Ran:
    """500 arrivals a second for 3 s, whatever carries them."""
    done = run(
        database,
        "forms",
        plugins__files=[str(FORMS)],
        executor=executor,
        duration="3s",
        workers=8,
        seed=5,
        load__rate="500/s",
        load__arrival="constant",
    )
    assert done.result.executor.kind == executor
    counts = done.counts()
    assert (counts["offered"], counts["failed"]) == (OFFERED, 0), done.whole.examples
    assert counts["dropped"] == counts["unfinished"] == 0
    return done


def effects(database: Database, executor: str) -> dict[str, list[int]]:
    """What a run leaves: entries by kind, by account, by size; the tables are dropped again."""
    ran(database, executor)

    def counts(of: str, where: str) -> list[int]:
        rows = database.fetch(
            f"SELECT count(*) FROM stormdb_forms.entry WHERE {where} GROUP BY {of} ORDER BY {of}"
        )
        return [row["count"] for row in rows]

    (sums,) = database.fetch(
        "SELECT (SELECT sum(cents) FROM stormdb_forms.account)"
        " = (SELECT sum(cents) FROM stormdb_forms.entry) AS ok"
    )
    assert sums["ok"]
    looked, paid = counts("kind", "true")
    found = {
        # What was rolled back left nothing: it is the rest.
        "kind": [paid, looked, OFFERED - paid - looked],
        "account": counts("account", "true"),
        "size": counts("(cents - 1) / 10", "kind = 'pay'"),
    }
    database.fetch("DROP SCHEMA stormdb_forms CASCADE")
    return found


def test_both_forms_leave_the_same_distribution_of_data(database: Database) -> None:
    native, coroutine = effects(database, "native"), effects(database, "coroutine")
    for name, counts in native.items():
        assert len(counts) == len(coroutine[name])
        p = stats.chi2_contingency([counts, coroutine[name]]).pvalue
        assert p > CHANCE, (name, counts, coroutine[name])
        planned = {"kind": [0.675, 0.25, 0.075], "account": [1 / 8] * 8, "size": [1 / 9] * 9}[name]
        for observed in (counts, coroutine[name]):
            total = sum(observed)
            expected = [share * total for share in planned]
            assert stats.chisquare(observed, expected).pvalue > CHANCE, (name, observed)


@pytest.mark.parametrize("executor", ["native", "coroutine"])
def test_the_same_seed_leaves_the_same_data(database: Database, executor: str) -> None:
    first = effects(database, executor)
    assert effects(database, executor) == first
