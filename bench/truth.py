"""Service times beside the server's own: do both say the same of the same statement?

Statements that sleep in the server run one after another on one connection, each a row of the
report, so that each recorded time is known by itself. The server logs the duration of each
(`log_min_duration_statement = 0`); the n-th in its log is the n-th that was sent. What remains is
the way there and back, and what the client adds. pgbench's own log of the same is beside it: how
much of the rest any client would see on this machine.

    python bench/truth.py [--quick] [--json FILE] [--statements 1000]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from stormdb._native import Engine, Phase, Plan, Target
from stormdb.plugin import Config, Workload
from stormdb.program import compile_workload, encode
from stormdb.server import EmbeddedServer
from stormdb.workload import Tx, transaction

AT_LEAST_US = 200.0
"""No further apart than this, in 99 of 100 statements."""
STATEMENTS_PER_PROGRAM = 250
PEER = "pgbench, prepared"
SETTINGS = {
    "log_min_duration_statement": "0",
    "log_statement": "none",
    "fsync": "off",
    "shared_buffers": "64MB",
}


class Sleep(Workload):
    """Statements that sleep, each for a time of its own."""

    def __init__(self, sleeps_us: Sequence[int]) -> None:
        self.sleeps_us = sleeps_us

    async def setup(self, ctx: object, db: object, cfg: object) -> None:
        """There are no tables."""

    @transaction
    def sleep(self, tx: Tx) -> None:
        """All of them, in turn."""
        for number, sleep_us in enumerate(self.sleeps_us):
            tx.execute(f"SELECT pg_sleep({sleep_us / 1e6})", label=f"s{number}")


def sleeps_us(count: int) -> list[int]:
    """Times from 1 to 5 ms, in an order without a pattern."""
    return [1000 + 37 * (number * 41 % 109) for number in range(count)]


def recorded_ns(server: EmbeddedServer, sleeps: Sequence[int], protocol: str) -> list[int]:
    """Service time of each statement, as the engine recorded it."""
    engine = Engine(
        encode(compile_workload(Sleep(sleeps), Config(workload="bench"))),
        # The one transaction outlasts the phase, so there is no second.
        Plan([Phase("steady", "steady", sum(sleeps) * 1000 // 2)]),
        Target(
            [(server.host, server.host, f"{server.socket_dir}/.s.PGSQL.{server.port}")],
            user=server.user,
            dbname=server.dbname,
            password=server.password,
        ),
        threads=1,
        connections=1,
        workers=1,
        seed=1,
        max_queue=1,
        drain_ns=60 * 10**9,
        protocol=protocol,
    )
    while not engine.is_ready:
        assert not engine.problems, engine.problems[0].message
        time.sleep(0.005)
    engine.go(time.monotonic_ns() + 10**7)
    while not engine.is_ended:
        time.sleep(0.05)
    merged, *rest = engine.poll()
    for snapshot in rest:
        merged.merge(snapshot)
    times = {cell.name: cell.service_time for cell in merged.row_totals()}
    found = [times[f"sleep / s{number}"] for number in range(len(sleeps))]
    assert all(one.count == 1 for one in found)
    return [one.max_ns for one in found]


def recorded_by_pgbench_ns(server: EmbeddedServer, sleeps: Sequence[int]) -> list[int]:
    """Latency of each statement, as pgbench logs it."""
    with tempfile.TemporaryDirectory(prefix="stormdb-") as folder:
        script = Path(folder) / "sleep.sql"
        script.write_text(
            f"\\set us random({min(sleeps)}, {max(sleeps)})\nSELECT pg_sleep(:us / 1000000.0);\n"
        )
        subprocess.run(
            [
                *(server.bin_dir / "pgbench", "-n", "-M", "prepared", "-t", str(len(sleeps))),
                *("-f", script, "-l", "--log-prefix", script.with_suffix(".log")),
            ],
            env=os.environ
            | {
                "PGHOST": str(server.socket_dir),
                "PGPORT": str(server.port),
                "PGUSER": server.user,
                "PGPASSWORD": server.password,
                "PGDATABASE": server.dbname,
            },
            check=True,
            capture_output=True,
        )
        (log,) = Path(folder).glob("sleep.log.*")
        return [int(line.split()[2]) * 1000 for line in log.read_text().splitlines()]


def logged_ns(log: str, protocol: str) -> list[int]:
    """Duration of each statement that sleeps, in order: all that was done for it when it ran."""
    found: list[int] = []
    so_far_ns = 0
    lines = re.findall(
        r"duration: ([\d.]+) ms  (parse|bind|execute|statement)\b[^:]*: SELECT pg_sleep", log
    )
    for duration, step in lines:
        if step == "parse" and protocol in {"prepared", PEER}:
            continue  # long before the run
        so_far_ns += round(float(duration) * 1e6)
        if step in {"execute", "statement"}:
            found.append(so_far_ns)
            so_far_ns = 0
    return found


def compare(count: int, protocol: str) -> list[int]:
    """How much longer each statement took for the client than for the server, in nanoseconds."""
    with EmbeddedServer(settings=SETTINGS) as server:
        sleeps = sleeps_us(count)
        recorded: list[int] = []
        if protocol == PEER:
            recorded = recorded_by_pgbench_ns(server, sleeps)
        else:
            for first in range(0, count, STATEMENTS_PER_PROGRAM):
                part = sleeps[first : first + STATEMENTS_PER_PROGRAM]
                recorded += recorded_ns(server, part, protocol)
        logged = logged_ns(server.log_path.read_text(), protocol)
    assert len(recorded) == len(logged) == count, (len(recorded), len(logged))
    return [ours - theirs for ours, theirs in zip(recorded, logged, strict=True)]


def quantile_us(sorted_ns: Sequence[int], q: float) -> float:
    """The time that this part of the statements does not exceed."""
    return sorted_ns[min(int(q * len(sorted_ns)), len(sorted_ns) - 1)] / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="a few statements: does it work?")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--statements", type=int, default=1000)
    args = parser.parse_args()
    count = 100 if args.quick else args.statements
    rows = []
    for protocol in ("prepared", "extended", "simple", PEER):
        differences = sorted(compare(count, protocol))
        row = {"protocol": protocol, "statements": count, "least_us": differences[0] / 1000}
        row |= {f"p{q * 100:g}_us": quantile_us(differences, q) for q in (0.5, 0.9, 0.99)}
        row["most_us"] = differences[-1] / 1000
        rows.append(row)
        reached = "at least" if row["p99_us"] <= AT_LEAST_US else "MISSED"
        reached = "the peer" if protocol == PEER else reached
        print(
            f"{count} statements, {protocol}: longer than in the server's log by "
            f"p50 {row['p50_us']:.0f}, p90 {row['p90_us']:.0f}, p99 {row['p99_us']:.0f} us: "
            f"{reached}"
        )
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        machine = {"cpus": os.cpu_count(), "platform": platform.platform()}
        args.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
