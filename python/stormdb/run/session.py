"""`Session`: one run, from a configuration to its result."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from stormdb import calibration, logs
from stormdb.errors import ConfigError, ConnectError, ExitCode, InterruptedRunError, StormdbError
from stormdb.results import PluginInfo, RunResult, Status
from stormdb.run.data import Confirm, WorkloadData
from stormdb.run.events import Stage
from stormdb.run.executor import compile_program, executor_of
from stormdb.run.facts import generator_facts
from stormdb.run.interrupts import Interrupts
from stormdb.run.load import Measured, put_load
from stormdb.run.plan import INTERVAL_NS, plan_of
from stormdb.run.ready import (
    LoadedPlugin,
    Ready,
    check_server,
    load_plugin,
    reach_server,
)
from stormdb.run.schema import Marker, PluginSchema
from stormdb.run.stages import Stages

if TYPE_CHECKING:
    from stormdb._native import Plan
    from stormdb.config import ConnectTarget, RunConfig
    from stormdb.executor import LoadSpec
    from stormdb.plugin import Finding
    from stormdb.plugins import Catalog, PluginRecord
    from stormdb.run.events import RunEvents

__all__ = ["RunOptions", "Session"]


async def _refuse(_: str) -> bool:
    """Nobody can be asked."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command's flags ask of a run beside its configuration.

    Attributes:
        setup: make the data unless it is there.
        rebuild: drop the data and make it anew.
        create_extensions: create the extensions that the plugin requires.
        confirm: asks before anything is dropped.
        interval_ns: how often there are numbers.
        heeds_signals: SIGINT and SIGTERM end the run in order; one run at a time can.
    """

    setup: bool = False
    rebuild: bool = False
    create_extensions: bool = False
    confirm: Confirm = _refuse
    interval_ns: int = INTERVAL_NS
    heeds_signals: bool = True


_TRANSIENT_RATIOS = {"persistent": 0.0, "transient": 1.0}


class Session:
    """One run. Used once, by `run` or by `clean_up`.

    Args:
        config: what to run.
        catalog: where the plugin is found.
        events: the watcher.
        options: what the command's flags ask.
    """

    def __init__(
        self,
        config: RunConfig,
        catalog: Catalog,
        events: RunEvents,
        options: RunOptions | None = None,
    ) -> None:
        self._config = config
        self._catalog = catalog
        self._options = options or RunOptions()
        self._stages = Stages(events)
        self._interrupts = Interrupts(
            # What the user did is no doubt about the numbers: it is told, and not kept for the
            # report.
            self._stages.events.warning,
            self._stages.events.close,
            heeds_signals=self._options.heeds_signals,
        )

    def interrupt(self) -> None:
        """End the run in order, as the first Ctrl-C does; called from its event loop."""
        self._interrupts.request()

    async def run(self) -> RunResult:
        """Load the plugin, compile, reach the server, check, make the data, load, drain, verify.

        Returns:
            What was measured, also when the load ended early or an invariant was found broken.

        Raises:
            StormdbError: it did not come to a load.
        """
        plan = plan_of(self._config, self._options.interval_ns)
        async with self._interrupts as interrupts, AsyncExitStack() as stack:
            plugin = await interrupts.guard(self._load_plugin(stack))
            program = await interrupts.guard(
                compile_program(self._config, plugin.host, plugin.config, self._stages)
            )
            ready = await interrupts.guard(self._reach_server(plugin, stack))
            await interrupts.guard(self._get_data(ready))
            executor = executor_of(self._spec(ready, plan), program, self._stages)
            measured = await put_load(executor, self._stages, interrupts)
            result = await self._finish(ready, measured, interrupts)
        self._stages.events.finished(result)
        return result

    async def clean_up(self) -> str | None:
        """Drop the workload's data, the user willing.

        Returns:
            Name of the schema that was dropped; None if there is none.

        Raises:
            StormdbError: it cannot be dropped.
        """
        if self._config.database.type == "embedded" and not self._config.database.data_dir:
            raise ConfigError(
                "an embedded server without a data folder leaves nothing to clean up",
                hint="name a server with --host or a configuration file, or a folder with "
                "--data-dir",
            )
        async with self._interrupts as interrupts, AsyncExitStack() as stack:
            plugin = await interrupts.guard(self._load_plugin(stack))
            ready = await interrupts.guard(self._reach_server(plugin, stack))
            return await interrupts.guard(self._drop_data(ready))

    async def _load_plugin(self, stack: AsyncExitStack) -> LoadedPlugin:
        return await load_plugin(self._config, self._catalog, self._stages, stack)

    async def _reach_server(self, plugin: LoadedPlugin, stack: AsyncExitStack) -> Ready:
        return await reach_server(self._config, plugin, self._stages, stack)

    def _data(self, ready: Ready) -> WorkloadData:
        return WorkloadData(
            schema=PluginSchema(ready.connection, ready.plugin.metadata.name),
            host=ready.plugin.host,
            target=ready.target,
            plugin_target=ready.plugin_target,
            config=ready.plugin.config,
            stages=self._stages,
            confirm=self._options.confirm,
        )

    async def _get_data(self, ready: Ready) -> None:
        options, database = self._options, self._config.database
        await check_server(ready, self._config, self._stages, may_create=options.create_extensions)
        wanted = Marker(
            plugin=ready.plugin.metadata.name,
            plugin_version=ready.plugin.metadata.version,
            workload=self._config.workload,
            scale=self._config.scale,
            stormdb=version("stormdb"),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            plugin_role=database.plugin_role or "",
        )
        is_fresh = database.type == "embedded" and not database.data_dir
        if options.setup or options.rebuild or is_fresh:
            await self._data(ready).make(wanted, rebuild=options.rebuild)
        else:
            await self._data(ready).use(wanted)

    async def _drop_data(self, ready: Ready) -> str | None:
        data = self._data(ready)
        return data.schema.name if await data.drop() else None

    def _spec(self, ready: Ready, plan: Plan) -> LoadSpec:
        from stormdb.executor import LoadSpec

        config = self._config
        return LoadSpec(
            plan=plan,
            think_time_ns=config.load.think_time_ns,
            think_time_distribution=config.load.think_time_distribution,
            max_queue=config.load.max_queue,
            processes=config.processes,
            threads=config.threads,
            io=config.io,
            retry=config.retry,
            target=self._load_target(ready),
            config=ready.plugin.config,
            plugin=ready.plugin.host.record,
            limits=config.plugins.limits,
            isolation=config.isolation or "",
            statement_timeout_ns=config.statement_timeout_ns,
            transaction_timeout_ns=config.transaction_timeout_ns,
            max_error_ratio=config.max_error_ratio,
            max_lag_ns=config.load.max_lag_ns,
            protocol=config.protocol,
            transient_ratio=_TRANSIENT_RATIOS.get(
                config.connection_mode, config.transient_ratio or 0.0
            ),
        )

    def _load_target(self, ready: Ready) -> ConnectTarget:
        pooler = self._config.database.pooler
        if pooler is None:
            return ready.plugin_target
        return replace(ready.plugin_target, hosts=(pooler[0],), ports=(pooler[1],))

    async def _finish(self, ready: Ready, measured: Measured, interrupts: Interrupts) -> RunResult:
        problems = [*measured.problems, *measured.aftermath]
        is_interrupted = measured.is_interrupted
        findings: Sequence[Finding] | None = None
        if not is_interrupted:
            try:
                with self._stages.stage(Stage.VERIFY):
                    findings = await interrupts.guard(
                        ready.plugin.host.verify(ready.plugin_target, ready.plugin.config)
                    )
            except InterruptedRunError:
                is_interrupted = True
            except ConnectError as error:
                problems.append(
                    ConnectError(
                        f"the workload's invariants could not be verified: {error.message}",
                        where=ready.target.label,
                        hint="look at the server's log",
                    )
                )
            except StormdbError as error:
                problems.append(error)
        # Here and not with the stack: a plugin that fails to clean up does not cost the numbers.
        try:
            await ready.plugin.host.stop()
        except StormdbError as error:
            problems.append(error)
        return self._result(ready, measured, findings, problems, is_interrupted)

    def _result(
        self,
        ready: Ready,
        measured: Measured,
        findings: Sequence[Finding] | None,
        problems: Sequence[StormdbError],
        is_interrupted: bool,
    ) -> RunResult:
        config, plugin = self._config, ready.plugin
        status = Status.FAILED if problems else Status.COMPLETED
        return RunResult(
            status=Status.INTERRUPTED if is_interrupted else status,
            # What plugin code told may hold a secret; a report is kept.
            problem=logs.redact("\n".join(dict.fromkeys(map(str, problems)))),
            is_whole=not measured.problems,
            exit_code=_exit_code(measured, findings, problems, is_interrupted),
            started_at=measured.started_at,
            workload=config.workload,
            config=config.public(),
            config_digest=config.digest,
            seed=config.seed,
            arrival=config.load.arrival,
            workers=config.workers,
            connections=config.connections,
            executor=measured.executor,
            generator=generator_facts(),
            server=ready.server,
            plugin=PluginInfo(
                name=plugin.metadata.name,
                version=plugin.metadata.version,
                source=plugin.host.record.source,
                digest=plugin.host.record.digest,
                packages=_packages(plugin.host.record),
            ),
            phases=measured.phases,
            intervals=measured.intervals,
            findings=None if findings is None else tuple(map(_without_secrets, findings)),
            warnings=tuple(map(logs.redact, self._stages.warnings)),
            calibration=calibration.load(),
        )


def _packages(record: PluginRecord) -> Sequence[str]:
    """The packages of the plugin's own environment, for the report."""
    if record.environment is None:
        return ()
    made = (record.environment.facts() or {}).get("packages", {})
    return record.environment.pins or tuple(f"{name}=={made[name]}" for name in made)


def _without_secrets(finding: Finding) -> Finding:
    return replace(finding, name=logs.redact(finding.name), detail=logs.redact(finding.detail))


def _exit_code(
    measured: Measured,
    findings: Sequence[Finding] | None,
    problems: Sequence[StormdbError],
    is_interrupted: bool,
) -> ExitCode:
    if is_interrupted:
        return ExitCode.INTERRUPTED
    if measured.problems:  # the load ended early or lost a process: there are numbers, with holes
        return ExitCode.UNTRUSTED
    if problems:
        return problems[0].exit_code
    if any(not finding.ok for finding in findings or ()):
        return ExitCode.WORKLOAD
    return ExitCode.MET
