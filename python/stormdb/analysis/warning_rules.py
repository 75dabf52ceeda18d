"""What a sceptic would say about a run: one rule per doubt, each with its evidence and remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING

from stormdb.analysis.summary import IntervalPoint, RunWarning, Severity
from stormdb.analysis.throughput import drift
from stormdb.analysis.verdict import NEAR_CEILING_RATIO
from stormdb.results import Status
from stormdb.units import format_count, format_duration, format_rate

if TYPE_CHECKING:
    from stormdb.analysis.summary import Summary

__all__ = ["warnings_of"]

_SHORT_RUN_NS = 30 * 10**9
_BUSY_RATIO = 0.8
_P95, _P99 = 0.95, 0.99
_LATE_RATIO = 0.5
_BLOCKED_RATIO = 0.1
_STOPPED_NS = 50 * 10**6
_DRIFT_RATIO = 0.1
_WIDE_RATIO = 0.1
_NOT_REACHED_RATIO = 0.98
_ERROR_RATIO = 0.01
_UNEVEN_RATIO = 0.5
_FEWEST_PER_WORKER = 100
_FEWEST_PER_INTERVAL = 5
_LOOPBACK = ("localhost", "127.", "::1", "/")


def warnings_of(
    summary: Summary, sentences: Sequence[str] = (), *, is_whole: bool = True
) -> tuple[RunWarning, ...]:
    """All warnings, gravest first.

    Args:
        summary: without warnings.
        sentences: what the run itself warned of.
        is_whole: False if the load broke off or lost a part.
    """
    rules = _ALWAYS + (_WITH_NUMBERS if _has_numbers(summary) else ())
    found = [*_ended_badly(summary, is_whole)]
    found += [warning for rule in rules for warning in rule(summary)]
    found += [_doubt("run", sentence) for sentence in sentences]
    order = list(Severity)
    return tuple(sorted(found, key=lambda warning: order.index(warning.severity)))


def _untrusted(code: str, text: str, remedy: str = "") -> RunWarning:
    return RunWarning(severity=Severity.UNTRUSTED, code=code, text=text, remedy=remedy)


def _doubt(code: str, text: str, remedy: str = "") -> RunWarning:
    return RunWarning(severity=Severity.DOUBT, code=code, text=text, remedy=remedy)


def _note(code: str, text: str, remedy: str = "") -> RunWarning:
    return RunWarning(severity=Severity.NOTE, code=code, text=text, remedy=remedy)


def _has_numbers(summary: Summary) -> bool:
    return summary.total.committed_count > 0 and summary.steady_ns > 0


def _steady(summary: Summary) -> list[IntervalPoint]:
    return [point for point in summary.intervals if point.role == "steady"]


def _percent(ratio: float) -> str:
    if 0 < ratio < 0.0001:
        return "< 0.01 %"
    return f"{ratio * 100:.{2 if ratio < 0.01 else 1 if ratio < 0.1 else 0}f} %"


def _ended_badly(summary: Summary, is_whole: bool) -> Iterator[RunWarning]:
    planned_ns, length_ns = summary.accounting.planned_ns, summary.accounting.length_ns
    span = ""
    if length_ns < planned_ns:
        span = f" after {format_duration(length_ns)} of {format_duration(planned_ns)}"
    if summary.run.status is Status.FAILED and is_whole:
        yield _doubt(
            "failed_after",
            f"the load went to its end, what came after it failed: {summary.run.problem}",
        )
    elif summary.run.status is Status.FAILED:
        yield _untrusted("failed", f"the run broke off{span}: {summary.run.problem}")
    elif summary.run.status is Status.INTERRUPTED:
        yield _doubt("interrupted", f"the run was interrupted{span}: this is a partial report")


def _nothing_measured(summary: Summary) -> Iterator[RunWarning]:
    if _has_numbers(summary):
        return
    failed_count = summary.total.failed_count
    cause = f"{format_count(failed_count)} failed" if failed_count else "none finished"
    yield _untrusted(
        "nothing_measured",
        f"no transaction was committed in a steady phase: {cause}",
        "look at the failures and at the log" if failed_count else "let the run last longer",
    )


def _accounting(summary: Summary) -> Iterator[RunWarning]:
    wrong = [phase.name for phase in summary.phases if not phase.holds]
    if wrong:
        yield _untrusted(
            "accounting",
            f"transactions are missing from the accounting of {', '.join(wrong)}: offered is not "
            "committed + rolled back + failed + dropped + unfinished",
            "" if summary.run.status is Status.FAILED else "report it as a bug of stormdb",
        )


def _verified(summary: Summary) -> Iterator[RunWarning]:
    findings = summary.run.findings
    if findings is None:
        yield _note("not_verified", "the workload's invariants were not checked after the run")
        return
    broken = [finding for finding in findings if not finding.ok]
    for finding in broken:
        detail = f" ({finding.detail})" if finding.detail else ""
        yield _untrusted(
            "verify_failed",
            f"an invariant of the workload does not hold: {finding.name}{detail}",
            "the server or the workload did something wrong; fast and wrong is not fast",
        )


def _generator_busy(summary: Summary) -> Iterator[RunWarning]:
    busy = [load for load in summary.generator_load if load.cpu_busy_ratio > _BUSY_RATIO]
    if not busy:
        return
    worst = max(load.cpu_busy_ratio for load in busy)
    yield _untrusted(
        "generator_busy",
        f"{len(busy)} of {summary.run.executor.parts(len(summary.generator_load))} took or waited "
        f"for up to {_percent(worst)} of a core: the numbers show the generator, not the server",
        "offer less, use more of them, or move the generator to a machine of its own",
    )


def _near_ceiling(summary: Summary) -> Iterator[RunWarning]:
    use = summary.ceiling
    # A generator that is out of CPU has said so.
    if use is None or use.used_ratio < NEAR_CEILING_RATIO or any(_generator_busy(summary)):
        return
    yield _doubt(
        "near_ceiling",
        f"{format_rate(use.statements_per_s)} statements are {_percent(use.used_ratio)} of what "
        f"this generator reaches with {format_count(use.connections)} connections against a server "
        "that takes no time: most of each time is the way there and back",
        "use more connections or threads; `stormdb calibrate` again if the machine has changed",
    )


def _generator_late(summary: Summary) -> Iterator[RunWarning]:
    """A process that is late once an interval delays that share of its transactions by as much."""
    stats = summary.main_time_of(summary.total)
    if stats is None or not summary.generator_load:
        return
    usual_ns = max(load.loop_lag_median_ns for load in summary.generator_load)
    worst_ns = max(load.loop_lag_max_ns for load in summary.generator_load)
    share = usual_ns / max(point.length_ns for point in _steady(summary))
    remedy = "free some CPU: fewer workers, or a machine of its own for the generator"
    late = f"the generator was late by {format_duration(usual_ns)} in most intervals"
    if share >= _BLOCKED_RATIO and usual_ns > _BLOCKED_RATIO * stats.p50_ns:
        yield _untrusted(
            "generator_late",
            f"{late}, p50 is {format_duration(stats.p50_ns)}: the numbers show the generator",
            f"if run() computes for long or waits without await, let it not; else {remedy}",
        )
    elif share >= 1 - _P95 and usual_ns > _LATE_RATIO * stats.p95_ns:
        yield _untrusted(
            "generator_late",
            f"{late}, p95 is {format_duration(stats.p95_ns)}: the numbers show the generator",
            remedy,
        )
    elif share >= 1 - _P99 and usual_ns > _LATE_RATIO * stats.p99_ns:
        yield _doubt(
            "generator_late",
            f"{late}: p99 ({format_duration(stats.p99_ns)}) and beyond may be its own doing",
            remedy,
        )
    elif worst_ns > _STOPPED_NS and worst_ns > stats.p99_ns:
        yield _doubt(
            "generator_stopped",
            f"the generator stood still for {format_duration(worst_ns)}: the largest times may be "
            "its own",
            remedy,
        )


def _dropped(summary: Summary) -> Iterator[RunWarning]:
    if summary.drops:
        reasons = ", ".join(
            f"{reason.replace('_', ' ')} {format_count(n)}" for reason, n in summary.drops.items()
        )
        yield _doubt(
            "dropped",
            f"{_percent(summary.dropped_ratio)} of the arrivals were dropped ({reasons}): the "
            "times are of those that were served",
            "offer less, or raise load.max_queue, workers or connections",
        )


def _not_reached(summary: Summary) -> Iterator[RunWarning]:
    if not summary.is_open_loop or not summary.offered_per_s:
        return
    points = _steady(summary)
    seconds = sum(point.length_ns for point in points) / 1e9
    finished = sum(p.committed_count + p.rolled_back_count + p.failed_count for p in points)
    dropped = sum(point.dropped_count for point in points)
    # What was dropped is said elsewhere; this is about what still waits.
    if (finished + dropped) / seconds < _NOT_REACHED_RATIO * summary.offered_per_s:
        yield _doubt(
            "rate_not_reached",
            f"{format_rate(finished / seconds)} finished of {format_rate(summary.offered_per_s)} "
            "offered: the queue grew, and a longer run would show longer response times",
            "offer less to see response times that last",
        )


def _errors(summary: Summary) -> Iterator[RunWarning]:
    if summary.error_ratio > _ERROR_RATIO:
        yield _doubt(
            "failures",
            f"{_percent(summary.error_ratio)} of the transactions failed; their times are not in "
            "the percentiles",
            "look at the failures below",
        )


def _stalled(summary: Summary) -> Iterator[RunWarning]:
    points = _steady(summary)
    if not points or median(p.committed_count for p in points) < _FEWEST_PER_INTERVAL:
        return
    empty = [point for point in points if not point.committed_count]
    if empty:
        yield _doubt(
            "stalled",
            f"{len(empty)} of {len(points)} steady intervals saw no commit, the first one "
            f"{format_duration(empty[0].start_ns)} after the start",
            "look at the server's log for that time",
        )


def _not_steady(summary: Summary) -> Iterator[RunWarning]:
    points = _steady(summary)
    whole = [p for p in points if p.length_ns == max(q.length_ns for q in points)]
    word = summary.main_time.replace("_", " ")
    series = {f"mean {word}": [p.time_mean_ns or 0.0 for p in whole if p.committed_count]}
    if not summary.is_open_loop:
        series = {"throughput": [p.throughput_per_s for p in whole], **series}
    for name, samples in series.items():
        trend = drift(samples)
        if trend and trend.is_significant and abs(trend.ratio) > _DRIFT_RATIO:
            direction = "rose" if trend.ratio > 0 else "fell"
            yield _doubt(
                "not_steady",
                f"{name} {direction} by {_percent(abs(trend.ratio))} over the steady phase: a mean "
                "over it describes no moment",
                "lengthen warm_up, or run until it settles",
            )
            return


def _short(summary: Summary) -> Iterator[RunWarning]:
    if summary.steady_ns < _SHORT_RUN_NS:
        yield _doubt(
            "short_run",
            f"{format_duration(summary.steady_ns)} of steady load: no checkpoint and no vacuum is "
            "likely to be in it",
            "run for a minute at least, for ten to compare",
        )


def _few_samples(summary: Summary) -> Iterator[RunWarning]:
    stats = summary.main_time_of(summary.total)
    if stats and stats.unsupported:
        names = ", ".join(_quantile_text(name) for name in stats.unsupported)
        yield _doubt(
            "few_samples",
            f"{format_count(stats.count)} samples are too few for {names}: "
            "fewer than 10 lie beyond",
            "run longer",
        )


def _quantile_text(name: str) -> str:
    return "p99.9" if name == "p999" else name


def _wide_interval(summary: Summary) -> Iterator[RunWarning]:
    estimate = summary.throughput
    if estimate.high_per_s is None or not estimate.per_s:
        return
    ratio = (estimate.high_per_s - estimate.per_s) / estimate.per_s
    if ratio > _WIDE_RATIO:
        yield _doubt(
            "wide_interval",
            f"throughput is known to ± {_percent(ratio)} only: {estimate.interval_count} intervals "
            f"are worth {estimate.effective_count:.0f} independent ones",
            "run longer",
        )


def _unfinished(summary: Summary) -> Iterator[RunWarning]:
    count = summary.accounting.unfinished_count
    if count:
        yield _doubt(
            "unfinished",
            f"{format_count(count)} transactions were given up at the end of the run; how long "
            "they would have taken is not known",
        )


def _clamped(summary: Summary) -> Iterator[RunWarning]:
    if summary.clamped_count:
        yield _doubt(
            "clamped",
            f"{format_count(summary.clamped_count)} times were negative or above 24 h and count as "
            "the nearest end of that range",
            "did the machine sleep, or did a workload record wrong times?",
        )


def _gaps(summary: Summary) -> Iterator[RunWarning]:
    indexes = {point.interval_index for point in summary.intervals}
    missing = max(indexes) - min(indexes) + 1 - len(indexes)
    if missing:
        yield _doubt("gaps", f"the measurements of {missing} intervals are missing")


def _uneven(summary: Summary) -> Iterator[RunWarning]:
    spread = summary.workers
    if spread is None or spread.worker_count == 1:
        return
    if summary.total.committed_count / spread.worker_count < _FEWEST_PER_WORKER:
        return
    gap = spread.throughput_max_per_s - spread.throughput_min_per_s
    if gap > _UNEVEN_RATIO * spread.throughput_median_per_s:
        yield _doubt(
            "uneven_workers",
            f"workers did from {format_rate(spread.throughput_min_per_s)} to "
            f"{format_rate(spread.throughput_max_per_s)}: some were served better than others",
            "look for locks that workers hold; a `run` that seldom awaits starves those beside it",
        )


def _no_warm_up(summary: Summary) -> Iterator[RunWarning]:
    if not any(phase.role in {"warm_up", "ramp"} for phase in summary.phases):
        yield _doubt(
            "no_warm_up",
            "there was no warm-up: cold caches and new connections are part of the numbers",
            "set warm_up",
        )


def _not_durable(summary: Summary) -> Iterator[RunWarning]:
    settings = summary.run.server.settings
    off = [
        name
        for name in ("fsync", "full_page_writes", "synchronous_commit")
        if settings.get(name) == "off"
    ]
    if off:
        yield _doubt(
            "not_durable",
            f"{' and '.join(off)} {'is' if len(off) == 1 else 'are'} off: commits cost less than "
            "on a server that must not lose data",
        )
    if settings.get("debug_assertions") == "on":
        yield _doubt("assertions", "the server was built with assertions, which makes it slow")


def _same_machine(summary: Summary) -> Iterator[RunWarning]:
    server = summary.run.server
    if server.embedded or server.host.startswith(_LOOPBACK):
        cores = summary.run.generator.get("cpus")
        yield _note(
            "same_machine",
            "server and generator share this machine"
            + (f" and its {cores} cores" if cores else "")
            + ": each takes from the other",
            "for figures of a server, run the generator on another machine",
        )


def _closed_loop(summary: Summary) -> Iterator[RunWarning]:
    if not summary.is_open_loop:
        yield _note(
            "closed_loop",
            "closed loop: while the server is slow nothing new arrives, so waits that users would "
            "have are not counted (coordinated omission)",
            "set load.arrival and load.rate to measure response time",
        )


def _few_connections(summary: Summary) -> Iterator[RunWarning]:
    run = summary.run
    if run.workers > run.connections:
        yield _note(
            "few_connections",
            f"{run.workers} workers share {run.connections} connections: waiting for one is part "
            "of the times",
            f"set connections to {run.workers}, unless that is what you study",
        )


_Rule = Callable[["Summary"], Iterator[RunWarning]]
_ALWAYS: tuple[_Rule, ...] = (_nothing_measured, _accounting, _verified)
_WITH_NUMBERS: tuple[_Rule, ...] = (
    _generator_busy,
    _near_ceiling,
    _generator_late,
    _dropped,
    _not_reached,
    _errors,
    _stalled,
    _not_steady,
    _short,
    _few_samples,
    _wide_interval,
    _unfinished,
    _clamped,
    _gaps,
    _uneven,
    _no_warm_up,
    _not_durable,
    _same_machine,
    _closed_loop,
    _few_connections,
)
