"""`workloads`: what each takes from the top level, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stormdb.config import ConfigProblemsError, RunConfig, load

SECOND_NS = 10**9
SHOP = """\
duration: 60s
warm_up: 10s
workers: 8
load: {arrival: constant, rate: 100/s}
thresholds: [error_ratio < 1%]
workloads:
  checkout:
    workload: shop
    load: {arrival: poisson, rate: 500/s}
    thresholds: [p99 < 20ms]
  report:
    workload: shop
    workers: 1
    load: {think_time: 1s}
    start_after: 30s
"""


def read(folder: Path, text: str, *overrides: str, **more: object) -> RunConfig:
    file = folder / "a.yaml"
    file.write_text(text)
    return load(file, environ={}, overrides=overrides, **more)  # type: ignore[arg-type]


def problems(folder: Path, text: str, *overrides: str, **more: object) -> list[str]:
    with pytest.raises(ConfigProblemsError) as raised:
        read(folder, text, *overrides, **more)
    return [str(problem).replace(f"{folder}/", "") for problem in raised.value.problems]


def test_a_key_of_a_workload_replaces_that_of_the_top_level_whole(tmp_path: Path) -> None:
    config = read(tmp_path, SHOP)
    checkout, report = config.by_name.values()
    assert list(config.by_name) == ["checkout", "report"]
    assert (checkout.workers, report.workers) == (8, 1)
    assert (checkout.load.arrival, checkout.load.rate_micro_per_s) == ("poisson", 500 * 10**6)
    # Nothing of the other `load` is left: a closed loop has no rate.
    assert (report.load.arrival, report.load.rate_micro_per_s) == ("closed", None)
    assert config.connection_count == 9


def test_thresholds_of_the_top_level_are_of_all_together(tmp_path: Path) -> None:
    config = read(tmp_path, SHOP)
    assert [one.text for one in config.thresholds] == ["error_ratio < 1%"]
    assert [[one.text for one in part.thresholds] for part in config.by_name.values()] == [
        ["p99 < 20ms"],
        [],
    ]
    (found,) = problems(tmp_path, SHOP.replace("error_ratio < 1%", "pay.p99 < 1ms"))
    assert found == (
        "a.yaml:5: thresholds[0]: the workloads together have no pay; hint: put it below "
        "workloads, at the one that measures it"
    )


def test_who_starts_later_ends_with_the_run(tmp_path: Path) -> None:
    config = read(tmp_path, SHOP)
    assert config.by_name["checkout"].duration_ns == 60 * SECOND_NS
    # 70 s, less 30 s, less its own warm-up.
    assert config.by_name["report"].duration_ns == 30 * SECOND_NS
    longer = read(tmp_path, SHOP + "    duration: 5m\n")
    assert longer.by_name["report"].duration_ns == 300 * SECOND_NS


def test_who_would_start_after_the_end_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, SHOP.replace("30s", "60s"))
    assert found.startswith(
        "a.yaml:15: workloads.report.start_after: the run is over after 1m 10s, and with it"
    )


def test_without_a_type_the_name_is_the_type(tmp_path: Path) -> None:
    config = read(tmp_path, "workloads:\n  simple:\n  tpcb: {workers: 2}\n")
    assert [one.workload for one in config.by_name.values()] == ["simple", "tpcb"]


def test_one_of_them_can_be_run_alone_with_the_same_work(tmp_path: Path) -> None:
    seed = "seed=7"
    both = read(tmp_path, SHOP, seed)
    alone = read(tmp_path, SHOP, seed, workload="report")
    assert list(alone.by_name) == ["report"]
    assert alone.by_name["report"].public() == both.by_name["report"].public()
    assert both.by_name["report"].seed != both.by_name["checkout"].seed
    assert problems(tmp_path, SHOP, workload="reprot") == [
        "WORKLOAD: none of `workloads` is called 'reprot'; hint: did you mean report?"
    ]


def test_overrides_reach_into_a_workload(tmp_path: Path) -> None:
    config = read(tmp_path, SHOP, "workloads.checkout.load.rate=2k/s", "workloads.report.mode=0123")
    assert config.by_name["checkout"].load.rate_micro_per_s == 2000 * 10**6
    assert config.by_name["report"].mode == "0123"


def test_a_flag_that_would_not_count_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, SHOP, flags={"workers": "3"})
    assert found == (
        "a.yaml:13: workloads.report.workers: the workload says this itself, so --workers has no "
        "effect on it; hint: write --set workloads.report.workers…"
    )


def test_places_name_the_workload_or_the_top_level(tmp_path: Path) -> None:
    report = read(tmp_path, SHOP).by_name["report"]
    assert report.where("workers").endswith("a.yaml:13: workloads.report.workers")
    assert report.where("warm_up").endswith("a.yaml:2: warm_up")
    assert report.where("database.host") == "database.host"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("workloads: [simple]\n", "a.yaml:1: workloads: the workloads have no names; hint: write"),
        ("workloads:\n  a.b: {}\n", "a.yaml:2: workloads.a.b: 'a.b' is no name of a workload"),
        ("workloads:\n  a: 3\n", "a.yaml:2: workloads.a: a workload is described by keys"),
        (
            "workloads:\n  a: {database: {dbname: x}}\n",
            "a.yaml:2: workloads.a.database: the key is of the run as a whole; hint: put database",
        ),
        (
            "workloads:\n  a: {wrokers: 3}\n",
            "a.yaml:2: workloads.a.wrokers: no such key; hint: did you mean workers?",
        ),
        (
            "workloads:\n  a: {load: {rate: 3/s}}\n",
            "a.yaml:2: workloads.a.load.rate: a closed loop has no rate",
        ),
        (
            "start_after: 3s\nworkloads:\n  a: {}\n",
            "a.yaml:1: start_after: the run itself starts at once",
        ),
        ("workload: x\nstart_after: 3s\n", "a.yaml:2: start_after: the run itself starts at once"),
        (
            "threads: 4\nworkloads:\n  a: {workers: 1}\n  b: {workers: 4}\n",
            "a.yaml:1: threads: 4 threads cannot share 1 workers",
        ),
        ("wrokers: 4\nworkloads:\n  a: {}\n  b:\n", "a.yaml:1: wrokers: no such key; hint: did"),
    ],
)
def test_each_mistake_is_told_once_where_it_is(tmp_path: Path, text: str, problem: str) -> None:
    (found,) = problems(tmp_path, text)
    assert found.startswith(problem)


def test_what_is_public_is_a_file_again(tmp_path: Path) -> None:
    first = read(tmp_path, SHOP + "plugins: {paths: []}\n", "seed=7")
    again = read(tmp_path, json.dumps(first.public()))
    assert again.public() == first.public()
    assert again.digest == first.digest
    assert "workers" not in first.public()


def test_secrets_of_every_workload_are_hidden(tmp_path: Path) -> None:
    text = "workloads:\n  a: {workload_config: {api_token: hush}}\n  b: {}\n"
    config = read(tmp_path, text)
    assert "hush" in config.secrets
    assert "hush" not in str(config.public())
