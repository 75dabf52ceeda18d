//! `CallRecord`: what is known of the call that a worker makes, and the short way to count it.

use pyo3::prelude::*;

use crate::errors::Result;
use crate::recorder::{Recorder, execution};

/// The call that a worker makes.
#[pyclass(module = "stormdb._native")]
pub(crate) struct CallRecord {
    recorder: Py<Recorder>,
    row: u32,
    worker: u32,
    run_start_ns: u64,
    #[pyo3(get)]
    begin_ns: u64,
    #[pyo3(get)]
    granted_ns: u64,
    #[pyo3(get)]
    first_granted_ns: u64,
    #[pyo3(get)]
    intended_ns: Option<u64>,
    #[pyo3(get, set)]
    is_plain: bool,
    #[pyo3(get, set)]
    is_active: bool,
    #[pyo3(get, set)]
    has_succeeded: bool,
}

#[pymethods]
impl CallRecord {
    #[new]
    fn new(recorder: Py<Recorder>, row: u32, worker: u32, run_start_ns: u64) -> Self {
        Self {
            recorder,
            row,
            worker,
            run_start_ns,
            begin_ns: 0,
            granted_ns: 0,
            first_granted_ns: 0,
            intended_ns: None,
            is_plain: true,
            is_active: false,
            has_succeeded: false,
        }
    }

    #[pyo3(signature = (now_ns, intended_ns, /))]
    fn begin(&mut self, now_ns: u64, intended_ns: Option<u64>) {
        self.begin_ns = now_ns.saturating_sub(self.run_start_ns);
        self.intended_ns = intended_ns;
        self.is_plain = true;
        self.is_active = true;
    }

    #[pyo3(signature = (now_ns, /))]
    fn granted(&mut self, now_ns: u64) {
        self.granted_ns = now_ns.saturating_sub(self.run_start_ns);
        if self.is_plain {
            self.first_granted_ns = self.granted_ns;
        }
    }

    #[pyo3(signature = (now_ns, /))]
    fn commit(&mut self, py: Python<'_>, now_ns: u64) -> Result<bool> {
        if !self.is_plain {
            return Ok(false);
        }
        let start_ns = self.begin_ns.max(self.granted_ns);
        let finish_ns = now_ns.saturating_sub(self.run_start_ns);
        let whole = execution(self.row, self.worker, self.intended_ns, start_ns, finish_ns);
        let recorder = &mut self.recorder.borrow_mut(py).0;
        if self.intended_ns.is_none() {
            recorder.offer(start_ns, 1)?;
        }
        recorder.commit(whole)?;
        self.is_active = false;
        self.has_succeeded = true;
        Ok(true)
    }
}
