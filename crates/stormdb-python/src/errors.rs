//! The only place where the engine's errors become Python's.

use std::io;

use pyo3::PyErr;
use pyo3::exceptions::{PyNotImplementedError, PyValueError};
use stormdb_engine::Error;

/// `?` on an engine's result in a function that Python calls.
pub(crate) struct Raised(PyErr);

impl From<Error> for Raised {
    fn from(error: Error) -> Self {
        Self(PyValueError::new_err(error.to_string()))
    }
}

impl From<PyErr> for Raised {
    fn from(error: PyErr) -> Self {
        Self(error)
    }
}

impl From<Raised> for PyErr {
    fn from(raised: Raised) -> Self {
        raised.0
    }
}

/// A word that is none of those allowed.
pub(crate) fn unknown_word(what: &str, word: &str, allowed: &str) -> Raised {
    Raised(PyValueError::new_err(format!("{what} `{word}` is unknown; hint: use one of {allowed}")))
}

/// A value whose own error says it all.
pub(crate) fn unusable(error: &impl std::fmt::Display) -> Raised {
    Raised(PyValueError::new_err(error.to_string()))
}

/// The system gave no timer.
pub(crate) fn no_timer(error: io::Error) -> Raised {
    if error.kind() == io::ErrorKind::Unsupported {
        let text = "no precise timer on this system, only Linux has timerfd; \
                    hint: fall back to loop.call_at";
        return Raised(PyNotImplementedError::new_err(text));
    }
    Raised(error.into())
}

/// The system does not narrow a process, or would not.
pub(crate) fn no_sandbox(error: io::Error) -> Raised {
    if error.kind() == io::ErrorKind::Unsupported {
        let text = "this system does not offer it, only Linux does; hint: go on without";
        return Raised(PyNotImplementedError::new_err(text));
    }
    Raised(error.into())
}

/// A timer was used after its end.
pub(crate) fn closed_timer() -> Raised {
    Raised(PyValueError::new_err("the timer is closed; hint: make a new one"))
}

/// What a function that Python calls returns.
pub(crate) type Result<T> = std::result::Result<T, Raised>;
