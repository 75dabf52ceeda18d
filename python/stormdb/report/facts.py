"""What ran where: the head of the final report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from stormdb.report.text import format_span

if TYPE_CHECKING:
    from stormdb.analysis import Summary
    from stormdb.analysis.summary import PhaseSummary
    from stormdb.results import ExecutorInfo, ServerInfo

__all__ = ["facts_table", "machines_table", "workload_table"]

_SETTINGS = (
    "shared_buffers",
    "work_mem",
    "max_connections",
    "max_wal_size",
    "checkpoint_timeout",
    "wal_level",
    "fsync",
    "synchronous_commit",
    "synchronous_standby_names",
    "full_page_writes",
    "autovacuum",
    "jit",
)
"""Those of the server's settings that are shown; the JSON report has all that were read."""
_UNSET = (None, "", "0s", 1)
"""Values of keys that need not be told: a default, or none."""
_DIGEST_LENGTH = 12


def facts_table(summary: Summary) -> Table:
    """Server, settings, generator, load, plugin, configuration."""
    return _table(_of_the_machines(summary) | _of_the_workload(summary))


def machines_table(summary: Summary) -> Table:
    """Server, settings, generator: the same for all workloads of a run."""
    return _table(_of_the_machines(summary))


def workload_table(summary: Summary) -> Table:
    """Load, plugin, configuration."""
    return _table(_of_the_workload(summary))


def _table(facts: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in facts.items():
        if text:
            table.add_row(name, Text(text))
    return table


def _of_the_machines(summary: Summary) -> dict[str, str]:
    server, machine = summary.run.server, summary.run.generator
    how = "embedded" if server.embedded else server.tls or "without TLS"
    generator = (
        f"{machine.get('platform', '')}, {machine.get('cpus', '?')} cores, "
        f"Python {machine.get('python', '')}"
    )
    return {
        "server": f"PostgreSQL {server.version} at {_place(server)}, {how}, "
        f"database {server.dbname}",
        "settings": _pairs({name: server.settings.get(name, "") for name in _SETTINGS}),
        "generator": generator,
    }


def _of_the_workload(summary: Summary) -> dict[str, str]:
    run = summary.run
    plugin = run.plugin
    return {
        "executor": f"{_executor(run.executor)}; {_count(run.workers, 'worker')}, "
        f"{_count(run.connections, 'connection')}",
        "load": _load(summary),
        "plugin": f"{plugin.name} {plugin.version} from {plugin.source} ({_short(plugin.digest)})",
        "packages": ", ".join(one.partition(" ")[0] for one in plugin.packages),
        "config": f"{_short(run.config_digest)}, seed {run.seed}{_config(summary)}",
        "options": _pairs(run.config.get("workload_config", {})),
        "test": _pairs(run.config.get("test_metadata", {})),
    }


def _place(server: ServerInfo) -> str:
    if server.host.startswith("/"):
        return f"{server.host}, port {server.port}"
    return (
        f"[{server.host}]:{server.port}" if ":" in server.host else f"{server.host}:{server.port}"
    )


def _executor(executor: ExecutorInfo) -> str:
    if executor.kind == "coroutine":
        return f"coroutine, {_count(executor.processes, 'process', 'es')}"
    io = "io_uring" if executor.io == "uring" else executor.io
    threads = _count(executor.threads, "thread")
    return f"native, {threads} ({io}), program {_short(executor.program_digest)}"


def _load(summary: Summary) -> str:
    arrival = summary.run.arrival
    asked = summary.run.config.get("load", {})
    if arrival == "closed":
        pause = asked.get("think_time")
        kind = "closed loop" if pause in _UNSET else f"closed loop, think time {pause}"
    else:
        rate = asked.get("rate")
        kind = f"open loop, {arrival} arrivals" + (f" at {rate}" if rate else "")
    delay_ns = summary.run.start_after_ns
    delay = f"starts after {format_span(delay_ns)}; " if delay_ns else ""
    phases = ", ".join(map(_phase, summary.phases))
    return f"{kind}; {delay}{phases}"


def _phase(phase: PhaseSummary) -> str:
    planned = f"{phase.name} {format_span(phase.planned_ns)}"
    if phase.length_ns == phase.planned_ns:
        return planned
    return f"{planned} (stopped after {format_span(phase.length_ns)})"


def _config(summary: Summary) -> str:
    keys = ("mode", "scale", "isolation", "statement_timeout")
    shown = {key: summary.run.config.get(key) for key in keys}
    shown["max_tries"] = summary.run.config.get("retry", {}).get("max_tries")
    return "".join(f", {key} {value}" for key, value in shown.items() if value not in _UNSET)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items() if value != "")


def _short(digest: str) -> str:
    """The first digits of a digest, enough to tell two from one another."""
    return digest.removeprefix("sha256:")[:_DIGEST_LENGTH]


def _count(count: int, word: str, plural: str = "s") -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}{plural}"
