"""What a configuration says about the course of a run: when transactions start, and its phases."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from stormdb.config.fields import (
    Count,
    Duration,
    Rate,
    RateOrZero,
    Section,
    Text,
    Times,
    duration_text,
    problem,
    rate_text,
)
from stormdb.config.trace_file import TracePath, read_trace

__all__ = ["LoadSettings", "PhaseSettings", "Role", "SineSettings", "SpikeSettings"]

Role = Literal["warm_up", "ramp", "steady", "cool_down"]


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
    steps: Count | None = Field(
        default=None,
        ge=2,
        le=1000,
        description="Ramp: go from one rate to the other in so many steps, each held for the same "
        "time, instead of evenly.",
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

    arrival: Literal["closed", "constant", "poisson", "trace"] = Field(
        default="closed",
        description="`closed`: the next follows the last; `constant`, `poisson`: at a rate; "
        "`trace`: at the times in `file`.",
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
    micro_speed: Times = Field(
        default=10**6,
        alias="speed",
        description="How much faster than recorded a trace is played; below 1 is slower.",
    )
    file: TracePath | None = Field(
        default=None,
        description="Trace: one time per line, in seconds after the start of the run.",
        examples=["times.csv"],
    )
    max_lag_ns: Duration = Field(
        default=0,
        alias="max_lag",
        description="An arrival that is later than this is dropped and counted instead of "
        "started; 0 for none. Not if closed.",
    )
    max_queue: Count = Field(
        default=100_000,
        ge=1,
        le=10_000_000,
        description="Arrivals that may wait for a free worker; one more is dropped and counted.",
    )

    @field_validator("file", mode="before")
    @classmethod
    def _file_is_read(cls, value: Any, info: ValidationInfo) -> Any:
        return read_trace(value, info.data.get("micro_speed", 10**6))
