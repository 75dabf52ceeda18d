//! `Histogram`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use stormdb_engine as engine;

use crate::errors::Result;

/// HDR histogram of times.
#[pyclass(module = "stormdb._native", eq)]
#[derive(Clone, PartialEq, Default)]
pub(crate) struct Histogram(pub(crate) engine::Histogram);

#[pymethods]
impl Histogram {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    #[pyo3(signature = (time_ns, count=1))]
    fn record(&mut self, time_ns: u64, count: u64) -> Result<()> {
        Ok(self.0.record_n(time_ns, count)?)
    }

    fn merge(slf: &Bound<'_, Self>, other: &Bound<'_, Self>) {
        // A copy, since the other one may be this one.
        let other = other.borrow().0.clone();
        slf.borrow_mut().0.merge(&other);
    }

    fn copy(&self) -> Self {
        self.clone()
    }

    #[getter]
    fn count(&self) -> u64 {
        self.0.count()
    }

    #[getter]
    fn min_ns(&self) -> u64 {
        self.0.min_ns()
    }

    #[getter]
    fn max_ns(&self) -> u64 {
        self.0.max_ns()
    }

    #[getter]
    fn mean_ns(&self) -> f64 {
        self.0.mean_ns()
    }

    #[getter]
    fn stdev_ns(&self) -> f64 {
        self.0.stdev_ns()
    }

    fn quantile(&self, quantile: f64) -> u64 {
        self.0.quantile_ns(quantile)
    }

    fn count_at_or_below(&self, time_ns: u64) -> u64 {
        self.0.count_at_or_below(time_ns)
    }

    fn buckets(&self) -> Vec<(u64, u64, u64)> {
        self.0.buckets().map(|bucket| (bucket.low_ns, bucket.high_ns, bucket.count)).collect()
    }

    #[pyo3(signature = (compressed=true))]
    fn encode_v2<'py>(&self, py: Python<'py>, compressed: bool) -> Bound<'py, PyBytes> {
        let bytes = if compressed { self.0.encode_v2_deflated() } else { self.0.encode_v2() };
        PyBytes::new(py, &bytes)
    }

    #[staticmethod]
    fn decode_v2(data: &[u8]) -> Result<Self> {
        Ok(Self(engine::Histogram::decode_v2(data)?))
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}
