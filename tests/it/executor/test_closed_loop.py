"""Closed loop on a real server: what is counted is what was done."""

from __future__ import annotations

from stormdb._native import Phase, Plan
from stormdb.config import RetrySettings
from tests.conftest import Database
from tests.it.executor.conftest import MS_NS, SECOND_NS, Loads, steady


def test_a_call_that_records_nothing_is_one_transaction(loads: Loads, database: Database) -> None:
    database.fetch("CREATE TABLE done (worker int)")
    outcome = loads.run(
        "await db.execute('INSERT INTO done VALUES ($1)', ctx.worker)", steady(1), processes=2
    )
    rows = database.fetch("SELECT worker, count(*) FROM done GROUP BY worker")
    assert outcome.counts()["committed"] == sum(row["count"] for row in rows) > 0
    assert {w: c.committed for w, c in outcome.merged.workers.items()} == dict(map(tuple, rows))
    assert outcome.rows() == {("work", "transaction")}
    assert outcome.end.problems == []


def test_commits_failures_and_retries_are_those_of_the_server(
    loads: Loads, database: Database
) -> None:
    database.fetch("CREATE TABLE account (id int PRIMARY KEY, value int CHECK (value < 1000000))")
    database.fetch("INSERT INTO account SELECT g, 0 FROM generate_series(0, 2) g")
    database.fetch("CREATE TABLE done (id serial, doomed bool)")
    outcome = loads.run(
        """
        doomed = ctx.random.random() < 0.2
        async with db.acquire() as con, con.transaction():
            key = ctx.random.randrange(3)
            value = await con.fetchval('SELECT value FROM account WHERE id = $1', key)
            await con.execute('UPDATE account SET value = $2 WHERE id = $1', key, value + 1)
            await con.execute('INSERT INTO done (doomed) VALUES ($1)', doomed)
            if doomed:
                await con.execute('UPDATE account SET value = 1000000 WHERE id = $1', key)
        """,
        steady(2),
        workers=8,
        processes=2,
        isolation="serializable",
        retry=RetrySettings(max_tries=4, backoff="1ms"),
    )
    counts, row = outcome.counts(), outcome.row()
    committed = database.fetch("SELECT count(*), sum(doomed::int) FROM done")[0]
    assert (counts["committed"], 0) == tuple(committed)
    assert counts["committed"] == database.fetch("SELECT sum(value) FROM account")[0][0]
    assert set(row.failed) <= {"23514", "40001", "40P01"}
    assert row.failed["23514"] > 0
    assert row.retried["40001"] > 0
    assert "account_value_check" in outcome.merged.examples["23514"]


def test_each_recorded_operation_is_a_transaction(loads: Loads, database: Database) -> None:
    database.fetch("CREATE TABLE done (what text)")
    outcome = loads.run(
        """
        async with metrics.operation('write'):
            await db.execute("INSERT INTO done VALUES ('write')")
        start = time.monotonic()
        await db.execute("INSERT INTO done VALUES ('other')")
        metrics.record_operation(time.monotonic() - start)
        try:
            async with metrics.operation('read'):
                await db.fetch('SELECT * FROM missing')
        except Exception:
            metrics.count('survived')
        metrics.record('length', 2.5)
        """,
        steady(1),
    )
    rows = dict(map(tuple, database.fetch("SELECT what, count(*) FROM done GROUP BY what")))
    assert outcome.row("write").committed == rows["write"]
    assert outcome.row().committed == rows["other"]
    failed = outcome.row("read").failed
    assert failed == {"42P01": outcome.merged.counters["survived"]}
    assert outcome.merged.values["length"].count == failed["42P01"]
    outcome.counts()


def test_an_error_recorded_and_raised_counts_once(loads: Loads) -> None:
    outcome = loads.run(
        """
        await db.fetch('SELECT 1')
        try:
            await db.fetch('SELECT 1 / 0')
        except Exception as error:
            metrics.record_error()
            raise RuntimeError('read operation failed') from error
        """,
        steady(1),
    )
    counts = outcome.counts()
    assert counts["offered"] == counts["failed"] == sum(outcome.row().failed.values()) > 0
    assert set(outcome.row().failed) == {"22012"}
    assert outcome.end.problems == []


def test_a_body_that_loops_until_done_is_called_once(loads: Loads, database: Database) -> None:
    database.fetch("CREATE TABLE called (worker int)")
    outcome = loads.run(
        """
        await db.execute('INSERT INTO called VALUES ($1)', ctx.worker)
        while not ctx.done:
            async with metrics.operation():
                await db.fetchval('SELECT 1')
        """,
        steady(1),
        workers=3,
    )
    assert database.fetch("SELECT count(*) FROM called")[0][0] == 3
    counts = outcome.counts()
    assert counts["committed"] == counts["offered"] > 50
    assert outcome.total_ns < 2 * SECOND_NS


def test_think_time_is_kept_and_outside_of_the_service_time(loads: Loads) -> None:
    outcome = loads.run(
        "await db.fetchval('SELECT 1')", steady(2), workers=2, think_time_ns=50 * MS_NS
    )
    committed = outcome.counts()["committed"]
    assert 2 * 10 <= committed <= 2 * (2000 // 50 + 1)
    assert outcome.row().service_time.quantile(0.5) < 25 * MS_NS


def test_a_transaction_belongs_to_the_phase_of_its_start(loads: Loads, database: Database) -> None:
    database.fetch("CREATE TABLE done (at timestamptz DEFAULT clock_timestamp())")
    plan = Plan([Phase("warm-up", "warm_up", SECOND_NS), Phase("steady", "steady", SECOND_NS // 2)])
    outcome = loads.run("await db.execute('INSERT INTO done DEFAULT VALUES')", plan)
    warm_up, measured = outcome.merged.identity()
    assert (warm_up.phase_index, measured.phase_index) == (0, 1)
    assert warm_up.committed > 0
    assert measured.committed > 0
    total = database.fetch("SELECT count(*) FROM done")[0][0]
    assert warm_up.committed + measured.committed == total


def test_a_full_pool_is_not_the_servers_time(loads: Loads) -> None:
    outcome = loads.run(
        "await db.fetchval('SELECT pg_sleep(0.02)')", steady(2), workers=4, connections=1
    )
    row, waits = outcome.row(), outcome.merged.values["stormdb.pool_wait_ns"]
    # Four workers take turns: each waits for three others, and is then served in 20 ms.
    assert row.service_time.quantile(0.5) < 40 * MS_NS
    assert waits.quantile(0.5) > 50 * MS_NS
    assert waits.count >= row.committed - 4


def test_the_same_seed_draws_the_same_values(loads: Loads, database: Database) -> None:
    database.fetch("CREATE TABLE drawn (run int, worker int, iteration int, value float)")

    def draw(run: int, processes: int) -> dict[tuple[int, int], float]:
        loads.run(
            f"""
            await db.execute('INSERT INTO drawn VALUES ({run}, $1, $2, $3)',
                             ctx.worker, ctx.iteration, ctx.random.random())
            """,
            steady(0.5),
            processes=processes,
            seed=42,
        )
        rows = database.fetch(f"SELECT worker, iteration, value FROM drawn WHERE run = {run}")
        return {(row["worker"], row["iteration"]): row["value"] for row in rows}

    first, second = draw(1, 1), draw(2, 2)
    common = first.keys() & second.keys()
    assert len(common) > 20
    assert all(first[key] == second[key] for key in common)
    assert len(set(first.values())) == len(first)


def test_a_retried_call_draws_the_same_values(loads: Loads, database: Database) -> None:
    database.fetch("CREATE SEQUENCE tries")
    database.fetch("CREATE TABLE drawn (worker int, iteration int, value float)")
    outcome = loads.run(
        """
        value = ctx.random.random()
        await db.execute('INSERT INTO drawn VALUES ($1, $2, $3)', ctx.worker, ctx.iteration, value)
        if await db.fetchval("SELECT nextval('tries') % 3") != 0:
            await db.execute("DO $$ BEGIN RAISE EXCEPTION USING errcode = '40001'; END $$")
        """,
        steady(0.5),
        workers=2,
        retry=RetrySettings(max_tries=1000, backoff=0),
    )
    spread = database.fetch(
        "SELECT max(distinct_values) AS values, max(tries) AS tries FROM (SELECT "
        "count(DISTINCT value) AS distinct_values, count(*) AS tries "
        "FROM drawn GROUP BY worker, iteration) AS calls"
    )[0]
    assert spread["values"] == 1
    assert spread["tries"] > 1
    assert outcome.row().retried["40001"] > 0
    assert outcome.counts()["failed"] == 0
