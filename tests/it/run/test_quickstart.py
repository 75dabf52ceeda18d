"""The quick-start bank on a real server: its data, its transactions, its invariants."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path

import asyncpg
import pytest

from stormdb.config import load
from stormdb.plugin import Config, Context
from stormdb.workloads.quickstart import PLUGIN, QuickStartOptions
from tests.conftest import Database

CONFIG = Config(workload="quickstart", workload_config=QuickStartOptions())


class Tally:
    """Metrics that count."""

    def __init__(self) -> None:
        self.operations: Counter[str] = Counter()
        self.custom: Counter[str] = Counter()

    @asynccontextmanager
    async def operation(self, name: str = "") -> AsyncIterator[None]:
        yield
        self.operations[name] += 1

    def record(self, name: str, value: float) -> None:
        self.custom[name] += 1

    def count(self, name: str, n: int = 1) -> None:
        self.custom[name] += n


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database.dsn, min_size=1, max_size=2) as opened:
        await PLUGIN.create_workload("quickstart").setup(context(0), opened, CONFIG)
        yield opened


def context(seed: int) -> Context:
    return Context(random=random.Random(seed))


async def play(pool: asyncpg.Pool, workload_type: str, calls: int, config: Config) -> Tally:
    workload, tally = PLUGIN.create_workload(workload_type), Tally()
    for seed in range(calls):
        await workload.run(context(seed), pool, config, tally)  # type: ignore[arg-type]
    return tally


async def test_setup_tells_progress_and_changes_nothing_the_second_time(
    pool: asyncpg.Pool,
) -> None:
    seen: list[tuple[int, int | None, str]] = []
    await pool.execute("TRUNCATE account")
    config = replace(CONFIG, scale=3)
    watched = Context(_report=lambda *step: seen.append(step))
    await PLUGIN.create_workload("quickstart").setup(watched, pool, config)
    assert seen == [(n, 30_000, "accounts") for n in (10_000, 20_000, 30_000)]
    await pool.execute("UPDATE account SET cents = 5 WHERE id = 7")
    await PLUGIN.create_workload("quickstart").setup(watched, pool, config)
    assert len(seen) == 3
    assert await pool.fetchval("SELECT cents FROM account WHERE id = 7") == 5


@pytest.mark.parametrize(
    ("workload_type", "names"),
    [
        ("quickstart", {"balance", "history", "transfer"}),
        ("quickstart_read", {"balance", "history"}),
        ("quickstart_write", {"transfer"}),
    ],
)
async def test_each_type_does_its_transactions_and_loses_no_money(
    pool: asyncpg.Pool, workload_type: str, names: set[str]
) -> None:
    tally = await play(pool, workload_type, 60, CONFIG)
    assert set(tally.operations) == names
    assert tally.operations.total() == 60
    findings = await PLUGIN.create_workload(workload_type).verify(context(0), pool, CONFIG)
    assert [finding.ok for finding in findings] == [True, True]
    booked = await pool.fetchval("SELECT count(*) FROM transfer")
    assert booked == tally.operations["transfer"] - tally.custom["not_enough_money"]


async def test_the_ratios_are_those_of_the_options(pool: asyncpg.Pool) -> None:
    options = QuickStartOptions(write_ratio=0.0, history_ratio=1.0)
    tally = await play(pool, "quickstart", 20, replace(CONFIG, workload_config=options))
    assert tally.operations == {"history": 20}
    assert tally.custom == {"rows_per_history": 20}


async def test_a_poor_payer_pays_nothing(pool: asyncpg.Pool) -> None:
    await pool.execute("UPDATE account SET cents = 0")
    tally = await play(pool, "quickstart_write", 10, CONFIG)
    assert tally.custom == {"not_enough_money": 10}
    assert await pool.fetchval("SELECT count(*) FROM transfer") == 0


@pytest.mark.parametrize(
    ("damage", "verdicts"),
    [
        ("UPDATE account SET cents = cents + 1 WHERE id = 5", [False, False]),
        (
            "UPDATE account SET cents = cents + 2 * id - 11 WHERE id IN (5, 6)",
            [True, False],
        ),
        ("INSERT INTO transfer (payer, payee, cents) VALUES (1, 2, 3)", [True, False]),
    ],
)
async def test_verify_finds_money_that_was_made_or_lost(
    pool: asyncpg.Pool, damage: str, verdicts: list[bool]
) -> None:
    await pool.execute(damage)
    findings = await PLUGIN.create_workload("quickstart").verify(context(0), pool, CONFIG)
    assert [finding.ok for finding in findings] == verdicts


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown workload type 'shop'"):
        PLUGIN.create_workload("shop")


def test_the_readme_has_a_configuration_that_works(tmp_path: Path) -> None:
    text = (resources.files("stormdb.workloads.quickstart") / "README.md").read_text()
    [block] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    file = tmp_path / "stormdb.yaml"
    file.write_text(block)
    config = load(file, environ={})
    assert QuickStartOptions(**config.workload_config).write_ratio == 0.5
    assert config.workload in PLUGIN.get_metadata().workload_types
