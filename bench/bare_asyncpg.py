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
    count, cpu_ns = sum(counts), time.process_time_ns()
    await asyncio.sleep(job["end_s"] - time.monotonic())
    count, cpu_ns = sum(counts) - count, time.process_time_ns() - cpu_ns
    for task in tasks:
        task.cancel()
    print(json.dumps({"count": count, "cpu_ns": cpu_ns}))


uvloop.run(main(json.load(sys.stdin)))
