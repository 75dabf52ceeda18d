"""The runs on paper whose reports the tests look at."""

from __future__ import annotations

from functools import cache
from random import Random

from stormdb._native import Recorder
from stormdb.results import Finding, RunResult, Status
from stormdb.run.events import LoadInfo
from tests.support.measured import (
    MS_NS,
    SECOND_NS,
    Facts,
    Outcome,
    closed_run,
    open_run,
    plan,
    result_of,
)


def _custom(recorder: Recorder) -> None:
    for second in range(40):
        recorder.count("cache_miss", second % 4, second * SECOND_NS)
        recorder.value("rows_per_batch", 10.0 + second % 7, second * SECOND_NS)


@cache
def stalled() -> RunResult:
    """Open loop at 300/s; the server all but stands still for 1.5 s, and the queue overflows."""
    rng = Random(1)

    def outcome(_: int, at_ns: int) -> Outcome:
        service_ns = round(rng.lognormvariate(0.3, 0.6) * MS_NS)
        row = "transfer" if rng.random() < 0.7 else "balance"
        if rng.random() < 0.002:
            return Outcome(
                service_ns=service_ns,
                row=row,
                sqlstate="40001",
                message="could not serialize access due to concurrent update",
                retried=["40001", "40001"],
            )
        if 20 * SECOND_NS < at_ns < 21.5 * SECOND_NS:
            service_ns += 400 * MS_NS
        parts = [("read", service_ns // 3), ("write", service_ns // 2)]
        return Outcome(service_ns=service_ns, row=row, parts=parts)

    return open_run(
        [("warm-up", "warm_up", 5.0), ("steady", "steady", 35.0)],
        outcome,
        rate_per_s=300,
        arrival="poisson",
        max_queue=200,
        extra=_custom,
        facts=Facts(
            processes=2,
            config={
                "workload": "bank",
                "mode": "mixed",
                "scale": 10,
                "isolation": "repeatable read",
                "statement_timeout": "0s",
                "retry": {"max_tries": 5, "backoff": "1ms"},
                "load": {"arrival": "poisson", "rate": "300/s"},
                "workload_config": {"skew": 1.1},
                "test_metadata": {"test_name": "nightly", "environment": "staging"},
            },
        ),
    )


@cache
def simple() -> RunResult:
    """Closed loop, one transaction, against an embedded server, too short."""
    rng = Random(2)
    return closed_run(
        [("steady", "steady", 12.0)],
        lambda worker, at_ns: Outcome(service_ns=round(8 * MS_NS * rng.uniform(0.9, 1.3))),
        facts=Facts(
            workers=2,
            connections=2,
            host="/tmp/pg",
            embedded=True,
            settings={"fsync": "off", "shared_buffers": "128MB"},
        ),
    )


@cache
def broken() -> RunResult:
    """Every transaction fails, a worker process is lost, an invariant does not hold."""
    return open_run(
        [("steady", "steady", 3.0)],
        lambda index, at_ns: Outcome(
            service_ns=MS_NS, sqlstate="42P01", message='relation "account" does not exist'
        ),
        rate_per_s=20,
        facts=Facts(
            status=Status.FAILED,
            problem="worker process 1 was killed by signal 9",
            is_whole=False,
            findings=(
                Finding(name="sum of balances", ok=False, detail="999 is not 1000"),
                Finding(name="no orphans", ok=True),
            ),
        ),
    )


def empty() -> RunResult:
    """Interrupted before the first interval ended."""
    made = plan([("steady", "steady", 60.0)], rate_per_s=None)
    return result_of(made, [], "closed", Facts(status=Status.INTERRUPTED, findings=None))


def load_of(result: RunResult, *, start_ns: int = 0) -> LoadInfo:
    """What the run would have told when its load started."""
    return LoadInfo(
        name=result.name,
        workload=result.workload,
        arrival=result.arrival,
        rate_per_s=None if result.arrival == "closed" else 300.0,
        workers=result.workers,
        connections=result.connections,
        executor=result.executor,
        start_ns=start_ns,
        interval_ns=SECOND_NS,
        phases=result.phases,
    )
