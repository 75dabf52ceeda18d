"""Orders as JSON documents: GIN indexes, path queries, partial updates: a workload plugin."""

from documents.plugin import PLUGIN

__all__ = ["PLUGIN"]
