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


def plan_of(config: RunConfig) -> Plan:
    """Warm-up, the configured phases or one steady phase, cool-down.

    Raises:
        ConfigError: a phase is impossible.
    """
    try:
        return Plan(
            _phases(config),
            arrival="poisson" if config.load.arrival == "poisson" else "constant",
            seed=config.seed,
            interval_ns=INTERVAL_NS,
        )
    except ValueError as error:
        raise ConfigError(str(error), where=config.where("load")) from error


def _phases(config: RunConfig) -> list[Phase]:
    load = config.load
    if load.phases:
        rates = [
            None if load.arrival == "closed" else _rate(phase, load.rate_micro_per_s or 0)
            for phase in load.phases
        ]
        return [
            Phase(phase.name, phase.role, phase.duration_ns, rate)
            for phase, rate in zip(load.phases, rates, strict=True)
        ]
    rate = None if load.arrival == "closed" else Rate.hold(load.rate_micro_per_s or 0)
    phases = [Phase("steady", "steady", config.duration_ns, rate)]
    if config.warm_up_ns:
        phases.insert(0, Phase("warm_up", "warm_up", config.warm_up_ns, rate))
    if config.cool_down_ns:
        phases.append(Phase("cool_down", "cool_down", config.cool_down_ns, rate))
    return phases


def _rate(phase: PhaseSettings, default_micro_per_s: int) -> Rate:
    base = default_micro_per_s if phase.rate_micro_per_s is None else phase.rate_micro_per_s
    if phase.from_micro_per_s is not None and phase.to_micro_per_s is not None:
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
