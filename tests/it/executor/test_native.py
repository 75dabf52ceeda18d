"""The native executor against a real server: what it measures, and how it fails."""

from __future__ import annotations

import pytest

from stormdb.errors import ConnectError
from tests.it.executor.conftest import Loads, steady
from tests.support.native import run_native, statements


async def test_a_closed_loop_counts_what_it_did(loads: Loads) -> None:
    outcome = await run_native(loads.spec("pass", steady(0.5)), statements("SELECT 1"))
    counts = outcome.counts()
    assert counts["committed"] == counts["offered"] - counts["unfinished"] > 100
    assert outcome.end.problems == []
    assert outcome.rows() == {("work", "transaction"), ("s0", "operation")}


async def test_a_statement_that_the_server_refuses_is_told_before_the_run(loads: Loads) -> None:
    with pytest.raises(ConnectError, match=r"s0: relation .* does not exist"):
        await run_native(loads.spec("pass", steady(0.5)), statements("SELECT * FROM nowhere"))
