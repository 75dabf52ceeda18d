"""Reads and writes by key on a real server: data, types, and both forms side by side."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from scipy.stats import binomtest, chi2_contingency, chisquare

from stormdb.config import load
from stormdb.plugin import Config, Context
from stormdb.workloads.simple import PLUGIN, ROWS_PER_SCALE, SimpleOptions, stride
from tests.conftest import Database
from tests.it.run.command import Command

CONFIG = Config(workload="simple", workload_config=SimpleOptions())
# A generator that draws as it should misses these once in ten thousand runs with another seed;
# seed and arrivals of the runs below are fixed.
P_VALUE = 1e-4


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database.dsn, min_size=1, max_size=2) as opened:
        yield opened


async def test_setup_fills_the_scale_and_changes_nothing_the_second_time(
    pool: asyncpg.Pool,
) -> None:
    seen: list[tuple[int, int | None, str]] = []
    watched = Context(_report=lambda *step: seen.append(step))
    config = replace(CONFIG, scale=2)
    await PLUGIN.create_workload("simple").setup(watched, pool, config)
    assert seen == [(n, 200_000, "items") for n in range(20_000, 200_001, 20_000)]
    row = await pool.fetchrow("SELECT count(*), min(id), max(id), sum(changes) FROM item")
    assert row is not None
    assert tuple(row) == (200_000, 0, 199_999, 0)
    assert await pool.fetchval("SELECT value FROM item WHERE id = 7") == "0" * 19 + "7"
    await pool.execute("UPDATE item SET changes = 5 WHERE id = 7")
    await PLUGIN.create_workload("simple").setup(watched, pool, config)
    assert len(seen) == 10
    assert await pool.fetchval("SELECT changes FROM item WHERE id = 7") == 5


async def test_verify_misses_a_row(pool: asyncpg.Pool) -> None:
    workload = PLUGIN.create_workload("simple")
    await workload.setup(Context(), pool, CONFIG)
    assert [finding.ok for finding in await workload.verify(Context(), pool, CONFIG)] == [True]
    await pool.execute("DELETE FROM item WHERE id = 7")
    [finding] = await workload.verify(Context(), pool, CONFIG)
    assert (finding.ok, finding.detail) == (False, "99999 rows, 100000 expected")


def run(stormdb: Command, workload: str, *words: str) -> dict[str, Any]:
    server = stormdb.server()
    ended = stormdb("run", workload, *server, "--setup", "--json", "report.json", *words)
    # On a busy machine the report rightly says that the generator was late.
    assert ended.code in {0, 5}, ended.err
    report: dict[str, Any] = json.loads((stormdb.folder / "report.json").read_text())
    assert report["accounting"]["holds"]
    assert report["failures"] == []
    return report


def committed(report: dict[str, Any]) -> dict[str, int]:
    return {row["name"]: row["committed_count"] for row in report["transactions"]}


@pytest.mark.parametrize("executor", ["native", "coroutine"])
@pytest.mark.parametrize(
    ("workload", "names"),
    [("read", {"read"}), ("write", {"write"}), ("simple", {"read", "write"})],
)
def test_each_type_does_its_transactions_in_both_forms(
    stormdb: Command, workload: str, names: set[str], executor: str
) -> None:
    report = run(stormdb, workload, "-d", "500ms", "--executor", executor)
    assert set(committed(report)) == names
    assert report["run"]["executor"]["kind"] == executor
    assert stormdb.database
    [row] = stormdb.database.fetch("SELECT sum(changes) FROM stormdb_simple.item")
    assert row[0] == committed(report).get("write", 0)


SKEWED = ("--set", "workload_config.keys=zipf", "--set", "workload_config.skew=1.2")


@pytest.mark.parametrize("keys", [(), SKEWED], ids=["uniform", "zipf"])
def test_both_forms_leave_the_same_distribution_in_the_table(
    stormdb: Command, keys: tuple[str, ...]
) -> None:
    """2,400 transactions of each form, from one seed: mix and keys are alike and as asked for."""
    assert stormdb.database
    changes: dict[str, Counter[int]] = {}
    for executor in ("native", "coroutine"):
        load = (
            "--rate",
            "600",
            "-d",
            "4s",
            "--seed",
            "11",
            "--set",
            "workload_config.read_ratio=0.4",
        )
        report = run(stormdb, "mixed", "--executor", executor, *load, *keys)
        counts = committed(report)
        assert binomtest(counts["read"], sum(counts.values()), 0.4).pvalue > P_VALUE
        found = stormdb.database.fetch(
            "SELECT id, changes FROM stormdb_simple.item WHERE changes > 0"
        )
        changes[executor] = Counter(dict(map(tuple, found)))
        assert changes[executor].total() == counts["write"]
        stormdb.database.fetch("UPDATE stormdb_simple.item SET changes = 0 WHERE changes > 0")
    native, coroutine = (_binned(changes[one], is_skewed=bool(keys)) for one in changes)
    assert chi2_contingency([native, coroutine]).pvalue > P_VALUE
    for found in (native, coroutine):
        assert chisquare(found, _expected(sum(found), is_skewed=bool(keys))).pvalue > P_VALUE


RANKS = 20


def _binned(changes: Counter[int], *, is_skewed: bool) -> list[int]:
    """Writes by twentieths of the table; if skewed, by rank: the first 20, and the rest."""
    if not is_skewed:
        places = Counter[int]()
        for key, count in changes.items():
            places[key * RANKS // ROWS_PER_SCALE] += count
        return [places[place] for place in range(RANKS)]
    found = [changes[rank * stride(ROWS_PER_SCALE) % ROWS_PER_SCALE] for rank in range(RANKS)]
    return [*found, changes.total() - sum(found)]


def _expected(total: int, *, is_skewed: bool) -> list[float]:
    if not is_skewed:
        return [total / RANKS] * RANKS
    weights = [(rank + 1) ** -1.2 for rank in range(ROWS_PER_SCALE)]
    shares = [weight / sum(weights) for weight in weights[:RANKS]]
    return [total * share for share in (*shares, 1 - sum(shares))]


def test_an_option_that_has_no_effect_is_told_with_its_line(stormdb: Command) -> None:
    (stormdb.folder / "a.yaml").write_text("workload: read\nworkload_config: {skew: 2}\n")
    ended = stormdb("-c", "a.yaml", *stormdb.server(), "--setup")
    assert ended.code == 1
    assert "a.yaml:2: workload_config" in ended.err
    assert "skew has no effect unless keys is zipf" in ended.err


def test_the_readme_has_a_configuration_that_works(tmp_path: Path) -> None:
    text = (resources.files("stormdb.workloads.simple") / "README.md").read_text()
    [block] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    file = tmp_path / "stormdb.yaml"
    file.write_text(block)
    config = load(file, environ={})
    assert SimpleOptions(**config.workload_config).skew == 1.1
    assert config.workload in PLUGIN.get_metadata().workload_types
