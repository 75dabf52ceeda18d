//! The steps of a transaction.

use super::request::{Bound, Control};
use super::{
    After, Answers, Block, Listener, Outcome, Phase, Pipeline, Purpose, Savepoint, Session, State,
    Turn, Turns,
};
use crate::draw::Draws;
use crate::expr::{EvalError, Scope};
use crate::program::{List, Program, Step};
use crate::snapshot::Traffic;
use crate::sqlstate::Sqlstate;
use crate::value::{Memory, Value};
use stormdb_wire::TransactionStatus;

/// A check that does not hold.
const ASSERT_FAILURE: Sqlstate = Sqlstate::from_bytes(*b"P0004");
/// A loop that would go on too long.
const PROGRAM_LIMIT: Sqlstate = Sqlstate::from_bytes(*b"54000");
/// A transaction that was begun by a statement and never ended.
const ACTIVE_TRANSACTION: Sqlstate = Sqlstate::from_bytes(*b"25001");
/// Steps without a request after which others have a turn.
const STEPS_AT_ONCE: u32 = 4096;
/// Longest pause, in seconds.
const MAX_PAUSE: f64 = 3600.0;

/// What came of a step that needs no server.
enum Computed<'a> {
    /// The next one can follow.
    GoesOn,
    Pause {
        pause_ns: u64,
    },
    DoesNotHold {
        message: &'a str,
    },
    /// It is none of those.
    No,
}

impl Session {
    /// Begin a transaction. Requests are appended to `out`.
    pub fn start(
        &mut self,
        (program, transaction): (&Program, usize),
        draws: Draws,
        out: &mut Vec<u8>,
        listener: &mut impl Listener,
    ) -> Turn {
        let first = &program.transactions[transaction];
        self.slots.clear();
        self.slots.resize(first.slot_count as usize, Value::Null);
        self.scratch.clear();
        self.loops.clear();
        self.savepoints.clear();
        self.traffic = Traffic::default();
        self.state = State { step: first.first_step as usize, draws, ..State::idle() };
        self.go_on(program, out, listener)
    }

    /// Go on after a pause or for another try.
    pub fn go_on(
        &mut self,
        program: &Program,
        out: &mut Vec<u8>,
        listener: &mut impl Listener,
    ) -> Turn {
        let before = out.len();
        let turn = self.run(program, out, listener);
        self.traffic.sent_bytes += (out.len() - before) as u64;
        turn
    }

    fn run(&mut self, program: &Program, out: &mut Vec<u8>, listener: &mut impl Listener) -> Turn {
        let mut steps_left = STEPS_AT_ONCE;
        loop {
            let step = self.state.step;
            self.state.step += 1;
            let turn = match self.compute(program, step, listener) {
                Ok(Computed::GoesOn) => None,
                Ok(Computed::Pause { pause_ns }) => Some(Turn::Think { pause_ns }),
                Ok(Computed::DoesNotHold { message }) => {
                    let place = &program.places[step];
                    Some(self.fail(
                        ASSERT_FAILURE,
                        format_args!("{place}: {message}"),
                        program,
                        out,
                    ))
                }
                Ok(Computed::No) => self.step(program, step, out),
                Err(error) => Some(self.fail_at(step, error, program, out)),
            };
            if let Some(turn) = turn {
                return turn;
            }
            steps_left = steps_left.saturating_sub(1);
            // Not in a pipeline: it could not be taken back once others had used `out`.
            if steps_left == 0 && self.state.pipeline.is_none() {
                return Turn::Think { pause_ns: 0 };
            }
        }
    }

    /// Do a step that needs no server.
    fn compute<'a>(
        &mut self,
        program: &'a Program,
        step: usize,
        listener: &mut impl Listener,
    ) -> Result<Computed<'a>, EvalError> {
        match &program.steps[step] {
            Step::Let { slot, value } => {
                self.slots[*slot as usize] = self.scope(program).value(*value)?;
            }
            Step::Unless { condition, to } => {
                if !self.scope(program).is_true(*condition)? {
                    self.state.step = *to as usize;
                }
            }
            Step::Jump { to } => self.state.step = *to as usize,
            Step::Think { seconds } => {
                let seconds = self.scope(program).number(*seconds)?.unwrap_or(0.0);
                if let Some(pause_ns) = pause(seconds) {
                    return Ok(Computed::Pause { pause_ns });
                }
            }
            Step::Check { condition, message } => {
                if !self.scope(program).is_true(*condition)? {
                    return Ok(Computed::DoesNotHold { message });
                }
            }
            Step::Emit { metric, value } => {
                if let Some(value) = self.scope(program).number(*value)? {
                    listener.emit(*metric, value);
                }
            }
            _ => return Ok(Computed::No),
        }
        Ok(Computed::GoesOn)
    }

    /// Do one of the other steps; `None` if the next one can follow at once.
    fn step(&mut self, program: &Program, step: usize, out: &mut Vec<u8>) -> Option<Turn> {
        let done = match &program.steps[step] {
            Step::Execute { statement, values, .. } => {
                self.execute(program, (step, *statement), *values, out)
            }
            Step::CopyIn { .. } => self.start_copy(program, step, out).map(Some),
            Step::LoopStart { .. } | Step::LoopEnd { .. } => self.turn_loop(program, step, out),
            Step::Begin { retry, .. } => {
                let (retry, loop_depth) = (*retry, self.loops.len());
                self.state.block = Some(Block { step, retry, is_begun: false, loop_depth });
                Ok(None)
            }
            Step::Commit => Ok(self.commit(program, out)),
            Step::PipelineStart => {
                let mark = out.len();
                self.state.pipeline = Some(Pipeline { mark, has_begin: false, count: 0 });
                self.state.answering = step;
                self.sent_bytes.clear();
                Ok(None)
            }
            Step::PipelineEnd => Ok(self.end_pipeline(out)),
            Step::SavepointStart { goes_on, end } => {
                let (end, goes_on) = (*end as usize, *goes_on);
                self.savepoints.push(Savepoint { end, goes_on, loop_depth: self.loops.len() });
                Ok(Some(self.savepoint(program, out)))
            }
            Step::SavepointEnd => {
                self.savepoints.pop();
                Ok(Some(self.control(Purpose::Release, &[Control::Release], program, out)))
            }
            Step::Abort => Ok(Some(self.end(After::RolledBack, program, out))),
            Step::End => Ok(Some(self.finish(program, step, out))),
            _ => Ok(None),
        };
        done.unwrap_or_else(|error| Some(self.fail_at(step, error, program, out)))
    }

    pub(super) fn scope<'a>(&'a mut self, program: &'a Program) -> Scope<'a> {
        // Turns of the loops around, so that each turn draws values of its own.
        let iteration = self
            .loops
            .iter()
            .fold(0_u64, |sum, turns| sum.wrapping_mul(1_000_003).wrapping_add(turns.done + 1));
        let draws = Draws { iteration, ..self.state.draws };
        Scope { program, slots: &self.slots, scratch: &mut self.scratch, draws }
    }

    /// Evaluate a list of expressions into `self.values`.
    pub(super) fn evaluate(&mut self, program: &Program, list: List) -> Result<(), EvalError> {
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        let mut scope = self.scope(program);
        let evaluated = program.list(list).iter().try_for_each(|id| {
            values.push(scope.value(*id)?);
            Ok(())
        });
        self.values = values;
        evaluated
    }

    fn execute(
        &mut self,
        program: &Program,
        (step, statement): (usize, u32),
        list: List,
        out: &mut Vec<u8>,
    ) -> Result<Option<Turn>, EvalError> {
        let mark = out.len();
        let scratch = self.scratch.mark();
        self.evaluate(program, list)?;
        let has_begin = self.append_statement(program, statement, out)?;
        // The values are in `out` now.
        self.scratch.reset(scratch);
        if let Some(pipeline) = &mut self.state.pipeline {
            pipeline.count += 1;
            pipeline.has_begin |= has_begin;
            self.sent_bytes.push((out.len() - mark) as u64);
            return Ok(None);
        }
        self.prepared.end(out);
        self.await_one(step, has_begin, out.len() - mark);
        Ok(Some(Turn::Send))
    }

    /// Append a statement with `self.values`, after the BEGIN of its block if that has not been
    /// sent: true if it was. On an error nothing is appended.
    pub(super) fn append_statement(
        &mut self,
        program: &Program,
        statement: u32,
        out: &mut Vec<u8>,
    ) -> Result<bool, EvalError> {
        let mark = out.len();
        let begin = self.due_begin();
        let memory = Memory { constants: &program.constants, scratch: &self.scratch };
        let bound = Bound { statement, values: &self.values, memory };
        self.prepared
            .statement((program, begin), &bound, out)
            .inspect_err(|_| out.truncate(mark))?;
        self.set_begun(begin.is_some());
        Ok(begin.is_some())
    }

    /// One statement of a step was sent alone.
    pub(super) fn await_one(&mut self, step: usize, has_begin: bool, sent_bytes: usize) {
        self.sent_bytes.clear();
        self.sent_bytes.push(sent_bytes as u64);
        self.state.answering = step;
        self.state.phase = Phase::Statements(Answers::of(1, has_begin));
        self.received_before_bytes = self.traffic.received_bytes;
    }

    /// BEGIN travels with the first statement of its block.
    fn due_begin(&self) -> Option<Control> {
        let block = self.state.block.filter(|block| !block.is_begun)?;
        Some(Control::Begin(block.step))
    }

    fn set_begun(&mut self, has_begin: bool) {
        if let Some(block) = &mut self.state.block {
            block.is_begun |= has_begin;
        }
    }

    fn end_pipeline(&mut self, out: &mut Vec<u8>) -> Option<Turn> {
        let pipeline = self.state.pipeline.take()?;
        if pipeline.count == 0 {
            return None;
        }
        self.prepared.end(out);
        self.state.phase = Phase::Statements(Answers::of(pipeline.count, pipeline.has_begin));
        self.received_before_bytes = self.traffic.received_bytes;
        Some(Turn::Send)
    }

    /// Something went wrong while a pipeline was put together: none of it is sent. The transaction
    /// is over, so it does not matter whether a BEGIN was in it.
    pub(super) fn take_pipeline_back(&mut self, out: &mut Vec<u8>) {
        if let Some(pipeline) = self.state.pipeline.take() {
            out.truncate(pipeline.mark);
        }
    }

    fn commit(&mut self, program: &Program, out: &mut Vec<u8>) -> Option<Turn> {
        if self.state.block?.is_begun {
            return Some(self.control(Purpose::Commit, &[Control::Commit], program, out));
        }
        self.state.block = None;
        None
    }

    fn savepoint(&mut self, program: &Program, out: &mut Vec<u8>) -> Turn {
        match self.due_begin() {
            Some(begin) => {
                self.set_begun(true);
                self.control(Purpose::Savepoint, &[begin, Control::Savepoint], program, out)
            }
            None => self.control(Purpose::Savepoint, &[Control::Savepoint], program, out),
        }
    }

    pub(super) fn control(
        &mut self,
        purpose: Purpose,
        controls: &[Control],
        program: &Program,
        out: &mut Vec<u8>,
    ) -> Turn {
        self.prepared.controls(program, controls, out);
        self.state.phase = Phase::Control { purpose, failure: None };
        Turn::Send
    }

    /// The last step: with a transaction left open by statements of the author there is no end.
    fn finish(&mut self, program: &Program, step: usize, out: &mut Vec<u8>) -> Turn {
        if self.state.status == TransactionStatus::Idle {
            self.state.phase = Phase::Idle;
            return Turn::Done(Outcome::Committed);
        }
        let place = &program.places[step];
        self.fail(
            ACTIVE_TRANSACTION,
            format_args!("{place}: it ends within a transaction that it began"),
            program,
            out,
        )
    }

    fn turn_loop(
        &mut self,
        program: &Program,
        step: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<Turn>, EvalError> {
        match &program.steps[step] {
            Step::LoopStart { count, limit, slot, end } => {
                let count = self.scope(program).integer(*count)?;
                match self.checked_count(count, *limit, (program, step), out) {
                    Err(turn) => return Ok(Some(turn)),
                    Ok(0) => self.state.step = *end as usize,
                    Ok(count) => {
                        self.loops.push(Turns { done: 0, count });
                        self.set_loop_slot(*slot, 0);
                    }
                }
            }
            Step::LoopEnd { body, slot } => {
                let turns = self.loops.last_mut().expect("a loop was started");
                turns.done += 1;
                if turns.done < turns.count {
                    let done = turns.done;
                    self.state.step = *body as usize;
                    self.set_loop_slot(*slot, done);
                } else {
                    self.loops.pop();
                }
            }
            _ => {}
        }
        Ok(None)
    }

    /// How often something is done; NULL and negative counts are 0. Above the limit the
    /// transaction fails.
    pub(super) fn checked_count(
        &mut self,
        count: Option<i64>,
        limit: u32,
        (program, step): (&Program, usize),
        out: &mut Vec<u8>,
    ) -> Result<u64, Turn> {
        let count = u64::try_from(count.unwrap_or(0)).unwrap_or(0);
        if count <= u64::from(limit) {
            return Ok(count);
        }
        let place = &program.places[step];
        Err(self.fail(
            PROGRAM_LIMIT,
            format_args!("{place}: {count} times, the limit is {limit}"),
            program,
            out,
        ))
    }

    fn set_loop_slot(&mut self, slot: Option<u32>, done: u64) {
        if let Some(slot) = slot {
            self.slots[slot as usize] = Value::Int(done.cast_signed());
        }
    }
}

impl Answers {
    fn of(count: usize, has_begin: bool) -> Self {
        Self { has_begin, has_row: false, count, done: 0, failure: None, first_failure: None }
    }
}

/// A pause in nanoseconds; `None` if there is nothing to wait for.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to an hour")]
fn pause(seconds: f64) -> Option<u64> {
    let pause_ns = (seconds.clamp(0.0, MAX_PAUSE) * 1e9) as u64;
    (pause_ns > 0).then_some(pause_ns)
}
