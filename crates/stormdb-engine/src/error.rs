//! The errors of this crate. Each message says what, where and how to mend it.

/// What this crate's fallible functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A value from outside that cannot be used.
///
/// Variants that the data plane may return hold no `String`: making one does not allocate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A phase cannot be planned.
    #[error("phase `{phase}`: {what}; hint: {hint}")]
    Phase {
        /// Name of the phase.
        phase: String,
        /// What is wrong.
        what: String,
        /// How to mend it.
        hint: &'static str,
    },
    /// The phases do not make a plan.
    #[error("plan: {what}; hint: {hint}")]
    Plan {
        /// What is wrong.
        what: String,
        /// How to mend it.
        hint: &'static str,
    },
    /// Recorded arrivals cannot be used.
    #[error("{place}: {what}; hint: {hint}")]
    Trace {
        /// File and line.
        place: String,
        /// What is wrong.
        what: String,
        /// How to mend it.
        hint: &'static str,
    },
    /// A node's number and the number of nodes disagree.
    #[error("node {node_index} of {node_count} does not exist; hint: nodes count from 0")]
    Node {
        /// The number asked for.
        node_index: u32,
        /// How many there are.
        node_count: u32,
    },
    /// A row number that the recorder did not give out.
    #[error("row {row} is not one of this recorder's; hint: use a number that `row` returned")]
    UnknownRow {
        /// The number asked for.
        row: u32,
    },
    /// A worker number past the limit.
    #[error("worker {worker} is past the last one, {last}; hint: workers count from 0")]
    UnknownWorker {
        /// The number asked for.
        worker: u32,
        /// The last allowed number.
        last: u32,
    },
    /// More different names than the recorder has room for.
    #[error("more than {limit} different {what}; hint: use a fixed set of names")]
    TooManyNames {
        /// What the names are for.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A name that is empty or too long.
    #[error("a name of {length} bytes; hint: use 1 to {limit} bytes")]
    NameLength {
        /// Length in bytes.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A custom value that is infinite or not a number.
    #[error("a custom value is not finite; hint: leave out what could not be measured")]
    NotFinite,
    /// A code that is not an SQLSTATE.
    #[error(
        "an SQLSTATE is five digits or upper-case letters; hint: use 08006 for a lost connection, XX000 if there is none"
    )]
    Sqlstate,
    /// A thread of the engine cannot do its work.
    #[error("{0}")]
    Start(String),
    /// Files or settings of TLS cannot be used.
    #[error("{what}; hint: {hint}")]
    Tls {
        /// What is wrong.
        what: String,
        /// How to mend it.
        hint: &'static str,
    },
    /// A count that no run can reach.
    #[error("a count of {count} is above {limit}; hint: record smaller counts")]
    Count {
        /// The count.
        count: u64,
        /// The limit.
        limit: u64,
    },
    /// The recorder has handed out its last interval.
    #[error("the recorder is finished; hint: make a new one for a new run")]
    Finished,
    /// Bytes that are not what they should be.
    #[error("{what}: {problem}; hint: {hint}")]
    Decode {
        /// What was to be read.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
        /// How to mend it.
        hint: &'static str,
    },
}

impl Error {
    pub(crate) fn phase(phase: &str, what: impl Into<String>, hint: &'static str) -> Self {
        Self::Phase { phase: phase.to_owned(), what: what.into(), hint }
    }

    pub(crate) fn plan(what: impl Into<String>, hint: &'static str) -> Self {
        Self::Plan { what: what.into(), hint }
    }
}
