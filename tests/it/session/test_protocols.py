"""What a program does to a real server: the same in all three protocols."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest

from stormdb.workload import (
    cast,
    random_bytes,
    random_date,
    random_text,
    random_timestamp,
    sequence,
    text,
    uniform,
    uniform_float,
    uuid,
    vector,
)
from tests.conftest import Database
from tests.it.session.conftest import PROTOCOLS, SECOND_NS, Protocol, execute, program_of

pytestmark = pytest.mark.parametrize("protocol", PROTOCOLS)
AWKWARD = 'it\'s a \\ "test" with $1, ?, %s, ä and \n'


def test_values_of_every_kind_arrive_as_they_are(database: Database, protocol: Protocol) -> None:
    database.fetch(
        "CREATE TABLE kept (b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric,"
        " t text, v varchar, y bytea, u uuid, j jsonb, d date, z timestamptz, s timestamp,"
        " a int4[], w text[], e float8[])"
    )
    values: list[Any] = [
        True,
        -7,
        70_000,
        -(2**63),
        0.5,
        1e-300,
        123456789,
        AWKWARD,
        "varchar",
        b"\x00'\\\xff",
        "00112233-4455-6677-8899-aabbccddeeff",
        '{"key": "it\'s"}',
        "2024-02-29",
        "2024-02-29 12:00:00.5+02",
        "2024-02-29 12:00:00.5",
        [1, None, 3],
        ["a", AWKWARD, None],
        [1.5, -0.0],
    ]
    parameters = ", ".join(f"${number}" for number in range(1, len(values) + 1))

    def describe(tx: Any) -> None:
        tx.execute(f"INSERT INTO kept VALUES ({parameters})", *values, rows=1)
        tx.execute(f"INSERT INTO kept VALUES ({parameters})", *[None] * len(values), rows=1)

    outcome = execute(database, program_of(describe), protocol=protocol)
    assert outcome.row().failed == {}, outcome.snapshot.examples
    rows = database.fetch("SELECT DISTINCT to_jsonb(kept) - 'y' AS row, y FROM kept")
    assert len(rows) == 2
    (row,) = database.fetch("SELECT * FROM kept WHERE t IS NOT NULL LIMIT 1")
    assert (row["b"], row["i2"], row["i4"], row["i8"]) == (True, -7, 70_000, -(2**63))
    assert (row["f4"], row["f8"], int(row["n"])) == (0.5, 1e-300, 123456789)
    assert (row["t"], row["v"], row["y"]) == (AWKWARD, "varchar", b"\x00'\\\xff")
    assert str(row["u"]) == "00112233-4455-6677-8899-aabbccddeeff"
    assert row["j"] == '{"key": "it\'s"}'
    assert (str(row["d"]), row["z"].isoformat()) == (
        "2024-02-29",
        "2024-02-29T10:00:00.500000+00:00",
    )
    assert row["s"].isoformat() == "2024-02-29T12:00:00.500000"
    assert (row["a"], row["w"]) == ([1, None, 3], ["a", AWKWARD, None])
    assert row["e"] == [1.5, 0.0]


def test_captured_columns_come_back_as_they_were_sent(
    database: Database, protocol: Protocol
) -> None:
    def describe(tx: Any) -> None:
        number = tx.let("number", uniform(-(2**40), 2**40))
        share = tx.let("share", uniform_float(-1, 1))
        word = tx.let("word", text(AWKWARD, number))
        data = tx.let("data", random_bytes(20))
        got = tx.fetch_row(
            "SELECT $1::int8, $2::float8, $3::text, $4::bytea, $1::int8 > 0, NULL::int",
            number,
            share,
            word,
            data,
            types=(int, float, str, bytes, bool, int),
        )
        tx.check(got[0] == number, "integers survive")
        tx.check(got[1] == share, "floats survive")
        tx.check(got[2] == word, "texts survive")
        tx.check(got[3] == data, "bytes survive")
        tx.check(got[4] == (number > 0), "booleans survive")
        tx.check(got[5].is_null(), "nulls survive")

    outcome = execute(database, program_of(describe), protocol=protocol)
    row = outcome.row()
    assert row.failed == {}, outcome.snapshot.examples
    assert row.committed > 10


def test_blocks_savepoints_and_retries_leave_what_they_should(
    database: Database, protocol: Protocol
) -> None:
    database.fetch("CREATE TABLE account (id int PRIMARY KEY, cents int)")
    database.fetch("INSERT INTO account SELECT id, 1000 FROM generate_series(1, 4) id")

    def describe(tx: Any) -> None:
        payer = tx.let("payer", uniform(1, 4))
        payee = payer % 4 + 1
        with tx.block(isolation="serializable"):
            cents = tx.fetch_value("SELECT cents FROM account WHERE id = $1", payer, label="look")
            with tx.savepoint():
                tx.execute("INSERT INTO account VALUES ($1, 0)", payer, label="duplicate")
            with tx.when(cents <= 0):
                tx.abort()
            take = "UPDATE account SET cents = $2 WHERE id = $1"
            tx.execute(take, payer, cents - 1, rows=1, label="take")
            give = "UPDATE account SET cents = cents + 1 WHERE id = $1"
            tx.execute(give, payee, rows=1, label="give")

    outcome = execute(
        database, program_of(describe), protocol=protocol, seconds=2, workers=6, max_tries=100
    )
    row = outcome.row()
    (total,) = database.fetch("SELECT sum(cents) FROM account")
    assert total[0] == 4000
    assert row.committed > 10
    assert set(row.failed) <= {"40001"}
    assert sum(row.retried.values()) > 0
    # Each try that came to it went on behind it.
    assert outcome.statement("duplicate").failed["23505"] >= row.committed
    assert outcome.statement("duplicate").committed == 0


def test_branches_loops_and_pauses_are_taken_as_described(
    database: Database, protocol: Protocol
) -> None:
    database.fetch("CREATE TABLE seen (number int8, turn int8)")
    pause_ns = SECOND_NS // 5

    def describe(tx: Any) -> None:
        number = tx.let("number", sequence())
        insert = "INSERT INTO seen VALUES ($1, $2)"
        with tx.when(number % 2 == 0):
            tx.execute(insert, number, None, label="even")
        with tx.otherwise(), tx.repeat(number % 4) as turn:
            tx.execute(insert, number, turn, label="odd")
        tx.think(pause_ns / SECOND_NS)
        tx.emit("number", number)

    outcome = execute(database, program_of(describe), protocol=protocol, seconds=0.6)
    row = outcome.row()
    assert row.failed == {}, outcome.snapshot.examples
    # Two workers, each with a pause of 0.2 s in 0.6 s of load.
    assert 2 <= row.committed <= 2 * 3 + 2
    assert row.service_time.quantile(0.5) < pause_ns
    expected = sorted(
        (number, turn)
        for number in range(row.committed)
        for turn in ([-1] if number % 2 == 0 else range(number % 4))
    )
    found = database.fetch("SELECT number, coalesce(turn, -1) FROM seen ORDER BY 1, 2")
    assert [tuple(one) for one in found] == expected
    emitted = outcome.snapshot.values["number"]
    assert (emitted.count, emitted.max) == (row.committed, row.committed - 1)


def test_copies_bring_every_row(database: Database, protocol: Protocol) -> None:
    database.fetch(
        "CREATE TABLE target (number int8, word text, key uuid, share float8, data bytea)"
    )

    def describe(tx: Any) -> None:
        columns = {
            "number": sequence(),
            "word": random_text(0, 30),
            "key": uuid(),
            "share": uniform_float(0, 1),
            "data": random_bytes(10),
        }
        types = {
            "number": "int8",
            "word": "text",
            "key": "uuid",
            "share": "float8",
            "data": "bytea",
        }
        with tx.block():
            tx.copy_in("target", columns, rows=5_000, types=types, label="copy")
            tx.execute("SELECT 1", label="after")

    outcome = execute(database, program_of(describe), protocol=protocol)
    row, copy = outcome.row(), outcome.statement("copy")
    assert row.failed == {}, outcome.snapshot.examples
    (found,) = database.fetch(
        "SELECT count(*) AS rows, count(DISTINCT key) AS keys, count(DISTINCT number) AS runs,"
        " min(length(word)) AS low, max(length(word)) AS high, avg(share) AS mean,"
        " min(length(data)) AS bytes FROM target"
    )
    assert found["rows"] == found["keys"] == 5_000 * row.committed == copy.rows
    assert found["runs"] == row.committed > 0
    assert (found["low"], found["high"], found["bytes"]) == (0, 30, 10)
    assert 0.48 < found["mean"] < 0.52
    # At least 4 bytes of length for each of 5 values, 8 for two of them, 16 for one.
    assert copy.sent_bytes > copy.rows * (2 + 20 + 16 + 16)


def test_a_copy_that_fails_in_the_middle_leaves_nothing_and_the_next_works(
    database: Database, protocol: Protocol
) -> None:
    database.fetch("CREATE TABLE target (number int4 CHECK (number < 40000))")

    def describe(tx: Any) -> None:
        tx.copy_in(
            "target",
            {"number": uniform(0, 40_000)},
            rows=20_000,
            types={"number": "int4"},
            label="copy",
        )

    outcome = execute(database, program_of(describe), protocol=protocol, seconds=0.6)
    row, copy = outcome.row(), outcome.statement("copy")
    assert set(row.failed) == {"23514"} == set(copy.failed)
    (count,) = database.fetch("SELECT count(*) FROM target")
    assert count[0] == 20_000 * row.committed
    assert outcome.problems == []


def test_a_row_that_cannot_be_made_ends_the_copy(database: Database, protocol: Protocol) -> None:
    database.fetch("CREATE TABLE target (number int2)")

    def describe(tx: Any) -> None:
        tx.copy_in(
            "target",
            {"number": uniform(0, 2**20)},
            rows=10_000,
            types={"number": "int2"},
            label="copy",
        )

    outcome = execute(database, program_of(describe), protocol=protocol)
    assert set(outcome.row().failed) == {"22003"} == set(outcome.statement("copy").failed)
    assert re.search(r": row [1-9]\d*: .*does not fit", outcome.snapshot.examples["22003"])
    assert database.fetch("SELECT 1 FROM target") == []


def test_errors_are_told_with_the_servers_words(database: Database, protocol: Protocol) -> None:
    def describe(tx: Any) -> None:
        tx.execute("SELECT 1 / $1::int", uniform(0, 1), label="divide")

    outcome = execute(database, program_of(describe), protocol=protocol)
    row, statement = outcome.row(), outcome.statement("divide")
    assert set(row.failed) == {"22012"} == set(statement.failed)
    assert row.failed == statement.failed
    assert row.committed == statement.committed > 0
    assert outcome.snapshot.examples["22012"] == "division by zero"


def test_large_rows_that_nobody_reads_are_passed_over(
    database: Database, protocol: Protocol
) -> None:
    def describe(tx: Any) -> None:
        tx.execute("SELECT repeat('x', 5000000) FROM generate_series(1, 3)", label="large", rows=3)
        tx.fetch_value("SELECT repeat('x', 100000)", type=str, label="read")

    outcome = execute(database, program_of(describe), protocol=protocol)
    assert outcome.row().failed == {}, outcome.snapshot.examples
    large = outcome.statement("large")
    assert large.rows == 3 * large.committed
    assert large.received_bytes > 15_000_000 * large.committed


def test_tables_of_the_session_need_a_protocol_that_does_not_prepare(
    database: Database, protocol: Protocol
) -> None:
    def describe(tx: Any) -> None:
        with tx.block():
            tx.execute("CREATE TEMP TABLE scratch (x int) ON COMMIT DROP", label="create")
            tx.execute("INSERT INTO scratch VALUES ($1)", uniform(1, 9), rows=1, label="insert")

    program = program_of(describe)
    if protocol != "prepared":
        assert execute(database, program, protocol=protocol).row().failed == {}
        return
    with pytest.raises(pytest.fail.Exception, match=r"work / insert: .*scratch.* hint: .*extended"):
        execute(database, program, protocol=protocol)


def test_both_ways_of_io_carry_every_protocol(database: Database, protocol: Protocol) -> None:
    database.fetch("CREATE TABLE target (number int8)")

    def describe(tx: Any) -> None:
        tx.copy_in("target", {"number": sequence()}, rows=3_000, types={"number": "int8"})
        tx.execute("SELECT $1::float8[]", vector(300))
        tx.execute("SELECT $1::date, $2::timestamptz", *moments())

    outcome = execute(database, program_of(describe), protocol=protocol, io="poll")
    assert outcome.row().failed == {}, outcome.snapshot.examples
    assert outcome.row().committed > 0


def moments() -> tuple[Any, Any]:
    """A random date and a random time."""
    first, last = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 12, 31, tzinfo=UTC)
    return random_date(date(1992, 1, 1), date(1998, 12, 31)), random_timestamp(first, last)


def test_the_simple_protocol_alone_refuses_pipelines(
    database: Database, protocol: Protocol
) -> None:
    def describe(tx: Any) -> None:
        with tx.pipeline():
            first = tx.fetch_value("SELECT $1::int8 + 1", uniform(1, 9), label="one")
            tx.execute("SELECT $1::int8", cast("2", int), label="two")
        tx.check(first > 1, "values of a pipeline come behind it")

    program = program_of(describe)
    if protocol == "simple":
        with pytest.raises(pytest.fail.Exception, match="a pipeline cannot be sent by the simple"):
            execute(database, program, protocol=protocol)
        return
    outcome = execute(database, program, protocol=protocol)
    assert outcome.row().failed == {}, outcome.snapshot.examples
    assert outcome.statement("one").committed == outcome.statement("two").committed > 0


def test_texts_that_are_read_otherwise_are_refused_before_the_run(
    database: Database, protocol: Protocol
) -> None:
    def describe(tx: Any) -> None:
        tx.execute("SELECT $1::text", AWKWARD)

    program = program_of(describe)
    settings = {"standard_conforming_strings": "off"}
    if protocol == "simple":
        with pytest.raises(pytest.fail.Exception, match="standard_conforming_strings is off"):
            execute(database, program, protocol=protocol, settings=settings)
    else:
        outcome = execute(database, program, protocol=protocol, settings=settings)
        assert outcome.row().failed == {}


def test_an_unknown_protocol_is_named(database: Database, protocol: Protocol) -> None:
    program = program_of(lambda tx: tx.execute("SELECT 1"))
    with pytest.raises(ValueError, match=f"protocol `{protocol}ly` is unknown"):
        execute(database, program, protocol=f"{protocol}ly")  # type: ignore[arg-type]
