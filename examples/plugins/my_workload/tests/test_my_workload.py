"""The plugin on a real PostgreSQL, which is started for these tests."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from my_workload import PLUGIN
from my_workload.config import MyWorkloadConfig
from pydantic import ValidationError

from stormdb.plugin import Config, Context
from stormdb.server import EmbeddedServer

PROJECT = Path(__file__).parents[1]
TYPES = PLUGIN.get_metadata().workload_types
COUNT = "SELECT count(*) FROM my_test_table"


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
        server_settings={"search_path": "example"},
    ) as pool:
        await pool.execute("DROP SCHEMA IF EXISTS example CASCADE; CREATE SCHEMA example")
        yield pool


def config(scale: int) -> Config:
    return Config(workload="my_workload", scale=scale, workload_config=MyWorkloadConfig())


@pytest.mark.parametrize("scale", [1, 12])
def test_setup_loads_the_rows_once(server: EmbeddedServer, scale: int) -> None:
    async def body() -> None:
        workload = PLUGIN.create_workload("my_workload")
        async with empty_schema(server) as db:
            for _ in range(2):
                await workload.setup(Context(), db, config(scale))
                assert await db.fetchval(COUNT) == scale * 1000
            assert [f.ok for f in await workload.verify(Context(), db, config(scale))] == [True]

    asyncio.run(body())


def test_verify_sees_a_lost_row(server: EmbeddedServer) -> None:
    async def body() -> None:
        workload = PLUGIN.create_workload("my_workload")
        async with empty_schema(server) as db:
            await workload.setup(Context(), db, config(1))
            await db.execute("DELETE FROM my_test_table WHERE id = 7")
            (finding,) = await workload.verify(Context(), db, config(1))
            assert (finding.ok, finding.detail) == (False, "999 of 1000 rows")

    asyncio.run(body())


def test_cleanup_removes_what_setup_made(server: EmbeddedServer) -> None:
    async def body() -> None:
        workload = PLUGIN.create_workload("my_workload")
        async with empty_schema(server) as db:
            await workload.setup(Context(), db, config(1))
            await workload.cleanup(Context(), db, config(1))
            with pytest.raises(asyncpg.UndefinedTableError):
                await db.fetchval(COUNT)

    asyncio.run(body())


@pytest.mark.parametrize("workload", TYPES)
def test_every_type_commits(workload: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = ["stormdb", "-c", "my_workload.yaml", "--workload", workload]
    short = ["--duration", "1s", "--warm-up", "0s", "--json", str(report)]
    done = subprocess.run([*command, *short], cwd=PROJECT, check=False)
    assert done.returncode in (0, 5)  # 5: the machine was too busy to trust the times
    result = json.loads(report.read_text())
    assert result["total"]["committed_count"] > 0
    assert result["failures"] == []
    assert all(finding["ok"] for finding in result["run"]["findings"])


def test_a_type_of_another_plugin_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a type of this plugin"):
        PLUGIN.create_workload("other")


@pytest.mark.parametrize("keys", [{"read_ratio": 2}, {"read_ration": 0.5}])
def test_a_wrong_key_or_value_is_refused(keys: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        MyWorkloadConfig.model_validate(keys)
