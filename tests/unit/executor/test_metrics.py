"""What the calls of a worker count as, with a clock that the test moves."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from stormdb._native import CallRecord, Cell, IntervalSnapshot, Phase, Plan, Rate, Recorder
from stormdb.executor import metrics
from stormdb.executor.metrics import CallMetrics, ClosedMetrics, OpenMetrics
from stormdb.executor.pool import Connections, WorkerPool

MS = 1_000_000
START_NS = 50_000 * MS


class Bench:
    """One worker's metrics on a recorder, and the clock."""

    def __init__(self, kind: type[CallMetrics]) -> None:
        rate = Rate.hold(1_000_000) if kind is OpenMetrics else None
        self.plan = Plan([Phase("steady", "steady", 10_000 * MS, rate)])
        self.recorder = Recorder(self.plan)
        self.now_ns = START_NS
        self.call = CallRecord(self.recorder, self.recorder.row("work"), 3, START_NS)
        connections = Connections(1, lambda: pytest.fail("no connection"))
        self.db = WorkerPool(connections, 0, self.call, print)
        self.metrics = kind(
            self.recorder,
            self.call,
            worker=3,
            workload="work",
            db=self.db,
            start_ns=START_NS,
            roots=(),
        )

    def passes(self, ms: int) -> None:
        self.now_ns += ms * MS

    def begin(self, intended_ms: int | None = None) -> CallMetrics:
        if intended_ms is not None:
            self.recorder.offer(intended_ms * MS)
        self.db.is_untouched = True
        self.call.begin(self.now_ns, None if intended_ms is None else intended_ms * MS)
        return self.metrics

    def succeeds(self) -> None:
        """What the worker does once `run` has returned."""
        if not self.call.commit(self.now_ns):
            self.metrics.succeeded(self.now_ns)

    def waits_for_a_connection(self, ms: int) -> None:
        """What `WorkerPool` notes when the first connection of a call comes late."""
        self.passes(ms)
        if self.db.is_untouched:
            self.call.granted(self.now_ns)
        self.db.is_untouched = False

    def result(self) -> Result:
        first, *rest = self.recorder.finish(self.now_ns - START_NS)
        for snapshot in rest:
            first.merge(snapshot)
        return Result(first)


class Result:
    def __init__(self, snapshot: IntervalSnapshot) -> None:
        self.snapshot = snapshot
        (self.identity,) = snapshot.identity()
        assert self.identity.holds
        self.cells = {(cell.name, cell.kind): cell for cell in snapshot.row_totals()}

    def row(self, name: str = "work", kind: str = "transaction") -> Cell:
        return self.cells[name, kind]


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench(ClosedMetrics)
    monkeypatch.setattr(metrics, "_clock_ns", lambda: bench.now_ns)
    return bench


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench(OpenMetrics)
    monkeypatch.setattr(metrics, "_clock_ns", lambda: bench.now_ns)
    return bench


def milliseconds(time_ns: int) -> int:
    """Histograms are exact to a thousandth."""
    return round(time_ns / MS)


UNIQUE = asyncpg.UniqueViolationError("duplicate key")
DEADLOCK = asyncpg.DeadlockDetectedError("deadlock detected")


# Closed loop.


def test_closed_a_call_without_operations_is_a_transaction(closed: Bench) -> None:
    closed.begin()
    closed.passes(20)
    closed.succeeds()
    result = closed.result()
    assert result.identity.committed == result.identity.offered == 1
    assert milliseconds(result.row().service_time.max_ns) == 20
    assert result.snapshot.workers[3].committed == 1


def test_closed_each_operation_is_a_transaction(closed: Bench) -> None:
    call = closed.begin()
    closed.passes(30)
    call.record_operation(0.01, name="read")
    closed.passes(5)
    call.record_operation(0.005)
    closed.passes(100)
    closed.succeeds()
    result = closed.result()
    assert result.identity.committed == result.identity.offered == 2
    assert milliseconds(result.row("read").service_time.max_ns) == 10
    assert milliseconds(result.row().service_time.max_ns) == 5


def test_closed_a_call_that_raises_is_a_failure(closed: Bench) -> None:
    call = closed.begin()
    closed.passes(7)
    call.failed(UNIQUE, "23505")
    result = closed.result()
    assert result.row().failed == {"23505": 1}
    assert milliseconds(result.row().failed_service_time.max_ns) == 7
    assert result.snapshot.examples == {"23505": "duplicate key"}


def test_closed_an_operation_and_then_an_exception_are_two_transactions(closed: Bench) -> None:
    call = closed.begin()
    closed.passes(10)
    call.record_operation(0.01)
    closed.passes(4)
    call.failed(UNIQUE, "23505")
    result = closed.result()
    assert (result.identity.committed, result.identity.failed) == (1, 1)
    assert milliseconds(result.row().failed_service_time.max_ns) == 4


def test_closed_an_error_recorded_and_raised_is_one_failure(closed: Bench) -> None:
    call = closed.begin()
    closed.passes(10)
    call.record_error(UNIQUE, name="write")
    call.failed(RuntimeError("write failed"), "23505")
    result = closed.result()
    assert result.identity.offered == result.identity.failed == 1
    assert result.row("write").failed == {"23505": 1}


def test_closed_an_error_without_a_cause_takes_that_of_the_exception(closed: Bench) -> None:
    call = closed.begin()
    call.record_error()
    call.failed(UNIQUE, "23505")
    assert closed.result().row().failed == {"23505": 1}


def test_closed_an_error_without_any_cause_has_a_code_of_its_own(closed: Bench) -> None:
    call = closed.begin()
    call.record_error()
    closed.succeeds()
    assert closed.result().row().failed == {"PYREC": 1}


def test_closed_an_error_recorded_while_it_is_handled_is_found(closed: Bench) -> None:
    call = closed.begin()
    try:
        raise UNIQUE
    except asyncpg.PostgresError:
        call.record_error()
    closed.succeeds()
    assert closed.result().row().failed == {"23505": 1}


def test_closed_an_error_that_was_survived_is_not_the_exception_after_it(closed: Bench) -> None:
    call = closed.begin()
    call.record_error(UNIQUE)
    call.record_operation(0)
    call.failed(DEADLOCK, "40P01")
    assert closed.result().row().failed == {"23505": 1, "40P01": 1}


def test_closed_a_retried_try_is_no_failure_and_its_time_counts(closed: Bench) -> None:
    call = closed.begin()
    closed.passes(10)
    call.record_error(DEADLOCK, name="transfer")
    call.retried("40P01")
    closed.passes(1)
    closed.passes(10)
    call.record_operation(0.01, name="transfer")
    closed.passes(2)
    call.record_operation(0.002, name="transfer")
    closed.succeeds()
    result = closed.result()
    row = result.row("transfer")
    assert (row.committed, row.failed, row.retried) == (2, {}, {"40P01": 1})
    assert milliseconds(row.service_time.max_ns) == 21
    assert milliseconds(row.service_time.min_ns) == 2


def test_closed_several_tries_count_from_the_first(closed: Bench) -> None:
    call = closed.begin()
    for _ in range(3):
        closed.passes(10)
        call.retried("40001")
    closed.passes(10)
    call.failed(DEADLOCK, "40P01")
    row = closed.result().row()
    assert (row.failed, row.retried) == ({"40P01": 1}, {"40001": 3})
    assert milliseconds(row.failed_service_time.max_ns) == 40


def test_closed_a_cancelled_call_is_unfinished(closed: Bench) -> None:
    call = closed.begin()
    closed.passes(10)
    call.record_operation(0.01)
    call.record_error(asyncio.CancelledError())
    call.given_up()
    identity = closed.result().identity
    assert (identity.offered, identity.committed, identity.unfinished) == (2, 1, 1)


def test_closed_the_wait_for_a_connection_is_not_service_time(closed: Bench) -> None:
    call = closed.begin()
    closed.waits_for_a_connection(500)
    closed.passes(10)
    call.record_operation(0.51)
    closed.waits_for_a_connection(300)
    closed.passes(20)
    closed.succeeds()
    call = closed.begin()
    closed.waits_for_a_connection(200)
    closed.passes(15)
    closed.succeeds()
    result = closed.result()
    assert milliseconds(result.row().service_time.max_ns) == 15
    assert milliseconds(result.row().service_time.min_ns) == 10


def test_closed_a_later_wait_in_the_same_operation_is_service_time(closed: Bench) -> None:
    closed.begin()
    closed.db.is_untouched = False  # a first connection was free
    closed.passes(10)
    closed.waits_for_a_connection(100)
    closed.passes(10)
    closed.succeeds()
    assert milliseconds(closed.result().row().service_time.max_ns) == 120


# Open loop.


def test_open_a_call_is_a_transaction_from_its_intended_start(opened: Bench) -> None:
    opened.passes(100)
    opened.begin(intended_ms=60)
    opened.passes(20)
    opened.succeeds()
    row = opened.result().row()
    assert milliseconds(row.response_time.max_ns) == 60
    assert milliseconds(row.schedule_lag.max_ns) == 40
    assert milliseconds(row.service_time.max_ns) == 20


def test_open_a_call_bears_the_name_and_the_times_of_its_only_operation(opened: Bench) -> None:
    call = opened.begin(intended_ms=0)
    opened.passes(30)
    call.record_operation(0.01, name="read")
    opened.passes(100)
    opened.succeeds()
    result = opened.result()
    assert result.cells.keys() == {("read", "transaction")}
    assert milliseconds(result.row("read").service_time.max_ns) == 10
    assert milliseconds(result.row("read").response_time.max_ns) == 30


def test_open_several_operations_are_parts(opened: Bench) -> None:
    call = opened.begin(intended_ms=0)
    for _ in range(3):
        opened.passes(10)
        call.record_operation(0.01, name="read")
    opened.passes(5)
    opened.succeeds()
    result = opened.result()
    assert result.identity.offered == result.identity.committed == 1
    assert milliseconds(result.row().service_time.max_ns) == 35
    assert result.row("read", "operation").committed == 3
    assert result.row("read", "operation").response_time.count == 0


def test_open_the_last_thing_that_a_call_recorded_decides(opened: Bench) -> None:
    call = opened.begin(intended_ms=0)
    call.record_error(UNIQUE, name="insert")
    call.record_operation(0, name="update")
    opened.succeeds()
    call = opened.begin(intended_ms=0)
    call.record_operation(0, name="update")
    call.record_error(UNIQUE, name="insert")
    opened.succeeds()
    result = opened.result()
    assert (result.identity.committed, result.identity.failed) == (1, 1)
    assert result.row().failed == {"23505": 1}
    assert result.row("insert", "operation").failed == {"23505": 2}


def test_open_a_single_recorded_error_is_the_outcome(opened: Bench) -> None:
    call = opened.begin(intended_ms=0)
    call.record_error(UNIQUE, name="insert")
    opened.succeeds()
    call = opened.begin(intended_ms=0)
    call.record_error(UNIQUE, name="insert")
    call.failed(RuntimeError("insert failed"), "23505")
    result = opened.result()
    assert result.identity.offered == result.identity.failed == 2
    assert result.row("insert").failed == {"23505": 2}


def test_open_a_call_that_raises_after_its_operation_has_failed(opened: Bench) -> None:
    call = opened.begin(intended_ms=0)
    opened.passes(10)
    call.record_operation(0.01, name="insert")
    opened.passes(5)
    call.failed(DEADLOCK, "40P01")
    result = opened.result()
    assert result.row("insert").failed == {"40P01": 1}
    assert milliseconds(result.row("insert").failed_service_time.max_ns) == 15


def test_open_tries_that_are_repeated_leave_retries_only(opened: Bench) -> None:
    call = opened.begin(intended_ms=0)
    opened.passes(10)
    call.record_operation(0.01, name="read")
    call.record_error(DEADLOCK, name="write")
    call.retried("40P01")
    opened.passes(20)
    call.record_operation(0.02, name="write")
    opened.succeeds()
    result = opened.result()
    assert result.identity.committed == result.identity.offered == 1
    assert milliseconds(result.row("write").service_time.max_ns) == 30
    assert sum(cell.retried.get("40P01", 0) for cell in result.cells.values()) == 1
    assert all(not cell.failed for cell in result.cells.values())


def test_open_a_cancelled_call_is_unfinished(opened: Bench) -> None:
    call = opened.begin(intended_ms=0)
    call.record_operation(0)
    call.given_up()
    identity = opened.result().identity
    assert (identity.offered, identity.unfinished) == (1, 1)


def test_open_a_full_pool_costs_schedule_lag(opened: Bench) -> None:
    call = opened.begin(intended_ms=0)
    opened.waits_for_a_connection(500)
    opened.passes(10)
    call.record_operation(0.51)
    opened.succeeds()
    call = opened.begin(intended_ms=510)
    opened.waits_for_a_connection(400)
    for _ in range(2):
        opened.passes(10)
        call.record_operation(0.01, name="part")
    opened.succeeds()
    row = opened.result().row()
    assert [milliseconds(row.service_time.quantile(q)) for q in (0, 1)] == [10, 20]
    assert [milliseconds(row.schedule_lag.quantile(q)) for q in (0, 1)] == [400, 500]


# Both.


@pytest.mark.parametrize("kind", ["closed", "opened"])
async def test_a_timed_block_is_an_operation(kind: str, request: pytest.FixtureRequest) -> None:
    bench: Bench = request.getfixturevalue(kind)
    call = bench.begin(intended_ms=0 if kind == "opened" else None)
    async with call.operation("read"):
        bench.passes(12)
    bench.succeeds()
    call = bench.begin(intended_ms=0 if kind == "opened" else None)
    try:
        async with call.operation("read"):
            bench.passes(3)
            raise UNIQUE
    except asyncpg.UniqueViolationError as error:
        call.failed(error, "23505")
    row = bench.result().row("read")
    assert (row.committed, row.failed) == (1, {"23505": 1})
    assert milliseconds(row.service_time.max_ns) == 12
    assert milliseconds(row.failed_service_time.max_ns) == 3


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (20.0, "record_operation takes seconds"),
        (-0.5, "cannot have lasted -0.5 s"),
        (float("nan"), "NaN"),
    ],
)
def test_a_duration_that_cannot_be_is_refused(closed: Bench, seconds: float, told: str) -> None:
    call = closed.begin()
    closed.passes(20)
    with pytest.raises(ValueError, match=told):
        call.record_operation(seconds)


def test_a_clock_that_differs_by_little_is_forgiven(closed: Bench) -> None:
    call = closed.begin()
    closed.passes(20)
    call.record_operation(0.021)
    closed.succeeds()
    assert milliseconds(closed.result().row().service_time.max_ns) == 20


def test_custom_metrics_reach_the_recorder(closed: Bench) -> None:
    call = closed.begin()
    call.count("hits")
    call.count("hits", 4)
    call.record("rows", 2.5)
    closed.succeeds()
    snapshot = closed.result().snapshot
    assert snapshot.counters == {"hits": 5}
    assert (snapshot.values["rows"].count, snapshot.values["rows"].sum) == (1, 2.5)


def test_success_is_remembered(closed: Bench) -> None:
    call = closed.begin()
    call.failed(KeyError("id"), "PYEXC")
    assert not call.call.has_succeeded
    call = closed.begin()
    closed.succeeds()
    assert call.call.has_succeeded
    closed.result()
