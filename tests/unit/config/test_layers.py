from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb.config.document import read_document
from stormdb.config.layers import (
    Layer,
    file_layer,
    flag_layer,
    merge,
    set_layer,
    variable_layer,
)
from stormdb.config.problems import KeyPath, Origin


def _file(text: str, base: str = "/srv/conf", **environ: str) -> Layer:
    return file_layer(read_document(text, "a.yaml", environ), Path(base))


def _at(layer: Layer, *path: str) -> Any:
    value: Any = layer.values
    for part in path:
        value = value[part]
    return value


def test_a_text_key_keeps_what_was_written() -> None:
    layer = _file("workload: 0123\nmode: on\nload:\n  phases:\n    - name: 1.50\n")
    assert layer.values == {
        "workload": "0123",
        "mode": "on",
        "load": {"phases": [{"name": "1.50"}]},
    }
    layer = _file("database: {password: 0777, dbname: true, settings: {work_mem: 010}}")
    assert layer.values["database"] == {
        "password": "0777",
        "dbname": "true",
        "settings": {"work_mem": "010"},
    }


def test_paths_start_at_the_folder_of_the_file() -> None:
    layer = _file(
        "plugins: {paths: [./p, /abs], files: w.py}\n"
        "database: {sslrootcert: system, sslcert: c.pem, passfile: '~/pass'}\n"
    )
    home = os.path.expanduser("~")  # noqa: PTH111 - what is tested gives text
    assert layer.values == {
        "plugins": {"paths": ["/srv/conf/p", "/abs"], "files": "/srv/conf/w.py"},
        "database": {
            "sslrootcert": "system",
            "sslcert": "/srv/conf/c.pem",
            "passfile": f"{home}/pass",
        },
    }


def test_paths_of_variables_flags_and_urls_start_where_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    layer = variable_layer({"STORMDB_DATABASE__SSLCERT": "c.pem"})
    assert Path(_at(layer, "database", "sslcert")) == Path("c.pem")
    layer = _file("database: {url: 'postgresql://h/x?sslrootcert=ca.pem'}")
    assert _at(layer, "database", "sslrootcert") == "/srv/conf/ca.pem"


def test_a_key_without_value_is_not_given_except_below_free_keys() -> None:
    layer = _file("workers:\nload:\n  rate:\n  arrival: closed\nworkload_config: {a: }\nx:\n")
    assert layer.values == {
        "load": {"arrival": "closed"},
        "workload_config": {"a": None},
        "x": None,
    }


def test_a_url_counts_as_the_keys_that_it_spells_out() -> None:
    layer = _file("database:\n  url: ${U}\n  password: x\n", U="postgresql://me@h:1/db")
    assert _at(layer, "database") == {
        "username": "me",
        "host": "h",
        "port": "1",
        "dbname": "db",
        "password": "x",
    }
    assert layer.origins[("database", "host")] == Origin("a.yaml", 2)


def test_a_url_with_a_host_hides_the_port_of_lower_layers() -> None:
    lower = _file("database: {host: a, port: 6543, dbname: x}")
    upper = variable_layer({"STORMDB_DATABASE__URL": "postgresql://b"})
    assert _at(merge([lower, upper]), "database") == {"host": "b", "port": None, "dbname": "x"}


def test_variables_reach_every_key_and_free_keys() -> None:
    layer = variable_layer(
        {
            "STORMDB_WORKERS": "8",
            "STORMDB_DURATION": "30",
            "STORMDB_DATABASE__PASSWORD": "00 #1: [x]",
            "STORMDB_PLUGINS__FILES": "[/a.py, /b.py]",
            "STORMDB_LOAD__PHASES": "[{name: a, duration: 5s}]",
            "STORMDB_WORKLOAD_CONFIG__KEYS__SKEW": "0.9",
            "STORMDB_LOG_LEVEL": "debug",
            "STORMDB_SCALE": "",
            "PATH": "/bin",
        }
    )
    assert not layer.problems
    assert layer.values == {
        "workers": 8,
        "duration": 30,
        "database": {"password": "00 #1: [x]"},
        "plugins": {"files": ["/a.py", "/b.py"]},
        "load": {"phases": [{"name": "a", "duration": "5s"}]},
        "workload_config": {"keys": {"skew": 0.9}},
    }


@pytest.mark.parametrize(
    ("variable", "near"),
    [
        ("STORMDB_DATABASE_PASSWORD", "STORMDB_DATABASE__PASSWORD"),
        ("STORMDB_WORKRES", "STORMDB_WORKERS"),
        ("STORMDB_LOGLEVEL", "STORMDB_LOG_LEVEL"),
    ],
)
def test_a_misspelt_variable_names_the_nearest(variable: str, near: str) -> None:
    layer = variable_layer({variable: "x"})
    assert [str(problem) for problem in layer.problems] == [
        f"{variable}: no key of the configuration has this variable; hint: did you mean {near}?"
    ]


def test_a_flag_is_named_by_its_last_word_and_none_is_not_given() -> None:
    layer = flag_layer({"database.host": "h", "warm_up": "5s", "workers": None})
    assert layer.values == {"database": {"host": "h"}, "warm_up": "5s"}
    assert layer.origins[("database", "host")].at("database.host") == "--host"
    assert layer.origins[("warm_up",)].at("warm_up") == "--warm-up"


def test_set_reads_values_as_yaml_except_texts() -> None:
    layer = set_layer(["load.rate=2k/s", "workers=8", "mode=a: b", "workload_config.x.y=[1, a]"])
    assert not layer.problems
    assert layer.values == {
        "load": {"rate": "2k/s"},
        "workers": 8,
        "mode": "a: b",
        "workload_config": {"x": {"y": [1, "a"]}},
    }


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("workers", "--set: 'workers' has no value; hint: write --set key=value"),
        ("=5", "--set: '' has no value; hint: write --set key=value"),
        (
            "workers=[",
            "--set workers: a bracket opens and is not closed; hint: put the value in quotes",
        ),
    ],
)
def test_a_bad_override_names_the_flag(override: str, message: str) -> None:
    assert [str(problem) for problem in set_layer([override]).problems] == [message]


def test_the_last_override_wins_and_may_go_deeper() -> None:
    assert set_layer(["a=1", "a.b=2", "a.c=3"]).values == {"a": {"b": 2, "c": 3}}


def test_merging_is_by_key_and_a_list_is_one_value() -> None:
    lower = _file("workload_config: {a: {x: 1, y: 2}, l: [1, 2, 3]}\nworkers: 4")
    upper = set_layer(["workload_config.a.y=5", "workload_config.l=[9]"])
    merged = merge([lower, upper])
    assert merged.values == {"workload_config": {"a": {"x": 1, "y": 5}, "l": [9]}, "workers": 4}
    assert merged.origins[("workload_config", "a", "x")].line == 1
    assert merged.origins[("workload_config", "a", "y")].source == "--set workload_config.a.y"
    assert ("workload_config", "l", 2) not in merged.origins


def test_another_type_of_server_drops_the_keys_of_the_first() -> None:
    lower = _file("database: {host: h, password: x}")
    assert merge([lower, set_layer(["database.type=embedded"])]).values["database"] == {
        "type": "embedded"
    }
    lower = _file("database: {type: embedded, settings: {jit: on}}")
    merged = merge([lower, set_layer(["database.type=postgres", "database.host=h"])])
    assert merged.values["database"] == {"type": "postgres", "host": "h"}


def test_a_template_goes_with_its_value() -> None:
    lower = _file("workload_config: {a: '${A}', b: '${A}'}", A="x")
    merged = merge([lower, set_layer(["workload_config.a=5"])])
    assert merged.templates == {("workload_config", "b"): "${A}"}


_PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple)
_LAYERS = st.lists(st.lists(st.tuples(_PATHS, st.integers()), max_size=4), max_size=4)


@given(_LAYERS)
def test_the_uppermost_layer_that_says_a_key_decides_it(
    said: list[list[tuple[tuple[str, ...], int]]],
) -> None:
    layers = []
    for number, entries in enumerate(said):
        layer = Layer()
        for key, value in entries:
            layer.put(key, value, Origin(f"layer {number}"))
        layers.append(layer)
    before = [repr(layer.values) for layer in layers]
    merged = merge(layers)
    assert [repr(layer.values) for layer in layers] == before

    def leaves(values: dict[str, Any], at: KeyPath = ()) -> dict[KeyPath, Any]:
        found: dict[KeyPath, Any] = {}
        for name, value in values.items():
            path = (*at, name)
            found |= leaves(value, path) if isinstance(value, dict) else {path: value}
        return found

    expected: dict[KeyPath, Any] = {}
    origin: dict[KeyPath, str] = {}
    for number, layer in enumerate(layers):
        for path, value in leaves(layer.values).items():
            # A value hides what lies below it and replaces what lies above it.
            related = [p for p in expected if p[: len(path)] == path or path[: len(p)] == p]
            for other in related:
                del expected[other]
            expected[path], origin[path] = value, f"layer {number}"
    assert leaves(merged.values) == expected
    assert {path: merged.origins[path].source for path in expected} == {
        path: origin[path] for path in expected
    }
