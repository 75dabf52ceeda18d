//! One interval while it is recorded: arrays by number, no names, memory that is used again.

use super::names::Names;
use super::{Labels, MAX_EXAMPLES, MAX_MESSAGE_BYTES, MAX_REASONS, Row, RowId, elapsed_ns};
use crate::histogram::DenseCounts;
use crate::plan::Interval;
use crate::sketch::ValueSketch;
use crate::snapshot::{
    CellKey, Example, IntervalSnapshot, Outcomes, PhaseCounts, ProcessGauges, Traffic, WorkerCounts,
};
use crate::sqlstate::{CodeCounts, Sqlstate};

/// Room for codes that a cell has from the start.
const CODES_AT_HAND: usize = 8;

/// Outcomes of one row and phase while they are recorded.
#[derive(Debug)]
pub(super) struct CellTally {
    pub(super) committed: u64,
    pub(super) rolled_back: u64,
    pub(super) failed: CodeCounts,
    pub(super) retried: CodeCounts,
    pub(super) traffic: Traffic,
    pub(super) response_time: DenseCounts,
    pub(super) service_time: DenseCounts,
    pub(super) schedule_lag: DenseCounts,
    pub(super) failed_service_time: DenseCounts,
}

impl Default for CellTally {
    fn default() -> Self {
        Self {
            committed: 0,
            rolled_back: 0,
            failed: CodeCounts::with_capacity(CODES_AT_HAND),
            retried: CodeCounts::with_capacity(CODES_AT_HAND),
            traffic: Traffic::default(),
            response_time: DenseCounts::default(),
            service_time: DenseCounts::default(),
            schedule_lag: DenseCounts::default(),
            failed_service_time: DenseCounts::default(),
        }
    }
}

impl CellTally {
    /// A tally that has all its memory already.
    pub(super) fn with_memory() -> Self {
        let mut tally = Self::default();
        tally.response_time.set_aside();
        tally.service_time.set_aside();
        tally.schedule_lag.set_aside();
        tally.failed_service_time.set_aside();
        tally
    }

    /// What was recorded; afterwards it is empty and keeps its memory.
    fn take(&mut self) -> Outcomes {
        Outcomes {
            committed: std::mem::take(&mut self.committed),
            rolled_back: std::mem::take(&mut self.rolled_back),
            failed: self.failed.take(),
            retried: self.retried.take(),
            traffic: std::mem::take(&mut self.traffic),
            response_time: self.response_time.take(),
            service_time: self.service_time.take(),
            schedule_lag: self.schedule_lag.take(),
            failed_service_time: self.failed_service_time.take(),
        }
    }
}

/// Arrivals of one phase; reasons by number.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct PhaseTally {
    offered: u64,
    unfinished: u64,
    pub(super) dropped: [u64; MAX_REASONS],
}

impl PhaseTally {
    pub(super) fn offer(&mut self, count: u64) {
        self.offered = self.offered.saturating_add(count);
    }

    pub(super) fn give_up(&mut self, count: u64) {
        self.unfinished = self.unfinished.saturating_add(count);
    }

    fn take(&mut self, reasons: &Names) -> PhaseCounts {
        let tally = std::mem::take(self);
        let dropped = tally.dropped.into_iter().enumerate().filter(|entry| entry.1 > 0);
        PhaseCounts {
            offered: tally.offered,
            unfinished: tally.unfinished,
            dropped: dropped.map(|(reason, n)| (reasons.name(reason).to_owned(), n)).collect(),
        }
    }
}

#[derive(Debug)]
struct FrameCell {
    phase: u32,
    row: RowId,
    tally: CellTally,
}

/// Everything of one interval.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) interval: Interval,
    pub(super) gauges: ProcessGauges,
    cells: Vec<FrameCell>,
    /// Position in `cells` of the one that each row used last.
    latest: Vec<usize>,
    phases: Vec<PhaseTally>,
    workers: Vec<WorkerCounts>,
    counters: Vec<u64>,
    values: Vec<ValueSketch>,
    examples: Vec<(Sqlstate, u64, String)>,
    clamped_count: u64,
}

impl Frame {
    pub(super) fn new(interval: Interval, phase_count: usize, row_count: usize) -> Self {
        Self {
            interval,
            gauges: ProcessGauges::default(),
            cells: Vec::with_capacity(2 * row_count),
            latest: vec![0; row_count],
            phases: vec![PhaseTally::default(); phase_count],
            workers: Vec::new(),
            counters: Vec::new(),
            values: Vec::new(),
            examples: Vec::with_capacity(MAX_EXAMPLES),
            clamped_count: 0,
        }
    }

    /// Makes room for rows that are new.
    pub(super) fn set_row_count(&mut self, row_count: usize) {
        self.latest.resize(row_count, 0);
        self.cells.reserve(2 * row_count - self.cells.len().min(2 * row_count));
    }

    pub(super) fn phase(&mut self, phase: u32) -> &mut PhaseTally {
        &mut self.phases[phase as usize]
    }

    pub(super) fn worker(&mut self, worker: u32) -> &mut WorkerCounts {
        at(&mut self.workers, worker as usize)
    }

    pub(super) fn add_count(&mut self, counter: usize, count: u64) {
        let sum = at(&mut self.counters, counter);
        *sum = sum.saturating_add(count);
    }

    pub(super) fn sketch(&mut self, name: usize) -> &mut ValueSketch {
        at(&mut self.values, name)
    }

    pub(super) fn elapsed_ns(&mut self, from_ns: u64, to_ns: u64) -> u64 {
        elapsed_ns(from_ns, to_ns, &mut self.clamped_count)
    }

    /// The cell of a row and phase, taken from the pool when it is new here.
    pub(super) fn cell(
        &mut self,
        phase: u32,
        row: RowId,
        pool: &mut Vec<CellTally>,
    ) -> &mut CellTally {
        let is_this = |cell: &FrameCell| cell.phase == phase && cell.row == row;
        let mut position = self.latest[row.0 as usize];
        if !self.cells.get(position).is_some_and(is_this) {
            position = self.cells.iter().position(is_this).unwrap_or_else(|| {
                let tally = pool.pop().unwrap_or_default();
                self.cells.push(FrameCell { phase, row, tally });
                self.cells.len() - 1
            });
            self.latest[row.0 as usize] = position;
        }
        &mut self.cells[position].tally
    }

    /// Keeps the first message of a code, cut to [`MAX_MESSAGE_BYTES`].
    pub(super) fn example(&mut self, code: Sqlstate, at_ns: u64, message: &str) {
        let is_known = self.examples.iter().any(|example| example.0 == code);
        if is_known || self.examples.len() == MAX_EXAMPLES {
            return;
        }
        let longest = message.len().min(MAX_MESSAGE_BYTES);
        let end = (0..=longest).rev().find(|&end| message.is_char_boundary(end)).unwrap_or(0);
        self.examples.push((code, at_ns, message[..end].to_owned()));
    }

    /// Turns what was recorded into a snapshot and leaves an empty frame that keeps its memory;
    /// its cells go back to the pool.
    pub(super) fn take_snapshot(
        &mut self,
        labels: &Labels,
        pool: &mut Vec<CellTally>,
    ) -> IntervalSnapshot {
        let mut snapshot = IntervalSnapshot::idle(self.interval);
        for (phase_index, tally) in (0..).zip(&mut self.phases) {
            if *tally != PhaseTally::default() {
                snapshot.phases.insert(phase_index, tally.take(&labels.reasons));
            }
        }
        for FrameCell { phase: phase_index, row, mut tally } in self.cells.drain(..) {
            let Row { name, kind } = &labels.rows[row.0 as usize];
            let key = CellKey { phase_index, kind: *kind, name: name.clone() };
            snapshot.cells.insert(key, tally.take());
            pool.push(tally);
        }
        for (worker, counts) in (0..).zip(&mut self.workers) {
            if *counts != WorkerCounts::default() {
                snapshot.workers.insert(worker, std::mem::take(counts));
            }
        }
        for (counter, count) in self.counters.iter_mut().enumerate().filter(|entry| *entry.1 > 0) {
            let name = labels.counters.name(counter).to_owned();
            snapshot.counters.insert(name, std::mem::take(count));
        }
        for (value, sketch) in self.values.iter_mut().enumerate() {
            if sketch.count() > 0 {
                let name = labels.values.name(value).to_owned();
                snapshot.values.insert(name, sketch.clone());
                sketch.clear();
            }
        }
        for (code, at_ns, message) in self.examples.drain(..) {
            snapshot.examples.insert(code, Example { at_ns, message });
        }
        snapshot.processes.insert(labels.process_index, std::mem::take(&mut self.gauges));
        snapshot.clamped_count = std::mem::take(&mut self.clamped_count);
        snapshot
    }
}

/// The element at a position, with empty ones up to it if it is new.
fn at<T: Default>(elements: &mut Vec<T>, position: usize) -> &mut T {
    if position >= elements.len() {
        elements.resize_with(position + 1, T::default);
    }
    &mut elements[position]
}
