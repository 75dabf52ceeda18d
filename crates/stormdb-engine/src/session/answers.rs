//! What the server says to the requests of a transaction.

use std::fmt;

use stormdb_wire::backend::{self, Backend, ServerError};
use stormdb_wire::{Error as WireError, Frame, TransactionStatus, frame};

use super::request::Protocol;
use super::{Answer, Listener, Phase, Purpose, Session, SessionError, Turn};
use crate::program::ir::{Capture, Kind, RowRange};
use crate::program::{Program, Step};
use crate::snapshot::Traffic;
use crate::sqlstate::Sqlstate;
use crate::value::Value;

type Result<T> = std::result::Result<T, SessionError>;

/// The step that is being answered.
struct Current<'a> {
    step: usize,
    statement: u32,
    rows: Option<RowRange>,
    capture: &'a [Capture],
}

/// No row where one was expected.
const NO_DATA_FOUND: Sqlstate = Sqlstate::from_bytes(*b"P0002");
/// More rows than expected.
const TOO_MANY_ROWS: Sqlstate = Sqlstate::from_bytes(*b"P0003");
/// A captured value of another type.
const TYPE_MISMATCH: Sqlstate = Sqlstate::from_bytes(*b"42804");
/// A text that does not fit into memory.
const PROGRAM_LIMIT: Sqlstate = Sqlstate::from_bytes(*b"54000");
/// The server rolled back where it should have committed.
const IN_FAILED_TRANSACTION: Sqlstate = Sqlstate::from_bytes(*b"25P02");
const INTERNAL_ERROR: Sqlstate = Sqlstate::from_bytes(*b"XX000");

impl Session {
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
        self.count_received(frame.body.len());
        match frame.tag {
            b'D' => self.on_row(program, frame)?,
            b'C' | b'I' => return Ok(self.on_complete(program, frame, out, listener)),
            b'Z' => {
                self.state.status = backend::transaction_status(frame)?;
                return self.on_ready(program, out, listener);
            }
            // ParseComplete, BindComplete, CloseComplete, NoData, RowDescription, notices and
            // notifications, and a COPY TO that nobody reads.
            b'1' | b'2' | b'3' | b'n' | b'T' | b'N' | b'A' | b'H' | b'd' | b'c' => {}
            b'E' => {
                let error = backend::server_error(frame)?;
                return self.on_error(program, &error, out, listener);
            }
            b'G' => return self.on_copy_in(program, out),
            b'S' => self.on_setting(frame)?,
            tag => return Err(SessionError::Wire(unexpected(tag))),
        }
        Ok(Turn::Wait)
    }

    /// True if a row is to be read; if not, its message can be thrown away unread and reported by
    /// [`Session::skip_row`].
    #[must_use]
    pub fn reads_row(&self, program: &Program) -> bool {
        let Phase::Statements(answers) = &self.state.phase else { return false };
        !answers.has_row && self.current(program).is_some_and(|one| !one.capture.is_empty())
    }

    /// A row was thrown away; `body_bytes` as its header had it.
    pub fn skip_row(&mut self, body_bytes: usize) {
        self.count_received(body_bytes);
        if let Phase::Statements(answers) = &mut self.state.phase {
            answers.has_row = true;
        }
    }

    /// The connection is lost: whatever is under way has failed.
    pub fn lose(
        &mut self,
        program: &Program,
        (code, message): (Sqlstate, &str),
        listener: &mut impl Listener,
    ) {
        if let Phase::Statements(answers) = self.state.phase
            && answers.done < answers.count
            && !answers.has_begin
        {
            self.note_failure(code, format_args!("{message}"));
            self.answered(program, 0, listener);
        }
        self.state.phase = Phase::Idle;
    }

    fn count_received(&mut self, body_bytes: usize) {
        self.traffic.received_bytes += (body_bytes + frame::HEADER_BYTES) as u64;
    }

    /// In a pipeline, variables may be set between the statements.
    fn current<'a>(&self, program: &'a Program) -> Option<Current<'a>> {
        let from = self.state.answering;
        (from..).zip(&program.steps[from..]).find_map(|(step, found)| match found {
            Step::Execute { statement, rows, capture, .. } => {
                Some(Current { step, statement: *statement, rows: *rows, capture })
            }
            Step::CopyIn { statement, .. } => {
                Some(Current { step, statement: *statement, rows: None, capture: &[] })
            }
            _ => None,
        })
    }

    fn on_row(&mut self, program: &Program, frame: Frame<'_>) -> Result<()> {
        let Phase::Statements(answers) = &mut self.state.phase else { return Ok(()) };
        if answers.has_begin || std::mem::replace(&mut answers.has_row, true) {
            return Ok(());
        }
        let Some(Current { step, capture, .. }) = self.current(program) else { return Ok(()) };
        if capture.is_empty() {
            return Ok(());
        }
        let place = &program.places[step];
        let mut row = backend::data_row(frame)?;
        let mut column = 0;
        while let Some(text) = row.next_value()? {
            for one in capture.iter().filter(|one| one.column == column) {
                match text.map_or(Ok(Value::Null), |text| self.captured(one.kind, text)) {
                    Ok(value) => self.slots[one.slot as usize] = value,
                    Err(code) => {
                        let (number, kind) = (u32::from(column) + 1, kind_name(one.kind));
                        self.note_failure(
                            code,
                            format_args!("{place}: column {number} is not {kind}"),
                        );
                    }
                }
            }
            column += 1;
        }
        if let Some(missing) = capture.iter().find(|one| one.column >= column) {
            let number = u32::from(missing.column) + 1;
            self.note_failure(
                TYPE_MISMATCH,
                format_args!("{place}: there is no column {number}, a row has {column}"),
            );
        }
        Ok(())
    }

    fn captured(&mut self, kind: Kind, text: &[u8]) -> std::result::Result<Value, Sqlstate> {
        let readable = || std::str::from_utf8(text).map_err(|_| TYPE_MISMATCH);
        Ok(match kind {
            Kind::Int => Value::Int(readable()?.parse().map_err(|_| TYPE_MISMATCH)?),
            Kind::Float => Value::Float(readable()?.parse().map_err(|_| TYPE_MISMATCH)?),
            Kind::Bool => match text {
                b"t" => Value::Bool(true),
                b"f" => Value::Bool(false),
                _ => return Err(TYPE_MISMATCH),
            },
            Kind::Text => {
                readable()?;
                let written = self.scratch.write(|out| out.extend_from_slice(text));
                Value::Text(written.map_err(|_| PROGRAM_LIMIT)?)
            }
            Kind::Bytes => {
                let digits = text.strip_prefix(b"\\x").ok_or(TYPE_MISMATCH)?;
                if digits.len() % 2 > 0 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(TYPE_MISMATCH);
                }
                let bytes = digits.chunks_exact(2).map(|pair| from_hex(pair[0], pair[1]));
                let written = self.scratch.write(|out| out.extend(bytes));
                Value::Bytes(written.map_err(|_| PROGRAM_LIMIT)?)
            }
        })
    }

    fn on_complete(
        &mut self,
        program: &Program,
        frame: Frame<'_>,
        out: &mut Vec<u8>,
        listener: &mut impl Listener,
    ) -> Turn {
        let tag = frame.body.strip_suffix(&[0]).unwrap_or(frame.body);
        match &mut self.state.phase {
            Phase::Control { purpose: Purpose::Commit, .. } if tag == b"ROLLBACK" => {
                self.note_failure(
                    IN_FAILED_TRANSACTION,
                    format_args!("the server rolled back instead of committing"),
                );
                Turn::Wait
            }
            Phase::Idle | Phase::Control { .. } => Turn::Wait,
            Phase::Statements(answers) => {
                let is_begin = std::mem::take(&mut answers.has_begin);
                // The simple protocol may answer more than once to what was one statement.
                if is_begin || answers.done == answers.count {
                    return Turn::Wait;
                }
                // A statement that should take rows and does not.
                let before = out.len();
                self.end_copy(out);
                self.count_sent_with_statement(out.len() - before);
                self.answered(program, backend::affected_rows(tag), listener);
                if out.len() > before { Turn::Append { is_whole: true } } else { Turn::Wait }
            }
        }
    }

    /// A statement is done or has failed.
    fn answered(&mut self, program: &Program, rows: u64, listener: &mut impl Listener) {
        let Some(current) = self.current(program) else { return };
        let Phase::Statements(answers) = self.state.phase else { return };
        if answers.failure.is_none() {
            if !answers.has_row {
                for one in current.capture {
                    self.slots[one.slot as usize] = Value::Null;
                }
            }
            self.check_rows(&program.places[current.step], rows, current.rows);
        }
        let traffic = Traffic {
            rows,
            sent_bytes: self.sent_bytes.get(answers.done).copied().unwrap_or(0),
            received_bytes: self.traffic.received_bytes - self.received_before_bytes,
        };
        self.traffic.rows += rows;
        self.received_before_bytes = self.traffic.received_bytes;
        let Phase::Statements(answers) = &mut self.state.phase else { return };
        let failure = answers.failure.take().map(|code| (code, self.message.as_str()));
        listener.statement(Answer { statement: current.statement, traffic, failure });
        answers.done += 1;
        answers.has_row = false;
        self.state.answering = current.step + 1;
    }

    fn check_rows(&mut self, place: &str, rows: u64, range: Option<RowRange>) {
        let Some(RowRange { min, max }) = range else { return };
        if rows < min {
            self.note_failure(
                NO_DATA_FOUND,
                format_args!("{place}: {rows} rows, at least {min} are expected"),
            );
        } else if let Some(max) = max.filter(|max| rows > *max) {
            self.note_failure(
                TOO_MANY_ROWS,
                format_args!("{place}: {rows} rows, at most {max} are expected"),
            );
        }
    }

    /// Remember the first failure of what is under way.
    pub(super) fn note_failure(&mut self, code: Sqlstate, message: fmt::Arguments<'_>) {
        if self.take_failure(code) {
            self.message.set(message);
        }
    }

    /// True if it is the first one.
    fn take_failure(&mut self, code: Sqlstate) -> bool {
        let first = match &mut self.state.phase {
            Phase::Idle => return false,
            Phase::Control { failure, .. } => failure,
            Phase::Statements(answers) => {
                answers.failure.get_or_insert(code);
                &mut answers.first_failure
            }
        };
        let is_first = first.is_none();
        first.get_or_insert(code);
        is_first
    }

    fn on_error(
        &mut self,
        program: &Program,
        error: &ServerError<'_>,
        out: &mut Vec<u8>,
        listener: &mut impl Listener,
    ) -> Result<Turn> {
        let code = error.sqlstate.try_into().map_or(INTERNAL_ERROR, Sqlstate::from_bytes);
        if self.take_failure(code) {
            self.message.set_bytes(error.message);
        }
        if let Phase::Statements(answers) = &mut self.state.phase {
            // BEGIN itself may have failed; then no statement was tried.
            let is_begin = std::mem::take(&mut answers.has_begin);
            if !is_begin && answers.done < answers.count {
                self.answered(program, 0, listener);
            }
            // What follows in a pipeline is skipped by the server.
            if let Phase::Statements(answers) = &mut self.state.phase {
                answers.done = answers.count;
            }
        }
        if matches!(error.severity, b"FATAL" | b"PANIC") {
            self.state.phase = Phase::Idle;
            let message = String::from_utf8_lossy(error.message).into_owned();
            return Err(SessionError::Fatal { code, message });
        }
        let before = out.len();
        self.end_copy(out);
        self.count_sent_with_statement(out.len() - before);
        Ok(if out.len() > before { Turn::Append { is_whole: true } } else { Turn::Wait })
    }

    fn on_ready(
        &mut self,
        program: &Program,
        out: &mut Vec<u8>,
        listener: &mut impl Listener,
    ) -> Result<Turn> {
        let before = out.len();
        let turn = match self.state.phase {
            Phase::Idle => Turn::Wait,
            Phase::Statements(answers) => match answers.first_failure {
                Some(code) => self.after_failure(code, program, out),
                None if answers.done < answers.count => {
                    return Err(SessionError::Wire(WireError::Unexpected {
                        found: "ReadyForQuery".to_owned(),
                        wanted: "an answer to each statement",
                    }));
                }
                None => return Ok(self.next(program, out, listener)),
            },
            Phase::Control { purpose, failure } => match (purpose, failure) {
                (Purpose::Rollback(after), _) => {
                    if self.state.status != TransactionStatus::Idle {
                        return Err(SessionError::Wire(WireError::Unexpected {
                            found: "an open transaction".to_owned(),
                            wanted: "none after ROLLBACK",
                        }));
                    }
                    self.ended(after)
                }
                (Purpose::Commit, None) => {
                    self.state.block = None;
                    return Ok(self.next(program, out, listener));
                }
                // The server has rolled back already, or it is made to.
                (Purpose::Commit, Some(code)) => self.end(self.after(code), program, out),
                (_, None) => return Ok(self.next(program, out, listener)),
                (Purpose::Savepoint, Some(code)) => {
                    // There is none to go back to.
                    self.savepoints.pop();
                    self.end(self.after(code), program, out)
                }
                (_, Some(code)) => self.after_failure(code, program, out),
            },
        };
        self.traffic.sent_bytes += (out.len() - before) as u64;
        Ok(turn)
    }

    fn next(&mut self, program: &Program, out: &mut Vec<u8>, listener: &mut impl Listener) -> Turn {
        self.state.phase = Phase::Idle;
        self.go_on(program, out, listener)
    }

    /// A setting changed.
    fn on_setting(&mut self, frame: Frame<'_>) -> Result<()> {
        if self.prepared.protocol == Protocol::Simple
            && let Backend::ParameterStatus { name: b"standard_conforming_strings", value } =
                backend::decode(frame)?
            && value != b"on"
        {
            return Err(SessionError::Strings(String::from_utf8_lossy(value).into_owned()));
        }
        Ok(())
    }
}

fn unexpected(tag: u8) -> WireError {
    WireError::Unexpected {
        found: format!("a message of type {:?}", char::from(tag)),
        wanted: "an answer to a statement",
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "a boolean",
        Kind::Int => "an integer of 64 bits",
        Kind::Float => "a number",
        Kind::Text => "a text in UTF-8",
        Kind::Bytes => "bytes",
    }
}

fn from_hex(high: u8, low: u8) -> u8 {
    let digit = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0).to_le_bytes()[0];
    digit(high) << 4 | digit(low)
}
