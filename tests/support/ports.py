"""Ports for servers that have to come back where they were."""

from __future__ import annotations

import socket


def free_port() -> str:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
