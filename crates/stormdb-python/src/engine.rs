//! `Target`, `Engine`, `Problem` and `check_program`.
#![allow(clippy::too_many_arguments)] // Keyword arguments of one Python call.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use stormdb_engine::engine::{self, Io};
use stormdb_engine::program::Program;
use stormdb_engine::session::Protocol;
use stormdb_engine::tls::{Roots, SslMode, TlsContext, TlsSettings};
use stormdb_engine::worker::{self, ConnectionMode, Endpoint, SessionAttributes, WorkerSpec};
use stormdb_reactor::SockAddr;
use stormdb_wire::Login;
use stormdb_wire::frontend::ProtocolVersion;
use stormdb_wire::startup::ChannelBinding;

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

/// Where and as whom to connect.
#[pyclass(module = "stormdb._native", frozen)]
pub(crate) struct Target(Arc<worker::Target>);

#[pymethods]
impl Target {
    #[new]
    #[pyo3(signature = (
        endpoints, *, user, dbname, password=None, settings=BTreeMap::new(), sslmode="prefer",
        sslrootcert="", sslcert="", sslkey="", sslcrl="", channel_binding="prefer",
        target_session_attrs="any", connect_timeout_ns=0, protocol_version="3.0",
    ))]
    fn new(
        endpoints: Vec<(String, String, Address)>,
        user: String,
        dbname: String,
        password: Option<String>,
        settings: BTreeMap<String, String>,
        sslmode: &str,
        sslrootcert: &str,
        sslcert: &str,
        sslkey: &str,
        sslcrl: &str,
        channel_binding: &str,
        target_session_attrs: &str,
        connect_timeout_ns: u64,
        protocol_version: &str,
    ) -> Result<Self> {
        let login = Login {
            user,
            dbname,
            password,
            settings: settings.into_iter().collect(),
            version: match protocol_version {
                "3.0" => ProtocolVersion::V3_0,
                "3.2" => ProtocolVersion::V3_2,
                _ => return Err(unknown_word("protocol_version", protocol_version, "3.0, 3.2")),
            },
            channel_binding: binding_of(channel_binding)?,
            server_end_point: None,
        };
        let endpoints = endpoints
            .into_iter()
            .map(|(host, label, address)| Ok(Endpoint { host, label, address: address.resolve()? }))
            .collect::<Result<Vec<_>>>()?;
        let file = |name: &str| Some(name.into()).filter(|_| !name.is_empty());
        let tls = TlsSettings {
            mode: ssl_mode(sslmode)?,
            roots: match sslrootcert {
                "" => None,
                "system" => Some(Roots::System),
                name => Some(Roots::File(name.into())),
            },
            certificate: file(sslcert)
                .map(|certificate| (certificate, file(sslkey).unwrap_or(sslcert.into()))),
            revoked: file(sslcrl),
        };
        let is_encrypted = tls.mode != SslMode::Disable;
        Ok(Self(Arc::new(worker::Target {
            endpoints,
            login,
            ssl_mode: tls.mode,
            tls: if is_encrypted { Some(TlsContext::load(&tls)?) } else { None },
            attributes: session_attributes(target_session_attrs)?,
            connect_timeout_ns,
        })))
    }
}

fn ssl_mode(word: &str) -> Result<SslMode> {
    Ok(match word {
        "disable" => SslMode::Disable,
        "allow" => SslMode::Allow,
        "prefer" => SslMode::Prefer,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        _ => {
            let words = "disable, allow, prefer, require, verify-ca, verify-full";
            return Err(unknown_word("sslmode", word, words));
        }
    })
}

fn binding_of(word: &str) -> Result<ChannelBinding> {
    Ok(match word {
        "disable" => ChannelBinding::Disable,
        "prefer" => ChannelBinding::Prefer,
        "require" => ChannelBinding::Require,
        _ => return Err(unknown_word("channel_binding", word, "disable, prefer, require")),
    })
}

fn session_attributes(word: &str) -> Result<SessionAttributes> {
    Ok(match word {
        "any" => SessionAttributes::Any,
        "read-write" => SessionAttributes::ReadWrite,
        "read-only" => SessionAttributes::ReadOnly,
        "primary" => SessionAttributes::Primary,
        "standby" => SessionAttributes::Standby,
        "prefer-standby" => SessionAttributes::PreferStandby,
        _ => {
            let words = "any, read-write, read-only, primary, standby, prefer-standby";
            return Err(unknown_word("target_session_attrs", word, words));
        }
    })
}

pub(crate) fn io_of(word: &str) -> Result<Io> {
    Ok(match word {
        "auto" => Io::detect(),
        "uring" => Io::Uring,
        "poll" => Io::Poll,
        _ => return Err(unknown_word("io", word, "auto, uring, poll")),
    })
}

/// Why a thread of an engine ended before its time.
#[pyclass(module = "stormdb._native", frozen, get_all)]
pub(crate) struct Problem {
    message: String,
    hint: String,
    is_of_server: bool,
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
        program, plan, target, *, transient_ratio=0.0, threads, connections, workers, seed, think_time_ns=0,
        is_think_exponential=false, max_queue, max_lag_ns=0, transaction_timeout_ns=0, max_tries=1,
        retry_backoff_ns=0, drain_ns, protocol="prepared", io="auto",
    ))]
    fn new(
        program: &[u8],
        plan: &Plan,
        target: &Target,
        transient_ratio: f64,
        threads: u32,
        connections: u32,
        workers: u32,
        seed: u64,
        think_time_ns: u64,
        is_think_exponential: bool,
        max_queue: usize,
        max_lag_ns: u64,
        transaction_timeout_ns: u64,
        max_tries: u32,
        retry_backoff_ns: u64,
        drain_ns: u64,
        protocol: &str,
        io: &str,
    ) -> Result<Self> {
        let protocol = match protocol {
            "simple" => Protocol::Simple,
            "extended" => Protocol::Extended,
            "prepared" => Protocol::Prepared,
            _ => return Err(unknown_word("protocol", protocol, "simple, extended, prepared")),
        };
        let io = io_of(io)?;
        let spec = WorkerSpec {
            program: Arc::new(Program::decode(program).map_err(|error| unusable(&error))?),
            plan: plan.0.clone(),
            target: Arc::clone(&target.0),
            protocol,
            connection_mode: match transient_ratio {
                0.0 => ConnectionMode::Persistent,
                1.0 => ConnectionMode::Transient,
                _ => ConnectionMode::Mixed { transient_ratio },
            },
            connections,
            workers,
            seed,
            think_time_ns,
            is_think_exponential,
            max_queue,
            max_lag_ns,
            transaction_timeout_ns,
            max_tries,
            retry_backoff_ns,
            drain_ns,
        };
        let engine = engine::Engine::start(&spec, threads, io)?;
        Ok(Self { engine: Mutex::new(engine), io })
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
    fn problems(&self) -> Vec<Problem> {
        let problems = self.lock().problems().to_vec();
        problems
            .into_iter()
            .map(|worker::Problem { message, hint, is_of_server }| Problem {
                message,
                hint,
                is_of_server,
            })
            .collect()
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
