"""The TPC-B-like transaction on a real server: data as pgbench's, books that balance."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from stormdb.plugin import Config, Context
from stormdb.server import EmbeddedServer
from stormdb.workloads.tpcb import PLUGIN
from tests.conftest import Database
from tests.it.run.command import Command

CONFIG = Config(workload="tpcb")


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database.dsn, min_size=1, max_size=2) as opened:
        yield opened


async def test_setup_tells_progress_and_changes_nothing_the_second_time(
    pool: asyncpg.Pool,
) -> None:
    seen: list[tuple[int, int | None, str]] = []
    watched = Context(_report=lambda *step: seen.append(step))
    workload = PLUGIN.create_workload("tpcb")
    await workload.setup(watched, pool, CONFIG)
    assert seen == [(n, 100_000, "accounts") for n in range(20_000, 100_001, 20_000)]
    await pool.execute("UPDATE accounts SET abalance = 5 WHERE aid = 7")
    await PLUGIN.create_workload("tpcb_select").setup(watched, pool, CONFIG)
    assert len(seen) == 5
    assert await pool.fetchval("SELECT abalance FROM accounts WHERE aid = 7") == 5


async def test_the_data_is_that_of_pgbench(
    pool: asyncpg.Pool, server: EmbeddedServer, database: Database
) -> None:
    await PLUGIN.create_workload("tpcb").setup(Context(), pool, replace(CONFIG, scale=2))
    pgbench = await asyncio.create_subprocess_exec(
        *(server.bin_dir / "pgbench", "-i", "-q", "-s", "2", "-I", "dtg"),
        *("-h", database.host, "-p", str(database.port), "-U", database.user, database.dbname),
        env=os.environ | {"PGPASSWORD": database.password},
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await pgbench.wait() == 0
    columns = {
        "branches": "bid, bbalance, filler",
        "tellers": "tid, bid, tbalance, filler",
        "accounts": "aid, bid, abalance, filler",
        "history": "tid, bid, aid, delta, filler",
    }
    for table, names in columns.items():
        mine = f"SELECT {names} FROM {table}"
        theirs = f"SELECT {names} FROM pgbench_{table}"
        different = f"({mine} EXCEPT ALL {theirs}) UNION ALL ({theirs} EXCEPT ALL {mine})"
        assert await pool.fetchval(f"SELECT count(*) FROM ({different}) AS different") == 0


def run(stormdb: Command, workload: str, *words: str) -> dict[str, Any]:
    ended = stormdb(
        *("run", workload, *stormdb.server(), "--setup", "--json", "report.json", *words)
    )
    # On a busy machine the report rightly says that the generator was late.
    assert ended.code in {0, 5}, ended.err
    report: dict[str, Any] = json.loads((stormdb.folder / "report.json").read_text())
    assert report["accounting"]["holds"]
    return report


def test_each_transaction_is_in_history_and_the_books_balance(stormdb: Command) -> None:
    report = run(stormdb, "tpcb", "-d", "1s", "--workers", "8", "--scale", "2")
    assert {(one["name"], one["ok"]) for one in report["run"]["findings"]} == {
        ("balance of branches", True),
        ("balance of tellers", True),
        ("balance of accounts", True),
    }
    count = report["total"]["committed_count"]
    assert count > 0
    operations = {row["name"]: row["committed_count"] for row in report["operations"]}
    assert operations == dict.fromkeys(
        (
            "tpcb / INSERT history",
            "tpcb / SELECT accounts",
            "tpcb / UPDATE accounts",
            "tpcb / UPDATE branches",
            "tpcb / UPDATE tellers",
        ),
        count,
    )
    assert stormdb.database
    [row] = stormdb.database.fetch(
        "SELECT count(*), min(delta), max(delta), max(aid), max(bid), max(tid), "
        "count(mtime) FROM stormdb_tpcb.history"
    )
    assert row["count"] == count
    assert -5000 <= row["min"] < 0 < row[2] <= 5000
    assert 100_000 < row[3] <= 200_000
    assert (row[4], row[5] <= 20) == (2, True)


def test_the_reading_type_changes_nothing(stormdb: Command) -> None:
    report = run(stormdb, "tpcb_select", "-d", "500ms")
    assert [row["name"] for row in report["transactions"]] == ["tpcb_select"]
    assert stormdb.database
    [row] = stormdb.database.fetch(
        "SELECT (SELECT count(*) FROM stormdb_tpcb.history), "
        "(SELECT count(*) FROM stormdb_tpcb.accounts WHERE abalance <> 0)"
    )
    assert tuple(row) == (0, 0)


@pytest.mark.parametrize(
    ("damage", "broken"),
    [
        ("UPDATE accounts SET abalance = abalance + 1 WHERE aid = 7", {"accounts"}),
        ("UPDATE tellers SET tbalance = 3 WHERE tid = 7", {"tellers"}),
        ("UPDATE branches SET bbalance = 3", {"branches"}),
        (
            "INSERT INTO history VALUES (1, 1, 1, 9, now())",
            {"accounts", "branches", "tellers"},
        ),
    ],
)
async def test_verify_finds_books_that_do_not_balance(
    pool: asyncpg.Pool, damage: str, broken: set[str]
) -> None:
    workload = PLUGIN.create_workload("tpcb")
    await workload.setup(Context(), pool, CONFIG)
    assert all(finding.ok for finding in await workload.verify(Context(), pool, CONFIG))
    await pool.execute(damage)
    findings = await workload.verify(Context(), pool, CONFIG)
    assert {f.name.removeprefix("balance of ") for f in findings if not f.ok} == broken


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown workload type 'shop'"):
        PLUGIN.create_workload("shop")
