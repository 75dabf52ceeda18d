//! The steps of a transaction, and what the server answers to them.

use std::fmt::Write;

use stormdb_wire::backend::{self, ServerError};
use stormdb_wire::{Frame, frontend};

use super::{
    After, Block, Listener, MAX_MESSAGE_BYTES, Outcome, Phase, Pipeline, Savepoint, Session,
    SessionError, State, Turn, Turns, bind,
};
use crate::draw::Draws;
use crate::expr::{EvalError, Scope};
use crate::program::ir::{Capture, Kind, RowRange};
use crate::program::{List, Program, Step};
use crate::sqlstate::Sqlstate;
use crate::value::{Memory, Value};

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

type Result<T> = std::result::Result<T, SessionError>;

/// No row where one was expected.
const NO_DATA_FOUND: Sqlstate = Sqlstate::from_bytes(*b"P0002");
/// More rows than expected.
const TOO_MANY_ROWS: Sqlstate = Sqlstate::from_bytes(*b"P0003");
/// A check that does not hold.
const ASSERT_FAILURE: Sqlstate = Sqlstate::from_bytes(*b"P0004");
/// A loop that would go on too long.
const PROGRAM_LIMIT: Sqlstate = Sqlstate::from_bytes(*b"54000");
/// A captured value of another type.
const TYPE_MISMATCH: Sqlstate = Sqlstate::from_bytes(*b"42804");
const SERIALIZATION_FAILURE: Sqlstate = Sqlstate::from_bytes(*b"40001");
const DEADLOCK_DETECTED: Sqlstate = Sqlstate::from_bytes(*b"40P01");

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
        loop {
            let step = self.state.step;
            self.state.step += 1;
            let done = match self.compute(program, step, listener) {
                Ok(Computed::GoesOn) => None,
                Ok(Computed::Pause { pause_ns }) => Some(Turn::Think { pause_ns }),
                Ok(Computed::DoesNotHold { message }) => {
                    Some(self.fail(ASSERT_FAILURE, &[&program.places[step], ": ", message], out))
                }
                Ok(Computed::No) => self.step(program, step, out),
                Err(error) => Some(self.fail_at(program, step, error, out)),
            };
            if let Some(turn) = done {
                return turn;
            }
        }
    }

    /// Do a step that needs no server.
    fn compute<'a>(
        &mut self,
        program: &'a Program,
        step: usize,
        listener: &mut impl Listener,
    ) -> std::result::Result<Computed<'a>, EvalError> {
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
        match &program.steps[step] {
            Step::Execute { statement, values, .. } => self
                .execute(program, (step, *statement), *values, out)
                .unwrap_or_else(|error| Some(self.fail_at(program, step, error, out))),
            Step::LoopStart { .. } | Step::LoopEnd { .. } => self.turn_loop(program, step, out),
            Step::Begin { retry, .. } => {
                self.state.block = Some(Block {
                    step,
                    retry: *retry,
                    is_begun: false,
                    loop_depth: self.loops.len(),
                });
                None
            }
            Step::Commit => self.commit(out),
            Step::PipelineStart => {
                let was_begun = self.state.block.is_some_and(|block| block.is_begun);
                self.state.pipeline = Some(Pipeline { mark: out.len(), was_begun, count: 0 });
                self.state.answering = step;
                None
            }
            Step::PipelineEnd => self.end_pipeline(out),
            Step::SavepointStart { goes_on, end } => {
                Some(self.savepoint(*goes_on, *end as usize, program, out))
            }
            Step::SavepointEnd => Some(self.release(out)),
            Step::Abort => Some(self.end(After::RolledBack, out)),
            Step::End => {
                self.state.phase = Phase::Idle;
                Some(Turn::Done(Outcome::Committed))
            }
            _ => Some(self.fail_at(program, step, EvalError::Kind("copy_in"), out)),
        }
    }

    fn scope<'a>(&'a mut self, program: &'a Program) -> Scope<'a> {
        // Turns of the loops around, so that each turn draws values of its own.
        let iteration = self
            .loops
            .iter()
            .fold(0_u64, |sum, turns| sum.wrapping_mul(1_000_003).wrapping_add(turns.done + 1));
        let draws = Draws { iteration, ..self.state.draws };
        Scope { program, slots: &self.slots, scratch: &mut self.scratch, draws }
    }

    fn execute(
        &mut self,
        program: &Program,
        (step, statement): (usize, u32),
        list: List,
        out: &mut Vec<u8>,
    ) -> std::result::Result<Option<Turn>, EvalError> {
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        let mut scope = self.scope(program);
        let evaluated = program.list(list).iter().try_for_each(|id| {
            values.push(scope.value(*id)?);
            Ok(())
        });
        let mark = out.len();
        let appended = evaluated.and_then(|()| {
            let begin = self.append_begin(out);
            let memory = Memory { constants: &program.constants, scratch: &self.scratch };
            self.prepared.execute(statement, &values, memory, out).map(|()| begin)
        });
        self.values = values;
        let begin = match appended {
            Ok(begin) => begin,
            Err(error) => {
                if self.state.pipeline.is_none() && out.len() > mark {
                    // BEGIN was appended and is taken back with the rest.
                    out.truncate(mark);
                    self.unbegin();
                }
                return Err(error);
            }
        };
        let Some(pipeline) = &mut self.state.pipeline else {
            frontend::sync(out);
            self.state.answering = step;
            self.state.phase = Phase::Statements { begin, has_row: false, count: 1, failure: None };
            return Ok(Some(Turn::Wait));
        };
        pipeline.count += 1;
        Ok(None)
    }

    /// BEGIN travels with the first statement of its block. True if it was appended.
    fn append_begin(&mut self, out: &mut Vec<u8>) -> bool {
        match &mut self.state.block {
            Some(block) if !block.is_begun => {
                block.is_begun = true;
                bind::begin(block.step, out);
                true
            }
            _ => false,
        }
    }

    fn unbegin(&mut self) {
        if let Some(block) = &mut self.state.block {
            block.is_begun = false;
        }
    }

    fn end_pipeline(&mut self, out: &mut Vec<u8>) -> Option<Turn> {
        let pipeline = self.state.pipeline.take()?;
        if pipeline.count == 0 {
            return None;
        }
        frontend::sync(out);
        let is_begun = self.state.block.is_some_and(|block| block.is_begun);
        self.state.phase = Phase::Statements {
            begin: is_begun && !pipeline.was_begun,
            has_row: false,
            count: pipeline.count,
            failure: None,
        };
        Some(Turn::Wait)
    }

    fn commit(&mut self, out: &mut Vec<u8>) -> Option<Turn> {
        let block = self.state.block?;
        if !block.is_begun {
            self.state.block = None;
            return None;
        }
        bind::commit(out);
        self.state.phase = Phase::Commit { failure: None };
        Some(Turn::Wait)
    }

    fn savepoint(
        &mut self,
        goes_on: bool,
        end: usize,
        program: &Program,
        out: &mut Vec<u8>,
    ) -> Turn {
        let block = self.state.block.as_mut().expect("verified: a savepoint lies in a block");
        let mut sql = String::with_capacity(80);
        if !block.is_begun {
            block.is_begun = true;
            if let Step::Begin { sql: begin, .. } = &program.steps[block.step] {
                sql.push_str(begin);
                sql.push(';');
            }
        }
        sql.push_str("SAVEPOINT stormdb");
        self.savepoints.push(Savepoint { end, goes_on, loop_depth: self.loops.len() });
        self.simple(&sql, Phase::Savepoint { failure: None }, out)
    }

    fn release(&mut self, out: &mut Vec<u8>) -> Turn {
        self.savepoints.pop();
        self.simple("RELEASE SAVEPOINT stormdb", Phase::Savepoint { failure: None }, out)
    }

    fn simple(&mut self, sql: &str, phase: Phase, out: &mut Vec<u8>) -> Turn {
        frontend::query(sql.as_bytes(), out).expect("our own statements have no zero byte");
        self.state.phase = phase;
        Turn::Wait
    }

    fn turn_loop(&mut self, program: &Program, step: usize, out: &mut Vec<u8>) -> Option<Turn> {
        match &program.steps[step] {
            Step::LoopStart { count, limit, slot, end } => {
                let count = match self.scope(program).integer(*count) {
                    Ok(count) => u64::try_from(count.unwrap_or(0)).unwrap_or(0),
                    Err(error) => return Some(self.fail_at(program, step, error, out)),
                };
                if count > u64::from(*limit) {
                    let place = &program.places[step];
                    return Some(self.fail(
                        PROGRAM_LIMIT,
                        &[place, ": a loop is longer than its limit"],
                        out,
                    ));
                }
                if count == 0 {
                    self.state.step = *end as usize;
                } else {
                    self.loops.push(Turns { done: 0, count });
                    self.set_loop_slot(*slot, 0);
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
        None
    }

    fn set_loop_slot(&mut self, slot: Option<u32>, done: u64) {
        if let Some(slot) = slot {
            self.slots[slot as usize] = Value::Int(done.cast_signed());
        }
    }

    fn fail_at(
        &mut self,
        program: &Program,
        step: usize,
        error: EvalError,
        out: &mut Vec<u8>,
    ) -> Turn {
        let code = Sqlstate::from_bytes(error.sqlstate_bytes());
        self.message.clear();
        append_text(&program.places[step], &mut self.message);
        append_text(": ", &mut self.message);
        // Fixed texts: formatting one allocates nothing.
        write!(self.message, "{error}").expect("writing to a String cannot fail");
        self.take_pipeline_back(out);
        self.end(After::Fail(code), out)
    }

    fn fail(&mut self, code: Sqlstate, message: &[&str], out: &mut Vec<u8>) -> Turn {
        self.message.clear();
        for part in message {
            append_text(part, &mut self.message);
        }
        self.take_pipeline_back(out);
        self.end(After::Fail(code), out)
    }

    fn take_pipeline_back(&mut self, out: &mut Vec<u8>) {
        if let Some(pipeline) = self.state.pipeline.take() {
            out.truncate(pipeline.mark);
            if !pipeline.was_begun {
                self.unbegin();
            }
        }
    }

    /// End the transaction: roll an open block back first.
    fn end(&mut self, after: After, out: &mut Vec<u8>) -> Turn {
        if self.state.block.is_some_and(|block| block.is_begun) {
            bind::rollback(out);
            self.state.phase = Phase::Rollback(after);
            return Turn::Wait;
        }
        self.ended(after)
    }

    fn ended(&mut self, after: After) -> Turn {
        self.state.phase = Phase::Idle;
        match after {
            After::RolledBack => Turn::Done(Outcome::RolledBack),
            After::Fail(code) => Turn::Done(Outcome::Failed(code)),
            After::Retry(code) => self.again(code),
        }
    }

    /// Back to the start of the block; the same values will be drawn.
    fn again(&mut self, code: Sqlstate) -> Turn {
        self.state.phase = Phase::Idle;
        if let Some(block) = self.state.block.take() {
            self.state.step = block.step;
            self.loops.truncate(block.loop_depth);
        }
        self.savepoints.clear();
        Turn::Retry { code }
    }

    /// Take one message of the server. Further requests are appended to `out`.
    ///
    /// # Errors
    /// The connection cannot be used any longer.
    #[inline]
    pub fn on_frame(
        &mut self,
        program: &Program,
        frame: Frame<'_>,
        out: &mut Vec<u8>,
        listener: &mut impl Listener,
    ) -> Result<Turn> {
        match frame.tag {
            b'D' => self.on_row(program, frame)?,
            b'C' | b'I' => self.on_complete(program, frame, listener),
            b'E' => self.on_error(program, &backend::server_error(frame)?, listener)?,
            b'Z' => {
                backend::transaction_status(frame)?;
                return Ok(self.on_ready(program, out, listener));
            }
            _ => {}
        }
        Ok(Turn::Wait)
    }

    /// The execute that is being answered: its statement, row rule and captured columns.
    fn current<'a>(&self, program: &'a Program) -> Option<(u32, Option<RowRange>, &'a [Capture])> {
        match &program.steps[self.state.answering] {
            Step::Execute { statement, rows, capture, .. } => Some((*statement, *rows, capture)),
            _ => None,
        }
    }

    fn on_row(&mut self, program: &Program, frame: Frame<'_>) -> Result<()> {
        let Phase::Statements { begin: false, has_row, .. } = &mut self.state.phase else {
            return Ok(());
        };
        if std::mem::replace(has_row, true) {
            return Ok(());
        }
        self.seek_execute(program);
        let Some((_, _, capture)) = self.current(program) else { return Ok(()) };
        if capture.is_empty() {
            return Ok(());
        }
        let mut row = backend::data_row(frame)?;
        let mut column = 0;
        while let Some(text) = row.next_value()? {
            for one in capture.iter().filter(|one| one.column == column) {
                match text.map_or(Ok(Value::Null), |text| self.captured(one.kind, text)) {
                    Ok(value) => self.slots[one.slot as usize] = value,
                    Err(code) => self
                        .note_failure(code, "a captured column is not what it was declared to be"),
                }
            }
            column += 1;
        }
        if capture.iter().any(|one| one.column >= column) {
            self.note_failure(TYPE_MISMATCH, "a captured column does not exist");
        }
        Ok(())
    }

    fn captured(&mut self, kind: Kind, text: &[u8]) -> std::result::Result<Value, Sqlstate> {
        let readable = || std::str::from_utf8(text).map_err(|_| TYPE_MISMATCH);
        Ok(match kind {
            Kind::Int => Value::Int(readable()?.parse().map_err(|_| TYPE_MISMATCH)?),
            Kind::Float => Value::Float(readable()?.parse().map_err(|_| TYPE_MISMATCH)?),
            Kind::Bool => Value::Bool(text == b"t"),
            Kind::Text => {
                readable()?;
                Value::Text(
                    self.scratch
                        .write(|out| out.extend_from_slice(text))
                        .map_err(|_| PROGRAM_LIMIT)?,
                )
            }
            Kind::Bytes => {
                let digits = text.strip_prefix(b"\\x").ok_or(TYPE_MISMATCH)?;
                Value::Bytes(
                    self.scratch
                        .write(|out| out.extend(digits.chunks(2).map(from_hex)))
                        .map_err(|_| PROGRAM_LIMIT)?,
                )
            }
        })
    }

    /// In a pipeline, variables may be set between the executes.
    fn seek_execute(&mut self, program: &Program) {
        while !matches!(
            program.steps[self.state.answering],
            Step::Execute { .. } | Step::PipelineEnd | Step::End
        ) {
            self.state.answering += 1;
        }
    }

    fn on_complete(&mut self, program: &Program, frame: Frame<'_>, listener: &mut impl Listener) {
        let Phase::Statements { begin, has_row, count, .. } = &mut self.state.phase else { return };
        if std::mem::take(begin) {
            return;
        }
        let (had_row, is_alone) = (std::mem::take(has_row), *count == 1);
        self.seek_execute(program);
        let Some((statement, rows, capture)) = self.current(program) else { return };
        if !had_row {
            for one in capture {
                self.slots[one.slot as usize] = Value::Null;
            }
        }
        if let Some(range) = rows {
            let tag = frame.body.strip_suffix(&[0]).unwrap_or(frame.body);
            let affected = backend::affected_rows(tag);
            if affected < range.min {
                self.note_failure(NO_DATA_FOUND, "fewer rows than the step expects");
            } else if range.max.is_some_and(|max| affected > max) {
                self.note_failure(TOO_MANY_ROWS, "more rows than the step expects");
            }
        }
        if is_alone {
            listener.statement(statement, true);
        }
        self.state.answering += 1;
    }

    fn note_failure(&mut self, code: Sqlstate, message: &str) {
        let (Phase::Statements { failure, .. }
        | Phase::Commit { failure }
        | Phase::Savepoint { failure }) = &mut self.state.phase
        else {
            return;
        };
        if failure.is_none() {
            *failure = Some(code);
            self.message.clear();
            append_text(message, &mut self.message);
        }
    }

    fn on_error(
        &mut self,
        program: &Program,
        error: &ServerError<'_>,
        listener: &mut impl Listener,
    ) -> Result<()> {
        let code =
            error.sqlstate.try_into().map_or(Sqlstate::from_bytes(*b"XX000"), Sqlstate::from_bytes);
        if matches!(error.severity, b"FATAL" | b"PANIC") {
            let message = String::from_utf8_lossy(error.message).into_owned();
            return Err(SessionError::Fatal { code, message });
        }
        self.note_failure(code, &String::from_utf8_lossy(error.message));
        if let Phase::Statements { begin: false, count: 1, .. } = self.state.phase
            && let Some((statement, ..)) = self.current(program)
        {
            listener.statement(statement, false);
        }
        Ok(())
    }

    fn on_ready(
        &mut self,
        program: &Program,
        out: &mut Vec<u8>,
        listener: &mut impl Listener,
    ) -> Turn {
        match self.state.phase {
            Phase::Idle => Turn::Wait,
            Phase::Statements { failure: None, .. }
            | Phase::Savepoint { failure: None }
            | Phase::ToSavepoint => {
                self.state.phase = Phase::Idle;
                self.go_on(program, out, listener)
            }
            Phase::Statements { failure: Some(code), .. }
            | Phase::Savepoint { failure: Some(code) } => self.after_failure(code, out),
            Phase::Commit { failure: None } => {
                self.state.block = None;
                self.go_on(program, out, listener)
            }
            // The server has rolled back already.
            Phase::Commit { failure: Some(code) } => self.ended(self.after(code)),
            Phase::Rollback(after) => self.ended(after),
        }
    }

    fn after_failure(&mut self, code: Sqlstate, out: &mut Vec<u8>) -> Turn {
        if let Some(savepoint) = self.savepoints.pop()
            && savepoint.goes_on
        {
            self.loops.truncate(savepoint.loop_depth);
            self.state.step = savepoint.end;
            let back = "ROLLBACK TO SAVEPOINT stormdb;RELEASE SAVEPOINT stormdb";
            return self.simple(back, Phase::ToSavepoint, out);
        }
        let after = self.after(code);
        self.end(after, out)
    }

    fn after(&self, code: Sqlstate) -> After {
        let is_retried = self.state.block.is_some_and(|block| block.retry);
        if is_retried && matches!(code, SERIALIZATION_FAILURE | DEADLOCK_DETECTED) {
            After::Retry(code)
        } else {
            After::Fail(code)
        }
    }
}

/// A pause in nanoseconds; `None` if there is nothing to wait for.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to an hour")]
fn pause(seconds: f64) -> Option<u64> {
    let pause_ns = (seconds.clamp(0.0, 3600.0) * 1e9) as u64;
    (pause_ns > 0).then_some(pause_ns)
}

/// Append as much of a text as the message may hold.
fn append_text(text: &str, message: &mut String) {
    let room = MAX_MESSAGE_BYTES.saturating_sub(message.len());
    let end = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    message.push_str(&text[..end]);
}

fn from_hex(digits: &[u8]) -> u8 {
    digits.iter().fold(0, |byte, digit| {
        byte << 4 | char::from(*digit).to_digit(16).unwrap_or(0).to_le_bytes()[0]
    })
}
