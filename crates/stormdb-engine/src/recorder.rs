//! What happened, as one snapshot per interval.
//!
//! One recorder belongs to one thread (or process); there is nothing to lock. A transaction belongs
//! to the phase of its arrival (intended start in open loop, start in closed loop) and is counted
//! in the interval of its finish.
//!
//! The recorder keeps a frame for every interval that was not handed out yet. Recording past the
//! end of the newest frame opens the next ones, so a late [`Recorder::flip`] misplaces nothing.
//! What arrives for an interval that was already handed out goes into the oldest frame still here:
//! nothing is lost.
//!
//! Memory for histograms and frames is set aside by [`Recorder::row`] and [`Recorder::flip`].
//! Recording allocates only where that does not reach: the first time that a worker, a name or one
//! of more than 64 rows is seen, for the first message of a code in an interval, when whole intervals pass without a flip,
//! when transactions of more than two phases finish in one interval, and when a custom value falls
//! into more different buckets than before.

mod frame;
mod names;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::histogram::HIGHEST_TIME_NS;
use crate::plan::{Interval, Plan};
use crate::snapshot::{IntervalSnapshot, RowKind, Traffic};
use crate::sqlstate::Sqlstate;
use crate::{Error, Result};

use frame::{CellTally, Frame};
use names::{Names, check_name};

/// Most rows of a recorder.
pub const MAX_ROWS: usize = 512;
/// Rows whose histograms have their memory from the start; further ones get it on first use.
const ROWS_AT_HAND: usize = 64;
/// Worker numbers are below this.
pub const MAX_WORKERS: u32 = 16_384;
/// Most custom counters, and most custom values.
pub const MAX_NAMES: usize = 256;
/// Most reasons to drop an arrival.
pub const MAX_REASONS: usize = 16;
/// Longest name of a row, a reason or a custom metric.
pub const MAX_NAME_BYTES: usize = 200;
/// Longest message that is kept as an example.
pub const MAX_MESSAGE_BYTES: usize = 300;
/// Most codes with an example per interval.
pub const MAX_EXAMPLES: usize = 16;
/// Most intervals that wait for a flip; later times are recorded in the last of them.
pub const MAX_PENDING_INTERVALS: usize = 4096;

/// Number of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowId(pub u32);
/// Number of a custom counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterId(usize);
/// Number of a custom value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueId(usize);
/// Number of a reason to drop an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonId(usize);

/// One run of a transaction or operation; times count from the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execution {
    /// What was run.
    pub row: RowId,
    /// Which worker of the whole run did it, below [`MAX_WORKERS`].
    pub worker: u32,
    /// When the schedule said it is due; `None` in closed loop and for operations.
    pub intended_start_ns: Option<u64>,
    /// First byte written.
    pub start_ns: u64,
    /// Answer read.
    pub finish_ns: u64,
    /// What it moved.
    pub traffic: Traffic,
}

impl Execution {
    fn arrival_ns(&self) -> u64 {
        self.intended_start_ns.unwrap_or(self.start_ns)
    }
}

/// Name and kind of a row.
#[derive(Debug)]
struct Row {
    name: String,
    kind: RowKind,
}

/// What the numbers in frames stand for.
#[derive(Debug)]
struct Labels {
    process_index: u32,
    rows: Vec<Row>,
    counters: Names,
    values: Names,
    reasons: Names,
}

/// Measurements of one thread or process; see the module.
#[derive(Debug)]
pub struct Recorder {
    plan: Arc<Plan>,
    labels: Labels,
    /// Not handed out yet, oldest first; the last one is current. Empty once finished.
    frames: VecDeque<Frame>,
    spare: Option<Frame>,
    pool: Vec<CellTally>,
}

impl Recorder {
    /// A recorder for a run, at its start.
    #[must_use]
    pub fn new(plan: Arc<Plan>, process_index: u32) -> Self {
        let phase_count = plan.phases().len();
        let first = Frame::new(plan.interval(0), phase_count, 0);
        let labels = Labels {
            process_index,
            rows: Vec::new(),
            counters: Names::new("custom counters", MAX_NAMES),
            values: Names::new("custom values", MAX_NAMES),
            reasons: Names::new("reasons to drop an arrival", MAX_REASONS),
        };
        Self {
            labels,
            frames: VecDeque::from([first]),
            spare: Some(Frame::new(plan.interval(0), phase_count, 0)),
            pool: Vec::new(),
            plan,
        }
    }

    /// Number of a row; the same name and kind give the same number.
    ///
    /// # Errors
    /// If there are [`MAX_ROWS`] others, or the name is empty or too long.
    ///
    /// # Panics
    /// Never: row numbers are small.
    pub fn row(&mut self, name: &str, kind: RowKind) -> Result<RowId> {
        let is_this = |row: &Row| row.name == name && row.kind == kind;
        let known = self.labels.rows.iter().position(is_this);
        let position = known.unwrap_or(self.labels.rows.len());
        if known.is_none() {
            check_name(name)?;
            if position == MAX_ROWS {
                return Err(Error::TooManyNames { what: "rows", limit: MAX_ROWS });
            }
            self.labels.rows.push(Row { name: name.to_owned(), kind });
            let row_count = self.labels.rows.len();
            for frame in self.frames.iter_mut().chain(&mut self.spare) {
                frame.set_row_count(row_count);
            }
            self.refill();
        }
        Ok(RowId(u32::try_from(position).expect("below MAX_ROWS")))
    }

    /// Number of a custom counter.
    ///
    /// # Errors
    /// If there are [`MAX_NAMES`] others, or the name is empty or too long.
    pub fn counter(&mut self, name: &str) -> Result<CounterId> {
        self.labels.counters.number(name).map(CounterId)
    }

    /// Number of a custom value.
    ///
    /// # Errors
    /// If there are [`MAX_NAMES`] others, or the name is empty or too long.
    pub fn value_name(&mut self, name: &str) -> Result<ValueId> {
        self.labels.values.number(name).map(ValueId)
    }

    /// Number of a reason to drop an arrival.
    ///
    /// # Errors
    /// If there are [`MAX_REASONS`] others, or the name is empty or too long.
    pub fn reason(&mut self, name: &str) -> Result<ReasonId> {
        self.labels.reasons.number(name).map(ReasonId)
    }

    /// Counts arrivals that came due. In open loop at their intended start, in closed loop at
    /// their start; never ahead of time, since this opens the interval.
    ///
    /// # Errors
    /// If the recorder is finished.
    pub fn offer(&mut self, arrival_ns: u64, count: u64) -> Result<()> {
        let phase = self.plan.arrival_phase(arrival_ns);
        self.frame_at(arrival_ns)?.0.phase(phase).offer(count);
        Ok(())
    }

    /// Counts an offered arrival that is never started, in the interval of its intended start.
    ///
    /// # Errors
    /// If the recorder is finished.
    pub fn drop_arrival(&mut self, intended_start_ns: u64, reason: ReasonId) -> Result<()> {
        let phase = self.plan.arrival_phase(intended_start_ns);
        self.frame_at(intended_start_ns)?.0.phase(phase).dropped[reason.0] += 1;
        Ok(())
    }

    /// Counts offered transactions that were given up at the end, in the current interval.
    ///
    /// # Errors
    /// If the recorder is finished.
    pub fn unfinished(&mut self, arrival_ns: u64, count: u64) -> Result<()> {
        let phase = self.plan.arrival_phase(arrival_ns);
        self.frames.back_mut().ok_or(Error::Finished)?.phase(phase).give_up(count);
        Ok(())
    }

    /// Records a committed transaction or operation.
    ///
    /// # Errors
    /// If there is no such row or worker, or the recorder is finished.
    pub fn commit(&mut self, execution: Execution) -> Result<()> {
        let kind = self.kind_of(execution.row, execution.worker)?;
        let phase = self.plan.arrival_phase(execution.arrival_ns());
        let (frame, pool) = self.frame_at(execution.finish_ns)?;
        let service_time_ns = frame.elapsed_ns(execution.start_ns, execution.finish_ns);
        if kind == RowKind::Transaction {
            let worker = frame.worker(execution.worker);
            worker.committed += 1;
            worker.busy_ns += service_time_ns;
            worker.service_sum_ns += service_time_ns;
        }
        let intended = execution.intended_start_ns.filter(|_| kind == RowKind::Transaction);
        let waits_ns = intended.map(|due_ns| {
            let response_time_ns = frame.elapsed_ns(due_ns, execution.finish_ns);
            (response_time_ns, frame.elapsed_ns(due_ns, execution.start_ns))
        });
        let outcomes = frame.cell(phase, execution.row, pool);
        outcomes.committed += 1;
        outcomes.traffic.merge(&execution.traffic);
        outcomes.service_time.record(service_time_ns);
        if let Some((response_time_ns, schedule_lag_ns)) = waits_ns {
            outcomes.response_time.record(response_time_ns);
            outcomes.schedule_lag.record(schedule_lag_ns);
        }
        Ok(())
    }

    /// Counts a transaction that the workload rolled back on purpose; its times are not kept.
    ///
    /// # Errors
    /// As [`Recorder::commit`].
    pub fn roll_back(&mut self, execution: Execution) -> Result<()> {
        let kind = self.kind_of(execution.row, execution.worker)?;
        let phase = self.plan.arrival_phase(execution.arrival_ns());
        let (frame, pool) = self.frame_at(execution.finish_ns)?;
        let service_time_ns = frame.elapsed_ns(execution.start_ns, execution.finish_ns);
        if kind == RowKind::Transaction {
            frame.worker(execution.worker).busy_ns += service_time_ns;
        }
        let outcomes = frame.cell(phase, execution.row, pool);
        outcomes.rolled_back += 1;
        outcomes.traffic.merge(&execution.traffic);
        Ok(())
    }

    /// Records a failed transaction or operation. The first message per code and interval is kept.
    ///
    /// # Errors
    /// As [`Recorder::commit`].
    pub fn fail(&mut self, execution: Execution, code: Sqlstate, message: &str) -> Result<()> {
        let kind = self.kind_of(execution.row, execution.worker)?;
        let phase = self.plan.arrival_phase(execution.arrival_ns());
        let (frame, pool) = self.frame_at(execution.finish_ns)?;
        let service_time_ns = frame.elapsed_ns(execution.start_ns, execution.finish_ns);
        if kind == RowKind::Transaction {
            let worker = frame.worker(execution.worker);
            worker.failed += 1;
            worker.busy_ns += service_time_ns;
        }
        frame.example(code, execution.finish_ns, message);
        let outcomes = frame.cell(phase, execution.row, pool);
        outcomes.failed.add(code);
        outcomes.traffic.merge(&execution.traffic);
        outcomes.failed_service_time.record(service_time_ns);
        Ok(())
    }

    /// Counts one more try, made at `at_ns`, of what arrived at `arrival_ns`.
    ///
    /// # Errors
    /// As [`Recorder::commit`].
    pub fn retry(&mut self, row: RowId, arrival_ns: u64, at_ns: u64, code: Sqlstate) -> Result<()> {
        self.kind_of(row, 0)?;
        let phase = self.plan.arrival_phase(arrival_ns);
        let (frame, pool) = self.frame_at(at_ns)?;
        frame.cell(phase, row, pool).retried.add(code);
        Ok(())
    }

    /// Adds to a custom counter.
    ///
    /// # Errors
    /// If the recorder is finished.
    pub fn count(&mut self, counter: CounterId, count: u64, at_ns: u64) -> Result<()> {
        self.frame_at(at_ns)?.0.add_count(counter.0, count);
        Ok(())
    }

    /// Records a custom value.
    ///
    /// # Errors
    /// If the value is not finite or the recorder is finished.
    pub fn value(&mut self, name: ValueId, value: f64, at_ns: u64) -> Result<()> {
        if !value.is_finite() {
            return Err(Error::NotFinite);
        }
        self.frame_at(at_ns)?.0.sketch(name.0).record(value);
        Ok(())
    }

    /// Notes the process's own load in the oldest interval that was not handed out: CPU time since
    /// the last call, worst lateness of its loop since then, memory now.
    ///
    /// Called before each flip. A busy process is late for it, and has begun the next interval by
    /// then: what it tells is about the one that ended.
    ///
    /// # Errors
    /// If the recorder is finished.
    pub fn gauge(&mut self, cpu_ns: u64, loop_lag_max_ns: u64, rss_bytes: u64) -> Result<()> {
        let gauges = crate::snapshot::ProcessGauges { cpu_ns, loop_lag_max_ns, rss_bytes };
        self.frames.front_mut().ok_or(Error::Finished)?.gauges.merge(&gauges);
        Ok(())
    }

    /// The interval that is being recorded; `None` once finished.
    #[must_use]
    pub fn current_interval(&self) -> Option<Interval> {
        self.frames.back().map(|frame| frame.interval)
    }

    /// Hands out every interval that ended by now, idle ones too, in order. At most
    /// [`MAX_PENDING_INTERVALS`] at once; the next call gives the rest.
    ///
    /// # Errors
    /// If the recorder is finished.
    pub fn flip(&mut self, now_ns: u64) -> Result<Vec<IntervalSnapshot>> {
        self.frame_at(now_ns)?;
        let ended = self.frames.len() - 1;
        let snapshots = self.hand_out(ended);
        self.refill();
        Ok(snapshots)
    }

    /// Hands out everything, the current interval last.
    ///
    /// # Errors
    /// If it was called before.
    pub fn finish(&mut self, now_ns: u64) -> Result<Vec<IntervalSnapshot>> {
        self.frame_at(now_ns)?;
        Ok(self.hand_out(self.frames.len()))
    }

    fn hand_out(&mut self, count: usize) -> Vec<IntervalSnapshot> {
        let mut snapshots = Vec::with_capacity(count);
        for mut frame in self.frames.drain(..count) {
            snapshots.push(frame.take_snapshot(&self.labels, &mut self.pool));
            self.spare = Some(frame);
        }
        snapshots
    }

    /// Sets aside what recording takes until the next flip: a frame, and cells for every row in two
    /// phases, the interval's own and the one before it.
    fn refill(&mut self) {
        let row_count = self.labels.rows.len();
        self.pool.truncate(2 * row_count);
        let at_hand = 2 * row_count.min(ROWS_AT_HAND);
        if self.pool.len() < at_hand {
            self.pool.resize_with(at_hand, CellTally::with_memory);
        }
        if self.spare.is_none() {
            self.spare = Some(self.new_frame(self.plan.interval(0)));
        }
    }

    fn new_frame(&self, interval: Interval) -> Frame {
        Frame::new(interval, self.plan.phases().len(), self.labels.rows.len())
    }

    fn kind_of(&self, row: RowId, worker: u32) -> Result<RowKind> {
        if worker >= MAX_WORKERS {
            return Err(Error::UnknownWorker { worker, last: MAX_WORKERS - 1 });
        }
        let row = self.labels.rows.get(row.0 as usize).ok_or(Error::UnknownRow { row: row.0 })?;
        Ok(row.kind)
    }

    /// The frame that takes what happens at a time.
    fn frame_at(&mut self, at_ns: u64) -> Result<(&mut Frame, &mut Vec<CellTally>)> {
        let current = self.frames.back().ok_or(Error::Finished)?.interval;
        if at_ns >= current.end_ns {
            self.advance(at_ns, current.index);
        }
        let mut position = self.frames.len() - 1;
        while position > 0 && at_ns < self.frames[position].interval.start_ns {
            position -= 1;
        }
        Ok((&mut self.frames[position], &mut self.pool))
    }

    #[cold]
    fn advance(&mut self, at_ns: u64, current_index: u64) {
        let missing = self.plan.interval_at(at_ns).index - current_index;
        let room = (MAX_PENDING_INTERVALS + 1).saturating_sub(self.frames.len()) as u64;
        for step in 1..=missing.min(room) {
            let interval = self.plan.interval(current_index + step);
            let frame = match self.spare.take() {
                Some(mut frame) => {
                    frame.interval = interval;
                    frame
                }
                None => self.new_frame(interval),
            };
            self.frames.push_back(frame);
        }
    }
}

/// From one time to a later one, held within what histograms tell apart. Clamps are counted.
fn elapsed_ns(from_ns: u64, to_ns: u64, clamped_count: &mut u64) -> u64 {
    match to_ns.checked_sub(from_ns) {
        Some(elapsed_ns) if elapsed_ns <= HIGHEST_TIME_NS => elapsed_ns,
        Some(_) => {
            *clamped_count += 1;
            HIGHEST_TIME_NS
        }
        None => {
            *clamped_count += 1;
            0
        }
    }
}

#[cfg(test)]
mod tests;
