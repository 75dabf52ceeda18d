//! Offered rates over time: how many arrivals are due by when, in exact integers.
//!
//! A [`Rate`] is compiled into a [`RateCurve`] of straight lines. Its integral counts in units of
//! 10⁻¹⁵ arrivals (micro arrivals per second times nanoseconds), so it has no rounding that could
//! add up and never decreases; the time of an arrival is found by inverting it exactly. Floating
//! point only guesses where to look.

use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

use crate::plan::MAX_DURATION_NS;

/// Units of the integral that make one arrival.
pub const UNITS_PER_ARRIVAL: u128 = 1_000_000_000_000_000;

/// Highest rate of a plan: a billion per second.
pub const MAX_RATE_MICRO_PER_S: u64 = 1_000_000_000_000_000;

/// Straight lines that a period of a sine is drawn with.
pub const SINE_LINES: u64 = 64;

/// Most steps of a phase.
pub const MAX_STEPS: u32 = 1000;

/// Shortest period of a sine: 1 ms.
pub const MIN_PERIOD_NS: u64 = 1_000_000;

/// How the offered rate moves over a phase. Rates are in micro arrivals per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rate {
    /// The same from start to end.
    Hold {
        /// The rate, above 0.
        rate_micro_per_s: u64,
    },
    /// A straight line.
    Ramp {
        /// Rate at the start of the phase.
        from_micro_per_s: u64,
        /// Rate at its end.
        to_micro_per_s: u64,
    },
    /// Several rates, each held for the same time.
    Steps {
        /// The first.
        from_micro_per_s: u64,
        /// The last; those in between are evenly spaced.
        to_micro_per_s: u64,
        /// How many, from 2 to [`MAX_STEPS`].
        count: u32,
    },
    /// A sine that starts upwards, drawn with [`SINE_LINES`] straight lines a period: at most
    /// 0.13 % of the amplitude off.
    Sine {
        /// Mean over a period.
        mean_micro_per_s: u64,
        /// Largest distance from the mean, at most the mean.
        amplitude_micro_per_s: u64,
        /// Length of a period, at least [`MIN_PERIOD_NS`].
        period_ns: u64,
    },
    /// A base rate with one rectangular spike.
    Spike {
        /// Rate outside of the spike; may be 0.
        base_micro_per_s: u64,
        /// Rate within, above 0.
        peak_micro_per_s: u64,
        /// Start of the spike after the start of the phase.
        at_ns: u64,
        /// Length of the spike, which ends within the phase.
        width_ns: u64,
    },
}

/// What is wrong with a rate, and how to mend it.
type Problem = (String, &'static str);

impl Rate {
    /// Why this rate cannot be offered for `duration_ns`, if so.
    pub(crate) fn problem(&self, duration_ns: u64) -> Option<Problem> {
        let highest = match *self {
            Self::Hold { rate_micro_per_s } => rate_micro_per_s,
            Self::Ramp { from_micro_per_s, to_micro_per_s }
            | Self::Steps { from_micro_per_s, to_micro_per_s, .. } => {
                from_micro_per_s.max(to_micro_per_s)
            }
            Self::Sine { mean_micro_per_s, .. } => mean_micro_per_s,
            Self::Spike { base_micro_per_s, peak_micro_per_s, .. } => {
                base_micro_per_s.max(peak_micro_per_s)
            }
        };
        if highest == 0 {
            return Some((
                "the offered rate is 0, so nothing would ever arrive".into(),
                "give a rate above 0, or leave the rate out for a closed loop",
            ));
        }
        if highest > MAX_RATE_MICRO_PER_S {
            return Some((
                format!("the offered rate of {}/s is too high", highest / 1_000_000),
                "offer at most 1000000000/s",
            ));
        }
        match *self {
            Self::Steps { count, .. } if !(2..=MAX_STEPS).contains(&count) => {
                Some((format!("it has {count} steps"), "use 2 to 1000 steps"))
            }
            Self::Steps { count, .. } if u64::from(count) > duration_ns => {
                Some(("its steps are shorter than 1 ns".into(), "lengthen the phase"))
            }
            Self::Sine { mean_micro_per_s, amplitude_micro_per_s, .. }
                if amplitude_micro_per_s > mean_micro_per_s =>
            {
                Some((
                    "the sine's amplitude is above its mean, so the rate would be negative".into(),
                    "lower the amplitude or raise the mean",
                ))
            }
            Self::Sine { period_ns, .. }
                if !(MIN_PERIOD_NS..=MAX_DURATION_NS).contains(&period_ns) =>
            {
                Some((
                    format!("the sine's period is {period_ns} ns"),
                    "use a period from 1 ms to 366 days",
                ))
            }
            Self::Spike { peak_micro_per_s: 0, .. } | Self::Spike { width_ns: 0, .. } => {
                Some(("the spike has no height or no width".into(), "give both above 0"))
            }
            Self::Spike { at_ns, width_ns, .. }
                if at_ns.checked_add(width_ns).is_none_or(|end_ns| end_ns > duration_ns) =>
            {
                Some((
                    format!("the spike of {width_ns} ns at {at_ns} ns ends after the phase"),
                    "start it earlier, make it shorter, or lengthen the phase",
                ))
            }
            _ => None,
        }
    }
}

/// One straight line of a curve.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    start_ns: u64,
    length_ns: u64,
    from: u64,
    to: u64,
    units_before: u128,
}

impl Line {
    /// Integral over the first `elapsed_ns`. Never decreases: rounding a growing number down (or,
    /// where the rate falls, up) leaves it growing.
    fn units(&self, elapsed_ns: u64) -> u128 {
        let flat = u128::from(self.from) * u128::from(elapsed_ns);
        let slope = u128::from(self.from.abs_diff(self.to)) * u128::from(elapsed_ns);
        let bend = multiply_divide(slope, elapsed_ns, 2 * self.length_ns);
        if self.to >= self.from { flat + bend } else { flat - bend }
    }

    /// The last time at which the integral is not above `units`.
    fn latest_ns(&self, units: u128) -> u64 {
        if self.from == self.to {
            let due_ns = units / u128::from(self.from.max(1));
            return u64::try_from(due_ns).map_or(self.length_ns, |ns| ns.min(self.length_ns));
        }
        let guess_ns = self.guess_ns(units);
        let mut step_ns = 1;
        let (mut low, mut high);
        if self.units(guess_ns) <= units {
            low = guess_ns;
            loop {
                high = low.saturating_add(step_ns).min(self.length_ns + 1);
                if high > self.length_ns || self.units(high) > units {
                    break;
                }
                low = high;
                step_ns *= 2;
            }
        } else {
            high = guess_ns;
            loop {
                low = high.saturating_sub(step_ns);
                if low == 0 || self.units(low) <= units {
                    break;
                }
                high = low;
                step_ns *= 2;
            }
        }
        // units(low) <= units < units(high), where the end of the line counts as infinite.
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.units(middle) <= units { low = middle } else { high = middle }
        }
        low
    }

    /// Where the exact answer should be: the solution of the quadratic equation in floats.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a saturating cast of a guess"
    )]
    fn guess_ns(&self, units: u128) -> u64 {
        let from = self.from as f64;
        let slope = (self.to as f64 - from) / self.length_ns as f64;
        let units = units as f64;
        let root = (from * from + 2.0 * slope * units).max(0.0).sqrt();
        ((2.0 * units / (from + root)) as u64).min(self.length_ns)
    }
}

/// `a * b / divisor` rounded down, for `b` and `divisor` below 2⁶³, without overflow in between.
fn multiply_divide(a: u128, b: u64, divisor: u64) -> u128 {
    let (b, divisor) = (u128::from(b), u128::from(divisor));
    a / divisor * b + a % divisor * b / divisor
}

/// A compiled [`Rate`]: straight lines that repeat every `cycle_ns`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateCurve {
    lines: Vec<Line>,
    cycle_ns: u64,
    cycle_units: u128,
}

impl RateCurve {
    /// Compiles a rate that has no [`Rate::problem`].
    #[must_use]
    pub(crate) fn new(rate: &Rate, duration_ns: u64) -> Self {
        match *rate {
            Rate::Hold { rate_micro_per_s: rate } => {
                Self::from_corners([(0, rate, rate)], duration_ns, rate)
            }
            Rate::Ramp { from_micro_per_s: from, to_micro_per_s: to } => {
                Self::from_corners([(0, from, from)], duration_ns, to)
            }
            Rate::Steps { from_micro_per_s: from, to_micro_per_s: to, count } => {
                let rate = |step| step_rate(from, to, step, count);
                let corners = (0..count).map(|step| {
                    let at_ns = u128::from(duration_ns) * u128::from(step) / u128::from(count);
                    let at_ns = u64::try_from(at_ns).expect("it is within the phase");
                    (at_ns, rate(step.saturating_sub(1)), rate(step))
                });
                Self::from_corners(corners, duration_ns, to)
            }
            Rate::Spike { base_micro_per_s: base, peak_micro_per_s: peak, at_ns, width_ns } => {
                let corners =
                    [(0, base, base), (at_ns, base, peak), (at_ns + width_ns, peak, base)];
                Self::from_corners(corners, duration_ns, base)
            }
            Rate::Sine { mean_micro_per_s, amplitude_micro_per_s, period_ns } => {
                let corners = (0..SINE_LINES).map(|k| {
                    let at_ns = u128::from(period_ns) * u128::from(k) / u128::from(SINE_LINES);
                    let at_ns = u64::try_from(at_ns).expect("it is within the period");
                    let rate = sine_rate(mean_micro_per_s, amplitude_micro_per_s, k);
                    (at_ns, rate, rate)
                });
                Self::from_corners(corners, period_ns, mean_micro_per_s)
            }
        }
    }

    /// Lines between corners `(time, rate to the left, rate to the right)`; the last one ends at
    /// `cycle_ns` with `last` as its rate.
    fn from_corners(
        corners: impl IntoIterator<Item = (u64, u64, u64)>,
        cycle_ns: u64,
        last: u64,
    ) -> Self {
        let mut lines: Vec<Line> = Vec::new();
        let mut units_before = 0;
        let mut corners = corners.into_iter().peekable();
        while let Some((start_ns, _, from)) = corners.next() {
            let (end_ns, to) = corners.peek().map_or((cycle_ns, last), |next| (next.0, next.1));
            if end_ns > start_ns {
                let length_ns = end_ns - start_ns;
                let line = Line { start_ns, length_ns, from, to, units_before };
                units_before += line.units(length_ns);
                lines.push(line);
            }
        }
        Self { lines, cycle_ns, cycle_units: units_before }
    }

    /// Integral of the rate from the start of the phase, in units of 10⁻¹⁵ arrivals.
    #[must_use]
    pub fn units(&self, elapsed_ns: u64) -> u128 {
        let within_ns = elapsed_ns % self.cycle_ns;
        let line = &self.lines[self.lines.partition_point(|line| line.start_ns <= within_ns) - 1];
        u128::from(elapsed_ns / self.cycle_ns) * self.cycle_units
            + line.units_before
            + line.units(within_ns - line.start_ns)
    }

    /// The last nanosecond after the start of the phase by which no more than `units` are due.
    ///
    /// # Panics
    /// If that is after 584 years; callers ask for less than the phase offers.
    #[must_use]
    pub fn latest_ns(&self, units: u128) -> u64 {
        let cycles = u64::try_from(units / self.cycle_units).expect("a phase is shorter");
        let within = units % self.cycle_units;
        let line = &self.lines[self.lines.partition_point(|line| line.units_before <= within) - 1];
        cycles * self.cycle_ns + line.start_ns + line.latest_ns(within - line.units_before)
    }
}

/// Rate of one of several steps, rounded towards the first.
fn step_rate(from: u64, to: u64, step: u32, count: u32) -> u64 {
    let height = u128::from(from.abs_diff(to)) * u128::from(step) / u128::from(count - 1);
    let height = u64::try_from(height).expect("at most the difference");
    if to >= from { from + height } else { from - height }
}

/// Rate at corner `k` of [`SINE_LINES`], rounded.
#[expect(clippy::cast_possible_truncation, reason = "at most 10¹⁵")]
fn sine_rate(mean: u64, amplitude: u64, k: u64) -> u64 {
    // Computed in software, so that every machine draws the same lines.
    let height = (amplitude as f64 * libm::sin(TAU * k as f64 / SINE_LINES as f64)).round() as i64;
    mean.saturating_add_signed(height)
}

#[cfg(test)]
mod tests;
