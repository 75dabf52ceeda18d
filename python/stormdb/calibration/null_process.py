"""The server of a calibration, in a process of its own: `python -m` this, a socket and threads.

It prints its TCP port once it listens on both, then answers every line on standard input by the
CPU time that it has used, in nanoseconds, and ends with its input.
"""

from __future__ import annotations

import signal
import sys
import time

from stormdb._native import NullServer

__all__ = ["main"]


def main(socket: str, threads: str) -> None:
    """Serve until standard input ends.

    Args:
        socket: path of the Unix socket.
        threads: of each of the two servers; the one that has no clients uses nothing.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command, whose end ends this
    servers = [NullServer(socket=socket, threads=int(threads)), NullServer(threads=int(threads))]
    _tell(servers[1].port)
    for _ in sys.stdin:
        _tell(time.process_time_ns())
    for server in servers:
        server.stop()


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
