"""From flags to a configuration."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from stormdb.cli.flags import LoadFlags, LogFlags, OutputFlags, ServerFlags, WhatFlags
from stormdb.cli.settings import load_config
from stormdb.errors import ConfigError


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_flags_set_keys() -> None:
    what = WhatFlags(name="bank", mode="fast", scale="3", plugin=["a.py", "b.py"])
    load = LoadFlags(
        duration="5s",
        warm_up="1s",
        workers="8",
        connections="6",
        seed="9",
        executor="native",
        threads="3",
        io="poll",
    )
    server = ServerFlags(host="db.example", port="5433", dbname="shop", username="app")
    output = OutputFlags(summary_interval="2s")
    config = load_config(what, LogFlags(), load.values() | server.values() | output.values())
    assert (config.workload, config.mode, config.scale) == ("bank", "fast", 3)
    assert [Path(file).name for file in config.plugins.files] == ["a.py", "b.py"]
    assert (config.duration_ns, config.warm_up_ns) == (5 * 10**9, 10**9)
    assert (config.workers, config.connections, config.seed) == (8, 6, 9)
    assert (config.executor, config.threads, config.io) == ("native", 3, "poll")
    assert (config.database.type, config.database.hosts) == ("postgres", ("db.example",))
    assert (config.database.ports, config.database.dbname) == ((5433,), "shop")
    assert config.database.username == "app"
    assert config.summary_interval_ns == 2 * 10**9


def test_no_flags_set_nothing() -> None:
    config = load_config(
        WhatFlags(name="bank"),
        LogFlags(),
        LoadFlags().values() | ServerFlags().values() | OutputFlags().values(),
    )
    assert config.database.type == "embedded"
    assert config.load.arrival == "closed"


def test_no_summary_is_an_interval_of_none() -> None:
    config = load_config(WhatFlags(name="bank"), LogFlags(), OutputFlags(no_summary=True).values())
    assert config.summary_interval_ns == 0


def test_a_rate_without_a_file_means_open_loop() -> None:
    config = load_config(WhatFlags(name="bank"), LogFlags(), LoadFlags(rate="500").values())
    assert (config.load.arrival, config.load.rate_micro_per_s) == ("constant", 500 * 10**6)


def test_the_arrival_of_a_file_stays_when_only_the_rate_is_given(tmp_path: Path) -> None:
    file = tmp_path / "stormdb.yaml"
    file.write_text("workload: bank\nload: {arrival: poisson, rate: 5}\n")
    config = load_config(WhatFlags(config=file), LogFlags(), LoadFlags(rate="500").values())
    assert (config.load.arrival, config.load.rate_micro_per_s) == ("poisson", 500 * 10**6)


def test_a_rate_makes_the_loop_of_a_file_open_unless_the_file_is_against_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "stormdb.yaml"
    file.write_text("workload: bank\n")
    config = load_config(WhatFlags(config=file), LogFlags(), LoadFlags(rate="500").values())
    assert (config.load.arrival, config.load.rate_micro_per_s) == ("constant", 500 * 10**6)
    file.write_text("workload: bank\nload: {arrival: closed}\n")
    with pytest.raises(ConfigError, match="--rate: a closed loop has no rate"):
        load_config(WhatFlags(config=file), LogFlags(), LoadFlags(rate="500").values())


def test_a_rate_leaves_the_arrival_of_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORMDB_LOAD__ARRIVAL", "poisson")
    config = load_config(WhatFlags(name="bank"), LogFlags(), LoadFlags(rate="500").values())
    assert config.load.arrival == "poisson"


def test_an_override_goes_before_a_flag() -> None:
    what = WhatFlags(name="bank", scale="3", set_=["scale=5", "retry.max_tries=7"])
    config = load_config(what, LogFlags(), {})
    assert (config.scale, config.retry.max_tries) == (5, 7)


def test_nothing_to_run_is_an_error() -> None:
    told = "workload: the key is missing; hint: name a workload; `stormdb workloads list` shows"
    with pytest.raises(ConfigError, match=told):
        load_config(WhatFlags(), LogFlags(), {})


def test_a_variable_names_the_workload_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORMDB_WORKLOAD", "shop")
    assert load_config(WhatFlags(), LogFlags(), {}).workload == "shop"


def test_an_unknown_log_level_is_an_error() -> None:
    with pytest.raises(ConfigError, match="'loud' is not a log level"):
        load_config(WhatFlags(name="bank"), LogFlags(log_level="loud"), {})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("shop.yaml", "give it as -c shop.yaml"),
        ("./shop", "name one of its workload types, and --plugin ./shop"),
        ("shop.py", "name one of its workload types, and --plugin shop.py"),
    ],
)
def test_a_path_in_the_place_of_a_workload_type_says_where_it_belongs(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match="is a path, where a workload type is named") as caught:
        load_config(WhatFlags(name=name), LogFlags(), {})
    assert caught.value.hint == hint


def test_two_workloads_are_an_error() -> None:
    with pytest.raises(ConfigError, match="two workloads are named, bank and shop"):
        load_config(WhatFlags(name="bank", workload="shop"), LogFlags(), {})
    flags = WhatFlags(workload="shop")
    assert load_config(flags, LogFlags(), {}).workload == "shop"
