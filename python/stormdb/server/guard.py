"""The dead man's handle: a small process that ends the server however this one ends.

It holds the reading end of a pipe. Whatever ends this process (an orderly stop, an exception,
SIGKILL) closes the other end; then the guard stops the server and removes what was temporary.
`EmbeddedServer.stop` closes the pipe too: there is one way to end, and it is always in use.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import weakref
from typing import IO, TYPE_CHECKING

from stormdb.server.account import ENVIRONMENT

if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence
    from pathlib import Path

    from stormdb.server.account import Account

__all__ = ["Guard"]

# Arguments: signal, folder to make and to remove, postgres, data directories.
# Each line on stdin is the process to end, 0 for none; `leave` ends the guard alone.
# A process that nobody waits for stays as a zombie (state Z): it counts as gone.
# `postgres --check` removes the shared memory of a server that was killed.
_SCRIPT = r"""
trap '' HUP INT QUIT TERM
signal=$1 folder=$2 postgres=$3 pid=0
shift 3
umask 077
[ -d "$folder" ] || mkdir -- "$folder" || exit 1
echo ready
exec >/dev/null
while read -r word; do
    [ "$word" = leave ] && exit 0
    pid=$word
done
alive() {
    [ "$pid" -gt 0 ] && kill -0 "$pid" && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status"
}
wait_seconds() {
    turns=$(($1 * 50))
    while alive && [ "$turns" -gt 0 ]; do sleep 0.02; turns=$((turns - 1)); done
}
alive && kill -s "$signal" -- "-$pid" && wait_seconds 60
alive && kill -s QUIT -- "-$pid" && wait_seconds 10
alive && kill -s KILL -- "-$pid" && wait_seconds 10
for data; do
    turns=20
    while [ -e "$data/postmaster.pid" ] && [ "$turns" -gt 0 ]; do
        "$postgres" --check -D "$data" && break
        sleep 0.1
        turns=$((turns - 1))
    done
done
rm -rf -- "$folder"
"""

# The child waits until the guard knows it, so no moment is left in which it could be orphaned.
_GATE = 'read -r go && exec "$@"'


class Guard:
    """Watches over one server's processes and its temporary folder.

    Args:
        account: whom the guard and what it watches run as.
        folder: made by the guard, owned by the account, closed to others; removed at the end.
        postgres: the program, to clean up after a server that was killed.
        data_dirs: where that server may have been running.
        ends_with: what the server gets: SIGQUIT (at once; for data that is thrown away) or
            SIGINT (writes everything first).
    """

    def __init__(
        self,
        *,
        account: Account,
        folder: Path,
        postgres: Path,
        data_dirs: Sequence[Path],
        ends_with: signal.Signals,
    ) -> None:
        self._account = account
        word = ends_with.name.removeprefix("SIG")
        self._argv: list[str | Path] = [
            "/bin/sh",
            "-c",
            _SCRIPT,
            "stormdb-guard",
            word,
            folder,
            postgres,
            *data_dirs,
        ]
        self._watched: subprocess.Popen[bytes] | None = None
        self._spawn()

    def _spawn(self) -> None:
        """Start the guard; it answers once the folder is there and signals cannot end it."""
        self._process = subprocess.Popen(
            self._argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            **self._account.identity,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._pipe = self._process.stdin
        _close_in_forks(self._pipe)
        with self._process.stdout as answer:
            self.is_ready = answer.readline() == b"ready\n"
        if not self.is_ready:
            self._pipe.close()
            self._process.wait()

    def launch(
        self,
        argv: Sequence[str | Path],
        *,
        output: IO[bytes] | int,
        input_text: str = "",
        keep_open: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own, so that Ctrl-C does not reach it, and watch it.

        Args:
            argv: the program and its arguments; everyone on the machine can read them.
            output: where its standard output and error go.
            input_text: what it reads; short.
            keep_open: descriptors that it inherits.
        """
        process = subprocess.Popen(
            ["/bin/sh", "-c", _GATE, "sh", *argv],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=keep_open,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            **self._account.identity,
        )
        self._watched = process
        self._tell_watched()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(f"go\n{input_text}".encode())
        process.stdin = None
        return process

    def forget(self) -> None:
        """Say that the watched process was waited for: its id may become another's."""
        self._watched = None
        self._tell_watched()

    def leave(self) -> None:
        """Go away and let the server live on."""
        self._pipe.write(b"leave\n")
        self._pipe.close()
        self._process.wait()

    def end(self) -> None:
        """Stop the server, remove what was temporary, and wait for both."""
        self._tell_watched()
        self._pipe.close()
        while self._process.poll() is None:
            if self._watched is not None:
                self._watched.poll()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.01)

    def _tell_watched(self) -> None:
        line = f"{self._watched.pid if self._watched else 0}\n".encode()
        try:
            self._pipe.write(line)
        except BrokenPipeError:  # somebody killed the guard: another takes its place
            self._pipe.close()
            self._process.wait()
            self._spawn()
            self._pipe.write(line)


_pipes: weakref.WeakSet[IO[bytes]] = weakref.WeakSet()


def _close_in_forks(pipe: IO[bytes]) -> None:
    """A forked child (multiprocessing) must not hold the pipe open after its parent's death."""
    if not _pipes:
        os.register_at_fork(after_in_child=lambda: [held.close() for held in _pipes])
    _pipes.add(pipe)
