//! What a run offers and when: its phases, the process of its arrivals and its time line.
//!
//! The time line is cut into intervals. Each phase starts a new grid, so an interval never lies in
//! two phases and the last one of a phase may be shorter. After the last phase drain intervals of
//! full length follow without end, for what is still to finish.

use serde::{Deserialize, Serialize};

use crate::rate::{Rate, RateCurve, UNITS_PER_ARRIVAL};
use crate::trace::Trace;
use crate::{Error, Result};

/// Most phases of a plan.
pub const MAX_PHASES: usize = 1000;
/// Longest run: 366 days.
pub const MAX_DURATION_NS: u64 = 366 * 86_400 * 1_000_000_000;
/// Shortest interval: 1 ms.
pub const MIN_INTERVAL_NS: u64 = 1_000_000;
/// Longest interval: 1 h.
pub const MAX_INTERVAL_NS: u64 = 3_600_000_000_000;

/// What a phase is for. Summaries read `Steady` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Caches and connections settle.
    WarmUp,
    /// The load moves to its level.
    Ramp,
    /// What is measured.
    Steady,
    /// The load goes away.
    CoolDown,
}

/// The process that places arrivals under the rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arrival {
    /// Evenly: arrival k of a phase is due when the rate's integral reaches k.
    Constant,
    /// Exponential gaps under the same rate, as from many independent users.
    Poisson {
        /// Seed of the gaps.
        seed: u64,
    },
    /// At recorded times, whatever the phase; no phase has a rate.
    Trace(Trace),
}

/// One phase of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Name in reports.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Its length.
    pub duration_ns: u64,
    /// Offered rate; `None` is closed loop.
    pub rate: Option<Rate>,
}

/// A piece of the time line, `[start_ns, end_ns)` after the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Interval {
    /// Position on the time line.
    pub index: u64,
    /// Start.
    pub start_ns: u64,
    /// End, outside.
    pub end_ns: u64,
    /// The phase it lies in; `None` in the drain.
    pub phase_index: Option<u32>,
}

/// Where a phase lies and what it offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    pub(crate) curve: Option<RateCurve>,
    /// The rate's integral over the phase.
    pub(crate) units: u128,
    first_interval: u64,
}

/// The phases of a run. Made only by [`Plan::new`], so every plan can be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PlanParts", into = "PlanParts")]
pub struct Plan {
    phases: Vec<Phase>,
    arrival: Arrival,
    interval_ns: u64,
    spans: Vec<Span>,
    interval_count: u64,
}

#[derive(Serialize, Deserialize)]
struct PlanParts {
    phases: Vec<Phase>,
    arrival: Arrival,
    interval_ns: u64,
}

impl TryFrom<PlanParts> for Plan {
    type Error = Error;

    fn try_from(parts: PlanParts) -> Result<Self> {
        Self::new(parts.phases, parts.arrival, parts.interval_ns)
    }
}

impl From<Plan> for PlanParts {
    fn from(plan: Plan) -> Self {
        Self { phases: plan.phases, arrival: plan.arrival, interval_ns: plan.interval_ns }
    }
}

impl Plan {
    /// Checks the phases and lays them out one after the other.
    ///
    /// # Errors
    /// If a rate, a length, the number of phases or the mix of loops cannot be carried out.
    pub fn new(phases: Vec<Phase>, arrival: Arrival, interval_ns: u64) -> Result<Self> {
        if phases.is_empty() || phases.len() > MAX_PHASES {
            return Err(Error::plan(
                format!("it has {} phases", phases.len()),
                "give 1 to 1000 phases",
            ));
        }
        if !(MIN_INTERVAL_NS..=MAX_INTERVAL_NS).contains(&interval_ns) {
            return Err(Error::plan(
                format!("its interval is {interval_ns} ns"),
                "use an interval from 1 ms to 1 h",
            ));
        }
        let mut spans = Vec::with_capacity(phases.len());
        let (mut start_ns, mut first_interval) = (0, 0);
        for phase in &phases {
            check_phase(phase, &phases[0], start_ns)?;
            check_process(phase, &arrival)?;
            let curve = phase.rate.map(|rate| RateCurve::new(&rate, phase.duration_ns));
            let end_ns = start_ns + phase.duration_ns;
            let units = curve.as_ref().map_or(0, |curve| curve.units(phase.duration_ns));
            spans.push(Span { start_ns, end_ns, curve, units, first_interval });
            start_ns = end_ns;
            first_interval += phase.duration_ns.div_ceil(interval_ns);
        }
        Ok(Self { phases, arrival, interval_ns, spans, interval_count: first_interval })
    }

    /// The phases in order.
    #[must_use]
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// The process of the arrivals.
    #[must_use]
    pub fn arrival(&self) -> &Arrival {
        &self.arrival
    }

    /// Length of a full interval.
    #[must_use]
    pub fn interval_ns(&self) -> u64 {
        self.interval_ns
    }

    /// Sum of the phases, without the drain.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.spans.last().map_or(0, |span| span.end_ns)
    }

    /// Whether arrivals ignore completions.
    #[must_use]
    pub fn is_open_loop(&self) -> bool {
        self.phases[0].rate.is_some() || matches!(self.arrival, Arrival::Trace(_))
    }

    /// Number of intervals without the drain.
    #[must_use]
    pub fn interval_count(&self) -> u64 {
        self.interval_count
    }

    /// Interval number `index`; from [`Plan::interval_count`] on they are drain intervals.
    #[must_use]
    pub fn interval(&self, index: u64) -> Interval {
        if index >= self.interval_count {
            let beyond = index - self.interval_count;
            let start_ns =
                self.duration_ns().saturating_add(beyond.saturating_mul(self.interval_ns));
            let end_ns = start_ns.saturating_add(self.interval_ns);
            return Interval { index, start_ns, end_ns, phase_index: None };
        }
        let position = self.spans.partition_point(|span| span.first_interval <= index) - 1;
        let span = &self.spans[position];
        let start_ns = span.start_ns + (index - span.first_interval) * self.interval_ns;
        let end_ns = (start_ns + self.interval_ns).min(span.end_ns);
        Interval { index, start_ns, end_ns, phase_index: Some(to_u32(position)) }
    }

    /// The interval that holds a time.
    #[must_use]
    pub fn interval_at(&self, at_ns: u64) -> Interval {
        let (first_interval, start_ns) = match self.phase_at(at_ns) {
            Some(phase) => {
                let span = &self.spans[phase as usize];
                (span.first_interval, span.start_ns)
            }
            None => (self.interval_count, self.duration_ns()),
        };
        self.interval(first_interval + (at_ns - start_ns) / self.interval_ns)
    }

    /// The phase that holds a time; `None` once the last one is over.
    #[must_use]
    pub fn phase_at(&self, at_ns: u64) -> Option<u32> {
        let position = self.spans.partition_point(|span| span.end_ns <= at_ns);
        (position < self.spans.len()).then(|| to_u32(position))
    }

    /// The phase that a transaction belongs to by its intended start or start: as
    /// [`Plan::phase_at`], and the last phase after the end.
    #[must_use]
    pub fn arrival_phase(&self, arrival_ns: u64) -> u32 {
        self.phase_at(arrival_ns).unwrap_or_else(|| to_u32(self.spans.len() - 1))
    }

    /// Start of a phase, if there is such a phase.
    #[must_use]
    pub fn phase_start_ns(&self, phase_index: u32) -> Option<u64> {
        self.spans.get(phase_index as usize).map(|span| span.start_ns)
    }

    /// Arrivals of a phase over all nodes: exact if constant or recorded, the rounded mean if
    /// Poisson, 0 in closed loop; `None` if there is no such phase.
    #[must_use]
    pub fn planned_count(&self, phase_index: u32) -> Option<u64> {
        let span = self.spans.get(phase_index as usize)?;
        Some(match &self.arrival {
            Arrival::Constant => constant_count(span.units),
            Arrival::Poisson { .. } => {
                to_count((span.units + UNITS_PER_ARRIVAL / 2) / UNITS_PER_ARRIVAL)
            }
            Arrival::Trace(trace) => trace.count_within(span.start_ns, span.end_ns),
        })
    }

    /// The plan as bytes, for another process of the same version.
    ///
    /// # Panics
    /// Never: a vector takes all bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("a vector takes all bytes")
    }

    /// Reads what [`Plan::to_bytes`] wrote.
    ///
    /// # Errors
    /// If the bytes are damaged, or the plan cannot be carried out.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        rmp_serde::from_slice(bytes).map_err(|error| Error::Decode {
            what: "plan",
            problem: error.to_string(),
            hint: "give the unchanged bytes of a plan of this version",
        })
    }

    pub(crate) fn spans(&self) -> &[Span] {
        &self.spans
    }
}

/// Arrivals 0, 1, … that are due before the integral ends at `units`.
pub(crate) fn constant_count(units: u128) -> u64 {
    to_count(units.div_ceil(UNITS_PER_ARRIVAL))
}

fn check_process(phase: &Phase, arrival: &Arrival) -> Result<()> {
    if matches!(arrival, Arrival::Trace(_)) && phase.rate.is_some() {
        let what = "its arrivals are recorded, so it has no rate".to_owned();
        return Err(Error::phase(&phase.name, what, "remove the rate"));
    }
    Ok(())
}

fn to_count(arrivals: u128) -> u64 {
    u64::try_from(arrivals).expect("a billion per second for a year is below 2⁶⁴")
}

fn to_u32(phase_index: usize) -> u32 {
    u32::try_from(phase_index).expect("a plan has at most 1000 phases")
}

fn check_phase(phase: &Phase, first: &Phase, start_ns: u64) -> Result<()> {
    let problem = if phase.duration_ns == 0 {
        Some(("it lasts 0 ns".to_owned(), "give it a length above 0, or leave it out"))
    } else if phase.duration_ns > MAX_DURATION_NS - start_ns {
        Some(("the run would last more than 366 days".to_owned(), "shorten the phases"))
    } else if phase.rate.is_some() != first.rate.is_some() {
        let (this, that) =
            if phase.rate.is_some() { ("open", "closed") } else { ("closed", "open") };
        Some((
            format!("it is {this} loop, but phase `{}` is {that} loop", first.name),
            "give every phase a rate, or none",
        ))
    } else {
        phase.rate.and_then(|rate| rate.problem(phase.duration_ns))
    };
    match problem {
        Some((what, hint)) => Err(Error::phase(&phase.name, what, hint)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
