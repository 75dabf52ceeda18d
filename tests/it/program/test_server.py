"""What programs send is what a real PostgreSQL understands, in the way that is meant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from stormdb.program import Program
from stormdb.workload import Tx, random_date, random_timestamp
from stormdb.workload.expressions import Constant
from stormdb.workload.steps import Block, Let
from tests.support.described import actions, compiled, send
from tests.support.reference import Evaluator, text_of
from tests.support.reference_draws import Draws

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.conftest import Database

TABLES = """
    CREATE TABLE account (id int PRIMARY KEY, cents int);
    CREATE TABLE transfer (id int PRIMARY KEY, payer int, at timestamptz, cents int);
    CREATE TABLE t (a int, b text, r bytea);
    CREATE TABLE event (id bigint, note text, raw bytea);
"""


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection to an empty database."""
    opened = await asyncpg.connect(database.dsn)
    yield opened
    await opened.close()


async def test_every_kind_of_block_begins(connection: asyncpg.Connection) -> None:
    isolations = (None, "read committed", "repeatable read", "serializable")
    for isolation, read_only, deferrable in product(isolations, (False, True), (False, True)):
        if deferrable and not (isolation == "serializable" and read_only):
            continue

        def describe(tx: Tx) -> None:
            with tx.block(isolation=isolation, read_only=read_only, deferrable=deferrable):  # noqa: B023
                send(tx)

        (block,) = actions(describe)
        assert isinstance(block, Block)
        await connection.execute(block.begin)
        assert await connection.fetchval("SHOW transaction_isolation") == (
            isolation or "read committed"
        )
        assert await connection.fetchval("SHOW transaction_read_only") == (
            "on" if read_only else "off"
        )
        await connection.execute("ROLLBACK")


async def test_every_statement_of_the_golden_programs_is_prepared(
    connection: asyncpg.Connection,
) -> None:
    from tests.unit.program import golden

    await connection.execute(TABLES)
    for name, program in golden.programs().items():
        assert program.statements or name == "evaluations"
        for statement in program.statements:
            if statement.sql.startswith("COPY"):
                continue
            prepared = await connection.prepare(statement.sql)
            assert len(prepared.get_parameters()) == statement.parameter_count


async def test_rows_are_copied_by_the_statement(connection: asyncpg.Connection) -> None:
    await connection.execute(TABLES)
    program = compiled(
        lambda tx: tx.copy_in(
            "event", {"id": 1, "note": "a"}, rows=1, types={"id": "int8", "note": "text"}
        )
    )
    header = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    row = b"\0\2" + b"\0\0\0\x08" + (7).to_bytes(8) + b"\0\0\0\1a"

    async def rows() -> AsyncIterator[bytes]:
        yield header + row + b"\xff\xff"

    # The public methods make a statement of their own.
    status = await connection._copy_in(program.statements[0].sql, rows(), None)
    assert status == "COPY 1"
    assert await connection.fetchrow("SELECT id, note FROM event") == (7, "a")


def drawn(program: Program, index: int) -> Any:
    """The value of the last variable in one transaction."""
    slots: list[Constant] = [None] * len(program.transactions[0].slots)
    evaluator = Evaluator(slots, program.tables, Draws(index=index))
    for step in program.transactions[0].steps:
        if isinstance(step.do, Let):
            slots[step.do.slot] = evaluator.value(step.do.value)
    return slots[-1]


def described(make: Callable[[], Any]) -> Program:
    def describe(tx: Tx) -> None:
        value = make()
        tx.execute("SELECT $1", tx.let("result", value))

    return compiled(describe)


async def test_random_dates_and_moments_are_read_as_what_was_drawn(
    connection: asyncpg.Connection,
) -> None:
    await connection.execute("SET timezone = 'America/St_Johns'")
    first, last = date(1999, 12, 30), date(2000, 3, 1)
    start = datetime(2024, 2, 28, 22, 59, 59, 999_990, tzinfo=UTC)
    end = start + timedelta(microseconds=20)
    days, moments = set(), set()
    program_of_days = described(lambda: random_date(first, last))
    program_of_moments = described(lambda: random_timestamp(start, end))
    for index in range(200):
        text = drawn(program_of_days, index)
        days.add(await connection.fetchval("SELECT $1::text::date", text))
        text = drawn(program_of_moments, index)
        moments.add(await connection.fetchval("SELECT $1::text::timestamptz", text))
    assert first <= min(days)
    assert max(days) <= last
    assert len(days) > 50
    assert moments == {start + timedelta(microseconds=n) for n in range(21)}


async def test_a_moment_without_zone_is_one_of_the_column(connection: asyncpg.Connection) -> None:
    moment = datetime(2024, 2, 29, 3, 4, 5, 60)  # noqa: DTZ001
    program = described(lambda: random_timestamp(moment, moment))
    shown = await connection.fetchval("SELECT $1::text::timestamp", drawn(program, 0))
    assert shown == moment


NUMBERS = (0.0, -0.0, 1.0, -1.5, 0.1, 1e-4, 1e-5, 123456789.125, 1e14, 1e15, 1.5e300, 5e-324)


async def test_texts_of_numbers_are_those_of_postgresql(connection: asyncpg.Connection) -> None:
    for number in (*NUMBERS, float("inf"), float("-inf"), float("nan")):
        assert await connection.fetchval("SELECT $1::float8::text", number) == text_of(number)
    assert await connection.fetchval("SELECT $1::bytea::text", b"\x00\xff") == text_of(b"\x00\xff")


async def test_arrays_are_written_so_that_postgresql_reads_them(
    connection: asyncpg.Connection,
) -> None:
    for array, type_name in (
        ((1, None, -3), "int8[]"),
        (("a", 'b"\\c', "", "NULL", "ä,{}"), "text[]"),
        ((1.5, 1e300), "float8[]"),
        ((True, False), "bool[]"),
        ((), "int8[]"),
        (((1, 2), (3, 4)), "int8[]"),
    ):
        read = await connection.fetchval(f"SELECT $1::text::{type_name}", text_of(array))
        assert read == [list(one) if isinstance(one, tuple) else one for one in array]
