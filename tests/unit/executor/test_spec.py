"""The shares of the processes are the whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stormdb._native import Phase, Plan
from stormdb.config import ConnectTarget, RetrySettings
from stormdb.executor.spec import LoadSpec, part
from stormdb.plugin import Config
from stormdb.plugins import Kind, PluginRecord


@given(total=st.integers(0, 10_000), count=st.integers(1, 64))
def test_parts_are_disjoint_complete_and_fair(total: int, count: int) -> None:
    parts = [part(total, count, index) for index in range(count)]
    assert [number for one in parts for number in one] == list(range(total))
    lengths = {len(one) for one in parts}
    assert max(lengths) - min(lengths) <= 1


def _spec(**changes: object) -> LoadSpec:
    options: dict[str, object] = {
        "plan": Plan([Phase("steady", "steady", 10**9)]),
        "processes": 3,
        "max_queue": 100,
        "target": ConnectTarget(hosts=("db",), ports=(5432,), user="u", dbname="d", password="p"),
        "config": Config(workload="w", workers=8, connections=5, schema='odd"name'),
        "plugin": PluginRecord(name="w", kind=Kind.FILE, source="w.py"),
    }
    return LoadSpec(**(options | changes))  # type: ignore[arg-type]


def test_the_shares_add_up() -> None:
    shares = [_spec().share(index) for index in range(3)]
    workers = [
        number
        for share in shares
        for number in range(share.first_worker, share.first_worker + share.workers)
    ]
    assert workers == list(range(8))
    assert sum(share.connections for share in shares) == 5
    assert sum(share.max_queue for share in shares) == 100
    assert [share.process_index for share in shares] == [0, 1, 2]


def test_a_share_has_the_settings_of_its_sessions() -> None:
    assert _spec().share(0).server_settings == {"search_path": '"odd""name", public'}
    settings = _spec(isolation="serializable", statement_timeout_ns=1_500_000).share(0)
    assert settings.server_settings == {
        "search_path": '"odd""name", public',
        "default_transaction_isolation": "serializable",
        "statement_timeout": "1ms",
    }


def test_a_share_knows_how_to_retry_and_think() -> None:
    share = _spec(
        retry=RetrySettings(max_tries=3, backoff="2ms"),
        think_time_ns=5,
        think_time_distribution="exponential",
    ).share(1)
    assert (share.max_tries, share.backoff_ns) == (3, 2_000_000)
    assert (share.think_time_ns, share.is_exponential) == (5, True)


def test_a_share_does_not_show_the_password() -> None:
    assert "password" not in repr(_spec().share(0))
    assert _spec().share(0).target["password"] == "p"
