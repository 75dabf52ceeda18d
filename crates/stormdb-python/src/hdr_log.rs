//! `HdrLog`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use stormdb_engine as engine;

use crate::histogram::Histogram;

/// `HdrHistogram` interval log.
#[pyclass(module = "stormdb._native")]
pub(crate) struct HdrLog(engine::HdrLog);

#[pymethods]
impl HdrLog {
    #[new]
    #[pyo3(signature = (start_unix_ns, comment=""))]
    fn new(start_unix_ns: u64, comment: &str) -> Self {
        Self(engine::HdrLog::new(start_unix_ns, comment))
    }

    fn add(&mut self, tag: &str, start_ns: u64, end_ns: u64, histogram: &Histogram) {
        self.0.add(tag, start_ns, end_ns, &histogram.0);
    }

    fn take<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.take())
    }
}
