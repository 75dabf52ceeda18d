"""Full-text search: a generated tsvector, GIN, ranking: a workload plugin."""

from search.plugin import PLUGIN

__all__ = ["PLUGIN"]
