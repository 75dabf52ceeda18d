"""A workload that behaves as its options say: the tests' way to every corner of a run."""

# /// script
# [tool.stormdb.access]
# environment = [
#   "PROBE_EXTENSIONS", "PROBE_POSTGRESQL", "PROBE_SECRET", "PROBE_VERSION", "TEST_MARK",
# ]
# ///

from __future__ import annotations

import asyncio
import os
from typing import Literal

import asyncpg
from pydantic import BaseModel

from stormdb.plugin import (
    Config,
    Context,
    Finding,
    Metrics,
    PluginMetadata,
    Workload,
    WorkloadPlugin,
)


class ProbeOptions(BaseModel, extra="forbid"):
    """How each method behaves.

    A transaction sleeps in the server, so that a busy machine leaves the figures alone.
    """

    setup: Literal["ok", "raise", "exit", "sleep", "sleep_in_server"] = "ok"
    cleanup: Literal["ok", "raise"] = "ok"
    run: Literal["ok", "fail", "exit", "tell"] = "ok"
    verify: Literal["ok", "broken", "raise", "exit"] = "ok"
    sleep_s: float = 0.2


class Probe(Workload):
    """The workload."""

    config_model = ProbeOptions

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        if cfg.workload_config.cleanup == "raise":
            raise RuntimeError("cleanup was told to raise")
        await db.execute("DROP TABLE IF EXISTS probe, old, mine")

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute("CREATE TABLE IF NOT EXISTS probe (id int, scale int)")
        await db.execute("INSERT INTO probe VALUES (1, $1)", cfg.scale)
        ctx.progress(1, 2, "rows")
        match cfg.workload_config.setup:
            case "raise":
                raise RuntimeError("setup was told to raise")
            case "exit":
                os._exit(7)
            case "sleep":
                await asyncio.sleep(60)
            case "sleep_in_server":
                await db.execute("SELECT pg_sleep(60)")
        ctx.progress(2, 2, "rows")

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        match cfg.workload_config.run:
            case "fail":
                async with metrics.operation("divide"):
                    await db.execute("SELECT pg_sleep($1), 1 / 0", cfg.workload_config.sleep_s)
            case "exit":
                os._exit(7)
            case "tell":
                raise ValueError(f"cannot log in with {os.environ['PROBE_SECRET']}")
        async with metrics.operation("sleep"):
            await db.execute("SELECT pg_sleep($1) FROM probe", cfg.workload_config.sleep_s)

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        match cfg.workload_config.verify:
            case "raise":
                raise RuntimeError("verify was told to raise")
            case "exit":
                os._exit(7)
        is_ok = cfg.workload_config.verify == "ok"
        detail = os.environ.get("PROBE_SECRET", "it was told so")
        return [Finding(name="probe is well", ok=is_ok, detail=detail)]


class ProbePlugin(WorkloadPlugin):
    """Three plugins' needs in one: two workload types ask for more than the tests' server has."""

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(
            name="probe",
            version=os.environ.get("PROBE_VERSION", "1.0.0"),
            workload_types=["probe"],
            required_extensions=os.environ.get("PROBE_EXTENSIONS", "").split(),
            min_postgresql_version=os.environ.get("PROBE_POSTGRESQL", ""),
        )

    def create_workload(self, workload_type: str) -> Workload:
        return Probe()


PLUGIN = ProbePlugin()
