from __future__ import annotations

import pytest

from stormdb.errors import ConnectError, WorkloadError
from stormdb.testing.courses import Step, _step


async def test_what_a_step_gave_or_raised_is_kept() -> None:
    async def gives() -> int:
        return 0

    async def raises() -> int:
        raise WorkloadError("cleanup fails")

    assert (await _step(gives())).get() == 0
    failed: Step[int] = await _step(raises())
    for _ in range(2):
        with pytest.raises(WorkloadError, match="cleanup fails"):
            failed.get()


async def test_a_server_that_cannot_be_reached_is_no_step_of_the_plugin() -> None:
    async def raises() -> int:
        raise ConnectError("nobody listens")

    with pytest.raises(ConnectError):
        await _step(raises())
