"""A transactional outbox: whatever is committed is told to others, once and in order."""

from outbox.plugin import PLUGIN

__all__ = ["PLUGIN"]
