//! Runs one transaction at a time on one connection: messages in, messages out, no I/O.
//!
//! [`Session::start`], [`Session::go_on`], [`Session::more`] and [`Session::on_frame`] append
//! requests to `out` and say how it goes on. Between them the session waits for the server, so a
//! thread can serve any number of sessions.
//!
//! [`prepare`] makes a connection ready, [`request`] writes what is sent, [`steps`] runs the
//! program, [`answers`] takes what the server says, [`ending`] is what comes after a failure,
//! [`copy`] sends rows in bulk.

mod answers;
mod copy;
mod ending;
mod message;
mod prepare;
mod request;
mod steps;

use crate::draw::Draws;
use crate::program::Program;
use crate::snapshot::Traffic;
use crate::sqlstate::Sqlstate;
use crate::value::{Arena, Value};
use stormdb_wire::{Error as WireError, TransactionStatus};

use message::Message;

pub use prepare::{Opening, Prepared, Preparing, Refusal};
pub use request::Protocol;

/// Room that is set aside for the texts of a transaction.
const SCRATCH_BYTES: usize = 4 * 1024;
const SCRATCH_ELEMENTS: usize = 64;

/// How a transaction goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Turn {
    /// The server must answer; there is nothing to send.
    Wait,
    /// A request was appended: send it. The time of its statements starts now.
    Send,
    /// More of the request was appended: send it. Unless it is whole now, call [`Session::more`]
    /// once most of it has left.
    Append {
        /// Nothing more follows.
        is_whole: bool,
    },
    /// A planned pause, outside of all times; then [`Session::go_on`].
    Think {
        /// How long. 0 lets others have a turn.
        pause_ns: u64,
    },
    /// A block failed with a code that is worth another try; [`Session::go_on`] makes it.
    Retry {
        /// Why.
        code: Sqlstate,
    },
    /// The transaction is over. What it moved is [`Session::traffic`].
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

/// A statement that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Its number.
    pub statement: u32,
    /// What it moved.
    pub traffic: Traffic,
    /// Code and message, if it failed: by the server, or because its rows are not as declared.
    pub failure: Option<(Sqlstate, &'a str)>,
}

/// What the session tells of while it runs.
pub trait Listener {
    /// A statement was answered. Its time started with the last [`Turn::Send`], that of all
    /// statements of a pipeline together.
    fn statement(&mut self, answer: Answer<'_>);
    /// A custom metric.
    fn emit(&mut self, metric: u32, value: f64);
}

/// State of one connection's transactions.
#[derive(Debug)]
pub struct Session {
    prepared: Prepared,
    slots: Vec<Value>,
    /// Parameters of the statement at hand.
    values: Vec<Value>,
    scratch: Arena,
    loops: Vec<Turns>,
    savepoints: Vec<Savepoint>,
    /// Size of each statement of the request under way.
    sent_bytes: Vec<u64>,
    message: Message,
    traffic: Traffic,
    /// What had been received when the statement at hand began.
    received_before_bytes: u64,
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
    copy: Option<Copy>,
    /// First of the steps that were sent and not answered yet.
    answering: usize,
    phase: Phase,
    status: TransactionStatus,
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
    /// Whether the BEGIN of the block is in it.
    has_begin: bool,
    count: usize,
}

/// A copy whose rows have not all been sent.
#[derive(Debug, Clone, Copy)]
struct Copy {
    step: usize,
    /// The server has asked for rows.
    is_open: bool,
}

/// What the server is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing.
    Idle,
    /// Statements of the program.
    Statements(Answers),
    /// A statement of our own.
    Control {
        purpose: Purpose,
        /// If it failed.
        failure: Option<Sqlstate>,
    },
}

/// How far the server is with the statements of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answers {
    /// A BEGIN whose completion comes first.
    has_begin: bool,
    /// Whether the statement at hand has given a row.
    has_row: bool,
    /// How many were sent.
    count: usize,
    /// How many were answered.
    done: usize,
    /// Failure of the statement at hand, which the server may not know of.
    failure: Option<Sqlstate>,
    /// The first failure of all.
    first_failure: Option<Sqlstate>,
}

/// Why a statement of our own was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Commit,
    Rollback(After),
    Savepoint,
    Release,
    /// Back to a savepoint, then on behind it.
    ToSavepoint,
}

/// What follows when a block has ended.
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
    /// The server waits for rows that nobody has.
    #[error("a statement wants rows as COPY does; hint: describe it by copy_in")]
    Copy,
    /// Texts would no longer be read as they are written.
    #[error(
        "standard_conforming_strings was set to {0}, which the simple protocol cannot work with"
    )]
    Strings(String),
}

impl Session {
    /// A session whose connection has prepared the program's statements.
    #[must_use]
    pub fn new(program: &Program, prepared: Prepared) -> Self {
        let room = program.room;
        let parameter_counts = program.statements.iter().map(|one| one.parameter_count);
        Self {
            prepared,
            slots: Vec::with_capacity(room.slots),
            values: Vec::with_capacity(parameter_counts.max().unwrap_or(0).into()),
            scratch: Arena::with_capacity(SCRATCH_BYTES, SCRATCH_ELEMENTS),
            loops: Vec::with_capacity(room.loops),
            savepoints: Vec::with_capacity(room.savepoints),
            sent_bytes: Vec::with_capacity(room.statements),
            message: Message::default(),
            traffic: Traffic::default(),
            received_before_bytes: 0,
            state: State::idle(),
        }
    }

    /// Message of the last failure.
    #[must_use]
    pub fn message(&self) -> &str {
        self.message.as_str()
    }

    /// What the transaction has moved so far, in all its tries.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }
}

impl State {
    fn idle() -> Self {
        Self {
            draws: Draws { seed: 0, row: 0, index: 0, iteration: 0 },
            step: 0,
            block: None,
            pipeline: None,
            copy: None,
            answering: 0,
            phase: Phase::Idle,
            status: TransactionStatus::Idle,
        }
    }
}

#[cfg(test)]
mod tests;
