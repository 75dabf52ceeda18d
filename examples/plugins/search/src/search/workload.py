"""The workload: articles that are searched, and edited now and then."""

from __future__ import annotations

from random import Random

import asyncpg

from search.config import SearchConfig
from search.words import WORDS, some_words
from stormdb.plugin import Config, Context, Finding, Metrics, Workload
from stormdb.workload import Tx, Value, table, text, transaction, uniform, zipf

ARTICLES_PER_SCALE = 1000
TITLE_WORDS = 5

# The generated column is computed when a row is written: no trigger, and no way to forget it.
# to_tsvector() needs its configuration by name there, for the default may be another tomorrow.
TABLE = """
CREATE TABLE IF NOT EXISTS article (
    id bigint PRIMARY KEY,
    title text NOT NULL,
    body text NOT NULL,
    search tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('english', title), 'A')
        || setweight(to_tsvector('english', body), 'B')
    ) STORED
);
CREATE INDEX IF NOT EXISTS article_search ON article USING gin (search)
"""

# websearch_to_tsquery() takes what a user types and never fails: words, "a phrase", or, -without.
RANKED = """
SELECT id, title, ts_rank_cd(search, query) AS rank
FROM article, websearch_to_tsquery('english', $1) AS query
WHERE search @@ query ORDER BY rank DESC, id LIMIT 10
"""
# Newest first, without a rank: every hit is found, but its search column is not read.
NEWEST = """
SELECT id, title FROM article
WHERE search @@ websearch_to_tsquery('english', $1) ORDER BY id DESC LIMIT 10
"""
# ts_headline() parses the text anew: for the rows that are shown, not for all hits.
HEADLINES = """
SELECT id, ts_headline('english', body, query) FROM (
    SELECT id, body, query FROM article, websearch_to_tsquery('english', $1) AS query
    WHERE search @@ query ORDER BY ts_rank_cd(search, query) DESC, id LIMIT 10
) AS shown
"""
EDIT = "UPDATE article SET body = $2 WHERE id = $1"

STALE = """
SELECT count(*) FROM article WHERE search IS DISTINCT FROM
    setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', body), 'B')
"""
BY_COLUMN = "SELECT count(*) FROM article WHERE search @@ websearch_to_tsquery('english', $1)"
BY_TEXT = """
SELECT count(*) FROM article
WHERE to_tsvector('english', title || ' ' || body) @@ websearch_to_tsquery('english', $1)
"""


class Search(Workload):
    """Searches of a word, of words together, of a phrase, with headlines; edits."""

    config_model = SearchConfig

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        # One transaction: a setup that is interrupted leaves nothing, not half of its rows.
        async with db.acquire() as connection, connection.transaction():
            await connection.execute(TABLE)
            if await connection.fetchval("SELECT EXISTS (SELECT FROM article)"):
                return
            articles, body_words = article_count(cfg), cfg.workload_config.body_words
            await connection.copy_records_to_table(
                "article",
                records=(
                    (
                        number,
                        " ".join(some_words(ctx.random, TITLE_WORDS)),
                        " ".join(some_words(ctx.random, body_words)),
                    )
                    for number in range(1, articles + 1)
                ),
                columns=["id", "title", "body"],
            )
            ctx.progress(articles, articles, "articles")
            await connection.execute("ANALYZE article")

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute("DROP TABLE IF EXISTS article")

    def weights(self, cfg: Config) -> dict[str, int]:
        """Weight of each transaction: shares of the searches are 4 to 2 to 2 to 2."""
        edit_percent: int = cfg.workload_config.edit_percent
        searches = 100 - edit_percent
        return {
            "word": 4 * searches,
            "newest": 2 * searches,
            "phrase": 2 * searches,
            "headlines": 2 * searches,
            "edit": 10 * edit_percent,
        }

    # Described: executed by native threads.

    @transaction(weight=lambda self, cfg: self.weights(cfg)["word"])
    def word(self, tx: Tx) -> None:
        tx.execute(RANKED, word(), label="one word, by rank")

    @transaction(weight=lambda self, cfg: self.weights(cfg)["newest"])
    def newest(self, tx: Tx) -> None:
        tx.execute(NEWEST, text(word(), " ", word(), " -", word()), label="two without a third")

    @transaction(weight=lambda self, cfg: self.weights(cfg)["phrase"])
    def phrase(self, tx: Tx) -> None:
        tx.execute(RANKED, text('"', word(), " ", word(), '"'), label="a phrase, by rank")

    @transaction(weight=lambda self, cfg: self.weights(cfg)["headlines"])
    def headlines(self, tx: Tx) -> None:
        tx.execute(HEADLINES, text(word(), " or ", word()), label="either word, with headlines")

    @transaction(weight=lambda self, cfg: self.weights(cfg)["edit"])
    def edit(self, tx: Tx, cfg: Config) -> None:
        body = tx.let("body", word())
        with tx.repeat(cfg.workload_config.body_words - 1):
            body = tx.let("body", text(body, " ", word()))
        tx.execute(EDIT, uniform(1, article_count(cfg)), body, rows=1)

    # The same as a coroutine.

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        weights = self.weights(cfg)
        (name,) = ctx.random.choices(list(weights), list(weights.values()))
        if name == "edit":
            article = ctx.random.randint(1, article_count(cfg))
            body = " ".join(some_words(ctx.random, cfg.workload_config.body_words))
            async with metrics.operation(name):
                await db.execute(EDIT, article, body)
        else:
            sql, typed = question(name, ctx.random)
            async with metrics.operation(name):
                await db.fetch(sql, typed)

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        found = await db.fetchval("SELECT count(*) FROM article")
        stale = await db.fetchval(STALE)
        async with db.acquire() as connection, connection.transaction():
            # Most words are in so many articles that the planner would pass the index by.
            await connection.execute("SET LOCAL enable_seqscan = off")
            counts = {
                typed: [await connection.fetchval(sql, typed) for sql in (BY_COLUMN, BY_TEXT)]
                for typed in WORDS[::20]
            }
        return [
            Finding(
                name="every article is there",
                ok=found == article_count(cfg),
                detail=f"{found} of {article_count(cfg)} articles",
            ),
            Finding(
                name="each search column is that of its text",
                ok=stale == 0,
                detail=f"{stale} articles with another one",
            ),
            Finding(
                name="the search finds what the texts hold",
                ok=all(by_column == by_text for by_column, by_text in counts.values()),
                detail=", ".join(f"{typed}: {a} and {b}" for typed, (a, b) in counts.items()),
            ),
        ]


def article_count(cfg: Config) -> int:
    """How many articles `setup` loads; their ids are 1 and up."""
    return cfg.scale * ARTICLES_PER_SCALE


def word() -> Value:
    """A word by Zipf's law, as those of the articles."""
    return table(WORDS)[zipf(len(WORDS), skew=1)]


def question(name: str, random: Random) -> tuple[str, str]:
    """What a search asks: the statement, and what a user would type."""
    first, second, third = some_words(random, 3)
    match name:
        case "word":
            return RANKED, first
        case "newest":
            return NEWEST, f"{first} {second} -{third}"
        case "phrase":
            return RANKED, f'"{first} {second}"'
    return HEADLINES, f"{first} or {second}"
