"""The workload: a tree of categories, read up and down, whose branches are moved."""

from __future__ import annotations

import asyncpg

from stormdb.plugin import Config, Context, Finding, Metrics, Workload
from stormdb.workload import Tx, transaction, uniform
from tree.config import TreeConfig

CATEGORIES_PER_SCALE = 1000
MOVE_LOCK = 7_390_001

TABLE = """
CREATE TABLE IF NOT EXISTS category (
    id bigint PRIMARY KEY,
    parent_id bigint REFERENCES category,
    name text NOT NULL,
    CHECK (parent_id <> id)
);
CREATE INDEX IF NOT EXISTS category_parent ON category (parent_id);
CREATE UNIQUE INDEX IF NOT EXISTS category_root ON category ((true)) WHERE parent_id IS NULL
"""

# UNION instead of UNION ALL: should there be a cycle, the recursion still ends.
ANCESTORS = """
WITH RECURSIVE up AS (
    SELECT id, parent_id, name FROM category WHERE id = $1
    UNION
    SELECT parent.id, parent.parent_id, parent.name
    FROM category AS parent JOIN up ON parent.id = up.parent_id
)
SELECT id, name FROM up
"""
SUBTREE = """
WITH RECURSIVE down AS (
    SELECT id FROM category WHERE id = $1
    UNION
    SELECT child.id FROM category AS child JOIN down ON child.parent_id = down.id
)
SELECT count(*) FROM down
"""
# The path as an array sorts a tree as people list it: each branch below its parent.
OUTLINE = """
WITH RECURSIVE down AS (
    SELECT id, name, ARRAY[id] AS path FROM category WHERE id = $1
    UNION ALL
    SELECT child.id, child.name, path || child.id
    FROM category AS child JOIN down ON child.parent_id = down.id
    WHERE cardinality(path) < 3
)
SELECT id, repeat('  ', cardinality(path) - 1) || name FROM down ORDER BY path LIMIT 50
"""
# Not below itself: changes no row if the new parent is the category or lies below it.
MOVE = """
UPDATE category SET parent_id = $2 WHERE id = $1 AND NOT EXISTS (
    WITH RECURSIVE up AS (
        SELECT id, parent_id FROM category WHERE id = $2
        UNION
        SELECT parent.id, parent.parent_id
        FROM category AS parent JOIN up ON parent.id = up.parent_id
    )
    SELECT FROM up WHERE id = $1
)
"""
# A statement of its own: the one that looks for the cycle must begin when the lock is there. And
# see what is committed by then: a snapshot of the whole transaction would be older than the lock.
LOCK = "SELECT pg_advisory_xact_lock($1)"


class Tree(Workload):
    """Path to the root, size and outline of a branch, and moves of a branch."""

    config_model = TreeConfig

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        # One transaction: a setup that is interrupted leaves nothing, not half of its rows.
        async with db.acquire() as connection, connection.transaction():
            await connection.execute(TABLE)
            if await connection.fetchval("SELECT EXISTS (SELECT FROM category)"):
                return
            categories = category_count(cfg)
            # The parent has a smaller number, so it is there before its children.
            parents = [None, *(ctx.random.randint(max(1, n // 4), n - 1) for n in ids(cfg)[1:])]
            await connection.copy_records_to_table(
                "category",
                records=zip(ids(cfg), parents, (f"category {n}" for n in ids(cfg)), strict=True),
                columns=["id", "parent_id", "name"],
            )
            ctx.progress(categories, categories, "categories")
            await connection.execute("ANALYZE category")

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute("DROP TABLE IF EXISTS category")

    def weights(self, cfg: Config) -> dict[str, int]:
        """Weight of each transaction: shares of the reads are 4 to 3 to 3."""
        moves: int = cfg.workload_config.move_percent
        reads = 100 - moves
        return {
            "ancestors": 4 * reads,
            "subtree": 3 * reads,
            "outline": 3 * reads,
            "move": 10 * moves,
        }

    # Described: executed by native threads.

    @transaction(weight=lambda self, cfg: self.weights(cfg)["ancestors"])
    def ancestors(self, tx: Tx, cfg: Config) -> None:
        tx.execute(ANCESTORS, uniform(1, category_count(cfg)), rows=(1, None))

    @transaction(weight=lambda self, cfg: self.weights(cfg)["subtree"])
    def subtree(self, tx: Tx, cfg: Config) -> None:
        tx.execute(SUBTREE, uniform(1, category_count(cfg)), rows=1)

    @transaction(weight=lambda self, cfg: self.weights(cfg)["outline"])
    def outline(self, tx: Tx, cfg: Config) -> None:
        tx.execute(OUTLINE, uniform(1, category_count(cfg)), rows=(1, 50))

    @transaction(weight=lambda self, cfg: self.weights(cfg)["move"])
    def move(self, tx: Tx, cfg: Config) -> None:
        guard = cfg.workload_config.guard
        with tx.block(isolation="serializable" if guard == "serializable" else "read committed"):
            if guard == "lock":
                tx.execute(LOCK, MOVE_LOCK, label="lock")
            moved, parent = uniform(2, category_count(cfg)), uniform(1, category_count(cfg))
            tx.execute(MOVE, moved, parent, rows=(0, 1), label="move")

    # The same as a coroutine.

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        weights = self.weights(cfg)
        (name,) = ctx.random.choices(list(weights), list(weights.values()))
        category = ctx.random.randint(1, category_count(cfg))
        moved = ctx.random.randint(2, category_count(cfg))
        async with metrics.operation(name):
            match name:
                case "ancestors":
                    await db.fetch(ANCESTORS, category)
                case "subtree":
                    await db.fetchval(SUBTREE, category)
                case "outline":
                    await db.fetch(OUTLINE, category)
                case "move":
                    await self._move(db, moved, category, cfg)

    async def _move(self, db: asyncpg.Pool, moved: int, parent: int, cfg: Config) -> None:
        guard = cfg.workload_config.guard
        async with (
            db.acquire() as connection,
            connection.transaction(
                isolation="serializable" if guard == "serializable" else "read_committed"
            ),
        ):
            if guard == "lock":
                await connection.execute(LOCK, MOVE_LOCK)
            await connection.execute(MOVE, moved, parent)

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        found = await db.fetchval("SELECT count(*) FROM category")
        roots = await db.fetch("SELECT id FROM category WHERE parent_id IS NULL")
        below = await db.fetchval(SUBTREE, roots[0]["id"]) if roots else 0
        return [
            Finding(
                name="every category is there",
                ok=found == category_count(cfg),
                detail=f"{found} of {category_count(cfg)} categories",
            ),
            Finding(name="there is one root", ok=len(roots) == 1, detail=f"{len(roots)} roots"),
            Finding(
                name="there is no cycle: every category hangs on the root",
                ok=below == found,
                detail=f"{below} of {found} categories",
            ),
        ]


def category_count(cfg: Config) -> int:
    """How many categories `setup` loads; their ids are 1 and up, and 1 is the root."""
    return cfg.scale * CATEGORIES_PER_SCALE


def ids(cfg: Config) -> range:
    """Their ids."""
    return range(1, category_count(cfg) + 1)
