//! `Recorder`.
#![allow(clippy::too_many_arguments)] // Python's calls are flat: a structure would cost an object.

use pyo3::prelude::*;
use stormdb_engine as engine;
use stormdb_engine::{Execution, RowId, RowKind, Sqlstate, Traffic};

use crate::errors::{Result, unknown_word};
use crate::plan::{Interval, Plan};
use crate::snapshot::IntervalSnapshot;

/// Measurements of one process, by interval.
#[pyclass(module = "stormdb._native")]
pub(crate) struct Recorder(pub(crate) engine::Recorder);

#[pymethods]
impl Recorder {
    #[new]
    #[pyo3(signature = (plan, process_index=0))]
    fn new(plan: &Plan, process_index: u32) -> Self {
        Self(engine::Recorder::new(plan.0.clone(), process_index))
    }

    #[pyo3(signature = (name, kind="transaction"))]
    fn row(&mut self, name: &str, kind: &str) -> Result<u32> {
        let kind = match kind {
            "transaction" => RowKind::Transaction,
            "operation" => RowKind::Operation,
            _ => return Err(unknown_word("kind", kind, "transaction, operation")),
        };
        Ok(self.0.row(name, kind)?.0)
    }

    #[pyo3(signature = (arrival_ns, count=1))]
    fn offer(&mut self, arrival_ns: u64, count: u64) -> Result<()> {
        Ok(self.0.offer(arrival_ns, count)?)
    }

    #[pyo3(name = "drop")]
    fn drop_arrival(&mut self, intended_ns: u64, reason: &str) -> Result<()> {
        let reason = self.0.reason(reason)?;
        Ok(self.0.drop_arrival(intended_ns, reason)?)
    }

    #[pyo3(signature = (arrival_ns, count=1))]
    fn unfinished(&mut self, arrival_ns: u64, count: u64) -> Result<()> {
        Ok(self.0.unfinished(arrival_ns, count)?)
    }

    fn commit(
        &mut self,
        row: u32,
        worker: u32,
        intended_ns: Option<u64>,
        start_ns: u64,
        finish_ns: u64,
    ) -> Result<()> {
        let execution = execution(row, worker, intended_ns, start_ns, finish_ns);
        Ok(self.0.commit(execution)?)
    }

    fn roll_back(
        &mut self,
        row: u32,
        worker: u32,
        intended_ns: Option<u64>,
        start_ns: u64,
        finish_ns: u64,
    ) -> Result<()> {
        let execution = execution(row, worker, intended_ns, start_ns, finish_ns);
        Ok(self.0.roll_back(execution)?)
    }

    #[pyo3(signature = (row, worker, intended_ns, start_ns, finish_ns, sqlstate, message=""))]
    fn fail(
        &mut self,
        row: u32,
        worker: u32,
        intended_ns: Option<u64>,
        start_ns: u64,
        finish_ns: u64,
        sqlstate: &str,
        message: &str,
    ) -> Result<()> {
        let execution = execution(row, worker, intended_ns, start_ns, finish_ns);
        let code = Sqlstate::try_from(sqlstate)?;
        Ok(self.0.fail(execution, code, message)?)
    }

    fn retry(&mut self, row: u32, arrival_ns: u64, at_ns: u64, sqlstate: &str) -> Result<()> {
        let code = Sqlstate::try_from(sqlstate)?;
        Ok(self.0.retry(RowId(row), arrival_ns, at_ns, code)?)
    }

    fn count(&mut self, name: &str, count: u64, at_ns: u64) -> Result<()> {
        let counter = self.0.counter(name)?;
        Ok(self.0.count(counter, count, at_ns)?)
    }

    fn value(&mut self, name: &str, value: f64, at_ns: u64) -> Result<()> {
        let name = self.0.value_name(name)?;
        Ok(self.0.value(name, value, at_ns)?)
    }

    fn gauge(&mut self, cpu_ns: u64, loop_lag_max_ns: u64, rss_bytes: u64) -> Result<()> {
        Ok(self.0.gauge(cpu_ns, loop_lag_max_ns, rss_bytes)?)
    }

    #[getter]
    fn current_interval(&self) -> Result<Interval> {
        Ok(Interval(self.0.current_interval().ok_or(engine::Error::Finished)?))
    }

    fn flip(&mut self, now_ns: u64) -> Result<Vec<IntervalSnapshot>> {
        Ok(self.0.flip(now_ns)?.into_iter().map(IntervalSnapshot).collect())
    }

    fn finish(&mut self, now_ns: u64) -> Result<Vec<IntervalSnapshot>> {
        Ok(self.0.finish(now_ns)?.into_iter().map(IntervalSnapshot).collect())
    }
}

/// The times of a transaction that moved no bytes that we know of.
pub(crate) fn execution(
    row: u32,
    worker: u32,
    intended_start_ns: Option<u64>,
    start_ns: u64,
    finish_ns: u64,
) -> Execution {
    Execution {
        row: RowId(row),
        worker,
        intended_start_ns,
        start_ns,
        finish_ns,
        traffic: Traffic::default(),
    }
}
