"""The dead man's handle: a small process that ends the server however this one ends.

It holds the reading end of a pipe. Whatever ends this process (an orderly stop, an exception,
SIGKILL) closes the other end; then the guard stops the server and removes what was temporary.
`EmbeddedServer.stop` closes the pipe too: there is one way to end, and it is always in use.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import weakref
from typing import IO, TYPE_CHECKING

from stormdb.server.account import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stormdb.server.account import Account

__all__ = ["Guard"]

# Arguments: the folder to make and to remove, the program postgres, data directories.
# Each line on stdin names the process to end and the signal for it, `0 TERM` for none; `leave`
# ends the guard alone. PIPE is ignored for the case that nobody is left to read `ready`.
# A process that nobody waits for stays as a zombie (state Z) and counts as gone. A stopped process
# sees its signal after CONT. A server that gets INT ends its sessions itself; a child that it has
# just forked is in its group still, and would take INT for the wish to cancel a statement (57014).
# Where a dead process left its lock file, `postgres --check` removes
# its shared memory; it would take a zombie for alive, so the lock file goes first. The owner of a
# lock file may be a child of initdb that is about to end; where nothing was watched, a living
# owner is another server.
_SCRIPT = r"""
trap '' HUP INT PIPE QUIT TERM
folder=$1 postgres=$2 pid=0
shift 2
umask 077
[ -d "$folder" ] || mkdir -- "$folder" || exit 1
echo ready
exec >/dev/null
while read -r word rest; do
    [ "$word" = leave ] && exit 0
    pid=$word signal=$rest
done
is_alive() {
    [ "$1" -gt 0 ] && kill -0 "$1" && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status"
}
wait_for() {
    turns=$(($2 * 50))
    while is_alive "$1" && [ "$turns" -gt 0 ]; do sleep 0.02; turns=$((turns - 1)); done
}
end_within() {
    is_alive "$pid" || return
    if [ "$1" = INT ]; then kill -s INT "$pid"; else kill -s "$1" -- "-$pid"; fi
    kill -s CONT -- "-$pid"
    wait_for "$pid" "$2"
}
end_within "$signal" 60
end_within QUIT 10
end_within KILL 10
for data; do
    read -r owner <"$data/postmaster.pid" || continue
    owner=${owner#-}
    [ "$pid" -gt 0 ] && wait_for "$owner" 5
    is_alive "$owner" && continue
    rm -f -- "$data/postmaster.pid"
    turns=50
    until "$postgres" --check -D "$data" || [ "$turns" -eq 0 ]; do
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
    """

    def __init__(
        self, *, account: Account, folder: Path, postgres: Path, data_dirs: Sequence[Path]
    ) -> None:
        self._account = account
        self._arguments = (folder, postgres, *data_dirs)
        self._child: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._signal = signal.SIGTERM
        self._spawn()

    def _spawn(self) -> None:
        """Start the guard; it answers once the folder is there and signals cannot end it."""
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "stormdb-guard", *self._arguments],
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
        ends_with: signal.Signals = signal.SIGTERM,
        input_text: str = "",
        keep_open: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own, so that Ctrl-C does not reach it, and watch it.

        Args:
            argv: the program and its arguments; everyone on the machine can read them.
            output: where its standard output and error go.
            ends_with: the signal that it gets at the end.
            input_text: what it reads; short.
            keep_open: descriptors that it inherits.
        """
        child = subprocess.Popen(
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
        self._child = child
        self.watch(child.pid, ends_with)
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError), child.stdin as pipe:
            pipe.write(f"go\n{input_text}".encode())
        child.stdin = None
        return child

    def watch(self, pid: int, ends_with: signal.Signals) -> None:
        """Watch a process that leads a session of its own."""
        self._pid, self._signal = pid, ends_with
        self._tell()

    def forget(self) -> None:
        """Say that the watched process was waited for: its id may become another's."""
        self._child = None
        self.watch(0, signal.SIGTERM)

    def leave(self) -> None:
        """Go away and let the server live on."""
        with contextlib.suppress(BrokenPipeError):  # it is gone already
            self._pipe.write(b"leave\n")
        self._pipe.close()
        self._process.wait()

    def end(self) -> None:
        """Stop the server, remove what was temporary, and wait for both."""
        if self._child is not None and self._child.poll() is not None:
            self.forget()
        self._tell()
        self._pipe.close()
        while self._process.poll() is None:
            if self._child is not None:
                self._child.poll()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.01)
        if self._child is not None:
            self._child.poll()  # the guard may have been the first to see its end
        if self._process.returncode < 0:  # somebody killed it before it was done
            self._spawn()
            self.end()

    def _tell(self) -> None:
        line = f"{self._pid} {self._signal.name.removeprefix('SIG')}\n".encode()
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
    _register()
    _pipes.add(pipe)


@functools.cache
def _register() -> None:
    os.register_at_fork(after_in_child=lambda: [pipe.close() for pipe in _pipes])
