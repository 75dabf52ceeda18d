"""Tries a plugin against promises on a server that tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stormdb.testing.bench import Bench
from stormdb.testing.contract import Promise, try_promise
from stormdb.testing.subject import find_record

if TYPE_CHECKING:
    from stormdb.testing import ScratchServer
    from stormdb.testing.declaration import Declaration
    from stormdb.testing.outcome import Outcome


def outcomes(
    server: ScratchServer, plugin: Path | str, promises: Iterable[Promise], declared: Declaration
) -> dict[str, Outcome]:
    """What came of each promise, by its name."""

    async def body() -> dict[str, Outcome]:
        bench = Bench(await find_record(plugin), server, declared)
        try:
            return {promise.name: await try_promise(promise, bench) for promise in promises}
        finally:
            await bench.close()

    return asyncio.run(body())
