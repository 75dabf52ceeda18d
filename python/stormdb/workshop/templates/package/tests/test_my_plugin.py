"""The contract, and what is true of this plugin alone; a PostgreSQL is started for it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from stormdb.testing import PluginContract, Runner, ScratchDatabase

from my_plugin import PLUGIN
from my_plugin.config import MyPluginConfig


class TestContract(PluginContract):
    """Each promise of a plugin is a test: stormdb's docs/testing-a-plugin.md."""

    plugin = PLUGIN


def test_a_run_that_asks_for_reads_alone_updates_nothing(stormdb_run: Runner) -> None:
    run = stormdb_run("my_plugin", workload_config={"read_percent": 100})
    assert run.failures == {}
    assert {row.name for row in run.summary.transactions if row.committed_count} == {"read"}


def test_verify_sees_a_lost_row(stormdb_run: Runner, stormdb_database: ScratchDatabase) -> None:
    run = stormdb_run("my_plugin", duration="200ms")
    assert [finding.ok for finding in run.result.findings or ()] == [True]
    stormdb_database.fetch("DELETE FROM stormdb_my_plugin.item WHERE id = 7")
    run = stormdb_run("my_plugin", setup=False, duration="200ms")
    assert [finding.ok for finding in run.result.findings or ()] == [False]


@pytest.mark.parametrize("keys", [{"read_percent": 101}, {"read_precent": 50}])
def test_a_wrong_key_or_value_is_refused(keys: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        MyPluginConfig.model_validate(keys)
