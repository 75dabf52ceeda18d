//! What a transaction does: decoded from bytes, verified, and flattened into steps with jumps.
//!
//! [`ir`] is the travelling form, [`Program`] what the engine runs.

mod check;
mod flatten;
pub mod ir;
mod sql;
#[cfg(test)]
pub(crate) mod testing;

use std::ops::Range;
use std::thread::Builder;

use crate::encoding::ServerType;
use crate::value::{Arena, Span, Value};
use ir::{Binary, Mix, RowRange, Unary};

pub use check::Problem;

/// Nested steps and expressions are read, checked and flattened by recursion. Threads of callers may
/// have no room for the deepest that are allowed: a few KiB for each of 1,024 levels.
const DECODE_STACK_BYTES: usize = 32 << 20;

/// Number of an expression node.
pub type ExprId = u32;

/// Part of [`Program::lists`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List {
    start: u32,
    length: u32,
}

/// A verified program.
#[derive(Debug)]
pub struct Program {
    /// How the transactions are mixed.
    pub mix: Mix,
    /// The transactions.
    pub transactions: Vec<Transaction>,
    /// Statements by number.
    pub statements: Vec<Statement>,
    /// Names of the custom metrics.
    pub metrics: Vec<String>,
    /// Steps of all transactions, one after the other.
    pub steps: Vec<Step>,
    /// Place of each step in the author's code.
    pub places: Vec<String>,
    /// Nodes of all expressions.
    pub nodes: Vec<Node>,
    /// Lists of nodes that steps and nodes refer to.
    pub lists: Vec<ExprId>,
    /// Texts, bytes and arrays of the constants.
    pub constants: Arena,
    /// What a connection must have room for.
    pub room: Room,
}

/// Most that any transaction of a program needs at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// Variables.
    pub slots: usize,
    /// Loops around a step; a copy counts as one.
    pub loops: usize,
    /// Savepoints around a step.
    pub savepoints: usize,
    /// Statements that are sent together.
    pub statements: usize,
}

/// One SQL statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Row of the report.
    pub label: String,
    /// Text with `$1` … `$n`.
    pub sql: String,
    /// Number of parameters.
    pub parameter_count: u16,
    /// The text cut at its parameters.
    pub parts: Box<[Part]>,
}

/// A piece of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// As it stands there.
    Text(Range<usize>),
    /// The parameter of this number, from 1.
    Parameter(u32),
}

/// One kind of transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Row of the report.
    pub name: String,
    /// Share of the mix.
    pub weight: u32,
    /// Number of variables.
    pub slot_count: u32,
    /// First of its steps.
    pub first_step: u32,
}

/// One step. A jump names the number of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Set a variable.
    Let {
        /// The variable.
        slot: u32,
        /// Its value.
        value: ExprId,
    },
    /// Run a statement.
    Execute {
        /// Its number.
        statement: u32,
        /// `$1` … `$n`.
        values: List,
        /// Rows that it must return or change.
        rows: Option<RowRange>,
        /// Columns to keep.
        capture: Box<[ir::Capture]>,
    },
    /// Go on elsewhere unless the condition is true.
    Unless {
        /// NULL counts as false.
        condition: ExprId,
        /// Where to go on.
        to: u32,
    },
    /// Go on elsewhere.
    Jump {
        /// Where.
        to: u32,
    },
    /// Start a loop, or pass it if the count is 0.
    LoopStart {
        /// How often.
        count: ExprId,
        /// Largest count.
        limit: u32,
        /// Variable that counts from 0.
        slot: Option<u32>,
        /// After the loop.
        end: u32,
    },
    /// End of a loop's body.
    LoopEnd {
        /// First step of the body.
        body: u32,
        /// Variable that counts from 0.
        slot: Option<u32>,
    },
    /// `BEGIN`.
    Begin {
        /// The statement.
        sql: String,
        /// Run the block again after a serialization failure or a deadlock.
        retry: bool,
    },
    /// `COMMIT`.
    Commit,
    /// Send the executes up to the matching end together.
    PipelineStart,
    /// Read the answers of the pipeline.
    PipelineEnd,
    /// Binary copy into a table.
    CopyIn {
        /// The `COPY` statement.
        statement: u32,
        /// How many rows.
        rows: ExprId,
        /// Largest number of rows.
        limit: u32,
        /// Values of a row.
        columns: List,
        /// Types of the columns.
        types: Box<[ServerType]>,
    },
    /// `SAVEPOINT`.
    SavepointStart {
        /// After a server error: go on behind the savepoint, or fail.
        goes_on: bool,
        /// Behind the savepoint.
        end: u32,
    },
    /// `RELEASE`.
    SavepointEnd,
    /// Pause.
    Think {
        /// How long.
        seconds: ExprId,
    },
    /// Roll back on purpose and end.
    Abort,
    /// Fail unless the condition is true.
    Check {
        /// NULL counts as false.
        condition: ExprId,
        /// What does not hold.
        message: String,
    },
    /// Record a custom metric.
    Emit {
        /// Number of the metric.
        metric: u32,
        /// A number.
        value: ExprId,
    },
    /// The transaction is over.
    End,
}

/// One node of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A constant.
    Const(Value),
    /// A variable.
    Slot(u32),
    /// An operation.
    Unary(Unary, ExprId),
    /// An operation.
    Binary(Binary, ExprId, ExprId),
    /// Conditions and values in turn, the last value alone.
    Case(List),
    /// Entry of a table of constants.
    Table(Span, ExprId),
    /// An array.
    Array(List),
    /// Entry of an array.
    Index(ExprId, ExprId),
    /// A random value.
    Draw {
        /// Number of the draw within the transaction.
        draw: u32,
        /// What is drawn.
        generator: Generator,
    },
    /// Bijection of `0 .. size`.
    Permute {
        /// How many values.
        size: ExprId,
        /// Which bijection.
        seed: i64,
        /// What is mapped.
        value: ExprId,
    },
    /// Hash.
    Hash {
        /// What is hashed.
        value: ExprId,
        /// Which hash.
        seed: i64,
    },
    /// Number of the transaction in the run.
    Sequence,
}

/// Distribution with its parameters.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of ir::Generator")]
pub enum Generator {
    /// See [`ir::Generator::Uniform`].
    Uniform { low: ExprId, high: ExprId },
    /// See [`ir::Generator::UniformFloat`].
    UniformFloat { low: ExprId, high: ExprId },
    /// See [`ir::Generator::Zipf`].
    Zipf { count: ExprId, skew: f64 },
    /// See [`ir::Generator::Gaussian`].
    Gaussian { low: ExprId, high: ExprId, sigmas: f64 },
    /// See [`ir::Generator::Exponential`].
    Exponential { low: ExprId, high: ExprId, decay: f64 },
    /// See [`ir::Generator::Nurand`].
    Nurand { a: i64, c: i64, low: ExprId, high: ExprId },
    /// See [`ir::Generator::Choice`]; the weights are summed up and end with 1.
    Choice { cumulated: Box<[f64]>, values: List },
    /// See [`ir::Generator::Pattern`].
    Pattern(Box<[u8]>),
    /// See [`ir::Generator::Text`].
    Text { min: ExprId, max: ExprId, alphabet: Box<[u8]> },
    /// See [`ir::Generator::Bytes`].
    Bytes { length: ExprId },
    /// See [`ir::Generator::Uuid`].
    Uuid,
    /// See [`ir::Generator::Vector`].
    Vector { dimensions: u32, is_normalised: bool },
}

impl Program {
    /// Decode and verify.
    ///
    /// # Errors
    /// The bytes are no program of this version, or what they say cannot be run.
    ///
    /// # Panics
    /// Never: what is nested too deep is refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, Problem> {
        let decode = || {
            let program = check::decode(bytes)?;
            check::verify(&program)?;
            Ok(flatten::flatten(program))
        };
        std::thread::scope(|scope| {
            let reader = Builder::new().stack_size(DECODE_STACK_BYTES);
            let reader = reader.spawn_scoped(scope, decode).map_err(check::no_thread)?;
            reader.join().expect("reading does not panic")
        })
    }

    /// Nodes of a list.
    #[must_use]
    pub fn list(&self, list: List) -> &[ExprId] {
        let start = list.start as usize;
        &self.lists[start..start + list.length as usize]
    }
}

#[cfg(test)]
mod tests;
