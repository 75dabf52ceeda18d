"""The contract, and what is true of this plugin alone; a PostgreSQL is started for it."""

from __future__ import annotations

import asyncio

import pytest
from search import PLUGIN
from search.words import WORDS
from search.workload import HEADLINES, RANKED

from stormdb.testing import PluginContract, Runner, ScratchDatabase

ARTICLE = "stormdb_search.article"
STILL = {"edit_percent": 0}


class TestContract(PluginContract):
    plugin = PLUGIN
    memory_s = 5  # instead of 20


def test_verify_sees_a_search_column_that_is_not_kept_up(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    run = stormdb_run("search", duration="200ms")
    assert [finding.ok for finding in run.result.findings or ()] == [True, True, True]
    stormdb_database.fetch(f"ALTER TABLE {ARTICLE} ALTER COLUMN search DROP EXPRESSION")
    stormdb_database.fetch(f"UPDATE {ARTICLE} SET title = 'zebra', body = 'zebra'")
    run = stormdb_run("search", setup=False, duration="200ms")
    assert [finding.ok for finding in run.result.findings or ()] == [True, False, False]


def test_verify_asks_the_index_and_not_the_table(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    stormdb_run("search", duration="200ms", workload_config=STILL)
    ready = (
        "UPDATE pg_index SET indisready = {} WHERE indexrelid = 'stormdb_search.article_search'"
        "::regclass"
    )
    stormdb_database.fetch(ready.format("false"))  # a write that the index does not learn of
    # The most frequent word: so many articles have it that the planner would read them all.
    stormdb_database.fetch(f"UPDATE {ARTICLE} SET (title, body) = ('{WORDS[0]}', '') WHERE id = 7")
    stormdb_database.fetch(ready.format("true"))
    run = stormdb_run("search", setup=False, duration="200ms", workload_config=STILL)
    assert [finding.ok for finding in run.result.findings or ()] == [True, True, False]


@pytest.mark.parametrize("executor", ["native", "coroutine"])
def test_an_edit_leaves_an_article_of_the_same_length(
    stormdb_run: Runner, stormdb_database: ScratchDatabase, executor: str
) -> None:
    options = {"edit_percent": 100, "body_words": 100}
    run = stormdb_run("search", executor=executor, workload_config=options)
    assert run.failures == {}
    assert run.committed_count > 0
    rows = stormdb_database.fetch(
        f"SELECT DISTINCT cardinality(string_to_array(body, ' ')) AS words FROM {ARTICLE}"
    )
    assert [row["words"] for row in rows] == [100]


def test_the_words_follow_zipf_s_law_and_have_stems_of_their_own(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    stormdb_run("search", duration="200ms")
    rows = stormdb_database.fetch(
        "SELECT nentry FROM ts_stat('SELECT search FROM stormdb_search.article') "
        "ORDER BY nentry DESC"
    )
    entries = [row["nentry"] for row in rows]
    assert len(entries) == len(WORDS)
    assert 8 < entries[0] / entries[9] < 12  # the tenth is ten times rarer


@pytest.mark.parametrize("sql", [RANKED, HEADLINES])
def test_a_ranked_search_uses_the_index(
    stormdb_run: Runner, stormdb_database: ScratchDatabase, sql: str
) -> None:
    stormdb_run("search", duration="200ms")

    async def plan() -> list[str]:
        async with stormdb_database.connected() as connection:
            await connection.execute("SET search_path = stormdb_search")
            await connection.execute("SET enable_seqscan = off")  # the table is small
            rows = await connection.fetch("EXPLAIN " + sql.replace("$1", "'zebra'"))
            return [row[0] for row in rows]

    assert any("article_search" in line for line in asyncio.run(plan()))
