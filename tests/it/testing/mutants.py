"""Mutants of the honest plugin: the promise that each breaks, and the code that breaks it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HONEST = Path(__file__).with_name("honest.py")
IMPORTS = """
import asyncio
import random
import time

from stormdb.workload import transaction, uniform
"""
LOST = (
    "(asyncpg.AdminShutdownError, asyncpg.ConnectionDoesNotExistError, asyncpg.InterfaceError,"
    " ConnectionResetError)"
)


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One way to break one promise.

    Attributes:
        promise: its name.
        says: a part of the message that tells the author what is wrong.
        code: the body of a class that takes the place of the workload, or of the plugin.
        base: the class that it inherits from.
        declares: less patience, since what it breaks would be waited for.
    """

    promise: str
    says: str
    code: str
    base: str = "Ledger"
    declares: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """The plugin as a file."""
        text = HONEST.read_text(encoding="utf-8")
        text += f"\n\n{IMPORTS}\n\nclass Mutant({self.base}):\n{self.code.strip(chr(10))}\n\n"
        if self.base == "Ledger":
            text += "LedgerPlugin.workload = Mutant\n"
        else:
            text += "PLUGIN = Mutant()\n"
        path = folder / "ledger.py"
        path.write_text(text, encoding="utf-8")
        return path


MUTANTS = {
    "version": Mutant(
        promise="metadata_is_valid",
        says="version is 'one'",
        base="LedgerPlugin",
        code="""
    def get_metadata(self):
        return PluginMetadata(name="ledger", version="one", workload_types=("ledger",))
""",
    ),
    "type that is not made": Mutant(
        promise="each_type_is_created",
        says="workload_types lists audit, and it cannot be made",
        base="LedgerPlugin",
        code="""
    def get_metadata(self):
        return PluginMetadata(name="ledger", version="1.0", workload_types=("ledger", "audit"))
""",
    ),
    "type that is not listed": Mutant(
        promise="a_type_that_is_not_listed_is_refused",
        says="workload_types does not list it",
        base="LedgerPlugin",
        code="""
    def create_workload(self, workload_type):
        return Ledger()
""",
    ),
    "setup at one scale": Mutant(
        promise="setup_makes_the_data",
        says="fails at scale 2",
        code="""
    def rows(self, cfg):
        return {1: 100}[cfg.scale]
""",
    ),
    "scale without effect": Mutant(
        promise="rows_grow_with_the_scale",
        says="makes 100 rows at scale 2, and 100 at scale 1",
        code="""
    def rows(self, cfg):
        return 100
""",
    ),
    "setup that adds": Mutant(
        promise="setup_twice_changes_nothing",
        says="table stormdb_ledger.account has 101 rows, it had 100",
        code="""
    async def setup(self, ctx, db, cfg):
        await super().setup(ctx, db, cfg)
        count = await db.fetchval("SELECT count(*) FROM account")
        if await db.fetchval("SELECT obj_description('account'::regclass) = 'seen'"):
            await db.execute("INSERT INTO account VALUES ($1, 0)", count)
        await db.execute("COMMENT ON TABLE account IS 'seen'")
""",
    ),
    "setup with other dice": Mutant(
        promise="the_same_seed_makes_the_same_data",
        says="rows of table stormdb_ledger.account differ",
        code="""
    def dice(self, ctx):
        return random
""",
    ),
    "verify that wants a run": Mutant(
        promise="verify_holds_after_setup",
        says="after setup of ledger, moves does not hold: 0",
        code="""
    async def verify(self, ctx, db, cfg):
        moves = await db.fetchval("SELECT sum(moves) FROM account")
        return [Finding(name="moves", ok=moves > 0, detail=str(moves))]
""",
    ),
    "verify that fears a run": Mutant(
        promise="verify_holds_after_a_run",
        says="after a run of ledger (coroutine), moves does not hold",
        code="""
    async def verify(self, ctx, db, cfg):
        moves = await db.fetchval("SELECT sum(moves) FROM account")
        return [Finding(name="moves", ok=moves == 0, detail=str(moves))]
""",
    ),
    "role that stays": Mutant(
        promise="cleanup_leaves_nothing_behind",
        says="role stormdb_mutant",
        code="""
    async def setup(self, ctx, db, cfg):
        await super().setup(ctx, db, cfg)
        if not await db.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = 'stormdb_mutant'"):
            await db.execute("CREATE ROLE stormdb_mutant")
""",
    ),
    "session that stays": Mutant(
        promise="cleanup_leaves_nothing_behind",
        says="(left open)",
        code="""
    async def setup(self, ctx, db, cfg):
        await super().setup(ctx, db, cfg)
        async with db.acquire() as connection:
            address = await connection.fetchrow(
                "SELECT current_setting('unix_socket_directories') AS host,"
                " current_setting('port')::int AS port, current_database() AS database"
            )
            password = connection._params.password
        self.held = await asyncpg.connect(
            host=address["host"].strip('"'), port=address["port"], user="postgres",
            password=password, database=address["database"],
            server_settings={"application_name": "left open"},
        )
""",
    ),
    "prepared transaction that stays": Mutant(
        promise="cleanup_leaves_nothing_behind",
        says="prepared transaction left",
        code="""
    async def setup(self, ctx, db, cfg):
        await super().setup(ctx, db, cfg)
        if not await db.fetchval(
            "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"
        ):
            name = await db.fetchval("SELECT current_database()")
            await db.execute(
                f"BEGIN; SELECT pg_advisory_xact_lock(1); PREPARE TRANSACTION 'left {name}'"
            )
""",
    ),
    "cleanup next door": Mutant(
        promise="cleanup_spares_what_was_there",
        says="table public.account of somebody else is gone",
        code="""
    async def cleanup(self, ctx, db, cfg):
        await db.execute("DROP TABLE IF EXISTS account, public.account")
""",
    ),
    "run that fails at times": Mutant(
        promise="each_type_runs",
        says="fail with 22012: division by zero",
        code="""
    async def run(self, ctx, db, cfg, metrics):
        await super().run(ctx, db, cfg, metrics)
        if ctx.iteration % 3 == 1:
            await db.fetchval("SELECT 1 / 0")
""",
    ),
    "statement without rows": Mutant(
        promise="each_statement_has_rows",
        says="UPDATE account SET moves = moves WHERE id = $1",
        code="""
    async def run(self, ctx, db, cfg, metrics):
        await super().run(ctx, db, cfg, metrics)
        await db.execute(SPARED, -1)
""",
    ),
    "table in public": Mutant(
        promise="it_stays_within_its_schema",
        says="table public.journal is new",
        code="""
    async def setup(self, ctx, db, cfg):
        await super().setup(ctx, db, cfg)
        await db.execute("CREATE TABLE IF NOT EXISTS public.journal (line text)")

    async def cleanup(self, ctx, db, cfg):
        await super().cleanup(ctx, db, cfg)
        await db.execute("DROP TABLE public.journal")
""",
    ),
    "run with other dice": Mutant(
        promise="the_same_seed_offers_the_same_work",
        says="SELECT cents FROM account WHERE id = $1 with (",
        code="""
    async def run(self, ctx, db, cfg, metrics):
        number = random.randrange(self.rows(cfg))
        await db.fetchrow(READ, number)
        await db.execute(MOVE, number, 1)
""",
    ),
    "forms that differ": Mutant(
        promise="both_forms_agree",
        says="50% of what run() asks and 0% of what the described transactions ask",
        code="""
    @transaction
    def look(self, tx):
        tx.fetch_value(READ, tx.let("number", uniform(0, 99)))
""",
    ),
    "run that does not look up": Mutant(
        promise="a_cancelled_run_ends",
        says="were still going on 2 s after the run was cancelled",
        code="""
    async def run(self, ctx, db, cfg, metrics):
        while True:
            async with metrics.operation():
                await db.fetchrow(READ, 1)
            await asyncio.sleep(0.01)
""",
    ),
    "cut that is hidden": Mutant(
        promise="a_cut_connection_is_counted_and_replaced",
        says="hides what fails when its connections are cut",
        code=f"""
    async def run(self, ctx, db, cfg, metrics):
        for _ in range(20):
            try:
                return await super().run(ctx, db, cfg, metrics)
            except {LOST}:
                pass  # once more, and nobody knows
""",
    ),
    "server that must stay": Mutant(
        promise="a_restarted_server_is_counted_and_used_again",
        says="does not go on within 3 s when the server restarts",
        declares={"patience_s": 3.0},
        code="""
    known = None

    async def run(self, ctx, db, cfg, metrics):
        started = await db.fetchval("SELECT pg_postmaster_start_time()")
        self.known = self.known or started
        assert self.known == started
        await super().run(ctx, db, cfg, metrics)
""",
    ),
    "full disk that is hidden": Mutant(
        promise="a_full_table_is_told",
        says="reports no error and",
        declares={"patience_s": 1.0},
        code="""
    async def run(self, ctx, db, cfg, metrics):
        try:
            await super().run(ctx, db, cfg, metrics)
        except asyncpg.DiskFullError:
            pass
""",
    ),
    "missing table that is hidden": Mutant(
        promise="a_missing_table_is_told",
        says="reports no error and",
        declares={"patience_s": 1.0},
        code="""
    async def run(self, ctx, db, cfg, metrics):
        try:
            await super().run(ctx, db, cfg, metrics)
        except asyncpg.UndefinedTableError:
            pass
""",
    ),
    "permission that is reworded": Mutant(
        promise="a_refused_permission_is_told",
        says="instead of 42501: RuntimeError: something went wrong",
        code="""
    async def run(self, ctx, db, cfg, metrics):
        try:
            await super().run(ctx, db, cfg, metrics)
        except asyncpg.InsufficientPrivilegeError:
            raise RuntimeError("something went wrong") from None
""",
    ),
    "memory that grows": Mutant(
        promise="memory_stays_flat",
        says="grows from",
        declares={"memory_s": 3.0},
        code="""
    def __init__(self):
        self.held, self.seen = [], time.monotonic()

    async def run(self, ctx, db, cfg, metrics):
        await super().run(ctx, db, cfg, metrics)
        now = time.monotonic()
        self.held.append(b"x" * int((now - self.seen) * 50e6))
        self.seen = now
""",
    ),
}
