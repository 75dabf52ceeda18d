"""What a host process answers: the plugin's life, and everything of a workload but `run`."""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import time
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from stormdb.logs import sql_tracer
from stormdb.plugin import Config, Context, Finding, PluginMetadata, Workload, WorkloadPlugin
from stormdb.plugins import loader
from stormdb.plugins.failures import ContractError
from stormdb.plugins.record import EntryPoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from stormdb.plugins import wire
    from stormdb.plugins.child import Child

__all__ = ["PluginState", "add_host_commands"]

_PROGRESS_NS = 100_000_000


class PluginState:
    """The plugin in this process, and the commands that use it.

    Attributes:
        plugin: what the module exports; set by `load`.
        workload: set by `create_workload`.
    """

    plugin: WorkloadPlugin
    metadata: PluginMetadata
    workload: Workload

    def __init__(self, child: Child) -> None:
        self._child = child
        self._reported_ns = 0

    async def load(self, args: wire.Message) -> None:
        """Import the plugin."""
        entry = EntryPoint.from_wire(args["entry"])
        self._child.roots = entry.roots
        self.plugin = loader.import_plugin(entry)

    async def read_metadata(self, _: wire.Message) -> dict[str, Any]:
        """Ask the plugin who it is."""
        self.metadata = loader.read_metadata(self.plugin)
        return asdict(self.metadata)

    async def initialize(self, _: wire.Message) -> None:
        """Tell the plugin that it is in use."""
        self.plugin.initialize()

    async def create_workload(self, args: wire.Message) -> dict[str, Any]:
        """Make the workload; tell what it is and what keys its configuration has."""
        self.workload = loader.create_workload(self.plugin, args["workload_type"])
        model = self.workload.config_model
        return {
            "config_schema": model.model_json_schema() if model else None,
            "has_run": loader.has_run(self.workload),
            "describes_transactions": loader.describes_transactions(self.workload),
            "doc": inspect.cleandoc(type(self.workload).__doc__ or ""),
        }

    async def validate_config(self, args: wire.Message) -> list[dict[str, Any]]:
        """Check the keys below `workload_config`.

        Returns:
            `WorkloadKeyProblem`s as maps; none if all is well.
        """
        model = self.workload.config_model
        if model is None:
            return []
        from pydantic import ValidationError

        try:
            model.model_validate(args["values"])
        except ValidationError as error:
            from stormdb.config.workload_keys import explain_workload_keys

            return [asdict(one) for one in explain_workload_keys(error, model, args["values"])]
        return []

    def config(self, values: dict[str, Any]) -> Config:
        """The `Config` that the workload sees, its own part checked by its model."""
        model = self.workload.config_model
        if model is not None:
            values = {**values, "workload_config": model.model_validate(values["workload_config"])}
        return Config(**values)

    async def compile(self, args: wire.Message) -> dict[str, Any]:
        """Put the transactions that the workload describes into a program."""
        from stormdb.program import compile_workload, explain

        program = compile_workload(self.workload, self.config(args["config"]))
        return {"bytes": program.bytes, "digest": program.digest, "text": explain(program)}

    async def setup(self, args: wire.Message) -> None:
        """Run the workload's `setup`."""
        async with self._call("setup", args) as (ctx, pool, cfg):
            await self.workload.setup(ctx, pool, cfg)

    async def cleanup(self, args: wire.Message) -> None:
        """Run the workload's `cleanup`."""
        async with self._call("cleanup", args) as (ctx, pool, cfg):
            await self.workload.cleanup(ctx, pool, cfg)

    async def verify(self, args: wire.Message) -> list[dict[str, Any]]:
        """Run the workload's `verify`."""
        async with self._call("verify", args) as (ctx, pool, cfg):
            findings: Any = await self.workload.verify(ctx, pool, cfg)
        if not isinstance(findings, list | tuple) or not all(
            isinstance(finding, Finding) for finding in findings
        ):
            raise ContractError(
                f"returns {type(findings).__name__} from verify(), it must be a list of Finding"
            )
        return [asdict(finding) for finding in findings]

    async def shutdown(self, _: wire.Message) -> None:
        """Tell the plugin that its process ends."""
        self.plugin.cleanup()

    @asynccontextmanager
    async def _call(
        self, stage: str, args: wire.Message
    ) -> AsyncIterator[tuple[Context, asyncpg.Pool, Config]]:
        config = self.config(args["config"])
        context = Context(
            random=random.Random(config.seed),  # noqa: S311
            log=logging.getLogger(f"stormdb.plugin.{self.metadata.name}"),
            deadline_ns=time.monotonic_ns() + args["timeout_ns"],
            _report=self._progress,
        )
        pool = await _open_pool(args["target"], config, stage)
        try:
            yield context, pool, config
        finally:
            # A connection that plugin code did not give back must not hold up the end.
            try:
                async with asyncio.timeout(1):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    def _progress(self, done: int, total: int | None, what: str) -> None:
        now_ns = time.monotonic_ns()
        if now_ns - self._reported_ns >= _PROGRESS_NS or done == total:
            self._reported_ns = now_ns
            self._child.channel.send({"progress": [int(done), total, str(what)]})


async def _open_pool(target: dict[str, Any], config: Config, stage: str) -> asyncpg.Pool:
    """A pool of connections that have the workload's schema first in their search path.

    Raises:
        ConnectError: the server refuses or cannot be reached.
    """
    import asyncpg

    from stormdb.config.target import ConnectTarget
    from stormdb.errors import ConnectError

    arguments = ConnectTarget.from_wire(target).asyncpg_arguments()
    schema = '"' + config.schema.replace('"', '""') + '"'
    # A cleanup that drops a table which is not there must not find somebody else's in public.
    settings = arguments.pop("server_settings", {}) | {
        "search_path": schema if stage == "cleanup" else f"{schema}, public",
        "application_name": f"stormdb {stage}",
    }
    try:
        return await asyncpg.create_pool(
            **arguments,
            server_settings=settings,
            min_size=1,
            # A workload may hold one connection and use the pool for something else.
            max_size=max(2, config.connections),
            init=_trace_sql,
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ConnectError(f"cannot connect to the server: {error}") from error


async def _trace_sql(connection: Any) -> None:
    if trace := sql_tracer():
        connection.add_query_logger(trace)


def add_host_commands(child: Child) -> PluginState:
    """Let a child process answer the commands of a host.

    Returns:
        the plugin's state, for further commands of other roles.
    """
    state = PluginState(child)
    child.commands |= {
        "load": state.load,
        "metadata": state.read_metadata,
        "initialize": state.initialize,
        "create_workload": state.create_workload,
        "validate_config": state.validate_config,
        "compile": state.compile,
        "setup": state.setup,
        "cleanup": state.cleanup,
        "verify": state.verify,
        "shutdown": state.shutdown,
    }
    return state
