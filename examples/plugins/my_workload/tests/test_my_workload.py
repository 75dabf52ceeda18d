"""The contract of every plugin, and what this one checks and refuses."""

from __future__ import annotations

import pytest
from my_workload import PLUGIN
from my_workload.config import MyWorkloadConfig
from pydantic import ValidationError

from stormdb.testing import PluginContract, Runner, ScratchDatabase


class TestContract(PluginContract):
    plugin = PLUGIN
    memory_s = 2  # for each type, instead of 20


def test_verify_sees_a_lost_row(stormdb_run: Runner, stormdb_database: ScratchDatabase) -> None:
    stormdb_run("my_workload_write", duration="200ms")
    stormdb_database.fetch("DELETE FROM stormdb_my_custom_workload.my_test_table WHERE id = 7")
    run = stormdb_run("my_workload_write", setup=False, duration="200ms")
    assert not run.findings["every loaded row is there"].ok


def test_the_mode_decides_what_is_done(stormdb_run: Runner) -> None:
    run = stormdb_run("my_workload", mode="read", duration="200ms")
    assert [row.name for row in run.summary.transactions] == ["read"]


@pytest.mark.parametrize("keys", [{"read_ratio": 2}, {"read_ration": 0.5}])
def test_a_wrong_key_or_value_is_refused(keys: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        MyWorkloadConfig.model_validate(keys)
