from __future__ import annotations

from pathlib import Path

import pytest

from stormdb.config import ConfigProblemsError, load
from stormdb.errors import ConfigError

GUIDE = """\
database:
  type: postgres
  host: localhost
  port: 5432
  dbname: test
  username: postgres
  password: postgres
  sslmode: disable

plugins:
  paths:
    - "./plugins"
  files:
    - "./my_workload.so"
  auto_load: true

workload: "my_workload"
mode: "mixed"
scale: 10
duration: "60s"
workers: 4
connections: 10
"""


def _write(folder: Path, text: str) -> Path:
    file = folder / "stormdb.yaml"
    file.write_text(text)
    return file


def test_the_file_of_the_guide_works_key_by_key(tmp_path: Path) -> None:
    config = load(_write(tmp_path, GUIDE), environ={})
    database = config.database
    assert database.type == "postgres"
    assert (database.hosts, database.ports) == (("localhost",), (5432,))
    assert (database.dbname, database.username, database.sslmode) == ("test", "postgres", "disable")
    assert database.password is not None
    assert database.password.get_secret_value() == "postgres"
    assert config.plugins.paths == (str(tmp_path / "plugins"),)
    assert config.plugins.files == (str(tmp_path / "my_workload.so"),)
    assert config.plugins.auto_load
    assert (config.workload, config.mode, config.scale) == ("my_workload", "mixed", 10)
    assert (config.duration_ns, config.workers, config.connections) == (60 * 10**9, 4, 10)


def test_defaults_are_these() -> None:
    config = load(None, workload="x", environ={})
    assert config.database.type == "embedded"
    assert config.plugins.paths == ("./plugins",)
    assert (config.mode, config.scale, config.workers, config.connections) == ("", 1, 4, 4)
    assert (config.duration_ns, config.warm_up_ns, config.cool_down_ns) == (60 * 10**9, 0, 0)
    assert (config.summary_interval_ns, config.statement_timeout_ns) == (10 * 10**9, 0)
    assert (config.load.arrival, config.load.think_time_ns) == ("closed", 0)
    assert config.load.max_queue == 100_000
    assert (config.retry.max_tries, config.retry.backoff_ns) == (1, 10**6)
    assert (config.isolation, config.thresholds, config.workload_config) == (None, (), {})
    assert 1 <= config.processes <= config.workers
    assert 0 <= config.seed < 2**32


def test_the_seed_is_random_unless_given() -> None:
    seeds = {load(None, workload="x", environ={}).seed for _ in range(4)}
    assert len(seeds) > 1
    assert load(None, workload="x", environ={}, overrides=["seed=18446744073709551615"]).seed == (
        2**64 - 1
    )


@pytest.mark.parametrize("top", range(6))
def test_the_order_of_precedence(tmp_path: Path, top: int) -> None:
    """defaults < file < STORMDB_ variables < flags < --set; the positional workload beats all."""
    file = _write(tmp_path, "workload: file\nscale: 2\n")
    config = load(
        file if top >= 1 else None,
        environ={"STORMDB_WORKLOAD": "variable", "STORMDB_SCALE": "3"} if top >= 2 else {},
        flags={"workload": "flag", "scale": 4} if top >= 3 else {},
        overrides=["workload=set", "scale=5"] if top >= 4 else [],
        workload="argument" if top in (0, 5) else None,
    )
    assert config.scale == [1, 2, 3, 4, 5, 5][top]
    assert config.workload == ["argument", "file", "variable", "flag", "set", "argument"][top]


def test_counts_default_to_each_other() -> None:
    config = load(None, workload="x", environ={}, flags={"workers": 9})
    assert config.connections == 9
    config = load(None, workload="x", environ={}, flags={"connections": 1, "workers": 9})
    assert config.processes == 1, "a test of a crowded pool"


@pytest.mark.parametrize("text", ["database:\n", "database: {}\n", "database:\n  # host: x\n", ""])
def test_an_empty_section_is_an_embedded_server(tmp_path: Path, text: str) -> None:
    file = _write(tmp_path, f"workload: x\n{text}")
    assert load(file, environ={}).database.type == "embedded"


@pytest.mark.parametrize(
    ("override", "kind"),
    [
        ("database.host=h", "postgres"),
        ("database.url=postgresql://", "embedded"),
        ("database.url=postgresql://h", "postgres"),
        ("database.password=x", "postgres"),
        ("database.type=postgres", "postgres"),
        ("database.settings.jit=on", "embedded"),
        ("database.data_dir=/x", "embedded"),
    ],
)
def test_the_keys_of_a_section_say_its_type(override: str, kind: str) -> None:
    assert load(None, workload="x", environ={}, overrides=[override]).database.type == kind


def test_pg_variables_alone_leave_the_server_embedded_and_say_so() -> None:
    environ = {"PGHOST": "production", "PGDATABASE": "shop", "PGUSER": "me"}
    config = load(None, workload="x", environ=environ)
    assert config.database.type == "embedded"
    (notice,) = config.notices
    assert notice.startswith("PGHOST and PGDATABASE had no effect")
    for flags in ({"database.type": "postgres"}, {"database.dbname": "shop"}):
        config = load(None, workload="x", environ=environ, flags=flags)
        assert config.database.type == "postgres"
        assert not config.notices


def test_problems_of_all_layers_come_together_in_order(tmp_path: Path) -> None:
    file = _write(tmp_path, "scale: 0\nworkers: x\nlod: 1\n")
    with pytest.raises(ConfigProblemsError) as caught:
        load(
            file,
            environ={"STORMDB_LOAD__RATE": "fast", "STORMDB_SEDE": "1"},
            flags={"duration": "long", "database.port": 0},
            overrides=["retry.max_tries=0", "nope.x=1"],
        )
    lines = [str(problem).partition("; hint:")[0] for problem in caught.value.problems]
    assert lines == [
        f"{file}:1: scale: 0 is too small",
        f"{file}:2: workers: 'x' is not a whole number",
        f"{file}:3: lod: no such key",
        f"{file}: workload: the key is missing",
        "--duration: 'long' is not a duration",
        "--port: 0 is not a port",
        "--set nope.x: nope: no such key",
        "--set retry.max_tries: 0 is too small",
        "STORMDB_LOAD__RATE: 'fast' is not a rate",
        "STORMDB_SEDE: no key of the configuration has this variable",
    ]


def test_one_problem_is_one_line_and_more_have_a_head() -> None:
    with pytest.raises(ConfigError, match=r"\Aworkload: the key is missing; hint: [^\n]*\Z"):
        load(None, environ={})
    with pytest.raises(ConfigError, match=r"\A2 problems in the configuration\n.*\n.*\Z"):
        load(None, environ={}, flags={"workers": 0})


def test_the_environment_is_the_process_s_own_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORMDB_SCALE", "7")
    assert load(None, workload="x").scale == 7


def test_words_for_yes_and_no_work_where_they_can_mean_nothing_else(tmp_path: Path) -> None:
    file = _write(tmp_path, "workload: no\nmode: on\nplugins: {auto_load: no}\n")
    config = load(file, environ={})
    assert (config.workload, config.mode, config.plugins.auto_load) == ("no", "on", False)
