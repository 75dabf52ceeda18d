"""The configuration's phases as the plan that every process computes its arrivals from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormdb._native import Phase, Plan, Rate
from stormdb.errors import ConfigError
from stormdb.results import PhaseInfo

if TYPE_CHECKING:
    from stormdb.config import PhaseSettings, RunConfig

__all__ = ["INTERVAL_NS", "phases_as_run", "plan_of"]

INTERVAL_NS = 1_000_000_000


def plan_of(config: RunConfig, interval_ns: int = INTERVAL_NS) -> Plan:
    """The phases of a configuration, with the rate of each.

    Args:
        config: of the run.
        interval_ns: length of an interval.

    Raises:
        ConfigError: a phase is impossible.
    """
    load = config.load
    has_rates = load.arrival in {"constant", "poisson"}
    try:
        return Plan(
            [
                Phase(
                    phase.name,
                    phase.role,
                    phase.duration_ns,
                    _rate(phase) if has_rates else None,
                )
                for phase in config.phases
            ],
            arrival="poisson" if load.arrival == "poisson" else "constant",
            seed=config.seed,
            trace=load.file.trace if load.file else None,
            interval_ns=interval_ns,
        )
    except ValueError as error:
        raise ConfigError(str(error), where=config.where("load")) from error


def _rate(phase: PhaseSettings) -> Rate:
    base = phase.rate_micro_per_s or 0
    if phase.from_micro_per_s is not None and phase.to_micro_per_s is not None:
        if phase.steps is not None:
            return Rate.steps(phase.from_micro_per_s, phase.to_micro_per_s, phase.steps)
        return Rate.ramp(phase.from_micro_per_s, phase.to_micro_per_s)
    if phase.sine:
        return Rate.sine(base, phase.sine.amplitude_micro_per_s, phase.sine.period_ns)
    if phase.spike:
        spike = phase.spike
        return Rate.spike(base, spike.peak_micro_per_s, spike.at_ns, spike.width_ns)
    return Rate.hold(base)


def phases_as_run(plan: Plan, stopped_ns: int | None = None) -> list[PhaseInfo]:
    """The plan's phases, cut where the run was stopped.

    Args:
        plan: the plan.
        stopped_ns: when the run was stopped, after its start; None if it was not.
    """
    infos = []
    for index, phase in enumerate(plan.phases):
        start_ns = plan.phase_start_ns(index)
        end_ns = start_ns + phase.duration_ns
        if stopped_ns is not None:
            start_ns, end_ns = min(start_ns, stopped_ns), min(end_ns, stopped_ns)
        infos.append(
            PhaseInfo(
                name=phase.name,
                role=phase.role,
                start_ns=start_ns,
                end_ns=end_ns,
                planned_ns=phase.duration_ns,
            )
        )
    return infos
