"""A script does under stormdb what it does under pgbench."""

from __future__ import annotations

import math
import random
import statistics
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from stormdb.errors import ProgramError
from stormdb.testing.runner import Runner
from stormdb.testing.subject import find_record
from tests.support.libpq import libpq_environment
from tests.support.pgbench import value_of
from tests.support.reference import EvaluationError

if TYPE_CHECKING:
    from stormdb.testing import ScratchDatabase, ScratchServer

NUMBERS = ("0", "1", "-1", "7", "-13", "2.5", "-0.5", ":big")
BIG = 123_456_789
DRAWS = 400
PLUGIN = """
from pathlib import Path

import asyncpg
from stormdb.plugin import Config, Context, PluginMetadata, Workload, WorkloadPlugin
from stormdb.workload import pgbench_script

HERE = Path(__file__).parent


class Scripted(Workload):
    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute("CREATE TABLE IF NOT EXISTS drawn (u int, g int, e int, z int, d int)")

    draw = pgbench_script(HERE / "draw.sql", define={"n": 100})


class Plugin(WorkloadPlugin):
    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(name="scripted", version="1.0.0", workload_types=("scripted",))

    def create_workload(self, workload_type: str) -> Workload:
        return Scripted()


PLUGIN = Plugin()
"""
SCRIPT = r"""
\set u random(1, :n)
\set g random_gaussian(1, :n, 2.5)
\set e random_exponential(1, :n, 3.0)
\set z random_zipfian(1, :n, 1.2)
\set d (:u - 50) / 7 % 3
\if :u > 50
  INSERT INTO drawn VALUES (:u, :g, :e, :z, :d);
\elif :u > 25
  BEGIN;
  INSERT INTO drawn VALUES (:u, :g, :e, :z, :d);
  SELECT count(*) AS present FROM drawn WHERE u = :u \gset
  DELETE FROM drawn WHERE u = :u AND :present > 1000000;
  END;
\else
  INSERT INTO drawn VALUES (:u, :g, :e, :z, NULL);
\endif
"""


@pytest.fixture
def pgbench(stormdb_server: ScratchServer) -> Path:
    embedded = stormdb_server._embedded
    assert embedded
    return Path(embedded.bin_dir) / "pgbench"


def expression(rng: random.Random, depth: int) -> str:
    """A number, written at random."""
    if not depth:
        return rng.choice(NUMBERS)
    one, two = expression(rng, depth - 1), expression(rng, rng.randrange(depth))
    return rng.choice(
        [
            f"{one} {rng.choice('+-*/%')} {two}",
            f"({one}) {rng.choice('*/%')} ({two})",
            f"{rng.choice(['abs', 'int', 'double'])}({one})",
            f"hash(int({two}), 7) % 1000 + int({one}) {rng.choice(['&', '|', '#'])} int({two})",
            f"case when {one} {rng.choice(['<', '>=', '<>', '='])} {two} then {one} else {one} end",
            f"greatest({one}, {two})",
            f"case when {one} > 0 and 1 / ({one}) < 1 or not {two} > 1 then {two} else {one} end",
        ]
    )


def test_expressions_have_the_values_of_pgbench(
    pgbench: Path, stormdb_database: ScratchDatabase, tmp_path: Path
) -> None:
    rng = random.Random(7)
    ours: dict[int, float] = {}
    lines = []
    for number in range(400):
        text = expression(rng, 3)
        try:
            found = value_of(text, big=BIG)
        except (EvaluationError, ProgramError):
            continue  # it overflows, or divides by zero: there the client would be aborted
        ours[number] = found
        lines.append(f"\\set v {text}\nINSERT INTO result VALUES ({number}, :v);\n")
    assert len(lines) > 100
    stormdb_database.fetch("CREATE TABLE result (number int PRIMARY KEY, value numeric)")
    script = tmp_path / "values.sql"
    script.write_text("".join(lines), encoding="utf-8")
    _run_pgbench(pgbench, stormdb_database, script, 1, f"--define=big={BIG}")
    rows = stormdb_database.fetch("SELECT number, value FROM result")
    theirs = {row["number"]: float(row["value"]) for row in rows}
    assert theirs.keys() == ours.keys()
    for number, value in ours.items():
        assert theirs[number] == pytest.approx(value, rel=1e-12, abs=1e-12)


async def test_a_script_leaves_the_same_data_behind(
    pgbench: Path, stormdb_database: ScratchDatabase, tmp_path: Path
) -> None:
    plugin = tmp_path / "scripted"
    plugin.mkdir()
    (plugin / "draw.sql").write_text(SCRIPT, encoding="utf-8")
    (plugin / "__init__.py").write_text(PLUGIN, encoding="utf-8")
    record = await find_record(plugin)
    run = await Runner(record, stormdb_database, {"seed": 1}).run(
        "scripted",
        during=lambda live: live.has_committed(least=DRAWS, limit_s=60),
        duration="10m",
    )
    assert run.failures == {}
    async with stormdb_database.connected() as connection:
        ours = await _drawn(connection, "stormdb_scripted.drawn")
        await connection.execute("CREATE TABLE drawn (LIKE stormdb_scripted.drawn)")
        _run_pgbench(
            pgbench, stormdb_database, plugin / "draw.sql", DRAWS, "-Dn=100", "--random-seed=1"
        )
        theirs = await _drawn(connection, "drawn")
    assert run.committed_count <= len(ours) <= run.committed_count + run.unfinished_count
    assert len(theirs) == DRAWS
    for column in range(4):
        one, other = [row[column] for row in ours], [row[column] for row in theirs]
        assert min(one) >= 1
        assert max(one) <= 100
        spread = statistics.stdev(other)
        assert abs(statistics.mean(one) - statistics.mean(other)) < spread * 6 / DRAWS**0.5
        assert statistics.stdev(one) == pytest.approx(spread, rel=0.4)
    for u, *_, d in [*ours, *theirs]:
        assert d == (None if u <= 25 else math.fmod(math.trunc((u - 50) / 7), 3))


async def _drawn(connection: asyncpg.Connection, table: str) -> list[tuple[int, ...]]:
    return [tuple(row) for row in await connection.fetch(f"SELECT * FROM {table}")]


def _run_pgbench(
    pgbench: Path, database: ScratchDatabase, script: Path, count: int, *options: str
) -> None:
    done = subprocess.run(
        [pgbench, "--no-vacuum", f"--transactions={count}", f"--file={script}", *options],
        env=libpq_environment(database.target),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
