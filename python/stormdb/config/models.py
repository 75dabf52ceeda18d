"""What a configuration holds, as frozen models.

Field names carry units; the keys in a file are the aliases. Rules that connect several keys are
in `rules`, so that they are checked even when another key is wrong.
"""

from __future__ import annotations

import os
import secrets
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from stormdb.config.course import LoadSettings
from stormdb.config.fields import (
    Count,
    Duration,
    HostPort,
    NameList,
    PathText,
    PortList,
    Ports,
    Ratio,
    Secret,
    Section,
    Size,
    Switch,
    Text,
    TextList,
    problem,
)
from stormdb.config.thresholds import Threshold, parse_threshold

__all__ = [
    "DatabaseSettings",
    "PluginLimits",
    "PluginsSettings",
    "RetrySettings",
    "RunSettings",
    "WorkloadSettings",
]


def _version(value: Any) -> Any:
    return str(value) if isinstance(value, float) else value  # 3.2 without quotes is a number


SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
SessionAttributes = Literal[
    "any", "primary", "standby", "prefer-standby", "read-write", "read-only"
]
Isolation = Literal["read uncommitted", "read committed", "repeatable read", "serializable"]
Executor = Literal["auto", "native", "coroutine"]
Io = Literal["auto", "uring", "poll"]
Protocol = Literal["prepared", "extended", "simple"]
ProtocolVersion = Annotated[
    Literal["3.0", "3.2", "latest"],
    BeforeValidator(_version),
    WithJsonSchema({"enum": ["3.0", "3.2", "latest", 3.0, 3.2]}),
]
ConnectionMode = Literal["persistent", "transient", "mixed"]

SECOND_NS = 1_000_000_000


def _hosts(value: Any) -> Any:
    if value == "":  # an unset ${HOST:-} counts as not given
        return None
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


Hosts = Annotated[
    tuple[Text, ...] | None,
    BeforeValidator(_hosts),
    PlainSerializer(lambda hosts: hosts and ",".join(hosts)),
    WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}}),
]


class DatabaseSettings(Section):
    """The server: one that runs already, or an embedded one that stormdb starts."""

    type: Literal["postgres", "embedded"] = Field(
        default="postgres",
        description="`postgres`: a server that runs; `embedded`: stormdb starts its own. "
        "Without it: `embedded` unless a connection key is given.",
    )
    url: Secret | None = Field(
        default=None,
        description="`postgresql://user@host:port/dbname?sslmode=…`, or `host=… dbname=…`.",
        examples=["postgresql://app@db.example/shop?sslmode=verify-full"],
    )
    hosts: Hosts = Field(
        default=None,
        alias="host",
        description="Name, address or socket folder; several with commas are tried in order.",
        examples=["localhost", "/var/run/postgresql"],
    )
    ports: Ports | None = Field(default=None, alias="port", description="One, or one per host.")
    dbname: Text | None = Field(default=None, description="Database.")
    username: Text | None = Field(default=None, description="Role to log in as.")
    password: Secret | None = Field(
        default=None,
        description="Better kept in `${VAR}` or in a password file.",
        examples=["${DB_PASSWORD}"],
    )
    passfile: PathText | None = Field(default=None, description="Password file.")
    sslmode: SslMode | None = Field(default=None, description="When TLS is used and checked.")
    sslrootcert: PathText | None = Field(
        default=None,
        description="Certificates of the authorities to trust; `system` for the machine's.",
    )
    sslcert: PathText | None = Field(default=None, description="Client certificate.")
    sslkey: PathText | None = Field(default=None, description="Key of the client certificate.")
    sslcrl: PathText | None = Field(default=None, description="Revoked certificates.")
    connect_timeout_ns: Duration | None = Field(
        default=None, alias="connect_timeout", description="Limit for one connect; 0 for none."
    )
    application_name: Text | None = Field(default=None, description="Name in `pg_stat_activity`.")
    target_session_attrs: SessionAttributes | None = Field(
        default=None, description="Which of several hosts will do."
    )
    max_protocol_version: ProtocolVersion | None = Field(
        default=None,
        description="Protocol version to ask for, as in libpq; a server before PostgreSQL 18 "
        "answers in 3.0. Default: `3.0`, which every pooler takes too. Native executor.",
    )
    pooler: HostPort | None = Field(
        default=None,
        description="Pooler, such as pgbouncer, that the load goes through; everything else goes "
        "to `host`. Native executor.",
        examples=["localhost:6432"],
    )
    plugin_role: Text | None = Field(
        default=None,
        description="Role that plugin code logs in as, with rights in its schema only. Embedded "
        "server: made if it is not there.",
    )
    plugin_password: Secret | None = Field(
        default=None,
        description="Its password; better kept in `${VAR}` or in a password file.",
        examples=["${PLUGIN_PASSWORD}"],
    )
    options: Text | None = Field(
        default=None,
        description="Server options of each session.",
        examples=["-c work_mem=64MB"],
    )
    settings: dict[str, Text] = Field(
        default_factory=dict,
        description="Embedded server: its settings, as in postgresql.conf.",
        examples=[{"shared_buffers": "256MB"}],
    )
    data_dir: PathText | None = Field(
        default=None, description="Embedded server: keep its data here between runs."
    )
    pg_bin: PathText | None = Field(
        default=None, description="Embedded server: folder with its program files."
    )


class PluginLimits(Section):
    """What plugin code may use before it is stopped."""

    load_timeout_ns: Duration = Field(
        default=30 * SECOND_NS, alias="load_timeout", gt=0, description="Import and `initialize`."
    )
    setup_timeout_ns: Duration = Field(
        default=3600 * SECOND_NS, alias="setup_timeout", gt=0, description="`setup`, and `cleanup`."
    )
    verify_timeout_ns: Duration = Field(
        default=600 * SECOND_NS, alias="verify_timeout", gt=0, description="`verify`."
    )
    memory_bytes: Size = Field(
        default=2 * 1024**3, alias="memory", description="Memory of each process of a plugin."
    )
    cpu_time_ns: Duration = Field(
        default=24 * 3600 * SECOND_NS,
        alias="cpu_time",
        ge=SECOND_NS,
        description="Time on a CPU, of each process.",
    )
    disk_bytes: Size = Field(
        default=1024**3,
        alias="disk",
        description="Size of a file that a plugin writes, and of its whole temporary folder.",
    )
    open_files: Count = Field(
        default=16_384, ge=64, description="Open files and connections, of each process."
    )
    processes: Count = Field(
        default=256,
        ge=1,
        description="Processes that are there at once, the plugin's own included.",
    )
    environment: NameList = Field(
        default=(),
        description="Variables that plugins see besides the usual ones; never `PG…`, `STORMDB_…` "
        "or one with a password in its name.",
        examples=[["DATA_FOLDER"]],
    )
    read: TextList = Field(
        default=(), description="Files and folders that plugins may read besides their own."
    )
    write: TextList = Field(
        default=(), description="Files and folders that plugins may read and write."
    )
    connect: PortList = Field(
        default=(), description="TCP ports that plugins may connect to besides the database's."
    )
    user: Text | None = Field(
        default=None, description="As root: the user that plugins run as. Default: root."
    )
    sandbox: Literal["auto", "off"] = Field(
        default="auto",
        description="`auto`: files and TCP ports are narrowed where the kernel offers it; `off`.",
    )

    @field_validator("memory_bytes")
    @classmethod
    def _memory_is_enough(cls, value: int) -> int:
        if value < 64 * 1024**2:
            raise problem("no plugin runs in so little memory", "give it 64MiB or more")
        return value


class PluginsSettings(Section):
    """Where workloads come from, besides the built-in and the installed ones."""

    paths: TextList = Field(
        default=("./plugins",),
        description="Folders that are searched if `auto_load` is true. Default: `plugins` in the "
        "current folder.",
    )
    files: TextList = Field(
        default=(), description="Plugins that are always loaded: `.py`, package folder, wheel, zip."
    )
    auto_load: Switch = Field(default=True, description="Whether `paths` are searched.")
    wheels: PathText | None = Field(
        default=None,
        description="Folder of wheels that the packages of plugins come from, instead of a package "
        "index.",
    )
    limits: PluginLimits = Field(default=PluginLimits(), description="Limits for plugin code.")


class RetrySettings(Section):
    """What happens to a call that a serialization failure or a deadlock ended (40001, 40P01)."""

    max_tries: Count = Field(default=1, ge=1, le=1000, description="Tries in all; 1 never retries.")
    backoff_ns: Duration = Field(
        default=10**6,
        alias="backoff",
        description="Mean pause before the second try; doubles with each further one.",
    )


def _threshold(value: Any) -> Threshold:
    return value if isinstance(value, Threshold) else parse_threshold(value)


ThresholdText = Annotated[
    Threshold,
    BeforeValidator(_threshold),
    PlainSerializer(lambda threshold: threshold.text),
    WithJsonSchema({"type": "string", "pattern": "[^<>=]+(<|<=|>|>=)[^<>=]+"}),
]


def _isolation(value: Any) -> Any:
    return value.lower().replace("_", " ").replace("-", " ") if isinstance(value, str) else value


def _default_duration(data: dict[str, Any]) -> int:
    load: LoadSettings = data.get("load", LoadSettings())
    steady_ns: int = sum(p.duration_ns for p in load.phases if p.role == "steady")
    if load.file and not steady_ns:
        # The last arrival belongs to the run, so that it ends after it: at a whole millisecond.
        around_ns: int = data.get("warm_up_ns", 0) + data.get("cool_down_ns", 0)
        steady_ns = (load.file.trace.last_ns // 10**6 + 1) * 10**6 - around_ns
    return steady_ns if steady_ns > 0 else 60 * SECOND_NS


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _one_per_core(data: dict[str, Any]) -> int:
    workers: int = data.get("workers", 1)
    return min(_cores(), workers, _shareable(data))


def _shareable(data: dict[str, Any]) -> int:
    """Threads that can share the connections: some transient and some not means two for each."""
    connections: int = data.get("connections", 1)
    return max(1, connections // 2) if data.get("connection_mode") == "mixed" else connections


CountOrAuto = Annotated[
    Count, WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}]})
]


class _PlaceSettings(Section):
    """Where things are; a base of its own, for pydantic lists the keys of the last base first."""

    database: DatabaseSettings = Field(
        default=DatabaseSettings(type="embedded"),
        description="The server; without this section stormdb starts its own.",
    )
    plugins: PluginsSettings = Field(
        default=PluginsSettings(), description="Where workloads come from."
    )


class WorkloadSettings(Section):
    """The keys of one workload."""

    workload: Text = Field(min_length=1, description="Workload type, as a plugin lists it.")
    mode: Text = Field(default="", description="A word that the workload may read.")
    scale: Count = Field(default=1, ge=1, le=2**31 - 1, description="How much data `setup` makes.")
    workers: Count = Field(
        default=4, ge=1, le=16_384, description="Calls of `run` that may be active at once."
    )
    connections: Count = Field(
        default_factory=lambda data: data.get("workers", 1),
        ge=1,
        le=65_536,
        description="Size of the pool. Default: as many as workers; fewer is a test of the pool.",
    )
    connection_mode: ConnectionMode = Field(
        default="persistent",
        description="`persistent`: connections live as long as the run; `transient`: each "
        "transaction makes its own, which is part of its time; `mixed`: some do. Native executor.",
    )
    transient_ratio: Ratio | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="With `mixed`: part of the transactions that make their own connection.",
        examples=["5%"],
    )
    executor: Executor = Field(
        default="auto",
        description="What carries the load. `native`: threads execute the transactions that the "
        "workload describes; `coroutine`: worker processes call its `run`; `auto`: `native` if it "
        "describes any.",
    )
    processes: Count = Field(
        default_factory=_one_per_core,
        ge=1,
        description="Worker processes of the coroutine executor. Default: one per core, never more "
        "than `workers` or `connections`.",
    )
    threads: CountOrAuto = Field(
        default_factory=_one_per_core,
        ge=1,
        description="Threads of the native executor. Default: `auto`, one per core, never more "
        "than `workers` or `connections`.",
    )
    io: Io = Field(
        default="auto",
        description="How the native executor talks to the system. `uring`: io_uring of Linux; "
        "`poll`: readiness; `auto`: `uring` where the kernel allows it.",
    )
    protocol: Protocol = Field(
        default="prepared",
        description="How the native executor sends statements. `prepared`: prepared once per "
        "connection; `extended`: parsed each time; `simple`: as texts with their values in them. "
        "A transient connection prepares nothing: it is `extended` where others are `prepared`.",
    )
    load: LoadSettings = Field(default=LoadSettings(), description="When transactions start.")
    start_after_ns: Duration = Field(
        default=0,
        alias="start_after",
        description="Below `workloads`: start so long after the run; without a `duration` of its "
        "own the workload ends with the run.",
        examples=["30s"],
    )
    warm_up_ns: Duration = Field(
        default=0,
        alias="warm_up",
        description="Comes before the measured phase: same load, left out of every figure.",
    )
    cool_down_ns: Duration = Field(
        default=0, alias="cool_down", description="Comes after the measured phase, left out too."
    )
    duration_ns: Duration = Field(
        default_factory=_default_duration,
        gt=0,
        alias="duration",
        description="Length of the measured phase. Default: 60s; of a trace, what `warm_up` and "
        "`cool_down` leave of it.",
    )
    isolation: Annotated[Isolation, BeforeValidator(_isolation)] | None = Field(
        default=None,
        description="Isolation level of transactions that set none. Default: the server's.",
    )
    statement_timeout_ns: Duration = Field(
        default=0, alias="statement_timeout", description="Limit for one statement; 0 for none."
    )
    transaction_timeout_ns: Duration = Field(
        default=0,
        alias="transaction_timeout",
        description="Limit for one transaction, its pauses apart; one that takes longer fails with "
        "25P04 and loses its connection; 0 for none. Native executor.",
    )
    max_error_ratio: Ratio | None = Field(
        default=None,
        description="End the run once more than this part of its transactions have failed. "
        "Default: never.",
        examples=["20%"],
    )
    retry: RetrySettings = Field(
        default=RetrySettings(), description="Serialization failures and deadlocks."
    )
    thresholds: tuple[ThresholdText, ...] = Field(
        default=(),
        description="Conditions that decide the exit code.",
        examples=[["p99 < 20ms", "error_ratio < 0.1%", "throughput > 500/s"]],
    )
    workload_config: dict[str, Any] = Field(
        default_factory=dict, description="Free keys, checked by the plugin's own model."
    )

    @field_validator("threads", mode="before")
    @classmethod
    def _threads_are_counted(cls, value: Any, info: ValidationInfo) -> Any:
        return _one_per_core(info.data) if value == "auto" else value

    @field_validator("processes", "threads")
    @classmethod
    def _each_has_work(cls, value: int, info: ValidationInfo) -> int:
        name = info.field_name
        for key in ("workers", "connections"):
            limit = info.data.get(key)
            if limit is not None and value > limit:
                raise problem(
                    f"{value} {name} cannot share {limit} {key}",
                    f"set {name} to at most {limit}, or leave it out",
                )
        if name == "threads" and value > _shareable(info.data):
            raise problem(
                f"{value} threads cannot share {info.data['connections']} connections, some of "
                "them transient",
                "set connections to at least two for each thread",
            )
        return value

    @field_validator("statement_timeout_ns")
    @classmethod
    def _statement_timeout_fits(cls, value: int) -> int:
        if 0 < value < 10**6:
            raise problem("the server counts in milliseconds", "set it to 1ms or more, or to 0")
        return value


class RunSettings(WorkloadSettings, _PlaceSettings):
    """Every key of a configuration file."""

    summary_interval_ns: Duration = Field(
        default=10 * SECOND_NS,
        alias="summary_interval",
        description="Time between two progress lines when output is no terminal; 0 for none.",
    )
    seed: Count = Field(
        default_factory=lambda: secrets.randbelow(2**32),
        ge=0,
        le=2**64 - 1,
        description="The same seed offers the same work. Default: random, and reported.",
    )
    workloads: dict[str, WorkloadSettings] = Field(
        default_factory=dict,
        description="Several workloads in one run, by name: the keys of each replace those of the "
        "top level.",
        examples=[{"checkout": {"workers": 8}, "report": {"workers": 1, "start_after": "30s"}}],
    )
    test_metadata: dict[str, Any] = Field(
        default_factory=dict,
        description="Free keys for the report: test_name, environment, database_target, notes, "
        "tags.",
    )

    @field_validator("summary_interval_ns")
    @classmethod
    def _summary_interval_is_whole(cls, value: int) -> int:
        if 0 < value < SECOND_NS:
            raise problem("figures come once per second", "set it to 1s or more, or to 0 for none")
        return value
