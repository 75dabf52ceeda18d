"""The embedded server: a PostgreSQL of our own, started when a run names none."""

from stormdb.server.embedded import EmbeddedServer
from stormdb.server.extension import extension_problem
from stormdb.server.settings import DEFAULTS

__all__ = ["DEFAULTS", "EmbeddedServer", "extension_problem"]
