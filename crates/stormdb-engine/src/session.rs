//! Runs one transaction at a time on one connection: messages in, messages out, no I/O.
//!
//! [`Session::start`] and [`Session::on_frame`] append requests to `out` and say how it goes on.
//! Between them the session waits for the server, so a thread can serve any number of sessions.

mod bind;
mod run;

use crate::draw::Draws;
use crate::program::Program;
use crate::sqlstate::Sqlstate;
use crate::value::{Arena, Value};
use stormdb_wire::Error as WireError;

pub use bind::{Prepared, Preparing, Unprepared};

/// Bytes of an error message that are kept.
const MAX_MESSAGE_BYTES: usize = 300;
/// Room that is set aside for the texts of a transaction.
const SCRATCH_BYTES: usize = 4 * 1024;
const SCRATCH_ELEMENTS: usize = 64;

/// How a transaction goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Turn {
    /// The server must answer.
    Wait,
    /// A planned pause, outside of all times; then [`Session::go_on`].
    Think {
        /// How long.
        pause_ns: u64,
    },
    /// A block failed with a code that is worth another try; [`Session::go_on`] makes it.
    Retry {
        /// Why.
        code: Sqlstate,
    },
    /// The transaction is over.
    Done(Outcome),
}

/// How a transaction ended. The message of a failure is [`Session::message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its work is done (and durable as far as the server promises).
    Committed,
    /// Rolled back on purpose.
    RolledBack,
    /// Failed.
    Failed(Sqlstate),
}

/// What the session tells of while it runs.
pub trait Listener {
    /// A statement was answered; it was sent with the last request and nothing else was.
    fn statement(&mut self, statement: u32, is_done: bool);
    /// A custom metric.
    fn emit(&mut self, metric: u32, value: f64);
}

/// State of one connection's transactions.
#[derive(Debug)]
pub struct Session {
    prepared: Prepared,
    slots: Vec<Value>,
    values: Vec<Value>,
    scratch: Arena,
    loops: Vec<Turns>,
    savepoints: Vec<Savepoint>,
    message: String,
    state: State,
}

/// A loop under way.
#[derive(Debug, Clone, Copy)]
struct Turns {
    done: u64,
    count: u64,
}

/// Where the running transaction is.
#[derive(Debug, Clone)]
struct State {
    draws: Draws,
    /// Next step.
    step: usize,
    /// The open block, if there is one.
    block: Option<Block>,
    pipeline: Option<Pipeline>,
    /// First of the executes that were sent and not answered yet.
    answering: usize,
    phase: Phase,
}

#[derive(Debug, Clone, Copy)]
struct Block {
    /// The step of its BEGIN.
    step: usize,
    retry: bool,
    /// BEGIN travels with the first statement; before that there is nothing to end.
    is_begun: bool,
    loop_depth: usize,
}

/// An open savepoint.
#[derive(Debug, Clone, Copy)]
struct Savepoint {
    /// First step behind it.
    end: usize,
    /// Whether the transaction goes on there after an error.
    goes_on: bool,
    loop_depth: usize,
}

/// A pipeline that is being put together.
#[derive(Debug, Clone, Copy)]
struct Pipeline {
    /// Bytes that were to be sent before it, to take it back.
    mark: usize,
    /// Whether BEGIN had been sent before it.
    was_begun: bool,
    count: usize,
}

/// What the server is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing.
    Idle,
    /// Statements of the program.
    Statements {
        /// A BEGIN whose completion comes first.
        begin: bool,
        /// Whether the current statement has given a row.
        has_row: bool,
        /// How many were sent.
        count: usize,
        /// The first failure, if there was one.
        failure: Option<Sqlstate>,
    },
    /// COMMIT.
    Commit {
        /// If it failed.
        failure: Option<Sqlstate>,
    },
    /// ROLLBACK, and what comes after it.
    Rollback(After),
    /// Back to a savepoint, then on behind it.
    ToSavepoint,
    /// SAVEPOINT or RELEASE.
    Savepoint {
        /// If it failed.
        failure: Option<Sqlstate>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    RolledBack,
    Fail(Sqlstate),
    Retry(Sqlstate),
}

/// Why a connection cannot be used any longer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The server broke the protocol.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The server ends the session.
    #[error("{message}")]
    Fatal {
        /// Its code.
        code: Sqlstate,
        /// Its words.
        message: String,
    },
}

impl Session {
    /// A session whose connection has prepared the program's statements.
    #[must_use]
    pub fn new(program: &Program, prepared: Prepared) -> Self {
        let deepest =
            program.transactions.iter().map(|one| one.loop_depth as usize).max().unwrap_or(0);
        let slots =
            program.transactions.iter().map(|one| one.slot_count as usize).max().unwrap_or(0);
        let values = program
            .statements
            .iter()
            .map(|one| usize::from(one.parameter_count))
            .max()
            .unwrap_or(0);
        Self {
            prepared,
            slots: Vec::with_capacity(slots),
            values: Vec::with_capacity(values),
            scratch: Arena::with_capacity(SCRATCH_BYTES, SCRATCH_ELEMENTS),
            loops: Vec::with_capacity(deepest),
            savepoints: Vec::with_capacity(4),
            message: String::with_capacity(MAX_MESSAGE_BYTES),
            state: State::idle(),
        }
    }

    /// Message of the last failure.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl State {
    fn idle() -> Self {
        Self {
            draws: Draws { seed: 0, row: 0, index: 0, iteration: 0 },
            step: 0,
            block: None,
            pipeline: None,
            answering: 0,
            phase: Phase::Idle,
        }
    }
}
