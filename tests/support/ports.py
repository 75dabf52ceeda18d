"""Ports for servers that have to come back where they were."""

from __future__ import annotations

import socket

# Below what Linux and macOS give to whoever asks for any port, and to outgoing connections.
_PORTS = range(20_000, 32_768)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that no other test will be given.

    The UDP port of the same number says that it is taken, also to tests in other processes, until
    this process ends; the server needs the TCP port alone.
    """
    for port in _PORTS:
        with (
            socket.socket(type=socket.SOCK_DGRAM) as sign,
            socket.socket(type=socket.SOCK_STREAM) as probe,
        ):
            try:
                sign.bind(("127.0.0.1", port))
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            sign.detach()
            return port
    raise AssertionError(f"every port from {_PORTS[0]} to {_PORTS[-1]} is taken")
