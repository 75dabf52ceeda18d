"""What a configuration holds, as frozen models.

Field names carry units; the keys in a file are the aliases. Rules that connect several keys are
in `rules`, so that they are checked even when another key is wrong.
"""

from __future__ import annotations

import os
import secrets
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from stormdb.config.fields import (
    Count,
    Duration,
    PathText,
    Ports,
    Rate,
    RateOrZero,
    Secret,
    Size,
    Switch,
    Text,
    TextList,
    duration_text,
    problem,
    rate_text,
)
from stormdb.config.thresholds import Threshold, parse_threshold

__all__ = [
    "DatabaseSettings",
    "LoadSettings",
    "PhaseSettings",
    "PluginLimits",
    "PluginsSettings",
    "RetrySettings",
    "RunSettings",
    "SineSettings",
    "SpikeSettings",
]

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
SessionAttributes = Literal[
    "any", "primary", "standby", "prefer-standby", "read-write", "read-only"
]
Isolation = Literal["read uncommitted", "read committed", "repeatable read", "serializable"]
Role = Literal["warm_up", "ramp", "steady", "cool_down"]
Executor = Literal["auto", "native", "coroutine"]
Io = Literal["auto", "uring", "poll"]

SECOND_NS = 1_000_000_000


class Section(BaseModel):
    """A mapping of the file with a fixed set of keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


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
    limits: PluginLimits = Field(default=PluginLimits(), description="Limits for plugin code.")


class RetrySettings(Section):
    """What happens to a call that a serialization failure or a deadlock ended (40001, 40P01)."""

    max_tries: Count = Field(default=1, ge=1, le=1000, description="Tries in all; 1 never retries.")
    backoff_ns: Duration = Field(
        default=10**6,
        alias="backoff",
        description="Mean pause before the second try; doubles with each further one.",
    )


class SineSettings(Section):
    """Swing of a phase's rate around its `rate`."""

    amplitude_micro_per_s: Rate = Field(
        alias="amplitude", description="At most the phase's rate.", examples=["200/s"]
    )
    period_ns: Duration = Field(
        alias="period", description="Length of one swing.", examples=["30s"]
    )


class SpikeSettings(Section):
    """Burst within a phase."""

    peak_micro_per_s: Rate = Field(
        alias="peak", description="Rate during the burst.", examples=["2k/s"]
    )
    at_ns: Duration = Field(
        alias="at", description="Start, counted from the start of the phase.", examples=["20s"]
    )
    width_ns: Duration = Field(alias="width", description="Length.", examples=["5s"])


def _default_role(data: dict[str, Any]) -> Role:
    return "ramp" if data.get("from_micro_per_s") is not None else "steady"


class PhaseSettings(Section):
    """One phase of a run."""

    name: Text = Field(
        min_length=1, max_length=100, description="Unique within the run.", examples=["hold"]
    )
    duration_ns: Duration = Field(alias="duration", gt=0, description="Length.", examples=["30s"])
    rate_micro_per_s: RateOrZero | None = Field(
        default=None, alias="rate", description="Rate, unless it is a ramp; 0 only below a spike."
    )
    from_micro_per_s: RateOrZero | None = Field(
        default=None, alias="from", description="Ramp: rate at its start."
    )
    to_micro_per_s: RateOrZero | None = Field(
        default=None, alias="to", description="Ramp: rate at its end."
    )
    sine: SineSettings | None = Field(default=None, description="Swing around `rate`.")
    spike: SpikeSettings | None = Field(default=None, description="Burst above `rate`.")
    role: Role = Field(
        default_factory=_default_role,
        description="What the phase is for; figures are of `steady` ones. Default: `steady`, of a "
        "ramp `ramp`.",
    )

    @property
    def highest_micro_per_s(self) -> int:
        """The highest rate within the phase."""
        base = self.rate_micro_per_s or 0
        swing = self.sine.amplitude_micro_per_s if self.sine else 0
        peak = self.spike.peak_micro_per_s if self.spike else 0
        return max(base + swing, peak, self.from_micro_per_s or 0, self.to_micro_per_s or 0)

    @field_validator("sine")
    @classmethod
    def _sine_stays_above_zero(
        cls, value: SineSettings | None, info: ValidationInfo
    ) -> SineSettings | None:
        rate = info.data.get("rate_micro_per_s")
        if value and rate is not None and value.amplitude_micro_per_s > rate:
            raise problem(
                "the amplitude is above the rate, so the rate would fall below 0",
                f"set amplitude to at most {rate_text(rate)}",
            )
        return value

    @field_validator("spike")
    @classmethod
    def _spike_fits(cls, value: SpikeSettings | None, info: ValidationInfo) -> SpikeSettings | None:
        duration_ns = info.data.get("duration_ns")
        if value and duration_ns is not None and value.at_ns + value.width_ns > duration_ns:
            raise problem(
                "the spike ends after its phase",
                f"keep `at` and `width` together within {duration_text(duration_ns)}",
            )
        return value

    @model_validator(mode="after")
    def _something_arrives(self) -> Self:
        rates = (self.rate_micro_per_s, self.from_micro_per_s, self.to_micro_per_s)
        if any(rate == 0 for rate in rates) and not any(rates) and not self.spike:
            raise problem("nothing arrives at a rate of 0", "give a rate above 0, or a spike")
        return self


class LoadSettings(Section):
    """When transactions start."""

    arrival: Literal["closed", "constant", "poisson"] = Field(
        default="closed",
        description="`closed`: the next follows the last; `constant`, `poisson`: at a rate.",
    )
    rate_micro_per_s: Rate | None = Field(
        default=None, alias="rate", description="Offered rate over all workers; not if closed."
    )
    think_time_ns: Duration = Field(
        default=0, alias="think_time", description="Mean pause between two calls; closed only."
    )
    think_time_distribution: Literal["constant", "exponential"] = Field(
        default="constant", description="How the pause is drawn; closed only."
    )
    phases: tuple[PhaseSettings, ...] = Field(
        default=(),
        description="The course of the run, instead of `duration`, `warm_up` and `cool_down`.",
    )
    max_queue: Count = Field(
        default=100_000,
        ge=1,
        le=10_000_000,
        description="Arrivals that may wait for a free worker; one more is dropped and counted.",
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
    phases: tuple[PhaseSettings, ...] = data["load"].phases if "load" in data else ()
    steady_ns: int = sum(p.duration_ns for p in phases if p.role == "steady")
    return steady_ns or 60 * SECOND_NS


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _one_per_core(data: dict[str, Any]) -> int:
    workers: int = data.get("workers", 1)
    connections: int = data.get("connections", 1)
    return min(_cores(), workers, connections)


CountOrAuto = Annotated[
    Count, WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}]})
]


class RunSettings(Section):
    """Every key of a configuration file."""

    database: DatabaseSettings = Field(
        default=DatabaseSettings(type="embedded"),
        description="The server; without this section stormdb starts its own.",
    )
    plugins: PluginsSettings = Field(
        default=PluginsSettings(), description="Where workloads come from."
    )
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
    load: LoadSettings = Field(default=LoadSettings(), description="When transactions start.")
    duration_ns: Duration = Field(
        default_factory=_default_duration,
        gt=0,
        alias="duration",
        description="Length of the measured phase. Default: 60s.",
    )
    warm_up_ns: Duration = Field(
        default=0,
        alias="warm_up",
        description="Comes before the measured phase: same load, left out of every figure.",
    )
    cool_down_ns: Duration = Field(
        default=0, alias="cool_down", description="Comes after the measured phase, left out too."
    )
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
    isolation: Annotated[Isolation, BeforeValidator(_isolation)] | None = Field(
        default=None,
        description="Isolation level of transactions that set none. Default: the server's.",
    )
    statement_timeout_ns: Duration = Field(
        default=0, alias="statement_timeout", description="Limit for one statement; 0 for none."
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
    test_metadata: dict[str, Any] = Field(
        default_factory=dict,
        description="Free keys for the report: test_name, environment, database_target, notes, "
        "tags.",
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
        return value

    @field_validator("summary_interval_ns")
    @classmethod
    def _summary_interval_is_whole(cls, value: int) -> int:
        if 0 < value < SECOND_NS:
            raise problem("figures come once per second", "set it to 1s or more, or to 0 for none")
        return value

    @field_validator("statement_timeout_ns")
    @classmethod
    def _statement_timeout_fits(cls, value: int) -> int:
        if 0 < value < 10**6:
            raise problem("the server counts in milliseconds", "set it to 1ms or more, or to 0")
        return value
