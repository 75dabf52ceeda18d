"""The contract, and what is true of this plugin alone; a PostgreSQL is started for it."""

from __future__ import annotations

import asyncio

from pgbench_scripts import PLUGIN

from stormdb.testing import PluginContract, Runner, ScratchDatabase

SUM = "accounts, tellers, branches and history have one sum"


class TestContract(PluginContract):
    plugin = PLUGIN


def test_verify_sees_money_that_comes_from_nowhere(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    assert stormdb_run("pgbench_scripts").findings[SUM].ok
    stormdb_database.fetch("UPDATE stormdb_pgbench_scripts.tellers SET tbalance = 1 WHERE tid = 7")
    run = stormdb_run("pgbench_scripts", setup=False, duration="200ms")
    assert not run.findings[SUM].ok


def test_each_script_is_a_row_of_the_report_and_what_it_says_is_done(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    run = asyncio.run(
        stormdb_run.run(
            "pgbench_scripts",
            during=lambda live: live.has_committed(least=500, limit_s=60),
            duration="10m",
            workload_config={"accounts": 10},
        )
    )
    assert run.failures == {}
    done = {row.name: row.committed_count for row in run.summary.transactions}
    assert done.keys() == {"tpcb", "look", "pay"}
    (row,) = stormdb_database.fetch("SELECT count(*) FROM stormdb_pgbench_scripts.history")
    # A payment may be refused, and one that was given up at the end has been made or not.
    assert 0 < done["tpcb"] <= row["count"] <= done["tpcb"] + done["pay"] + run.unfinished_count
