//! What a thread has to do later.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use stormdb_reactor::Slot;

/// Who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A closed-loop worker thinks.
    Worker(u32),
    /// A transaction pauses or waits for its next try.
    Connection(Slot),
    /// A lost connection is tried again.
    Reconnect(Slot),
}

/// Timers by time of the monotonic clock.
#[derive(Debug)]
pub(super) struct Timers(BinaryHeap<Reverse<(u64, Timer)>>);

impl Timers {
    pub(super) fn with_capacity(count: usize) -> Self {
        Self(BinaryHeap::with_capacity(count))
    }

    pub(super) fn set(&mut self, at_ns: u64, timer: Timer) {
        self.0.push(Reverse((at_ns, timer)));
    }

    pub(super) fn next_ns(&self) -> u64 {
        self.0.peek().map_or(u64::MAX, |Reverse((at_ns, _))| *at_ns)
    }

    pub(super) fn pop_due(&mut self, now_ns: u64) -> Option<Timer> {
        (self.next_ns() <= now_ns).then(|| self.0.pop()).flatten().map(|Reverse((_, timer))| timer)
    }
}
