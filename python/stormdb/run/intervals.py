"""One merged snapshot per interval out of those of the worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from stormdb.results import IntervalSeries

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

    Attributes:
        merged: the intervals that were handed on.
    """

    def __init__(self, process_count: int, publish: Callable[[IntervalSnapshot], None]) -> None:
        self.merged = IntervalSeries()
        self._process_count = process_count
        self._publish = publish
        self._waiting: dict[int, IntervalSnapshot] = {}
        self._position: dict[int, int] = {}
        self._next_index = 0
        self._newest_index = -1

    def add(self, snapshots: Iterable[IntervalSnapshot]) -> None:
        """Take snapshots of single processes, in any order."""
        for snapshot in snapshots:
            index = snapshot.interval_index
            self._newest_index = max(self._newest_index, index)
            if index in self._position:
                self.merged.merge_into(self._position[index], snapshot)
            elif index in self._waiting:
                self._waiting[index].merge(snapshot)
            else:
                self._waiting[index] = snapshot
        while self._is_due(self._next_index):
            self._hand_on(self._next_index)

    def close(self) -> None:
        """Hand on what is left: nothing more will come."""
        for index in sorted(self._waiting):
            self._hand_on(index)

    def _is_due(self, index: int) -> bool:
        waiting = self._waiting.get(index)
        if waiting is None:
            return False
        is_complete = len(waiting.processes) >= self._process_count
        return is_complete or self._newest_index - index >= _PATIENCE_INTERVALS

    def _hand_on(self, index: int) -> None:
        snapshot = self._waiting.pop(index)
        self._position[index] = len(self.merged)
        self._next_index = index + 1
        self.merged.append(snapshot)
        self._publish(snapshot)
