"""Which executor carries the load of a run, and that executor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stormdb import _native
from stormdb.config.rules import EXECUTOR_KEYS, MEANING_KEYS, value_of
from stormdb.errors import ConfigError, ProgramError
from stormdb.run.events import LogRecord
from stormdb.units import format_rate

if TYPE_CHECKING:
    from stormdb.config import RunConfig
    from stormdb.executor import Executor, LoadSpec
    from stormdb.plugin import Config
    from stormdb.plugins import CompiledProgram, Host
    from stormdb.run.stages import Stages

__all__ = ["compile_program", "executor_of"]

_FORMS = {"native": "methods with @transaction", "coroutine": "run()"}
"""What each executor needs a workload to have."""
_RATE_OF_A_PROCESS = 500_000 * 10**6
"""Arrivals per million seconds: to make and to drop so many takes a worker process half its time"""


async def compile_program(
    config: RunConfig, host: Host, plugin_config: Config, stages: Stages
) -> CompiledProgram | None:
    """What the native executor has to run; None if it is the coroutine executor's turn.

    Args:
        config: of the run; says which executor is wanted.
        host: the plugin, its workload made: it compiles, for that is plugin code.
        plugin_config: what the workload sees of the configuration.
        stages: told what has no effect.

    Raises:
        ConfigError: the workload lacks the form that was asked for, cannot be offered so fast, or a
            key asks for what its executor cannot do.
        ProgramError: it describes something that cannot be executed.
        PluginError: plugin code failed.
    """
    kind = _kind(config, host)
    for key, other in EXECUTOR_KEYS.items():
        if other == kind or not config.is_given(key):
            continue
        if key in MEANING_KEYS and value_of(config.public(), key) != MEANING_KEYS[key]:
            raise ConfigError(
                f"the {kind} executor, which carries the load of {config.workload}, does not know "
                "this key",
                where=config.where(key),
                hint=f"remove it, or describe the transactions for the {other} executor",
            )
        stages.warn(f"{config.where(key)} had no effect: the {kind} executor carries the load")
    if kind == "coroutine":
        _check_rate(config, host)
        return None
    program = await host.compile(plugin_config)
    try:
        _native.check_program(program.bytes)
    except ValueError as error:
        raise ProgramError(
            f"the engine refuses what the workload {config.workload} describes: {error}"
        ) from error
    return program


def _kind(config: RunConfig, host: Host) -> Literal["native", "coroutine"]:
    kind = config.executor
    if kind == "auto":
        return "native" if host.describes_transactions else "coroutine"
    if host.describes_transactions if kind == "native" else host.has_run:
        return kind
    raise ConfigError(
        f"the workload {config.workload} has no {_FORMS[kind]}, which the {kind} executor needs",
        where=config.where("executor"),
        hint="set executor: auto",
    )


def _check_rate(config: RunConfig, host: Host) -> None:
    """Refuse what would keep the worker processes from their event loops."""
    highest = max(phase.highest_micro_per_s for phase in config.phases)
    limit = config.processes * _RATE_OF_A_PROCESS
    if highest > limit:
        hint = f"offer at most {format_rate(limit / 1e6)}"
        if host.describes_transactions:
            hint += ", or leave it to executor: native"
        raise ConfigError(
            f"{format_rate(highest / 1e6)} is too high for the coroutine executor: a process makes "
            f"at most {format_rate(_RATE_OF_A_PROCESS / 1e6)}, counting those that are dropped, "
            f"and there {'is 1' if config.processes == 1 else f'are {config.processes}'}",
            where=config.where("load.phases" if config.load.phases else "load.rate"),
            hint=hint,
        )


class _WorkerEvents:
    """Passes on what worker processes say."""

    def __init__(self, stages: Stages, plugin: str) -> None:
        self._stages = stages
        self._plugin = plugin

    def log(self, process: int, level: str, logger: str, message: str) -> None:
        self._stages.events.log(
            LogRecord(
                plugin=self._plugin,
                level=level,
                message=message,
                logger=logger,
                process=f"worker {process}",
            )
        )

    def warning(self, sentence: str) -> None:
        self._stages.warn(sentence)


def executor_of(spec: LoadSpec, program: CompiledProgram | None, stages: Stages) -> Executor:
    """The executor of a load, not started.

    Args:
        spec: the load.
        program: what to run natively; None to call `run` in worker processes.
        stages: hears what worker processes say.
    """
    if program is not None:
        from stormdb.executor import NativeExecutor

        return NativeExecutor(spec, program.bytes)
    from stormdb.executor import CoroutineExecutor

    return CoroutineExecutor(spec, _WorkerEvents(stages, spec.plugin.name))
