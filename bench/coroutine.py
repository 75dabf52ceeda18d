"""What stormdb's coroutine executor costs beside a bare loop over asyncpg.

The same SELECT by primary key, the same number of connections and processes, in alternation:

* `bare`: each process runs uvloop and, for each connection, `while True: await c.fetchrow(...)`.
  It measures nothing but a count at its end.
* `fetchrow`: a plugin whose `run` is `await db.fetchrow(...)`, driven by stormdb: with its
  schedule, histograms, snapshots and controller.
* `acquire`: the same with `async with db.acquire() as connection`.

Goal of `fetchrow`, which does what `bare` does: at least 0.9 of its throughput, at most 1.2 of its
client CPU per transaction, both as the median over the pairs. CPU is that of all client processes
in the measured window, on Linux; of stormdb, the controller is one of them.

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

from select_plugin import ROWS
from stormdb._native import IntervalSnapshot, Phase, Plan
from stormdb.config import ConnectTarget, PluginsSettings
from stormdb.executor import CoroutineExecutor, ExecutorEnd, LoadSpec
from stormdb.plugin import Config
from stormdb.plugins import Catalog
from stormdb.server import EmbeddedServer

HERE = Path(__file__).parent
WARM_UP_S = 1
GOAL_VARIANT = "fetchrow"


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
    time.sleep(start_s + WARM_UP_S - time.monotonic())
    cpu_ns = client_cpu_ns("bare_asyncpg.py")
    time.sleep(start_s + WARM_UP_S + args.seconds - time.monotonic())
    cpu_ns = client_cpu_ns("bare_asyncpg.py") - cpu_ns
    count = 0
    for child in children:
        assert child.stdout
        count += int(child.stdout.read())
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
        ),
        plugin=catalog.find(f"select_{variant}"),
    )
    async with CoroutineExecutor(spec, Events()) as executor:
        await executor.start()
        start_s = time.monotonic() + 0.2
        await executor.go(int(start_s * 1e9))
        ending = asyncio.ensure_future(executor.finished())
        polling = asyncio.ensure_future(poll(executor, ending))
        await asyncio.sleep(start_s + WARM_UP_S - time.monotonic())
        cpu_ns = client_cpu_ns("stormdb.executor.child")
        await asyncio.sleep(start_s + WARM_UP_S + args.seconds - time.monotonic())
        cpu_ns = client_cpu_ns("stormdb.executor.child") - cpu_ns
        snapshots = await polling
        if problems := ending.result().problems:
            raise problems[0]
    count = sum(c.committed for s in snapshots for c in s.row_totals([1]))
    return Sample(variant, count / args.seconds, cpu_ns / count / 1e3)


async def poll(
    executor: CoroutineExecutor, ending: asyncio.Future[ExecutorEnd]
) -> list[IntervalSnapshot]:
    """Take the snapshots as they come, as a run does."""
    snapshots = []
    while not ending.done():
        await asyncio.wait([ending], timeout=0.1)
        snapshots += executor.poll()
    return snapshots


def client_cpu_ns(program: str) -> int:
    """CPU time so far of this process and of its children that run a program, to the nanosecond."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    pids = [line.split()[0] for line in listed.stdout.splitlines() if program in line]
    threads = [thread for pid in pids for thread in Path(f"/proc/{pid}/task").iterdir()]
    used_ns = sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)
    return used_ns + time.process_time_ns()


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
    goal = [r for r in rows if r["variant"] == GOAL_VARIANT]
    is_met = all(r["throughput_ratio"] >= 0.9 and r["cpu_ratio"] <= 1.2 for r in goal)
    print(
        f"goal of {GOAL_VARIANT} (throughput >= 0.90, CPU <= 1.20): {'met' if is_met else 'missed'}"
    )
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
        Path(args.json).parent.mkdir(parents=True, exist_ok=True)
        Path(args.json).write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
