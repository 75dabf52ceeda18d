"""What set the pace of a run: the server, the generator, or the load that was offered.

The words of the verdict are its evidence too: what the generator's own gauges say, how late it
started what was due, and how much of its ceiling on this machine the run used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stormdb.analysis.summary import RunWarning, Summary
    from stormdb.results import Calibration, Ceiling

__all__ = [
    "NEAR_CEILING_RATIO",
    "CeilingUse",
    "Verdict",
    "ceiling_use",
    "verdict_of",
    "verdict_together",
]

Kind = Literal["server_bound", "client_bound", "offered_rate"]

NEAR_CEILING_RATIO = 0.8
"""From this part of its ceiling on, the generator has a share in every time."""
_SERVED_RATIO = 0.98
_IDLE_RATIO = 0.5
_CLIENT_CODES = {"generator_busy", "generator_late"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CeilingUse:
    """How much of the generator's ceiling on its machine the run used; `stormdb calibrate`.

    Attributes:
        used_ratio: used part; an old calibration, or one of a busy machine, lets it exceed 1.
        statements_per_s: of the run, each transaction one at the least.
        ceiling_per_s: statements per second that the generator reached against canned answers.
        connections: with which it reached them.
    """

    used_ratio: float
    statements_per_s: float
    ceiling_per_s: float
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What set the pace of the run, and the evidence.

    Attributes:
        kind: `server_bound`, `client_bound` (the generator was the limit), or `offered_rate` (the
            server kept up with what was offered).
        reason: why, in words.
        busy_ratio: CPU time over time of the busiest thread or process; None if unknown.
        schedule_lag_p99_ns: 99 of 100 transactions started no later; None in closed loop.
        ceiling: how much of its ceiling the generator used; None if that was not measured.
    """

    kind: Kind
    reason: str
    busy_ratio: float | None
    schedule_lag_p99_ns: int | None
    ceiling: CeilingUse | None


def ceiling_use(summary: Summary, calibration: Calibration | None) -> CeilingUse | None:
    """How much of the generator's ceiling the run used, by statements.

    A transaction of the calibration is one statement, one of a workload may be many; where a
    workload does not tell of its statements, each transaction counts as one, at the least.

    Args:
        summary: of the run, without warnings.
        calibration: of the machine; None if it was not measured.

    Returns:
        None if this shape of the generator was not measured.
    """
    ceiling = _nearest(summary, calibration.ceilings) if calibration else None
    if ceiling is None or not ceiling.throughput_per_s:
        return None
    statements_per_s = sum(row.throughput_per_s for row in summary.operations)
    used_per_s = max(statements_per_s, summary.throughput.per_s)
    return CeilingUse(
        used_ratio=used_per_s / ceiling.throughput_per_s,
        statements_per_s=used_per_s,
        ceiling_per_s=ceiling.throughput_per_s,
        connections=ceiling.connections,
    )


def _nearest(summary: Summary, ceilings: Sequence[Ceiling]) -> Ceiling | None:
    """That of the same shape, with as many connections or the next fewer that were measured."""
    executor = summary.run.executor
    transport = "unix" if summary.run.server.host.startswith("/") else "tcp"
    shape = (executor.kind, executor.io, executor.part_count, transport)
    connections = min(summary.run.connections, summary.run.workers)
    fitting = [
        one
        for one in ceilings
        if (one.executor, one.io, one.parts, one.transport) == shape
        and one.connections <= connections
    ]
    return max(fitting, key=lambda one: one.connections, default=None)


def verdict_of(summary: Summary, warnings: Sequence[RunWarning]) -> Verdict | None:
    """Who set the pace; None of a run that measured nothing.

    Args:
        summary: of the run; its own warnings are not read.
        warnings: what a sceptic says of it: doubts about the generator are not decided twice.
    """
    if not summary.total.committed_count or not summary.steady_ns:
        return None
    lag = summary.total.schedule_lag
    kind, reason = _decide(summary, warnings)
    return Verdict(
        kind=kind,
        reason=reason,
        busy_ratio=max((load.cpu_busy_ratio for load in summary.generator_load), default=None),
        schedule_lag_p99_ns=lag.p99_ns if lag else None,
        ceiling=summary.ceiling,
    )


def _decide(summary: Summary, warnings: Sequence[RunWarning]) -> tuple[Kind, str]:
    grave = {one.code for one in warnings if one.severity == "untrusted"}
    if grave & _CLIENT_CODES or any(one.code == "near_ceiling" for one in warnings):
        return "client_bound", "the generator set the pace, as told below"
    workers_busy_ratio = summary.workers.busy_ratio if summary.workers else 0.0
    share = f"{workers_busy_ratio * 100:.0f} %"
    if not summary.is_open_loop:
        if workers_busy_ratio < _IDLE_RATIO:
            return "offered_rate", f"the workers waited for the server {share} of the time only"
        return "server_bound", f"the workers waited for the server {share} of the time"
    finished = sum(
        point.committed_count + point.rolled_back_count + point.failed_count
        for point in summary.intervals
        if point.role == "steady"
    )
    served_ratio = finished / (summary.steady_ns / 1e9) / (summary.offered_per_s or 1.0)
    if served_ratio >= _SERVED_RATIO:
        return "offered_rate", "all that was offered was served"
    return "server_bound", f"{served_ratio * 100:.0f} % of what was offered was served"


def verdict_together(summaries: Sequence[Summary]) -> Verdict | None:
    """Who set the pace of a run of several workloads: the worst that is true of one of them.

    Their generators share a machine, so that what they use of their ceilings adds up.

    Args:
        summaries: of each workload, with verdicts.

    Returns:
        None if none of them measured anything.
    """
    verdicts = {one.run.name: one.verdict for one in summaries if one.verdict}
    if not verdicts:
        return None
    busy = [one.busy_ratio for one in verdicts.values() if one.busy_ratio is not None]
    lags = [one.schedule_lag_p99_ns for one in verdicts.values() if one.schedule_lag_p99_ns]
    used = [one.ceiling.used_ratio for one in verdicts.values() if one.ceiling]
    kind, reason = _worst(verdicts)
    if kind != "client_bound" and sum(used) >= NEAR_CEILING_RATIO:
        kind = "client_bound"
        reason = f"the generators together used {sum(used) * 100:.0f} % of their ceilings"
    return Verdict(
        kind=kind,
        reason=reason,
        busy_ratio=max(busy, default=None),
        schedule_lag_p99_ns=max(lags, default=None),
        ceiling=None,
    )


def _worst(verdicts: Mapping[str, Verdict]) -> tuple[Kind, str]:
    order: tuple[Kind, ...] = ("client_bound", "server_bound", "offered_rate")
    kind = min((one.kind for one in verdicts.values()), key=order.index)
    reasons = [f"{name}: {one.reason}" for name, one in verdicts.items() if one.kind == kind]
    return kind, "; ".join(reasons)
