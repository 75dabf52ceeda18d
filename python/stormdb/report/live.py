"""The live view: stages as they pass, progress bars, and the dashboard of the load."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self, TextIO

from rich.console import Console, RenderableType
from rich.control import Control
from rich.live import Live
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from stormdb.report.dashboard import dashboard
from stormdb.report.dashboard_several import dashboard_of_several
from stormdb.report.forward import forward_log
from stormdb.report.styles import BAR, DOUBT, GOOD
from stormdb.report.tracker import Figures, Tracker
from stormdb.run.events import Silent, Stage
from stormdb.units import format_count, format_duration, format_rate

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Task

    from stormdb._native import IntervalSnapshot
    from stormdb.run.events import LoadInfo, LogRecord

__all__ = ["LiveView"]

_REFRESH_PER_S = 4


class LiveView(Silent):
    """Shows a run on a terminal and leaves one line per stage behind.

    The picture is on the screen only while a stage goes on: between two stages the terminal is as
    usual, so that a question can be asked. Call `close`, or leave the `with` block, however the
    run ends: it gives the cursor back.

    Args:
        stream: a terminal; standard error by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._console = Console(
            file=stream or sys.stderr, highlight=False, markup=False, emoji=False
        )
        self._size = self._console.size
        self._live: Live | None = None
        self._stage = ""
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._loads: dict[str, LoadInfo] = {}
        self._trackers: dict[str, Tracker] = {}
        # The drawing thread reads plain numbers only: native objects belong to one thread.
        self._figures: dict[str, Figures] = {}

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
        """Take the picture away and give the cursor back; any number of times."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def stage_started(self, stage: Stage, detail: str = "") -> None:
        """Show what begins."""
        self._stage = f"{stage.value}{f': {detail}' if detail else ''}"
        self._progress = _progress(self._console)
        self._task = self._progress.add_task(self._stage, total=None)
        if self._live is None:
            self._live = Live(
                console=self._console,
                get_renderable=self._picture,
                refresh_per_second=_REFRESH_PER_S,
                transient=True,
            )
            self._live.start()

    def stage_ended(self, stage: Stage, duration_ns: int) -> None:
        """Leave a line behind; the picture of the load stays until the load has drained."""
        if stage is Stage.LOAD:
            return
        self.close()
        self._loads, self._figures = {}, {}
        if stage is not Stage.DRAIN:
            self._console.print(
                Text.assemble(
                    ("✓ ", GOOD), self._stage, (f"  {format_duration(duration_ns)}", "dim")
                )
            )

    def progress(self, done: int, total: int | None, what: str) -> None:
        """Move the bar; another `what` starts another one."""
        if self._progress is None:
            return
        if self._progress.tasks[-1].description != what:
            self._task = self._progress.add_task(what, total=total)
        self._progress.update(self._task, completed=done, total=total)

    def log(self, record: LogRecord) -> None:
        """To the log, which appears above the picture."""
        forward_log(record)

    def load_started(self, load: LoadInfo) -> None:
        """From now on the picture is the dashboard."""
        self._trackers[load.name] = Tracker(load)
        # The drawing thread may be looking at the old one.
        self._loads = {**self._loads, load.name: load}

    def interval(self, workload: str, snapshot: IntervalSnapshot) -> None:
        """Show the new figures."""
        if workload in self._trackers:
            self._figures = {**self._figures, workload: self._trackers[workload].add(snapshot)}

    def warning(self, sentence: str) -> None:
        """Above the picture."""
        self._console.print(Text.assemble(("warning: ", DOUBT), sentence))

    def _picture(self) -> RenderableType:
        size = self._console.size
        if size != self._size:
            # The terminal has folded the old picture: only an empty screen is a sure start.
            self._size = size
            self._console.control(Control.clear(), Control.home())
        loads, figures = self._loads, self._figures
        if loads:
            first, *others = loads.values()
            size_of = {"width": size.width, "height": size.height}
            now_ns = time.monotonic_ns() - first.start_ns
            if others:
                now_ns += first.start_after_ns
                return dashboard_of_several(loads, figures, now_ns=now_ns, **size_of)
            return dashboard(first, figures.get(first.name), now_ns=now_ns, **size_of)
        return self._progress or Text(self._stage)


def _progress(console: Console) -> Progress:
    """Bars with how much is done, how fast, and how long it will take."""
    return Progress(
        SpinnerColumn(finished_text=f"[{GOOD}]✓"),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30, complete_style=BAR, finished_style=GOOD, pulse_style=BAR),
        TaskProgressColumn(),
        _DoneColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        auto_refresh=False,
    )


class _DoneColumn(TextColumn):
    """`12,000 of 100,000  4,000/s`; nothing for a stage that tells no progress."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        if not task.completed and task.total is None:
            return Text()
        total = "" if task.total is None else f" of {format_count(task.total)}"
        rate = "" if task.speed is None else f"  {format_rate(task.speed)}"
        return Text(f"{format_count(task.completed)}{total}{rate}", style="dim")
