"""What a run needs before it can begin: plugins loaded, the server reached and checked."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormdb import logs
from stormdb.config import ConfigProblemsError, Problem, resolve_plugin_target, resolve_target
from stormdb.config.problems import key_text
from stormdb.errors import ConfigError, PluginError
from stormdb.plugin import Config
from stormdb.plugins import Host
from stormdb.run.checks import check_connections, check_needs
from stormdb.run.connect import close, connect
from stormdb.run.events import Stage
from stormdb.run.executor import compile_program
from stormdb.run.facts import server_facts
from stormdb.run.reach import embedded_target, start_embedded
from stormdb.run.role import check_one_plugin, reach_as_role
from stormdb.run.schema import schema_name
from stormdb.run.stages import Stages

if TYPE_CHECKING:
    import asyncpg

    from stormdb.config import ConnectTarget, RunConfig
    from stormdb.plugin import PluginMetadata
    from stormdb.plugins import Access, Catalog, CompiledProgram
    from stormdb.results import ServerInfo
    from stormdb.server import EmbeddedServer

__all__ = [
    "Ready",
    "Workload",
    "check_server",
    "check_shared_data",
    "load_workloads",
    "prepare_workload",
    "reach_server",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A workload of the run: its plugin is loaded, its configuration checked, its program made.

    Attributes:
        name: in this run.
        settings: of the run, as far as they are its own.
        stages: told what goes on with it.
        host: the process with the plugin's control role.
        metadata: of the plugin.
        config: what the plugin sees of the configuration.
        program: what the native executor runs; None if it is the coroutine executor's turn.
    """

    name: str
    settings: RunConfig
    stages: Stages
    host: Host
    metadata: PluginMetadata
    config: Config
    program: CompiledProgram | None

    @property
    def data_key(self) -> str:
        """The same for workloads that make the same data."""
        config = self.config
        return repr((self.metadata.name, config.workload, config.scale, config.workload_config))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A server that is reached.

    Attributes:
        target: the server.
        plugin_target: how plugin code, and the load, log in to it.
        connection: the controller's own.
        server: facts for the report.
        embedded: the server if stormdb started it.
    """

    target: ConnectTarget
    plugin_target: ConnectTarget
    connection: asyncpg.Connection
    server: ServerInfo
    embedded: EmbeddedServer | None


async def load_workloads(
    config: RunConfig, catalog: Catalog, stages: Stages, stack: AsyncExitStack
) -> list[Workload]:
    """Load each workload's plugin in a process of its own, which ends when the stack is left.

    Raises:
        ConfigError: a key below `workload_config` will not do.
        PluginError: a plugin cannot be loaded.
        ProgramError: a workload describes something that cannot be executed.
    """
    for notice in config.notices:
        stages.warn(notice)
    workloads = []
    for name, settings in config.by_name.items():
        own = Stages(stages.events, name if config.is_of_several else "")
        with stages.stage(Stage.PLUGIN, settings.workload):
            await catalog.load()
            record = catalog.find(settings.workload)
            host = await Host.start(
                record,
                config.plugins.limits,
                access=_access(config),
                on_log=stages.host_log,
                on_progress=stages.events.progress,
            )
            await stack.enter_async_context(host)
            if notice := host.openness:
                own.warn(notice)
            plugin_config = await prepare_workload(host, settings)
        assert host.record.metadata
        workloads.append(
            Workload(
                name=name,
                settings=settings,
                stages=own,
                host=host,
                metadata=host.record.metadata,
                config=plugin_config,
                program=await compile_program(settings, host, plugin_config, own),
            )
        )
    for problem in catalog.problems:
        stages.events.warning(f"a plugin that this run does not need cannot be used: {problem}")
    return workloads


def _access(config: RunConfig) -> Access:
    """What it takes to reach the server; an embedded one is reached by its socket."""
    from stormdb.plugins import Access

    if config.database.type == "embedded":
        return Access()
    try:
        target = resolve_target(config.database)
        return Access.to_server(resolve_plugin_target(config.database, target))
    except ConfigError:  # told when the server is to be reached
        return Access()


async def reach_server(
    config: RunConfig, workloads: Sequence[Workload], stages: Stages, stack: AsyncExitStack
) -> Ready:
    """Start or reach the server; leaving the stack ends what was started.

    Raises:
        ConfigError: a setting of the server will not do.
        ConnectError: the server cannot be started or reached.
    """
    check_one_plugin(config, [one.metadata.name for one in workloads])
    embedded = None
    if config.database.type == "embedded":
        embedded = await start_embedded(config, stages, stack)
        target = embedded_target(embedded)
    else:
        target = resolve_target(config.database)
        for notice in target.notices:
            stages.warn(notice)
    logs.hide(target.password or "")
    with stages.stage(Stage.CONNECT, target.label):
        connection = await connect(target)
        stack.push_async_callback(close, connection)
        server = await server_facts(connection, target, is_embedded=embedded is not None)
        schema = workloads[0].config.schema
        plugin_target = await reach_as_role(config, target, connection, schema, stages)
    return Ready(
        target=target,
        plugin_target=plugin_target,
        connection=connection,
        server=server,
        embedded=embedded,
    )


async def check_server(
    ready: Ready,
    config: RunConfig,
    workloads: Sequence[Workload],
    stages: Stages,
    *,
    may_create: bool,
) -> None:
    """Make sure that the server will do for the plugins and for the load.

    Args:
        ready: the server.
        config: of the run.
        workloads: all that it is for, at once.
        stages: told of the stage.
        may_create: create extensions that a plugin requires.

    Raises:
        PluginError: a plugin needs another server, or an extension.
        ConnectError: the server has no room for the pools.
    """
    from stormdb.server import extension_problem

    with stages.stage(Stage.CHECK, f"PostgreSQL {ready.server.version}"):
        for metadata in {one.metadata.name: one.metadata for one in workloads}.values():
            for name in metadata.required_extensions if ready.embedded else ():
                assert ready.embedded
                if problem := extension_problem(name, ready.embedded.source):
                    raise PluginError(f"plugin {metadata.name} needs {name}: {problem}")
            await check_needs(
                ready.connection, metadata, ready.server.version_num, may_create=may_create
            )
        await check_connections(
            ready.connection,
            config.connection_count,
            config.where("workloads" if config.is_of_several else "connections"),
            config.database.plugin_role,
        )


def check_shared_data(workloads: Sequence[Workload]) -> None:
    """Workloads of one plugin share its schema, which holds one size of data.

    Raises:
        ConfigError: two of them ask for different sizes.
    """
    first: dict[str, Workload] = {}
    for workload in workloads:
        other = first.setdefault(workload.metadata.name, workload)
        if other.settings.scale != workload.settings.scale:
            raise ConfigError(
                f"{other.name} and {workload.name} share the data of plugin "
                f"{workload.metadata.name}, and ask for scale {other.settings.scale} and "
                f"{workload.settings.scale}",
                where=workload.settings.where("scale"),
                hint="give both the same scale",
            )


async def prepare_workload(host: Host, config: RunConfig) -> Config:
    """Let the plugin make the workload, and check the keys that are its own.

    Returns:
        What the workload sees of the configuration.

    Raises:
        ConfigError: a key below `workload_config` will not do.
        PluginError: the plugin failed.
    """
    await host.create_workload(config.workload)
    if problems := await host.validate_config(config.workload_config):
        raise ConfigProblemsError(
            [
                Problem(
                    key=config.key(key := key_text(("workload_config", *problem.path))),
                    message=problem.message,
                    hint=problem.hint,
                    origin=config.origin(key),
                )
                for problem in problems
            ]
        )
    assert host.record.metadata
    return _plugin_config(config, host.record.metadata)


def _plugin_config(config: RunConfig, metadata: PluginMetadata) -> Config:
    return Config(
        workload=config.workload,
        mode=config.mode,
        scale=config.scale,
        workers=config.workers,
        connections=config.connections,
        duration_ns=sum(p.duration_ns for p in config.phases if p.role == "steady"),
        seed=config.seed,
        schema=schema_name(metadata.name),
        workload_config=config.workload_config,
    )
