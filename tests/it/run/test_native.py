"""Which executor carries a run, what it is told, and what the result says about it."""

from __future__ import annotations

import pytest

from stormdb.errors import ConfigError, ProgramError, StormdbError
from tests.conftest import Database
from tests.it.run.native import DESCRIBED, run


@pytest.mark.parametrize(
    ("workload", "executor", "row"),
    [
        ("look", "auto", "look"),
        ("both", "auto", "look"),
        ("both", "native", "look"),
        ("both", "coroutine", "called"),
    ],
)
def test_the_executor_is_the_one_that_was_asked_for(
    database: Database, workload: str, executor: str, row: str
) -> None:
    ran = run(
        database, workload, executor=executor, duration="300ms", workload_config__sleep_s=0.01
    )
    assert [one.name for one in ran.summary.transactions] == [row]
    info = ran.result.executor
    if row == "called":
        assert (info.kind, info.io, info.program_digest) == ("coroutine", "", "")
    else:
        assert (info.kind, info.processes) == ("native", 1)
        assert info.io in {"uring", "poll"}
        assert info.program_digest.startswith("sha256:")
    assert ran.counts()["committed"] > 0


@pytest.mark.parametrize(
    ("workload", "executor", "form"),
    [("look", "coroutine", "run()"), ("quickstart", "native", "methods with @transaction")],
)
def test_a_form_that_the_workload_lacks_is_refused(
    database: Database, workload: str, executor: str, form: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        run(database, workload, executor=executor)
    assert str(caught.value) == (
        f"--executor: the workload {workload} has no {form}, which the {executor} executor needs; "
        "hint: set executor: auto"
    )


def test_a_key_of_the_other_executor_is_told_to_have_no_effect(database: Database) -> None:
    ran = run(database, "both", processes=2, threads=2, duration="200ms")
    assert "--processes had no effect: the native executor carries the load" in ran.warnings
    assert not any("threads" in warning for warning in ran.warnings)


def test_a_mistake_in_a_description_is_told_with_its_line_before_the_server_is_reached() -> None:
    nowhere = Database(host="127.0.0.1", port=1, user="u", password="p", dbname="d")
    with pytest.raises(ProgramError) as caught:
        run(nowhere, "mistake")
    line = DESCRIBED.read_text().splitlines().index("        if uniform(1, 2) == 1:") + 1
    assert f"described.py:{line}" in str(caught.value)


def test_a_statement_that_the_server_refuses_ends_the_run_before_its_start(
    database: Database,
) -> None:
    with pytest.raises(StormdbError) as caught:
        run(database, "no_table")
    assert "lost / SELECT value FROM nowhere" in str(caught.value)
    assert 'relation "nowhere" does not exist' in str(caught.value)


@pytest.mark.parametrize("io", ["uring", "poll"])
def test_io_and_threads_are_as_told(database: Database, io: str) -> None:
    ran = run(database, "look", io=io, threads=3, workers=7, duration="300ms")
    assert (ran.result.executor.io, ran.result.executor.threads) == (io, 3)
    assert set(ran.whole.processes) == {0, 1, 2}
    assert set(ran.whole.workers) == set(range(7))


def test_the_session_is_what_the_configuration_says(database: Database) -> None:
    run(
        database,
        "ask",
        duration="200ms",
        isolation="repeatable read",
        statement_timeout="1500ms",
    )
    found = database.fetch("SELECT DISTINCT name, value FROM stormdb_described.setting")
    assert dict(map(tuple, found)) == {
        "search_path": '"stormdb_described", public',
        "application_name": "stormdb",
        "transaction_isolation": "repeatable read",
        "statement_timeout": "1500ms",
    }


def test_the_same_seed_offers_the_same_work_whatever_the_number_of_threads(
    database: Database,
) -> None:
    def draws(threads: int, seed: int) -> dict[int, int]:
        database.fetch("DROP SCHEMA IF EXISTS stormdb_described CASCADE")
        arrivals = {"load__rate": "300/s", "duration": "1s"}
        ran = run(database, "note", threads=threads, seed=seed, **arrivals)
        assert ran.counts()["committed"] == 300
        return dict(map(tuple, database.fetch("SELECT * FROM stormdb_described.note")))

    one = draws(1, seed=5)
    assert sorted(one) == list(range(300))
    assert len(set(one.values())) > 290
    assert draws(3, seed=5) == one
    assert draws(2, seed=6) != one
