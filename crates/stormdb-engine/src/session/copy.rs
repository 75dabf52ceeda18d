//! Rows in bulk: binary `COPY … FROM STDIN`.
//!
//! As drivers do, the statement goes first and the rows follow when the server asks for them.
//! They are made piece by piece, so that neither a large copy nor a slow server fills the memory.
//!
//! Source: PostgreSQL documentation, "COPY Operations" and the file format of COPY.

use stormdb_wire::frontend;

use super::{Copy, Session, SessionError, Turn, Turns};
use crate::encoding::append_binary;
use crate::expr::EvalError;
use crate::program::{Program, Step};
use crate::sqlstate::Sqlstate;
use crate::value::Memory;

/// Size from which a piece is sent. One piece takes a thread some tens of microseconds; more would
/// let other connections wait, less would cost more system calls.
const PIECE_BYTES: usize = 16 * 1024;
/// Signature, flags and length of the extension.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Instead of a number of columns: the end.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

impl Session {
    /// Send the statement of a copy.
    pub(super) fn start_copy(
        &mut self,
        program: &Program,
        step: usize,
        out: &mut Vec<u8>,
    ) -> Result<Turn, EvalError> {
        let Step::CopyIn { statement, rows, limit, .. } = &program.steps[step] else {
            return Err(EvalError::Kind("a copy"));
        };
        let count = self.scope(program).integer(*rows)?;
        let count = match self.checked_count(count, *limit, (program, step), out) {
            Ok(count) => count,
            Err(turn) => return Ok(turn),
        };
        let mark = out.len();
        self.values.clear();
        let has_begin = self.append_statement(program, *statement, out)?;
        self.prepared.await_copy(out);
        self.await_one(step, has_begin, out.len() - mark);
        // Each row draws values of its own, as each turn of a loop does.
        self.loops.push(Turns { done: 0, count });
        self.state.copy = Some(Copy { step, is_open: false });
        Ok(Turn::Send)
    }

    /// The server takes rows.
    pub(super) fn on_copy_in(
        &mut self,
        program: &Program,
        out: &mut Vec<u8>,
    ) -> Result<Turn, SessionError> {
        // Without rows it would wait for ever.
        let copy = self.state.copy.as_mut().ok_or(SessionError::Copy)?;
        copy.is_open = true;
        Ok(self.more(program, out))
    }

    /// Go on with a request that was not whole. Does nothing if that is settled meanwhile.
    pub fn more(&mut self, program: &Program, out: &mut Vec<u8>) -> Turn {
        let before = out.len();
        let is_open = self.state.copy.is_some_and(|copy| copy.is_open);
        let turn = if is_open { self.append_rows(program, out) } else { Turn::Wait };
        self.count_sent_with_statement(out.len() - before);
        turn
    }

    pub(super) fn count_sent_with_statement(&mut self, bytes: usize) {
        self.traffic.sent_bytes += bytes as u64;
        if let Some(sent_bytes) = self.sent_bytes.last_mut() {
            *sent_bytes += bytes as u64;
        }
    }

    /// Append a piece of the rows, and the end behind the last one.
    fn append_rows(&mut self, program: &Program, out: &mut Vec<u8>) -> Turn {
        let appended = frontend::copy_data(out, |out| self.append_piece(program, out));
        match appended {
            Ok(()) if self.is_all_copied() => {
                frontend::copy_done(out);
                self.end_copy(out);
                Turn::Append { is_whole: true }
            }
            Ok(()) => Turn::Append { is_whole: false },
            Err(error) => {
                self.note_eval_failure(error, program);
                fail_copy("a row could not be made", out);
                self.end_copy(out);
                Turn::Append { is_whole: true }
            }
        }
    }

    fn append_piece(&mut self, program: &Program, out: &mut Vec<u8>) -> Result<(), EvalError> {
        let start = out.len();
        if self.loops.last().is_some_and(|rows| rows.done == 0) {
            out.extend_from_slice(HEADER);
        }
        while out.len() - start < PIECE_BYTES && !self.is_all_copied() {
            self.append_row(program, out)?;
            if let Some(rows) = self.loops.last_mut() {
                rows.done += 1;
            }
        }
        if self.is_all_copied() {
            out.extend(TRAILER);
        }
        Ok(())
    }

    fn append_row(&mut self, program: &Program, out: &mut Vec<u8>) -> Result<(), EvalError> {
        let Some(copy) = self.state.copy else { return Ok(()) };
        let Step::CopyIn { columns, types, .. } = &program.steps[copy.step] else { return Ok(()) };
        let scratch = self.scratch.mark();
        self.evaluate(program, *columns)?;
        let count = i16::try_from(types.len()).map_err(|_| EvalError::OutOfRange)?;
        out.extend(count.to_be_bytes());
        let memory = Memory { constants: &program.constants, scratch: &self.scratch };
        for (value, server_type) in self.values.iter().zip(types) {
            append_binary(*value, *server_type, memory, out)?;
        }
        self.scratch.reset(scratch);
        Ok(())
    }

    fn is_all_copied(&self) -> bool {
        self.loops.last().is_none_or(|rows| rows.done == rows.count)
    }

    /// No more rows: the server is asked to end the request.
    pub(super) fn end_copy(&mut self, out: &mut Vec<u8>) {
        if self.state.copy.take().is_some() {
            self.loops.pop();
            self.prepared.end(out);
        }
    }

    fn note_eval_failure(&mut self, error: EvalError, program: &Program) {
        let code = Sqlstate::from_bytes(error.sqlstate_bytes());
        let place = &program.places[self.state.answering];
        let row = self.loops.last().map_or(0, |rows| rows.done) + 1;
        self.note_failure(code, format_args!("{place}: row {row}: {error}"));
    }
}

fn fail_copy(reason: &str, out: &mut Vec<u8>) {
    frontend::copy_fail(reason.as_bytes(), out).expect("the reason is short, without a zero byte");
}
