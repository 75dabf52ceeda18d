"""Progress as plain lines, for logs, pipes and continuous integration."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Self, TextIO

from stormdb.analysis.timeline import DRAIN, interval_point, merged_snapshot
from stormdb.report.forward import forward_log
from stormdb.report.text import format_metric, format_percent, format_span, time_word
from stormdb.run.events import Stage
from stormdb.units import format_count, format_duration, format_rate

if TYPE_CHECKING:
    from types import TracebackType

    from stormdb._native import IntervalSnapshot
    from stormdb.analysis.summary import IntervalPoint
    from stormdb.results import RunResult
    from stormdb.run.events import LoadInfo, LogRecord

__all__ = ["PlainView"]

_HEADER_EVERY = 20
_MOST_METRICS = 4
_NAME_COLUMN = ("workload", 16)
_COLUMNS = (
    ("phase", 10),
    ("until", 7),
    ("throughput", 12),
    ("p50", 9),
    ("p99", 9),
    ("max", 9),
    ("failed", 8),
    ("dropped", 8),
    ("busy", 9),
)


class PlainView:
    """Writes one line per summary interval; no colour, no carriage return.

    Args:
        summary_interval_ns: least time between two lines about the load or a long step; 0 for none.
        stream: where to; standard error by default.
    """

    def __init__(self, summary_interval_ns: int, stream: TextIO | None = None) -> None:
        self._summary_interval_ns = summary_interval_ns
        self._stream = stream or sys.stderr
        self._loads: dict[str, LoadInfo] = {}
        self._waiting: dict[str, list[IntervalSnapshot]] = {}
        self._line_count = 0
        self._progress_due_ns = 0
        self._progress_from: tuple[str, int, int] = ("", 0, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is left open."""

    def stage_started(self, stage: Stage, detail: str = "") -> None:
        """Say what begins."""
        self._write(f"{stage.value}{f': {detail}' if detail else ''}")

    def stage_ended(self, stage: Stage, duration_ns: int) -> None:
        """Say what a stage took, if it was not over in a moment."""
        self._flush_all()
        if stage is Stage.LOAD:
            now_ns = time.monotonic_ns()
            for name, load in self._loads.items():
                self._loads[name] = _ended(load, max(now_ns - load.start_ns, 0))
        if duration_ns >= 10**9 and stage not in {Stage.LOAD, Stage.DRAIN}:
            self._write(f"{stage.value}: done after {format_duration(duration_ns)}")

    def progress(self, done: int, total: int | None, what: str) -> None:
        """A line once per summary interval."""
        now_ns = time.monotonic_ns()
        if what != self._progress_from[0]:
            self._progress_from = (what, done, now_ns)
            self._progress_due_ns = now_ns + self._summary_interval_ns
        if not self._summary_interval_ns or now_ns < self._progress_due_ns:
            return
        self._progress_due_ns = now_ns + self._summary_interval_ns
        rate = (done - self._progress_from[1]) / max((now_ns - self._progress_from[2]) / 1e9, 1e-9)
        text = f"{format_count(done)} {what}".rstrip()
        if total:
            text = f"{format_count(done)} of {format_count(total)} {what}".rstrip()
            text += f", {format_percent(done / total)}"
        text += f", {format_rate(rate)}"
        if total and rate > 0 and done < total:
            text += f", {format_duration((total - done) / rate * 1e9)} left"
        self._write(text)

    def log(self, record: LogRecord) -> None:
        """To the log, like every other record."""
        forward_log(record)

    def load_started(self, load: LoadInfo) -> None:
        """Say what load it is."""
        is_first = not self._loads
        self._loads[load.name] = load
        self._waiting[load.name] = []
        rate = "" if load.rate_per_s is None else f" at {format_rate(load.rate_per_s)}"
        kind = "closed loop" if load.arrival == "closed" else f"open loop, {load.arrival}{rate}"
        delay = f", starts after {format_span(load.start_after_ns)}" if load.start_after_ns else ""
        self._write(
            f"{load.name}: {kind}, {load.workers} workers, {load.connections} connections, "
            + load.executor.parts(load.executor.part_count)
            + delay
        )
        if self._summary_interval_ns:
            word = time_word("service_time" if load.arrival == "closed" else "response_time")
            since = " of the transactions committed since the last line" if is_first else ""
            self._write(f"times{'' if is_first else f' of {load.name}'} are {word}s{since}")

    def interval(self, workload: str, snapshot: IntervalSnapshot) -> None:
        """Collect; write a line when the summary interval is full or the phase changes."""
        if workload not in self._loads or not self._summary_interval_ns:
            return
        waiting = self._waiting[workload]
        if waiting and waiting[0].first_interval.phase_index != snapshot.first_interval.phase_index:
            self._flush(workload)
        waiting.append(snapshot)
        length_ns = snapshot.last_interval.end_ns - waiting[0].first_interval.start_ns
        if length_ns >= self._summary_interval_ns:
            self._flush(workload)

    def warning(self, sentence: str) -> None:
        """At once."""
        self._write(f"warning: {sentence}")

    def finished(self, results: Sequence[RunResult]) -> None:  # noqa: ARG002 - part of RunEvents
        """What is left."""
        self._flush_all()

    def _flush_all(self) -> None:
        for name in self._loads:
            self._flush(name)

    def _flush(self, name: str) -> None:
        """Write a line about the intervals of a workload that wait for one."""
        load = self._loads[name]
        merged_one = merged_snapshot(self._waiting[name])
        self._waiting[name].clear()
        if merged_one is None:
            return
        is_open_loop = load.arrival != "closed"
        point = interval_point(merged_one, load.phases, is_open_loop=is_open_loop)
        busy_ns = sum(worker.busy_ns for worker in merged_one.workers.values())
        busy_ratio = min(busy_ns / point.length_ns / load.workers, 1.0)
        values = (
            point.phase,
            format_span(load.start_after_ns + point.start_ns + point.length_ns),
            format_rate(point.throughput_per_s),
            *(
                "-" if time_ns is None else format_duration(time_ns)
                for time_ns in (point.time_p50_ns, point.time_p99_ns, point.time_max_ns)
            ),
            format_count(point.failed_count),
            format_count(point.dropped_count),
            format_percent(busy_ratio),
        )
        if point.role == DRAIN and not point.failed_count:
            return
        columns = _COLUMNS if len(self._loads) == 1 else (_NAME_COLUMN, *_COLUMNS)
        if self._line_count % _HEADER_EVERY == 0:
            self._write(_aligned([header for header, _ in columns], columns))
        self._line_count += 1
        self._write(_aligned([name, *values][-len(columns) :], columns))
        if metrics := _metrics(point):
            self._write(f"  {metrics}")

    def _write(self, line: str) -> None:
        print(f"{datetime.now().astimezone():%H:%M:%S}  {line}", file=self._stream, flush=True)


def _ended(load: LoadInfo, ended_ns: int) -> LoadInfo:
    """The load with its phases as they were run, for it may have been stopped early."""
    phases = [replace(phase, end_ns=min(phase.end_ns, ended_ns)) for phase in load.phases]
    return replace(load, phases=phases)


def _metrics(point: IntervalPoint) -> str:
    """Custom metrics in a few words: `cache_miss 15, 1.50/s · batch_rows mean 12.9, max 16`."""
    parts = [
        f"{c.name} {format_count(c.count)}, {format_rate(c.rate_per_s)}" for c in point.counters
    ]
    parts += [
        f"{value.name} mean {format_metric(value.name, value.mean)}, "
        f"max {format_metric(value.name, value.max)}"
        for value in point.values
    ]
    more = f" · and {len(parts) - _MOST_METRICS} more" if len(parts) > _MOST_METRICS else ""
    return " · ".join(parts[:_MOST_METRICS]) + more


def _aligned(values: Sequence[str], columns: Sequence[tuple[str, int]]) -> str:
    """Texts to the left up to the phase, numbers to the right."""
    return "".join(
        f"{text:<{width}}" if header in {"workload", "phase"} else f"{text:>{width}}"
        for text, (header, width) in zip(values, columns, strict=True)
    )
