"""What stormdb's coroutine executor costs beside a bare loop over asyncpg.

The same SELECT by primary key, the same number of connections and processes, in alternation:

* `bare`: each process runs uvloop and, for each connection, `while True: await c.fetchrow(...)`.
  It measures nothing but a count at its end.
* `fetchrow`: a plugin whose `run` is `await db.fetchrow(...)`, driven by stormdb: with its
  schedule, histograms, snapshots and controller.
* `acquire`: the same with `async with db.acquire() as connection`.

Goal: at least 0.9 of the throughput of `bare`, at most 1.2 of its client CPU per transaction, both
as the median over the pairs. CPU of stormdb includes the controller.

    python bench/coroutine.py [--quick] [--json FILE] [--pairs 5] [--seconds 5] [--workers 8]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg

from stormdb._native import Phase, Plan
from stormdb.config import ConnectTarget, PluginsSettings
from stormdb.executor import CoroutineExecutor, LoadSpec
from stormdb.plugin import Config
from stormdb.plugins import Catalog
from stormdb.server import EmbeddedServer

HERE = Path(__file__).parent
WARM_UP_S = 1
ROWS = 100_000


@dataclass(frozen=True)
class Sample:
    """One measured window."""

    variant: str
    throughput_per_s: float
    cpu_us: float


class Events:
    """Prints what a worker process says; nothing is expected."""

    def log(self, process: int, level: str, logger: str, message: str) -> None:
        print(f"worker {process}: {level}: {message}", file=sys.stderr)

    def warning(self, sentence: str) -> None:
        print(f"warning: {sentence}", file=sys.stderr)


def shares(total: int, count: int) -> list[int]:
    return [total * (i + 1) // count - total * i // count for i in range(count)]


def run_bare(server: EmbeddedServer, args: argparse.Namespace) -> Sample:
    """Run the bare loop in as many processes as stormdb."""
    options = {
        "host": str(server.socket_dir),
        "port": server.port,
        "user": server.user,
        "password": server.password,
        "database": server.dbname,
    }
    start_s = time.monotonic() + 1.5
    children = []
    for connections in shares(args.workers, args.processes):
        job = {
            "connect": options,
            "connections": connections,
            "rows": ROWS,
            "begin_s": start_s + WARM_UP_S,
            "end_s": start_s + WARM_UP_S + args.seconds,
        }
        child = subprocess.Popen(
            [sys.executable, HERE / "bare_asyncpg.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdin
        child.stdin.write(json.dumps(job))
        child.stdin.close()
        children.append(child)
    count, cpu_ns = 0, 0
    for child in children:
        assert child.stdout
        result = json.loads(child.stdout.read())
        count += result["count"]
        cpu_ns += result["cpu_ns"]
        child.wait()
    return Sample("bare", count / args.seconds, cpu_ns / count / 1e3)


async def run_stormdb(
    server: EmbeddedServer, args: argparse.Namespace, catalog: Catalog, variant: str
) -> Sample:
    """Run the plugin through the executor, as `stormdb run` does."""
    target = ConnectTarget(
        hosts=(str(server.socket_dir),),
        ports=(server.port,),
        user=server.user,
        password=server.password,
        dbname=server.dbname,
        sslmode="disable",
    )
    spec = LoadSpec(
        plan=Plan(
            [
                Phase("warm-up", "warm_up", WARM_UP_S * 10**9),
                Phase("steady", "steady", args.seconds * 10**9),
            ]
        ),
        processes=args.processes,
        target=target,
        config=Config(
            workload=f"select_{variant}",
            workers=args.workers,
            connections=args.workers,
            workload_config={"rows": ROWS},
        ),
        plugin=catalog.find(f"select_{variant}"),
    )
    async with CoroutineExecutor(spec, Events()) as executor:
        await executor.start()
        await executor.go(time.monotonic_ns() + 200_000_000)
        await asyncio.sleep(0.2 + WARM_UP_S)
        controller_ns = time.process_time_ns()
        ending = asyncio.ensure_future(executor.finished())
        snapshots = []
        while not ending.done():
            await asyncio.wait([ending], timeout=0.1)
            snapshots += executor.poll()
        cpu_ns = time.process_time_ns() - controller_ns
        if problems := ending.result().problems:
            raise problems[0]
    steady = [s for s in snapshots if s.first_interval.phase_index == 1]
    count = sum(c.committed for s in snapshots for c in s.row_totals([1]))
    cpu_ns += sum(gauges.cpu_ns for s in steady for gauges in s.processes.values())
    return Sample(variant, count / args.seconds, cpu_ns / count / 1e3)


async def fill(server: EmbeddedServer) -> None:
    connection = await asyncpg.connect(
        host=str(server.socket_dir),
        port=server.port,
        user=server.user,
        password=server.password,
        database=server.dbname,
    )
    await connection.execute("CREATE TABLE item (id int PRIMARY KEY, value int)")
    await connection.execute(f"INSERT INTO item SELECT g, g FROM generate_series(1, {ROWS}) g")
    await connection.execute("VACUUM ANALYZE item")
    await connection.close()


async def measure(args: argparse.Namespace) -> list[tuple[Sample, Sample]]:
    """Alternate the bare loop with each of the variants."""
    pairs = []
    with EmbeddedServer(settings={"fsync": "off"}) as server:
        await fill(server)
        settings = PluginsSettings(files=(str(HERE / "select_plugin.py"),), auto_load=False)
        catalog = Catalog.discover(settings)
        await catalog.load()
        for _ in range(args.pairs):
            for variant in args.variants:
                pairs.append(
                    (run_bare(server, args), await run_stormdb(server, args, catalog, variant))
                )
                print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    return pairs


def report(pairs: list[tuple[Sample, Sample]], args: argparse.Namespace) -> dict[str, object]:
    """Print one table; the same figures as a map."""
    rows = []
    for variant in args.variants:
        chosen = [(bare, ours) for bare, ours in pairs if ours.variant == variant]
        rates = sorted(ours.throughput_per_s / bare.throughput_per_s for bare, ours in chosen)
        costs = sorted(ours.cpu_us / bare.cpu_us for bare, ours in chosen)
        rows.append(
            {
                "variant": variant,
                "bare_per_s": statistics.median(b.throughput_per_s for b, _ in chosen),
                "stormdb_per_s": statistics.median(s.throughput_per_s for _, s in chosen),
                "throughput_ratio": statistics.median(rates),
                "throughput_ratio_range": [rates[0], rates[-1]],
                "bare_cpu_us": statistics.median(b.cpu_us for b, _ in chosen),
                "stormdb_cpu_us": statistics.median(s.cpu_us for _, s in chosen),
                "cpu_ratio": statistics.median(costs),
                "cpu_ratio_range": [costs[0], costs[-1]],
            }
        )
    print(
        f"SELECT by key, {args.workers} connections, {args.processes} processes, "
        f"{args.pairs} pairs of {args.seconds} s, {platform.machine()} x {os.cpu_count()}, "
        f"Python {platform.python_version()}, asyncpg {asyncpg.__version__}"
    )
    print(
        f"{'run':<10}{'bare/s':>9}{'ours/s':>9}{'ratio':>7}{'':>12}"
        f"{'bare µs':>9}{'ours µs':>9}{'ratio':>7}"
    )
    for row in rows:
        low, high = row["throughput_ratio_range"]
        cheap, dear = row["cpu_ratio_range"]
        print(
            f"{row['variant']:<10}{row['bare_per_s']:>9,.0f}{row['stormdb_per_s']:>9,.0f}"
            f"{row['throughput_ratio']:>7.2f} ({low:.2f}-{high:.2f})"
            f"{row['bare_cpu_us']:>9.1f}{row['stormdb_cpu_us']:>9.1f}{row['cpu_ratio']:>7.2f}"
            f" ({cheap:.2f}-{dear:.2f})"
        )
    is_met = all(r["throughput_ratio"] >= 0.9 and r["cpu_ratio"] <= 1.2 for r in rows)
    print(f"goal (throughput >= 0.90, CPU <= 1.20): {'met' if is_met else 'missed'}")
    return {"rows": rows, "is_met": is_met, "pairs": [[asdict(b), asdict(s)] for b, s in pairs]}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="3 pairs of 2 s")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file, - for stdout")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--variants", nargs="+", default=["fetchrow", "acquire"])
    args = parser.parse_args()
    if args.quick:
        args.pairs, args.seconds = 3, 2
    figures = report(asyncio.run(measure(args)), args)
    if args.json == "-":
        print(json.dumps(figures))
    elif args.json:
        Path(args.json).write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
