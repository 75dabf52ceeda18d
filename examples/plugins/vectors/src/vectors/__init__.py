"""Embeddings compared by the client: a workload plugin with a library of its own."""

from vectors.plugin import PLUGIN

__all__ = ["PLUGIN"]
