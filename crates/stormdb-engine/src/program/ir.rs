//! A program as it travels: msgpack, written by Python's `stormdb.program.encode`.
//!
//! Maps by name, so that a dump can be read; enumerations are maps with one key, the variant.
//! `check` says what the types cannot, `flatten` turns it into what the engine runs.

mod constant;

use serde::{Deserialize, Serialize};

/// Version of this format.
pub const FORMAT_VERSION: u32 = 1;

/// A whole program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// [`FORMAT_VERSION`].
    pub version: u32,
    /// How the transactions are mixed.
    pub mix: Mix,
    /// The transactions, at least one with a weight above 0.
    pub transactions: Vec<Transaction>,
    /// Statements that steps refer to by number.
    pub statements: Vec<Statement>,
    /// Lists of values that `table` looks up.
    pub tables: Vec<Vec<Constant>>,
    /// Names of the custom metrics that steps emit.
    pub metrics: Vec<String>,
}

/// How the next transaction is chosen by the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mix {
    /// Drawn: shares are met on average.
    Sampled,
    /// Dealt from a shuffled deck: shares are met exactly in every deck.
    Deck,
}

/// One kind of transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// Row of the report.
    pub name: String,
    /// Share of the mix.
    pub weight: u32,
    /// File and line of the author's code.
    pub place: String,
    /// Names of the variables.
    pub slots: Vec<String>,
    /// How many random draws it makes: draw numbers are below.
    pub draws: u32,
    /// What it does.
    pub steps: Vec<Step>,
}

/// One SQL statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Row of the report, after the transaction's name.
    pub label: String,
    /// Text with `$1` … `$n`.
    pub sql: String,
    /// Number of parameters.
    pub parameter_count: u16,
}

/// A value that is known when the program is made.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Constant {
    /// SQL NULL.
    Null,
    /// Boolean.
    Bool(bool),
    /// 64-bit integer.
    Int(i64),
    /// Double.
    Float(f64),
    /// UTF-8 text.
    Text(String),
    /// Bytes.
    Bytes(serde_bytes::ByteBuf),
    /// Values of one kind.
    Array(Vec<Constant>),
}

/// A step, and where its author wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// File and line, for messages.
    pub place: String,
    /// What is done.
    #[serde(rename = "do")]
    pub action: Action,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Set a variable.
    Let {
        /// The variable.
        slot: u32,
        /// Its value.
        value: Expr,
    },
    /// Run a statement.
    Execute {
        /// Number of the statement.
        statement: u32,
        /// `$1` … `$n`.
        values: Vec<Expr>,
        /// How many rows it must return or change.
        rows: Option<RowRange>,
        /// Columns of the first row to keep.
        capture: Vec<Capture>,
    },
    /// Branch.
    When {
        /// NULL counts as false.
        condition: Expr,
        /// If true.
        then: Vec<Step>,
        /// If not.
        otherwise: Vec<Step>,
    },
    /// Loop.
    Repeat {
        /// How often; above the limit the transaction fails.
        count: Expr,
        /// Largest count.
        limit: u32,
        /// Variable that counts from 0.
        slot: Option<u32>,
        /// What is repeated.
        body: Vec<Step>,
    },
    /// `BEGIN` … `COMMIT`.
    Block {
        /// The whole `BEGIN` statement.
        begin: String,
        /// Run the block again after a serialization failure or a deadlock.
        retry: bool,
        /// What is done inside.
        body: Vec<Step>,
    },
    /// Send all at once, read all answers afterwards.
    Pipeline {
        /// Only `let` and `execute`.
        body: Vec<Step>,
    },
    /// Binary `COPY … FROM STDIN`.
    CopyIn {
        /// Number of the statement with the whole `COPY`.
        statement: u32,
        /// How many rows.
        rows: Expr,
        /// Largest number of rows.
        limit: u32,
        /// Values of a row, evaluated for each.
        columns: Vec<CopyColumn>,
    },
    /// `SAVEPOINT` … `RELEASE`; a server error inside rolls back to it.
    Savepoint {
        /// True: go on after the savepoint. False: fail the transaction.
        goes_on: bool,
        /// What is done inside.
        body: Vec<Step>,
    },
    /// Pause, outside of all times.
    Think {
        /// How long.
        seconds: Expr,
    },
    /// Roll back the surrounding block on purpose and end the transaction.
    Abort,
    /// An invariant: if it does not hold the transaction fails.
    Check {
        /// NULL counts as false.
        condition: Expr,
        /// What does not hold.
        message: String,
    },
    /// Record a custom metric.
    Emit {
        /// Number of the metric.
        metric: u32,
        /// A number; NULL is not recorded.
        value: Expr,
    },
}

/// Inclusive bounds on a number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowRange {
    /// At least.
    pub min: u64,
    /// At most; `None` for any.
    pub max: Option<u64>,
}

/// A column of a result that is kept in a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// Position in the row, from 0.
    pub column: u16,
    /// The variable.
    pub slot: u32,
    /// What it must be.
    pub kind: Kind,
}

/// A column of a copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyColumn {
    /// Value of the column.
    pub value: Expr,
    /// PostgreSQL type of the column, such as `int4`, as [`ServerType::from_name`] has it.
    ///
    /// [`ServerType::from_name`]: crate::encoding::ServerType::from_name
    pub type_name: String,
}

/// Kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Boolean.
    Bool,
    /// 64-bit integer.
    Int,
    /// Double.
    Float,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

/// An expression. Integers are 64 bits and checked: overflow and division by zero fail the
/// transaction. NULL in gives NULL out unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expr {
    /// A constant.
    Const(Constant),
    /// A variable.
    Slot(u32),
    /// A unary operation.
    Unary(Unary, Box<Expr>),
    /// A binary operation.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// The value of the first condition that is true, else the last.
    Case(Vec<(Expr, Expr)>, Box<Expr>),
    /// Entry of a table; an index outside fails the transaction.
    Table(u32, Box<Expr>),
    /// An array of values of one kind.
    Array(Vec<Expr>),
    /// Entry of an array, from 0.
    Index(Box<Expr>, Box<Expr>),
    /// A random value.
    Draw(u32, Box<Generator>),
    /// Bijection of `0 .. size` onto itself.
    Permute {
        /// How many values.
        size: Box<Expr>,
        /// Which of the bijections.
        seed: i64,
        /// Taken modulo `size`.
        value: Box<Expr>,
    },
    /// 64-bit hash (murmur2 as pgbench has it).
    Hash {
        /// What is hashed.
        value: Box<Expr>,
        /// Which of the hashes.
        seed: i64,
    },
    /// Number of this transaction in the run, from 0: unique, without gaps over all threads.
    Sequence,
}

/// Operation on one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unary {
    /// `-x`
    Neg,
    /// Logical not.
    Not,
    /// `|x|`
    Abs,
    /// To an integer; a double is rounded to the nearest, halves to even.
    Int,
    /// To a double.
    Float,
    /// To text, as PostgreSQL prints it.
    Text,
    /// True for NULL, else false.
    IsNull,
    /// Largest integer not above, as a double.
    Floor,
    /// Smallest integer not below, as a double.
    Ceil,
    /// Square root.
    Sqrt,
    /// Natural logarithm.
    Ln,
    /// Exponential.
    Exp,
    /// Length of a text in characters, of bytes or an array in elements.
    Length,
}

/// Operation on two values. An integer and a double make a double.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binary {
    /// `x + y`
    Add,
    /// `x - y`
    Sub,
    /// `x * y`
    Mul,
    /// True division: always a double.
    Div,
    /// Division rounded down.
    FloorDiv,
    /// Remainder with the sign of the divisor.
    Mod,
    /// Power; an integer to a non-negative integer is an integer.
    Pow,
    /// `x = y`
    Eq,
    /// `x <> y`
    Ne,
    /// `x < y`
    Lt,
    /// `x <= y`
    Le,
    /// `x > y`
    Gt,
    /// `x >= y`
    Ge,
    /// Logical and, by SQL's rules for NULL.
    And,
    /// Logical or, by SQL's rules for NULL.
    Or,
    /// The smaller.
    Min,
    /// The larger.
    Max,
    /// Texts joined.
    Concat,
    /// Bits.
    BitAnd,
    /// Bits.
    BitOr,
    /// Bits.
    BitXor,
    /// Shift left by 0 to 63.
    ShiftLeft,
    /// Arithmetic shift right by 0 to 63.
    ShiftRight,
}

/// Distribution of a random value. Bounds are inclusive unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Generator {
    /// Every integer alike.
    Uniform {
        /// Smallest.
        low: Expr,
        /// Largest.
        high: Expr,
    },
    /// Every double alike, in `[low, high)`.
    UniformFloat {
        /// Smallest.
        low: Expr,
        /// Never reached.
        high: Expr,
    },
    /// `0 .. count`, rank `k` with a probability as `1 / (k + 1) ^ skew`; skew 0 is uniform.
    Zipf {
        /// How many values.
        count: Expr,
        /// Skew, 0 and above.
        skew: f64,
    },
    /// Normal distribution cut at both bounds.
    Gaussian {
        /// Smallest.
        low: Expr,
        /// Largest.
        high: Expr,
        /// Standard deviations between the middle and a bound, above 0.
        sigmas: f64,
    },
    /// Exponential distribution cut at the upper bound.
    Exponential {
        /// Smallest, the likeliest.
        low: Expr,
        /// Largest.
        high: Expr,
        /// Decay over the whole range, above 0.
        decay: f64,
    },
    /// TPC-C's non-uniform random number.
    Nurand {
        /// Its `A`.
        a: i64,
        /// Its `C`.
        c: i64,
        /// Smallest.
        low: Expr,
        /// Largest.
        high: Expr,
    },
    /// One of several values by weight.
    Choice {
        /// Weights, at least one above 0.
        weights: Vec<f64>,
        /// The values.
        values: Vec<Expr>,
    },
    /// Text by a pattern: `#` is a digit, `?` a lower-case letter, `*` either, the rest stays.
    Pattern(String),
    /// Text of random characters.
    Text {
        /// Smallest length in characters.
        min: Expr,
        /// Largest length.
        max: Expr,
        /// Characters to draw from, ASCII.
        alphabet: String,
    },
    /// Random bytes.
    Bytes {
        /// How many.
        length: Expr,
    },
    /// Version 4 UUID as text.
    Uuid,
    /// Array of doubles, each normally distributed.
    Vector {
        /// How many.
        dimensions: u32,
        /// Scale to length 1.
        is_normalised: bool,
    },
}
