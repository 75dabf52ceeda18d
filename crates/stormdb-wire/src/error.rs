//! What can go wrong between two ends that should speak the same protocol.

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A break of the protocol, or a login that was refused.
///
/// An error that the server reports about a statement is data, not this: see
/// [`ServerError`](crate::ServerError).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer sent bytes that are no message of this protocol.
    #[error("the server sent {found}, {wanted} was due; hint: is this port a PostgreSQL server?")]
    Unexpected {
        /// What arrived.
        found: String,
        /// What the protocol allows here.
        wanted: &'static str,
    },
    /// A message says that it is longer than the caller allows, or shorter than it can be.
    #[error(
        "the server announced a message {tag:?} of {length_bytes} bytes, the limit is {limit_bytes}"
    )]
    Length {
        /// Type of the message.
        tag: char,
        /// Length that it announced, with the length word.
        length_bytes: u32,
        /// Largest length that is accepted.
        limit_bytes: usize,
    },
    /// The fields of a message do not fit into its length.
    #[error("a message {tag:?} of the server ends in the middle of {field}")]
    Truncated {
        /// Type of the message.
        tag: char,
        /// The field that was being read.
        field: &'static str,
    },
    /// The server asks for a way to log in that is not supported or not allowed.
    #[error(
        "the server asks for {0} authentication, which is not supported; hint: use scram-sha-256 in pg_hba.conf"
    )]
    Authentication(String),
    /// The server asks for a password and none was given.
    #[error(
        "the server asks for a password and none was given; hint: set PGPASSWORD or add a line to ~/.pgpass"
    )]
    PasswordMissing,
    /// Channel binding is required and cannot be had.
    #[error("channel binding is required, {0}")]
    ChannelBinding(&'static str),
    /// The exchange of proofs broke: wrong password on our side, or a server that is not who it says.
    #[error("the server could not prove that it knows the password ({0})")]
    Scram(String),
    /// The server refused the login.
    #[error("{severity}: {message} (SQLSTATE {sqlstate})")]
    Refused {
        /// `FATAL` or `ERROR`, not translated.
        severity: String,
        /// Five characters.
        sqlstate: String,
        /// The server's words.
        message: String,
    },
    /// A text cannot be sent: a zero byte would end it.
    #[error("a text has a zero byte at position {at}, which PostgreSQL does not allow")]
    ZeroByte {
        /// Position of the byte.
        at: usize,
    },
    /// A value cannot be sent: it is longer than the protocol can say.
    #[error("{what} of {size} does not fit into a message; the protocol allows {limit}")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The largest size.
        limit: usize,
    },
}
