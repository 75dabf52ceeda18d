"""Servers that claim or send what no server should: an error, and no more memory than arrived."""

from __future__ import annotations

import resource
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.conftest import Database
from tests.it.session.conftest import execute, program_of

MIB = 1 << 20
SSL_REQUEST = struct.pack(">ii", 8, 80877103)
READY = b"Z\0\0\0\x05I"
LOGGED_IN = b"R\0\0\0\x08\0\0\0\0" + b"S\0\0\0\x23standard_conforming_strings\0on\0" + READY
PROGRAM = program_of(lambda tx: tx.fetch_value("SELECT 1"))


def message(tag: bytes, body: bytes, claimed_bytes: int | None = None) -> bytes:
    """A message whose length may be false."""
    return (
        tag + struct.pack(">I", 4 + (len(body) if claimed_bytes is None else claimed_bytes)) + body
    )


@contextmanager
def serving(login: bytes, answer: bytes = b"") -> Iterator[Database]:
    """A server that says the same to everyone, and hangs up after its answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=talk, args=(client, login, answer), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        yield Database(host="127.0.0.1", port=port, user="ann", password="secret", dbname="shop")
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def talk(client: socket.socket, login: bytes, answer: bytes) -> None:
    # The other side may hang up at any time.
    with client, suppress(OSError):
        if client.recv(1000) == SSL_REQUEST:
            client.sendall(b"N")
            client.recv(1000)
        client.sendall(login)
        if client.recv(1000):
            client.sendall(answer)


def peak_bytes() -> int:
    """Most memory that this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


@pytest.mark.parametrize("tag", [b"R", b"S", b"E", b"D"])
@pytest.mark.parametrize("claimed_bytes", [70_000, 2**31, 2**32 - 5])
def test_a_login_of_impossible_length_is_refused(tag: bytes, claimed_bytes: int) -> None:
    before_bytes = peak_bytes()
    with (
        serving(message(tag, b"\0\0\0\x05salt", claimed_bytes)) as database,
        pytest.raises(pytest.fail.Exception, match=r"announced a message .* of \d+ bytes"),
    ):
        execute(database, PROGRAM, protocol="simple")
    assert peak_bytes() - before_bytes < 64 * MIB


def test_a_login_that_never_ends_is_refused() -> None:
    setting = message(b"S", b"name\0" + b"x" * 100 + b"\0")
    with (
        serving(message(b"R", b"\0\0\0\0") + 2_000 * setting) as database,
        pytest.raises(pytest.fail.Exception, match="more than 1000 messages"),
    ):
        execute(database, PROGRAM, protocol="simple")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        # Half of what is claimed never comes.
        (message(b"D", b"\0\x01" + b"x" * MIB, 200 * MIB), "08006"),
        (message(b"E", b"SERROR\0C22000\0M" + b"x" * MIB, 200 * MIB), "08006"),
        (message(b"D", b"\0\x01", 2**31), "08P01"),
        (message(b"T", b"\xff\xff"), "08006"),
        (message(b"?", b""), "08006"),
    ],
)
def test_an_answer_that_is_none_fails_its_transaction_and_takes_no_memory(
    answer: bytes, code: str
) -> None:
    before_bytes = peak_bytes()
    with serving(LOGGED_IN, answer) as database:
        outcome = execute(database, PROGRAM, protocol="simple", workers=4)
    assert set(outcome.row().failed) == {code}
    assert outcome.row().committed == 0
    assert peak_bytes() - before_bytes < 64 * MIB
