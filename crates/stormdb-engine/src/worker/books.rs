//! What a thread has told of its transactions, so that its books can be closed however it ends.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use stormdb_reactor::Reactor;

use super::{Problem, Report, Worker};
use crate::snapshot::IntervalSnapshot;

/// Offered transactions that have no outcome in any snapshot so far, by phase.
#[derive(Debug, Default)]
pub(super) struct Books {
    in_flight: BTreeMap<u32, i128>,
}

impl Books {
    pub(super) fn add(&mut self, snapshot: &IntervalSnapshot) {
        for phase in snapshot.identity() {
            *self.in_flight.entry(phase.phase_index).or_default() += phase.in_flight();
        }
    }

    /// Count what has no outcome as unfinished in the last snapshot, and say how many that are.
    fn close(&mut self, last: &mut IntervalSnapshot) -> u64 {
        let mut unfinished_count = 0;
        for (phase_index, in_flight) in std::mem::take(&mut self.in_flight) {
            let phase = last.phases.entry(phase_index).or_default();
            let count = u64::try_from(in_flight.unsigned_abs()).expect("offered one by one");
            if in_flight >= 0 {
                phase.unfinished += count;
                unfinished_count += count;
            } else {
                // It has an outcome, so it was offered: what told of that was lost in the fault.
                phase.offered += count;
            }
        }
        unfinished_count
    }
}

impl<R: Reactor> Worker<R> {
    /// Hand snapshots to the controller.
    pub(super) fn hand_out(&mut self, snapshots: Vec<IntervalSnapshot>) {
        for snapshot in snapshots {
            self.books.add(&snapshot);
            self.tell(Report::Interval(Box::new(snapshot)));
        }
    }

    /// The thread cannot go on in the middle of a run: nobody will know how that ends which it had
    /// under way. What it has measured stays, and the other threads end their part in order.
    pub(super) fn write_off(&mut self, problem: &mut Problem) {
        self.control.stop();
        let now_ns = self.run_ns();
        // The fault may be one of the recorder itself.
        let finished = catch_unwind(AssertUnwindSafe(|| self.recorder.finish(now_ns)));
        let mut snapshots = finished.ok().and_then(Result::ok).unwrap_or_default();
        let mut last = snapshots
            .pop()
            .unwrap_or_else(|| IntervalSnapshot::idle(self.spec.plan.interval_at(now_ns)));
        self.hand_out(snapshots);
        self.books.add(&last);
        let count = self.books.close(&mut last);
        self.tell(Report::Interval(Box::new(last)));
        let after = std::time::Duration::from_millis(now_ns / 1_000_000);
        problem.message = format!(
            "thread {} of the engine stopped {after:?} after the start: {}; {count} transactions \
             that had no outcome yet count as unfinished",
            self.share.thread_index, problem.message
        );
        // As far as its fault lets it.
        drop(catch_unwind(AssertUnwindSafe(|| self.cancel_rest())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Interval;

    #[test]
    fn closed_books_balance_whatever_was_lost() {
        let interval = Interval { index: 0, start_ns: 0, end_ns: 1, phase_index: Some(0) };
        let mut first = IntervalSnapshot::idle(interval);
        first.phases.entry(0).or_default().offered = 5;
        first.phases.entry(1).or_default().offered = 1;
        let mut last = IntervalSnapshot::idle(interval);
        last.phases.entry(0).or_default().dropped.insert("queue_full".to_owned(), 2);
        last.phases.entry(1).or_default().dropped.insert("queue_full".to_owned(), 4);
        let mut books = Books::default();
        books.add(&first);
        books.add(&last);
        assert_eq!(books.close(&mut last), 3);
        first.merge(&last);
        assert!(first.identity().iter().all(crate::snapshot::PhaseIdentity::holds));
        assert_eq!(first.phases[&0].unfinished, 3);
        assert_eq!((first.phases[&1].unfinished, first.phases[&1].offered), (0, 4));
    }
}
