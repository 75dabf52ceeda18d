//! PostgreSQL's frontend/backend protocol (3.0 and 3.2) without I/O: bytes in, messages out.
//!
//! [`frame`] splits received bytes into messages, [`backend`] reads them, [`frontend`] writes
//! requests, [`startup`] is the dialogue from the first byte to the first `ReadyForQuery`.
//! Nothing here copies a message, and nothing but the start-up dialogue allocates.
//!
//! Source: PostgreSQL documentation, chapter "Frontend/Backend Protocol".
#![forbid(unsafe_code)]

pub mod backend;
mod error;
pub mod frame;
pub mod frontend;
mod read;
pub mod startup;

pub use backend::{Backend, ServerError, TransactionStatus};
pub use error::{Error, Result};
pub use frame::Frame;
pub use startup::{Login, Session, Startup};
