//! Schedule and recorder of stormdb. Pure: time is an argument, nothing is read from a clock.
//!
//! A [`Plan`] says what a run offers and when; a [`Schedule`] lists the intended starts of one
//! node; a [`Recorder`] turns what happened into one [`IntervalSnapshot`] per interval. Snapshots
//! merge exactly, in any order, over intervals, threads, processes and machines.
#![forbid(unsafe_code)]
// Tests cast numbers they chose, and compare floats that must be the same bits.
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::float_cmp,
        clippy::wildcard_imports
    )
)]

mod calendar;
pub mod clock;
pub mod draw;
pub mod encoding;
pub mod engine;
mod error;
pub mod expr;
pub mod hdr_log;
pub mod histogram;
pub mod null_server;
pub mod plan;
pub mod program;
pub mod random;
pub mod rate;
pub mod recorder;
pub mod schedule;
pub mod session;
pub mod sketch;
pub mod snapshot;
pub mod sqlstate;
pub mod tls;
pub mod trace;
pub mod value;
pub mod worker;

pub use error::{Error, Result};
pub use hdr_log::HdrLog;
pub use histogram::Histogram;
pub use plan::{Arrival, Interval, Phase, Plan, Role};
pub use rate::Rate;
pub use recorder::{Execution, Recorder, RowId};
pub use schedule::{Due, Schedule};
pub use sketch::ValueSketch;
pub use snapshot::{IntervalSnapshot, RowKind, Traffic};
pub use sqlstate::Sqlstate;
pub use trace::Trace;
