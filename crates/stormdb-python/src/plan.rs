//! `Rate`, `Phase`, `Interval`, `Plan` and `Schedule`.

use std::iter::Peekable;
use std::sync::Arc;

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use stormdb_engine as engine;
use stormdb_engine::{Arrival, Due, Role};

use crate::errors::{Result, unknown_word};

/// Offered rate over the length of a phase.
#[pyclass(module = "stormdb._native", frozen, eq, from_py_object)]
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Rate(engine::Rate);

#[pymethods]
impl Rate {
    #[staticmethod]
    fn hold(rate_micro_per_s: u64) -> Self {
        Self(engine::Rate::Hold { rate_micro_per_s })
    }

    #[staticmethod]
    fn ramp(from_micro_per_s: u64, to_micro_per_s: u64) -> Self {
        Self(engine::Rate::Ramp { from_micro_per_s, to_micro_per_s })
    }

    #[staticmethod]
    fn steps(from_micro_per_s: u64, to_micro_per_s: u64, count: u32) -> Self {
        Self(engine::Rate::Steps { from_micro_per_s, to_micro_per_s, count })
    }

    #[staticmethod]
    fn sine(mean_micro_per_s: u64, amplitude_micro_per_s: u64, period_ns: u64) -> Self {
        Self(engine::Rate::Sine { mean_micro_per_s, amplitude_micro_per_s, period_ns })
    }

    #[staticmethod]
    fn spike(base_micro_per_s: u64, peak_micro_per_s: u64, at_ns: u64, width_ns: u64) -> Self {
        Self(engine::Rate::Spike { base_micro_per_s, peak_micro_per_s, at_ns, width_ns })
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// One phase of a run.
#[pyclass(module = "stormdb._native", frozen, eq, from_py_object)]
#[derive(Clone, PartialEq)]
pub(crate) struct Phase(engine::Phase);

#[pymethods]
impl Phase {
    #[new]
    #[pyo3(signature = (name, role, duration_ns, rate=None))]
    fn new(name: String, role: &str, duration_ns: u64, rate: Option<Rate>) -> Result<Self> {
        let role = match role {
            "warm_up" => Role::WarmUp,
            "ramp" => Role::Ramp,
            "steady" => Role::Steady,
            "cool_down" => Role::CoolDown,
            _ => return Err(unknown_word("role", role, "warm_up, ramp, steady, cool_down")),
        };
        Ok(Self(engine::Phase { name, role, duration_ns, rate: rate.map(|rate| rate.0) }))
    }

    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    #[getter]
    fn role(&self) -> &'static str {
        match self.0.role {
            Role::WarmUp => "warm_up",
            Role::Ramp => "ramp",
            Role::Steady => "steady",
            Role::CoolDown => "cool_down",
        }
    }

    #[getter]
    fn duration_ns(&self) -> u64 {
        self.0.duration_ns
    }

    #[getter]
    fn rate(&self) -> Option<Rate> {
        self.0.rate.map(Rate)
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Recorded arrivals.
#[pyclass(module = "stormdb._native", frozen, eq, from_py_object)]
#[derive(Clone, PartialEq)]
pub(crate) struct Trace(engine::Trace);

#[pymethods]
impl Trace {
    #[staticmethod]
    #[pyo3(signature = (name, text, *, micro_speed=1_000_000))]
    fn parse(name: &str, text: &str, micro_speed: u64) -> Result<Self> {
        Ok(Self(engine::Trace::parse(name, text, micro_speed)?))
    }

    #[getter]
    fn last_ns(&self) -> u64 {
        self.0.last_ns()
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.0.count()).expect("it was the length of a vector")
    }

    fn __repr__(&self) -> String {
        format!("Trace({} arrivals, {} ns)", self.0.count(), self.0.last_ns())
    }
}

/// A piece of the time line.
#[pyclass(module = "stormdb._native", frozen, eq, hash)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Interval(pub(crate) engine::Interval);

#[pymethods]
impl Interval {
    #[getter]
    fn index(&self) -> u64 {
        self.0.index
    }

    #[getter]
    fn phase_index(&self) -> Option<u32> {
        self.0.phase_index
    }

    #[getter]
    fn start_ns(&self) -> u64 {
        self.0.start_ns
    }

    #[getter]
    fn end_ns(&self) -> u64 {
        self.0.end_ns
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Phases of a run, their arrivals and the time line of its intervals.
#[pyclass(module = "stormdb._native", frozen, eq, from_py_object)]
#[derive(Clone, PartialEq)]
pub(crate) struct Plan(pub(crate) Arc<engine::Plan>);

#[pymethods]
impl Plan {
    #[new]
    #[pyo3(signature = (
        phases, *, arrival="constant", seed=0, trace=None, interval_ns=1_000_000_000,
    ))]
    fn new(
        phases: &Bound<'_, PyAny>,
        arrival: &str,
        seed: u64,
        trace: Option<Trace>,
        interval_ns: u64,
    ) -> Result<Self> {
        let arrival = match (arrival, trace) {
            (_, Some(trace)) => Arrival::Trace(trace.0),
            ("constant", _) => Arrival::Constant,
            ("poisson", _) => Arrival::Poisson { seed },
            _ => return Err(unknown_word("arrival", arrival, "constant, poisson")),
        };
        let phases: PyResult<Vec<engine::Phase>> =
            phases.try_iter()?.map(|phase| Ok(phase?.extract::<Phase>()?.0)).collect();
        Ok(Self(Arc::new(engine::Plan::new(phases?, arrival, interval_ns)?)))
    }

    #[getter]
    fn phases(&self) -> Vec<Phase> {
        self.0.phases().iter().cloned().map(Phase).collect()
    }

    #[getter]
    fn arrival(&self) -> &'static str {
        match self.0.arrival() {
            Arrival::Constant => "constant",
            Arrival::Poisson { .. } => "poisson",
            Arrival::Trace(_) => "trace",
        }
    }

    #[getter]
    fn seed(&self) -> u64 {
        match *self.0.arrival() {
            Arrival::Constant | Arrival::Trace(_) => 0,
            Arrival::Poisson { seed } => seed,
        }
    }

    #[getter]
    fn interval_ns(&self) -> u64 {
        self.0.interval_ns()
    }

    #[getter]
    fn duration_ns(&self) -> u64 {
        self.0.duration_ns()
    }

    #[getter]
    fn is_open_loop(&self) -> bool {
        self.0.is_open_loop()
    }

    #[getter]
    fn interval_count(&self) -> u64 {
        self.0.interval_count()
    }

    fn interval(&self, index: u64) -> Interval {
        Interval(self.0.interval(index))
    }

    fn interval_at(&self, at_ns: u64) -> Interval {
        Interval(self.0.interval_at(at_ns))
    }

    fn phase_at(&self, at_ns: u64) -> Option<u32> {
        self.0.phase_at(at_ns)
    }

    fn phase_start_ns(&self, phase_index: u32) -> PyResult<u64> {
        self.0.phase_start_ns(phase_index).ok_or_else(|| self.no_phase(phase_index))
    }

    fn planned_count(&self, phase_index: u32) -> PyResult<u64> {
        self.0.planned_count(phase_index).ok_or_else(|| self.no_phase(phase_index))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    #[staticmethod]
    fn from_bytes(data: &[u8]) -> Result<Self> {
        Ok(Self(Arc::new(engine::Plan::from_bytes(data)?)))
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let from_bytes = py.get_type::<Self>().getattr("from_bytes")?;
        Ok((from_bytes, (self.to_bytes(py),)))
    }

    fn __repr__(&self) -> String {
        let arrival = self.arrival();
        format!("Plan({:?}, {arrival}, {} ns)", self.0.phases(), self.0.interval_ns())
    }
}

impl Plan {
    fn no_phase(&self, phase_index: u32) -> PyErr {
        PyIndexError::new_err(format!(
            "phase {phase_index} does not exist; hint: the plan has {} phases, from 0",
            self.0.phases().len()
        ))
    }
}

/// Arrivals of one node in order.
#[pyclass(module = "stormdb._native")]
pub(crate) struct Schedule(Peekable<engine::Schedule>);

type Arriving = (u64, u64, u32);

fn arriving(due: &Due) -> Arriving {
    (due.index, due.intended_start_ns, due.phase_index)
}

#[pymethods]
impl Schedule {
    #[new]
    #[pyo3(signature = (plan, node_index=0, node_count=1))]
    fn new(plan: &Plan, node_index: u32, node_count: u32) -> Result<Self> {
        Ok(Self(engine::Schedule::new(plan.0.clone(), node_index, node_count)?.peekable()))
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&mut self) -> Option<Arriving> {
        self.0.next().as_ref().map(arriving)
    }

    fn peek(&mut self) -> Option<Arriving> {
        self.0.peek().map(arriving)
    }
}
