//! What was measured in one interval, or in any intervals and processes merged into one.
//!
//! Merging is exact, associative and commutative, so totals of a phase, a run, a node or a fleet
//! are merged snapshots and need no type of their own.

mod bytes;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;
use crate::plan::Interval;
use crate::sketch::ValueSketch;
use crate::sqlstate::{CodeCounts, Sqlstate};

pub use bytes::{FORMAT_VERSION, MAX_BYTES};

/// What a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// Whole transactions: they answer to the offered arrivals.
    Transaction,
    /// Parts of transactions: reported with their service time, outside of the accounting.
    Operation,
}

/// Which transactions a cell counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CellKey {
    /// Phase of their arrival.
    pub phase_index: u32,
    /// Kind of the row.
    pub kind: RowKind,
    /// Name of the row.
    pub name: String,
}

/// What executions moved, whatever their outcome. Bytes are those of the protocol, before TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Rows that statements returned or changed.
    pub rows: u64,
    /// Bytes to the server.
    pub sent_bytes: u64,
    /// Bytes from the server.
    pub received_bytes: u64,
}

impl Traffic {
    /// Adds what others moved.
    pub fn merge(&mut self, other: &Self) {
        add(&mut self.rows, other.rows);
        add(&mut self.sent_bytes, other.sent_bytes);
        add(&mut self.received_bytes, other.received_bytes);
    }
}

/// Outcomes of the transactions (or operations) of one row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcomes {
    /// How many committed.
    pub committed: u64,
    /// How many the workload rolled back on purpose.
    pub rolled_back: u64,
    /// How many failed, by SQLSTATE.
    pub failed: CodeCounts,
    /// Number of retries, by the SQLSTATE that caused them.
    pub retried: CodeCounts,
    /// What all of them moved; not counted by executors that do not see the protocol.
    #[serde(default)]
    pub traffic: Traffic,
    /// Committed, finish − intended start; open loop only.
    pub response_time: Histogram,
    /// Committed, finish − start.
    pub service_time: Histogram,
    /// Committed, start − intended start; open loop only.
    pub schedule_lag: Histogram,
    /// Failed, finish − start: kept apart, so that a quick failure never looks like speed.
    pub failed_service_time: Histogram,
}

impl Outcomes {
    /// Adds everything that another counted.
    pub fn merge(&mut self, other: &Self) {
        add(&mut self.committed, other.committed);
        add(&mut self.rolled_back, other.rolled_back);
        self.failed.merge(&other.failed);
        self.retried.merge(&other.retried);
        self.traffic.merge(&other.traffic);
        self.response_time.merge(&other.response_time);
        self.service_time.merge(&other.service_time);
        self.schedule_lag.merge(&other.schedule_lag);
        self.failed_service_time.merge(&other.failed_service_time);
    }
}

/// Arrivals of one phase that have no cell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseCounts {
    /// Arrivals that came due.
    pub offered: u64,
    /// Started or queued, and given up at the end.
    pub unfinished: u64,
    /// Never started, by reason.
    pub dropped: BTreeMap<String, u64>,
}

/// Share of one worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerCounts {
    /// Committed transactions.
    pub committed: u64,
    /// Failed transactions.
    pub failed: u64,
    /// Service time of all its transactions, whatever their outcome.
    pub busy_ns: u64,
    /// Service time of the committed ones.
    pub service_sum_ns: u64,
}

impl WorkerCounts {
    fn merge(&mut self, other: &Self) {
        add(&mut self.committed, other.committed);
        add(&mut self.failed, other.failed);
        add(&mut self.busy_ns, other.busy_ns);
        add(&mut self.service_sum_ns, other.service_sum_ns);
    }
}

/// Load of one process of the generator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessGauges {
    /// CPU time spent.
    pub cpu_ns: u64,
    /// Worst lateness of its loop.
    pub loop_lag_max_ns: u64,
    /// Most memory.
    pub rss_bytes: u64,
}

impl ProcessGauges {
    /// Adds the CPU time and keeps the maxima.
    pub fn merge(&mut self, other: &Self) {
        add(&mut self.cpu_ns, other.cpu_ns);
        self.loop_lag_max_ns = self.loop_lag_max_ns.max(other.loop_lag_max_ns);
        self.rss_bytes = self.rss_bytes.max(other.rss_bytes);
    }
}

/// A message that came with an SQLSTATE. The order makes "the earliest" the same in any merge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Example {
    /// When it came.
    pub at_ns: u64,
    /// What it said.
    pub message: String,
}

/// The measurements of some intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntervalSnapshot {
    /// Earliest interval in it.
    pub first_interval: Interval,
    /// Latest interval in it.
    pub last_interval: Interval,
    /// By phase of the arrival.
    pub phases: BTreeMap<u32, PhaseCounts>,
    /// By phase of the arrival and row.
    #[serde(with = "bytes::pairs")]
    pub cells: BTreeMap<CellKey, Outcomes>,
    /// By number of the worker in the whole run.
    pub workers: BTreeMap<u32, WorkerCounts>,
    /// Custom counters.
    pub counters: BTreeMap<String, u64>,
    /// Custom values.
    pub values: BTreeMap<String, ValueSketch>,
    /// By process; each that took part has an entry.
    pub processes: BTreeMap<u32, ProcessGauges>,
    /// Earliest message by SQLSTATE.
    pub examples: BTreeMap<Sqlstate, Example>,
    /// Times that were negative or above 24 h and were recorded as the end of the range.
    pub clamped_count: u64,
}

/// The accounting of one phase: `offered = committed + rolled_back + failed + dropped +
/// unfinished`, once the run is over. Transactions only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PhaseIdentity {
    /// The phase of the arrivals.
    pub phase_index: u32,
    /// Arrivals that came due.
    pub offered: u64,
    /// How many committed.
    pub committed: u64,
    /// How many the workload rolled back on purpose.
    pub rolled_back: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were never started.
    pub dropped: u64,
    /// How many were given up at the end.
    pub unfinished: u64,
}

impl PhaseIdentity {
    /// Offered without an outcome so far. Negative only if the generator has a bug.
    #[must_use]
    pub fn in_flight(&self) -> i128 {
        let outcomes =
            [self.committed, self.rolled_back, self.failed, self.dropped, self.unfinished];
        i128::from(self.offered) - outcomes.into_iter().map(i128::from).sum::<i128>()
    }

    /// Whether every offered arrival has exactly one outcome.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.in_flight() == 0
    }
}

impl IntervalSnapshot {
    /// A snapshot of one interval in which nothing happened.
    #[must_use]
    pub fn idle(interval: Interval) -> Self {
        Self {
            first_interval: interval,
            last_interval: interval,
            phases: BTreeMap::new(),
            cells: BTreeMap::new(),
            workers: BTreeMap::new(),
            counters: BTreeMap::new(),
            values: BTreeMap::new(),
            processes: BTreeMap::new(),
            examples: BTreeMap::new(),
            clamped_count: 0,
        }
    }

    /// Adds everything that another measured.
    pub fn merge(&mut self, other: &Self) {
        self.first_interval = self.first_interval.min(other.first_interval);
        self.last_interval = self.last_interval.max(other.last_interval);
        merge_maps(&mut self.phases, &other.phases, |mine, theirs| {
            add(&mut mine.offered, theirs.offered);
            add(&mut mine.unfinished, theirs.unfinished);
            merge_maps(&mut mine.dropped, &theirs.dropped, |sum, count| add(sum, *count));
        });
        merge_maps(&mut self.cells, &other.cells, Outcomes::merge);
        merge_maps(&mut self.workers, &other.workers, WorkerCounts::merge);
        merge_maps(&mut self.counters, &other.counters, |sum, count| add(sum, *count));
        merge_maps(&mut self.values, &other.values, ValueSketch::merge);
        merge_maps(&mut self.processes, &other.processes, ProcessGauges::merge);
        merge_maps(&mut self.examples, &other.examples, |mine, theirs| {
            if theirs < mine {
                mine.clone_from(theirs);
            }
        });
        add(&mut self.clamped_count, other.clamped_count);
    }

    /// The accounting of each phase that something was counted for.
    #[must_use]
    pub fn identity(&self) -> Vec<PhaseIdentity> {
        let mut phases: BTreeMap<u32, PhaseIdentity> = BTreeMap::new();
        for (&phase_index, counts) in &self.phases {
            let phase = phases.entry(phase_index).or_default();
            phase.offered = counts.offered;
            phase.unfinished = counts.unfinished;
            phase.dropped =
                counts.dropped.values().fold(0, |sum, count| sum.saturating_add(*count));
        }
        for (key, outcomes) in &self.cells {
            if key.kind == RowKind::Transaction {
                let phase = phases.entry(key.phase_index).or_default();
                add(&mut phase.committed, outcomes.committed);
                add(&mut phase.rolled_back, outcomes.rolled_back);
                add(&mut phase.failed, outcomes.failed.total());
            }
        }
        let with_index = |(phase_index, phase)| PhaseIdentity { phase_index, ..phase };
        phases.into_iter().map(with_index).collect()
    }

    /// Outcomes by row, merged over the arrival phases that `takes` accepts.
    #[must_use]
    pub fn row_totals(&self, takes: impl Fn(u32) -> bool) -> BTreeMap<(RowKind, &str), Outcomes> {
        let mut totals: BTreeMap<(RowKind, &str), Outcomes> = BTreeMap::new();
        for (key, outcomes) in self.cells.iter().filter(|(key, _)| takes(key.phase_index)) {
            totals.entry((key.kind, &key.name)).or_default().merge(outcomes);
        }
        totals
    }
}

/// Counts saturate: at a billion per second that takes 584 years.
fn add(sum: &mut u64, count: u64) {
    *sum = sum.saturating_add(count);
}

fn merge_maps<K: Ord + Clone, V: Clone>(
    mine: &mut BTreeMap<K, V>,
    theirs: &BTreeMap<K, V>,
    mut merge: impl FnMut(&mut V, &V),
) {
    for (key, value) in theirs {
        match mine.get_mut(key) {
            Some(sum) => merge(sum, value),
            None => {
                mine.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
