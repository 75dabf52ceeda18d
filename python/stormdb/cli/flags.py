"""The flags of `run` and `cleanup`, in groups, and what each sets in the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from stormdb.cli.coroutines import run_coroutine
from stormdb.cli.grouped import FlagGroup

if TYPE_CHECKING:
    from stormdb.report import Exports

__all__ = [
    "CleanupFlags",
    "DataFlags",
    "LoadFlags",
    "LogFlags",
    "OutputFlags",
    "ServerFlags",
    "WhatFlags",
]


def _workload_types(incomplete: str) -> list[tuple[str, str]]:
    """Workload types and their plugins, for shell completion."""
    from stormdb.config import PluginsSettings
    from stormdb.plugins import Catalog

    catalog = Catalog.discover(PluginsSettings())
    run_coroutine(catalog.load(lambda _: False))
    return [
        (name, f"plugin {record.name}")
        for name, record in catalog.workload_types.items()
        if name.startswith(incomplete)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatFlags(FlagGroup):
    """Workload, plugin, configuration."""

    title: ClassVar[str] = "What to run"

    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="Workload type; `stormdb workloads list` shows them.",
            autocompletion=_workload_types,
        ),
    ] = None
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="FILE", envvar="STORMDB_CONFIG", help="Configuration file."
        ),
    ] = None
    workload: Annotated[
        str | None,
        typer.Option(
            "--workload",
            "-w",
            metavar="NAME",
            help="The same as the argument NAME.",
            autocompletion=_workload_types,
        ),
    ] = None
    mode: Annotated[
        str | None, typer.Option(metavar="WORD", help="A word that the workload may read.")
    ] = None
    scale: Annotated[
        str | None, typer.Option(metavar="N", help="How much data the setup makes.")
    ] = None
    plugin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Load a plugin: .py file, package folder, wheel or zip; repeatable.",
        ),
    ] = None
    plugin_path: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER", help="Search a folder for plugins; repeatable."),
    ] = None
    locked: Annotated[
        bool,
        typer.Option(
            "--locked", help="Refuse plugins and packages that are not what stormdb.lock holds."
        ),
    ] = False
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Set any key of the configuration, as retry.max_tries=3; repeatable.",
        ),
    ] = None

    def values(self) -> dict[str, object]:
        """What the flags set, by key of the configuration; None for those not given."""
        return {
            "workload": self.workload,
            "mode": self.mode,
            "scale": self.scale,
            "plugins.files": self.plugin or None,
            "plugins.paths": self.plugin_path or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFlags(FlagGroup):
    """What happens to the workload's data before the run."""

    title: ClassVar[str] = "Data"

    setup: Annotated[bool, typer.Option("--setup", help="Make the data, unless it is there.")] = (
        False
    )
    rebuild: Annotated[
        bool, typer.Option("--rebuild", "-r", help="Drop the data and make it anew. Asks first.")
    ] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Drop data without asking.")] = False
    create_extensions: Annotated[
        bool,
        typer.Option(
            "--create-extensions",
            help="Create the extensions that the plugin requires, in schema public.",
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupFlags(FlagGroup):
    """How data is dropped."""

    title: ClassVar[str] = "Data"

    yes: Annotated[bool, typer.Option("--yes", "-y", help="Drop data without asking.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFlags(FlagGroup):
    """When transactions start, how many, how long."""

    title: ClassVar[str] = "Load"

    duration: Annotated[
        str | None,
        typer.Option(
            "--duration", "-d", metavar="TIME", help="Length of the measured phase, as 90s or 5m."
        ),
    ] = None
    warm_up: Annotated[
        str | None, typer.Option(metavar="TIME", help="Load before it that does not count.")
    ] = None
    workers: Annotated[
        str | None, typer.Option(metavar="N", help="Calls that may be active at once.")
    ] = None
    connections: Annotated[
        str | None, typer.Option(metavar="N", help="Size of the connection pool.")
    ] = None
    arrival: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="closed: the next follows the last; constant, poisson: by --rate; trace: as "
            "recorded in load.file.",
        ),
    ] = None
    rate: Annotated[
        str | None,
        typer.Option(metavar="RATE", help="Arrivals, as 500/s; constant unless --arrival differs."),
    ] = None
    seed: Annotated[
        str | None, typer.Option(metavar="N", help="The same seed offers the same work.")
    ] = None
    executor: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="native: threads execute described transactions; coroutine: processes call run; "
            "default: native if there are any.",
        ),
    ] = None
    threads: Annotated[
        str | None, typer.Option(metavar="N", help="Threads of the native executor, or auto.")
    ] = None
    io: Annotated[
        str | None, typer.Option(metavar="KIND", help="Its way to the server: uring, poll or auto.")
    ] = None

    def values(self) -> dict[str, object]:
        """What the flags set, by key of the configuration; None for those not given."""
        return {
            "duration": self.duration,
            "warm_up": self.warm_up,
            "workers": self.workers,
            "connections": self.connections,
            "load.arrival": self.arrival,
            "load.rate": self.rate,
            "seed": self.seed,
            "executor": self.executor,
            "threads": self.threads,
            "io": self.io,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFlags(FlagGroup):
    """The server. Without one stormdb starts its own."""

    title: ClassVar[str] = "Server (without any of these stormdb starts its own)"

    host: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name, address or socket folder.")
    ] = None
    port: Annotated[str | None, typer.Option(metavar="N", help="Port.")] = None
    dbname: Annotated[str | None, typer.Option(metavar="NAME", help="Database.")] = None
    username: Annotated[
        str | None, typer.Option("--username", "-u", metavar="ROLE", help="Role to log in as.")
    ] = None
    ask_password: Annotated[
        bool,
        typer.Option(
            "--ask-password",
            "-W",
            help="Ask for the password. No flag takes one, for everybody on a machine can read "
            "its command lines: use PGPASSWORD, ~/.pgpass, or ${VAR} in the file.",
        ),
    ] = False
    pg_bin: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Own server: folder of PostgreSQL's programs."),
    ] = None
    data_dir: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Own server: keep its data here between runs."),
    ] = None

    def values(self) -> dict[str, object]:
        """What the flags set, by key of the configuration; None for those not given.

        Raises:
            ConfigError: the password cannot be asked for.
        """
        from stormdb.cli.prompt import ask_password

        return {
            "database.host": self.host,
            "database.port": self.port,
            "database.dbname": self.dbname,
            "database.username": self.username,
            "database.password": ask_password() if self.ask_password else None,
            "database.pg_bin": self.pg_bin,
            "database.data_dir": self.data_dir,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFlags(FlagGroup):
    """What is shown and written."""

    title: ClassVar[str] = "Output"

    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the report as JSON; - for standard output."),
    ] = None
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write one line per second as CSV.")
    ] = None
    hdr: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the times as an HdrHistogram interval log."),
    ] = None
    summary_interval: Annotated[
        str | None,
        typer.Option(
            "--summary-interval",
            "-s",
            metavar="TIME",
            help="Time between progress lines where there is no terminal.",
        ),
    ] = None
    no_summary: Annotated[bool, typer.Option("--no-summary", help="No progress lines.")] = False
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress and no report, but the files.")
    ] = False
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colours; NO_COLOR does the same.")
    ] = False

    def values(self) -> dict[str, object]:
        """What the flags set, by key of the configuration; None for those not given."""
        return {"summary_interval": "0" if self.no_summary else self.summary_interval}

    def exports(self) -> Exports:
        """The files that are asked for."""
        from stormdb.report import Exports

        return Exports(json=self.json, csv=self.csv, hdr=self.hdr)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFlags(FlagGroup):
    """What is logged, and where."""

    title: ClassVar[str] = "Log"

    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            help="Log what happens; -vv: SQL too.",
            show_default=False,
        ),
    ] = 0
    log_level: Annotated[
        str,
        typer.Option(
            metavar="LEVEL",
            envvar="STORMDB_LOG_LEVEL",
            help="debug, info, warning or error.",
        ),
    ] = "warning"
    log_format: Annotated[
        str,
        typer.Option(metavar="FORMAT", envvar="STORMDB_LOG_FORMAT", help="text or json."),
    ] = "text"
    log_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="STORMDB_LOG_FILE",
            help="Append the log to this file instead of standard error.",
        ),
    ] = None
