//! The arrivals of a plan, as one of its nodes sees them.
//!
//! Arrivals are numbered through the whole run. Node k of n owns those whose number leaves k when
//! divided by n, so each arrival belongs to exactly one node and its instant does not depend on n.

use std::iter::FusedIterator;
use std::sync::Arc;

use crate::plan::{Arrival, Plan, constant_count};
use crate::random::{FIRST_OWN_STREAM, random_exponential};
use crate::rate::UNITS_PER_ARRIVAL;
use crate::trace::Trace;
use crate::{Error, Result};

/// The stream of the Poisson gaps.
const GAP_STREAM: u64 = FIRST_OWN_STREAM;

/// One arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Number in the whole run, over all nodes.
    pub index: u64,
    /// When it is due, after the start of the run.
    pub intended_start_ns: u64,
    /// The phase that offers it.
    pub phase_index: u32,
}

/// Iterator over the arrivals of one node in order of their intended starts.
#[derive(Debug, Clone)]
pub struct Schedule {
    plan: Arc<Plan>,
    node_count: u64,
    /// The next arrival of this node.
    next_index: u64,
    phase: usize,
    /// Constant: number of the first arrival of `phase`.
    phase_first_index: u64,
    /// Poisson: number of the next gap, and the sum of those before.
    next_gap: u64,
    gap_units: u128,
    /// Poisson: integral of the rate before `phase`.
    units_before: u128,
}

impl Schedule {
    /// The arrivals of node `node_index` of `node_count`. Empty in closed loop.
    ///
    /// # Errors
    /// If there is no such node.
    pub fn new(plan: Arc<Plan>, node_index: u32, node_count: u32) -> Result<Self> {
        if node_index >= node_count {
            return Err(Error::Node { node_index, node_count });
        }
        Ok(Self {
            plan,
            node_count: node_count.into(),
            next_index: node_index.into(),
            phase: 0,
            phase_first_index: 0,
            next_gap: 0,
            gap_units: 0,
            units_before: 0,
        })
    }

    /// Each phase starts anew: its arrival 0 is due at its start (where its rate is above 0).
    fn next_constant(&mut self) -> Option<Due> {
        loop {
            let span = self.plan.spans().get(self.phase)?;
            let within = self.next_index - self.phase_first_index;
            let count = constant_count(span.units);
            if within < count {
                return Some(self.due(u128::from(within) * UNITS_PER_ARRIVAL));
            }
            self.phase_first_index += count;
            self.phase += 1;
        }
    }

    /// The process runs through the phases: gaps are added up in units of the integral, as
    /// integers, and the sum is where the arrival lies under the rate.
    fn next_poisson(&mut self, seed: u64) -> Option<Due> {
        while self.next_gap <= self.next_index {
            self.gap_units += gap_units(seed, self.next_gap);
            self.next_gap += 1;
        }
        loop {
            let span = self.plan.spans().get(self.phase)?;
            let within = self.gap_units - self.units_before;
            if within < span.units {
                return Some(self.due(within));
            }
            self.units_before += span.units;
            self.phase += 1;
        }
    }

    fn recorded(&self, trace: &Trace) -> Option<Due> {
        let intended_start_ns = trace.intended_start_ns(self.next_index)?;
        let phase_index = self.plan.phase_at(intended_start_ns)?;
        Some(Due { index: self.next_index, intended_start_ns, phase_index })
    }

    fn due(&self, units: u128) -> Due {
        let span = &self.plan.spans()[self.phase];
        let curve = span.curve.as_ref().expect("only an open loop has units");
        Due {
            index: self.next_index,
            intended_start_ns: span.start_ns + curve.latest_ns(units),
            phase_index: u32::try_from(self.phase).expect("a plan has at most 1000 phases"),
        }
    }
}

impl Iterator for Schedule {
    type Item = Due;

    fn next(&mut self) -> Option<Due> {
        let due = match *self.plan.arrival() {
            Arrival::Constant => self.next_constant(),
            Arrival::Poisson { seed } => self.next_poisson(seed),
            Arrival::Trace(ref trace) => self.recorded(trace),
        }?;
        self.next_index += self.node_count;
        Some(due)
    }
}

impl FusedIterator for Schedule {}

/// Gap number `index` in units of the rate's integral; its mean is one arrival.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 3.7e16")]
fn gap_units(seed: u64, index: u64) -> u128 {
    u128::from((random_exponential(seed, GAP_STREAM, index) * UNITS_PER_ARRIVAL as f64) as u64)
}

#[cfg(test)]
mod tests;
