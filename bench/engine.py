"""The native engine beside pgbench: same statements, same server, in alternation.

Each row is the median, over pairs of runs, of stormdb's figure by pgbench's; rows without a peer
are medians of as many runs. CPU is user and system time of the whole client process by transaction.
The ceiling of a row is what a client without any cost would reach on this machine: all of its CPUs
by the CPU that the server takes for a transaction. docs/performance.md explains rows and goals.

    python bench/engine.py [--quick] [--json FILE] [--pairs 5] [--seconds 4] [--only WORD]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from machine import busy_cpu_s
from stormdb._native import Engine, IntervalSnapshot, Phase, Plan, Rate, Target
from stormdb.plugin import Config, Workload
from stormdb.program import compile_workload, encode
from stormdb.server import EmbeddedServer
from stormdb.workload import Tx, transaction, uniform

HERE = Path(__file__).parent
SCALE = 20
ACCOUNTS = 100_000 * SCALE
SELECT = "SELECT abalance FROM pgbench_accounts WHERE aid = $1"

START_CONFIG = """\
database: {{sslmode: disable}}
plugins: {{auto_load: false, files: [{plugin}]}}
workload: started
duration: 1s
"""
SELECT_SCRIPT = f"""\\set aid random(1, {ACCOUNTS})
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
"""
PIPELINE_SCRIPT = (
    "".join(f"\\set a{n} random(1, {ACCOUNTS})\n" for n in range(10))
    + "\\startpipeline\n"
    + "".join(f"SELECT abalance FROM pgbench_accounts WHERE aid = :a{n};\n" for n in range(10))
    + "\\endpipeline\n"
)


class SelectOnly(Workload):
    """One SELECT by primary key."""

    async def setup(self, ctx: object, db: object, cfg: object) -> None:
        """The tables are pgbench's."""

    @transaction
    def look(self, tx: Tx) -> None:
        """Read a balance."""
        tx.execute(SELECT, uniform(1, ACCOUNTS))


class Pipelined(SelectOnly):
    """Ten of them, sent together."""

    @transaction
    def look(self, tx: Tx) -> None:
        """Read ten balances."""
        with tx.pipeline():
            for _ in range(10):
                tx.execute(SELECT, uniform(1, ACCOUNTS))


class TpcB(SelectOnly):
    """pgbench's own transaction."""

    @transaction
    def look(self, tx: Tx) -> None:
        """Move money."""
        aid = tx.let("aid", uniform(1, ACCOUNTS))
        bid = tx.let("bid", uniform(1, SCALE))
        tid = tx.let("tid", uniform(1, 10 * SCALE))
        delta = tx.let("delta", uniform(-5000, 5000))
        with tx.block():
            tx.execute(
                "UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2", delta, aid
            )
            tx.execute(SELECT, aid)
            tx.execute(
                "UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2", delta, tid
            )
            tx.execute(
                "UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2", delta, bid
            )
            tx.execute(
                "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) "
                "VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)",
                tid,
                bid,
                aid,
                delta,
            )


@dataclass(frozen=True)
class Place:
    """A server: the folder of a socket or a host, and a port."""

    host: str
    port: int
    user: str
    password: str
    dbname: str

    def environment(self) -> dict[str, str]:
        """What programs over libpq, and stormdb, are told."""
        return os.environ | {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.dbname,
        }


@dataclass(frozen=True)
class Sample:
    """One run of one side."""

    throughput_per_s: float
    cpu_us: float
    server_cpu_us: float = float("nan")
    """What the rest of the machine took for a transaction: on a quiet one, the server."""


def with_server(run: Callable[[float], Sample], seconds: float) -> Sample:
    """Run one side, and see what the rest of the machine does meanwhile."""
    busy_s = busy_cpu_s()
    sample = run(seconds)
    busy_us = (busy_cpu_s() - busy_s) * 1e6 / (sample.throughput_per_s * seconds)
    return replace(sample, server_cpu_us=busy_us - sample.cpu_us)


@dataclass(frozen=True)
class Shape:
    """How the engine's load is laid out."""

    connections: int = 16
    threads: int = 1
    arrivals_per_s: int | None = None
    transient_ratio: float = 0.0


@dataclass(frozen=True)
class Comparison:
    """One row against pgbench: what both do, and the ratios to reach."""

    name: str
    goals: tuple[float, float]
    shape: Shape = Shape()
    workload: type[Workload] = SelectOnly
    script: str = SELECT_SCRIPT
    jobs: int = 0
    """Threads of pgbench; as many as ours when 0."""
    more: tuple[str, ...] = ()
    cpu_goals: tuple[float, float] | None = None
    server_cpus: int = os.cpu_count() or 1
    """As many as the server can use at once."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    value: float
    at_least: float
    aim: float
    unit: str = "x"
    is_less_better: bool = False
    ceiling: float | None = None
    """What a client without any cost would reach here."""
    detail: str = ""

    @property
    def verdict(self) -> str:
        def reached(goal: float) -> bool:
            return self.value <= goal if self.is_less_better else self.value >= goal

        return "aim" if reached(self.aim) else "at least" if reached(self.at_least) else "MISSED"


def program_of(workload: type[Workload]) -> bytes:
    return encode(compile_workload(workload(), Config(workload="bench")))


def target_of(place: Place) -> Target:
    is_socket = place.host.startswith("/")
    address = f"{place.host}/.s.PGSQL.{place.port}" if is_socket else (place.host, place.port)
    return Target(
        [(place.host, place.host, address)],
        user=place.user,
        dbname=place.dbname,
        password=place.password,
    )


def run_engine(
    place: Place, program: bytes, seconds: float, shape: Shape
) -> tuple[Sample, IntervalSnapshot]:
    """Run the engine in this process; the figures are of the whole run."""
    per_s = shape.arrivals_per_s
    rate = None if per_s is None else Rate.hold(per_s * 10**6)
    engine = Engine(
        program,
        Plan([Phase("steady", "steady", int(seconds * 10**9), rate)]),
        target_of(place),
        threads=shape.threads,
        connections=shape.connections,
        workers=shape.connections,
        seed=1,
        max_queue=100_000,
        drain_ns=10**9,
        transient_ratio=shape.transient_ratio,
    )
    while not engine.is_ready:
        assert not engine.problems, engine.problems[0].message
        time.sleep(0.005)
    cpu_ns = time.process_time_ns()
    engine.go(time.monotonic_ns() + 10**7)
    while not engine.is_ended:
        time.sleep(0.1)
    cpu_ns = time.process_time_ns() - cpu_ns
    assert not engine.problems, engine.problems[0].message
    merged, *rest = engine.poll()
    for snapshot in rest:
        merged.merge(snapshot)
    committed = sum(cell.committed for cell in merged.row_totals() if cell.kind == "transaction")
    failed = sum(sum(cell.failed.values()) for cell in merged.row_totals())
    assert failed == 0, dict(merged.examples)
    return Sample(committed / seconds, cpu_ns / 1000 / committed), merged


def run_pgbench(pgbench: Path, place: Place, row: Comparison, seconds: float) -> Sample:
    """Run pgbench; its CPU is what the system counts for it."""
    clients, jobs = str(row.shape.connections), str(row.jobs or row.shape.threads)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(row.script)
        file.flush()
        kind = ["-b", "tpcb-like"] if row.script == "tpcb-like" else ["-f", file.name]
        load = ["-c", clients, "-j", jobs, "-T", str(max(1, round(seconds)))]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [pgbench, "-n", "-M", "prepared", *load, *kind, *row.more],
            env=place.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    count = int(re.search(r"transactions actually processed: (\d+)", done.stdout)[1])  # type: ignore[index]
    throughput = float(re.findall(r"tps = ([\d.]+)", done.stdout)[-1])
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Sample(throughput, cpu_s * 1e6 / count)


class Bench:
    """Runs pairs and collects rows."""

    def __init__(self, args: argparse.Namespace, pgbench: Path) -> None:
        self.args = args
        self.pgbench = pgbench
        self.rows: list[Row] = []

    def wants(self, name: str) -> bool:
        return self.args.only in name

    def pairs(
        self, ours: Callable[[float], Sample], theirs: Callable[[float], Sample]
    ) -> list[tuple[Sample, Sample]]:
        """Both sides, in alternation."""
        seconds, both = self.args.seconds, []
        for number in range(self.args.pairs):
            # Whoever is first finds the caches colder: take turns.
            if number % 2 == 0:
                first = with_server(ours, seconds)
                both.append((first, with_server(theirs, seconds)))
            else:
                first = with_server(theirs, seconds)
                both.append((with_server(ours, seconds), first))
        return both

    def measure(
        self, name: str, once: Callable[[], float], goals: tuple[float, float], unit: str
    ) -> None:
        """A row without a peer, of which less is better."""
        if self.wants(name):
            value = statistics.median(once() for _ in range(self.args.pairs))
            self.add(Row(name, value, *goals, unit=unit, is_less_better=True))

    def add(self, row: Row) -> None:
        self.rows.append(row)
        at_most = f"of {row.ceiling:.2f}" if row.ceiling else ""
        print(
            f"{row.name:<66} {row.value:>7.2f} {row.unit:<2} {at_most:<8} {row.verdict:<8} "
            f"{row.detail}"
        )
        sys.stdout.flush()

    def compare(self, row: Comparison, place: Place) -> None:
        """Both sides of one row, on the same server."""
        if not self.wants(row.name):
            return
        program = program_of(row.workload)
        both = self.pairs(
            lambda seconds: run_engine(place, program, seconds, row.shape)[0],
            lambda seconds: run_pgbench(self.pgbench, place, row, seconds),
        )
        medians = [
            statistics.median(getattr(pair[side], name) for pair in both)
            for name in ("throughput_per_s", "cpu_us", "server_cpu_us")
            for side in (0, 1)
        ]
        self.add(
            Row(
                f"{row.name}: tps by pgbench's",
                statistics.median(a.throughput_per_s / b.throughput_per_s for a, b in both),
                *row.goals,
                ceiling=statistics.median(
                    row.server_cpus * 1e6 / a.server_cpu_us / b.throughput_per_s for a, b in both
                ),
                detail="{:,.0f} : {:,.0f} per s, CPU {:.2f} : {:.2f} us, "
                "of the server {:.2f} : {:.2f} us".format(*medians),
            )
        )
        if row.cpu_goals:
            cheaper = statistics.median(a.cpu_us / b.cpu_us for a, b in both)
            cpu = Row(f"{row.name}: CPU by pgbench's", cheaper, *row.cpu_goals, is_less_better=True)
            self.add(cpu)


ON_UNIX = (
    Comparison("select, Unix socket, 16 connections, 1 thread", (1.3, 1.4), cpu_goals=(0.6, 0.5)),
    Comparison("select, Unix socket, 64 connections, 1 thread", (1.35, 1.5), Shape(64)),
    Comparison("select, Unix socket, 16 connections, 2 threads", (1.1, 1.15), Shape(16, threads=2)),
    Comparison(
        "TPC-B, Unix socket, 16 connections", (1.05, 1.1), workload=TpcB, script="tpcb-like"
    ),
    Comparison(
        "10 pipelined selects, 16 connections",
        (1.5, 2.0),
        workload=Pipelined,
        script=PIPELINE_SCRIPT,
    ),
    Comparison(
        "a connection for each select, 8 at once",
        (1.1, 1.4),
        Shape(8, transient_ratio=1.0),
        jobs=8,
        more=("-C",),
    ),
)
ON_TCP = (
    Comparison("select, TCP, 16 connections, 1 thread", (1.2, 1.35)),
    Comparison("select, TCP, 16 connections, 2 threads", (1.1, 1.15), Shape(16, threads=2)),
)
CANNED = Comparison("canned answers, Unix socket, 16 connections", (1.5, 2.0), server_cpus=1)


def canned(bench: Bench, folder: Path) -> None:
    """What is measured against the server with canned answers, in a process of its own."""
    place = Place(str(folder), 5432, "me", "", "mine")
    socket = folder / ".s.PGSQL.5432"
    server = subprocess.Popen([sys.executable, HERE / "canned_server.py", socket])
    try:
        while not socket.exists():
            time.sleep(0.01)
        bench.compare(CANNED, place)
        for rate in (1_000, 10_000, 50_000):
            lag(bench, place, rate)
        bench.measure(
            "1,000 connections, canned answers: memory of the process",
            lambda: alone(memory_mb, place, bench.args.seconds),
            (150, 120),
            "MB",
        )
    finally:
        server.terminate()
        server.wait()


def lag(bench: Bench, place: Place, rate: int) -> None:
    """How late transactions of an open loop start."""

    def once() -> float:
        shape = Shape(arrivals_per_s=rate)
        _, merged = run_engine(place, program_of(SelectOnly), bench.args.seconds, shape)
        (cell,) = (one for one in merged.row_totals() if one.kind == "transaction")
        return cell.schedule_lag.quantile(0.99) / 1000

    bench.measure(f"{rate:,} arrivals/s, canned answers: schedule lag p99", once, (100, 50), "µs")


def alone(function: Callable[..., float], *args: object) -> float:
    """Call it in a process of its own: what was measured here before has left its marks."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, args)


def memory_mb(place: Place, seconds: float) -> float:
    """Highest memory of this process while it holds 1,000 connections."""
    _, merged = run_engine(place, program_of(SelectOnly), seconds, Shape(1000))
    return max(gauges.rss_bytes for gauges in merged.processes.values()) / 2**20


def start_up(bench: Bench, place: Place, psql: Path, folder: Path) -> None:
    """Time from the command to the first transaction; the server tells when that was."""
    config = folder / "start.yaml"
    config.write_text(START_CONFIG.format(place=place, plugin=HERE / "start_plugin.py"))
    command = [Path(sys.executable).with_name("stormdb"), "-c", config, "--quiet"]

    def run(*more: str) -> float:
        begin_s = time.time()
        subprocess.run(
            [*command, *more], env=place.environment(), check=False, stdout=subprocess.DEVNULL
        )
        first = "SELECT min(extract(epoch FROM at)) FROM stormdb_bench_start.started"
        asked = [psql, "-XAtc", f"{first} WHERE at > to_timestamp({begin_s})"]
        told = subprocess.run(
            asked, env=place.environment(), check=True, capture_output=True, text=True
        )
        return float(told.stdout) - begin_s

    name = "from command to first transaction"
    if bench.wants(name):
        run("--setup")
        bench.measure(name, run, (1, 0.6), "s")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short pair: does it work?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    args = parser.parse_args()
    if args.quick:
        args.pairs, args.seconds = 1, 2.0
    settings = {"fsync": "off", "synchronous_commit": "off", "shared_buffers": "1GB"}
    with (
        EmbeddedServer(settings=settings) as server,
        tempfile.TemporaryDirectory(prefix="stormdb-") as folder,
    ):
        pgbench, psql = server.bin_dir / "pgbench", server.bin_dir / "psql"
        tcp = Place(server.host, server.port, server.user, server.password, server.dbname)
        unix = replace(tcp, host=str(server.socket_dir))
        subprocess.run(
            [pgbench, "-i", "-q", "-s", str(SCALE)],
            env=unix.environment(),
            check=True,
            capture_output=True,
        )
        bench = Bench(args, pgbench)
        for row in ON_UNIX:
            bench.compare(row, unix)
        for row in ON_TCP:
            bench.compare(row, tcp)
        canned(bench, Path(folder))
        start_up(bench, unix, psql, Path(folder))
    if args.json:
        figures = {
            "machine": {"cpus": os.cpu_count(), "platform": platform.platform()},
            "pairs": args.pairs,
            "seconds": args.seconds,
            "rows": [asdict(row) | {"verdict": row.verdict} for row in bench.rows],
        }
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
