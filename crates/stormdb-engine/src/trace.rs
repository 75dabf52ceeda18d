//! Recorded arrivals: times after the start of the run, read from a text.

use serde::{Deserialize, Serialize};

use crate::plan::MAX_DURATION_NS;
use crate::{Error, Result};

/// Most arrivals of a trace: 45 MB of a plan on its way to a worker process.
pub const MAX_ARRIVALS: usize = 5_000_000;

/// A speed of 1: a trace is played as it was recorded.
pub const MICRO_SPEED: u64 = 1_000_000;

const HOW: &str = "write one time per line, in seconds after the start: 12.5";

/// Times of arrivals in nanoseconds after the start of the run, in order. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>")]
pub struct Trace(Vec<u64>);

impl TryFrom<Vec<u64>> for Trace {
    type Error = &'static str;

    fn try_from(times: Vec<u64>) -> std::result::Result<Self, Self::Error> {
        let is_usable = times.is_sorted()
            && times.len() <= MAX_ARRIVALS
            && times.last().is_some_and(|last_ns| *last_ns < MAX_DURATION_NS);
        if is_usable { Ok(Self(times)) } else { Err("the times of its trace are in no order") }
    }
}

impl Trace {
    /// Reads one time per line, in seconds with up to nine decimals; `#` begins a comment. `name`
    /// is of the file, for messages.
    ///
    /// `micro_speed` is how much faster than recorded it is played, in millionths: 2,000,000
    /// halves every time.
    ///
    /// # Errors
    /// A line is no time or earlier than the one before, there are none or too many, or they are
    /// too late.
    pub fn parse(name: &str, text: &str, micro_speed: u64) -> Result<Self> {
        let refuse = |place: String, what, hint| Err(Error::Trace { place, what, hint });
        if micro_speed == 0 {
            return refuse(name.into(), "its speed is 0".into(), "give one above 0");
        }
        let mut times = Vec::new();
        for (number, line) in (1_usize..).zip(text.lines()) {
            let word = line.split('#').next().unwrap_or_default().trim();
            if word.is_empty() {
                continue;
            }
            let place = || format!("{name}:{number}");
            let Some(recorded_ns) = nanoseconds(word) else {
                return refuse(place(), format!("`{}` is no time", shortened(word)), HOW);
            };
            let due_ns = recorded_ns * u128::from(MICRO_SPEED) / u128::from(micro_speed);
            let Some(due_ns) = u64::try_from(due_ns).ok().filter(|at_ns| *at_ns < MAX_DURATION_NS)
            else {
                let hint = "count the times from the start of the run, not from 1970";
                let what = format!("{word} s is more than 366 days after the start");
                return refuse(place(), what, hint);
            };
            if times.last().is_some_and(|last_ns| *last_ns > due_ns) {
                let what = format!("{word} s is earlier than the line before");
                return refuse(place(), what, "sort the times");
            }
            if times.len() == MAX_ARRIVALS {
                let what = format!("it is arrival number {}", MAX_ARRIVALS + 1);
                return refuse(place(), what, "split the trace: 5000000 arrivals are the most");
            }
            times.push(due_ns);
        }
        if times.is_empty() {
            return refuse(name.into(), "there is no arrival in it".into(), HOW);
        }
        Ok(Self(times))
    }

    /// When arrival `index` is due; `None` after the last.
    #[must_use]
    pub fn intended_start_ns(&self, index: u64) -> Option<u64> {
        self.0.get(usize::try_from(index).ok()?).copied()
    }

    /// How many arrivals there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// When the last one is due.
    ///
    /// # Panics
    /// Never: there is a last one.
    #[must_use]
    pub fn last_ns(&self) -> u64 {
        *self.0.last().expect("a trace is never empty")
    }

    /// Arrivals from `start_ns` on and before `end_ns`.
    #[must_use]
    pub fn count_within(&self, start_ns: u64, end_ns: u64) -> u64 {
        let before = |at_ns| self.0.partition_point(|due_ns| *due_ns < at_ns) as u64;
        before(end_ns) - before(start_ns)
    }
}

/// Nanoseconds of seconds such as `12`, `12.5` or `.5`; digits after the ninth are cut off.
fn nanoseconds(word: &str) -> Option<u128> {
    let (whole, fraction) = word.split_once('.').unwrap_or((word, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_digits = !(whole.is_empty() && fraction.is_empty());
    if !has_digits || whole.len() > 18 || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let whole: u128 = format!("0{whole}").parse().ok()?;
    let part: u128 = format!("{fraction:0<9.9}").parse().ok()?;
    Some(whole * 1_000_000_000 + part)
}

fn shortened(word: &str) -> String {
    const MOST: usize = 40;
    if word.chars().count() <= MOST {
        return word.to_owned();
    }
    word.chars().take(MOST).chain("…".chars()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const S: u64 = 1_000_000_000;

    fn parse(text: &str, micro_speed: u64) -> Result<Trace> {
        Trace::parse("times.csv", text, micro_speed)
    }

    fn message(text: &str) -> String {
        parse(text, MICRO_SPEED).unwrap_err().to_string()
    }

    #[test]
    fn times_are_seconds_with_up_to_nine_decimals() {
        let text = "0\n.5\n 1.5 \r\n# a comment\n\n2. # and another\n12.000000001\n12.0000000019\n";
        let trace = parse(text, MICRO_SPEED).unwrap();
        assert_eq!(trace.0, [0, S / 2, 3 * S / 2, 2 * S, 12 * S + 1, 12 * S + 1]);
        assert_eq!((trace.count(), trace.last_ns()), (6, 12 * S + 1));
    }

    #[test]
    fn a_line_that_cannot_be_used_is_named() {
        assert_eq!(
            message("1\ntime\n"),
            "times.csv:2: `time` is no time; hint: write one time per line, in seconds after the start: 12.5"
        );
        assert_eq!(
            message("# head\n3\n2.5\n"),
            "times.csv:3: 2.5 s is earlier than the line before; hint: sort the times"
        );
        assert!(message("1750000000.25\n").starts_with(
            "times.csv:1: 1750000000.25 s is more than 366 days after the start; hint: count"
        ));
        for word in ["-1", "1e3", "1,5", ".", "1.2.3", "１", "9999999999999999999"] {
            assert!(message(word).contains("is no time"), "{word}");
        }
        assert!(message(&"x".repeat(10_000)).len() < 200);
        assert!(message("# nothing\n").starts_with("times.csv: there is no arrival in it; hint: "));
        assert!(parse("1\n", 0).is_err());
    }

    #[test]
    fn a_higher_speed_brings_arrivals_sooner() {
        let text = "0\n1\n3\n";
        assert_eq!(parse(text, 2 * MICRO_SPEED).unwrap().0, [0, S / 2, 3 * S / 2]);
        assert_eq!(parse(text, MICRO_SPEED / 10).unwrap().0, [0, 10 * S, 30 * S]);
        assert_eq!(parse("1\n", 3 * MICRO_SPEED).unwrap().0, [333_333_333]);
    }

    #[test]
    fn arrivals_are_counted_from_a_start_to_before_an_end() {
        let trace = parse("0\n1\n1\n2\n", MICRO_SPEED).unwrap();
        assert_eq!(trace.count_within(0, S), 1);
        assert_eq!(trace.count_within(S, 2 * S), 2);
        assert_eq!(trace.count_within(S, 9 * S), 3);
        assert_eq!(trace.count_within(5 * S, 9 * S), 0);
    }

    proptest! {
        #[test]
        fn a_written_time_is_read_back(mut times in prop::collection::vec(0..MAX_DURATION_NS, 1..99)) {
            times.sort_unstable();
            let lines = times.iter().map(|ns| format!("{}.{:09}\n", ns / S, ns % S));
            let text: String = lines.collect();
            prop_assert_eq!(parse(&text, MICRO_SPEED).unwrap().0, times);
        }

        #[test]
        fn no_text_panics(text in "\\PC*", micro_speed: u64) {
            drop(parse(&text, micro_speed));
        }
    }
}
