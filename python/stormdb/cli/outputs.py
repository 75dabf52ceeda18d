"""What a run shows while it goes on, and what it writes in the end."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from stormdb.cli.outcome import needing_room, say
from stormdb.errors import StoreError
from stormdb.logs import redact
from stormdb.report import LiveView, PlainView, print_report
from stormdb.report.forward import forward_log
from stormdb.run import Silent

if TYPE_CHECKING:
    from stormdb.analysis import RunSummary
    from stormdb.cli.flags import OutputFlags
    from stormdb.config import RunConfig
    from stormdb.run import LogRecord, RunEvents

__all__ = ["open_view", "write_outputs"]


class _Quiet(Silent):
    """Shows nothing; what plugin code logs still reaches the log."""

    def log(self, record: LogRecord) -> None:
        forward_log(record)


def open_view(output: OutputFlags, config: RunConfig) -> AbstractContextManager[RunEvents]:
    """The view for standard error: a picture on a terminal, lines elsewhere.

    Args:
        output: the command's flags.
        config: of the run.
    """
    if output.no_color:
        os.environ["NO_COLOR"] = "1"
    if output.quiet:
        return nullcontext(_Quiet())
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        return LiveView()
    return PlainView(config.summary_interval_ns)


def write_outputs(output: OutputFlags, run: RunSummary, *, seed: int) -> bool:
    """Print the report and write the files; one that cannot be written costs none of the others.

    Args:
        output: the command's flags.
        run: what was measured, and what it says.
        seed: of the run.

    Returns:
        Whether everything could be written.
    """
    exports = output.exports()
    problems = exports.write(run)
    try:
        with needing_room():
            if not output.quiet:
                stream = sys.stderr if exports.uses_stdout else sys.stdout
                again = _command(seed)
                print_report(run.workloads, stream, whole=run.together, again=again)
    except StoreError as error:
        problems.append(error)
    for problem in problems:
        say(f"stormdb: {problem}")
    return not problems


def _command(seed: int) -> str:
    """The command that makes this run again."""
    words = ["stormdb", *sys.argv[1:]]
    if "--seed" not in " ".join(words):
        words += ["--seed", str(seed)]
    return redact(shlex.join(words))
