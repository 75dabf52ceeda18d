"""`stormdb explain --analyze` on a workload that does everything wrong, and on a good one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

WRONG = '''
from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin


class Wrong(Workload):
    async def setup(self, ctx, db, cfg):
        await db.execute("""
            CREATE TABLE IF NOT EXISTS kind (id int PRIMARY KEY);
            CREATE TABLE IF NOT EXISTS big (
                id int PRIMARY KEY, name text, kind_id int REFERENCES kind);
            INSERT INTO kind VALUES (1) ON CONFLICT DO NOTHING;
            INSERT INTO big SELECT n, 'name' || n, 1 FROM generate_series(1, 20000) n
            ON CONFLICT DO NOTHING;
        """)

    async def run(self, ctx, db, cfg, metrics):
        async with db.acquire() as connection, connection.transaction():
            await connection.fetch("SELECT id FROM big WHERE name = $1", "name7")
            await connection.fetch("SELECT id FROM big WHERE id = $1", -1)
            for key in range(1, 5):
                await connection.fetchval("SELECT name FROM big WHERE id = $1", key)
            await connection.execute("SELECT pg_sleep(1.2)")


class Plugin(WorkloadPlugin):
    def get_metadata(self):
        return PluginMetadata(name="wrong", version="1.0.0", workload_types=("wrong",))

    def create_workload(self, workload_type):
        return Wrong()


PLUGIN = Plugin()
'''


def explain(folder: Path, *words: str) -> str:
    command = [Path(sys.executable).with_name("stormdb"), "explain", "--analyze", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_warning_is_given_where_it_is_due(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    config = {
        "plugins": {"files": ["wrong.py"]},
        "workload": "wrong",
        "duration": "10s",
        "workers": 3,
        "connections": 1,
    }
    (tmp_path / "wrong.json").write_text(json.dumps(config), encoding="utf-8")
    ((look),) = json.loads(explain(tmp_path, "wrong.json", "--json"))
    found: dict[str, Any] = {}
    for one in look["warnings"]:
        found.setdefault(one["code"], []).append(one["sql"])
    assert found == {
        "sequential-scan": ["SELECT id FROM big WHERE name = $1"],
        "filtered-rows": ["SELECT id FROM big WHERE name = $1"],
        "no-rows": ["SELECT id FROM big WHERE id = $1"],
        "statement-in-loop": ["SELECT name FROM big WHERE id = $1"],
        "foreign-key-without-index": [None],
        "long-transaction": ["SELECT id FROM big WHERE name = $1"],
        "pool-wait": [None],
    }


def test_native_statements_have_their_plans_and_no_warning(tmp_path: Path) -> None:
    text = explain(tmp_path, "tpcb")
    assert "UPDATE" in text
    assert "Index Scan using" in text
    assert "pg_try_advisory_lock" not in text
    assert "warning" not in text
