"""What one worker process has told so far, so that its loss can be accounted for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from stormdb._native import IntervalSnapshot, Recorder, Schedule

if TYPE_CHECKING:
    from stormdb._native import Plan

__all__ = ["Ledger"]


class Ledger:
    """Offered transactions of one process and those among them that have no outcome yet.

    Args:
        plan: of the run.
        process_index: number of the process.
        process_count: how many there are.

    Attributes:
        known_ns: up to when the process has told what it did, after the start of the run.
    """

    def __init__(self, plan: Plan, process_index: int, process_count: int) -> None:
        self._plan = plan
        self._process_index = process_index
        self._process_count = process_count
        self._offered_count = 0
        self._in_flight: Counter[int] = Counter()
        self._active_count = 0
        self.known_ns = 0

    def add(self, snapshot: IntervalSnapshot, active_count: int) -> None:
        """Take a snapshot of the process, and how many calls it was making then."""
        for phase in snapshot.identity():
            self._offered_count += phase.offered
            self._in_flight[phase.phase_index] += phase.in_flight
        self._active_count = active_count
        self.known_ns = max(self.known_ns, snapshot.last_interval.end_ns)

    def write_off(self, lost_ns: int, offered_until_ns: int) -> tuple[IntervalSnapshot, int]:
        """Close the books of a process that was lost.

        Nobody knows how its transactions ended since its last snapshot. In open loop the schedule
        tells which arrivals it had; in closed loop only those can be counted that were being made
        when it last spoke. All of them are unfinished.

        Args:
            lost_ns: when it was lost, after the start of the run.
            offered_until_ns: when it stopped to offer, if it had been told to before.

        Returns:
            one more snapshot of it, and how many transactions that makes unfinished.
        """
        recorder = Recorder(self._plan, self._process_index)
        while recorder.current_interval.end_ns <= lost_ns:
            recorder.flip(lost_ns)
        lost_count = 0
        for phase_index, count in self._in_flight.items():
            recorder.unfinished(self._plan.phase_start_ns(phase_index), count)
            lost_count += count
        for arrival_ns in self._unreported(min(lost_ns, offered_until_ns)):
            recorder.offer(arrival_ns)
            recorder.unfinished(arrival_ns)
            lost_count += 1
        return recorder.finish(lost_ns)[-1], lost_count

    def _unreported(self, until_ns: int) -> list[int]:
        """Arrivals that no snapshot told of."""
        if not self._plan.is_open_loop:
            return [min(self.known_ns, until_ns)] * self._active_count
        schedule = Schedule(self._plan, self._process_index, self._process_count)
        # A process offers its arrivals in the order of the schedule.
        for _ in range(self._offered_count):
            next(schedule)
        unreported = []
        for _, intended_ns, _ in schedule:
            if intended_ns > until_ns:
                break
            unreported.append(intended_ns)
        return unreported
