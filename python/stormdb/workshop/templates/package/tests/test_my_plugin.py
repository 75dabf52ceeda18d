"""The plugin on a real PostgreSQL, which is started for these tests."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from pydantic import ValidationError
from stormdb.plugin import Config, Context
from stormdb.server import EmbeddedServer

from my_plugin import PLUGIN
from my_plugin.config import MyPluginConfig

PROJECT = Path(__file__).parents[1]
COUNT = "SELECT count(*) FROM item"


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """One server for all tests."""
    with EmbeddedServer() as started:
        yield started


@asynccontextmanager
async def empty_schema(server: EmbeddedServer) -> AsyncIterator[asyncpg.Pool]:
    """A pool that has an empty schema first in its search path, as stormdb gives it."""
    async with asyncpg.create_pool(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        database=server.dbname,
        min_size=1,
        server_settings={"search_path": "scratch"},
    ) as pool:
        await pool.execute("DROP SCHEMA IF EXISTS scratch CASCADE; CREATE SCHEMA scratch")
        yield pool


def config(scale: int) -> Config:
    return Config(workload="my_plugin", scale=scale, workload_config=MyPluginConfig())


@pytest.mark.parametrize("scale", [1, 3])
def test_setup_loads_the_rows_once(server: EmbeddedServer, scale: int) -> None:
    async def body() -> None:
        workload = PLUGIN.create_workload("my_plugin")
        async with empty_schema(server) as db:
            for _ in range(2):
                await workload.setup(Context(), db, config(scale))
                assert await db.fetchval(COUNT) == scale * 1000
            assert all(one.ok for one in await workload.verify(Context(), db, config(scale)))

    asyncio.run(body())


def test_verify_sees_a_lost_row(server: EmbeddedServer) -> None:
    async def body() -> None:
        workload = PLUGIN.create_workload("my_plugin")
        async with empty_schema(server) as db:
            await workload.setup(Context(), db, config(1))
            await db.execute("DELETE FROM item WHERE id = 7")
            assert [one.ok for one in await workload.verify(Context(), db, config(1))] == [False]

    asyncio.run(body())


def test_cleanup_removes_what_setup_made(server: EmbeddedServer) -> None:
    async def body() -> None:
        workload = PLUGIN.create_workload("my_plugin")
        async with empty_schema(server) as db:
            await workload.setup(Context(), db, config(1))
            await workload.cleanup(Context(), db, config(1))
            with pytest.raises(asyncpg.UndefinedTableError):
                await db.fetchval(COUNT)

    asyncio.run(body())


def test_a_run_commits_and_fails_nothing(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    stormdb = Path(sys.executable).with_name("stormdb")
    short = ["--duration", "1s", "--warm-up", "0s", "--json", str(report)]
    command = [stormdb, "-c", "my_plugin.yaml", *short]
    done = subprocess.run(command, cwd=PROJECT, check=False)
    assert done.returncode in (0, 5)  # 5: the machine was too busy to trust the times
    result = json.loads(report.read_text(encoding="utf-8"))
    assert result["total"]["committed_count"] > 0
    assert result["failures"] == []
    assert all(finding["ok"] for finding in result["run"]["findings"])


def test_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a type of this plugin"):
        PLUGIN.create_workload("other")


@pytest.mark.parametrize("keys", [{"read_percent": 101}, {"read_precent": 50}])
def test_a_wrong_key_or_value_is_refused(keys: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        MyPluginConfig.model_validate(keys)
