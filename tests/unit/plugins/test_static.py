"""Flaws that are read in a plugin's source, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from stormdb.plugins.static import RULES, read_files, read_source

FLAWED = """
import asyncio
import random
import subprocess
import time
import time as clock
from time import sleep

import numpy as np
import psycopg2
import requests

from stormdb.plugin import Workload

TABLE = "account"
KNOWN = random.choice([1, 2])


def slow():
    time.sleep(1)


class Shop(Workload):
    async def run(self, ctx, db, cfg, metrics):
        clock.sleep(0.1)
        sleep(0.1)
        slow()
        requests.get("http://localhost")
        subprocess.run(["true"])
        psycopg2.connect("")
        key = random.randint(1, 10)
        rng = random.Random()
        more = np.random.normal()
        await db.fetchval(f"SELECT * FROM account WHERE id = {key}")
        await db.fetchval("SELECT * FROM account WHERE id = %d" % key)
        await db.fetchval("SELECT * FROM account WHERE id = {}".format(key))
        await db.fetchval("SELECT * FROM account WHERE id = " + str(key))
        sql = f"SELECT {more}"
        await db.execute(sql)
        db.execute("SELECT 1")
        row = db.fetchrow("SELECT 1")
        async with db.acquire() as mine:
            mine.execute("SELECT 1")
        ctx.sleep(1)
        asyncio.sleep(1)
        self.book(db)

    async def book(self, db):
        pass
"""
FLAWLESS = """
import asyncio
import random
import time

import numpy as np

ROWS = 10
SQL = f"SELECT generate_series(1, {ROWS})"


def tool():
    time.sleep(1)  # nothing that load runs calls it


async def setup(ctx, db, cfg):
    rng = random.Random(cfg.seed)
    other = np.random.default_rng(cfg.seed)
    time.perf_counter()
    await db.execute(f"INSERT INTO item SELECT generate_series(1, {ROWS})")
    await db.execute("SELECT $1::int + " "1", rng.randint(1, 2))
    await asyncio.gather(db.execute("SELECT 1"), db.execute("SELECT 2"))
    task = asyncio.create_task(db.execute("SELECT 1"))
    await task
    ctx.random.random()
"""


def test_each_flaw_is_told_with_line_and_remedy(snapshot: SnapshotAssertion) -> None:
    flaws = read_source(FLAWED, "shop.py")
    assert {flaw.rule for flaw in flaws} == RULES.keys()
    lines = [f"{one.file}:{one.line}: {one.rule}: {one.message}; {one.hint}" for one in flaws]
    assert "\n".join(lines) == snapshot


def test_what_is_right_is_no_flaw() -> None:
    assert read_source(FLAWLESS, "shop.py") == []


@pytest.mark.parametrize(
    "comment", ["# stormdb: ok blocking-call", "#stormdb: ok sql-format, blocking-call  because"]
)
def test_a_comment_excuses_a_rule_on_its_line(comment: str) -> None:
    source = "import time\nasync def run():\n    time.sleep(1)" + comment + "\n    time.sleep(2)\n"
    assert [flaw.line for flaw in read_source(source, "a.py")] == [4]


def test_a_comment_excuses_no_other_rule() -> None:
    source = "import time\nasync def run():\n    time.sleep(1)  # stormdb: ok sql-format\n"
    assert [flaw.rule for flaw in read_source(source, "a.py")] == ["blocking-call"]


@pytest.mark.parametrize("source", ["def", b"\xff\xfe", "\0"])
def test_source_that_is_no_python_has_no_flaws(source: bytes | str) -> None:
    assert read_source(source, "a.py") == []


def test_all_modules_of_a_folder_are_read(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("a.py", "inner/b.py", "readme.txt"):
        (tmp_path / name).write_text("import os\nos.urandom(1)\n", encoding="utf-8")
    count, flaws = read_files([str(tmp_path)])
    assert count == 2
    assert [Path(flaw.file).name for flaw in flaws] == ["a.py", "b.py"]
