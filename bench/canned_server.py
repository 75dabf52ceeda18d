"""The server with canned answers that `bench/engine.py` measures clients against."""

from __future__ import annotations

import signal
import sys

from stormdb._native import NullServer

server = NullServer(socket=sys.argv[1])
signal.sigwait([signal.SIGTERM, signal.SIGINT])
server.stop()
