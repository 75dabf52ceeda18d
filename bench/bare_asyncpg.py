"""The bare loop that `bench/coroutine.py` compares with; reads its job from stdin."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time

import asyncpg
import uvloop

SQL = "SELECT value FROM item WHERE id = $1"


async def main(job: dict[str, object]) -> None:
    rows = int(job["rows"])
    connections = [
        await asyncpg.connect(**job["connect"], ssl=False) for _ in range(job["connections"])
    ]
    counts = [0] * len(connections)

    async def loop(index: int) -> None:
        connection, rng = connections[index], random.Random(index)
        while True:
            await connection.fetchrow(SQL, rng.randrange(rows) + 1)
            counts[index] += 1

    tasks = [asyncio.create_task(loop(index)) for index in range(len(connections))]
    await asyncio.sleep(job["begin_s"] - time.monotonic())
    count = sum(counts)
    await asyncio.sleep(job["end_s"] - time.monotonic())
    count = sum(counts) - count
    for task in tasks:
        task.cancel()
    print(count, flush=True)
    await asyncio.sleep(0.5)  # until the CPU time of this process has been read


uvloop.run(main(json.load(sys.stdin)))
