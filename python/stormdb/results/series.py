"""`IntervalSeries`: the snapshots of a run, kept small."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

from stormdb._native import IntervalSnapshot

__all__ = ["IntervalSeries"]


class IntervalSeries(Sequence[IntervalSnapshot]):
    """Snapshots by interval, each in its compressed form until it is looked at.

    A run of a day has 86,400 of them: a few KiB each this way, and ten times that decoded. What an
    access gives is a copy; changing it changes nothing here.

    Args:
        snapshots: in order.
    """

    def __init__(self, snapshots: Iterable[IntervalSnapshot] = ()) -> None:
        self._packed = [snapshot.to_bytes() for snapshot in snapshots]

    def append(self, snapshot: IntervalSnapshot) -> None:
        """Add the next one."""
        self._packed.append(snapshot.to_bytes())

    def merge_into(self, position: int, snapshot: IntervalSnapshot) -> None:
        """Add what came late for one that is here."""
        merged = self[position]
        merged.merge(snapshot)
        self._packed[position] = merged.to_bytes()

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, position: int) -> IntervalSnapshot: ...

    @overload
    def __getitem__(self, position: slice) -> IntervalSeries: ...

    def __getitem__(self, position: int | slice) -> IntervalSnapshot | IntervalSeries:
        if isinstance(position, int):
            return IntervalSnapshot.from_bytes(self._packed[position])
        part = IntervalSeries()
        part._packed = self._packed[position]
        return part
