//! `NullServer`.
#![allow(clippy::too_many_arguments)] // Keyword arguments of one Python call.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use stormdb_engine::null_server::{self, Listen, Script};

use crate::engine::io_of;
use crate::errors::Result;

/// A PostgreSQL server with canned answers, on this machine only.
#[pyclass(module = "stormdb._native", frozen)]
pub(crate) struct NullServer(Mutex<null_server::NullServer>);

impl NullServer {
    fn lock(&self) -> MutexGuard<'_, null_server::NullServer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl NullServer {
    #[new]
    #[pyo3(signature = (
        *, socket=None, port=0, threads=1, io="auto", rules=Vec::new(), answer_delay_ns=0,
        startup_delay_ns=0, error_every=0, error_code="XX000", cut_every=0, is_trickling=false,
        is_state_reported=true,
    ))]
    fn new(
        socket: Option<String>,
        port: u16,
        threads: u32,
        io: &str,
        rules: Vec<(String, Vec<String>)>,
        answer_delay_ns: u64,
        startup_delay_ns: u64,
        error_every: u64,
        error_code: &str,
        cut_every: u64,
        is_trickling: bool,
        is_state_reported: bool,
    ) -> Result<Self> {
        let listen = socket.map_or(Listen::Loopback(port), |path| Listen::Unix(path.into()));
        let script = Script {
            rules,
            answer_delay_ns,
            startup_delay_ns,
            error_every,
            error_code: error_code.to_owned(),
            cut_every,
            is_trickling,
            is_state_reported,
        };
        let server = null_server::NullServer::start(&listen, threads, io_of(io)?, &script)?;
        Ok(Self(Mutex::new(server)))
    }

    #[getter]
    fn port(&self) -> u16 {
        match self.lock().listens_at() {
            Listen::Loopback(port) => *port,
            Listen::Unix(_) => 0,
        }
    }

    #[getter]
    fn clients(&self) -> u64 {
        self.lock().counts().clients
    }

    #[getter]
    fn answered(&self) -> u64 {
        self.lock().counts().answered
    }

    #[getter]
    fn errors(&self) -> u64 {
        self.lock().counts().errors
    }

    #[getter]
    fn cuts(&self) -> u64 {
        self.lock().counts().cuts
    }

    #[getter]
    fn cancelled(&self) -> u64 {
        self.lock().counts().cancelled
    }

    fn stall(&self, for_ns: u64) {
        self.lock().stall(for_ns);
    }

    fn stop(&self, python: Python<'_>) {
        python.detach(|| self.lock().stop());
    }
}
