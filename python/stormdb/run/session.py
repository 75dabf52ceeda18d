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
from stormdb.run.executor import executor_of
from stormdb.run.facts import generator_facts
from stormdb.run.interrupts import Interrupts
from stormdb.run.load import Measured, Part, put_load
from stormdb.run.plan import INTERVAL_NS, plan_of
from stormdb.run.ready import (
    Ready,
    Workload,
    check_server,
    check_shared_data,
    load_workloads,
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
        catalog: where the plugins are found.
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

    async def run(self) -> tuple[RunResult, ...]:
        """Load plugins, compile, reach the server, check, make the data, load, drain, verify.

        Returns:
            What was measured of each workload, also when the load ended early or an invariant was
            found broken.

        Raises:
            StormdbError: it did not come to a load.
        """
        plans = {
            name: plan_of(settings, self._options.interval_ns)
            for name, settings in self._config.by_name.items()
        }
        async with self._interrupts as interrupts, AsyncExitStack() as stack:
            workloads = await interrupts.guard(self._load_workloads(stack))
            ready = await interrupts.guard(self._reach_server(workloads, stack))
            await interrupts.guard(self._get_data(ready, workloads))
            parts = [self._part(one, ready, plans[one.name]) for one in workloads]
            measured = await put_load(parts, self._stages, interrupts)
            results = [
                await self._finish(ready, *pair, interrupts)
                for pair in zip(workloads, measured, strict=True)
            ]
        self._stages.events.finished(results)
        return tuple(results)

    async def clean_up(self) -> list[str]:
        """Drop the data of the workloads, the user willing.

        Returns:
            Names of the schemas that were dropped.

        Raises:
            StormdbError: one cannot be dropped.
        """
        if self._config.database.type == "embedded" and not self._config.database.data_dir:
            raise ConfigError(
                "an embedded server without a data folder leaves nothing to clean up",
                hint="name a server with --host or a configuration file, or a folder with "
                "--data-dir",
            )
        async with self._interrupts as interrupts, AsyncExitStack() as stack:
            workloads = await interrupts.guard(self._load_workloads(stack))
            ready = await interrupts.guard(self._reach_server(workloads, stack))
            data = {one.metadata.name: self._data(ready, one) for one in workloads}
            return [one.schema.name for one in data.values() if await interrupts.guard(one.drop())]

    async def _load_workloads(self, stack: AsyncExitStack) -> list[Workload]:
        return await load_workloads(self._config, self._catalog, self._stages, stack)

    async def _reach_server(self, workloads: Sequence[Workload], stack: AsyncExitStack) -> Ready:
        return await reach_server(self._config, workloads, self._stages, stack)

    def _data(self, ready: Ready, workload: Workload) -> WorkloadData:
        return WorkloadData(
            schema=PluginSchema(ready.connection, workload.metadata.name),
            host=workload.host,
            target=ready.target,
            plugin_target=ready.plugin_target,
            config=workload.config,
            stages=workload.stages,
            confirm=self._options.confirm,
        )

    async def _get_data(self, ready: Ready, workloads: Sequence[Workload]) -> None:
        options, database = self._options, self._config.database
        await check_server(
            ready, self._config, workloads, self._stages, may_create=options.create_extensions
        )
        check_shared_data(workloads)
        is_fresh = database.type == "embedded" and not database.data_dir
        rebuilt: set[str] = set()
        # Two workloads that would make the same data make it once.
        for workload in {one.data_key: one for one in workloads}.values():
            plugin, settings = workload.metadata, workload.settings
            wanted = Marker(
                plugin=plugin.name,
                plugin_version=plugin.version,
                workload=settings.workload,
                scale=settings.scale,
                stormdb=version("stormdb"),
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                plugin_role=database.plugin_role or "",
            )
            data = self._data(ready, workload)
            if options.setup or options.rebuild or is_fresh:
                await data.make(wanted, rebuild=options.rebuild and plugin.name not in rebuilt)
                rebuilt.add(plugin.name)
            else:
                await data.use(wanted)

    def _part(self, workload: Workload, ready: Ready, plan: Plan) -> Part:
        spec = self._spec(workload, ready, plan)
        return Part(
            name=workload.name,
            executor=executor_of(spec, workload.program, workload.stages),
            start_after_ns=workload.settings.start_after_ns,
        )

    def _spec(self, workload: Workload, ready: Ready, plan: Plan) -> LoadSpec:
        from stormdb.executor import LoadSpec

        config = workload.settings
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
            config=workload.config,
            plugin=workload.host.record,
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

    async def _finish(
        self, ready: Ready, workload: Workload, measured: Measured, interrupts: Interrupts
    ) -> RunResult:
        problems = [*measured.problems, *measured.aftermath]
        is_interrupted = measured.is_interrupted
        findings: Sequence[Finding] | None = None
        if not is_interrupted:
            try:
                with workload.stages.stage(Stage.VERIFY):
                    findings = await interrupts.guard(
                        workload.host.verify(ready.plugin_target, workload.config)
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
            await workload.host.stop()
        except StormdbError as error:
            problems.append(error)
        return self._result(
            ready, workload, replace(measured, is_interrupted=is_interrupted), findings, problems
        )

    def _result(
        self,
        ready: Ready,
        workload: Workload,
        measured: Measured,
        findings: Sequence[Finding] | None,
        problems: Sequence[StormdbError],
    ) -> RunResult:
        config, plugin = workload.settings, workload.metadata
        status = Status.FAILED if problems else Status.COMPLETED
        return RunResult(
            status=Status.INTERRUPTED if measured.is_interrupted else status,
            # What plugin code told may hold a secret; a report is kept.
            problem=logs.redact("\n".join(dict.fromkeys(map(str, problems)))),
            is_whole=not measured.problems,
            exit_code=_exit_code(measured, findings, problems),
            started_at=measured.started_at,
            name=workload.name,
            start_after_ns=config.start_after_ns,
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
                name=plugin.name,
                version=plugin.version,
                source=workload.host.record.source,
                digest=workload.host.record.digest,
                packages=_packages(workload.host.record),
            ),
            phases=measured.phases,
            intervals=measured.intervals,
            findings=None if findings is None else tuple(map(_without_secrets, findings)),
            warnings=tuple(map(logs.redact, (*self._stages.warnings, *workload.stages.warnings))),
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
) -> ExitCode:
    if measured.is_interrupted:
        return ExitCode.INTERRUPTED
    if measured.problems:  # the load ended early or lost a process: there are numbers, with holes
        return ExitCode.UNTRUSTED
    if problems:
        return problems[0].exit_code
    if any(not finding.ok for finding in findings or ()):
        return ExitCode.WORKLOAD
    return ExitCode.MET
