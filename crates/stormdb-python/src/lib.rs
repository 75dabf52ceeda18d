//! Python binding of stormdb's engine. It converts types and holds no logic.
//!
//! The interface is described in `python/stormdb/_native.pyi`.
#![allow(unsafe_code)] // PyO3's macros expand to it; nothing here writes any.

mod call_record;
mod engine;
mod errors;
mod hdr_log;
mod histogram;
mod null_server;
mod plan;
mod random_stream;
mod recorder;
mod sandbox;
mod snapshot;
mod timer;

use pyo3::prelude::*;

/// The native part of stormdb.
#[pymodule]
mod _native {
    use super::{Bound, PyModule, PyModuleMethods, PyResult, pyfunction};

    #[pymodule_export]
    use super::{
        call_record::CallRecord,
        engine::{Engine, Problem, Target, check_program},
        hdr_log::HdrLog,
        histogram::Histogram,
        null_server::NullServer,
        plan::{Interval, Phase, Plan, Rate, Schedule, Trace},
        random_stream::RandomStream,
        recorder::Recorder,
        sandbox::{adopt_orphans, die_with_parent, drop_capabilities, restrict},
        snapshot::{
            Cell, IntervalSnapshot, PhaseIdentity, ProcessGauges, ValueSketch, WorkerCounts,
        },
        timer::Timer,
    };

    /// Random number that is a pure function of three numbers.
    #[pyfunction]
    fn random_u64(seed: u64, stream: u64, counter: u64) -> u64 {
        stormdb_engine::random::random_u64(seed, stream, counter)
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        use stormdb_engine::{histogram, recorder};

        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("HIGHEST_TIME_NS", histogram::HIGHEST_TIME_NS)?;
        module.add("MAX_NAMES", recorder::MAX_NAMES)?;
        module.add("MAX_ROWS", recorder::MAX_ROWS)?;
        module.add("MAX_WORKERS", recorder::MAX_WORKERS)
    }
}
