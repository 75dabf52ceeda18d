from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner, Result

from stormdb.cli.config import app


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("PGHOST", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def _run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env=environ)


def test_a_good_file_shows_all_that_it_sets(folder: Path) -> None:
    # `workers` and `auto_load` have their defaults, and are shown: the file says them.
    (folder / "a.yaml").write_text(
        "workload: orders\nworkers: 4\nduration: 1h1m30.5s\nload: {arrival: poisson, rate: 2k/s}\n"
        "database: {host: h, password: hush}\nthresholds: [p99 < 20ms]\n"
        "plugins: {auto_load: true}\nworkload_config: {name: '', keys: {skew: 1.1}}\n"
    )
    done = _run("check", "a.yaml")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "a.yaml: ok",
        "  database.type: postgres",
        "  database.host: h",
        "  plugins.auto_load: true",
        "  workload: orders",
        "  workers: 4",
        "  load.arrival: poisson",
        "  load.rate: 2000/s",
        "  duration: 1h1m30.5s",
        '  thresholds: ["p99 < 20ms"]',
        '  workload_config.name: ""',
        "  workload_config.keys.skew: 1.1",
    ]


def test_a_chosen_seed_is_shown_and_a_random_one_is_not(folder: Path) -> None:
    (folder / "a.yaml").write_text("workload: x\nseed: 5\n")
    assert "  seed: 5" in _run("check", "a.yaml").stdout
    (folder / "a.yaml").write_text("workload: x\n")
    assert _run("check", "a.yaml").stdout.splitlines() == ["a.yaml: ok", "  workload: x"]


def test_variables_count(folder: Path) -> None:
    (folder / "a.yaml").write_text("workload: x\n")
    assert "  workers: 9" in _run("check", "a.yaml", STORMDB_WORKERS="9").stdout
    done = _run("check", "a.yaml", STORMDB_WORKRES="9")
    assert done.exit_code == 1
    assert done.stderr.startswith("STORMDB_WORKRES: no key of the configuration")


def test_every_problem_is_one_line_on_standard_error(folder: Path) -> None:
    (folder / "a.yaml").write_text("workload: x\nscale: 0\nload: {rate: fast}\n")
    done = _run("check", "a.yaml")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "a.yaml:2: scale: 0 is too small; hint: the least is 1",
        "a.yaml:3: load.rate: 'fast' is not a rate; hint: write it as 500/s, 2k/s or 30/min",
    ]


def test_notices_go_to_standard_error(folder: Path) -> None:
    (folder / "a.yaml").write_text("workload: x\n")
    done = _run("check", "a.yaml", PGHOST="production")
    assert done.exit_code == 0
    assert done.stderr.startswith("a.yaml: PGHOST had no effect")


def test_json_for_programs(folder: Path) -> None:
    (folder / "a.yaml").write_text("workload: x\ndatabase: {host: h, password: hush}\n")
    done = _run("check", "a.yaml", "--json")
    answer = json.loads(done.stdout)
    assert done.exit_code == 0
    assert (answer["file"], answer["ok"], answer["notices"]) == ("a.yaml", True, [])
    assert answer["values"]["database"] == {"type": "postgres", "host": "h"}
    (folder / "a.yaml").write_text("workers: 0\n")
    done = _run("check", "a.yaml", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {
        "file": "a.yaml",
        "ok": False,
        "problems": [
            {
                "source": "a.yaml",
                "line": 1,
                "key": "workers",
                "message": "0 is too small",
                "hint": "the least is 1",
            },
            {
                "source": "a.yaml",
                "line": None,
                "key": "workload",
                "message": "the key is missing",
                "hint": "name a workload; `stormdb workloads list` shows them",
            },
        ],
    }


def test_the_help_names_no_type_of_python() -> None:
    text = _run("check", "--help").stdout
    assert text.splitlines()[0].endswith(" check [OPTIONS] FILE")
    assert "  FILE  YAML or JSON." in text
    assert "<" not in text


def test_the_schema_is_printed_whole() -> None:
    done = _run("schema")
    assert done.exit_code == 0
    schema = json.loads(done.stdout)
    Draft202012Validator.check_schema(schema)
    assert "workload" in schema["properties"]
