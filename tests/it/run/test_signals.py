"""Ctrl-C and SIGTERM, once and twice, at every stage; nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import asyncpg
import pytest

from tests.it.run.command import Command, ended, wait_for
from tests.it.run.test_data import marker

ORDERLY = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@ORDERLY
def test_a_signal_ends_the_load_with_a_partial_report(
    stormdb: Command, number: signal.Signals
) -> None:
    assert stormdb(*stormdb.probe("--setup")).code == 0
    run = stormdb.start(*stormdb.probe("-d", "60s", "--json", "report.json"))
    wait_for(run, "load: probe")
    time.sleep(1)
    run.send_signal(number)
    end = ended(run, limit_s=20)
    assert end.code == 130
    assert f"warning: {number.name}: ending in order; once more ends at once" in end.err
    assert "stormdb: interrupted: the report is about a part of the run" in end.err
    assert "probe · interrupted" in end.out
    report = json.loads((stormdb.folder / "report.json").read_text())
    assert report["run"]["status"] == "interrupted"
    assert "ending in order" not in json.dumps(report["warnings"])
    assert stormdb.left_behind() == []


def test_the_progress_line_of_an_interval_that_was_cut_short_has_its_true_rate(
    stormdb: Command,
) -> None:
    assert stormdb(*stormdb.probe("--setup")).code == 0
    words = ["-d", "60s", "-s", "1s", "--json", "report.json"]
    run = stormdb.start(*stormdb.probe(*words, sleep_s="0.01"))
    wait_for(run, "steady ")
    time.sleep(0.3)
    run.send_signal(signal.SIGINT)
    end = ended(run, limit_s=20)
    shown = re.findall(r"  steady  +\S+ \S+ +([\d,.]+)/s", end.err)[-1]
    report = json.loads((stormdb.folder / "report.json").read_text())
    cut = [interval for interval in report["intervals"] if interval["role"] == "steady"][-1]
    assert cut["length_ns"] < 950_000_000
    assert float(shown.replace(",", "")) == pytest.approx(cut["throughput_per_s"], rel=0.05)


@ORDERLY
def test_two_signals_end_at_once_and_leave_nothing(
    stormdb_alone: Command, number: signal.Signals
) -> None:
    run = stormdb_alone.start(*stormdb_alone.probe("-d", "60s", sleep_s="60"))
    wait_for(run, "load: probe")
    run.send_signal(number)
    wait_for(run, "once more ends at once")
    run.send_signal(number)
    end = ended(run, limit_s=20)
    assert end.code == 130
    assert "interrupted twice: ended at once, without a report" in end.err
    assert end.out == ""
    assert "Traceback" not in end.err
    assert stormdb_alone.left_behind() == []


async def test_a_signal_cancels_the_setup_and_its_statement(
    stormdb: Command, connection: asyncpg.Connection
) -> None:
    run = stormdb.start(*stormdb.probe("--setup", setup="sleep_in_server"))
    running = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
    running += " AND state = 'active' AND datname = current_database()"
    while not await connection.fetchval(running):
        assert run.poll() is None
        await asyncio.sleep(0.05)
    run.send_signal(signal.SIGINT)
    end = ended(run, limit_s=20)
    assert end.code == 130
    assert "the data in schema stormdb_probe is incomplete; hint: make it anew" in end.err
    assert "interrupted before there was anything to report" in end.err
    assert await connection.fetchval(running) == 0
    found = await marker(connection)
    assert found is not None
    assert found["setup"] == "incomplete"
    assert stormdb.left_behind() == []


def test_a_signal_while_the_embedded_server_starts_leaves_nothing(stormdb_alone: Command) -> None:
    run = stormdb_alone.start(*stormdb_alone.probe())
    wait_for(run, "start server")
    run.send_signal(signal.SIGINT)
    assert ended(run, limit_s=30).code == 130
    assert stormdb_alone.left_behind() == []


def test_a_killed_command_leaves_nothing(stormdb_alone: Command) -> None:
    run = stormdb_alone.start(*stormdb_alone.probe("-d", "60s"))
    wait_for(run, "load: probe")
    run.kill()
    run.communicate(timeout=20)
    assert stormdb_alone.left_behind() == []


@ORDERLY
def test_a_signal_while_the_report_is_written_ends_the_command_with_130(
    stormdb: Command, number: signal.Signals
) -> None:
    assert stormdb(*stormdb.probe("--setup")).code == 0
    os.mkfifo(stormdb.folder / "report.json")  # it is not written as long as nobody reads it
    run = stormdb.start(*stormdb.probe("-d", "60s", "--json", "report.json"))
    wait_for(run, "load: probe")
    time.sleep(1)
    run.send_signal(number)
    wait_for(run, "drain")
    while stormdb.processes() != [(run.pid, line) for _, line in stormdb.processes()]:
        time.sleep(0.05)  # the plugin's host is still to end
    time.sleep(1)
    assert run.poll() is None
    run.send_signal(number)
    end = ended(run, limit_s=20)
    assert end.code == 130
    assert "Traceback" not in end.err


def _catches(process: subprocess.Popen[str], number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (caught,) = re.findall(r"^SigCgt:\s+(\w+)$", status, re.MULTILINE)
    return bool(int(caught, 16) >> (number - 1) & 1)


@ORDERLY
def test_a_signal_in_the_first_moments_ends_silently(
    stormdb_alone: Command, number: signal.Signals
) -> None:
    for delay_s in (0, 0.05, 0.1, 0.2):
        run = stormdb_alone.start("run", "quickstart")
        while not _catches(run, signal.SIGTERM):  # until then it is Python that starts
            assert run.poll() is None
        time.sleep(delay_s)
        run.send_signal(number)
        end = ended(run, limit_s=20)
        assert end.code == 130, end.err
        assert "Traceback" not in end.err
        assert stormdb_alone.left_behind() == []


def _at_a_terminal(stormdb: Command, *words: str) -> tuple[subprocess.Popen[str], int]:
    """Start the command with a terminal for standard input and standard error."""
    master, slave = pty.openpty()
    run = stormdb.start(*words, stdin=slave, stderr=slave)
    os.close(slave)
    return run, master


def _read_until(master: int, text: str) -> str:
    read = ""
    while text not in read:
        read += os.read(master, 4096).decode()
    return read


def _read_to_end(master: int) -> str:
    read = b""
    try:
        while data := os.read(master, 4096):
            read += data
    except OSError:  # the terminal's other end is closed
        pass
    os.close(master)
    return read.decode()


def test_the_third_signal_gives_the_cursor_back(stormdb: Command) -> None:
    assert stormdb(*stormdb.probe("--setup")).code == 0
    stormdb.environment = {"TERM": "xterm"}
    run, master = _at_a_terminal(stormdb, *stormdb.probe("-d", "60s"))
    _read_until(master, " left")
    run.send_signal(signal.SIGINT)
    _read_until(master, "once more ends at once")
    run.send_signal(signal.SIGTERM)
    run.send_signal(signal.SIGINT)
    shown = _read_to_end(master)
    assert run.wait(30) == 130
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l")
    assert stormdb.left_behind() == []


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 1), ("n\n", 1), ("\x03", 130)])
async def test_a_terminal_is_asked_before_data_is_dropped(
    stormdb: Command, connection: asyncpg.Connection, answer: str, code: int
) -> None:
    assert stormdb(*stormdb.probe("--setup")).code == 0
    await connection.execute("CREATE TABLE stormdb_probe.old ()")
    stormdb.environment = {"TERM": "xterm"}
    # Ctrl-C is a key of a terminal that controls its session.
    run, master = _at_a_terminal(stormdb, *stormdb.probe("--rebuild"))
    shown = _read_until(master, "[y/N] ")
    assert f"drop schema stormdb_probe (8.0 KiB) in 127.0.0.1:{stormdb.database.port}" in shown
    if answer == "\x03":
        run.send_signal(signal.SIGINT)
    else:
        os.write(master, answer.encode())
    _read_to_end(master)
    assert run.wait(30) == code
    run.stdout.close()
    is_dropped = await connection.fetchval("SELECT to_regclass('stormdb_probe.old')") is None
    assert is_dropped == (code == 0)
