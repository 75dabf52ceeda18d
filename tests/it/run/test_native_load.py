"""Arrivals, phases, queue, pool and outcomes of a native run on a real server."""

from __future__ import annotations

import io

import pytest

from stormdb.report import print_report
from tests.conftest import Database
from tests.it.run.native import MS_NS, SECOND_NS, run


def test_a_closed_loop_pauses_for_its_think_time(database: Database) -> None:
    ran = run(
        database,
        "look",
        duration="1s",
        workers=4,
        load__think_time="100ms",
        workload_config__sleep_s=0.05,
    )
    counts, row = ran.counts(), ran.row("look")
    # Each of 4 workers has room for 50 ms of work and 100 ms of pause six times a second.
    assert 20 <= counts["committed"] <= 28
    assert row.service_time.quantile(0.5) == pytest.approx(50 * MS_NS, rel=0.3)
    assert (row.response_time.count, row.schedule_lag.count) == (0, 0)


def test_the_think_time_of_a_closed_loop_can_be_drawn(database: Database) -> None:
    def committed(distribution: str) -> int:
        keys = {"load__think_time": "20ms", "load__think_time_distribution": distribution}
        return run(database, "look", duration="2s", workers=8, seed=3, **keys).counts()["committed"]

    # The same mean, hence about the same number: 8 workers, at most 50 a second each.
    assert committed("exponential") == pytest.approx(committed("constant"), rel=0.25)


@pytest.mark.parametrize("arrival", ["constant", "poisson"])
def test_an_open_loop_offers_what_the_schedule_says(database: Database, arrival: str) -> None:
    def offered(threads: int) -> int:
        ran = run(
            database,
            "look",
            load__arrival=arrival,
            load__rate="400/s",
            duration="1s",
            seed=3,
            threads=threads,
        )
        counts = ran.counts()
        # One that is due in the last moment may be too late to start.
        assert counts["offered"] - 5 <= counts["committed"] <= counts["offered"]
        assert ran.row("look").response_time.count == counts["committed"]
        return counts["offered"]

    assert offered(2) == offered(1)
    if arrival == "constant":
        assert offered(1) == 400


def test_each_phase_has_its_own_books_and_figures_are_of_steady_ones(database: Database) -> None:
    phases = [
        {"name": "warm", "role": "warm_up", "duration": "500ms", "rate": "100/s"},
        {"name": "climb", "duration": "1s", "from": "100/s", "to": "300/s"},
        {"name": "hold", "duration": "1s", "rate": "300/s"},
        {
            "name": "rush",
            "duration": "1s",
            "rate": "100/s",
            "spike": {"peak": "500/s", "at": "200ms", "width": "500ms"},
        },
    ]
    ran = run(database, "look", load__arrival="constant", load__phases=phases)
    offered = {phase.name: phase.offered_count for phase in ran.summary.phases}
    assert offered == {"warm": 50, "climb": 200, "hold": 300, "rush": 300}
    assert all(phase.holds for phase in ran.summary.phases)
    assert ran.summary.total.committed_count == 600


def test_a_warm_up_is_left_out(database: Database) -> None:
    ran = run(database, "look", warm_up="500ms", duration="500ms", workload_config__sleep_s=0.01)
    warm_up, steady = ran.summary.phases
    assert warm_up.committed_count > 0
    assert ran.summary.total.committed_count == steady.committed_count
    assert steady.committed_count < ran.counts()["committed"]


def test_arrivals_that_find_the_queue_full_are_dropped_and_counted(database: Database) -> None:
    ran = run(
        database,
        "look",
        load__rate="100/s",
        load__max_queue=6,
        duration="2s",
        workers=2,
        threads=2,
        workload_config__sleep_s=0.1,
    )
    counts, summary = ran.counts(), ran.summary
    # Two workers do ten in a second each.
    assert counts["offered"] == 200
    assert counts["committed"] == pytest.approx(40, abs=6)
    assert summary.drops["queue_full"] == pytest.approx(200 - 40 - 6, abs=10)
    assert sum(summary.drops.values()) == counts["dropped"]
    assert counts["committed"] + counts["dropped"] + counts["unfinished"] == 200
    # Who was served had waited for three others.
    assert ran.row("look").schedule_lag.quantile(0.5) == pytest.approx(300 * MS_NS, rel=0.4)


def test_workers_wait_for_a_connection_and_the_wait_is_measured(database: Database) -> None:
    ran = run(
        database,
        "look",
        workers=6,
        connections=2,
        threads=2,
        duration="1s",
        workload_config__sleep_s=0.05,
    )
    counts = ran.counts()
    assert counts["committed"] == pytest.approx(40, abs=8)
    # The time of a transaction is that of its statement; two others of the thread come first.
    assert ran.row("look").service_time.quantile(0.5) == pytest.approx(50 * MS_NS, rel=0.3)
    (wait,) = [value for value in ran.summary.values if value.name == "stormdb.pool_wait_ns"]
    assert wait.p50 == pytest.approx(100 * MS_NS, rel=0.3)
    assert "few_connections" in {warning.code for warning in ran.summary.warnings}


def test_without_a_crowd_there_is_no_wait_for_the_pool(database: Database) -> None:
    assert run(database, "look", duration="200ms").summary.values == ()


def test_serialization_failures_are_counted_and_the_report_says_which(database: Database) -> None:
    ran = run(database, "collide", workers=4, duration="1s", workload_config__sleep_s=0.01)
    assert set(ran.row("collide").failed) == {"40001"}
    assert ran.whole.examples["40001"] == "could not serialize access due to concurrent update"
    assert _counter(database) == ran.counts()["committed"]


def test_a_block_is_tried_again_as_a_whole(database: Database) -> None:
    ran = run(
        database,
        "collide",
        workers=4,
        duration="1s",
        workload_config__sleep_s=0.01,
        retry__max_tries=1000,
        retry__backoff="1ms",
    )
    counts, row = ran.counts(), ran.row("collide")
    assert counts["failed"] == 0
    assert row.retried["40001"] > 0
    # Each one that was committed has counted once, whatever it took.
    assert _counter(database) == counts["committed"] > 0


def _counter(database: Database) -> int:
    [row] = database.fetch("SELECT value FROM stormdb_described.counter WHERE id = 1")
    value: int = row["value"]
    return value


def test_a_statement_timeout_is_counted_by_its_sqlstate(database: Database) -> None:
    ran = run(
        database,
        "look",
        workers=2,
        duration="1s",
        statement_timeout="100ms",
        workload_config__sleep_s=5,
    )
    row = ran.row("look")
    assert set(row.failed) == {"57014"}
    assert ran.counts()["failed"] >= 10
    assert row.failed_service_time.quantile(0.5) == pytest.approx(100 * MS_NS, rel=0.3)


def test_each_way_to_end_is_told_apart(database: Database) -> None:
    ran = run(database, "outcomes", load__rate="500/s", duration="2s", seed=1)
    counts = ran.counts()
    assert counts["offered"] == 1000
    assert ran.row("back").rolled_back == counts["rolled_back"] == pytest.approx(200, rel=0.25)
    assert ran.row("commit").committed == counts["committed"] == pytest.approx(500, rel=0.15)
    assert set(ran.row("divide").failed) == {"22012"}
    (code,) = ran.row("miss").failed
    assert "rows" in ran.whole.examples[code]
    # What was rolled back on purpose has left nothing.
    [row] = database.fetch("SELECT value FROM stormdb_described.counter WHERE id = 2")
    assert row["value"] == 0
    operation = ran.row("back / UPDATE counter SET value = value + 1", "operation")
    assert operation.committed == counts["rolled_back"]


def test_values_that_a_transaction_emits_are_in_the_summary(database: Database) -> None:
    ran = run(database, "note", load__rate="200/s", duration="1s")
    (value,) = ran.summary.values
    assert (value.name, value.count) == ("draws", 200)
    assert value.p50 == pytest.approx(5e8, rel=0.3)


def test_rows_and_bytes_of_statements_are_in_the_report(database: Database) -> None:
    ran = run(database, "note", load__rate="200/s", duration="1s")
    (statement,), total = ran.summary.operations, ran.summary.total
    # Each adds one row; an answer has at least BindComplete, CommandComplete and ReadyForQuery.
    assert statement.row_count == total.row_count == 200
    assert total.sent_bytes > 200 * 50
    assert total.received_bytes > 200 * 20
    shown = io.StringIO()
    print_report([ran.summary], shown, width=120)
    assert "received" in shown.getvalue()


def test_transactions_in_flight_at_the_end_are_given_2_s_and_no_more(database: Database) -> None:
    ran = run(database, "look", workers=2, duration="500ms", workload_config__sleep_s=30)
    counts = ran.counts()
    assert (counts["offered"], counts["unfinished"]) == (2, 2)
    end_ns = ran.result.intervals[-1].last_interval.end_ns
    assert end_ns < 4 * SECOND_NS
