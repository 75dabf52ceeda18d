//! `Engine` and `check_program`.
#![allow(clippy::too_many_arguments)] // Keyword arguments of one Python call.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use stormdb_engine::engine::{self, Io};
use stormdb_engine::program::Program;
use stormdb_engine::session::Protocol;
use stormdb_engine::worker::WorkerSpec;
use stormdb_reactor::SockAddr;
use stormdb_wire::Login;

use crate::errors::{Result, unknown_word, unusable};
use crate::plan::Plan;
use crate::snapshot::IntervalSnapshot;

/// Where a server listens: the path of a Unix socket, or an address and a port.
#[derive(FromPyObject)]
enum Address {
    Tcp(String, u16),
    Unix(String),
}

impl Address {
    fn resolve(self) -> Result<SockAddr> {
        match self {
            Self::Unix(path) => SockAddr::unix(path).map_err(|error| unusable(&error)),
            Self::Tcp(host, port) => {
                let host: IpAddr = host.parse().map_err(|error| unusable(&error))?;
                Ok(SocketAddr::new(host, port).into())
            }
        }
    }
}

/// Threads that execute a program.
#[pyclass(module = "stormdb._native", frozen)]
pub(crate) struct Engine {
    engine: Mutex<engine::Engine>,
    io: Io,
}

impl Engine {
    fn lock(&self) -> MutexGuard<'_, engine::Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (
        program, plan, *, address, user, dbname, password=None, settings=BTreeMap::new(), threads,
        connections, workers, seed, think_time_ns=0, max_queue, max_tries=1, retry_backoff_ns=0,
        drain_ns, protocol="prepared", io="auto",
    ))]
    fn new(
        program: &[u8],
        plan: &Plan,
        address: Address,
        user: String,
        dbname: String,
        password: Option<String>,
        settings: BTreeMap<String, String>,
        threads: u32,
        connections: u32,
        workers: u32,
        seed: u64,
        think_time_ns: u64,
        max_queue: usize,
        max_tries: u32,
        retry_backoff_ns: u64,
        drain_ns: u64,
        protocol: &str,
        io: &str,
    ) -> Result<Self> {
        let io = match io {
            "auto" => Io::detect(),
            "uring" => Io::Uring,
            "poll" => Io::Poll,
            _ => return Err(unknown_word("io", io, "auto, uring, poll")),
        };
        let protocol = match protocol {
            "simple" => Protocol::Simple,
            "extended" => Protocol::Extended,
            "prepared" => Protocol::Prepared,
            _ => return Err(unknown_word("protocol", protocol, "simple, extended, prepared")),
        };
        let login = Login {
            user,
            dbname,
            password,
            settings: settings.into_iter().collect(),
            version: stormdb_wire::frontend::ProtocolVersion::default(),
            channel_binding: stormdb_wire::startup::ChannelBinding::default(),
            server_end_point: None,
        };
        let spec = WorkerSpec {
            program: Arc::new(Program::decode(program).map_err(|error| unusable(&error))?),
            plan: plan.0.clone(),
            address: address.resolve()?,
            login,
            protocol,
            connections,
            workers,
            seed,
            think_time_ns,
            max_queue,
            max_tries,
            retry_backoff_ns,
            drain_ns,
        };
        let engine = Mutex::new(engine::Engine::start(&spec, threads, io)?);
        Ok(Self { engine, io })
    }

    #[getter]
    fn io(&self) -> &'static str {
        match self.io {
            Io::Uring => "uring",
            Io::Poll => "poll",
        }
    }

    #[getter]
    fn is_ready(&self) -> bool {
        self.lock().is_ready()
    }

    #[getter]
    fn is_ended(&self) -> bool {
        self.lock().is_ended()
    }

    #[getter]
    fn problems(&self) -> Vec<String> {
        self.lock().problems().to_vec()
    }

    #[getter]
    fn busy_ns(&self) -> u64 {
        self.lock().busy_ns()
    }

    fn poll(&self) -> Vec<IntervalSnapshot> {
        self.lock().poll().into_iter().map(IntervalSnapshot).collect()
    }

    fn go(&self, start_ns: u64) {
        self.lock().go(start_ns);
    }

    fn stop(&self) {
        self.lock().stop();
    }
}

/// Refuse a program that the engine cannot run.
#[pyfunction]
pub(crate) fn check_program(program: &[u8]) -> Result<()> {
    Program::decode(program).map(drop).map_err(|error| unusable(&error))
}
