//! `IntervalSnapshot` and what it gives out: plain Python objects, copied.

use std::collections::{BTreeMap, HashSet};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use stormdb_engine as engine;
use stormdb_engine::RowKind;
use stormdb_engine::snapshot::Outcomes;
use stormdb_engine::sqlstate::CodeCounts;

use crate::errors::Result;
use crate::histogram::Histogram;
use crate::plan::Interval;

/// Everything measured in one interval, or in several merged into one.
#[pyclass(module = "stormdb._native", eq)]
#[derive(Clone, PartialEq)]
pub(crate) struct IntervalSnapshot(pub(crate) engine::IntervalSnapshot);

#[pymethods]
impl IntervalSnapshot {
    #[getter]
    fn first_interval(&self) -> Interval {
        Interval(self.0.first_interval)
    }

    #[getter]
    fn last_interval(&self) -> Interval {
        Interval(self.0.last_interval)
    }

    #[getter]
    fn interval_index(&self) -> u64 {
        self.0.first_interval.index
    }

    fn merge(slf: &Bound<'_, Self>, other: &Bound<'_, Self>) {
        if slf.is(other) {
            let other = other.borrow().0.clone();
            slf.borrow_mut().0.merge(&other);
        } else {
            slf.borrow_mut().0.merge(&other.borrow().0);
        }
    }

    fn copy(&self) -> Self {
        self.clone()
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.0.to_bytes()))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> Result<Self> {
        Ok(Self(py.detach(|| engine::IntervalSnapshot::from_bytes(data))?))
    }

    fn identity(&self) -> Vec<PhaseIdentity> {
        let dropped_in = |phase_index| {
            self.0.phases.get(&phase_index).map(|phase| phase.dropped.clone()).unwrap_or_default()
        };
        self.0
            .identity()
            .into_iter()
            .map(|sums| PhaseIdentity { sums, dropped_by_reason: dropped_in(sums.phase_index) })
            .collect()
    }

    fn cells(&self, py: Python<'_>) -> PyResult<Vec<Cell>> {
        self.0
            .cells
            .iter()
            .map(|(key, outcomes)| {
                Cell::new(py, Some(key.phase_index), key.kind, &key.name, outcomes.clone())
            })
            .collect()
    }

    #[pyo3(signature = (phase_indexes=None))]
    fn row_totals(
        &self,
        py: Python<'_>,
        phase_indexes: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<Cell>> {
        let wanted: Option<HashSet<u32>> = phase_indexes
            .map(|indexes| indexes.try_iter()?.map(|index| index?.extract()).collect())
            .transpose()?;
        self.0
            .row_totals(|phase| wanted.as_ref().is_none_or(|wanted| wanted.contains(&phase)))
            .into_iter()
            .map(|((kind, name), outcomes)| Cell::new(py, None, kind, name, outcomes))
            .collect()
    }

    #[getter]
    fn workers(&self) -> BTreeMap<u32, WorkerCounts> {
        self.0.workers.iter().map(|(&worker, &counts)| (worker, WorkerCounts(counts))).collect()
    }

    #[getter]
    fn counters(&self) -> BTreeMap<String, u64> {
        self.0.counters.clone()
    }

    #[getter]
    fn values(&self) -> BTreeMap<String, ValueSketch> {
        let named = |(name, sketch): (&String, &engine::ValueSketch)| {
            (name.clone(), ValueSketch(sketch.clone()))
        };
        self.0.values.iter().map(named).collect()
    }

    #[getter]
    fn processes(&self) -> BTreeMap<u32, ProcessGauges> {
        self.0
            .processes
            .iter()
            .map(|(&process, &gauges)| (process, ProcessGauges(gauges)))
            .collect()
    }

    #[getter]
    fn examples(&self) -> BTreeMap<String, String> {
        let texts = |(code, example): (&engine::Sqlstate, &engine::snapshot::Example)| {
            (code.to_string(), example.message.clone())
        };
        self.0.examples.iter().map(texts).collect()
    }

    #[getter]
    fn clamped_count(&self) -> u64 {
        self.0.clamped_count
    }
}

/// The accounting of one phase.
#[pyclass(module = "stormdb._native", frozen)]
pub(crate) struct PhaseIdentity {
    sums: engine::snapshot::PhaseIdentity,
    dropped_by_reason: BTreeMap<String, u64>,
}

#[pymethods]
impl PhaseIdentity {
    #[getter]
    fn phase_index(&self) -> u32 {
        self.sums.phase_index
    }

    #[getter]
    fn offered(&self) -> u64 {
        self.sums.offered
    }

    #[getter]
    fn committed(&self) -> u64 {
        self.sums.committed
    }

    #[getter]
    fn rolled_back(&self) -> u64 {
        self.sums.rolled_back
    }

    #[getter]
    fn failed(&self) -> u64 {
        self.sums.failed
    }

    #[getter]
    fn dropped(&self) -> u64 {
        self.sums.dropped
    }

    #[getter]
    fn dropped_by_reason(&self) -> BTreeMap<String, u64> {
        self.dropped_by_reason.clone()
    }

    #[getter]
    fn unfinished(&self) -> u64 {
        self.sums.unfinished
    }

    #[getter]
    fn in_flight(&self) -> i128 {
        self.sums.in_flight()
    }

    #[getter]
    fn holds(&self) -> bool {
        self.sums.holds()
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.sums)
    }
}

/// Outcomes of one row.
#[pyclass(module = "stormdb._native", frozen, get_all)]
pub(crate) struct Cell {
    phase_index: Option<u32>,
    name: String,
    kind: &'static str,
    committed: u64,
    rolled_back: u64,
    failed: BTreeMap<String, u64>,
    retried: BTreeMap<String, u64>,
    rows: u64,
    sent_bytes: u64,
    received_bytes: u64,
    response_time: Py<Histogram>,
    service_time: Py<Histogram>,
    schedule_lag: Py<Histogram>,
    failed_service_time: Py<Histogram>,
}

impl Cell {
    fn new(
        py: Python<'_>,
        phase_index: Option<u32>,
        kind: RowKind,
        name: &str,
        outcomes: Outcomes,
    ) -> PyResult<Self> {
        let histogram = |histogram| Py::new(py, Histogram(histogram));
        Ok(Self {
            phase_index,
            name: name.to_owned(),
            kind: match kind {
                RowKind::Transaction => "transaction",
                RowKind::Operation => "operation",
            },
            committed: outcomes.committed,
            rolled_back: outcomes.rolled_back,
            failed: by_code(&outcomes.failed),
            retried: by_code(&outcomes.retried),
            rows: outcomes.traffic.rows,
            sent_bytes: outcomes.traffic.sent_bytes,
            received_bytes: outcomes.traffic.received_bytes,
            response_time: histogram(outcomes.response_time)?,
            service_time: histogram(outcomes.service_time)?,
            schedule_lag: histogram(outcomes.schedule_lag)?,
            failed_service_time: histogram(outcomes.failed_service_time)?,
        })
    }
}

fn by_code(counts: &CodeCounts) -> BTreeMap<String, u64> {
    counts.iter().map(|(code, count)| (code.to_string(), count)).collect()
}

/// Share of one worker.
#[pyclass(module = "stormdb._native", frozen)]
pub(crate) struct WorkerCounts(engine::snapshot::WorkerCounts);

#[pymethods]
impl WorkerCounts {
    #[getter]
    fn committed(&self) -> u64 {
        self.0.committed
    }

    #[getter]
    fn failed(&self) -> u64 {
        self.0.failed
    }

    #[getter]
    fn busy_ns(&self) -> u64 {
        self.0.busy_ns
    }

    #[getter]
    fn service_sum_ns(&self) -> u64 {
        self.0.service_sum_ns
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Load of one process.
#[pyclass(module = "stormdb._native", frozen)]
pub(crate) struct ProcessGauges(engine::snapshot::ProcessGauges);

#[pymethods]
impl ProcessGauges {
    #[getter]
    fn cpu_ns(&self) -> u64 {
        self.0.cpu_ns
    }

    #[getter]
    fn loop_lag_max_ns(&self) -> u64 {
        self.0.loop_lag_max_ns
    }

    #[getter]
    fn rss_bytes(&self) -> u64 {
        self.0.rss_bytes
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Distribution of a custom value.
#[pyclass(module = "stormdb._native", frozen)]
pub(crate) struct ValueSketch(engine::ValueSketch);

#[pymethods]
impl ValueSketch {
    #[getter]
    fn count(&self) -> u64 {
        self.0.count()
    }

    #[getter]
    fn sum(&self) -> f64 {
        self.0.sum()
    }

    #[getter]
    fn mean(&self) -> f64 {
        self.0.mean()
    }

    #[getter]
    fn min(&self) -> f64 {
        self.0.min()
    }

    #[getter]
    fn max(&self) -> f64 {
        self.0.max()
    }

    fn quantile(&self, quantile: f64) -> f64 {
        self.0.quantile(quantile)
    }
}
