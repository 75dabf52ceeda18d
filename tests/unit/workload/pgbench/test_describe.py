from __future__ import annotations

from pathlib import Path

import pytest

from stormdb.errors import ProgramError
from stormdb.plugin import Config
from stormdb.program import compile_workload, explain
from stormdb.workload import pgbench_script
from tests.support.described import Described
from tests.support.pgbench import described

SCRIPT = r"""
\set aid random(1, 1000 * :scale)
\set delta random(-5000, 5000)
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE account SET cents = cents + :delta WHERE id = :aid;
SELECT cents, id::int8 AS key FROM account WHERE id = :aid \gset seen_
\if :seen_cents < 0
  INSERT INTO debt VALUES (:aid, :seen_cents);
\elif :seen_cents > 100
  SELECT ':not a variable', 1::int, :seen_key;
\else
  \sleep 10 ms
\endif
END;
\startpipeline
SELECT 1;
SELECT :aid;
\endpipeline
"""

EXPLAINED = """\
transfer.sql  transfer: weight 9 of 9 (100 %)
transfer.sql:2    aid := uniform 1 to (1000 * 3)
transfer.sql:3    delta := uniform -5000 to 5000
transfer.sql:4    BEGIN ISOLATION LEVEL REPEATABLE READ, all of it again after 40001 or 40P01
transfer.sql:5      UPDATE account SET cents = cents + $1 WHERE id = $2
transfer.sql:6      SELECT cents, id::int8 AS key FROM account WHERE id = $1
transfer.sql:7      when seen_cents < 0
transfer.sql:8        INSERT INTO debt VALUES ($1, $2)
transfer.sql:9        when seen_cents > 100
transfer.sql:10          SELECT ':not a variable', 1::int, $1
transfer.sql:12          think 10 * 0.001 s
transfer.sql:16    SELECT 1
transfer.sql:17    SELECT $1
"""


def explained(path: Path, **options: object) -> str:
    script = pgbench_script(path, weight=9, **options)  # type: ignore[arg-type]
    workload = type("Workload", (Described,), {"script": script})()
    return explain(compile_workload(workload, Config(workload="test", scale=3)))


def test_a_script_becomes_a_transaction_with_its_own_lines(tmp_path: Path) -> None:
    path = tmp_path / "transfer.sql"
    path.write_text(SCRIPT, encoding="utf-8")
    lines = [" ".join(line.split()) for line in explained(path).splitlines()]
    for line in EXPLAINED.splitlines():
        assert " ".join(line.split()) in lines


def test_variables_and_types_are_given_by_name(tmp_path: Path) -> None:
    path = tmp_path / "look.sql"
    path.write_text("SELECT name FROM t WHERE id = :id \\gset\nSELECT :name;", encoding="utf-8")
    text = explained(path, define=lambda cfg: {"id": 5 * cfg.scale}, types={"name": str})
    assert "$1 = 15" in text
    assert "column 1 as text" in text


def test_a_script_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"cannot read .*none\.sql: No such file"):
        explained(tmp_path / "none.sql")


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("SELECT 1;\n\\shell ls", "\\shell is not supported", 2),
        ("\\nope", "there is no command \\nope", 1),
        ("\\set x", "\\set has no name or no expression", 1),
        ("\\sleep soon", "\\sleep soon is no pause", 1),
        ("SELECT :nobody;", "undefined variable 'nobody'", 1),
        ("\\set n 1\nSELECT ':n days'::interval;", ":n stands within quotes", 2),
        ("\\gset", "\\gset follows no statement", 1),
        ("SELECT 1 + 1 \\gset", "\\gset cannot see the names of all columns", 1),
        ("SELECT * FROM t \\gset", "\\gset cannot see the names of all columns", 1),
        ("\\startpipeline\nSELECT 1 AS a \\gset\n\\endpipeline", "\\gset stands in a pipeline", 2),
        ("SELECT 1;\n\\endif", "\\endif without a matching \\if", 2),
        ("SELECT 1;\n\\if 1\nSELECT 2;", "\\if without a matching \\endif", 2),
        ("\\if 1\n\\else\nSELECT 1;\n\\else\n\\endif", "\\else after \\else", 4),
        ("BEGIN;\nSELECT 1;", "the script ends, and its transaction does not", 1),
        ("SELECT 1;\nCOMMIT;", "COMMIT without BEGIN", 2),
        ("BEGIN;\n\\if 1\nSELECT 1;\nEND;\n\\endif", "END without BEGIN", 4),
        ("BEGIN;\nSELECT 1;\nROLLBACK;\nSELECT 2;", "nothing is done behind ROLLBACK", 3),
        ("BEGIN TRANSACTION SOON;", "BEGIN TRANSACTION SOON cannot be executed", 1),
        ("BEGIN;\nSELECT 1;\nCOMMIT AND CHAIN;", "COMMIT AND CHAIN cannot be executed", 3),
        ("BEGIN;\nROLLBACK TO SAVEPOINT s;", "ROLLBACK TO SAVEPOINT s cannot be executed", 2),
        ("START;\nEND;", "START cannot be executed", 1),
        ("\\if 1\n\\set x 1\n\\endif\nSELECT :x;", "x may have no value here", 4),
    ],
)
def test_what_has_no_counterpart_is_refused_with_its_line(
    text: str, message: str, line: int
) -> None:
    with pytest.raises(ProgramError) as caught:
        described(text)
    assert caught.value.message.startswith(message)
    assert caught.value.where == f"load.sql:{line}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\\set n :n + 1", 1),
        ("SELECT :n;\n\\set n 2", 2),
        ("SELECT id FROM t WHERE id > :n \\gset\nSELECT :id AS n \\gset", 2),
        ("\\if :n > 0\nSELECT 1;\n\\endif\n\\set n 0", 4),
    ],
)
def test_a_variable_that_would_be_kept_for_the_next_transaction_is_refused(
    text: str, line: int
) -> None:
    with pytest.raises(ProgramError) as caught:
        described(text, n=0)
    assert caught.value.message.startswith("variable 'n' is read before it is assigned")
    assert caught.value.where == f"load.sql:{line}"


def test_a_given_variable_can_be_assigned_before_it_is_read() -> None:
    described("\\set n 5\nSELECT :n;\n\\set n :n + 1\nSELECT :n;", n=0)


def test_an_empty_branch_is_none() -> None:
    described("\\if 1\nSELECT 1;\n\\else\n\\endif\n\\if 1\n\\elif 2\nSELECT 2;\n\\endif")
