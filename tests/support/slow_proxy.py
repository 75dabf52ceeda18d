"""A bad network in front of a server: slow, in small pieces, and cut at any byte."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

__all__ = ["Way", "slow_proxy"]

_SMALL_BUFFER = 4096


@dataclass(frozen=True, kw_only=True)
class Way:
    """How bytes go in one direction.

    Attributes:
        piece_bytes: passed on at once.
        pause_s: between two pieces.
        cut_after_bytes: the connection ends behind so many; None for never.
    """

    piece_bytes: int = 65536
    pause_s: float = 0.0
    cut_after_bytes: int | None = None


@asynccontextmanager
async def slow_proxy(
    port: int, *, there: Way | None = None, back: Way | None = None
) -> AsyncIterator[int]:
    """Pass connections on to a port on 127.0.0.1.

    Args:
        port: of the server.
        there: how bytes go to the server.
        back: how bytes come from the server.

    Yields:
        The proxy's own port.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(
            "127.0.0.1", port, limit=_SMALL_BUFFER
        )
        ways = [
            asyncio.ensure_future(_pump(reader, inner_writer, there or Way())),
            asyncio.ensure_future(_pump(inner_reader, writer, back or Way())),
        ]
        # Whichever side hangs up, the other is hung up on.
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        writer.close()
        inner_writer.close()

    listener = socket.create_server(("127.0.0.1", 0))
    # Else the kernel takes megabytes in the name of a server that does not read.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
    proxy = await asyncio.start_server(serve, sock=listener, limit=_SMALL_BUFFER)
    try:
        yield int(listener.getsockname()[1])
    finally:
        proxy.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way) -> None:
    left = way.cut_after_bytes
    while data := await reader.read(
        way.piece_bytes if left is None else min(way.piece_bytes, left)
    ):
        writer.write(data)
        await writer.drain()
        if left is not None:
            left -= len(data)
            if left == 0:
                return
        if way.pause_s:
            await asyncio.sleep(way.pause_s)
