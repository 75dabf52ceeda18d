"""Workloads that describe their transactions, each type for one corner of a native run."""

from __future__ import annotations

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
from stormdb.workload import Tx, sequence, transaction, uniform

TABLES = """
CREATE TABLE IF NOT EXISTS note (number bigint, draw bigint);
CREATE TABLE IF NOT EXISTS counter (id int PRIMARY KEY, value bigint NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name text, value text);
INSERT INTO counter SELECT id, 0 FROM generate_series(1, 2) AS id ON CONFLICT DO NOTHING;
"""


class Options(BaseModel, extra="forbid"):
    """How long a statement sleeps in the server, and what `verify` says."""

    sleep_s: float = 0.0
    is_broken: bool = False


class Described(Workload):
    """What all types share."""

    config_model = Options

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute(TABLES)

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        return [Finding(name="it is well", ok=not cfg.workload_config.is_broken)]


class Look(Described):
    @transaction
    def look(self, tx: Tx, cfg: Config) -> None:
        tx.execute("SELECT pg_sleep($1::float8)", cfg.workload_config.sleep_s)


class Note(Described):
    """Each transaction leaves its number and what it drew."""

    @transaction
    def note(self, tx: Tx) -> None:
        draw = tx.let("draw", uniform(0, 10**9))
        tx.execute("INSERT INTO note VALUES ($1::int8, $2::int8)", sequence(), draw)
        tx.emit("draws", draw)


class Collide(Described):
    """Transactions that read and then write one row, which repeatable read does not allow twice."""

    @transaction
    def collide(self, tx: Tx, cfg: Config) -> None:
        with tx.block(isolation="repeatable read"):
            value = tx.fetch_value("SELECT value FROM counter WHERE id = 1")
            tx.execute("SELECT pg_sleep($1::float8)", cfg.workload_config.sleep_s)
            tx.execute("UPDATE counter SET value = $1 WHERE id = 1", value + 1, rows=1)


class Ask(Described):
    """Leaves what the server says about the session."""

    @transaction
    def ask(self, tx: Tx) -> None:
        for name in (
            "search_path",
            "application_name",
            "transaction_isolation",
            "statement_timeout",
        ):
            tx.execute(f"INSERT INTO setting VALUES ('{name}', current_setting('{name}'))")


class Outcomes(Described):
    """One transaction for each way to end."""

    @transaction(weight=5)
    def commit(self, tx: Tx) -> None:
        tx.execute("SELECT 1")

    @transaction(weight=2)
    def back(self, tx: Tx) -> None:
        with tx.block():
            tx.execute("UPDATE counter SET value = value + 1 WHERE id = 2")
            tx.abort()

    @transaction(weight=2)
    def divide(self, tx: Tx) -> None:
        tx.execute("SELECT 1 / $1::int", 0)

    @transaction
    def miss(self, tx: Tx) -> None:
        tx.execute("SELECT value FROM counter WHERE id = $1", 99, rows=1)


class Both(Look):
    """Both forms, which the report tells apart by their rows."""

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        async with metrics.operation("called"):
            await db.execute("SELECT 1")


class Failing(Described):
    """Both forms, of which nothing ever succeeds."""

    @transaction
    def divide(self, tx: Tx) -> None:
        tx.execute("SELECT 1 / $1::int", 0)

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        await db.execute("SELECT 1 / 0")


class Called(Described):
    """Has no description."""

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        await db.execute("SELECT 1")


class How(Described):
    """Leaves how its statements came to the server, and by which session."""

    @transaction
    def how(self, tx: Tx) -> None:
        tx.execute("INSERT INTO setting SELECT $1, current_query()", "query")
        tx.execute(
            "INSERT INTO setting SELECT 'prepared', count(*)::text FROM pg_prepared_statements"
        )
        tx.execute("INSERT INTO setting SELECT 'pid', pg_backend_pid()::text")


class NoTable(Described):
    @transaction
    def lost(self, tx: Tx) -> None:
        tx.execute("SELECT value FROM nowhere")


class Mistake(Described):
    @transaction
    def mistake(self, tx: Tx) -> None:
        if uniform(1, 2) == 1:
            tx.execute("SELECT 1")


TYPES = {
    "look": Look,
    "note": Note,
    "collide": Collide,
    "ask": Ask,
    "outcomes": Outcomes,
    "both": Both,
    "called": Called,
    "failing": Failing,
    "how": How,
    "no_table": NoTable,
    "mistake": Mistake,
}


class DescribedPlugin(WorkloadPlugin):
    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(name="described", version="1.0.0", workload_types=tuple(TYPES))

    def create_workload(self, workload_type: str) -> Workload:
        return TYPES[workload_type]()


PLUGIN = DescribedPlugin()
