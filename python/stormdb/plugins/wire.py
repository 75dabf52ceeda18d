"""Frames between the controller and its child processes: a length and a msgpack map.

Both ends are of one installation, so the version only guards against a child that belongs to
another one. A frame is at most `FRAME_BYTES` long: a longer length is taken for damage.
"""

from __future__ import annotations

import asyncio
import os
import struct
import threading
from datetime import date, time
from pathlib import PurePath
from typing import Any

import msgpack

__all__ = ["FRAME_BYTES", "PROTOCOL", "Channel", "DamageError", "Message", "pack", "read"]

PROTOCOL = 1
FRAME_BYTES = 64 * 2**20
_LENGTH = struct.Struct("!I")

Message = dict[str, Any]


class DamageError(ValueError):
    """Bytes that are not what the other end would have sent."""


def _plain(value: object) -> object:
    """What a YAML file may hold and msgpack does not know, as a pydantic model reads it."""
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"a value of type {type(value).__name__} cannot be sent to a plugin")


def pack(message: Message) -> bytes:
    """One frame.

    Raises:
        ValueError: the message is longer than a frame may be.
        TypeError: it holds something that is neither text, number, bytes, list nor map.
    """
    body: bytes = msgpack.packb(message, default=_plain)
    if len(body) > FRAME_BYTES:
        raise ValueError(f"a message of {len(body)} bytes is above the limit of {FRAME_BYTES}")
    return _LENGTH.pack(len(body)) + body


async def read(reader: asyncio.StreamReader) -> Message | None:
    """The next message, or None at the end of the stream.

    Raises:
        DamageError: the bytes are no frame.
    """
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > FRAME_BYTES:
            raise DamageError(f"a frame of {length} bytes is above the limit of {FRAME_BYTES}")
        body = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    try:
        message = msgpack.unpackb(body, strict_map_key=False)
    except ValueError as error:
        raise DamageError(f"a frame is no msgpack: {error}") from error
    if not isinstance(message, dict):
        raise DamageError("a frame holds no map")
    return message


class Channel:
    """The child's sending end: whole frames, from any thread; waits while the pipe is full.

    A process that plugin code forked has a copy and may not write to it.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()
        self._pid = os.getpid()

    @property
    def is_mine(self) -> bool:
        """False in a process that was forked from the one that owns the channel."""
        return os.getpid() == self._pid

    def send(self, message: Message) -> None:
        """Send one message.

        Raises:
            OSError: the controller is gone.
        """
        frame = memoryview(pack(message))
        with self._lock:
            while frame:
                frame = frame[os.write(self._fd, frame) :]
