"""The contract, and what is true of this plugin alone; a PostgreSQL is started for it."""

from __future__ import annotations

from vectors import PLUGIN

from stormdb.testing import PluginContract, Runner, ScratchDatabase

THERE = "every passage is there"
TOPIC = "each passage has the topic that is nearest"


class TestContract(PluginContract):
    plugin = PLUGIN
    memory_s = 5  # instead of 20


def test_verify_sees_a_passage_with_another_topic(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    assert stormdb_run("vectors").findings[TOPIC].ok
    stormdb_database.fetch(
        "UPDATE stormdb_vectors.passage SET topic_id = (topic_id + 1) % 20 WHERE id = 7"
    )
    still = {"write_percent": 0}
    run = stormdb_run("vectors", setup=False, duration="200ms", workload_config=still)
    assert not run.findings[TOPIC].ok
    stormdb_database.fetch("TRUNCATE stormdb_vectors.passage")
    run = stormdb_run("vectors", setup=False, duration="200ms", workload_config=still)
    assert not run.findings[THERE].ok
