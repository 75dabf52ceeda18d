//! What follows a failure, and how a transaction ends.

use std::fmt;

use super::request::Control;
use super::{After, Outcome, Phase, Purpose, Session, Turn};
use crate::expr::EvalError;
use crate::program::Program;
use crate::sqlstate::Sqlstate;
use stormdb_wire::TransactionStatus;

const SERIALIZATION_FAILURE: Sqlstate = Sqlstate::from_bytes(*b"40001");
const DEADLOCK_DETECTED: Sqlstate = Sqlstate::from_bytes(*b"40P01");

impl Session {
    /// A step cannot be done.
    pub(super) fn fail_at(
        &mut self,
        step: usize,
        error: EvalError,
        program: &Program,
        out: &mut Vec<u8>,
    ) -> Turn {
        let code = Sqlstate::from_bytes(error.sqlstate_bytes());
        let place = &program.places[step];
        self.fail(code, format_args!("{place}: {error}"), program, out)
    }

    /// The transaction fails by itself, whatever the server thinks of it.
    pub(super) fn fail(
        &mut self,
        code: Sqlstate,
        message: fmt::Arguments<'_>,
        program: &Program,
        out: &mut Vec<u8>,
    ) -> Turn {
        self.message.set(message);
        self.take_pipeline_back(out);
        self.end(After::Fail(code), program, out)
    }

    /// A statement failed: go on behind the savepoint around it if that is wanted, else end.
    pub(super) fn after_failure(
        &mut self,
        code: Sqlstate,
        program: &Program,
        out: &mut Vec<u8>,
    ) -> Turn {
        if let Some(savepoint) = self.savepoints.pop()
            && savepoint.goes_on
        {
            self.loops.truncate(savepoint.loop_depth);
            self.state.step = savepoint.end;
            let controls = [Control::RollbackTo, Control::Release];
            return self.control(Purpose::ToSavepoint, &controls, program, out);
        }
        self.end(self.after(code), program, out)
    }

    pub(super) fn after(&self, code: Sqlstate) -> After {
        let is_retried = self.state.block.is_some_and(|block| block.retry);
        if is_retried && matches!(code, SERIALIZATION_FAILURE | DEADLOCK_DETECTED) {
            After::Retry(code)
        } else {
            After::Fail(code)
        }
    }

    /// End the transaction: roll back first what is open.
    pub(super) fn end(&mut self, after: After, program: &Program, out: &mut Vec<u8>) -> Turn {
        if self.state.status == TransactionStatus::Idle {
            return self.ended(after);
        }
        self.control(Purpose::Rollback(after), &[Control::Rollback], program, out)
    }

    /// The server has nothing open any more.
    pub(super) fn ended(&mut self, after: After) -> Turn {
        self.state.phase = Phase::Idle;
        match after {
            After::RolledBack => Turn::Done(Outcome::RolledBack),
            After::Fail(code) => Turn::Done(Outcome::Failed(code)),
            After::Retry(code) => {
                self.rewind();
                Turn::Retry { code }
            }
        }
    }

    /// Back to the start of the block; the same values will be drawn.
    fn rewind(&mut self) {
        if let Some(block) = self.state.block.take() {
            self.state.step = block.step;
            self.loops.truncate(block.loop_depth);
        }
        self.savepoints.clear();
    }
}
