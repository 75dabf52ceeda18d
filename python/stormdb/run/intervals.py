"""One merged snapshot per interval out of those of the worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot

__all__ = ["IntervalCollector"]

_PATIENCE_INTERVALS = 3
"""How many intervals a process may be behind before the others go on without it."""


class IntervalCollector:
    """Merges snapshots by interval and hands each interval on once, in order.

    An interval is handed on when every process has delivered it, or, for a process may be lost,
    once another one is 3 intervals ahead. What comes later still counts in `merged`.

    Args:
        process_count: how many processes deliver.
        publish: gets each merged interval.
    """

    def __init__(self, process_count: int, publish: Callable[[IntervalSnapshot], None]) -> None:
        self._process_count = process_count
        self._publish = publish
        self._by_index: dict[int, IntervalSnapshot] = {}
        self._next_index = 0
        self._newest_index = -1

    def add(self, snapshots: Iterable[IntervalSnapshot]) -> None:
        """Take snapshots of single processes, in any order."""
        for snapshot in snapshots:
            index = snapshot.interval_index
            self._newest_index = max(self._newest_index, index)
            known = self._by_index.get(index)
            if known is None:
                self._by_index[index] = snapshot
            else:
                known.merge(snapshot)
        while self._next_is_due():
            self._publish_next()

    def close(self) -> None:
        """Hand on what is left: nothing more will come."""
        while self._next_index <= self._newest_index:
            self._publish_next()

    @property
    def merged(self) -> list[IntervalSnapshot]:
        """All intervals so far, by index."""
        return [self._by_index[index] for index in sorted(self._by_index)]

    def _next_is_due(self) -> bool:
        if self._newest_index - self._next_index >= _PATIENCE_INTERVALS:
            return True
        waiting = self._by_index.get(self._next_index)
        return waiting is not None and len(waiting.processes) >= self._process_count

    def _publish_next(self) -> None:
        snapshot = self._by_index.get(self._next_index)
        self._next_index += 1
        if snapshot is not None:
            self._publish(snapshot)
