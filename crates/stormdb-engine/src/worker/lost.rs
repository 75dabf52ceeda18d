//! Why a connection is lost or never came to be, in words for people.

use std::borrow::Cow;
use std::io::{self, ErrorKind};

use stormdb_wire::frontend::ProtocolVersion;
use stormdb_wire::{Error as WireError, Login};

use crate::session::{Refusal, SessionError};
use crate::sqlstate::Sqlstate;
use crate::tls::TlsError;

use super::target::Next;

const CONNECTION_FAILURE: Sqlstate = Sqlstate::from_bytes(*b"08006");
/// The connection never stood.
const NO_CONNECTION: Sqlstate = Sqlstate::from_bytes(*b"08001");
/// As PostgreSQL 17 names it.
const TRANSACTION_TIMEOUT: Sqlstate = Sqlstate::from_bytes(*b"25P04");
const PROTOCOL_VIOLATION: Sqlstate = Sqlstate::from_bytes(*b"08P01");
const UNKNOWN: Sqlstate = Sqlstate::from_bytes(*b"XX000");
/// The server starts, stops or recovers.
const CANNOT_CONNECT_NOW: &str = "57P03";

/// Why a connection is lost.
#[derive(Debug, Clone)]
pub(super) struct Lost {
    /// What the transaction on it has failed by.
    pub(super) code: Sqlstate,
    pub(super) message: String,
    pub(super) hint: Cow<'static, str>,
    /// What may be tried if it had not stood yet.
    pub(super) next: Option<Next>,
}

impl Lost {
    /// Lost while it stood.
    pub(super) fn by(error: &impl std::error::Error) -> Self {
        Self::new(CONNECTION_FAILURE, error.to_string(), "", None)
    }

    /// What arrived is no message.
    pub(super) fn by_bytes(error: &WireError) -> Self {
        let hint = "check that a PostgreSQL server listens on this port";
        Self::new(PROTOCOL_VIOLATION, error.to_string(), hint, None)
    }

    fn new(
        code: Sqlstate,
        message: impl Into<String>,
        hint: impl Into<Cow<'static, str>>,
        next: Option<Next>,
    ) -> Self {
        Self { code, message: message.into(), hint: hint.into(), next }
    }

    /// The other side closed it, or the way to it is broken.
    pub(super) fn by_closing(error: Option<&io::Error>, is_open: bool, is_unix: bool) -> Self {
        let error = error.filter(|error| error.kind() != ErrorKind::UnexpectedEof);
        if is_open {
            let message =
                error.map_or("the server closed the connection".to_owned(), ToString::to_string);
            return Self::new(CONNECTION_FAILURE, message, "", None);
        }
        let (message, hint) = match error.map(io::Error::kind) {
            Some(ErrorKind::NotFound) if is_unix => (
                "no server listens on a socket in this folder with this port".to_owned(),
                "start the server, or check database.host against its unix_socket_directories",
            ),
            Some(ErrorKind::ConnectionRefused) => (
                "nothing listens there".to_owned(),
                "start the server, or check host and port; without a database section stormdb \
                 starts a server of its own",
            ),
            None | Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => (
                "the other side hung up before it answered".to_owned(),
                "check that a PostgreSQL server listens on this port",
            ),
            Some(_) => (
                error.map_or(String::new(), |e| e.to_string().to_lowercase()),
                "check host and port",
            ),
        };
        Self::new(NO_CONNECTION, message, hint, Some(Next::OtherEndpoint))
    }

    /// Nobody answered in time.
    pub(super) fn by_timeout(limit_ns: u64) -> Self {
        let limit = std::time::Duration::from_nanos(limit_ns);
        Self::new(
            NO_CONNECTION,
            format!("no answer within {limit:?}"),
            "check host and port, and firewalls on the way, or raise database.connect_timeout",
            Some(Next::OtherEndpoint),
        )
    }

    /// A transaction was given up.
    pub(super) fn by_transaction_timeout(limit_ns: u64) -> Self {
        let limit = std::time::Duration::from_nanos(limit_ns);
        let message = format!("the transaction took longer than transaction_timeout, {limit:?}");
        Self::new(TRANSACTION_TIMEOUT, message, "", None)
    }

    /// The login came to nothing.
    pub(super) fn by_login(error: &WireError, login: &Login) -> Self {
        let WireError::Refused { sqlstate, message, .. } = error else {
            let text = error.to_string();
            let (message, hint) = text.split_once("; hint: ").unwrap_or((&text, ""));
            let code = PROTOCOL_VIOLATION;
            return Self::new(code, message, hint.to_owned(), Some(Next::OtherEncryption));
        };
        let hint = match sqlstate.as_str() {
            "28P01" if login.password.is_some() => {
                "check the password in PGPASSWORD, ~/.pgpass or as ${VAR} in database.password"
            }
            "28P01" => {
                "no password is known: give it in PGPASSWORD, ~/.pgpass or as ${VAR} in \
                 database.password"
            }
            "3D000" => {
                "create it with `createdb`, or name another one with --dbname or database.dbname"
            }
            "28000" => {
                "check --username, and the server's pg_hba.conf for this host, role and database"
            }
            // pgbouncer's words are "bad packet header".
            "08P01" | "0A000" if login.version == ProtocolVersion::V3_2 => {
                "leave database.max_protocol_version out: not every pooler takes protocol 3.2"
            }
            "53300" => "raise max_connections, or wait until other clients have left",
            CANNOT_CONNECT_NOW => "wait until the server is ready, then run again",
            "42501" => "ask for the right to connect: GRANT CONNECT ON DATABASE … TO …",
            _ => "the server's log says more",
        };
        let next = match sqlstate.as_str() {
            CANNOT_CONNECT_NOW => Next::OtherEndpoint,
            _ => Next::OtherEncryption,
        };
        let user = &login.user;
        Self::new(
            Sqlstate::try_from(sqlstate.as_str()).unwrap_or(UNKNOWN),
            format!("the server refused user '{user}': {message} ({sqlstate})"),
            hint,
            Some(next),
        )
    }

    /// The connection could not be encrypted.
    pub(super) fn by_tls(error: &TlsError) -> Self {
        let hint = match error {
            TlsError::Certificate(_) => {
                "name its authority in database.sslrootcert, and the host as the certificate does"
            }
            TlsError::Handshake(_) => {
                "check database.sslcert and database.sslkey; the server's log says more"
            }
        };
        Self::new(NO_CONNECTION, error.to_string(), hint, Some(Next::OtherEncryption))
    }

    /// The server does not encrypt.
    pub(super) fn without_tls() -> Self {
        Self::new(
            NO_CONNECTION,
            "the server does not offer TLS",
            "set database.sslmode to prefer or disable, or ssl = on in postgresql.conf",
            Some(Next::OtherEncryption),
        )
    }

    /// The answer is no part of the protocol.
    pub(super) fn by_answer(message: &'static str) -> Self {
        let hint = "check that a PostgreSQL server listens on this port";
        Self::new(PROTOCOL_VIOLATION, message, hint, Some(Next::OtherEncryption))
    }

    /// The server is not one that is wanted.
    pub(super) fn by_attributes(wanted: &str) -> Self {
        Self::new(
            NO_CONNECTION,
            format!("it is not {wanted}"),
            "check database.host, or change database.target_session_attrs",
            Some(Next::OtherEndpoint),
        )
    }

    /// The program cannot be run on it.
    pub(super) fn by_refusal(refusal: &Refusal) -> Self {
        let text = refusal.to_string();
        let (message, hint) = text.split_once("; hint: ").unwrap_or((&text, ""));
        let code = match refusal {
            Refusal::Statement { sqlstate, .. } => Sqlstate::try_from(sqlstate.as_str()),
            _ => Ok(UNKNOWN),
        };
        Self::new(code.unwrap_or(UNKNOWN), message, hint.to_owned(), None)
    }
}

impl From<SessionError> for Lost {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Fatal { code, message } => Self::new(code, message, "", None),
            other => Self::by(&other),
        }
    }
}
