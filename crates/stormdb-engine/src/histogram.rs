//! HDR histogram of times: 3 significant digits from 0 ns to 24 h, counts of 64 bits.

mod v2;

use std::fmt;

use crate::{Error, Result};

type Hdr = hdrhistogram::Histogram<u64>;

/// Longest time that is told apart: 24 h. Longer ones are recorded as this.
pub const HIGHEST_TIME_NS: u64 = 86_400_000_000_000;
/// Significant digits: a quantile is within 0.1 % of the recorded time.
pub const SIGNIFICANT_DIGITS: u8 = 3;
/// Largest count of one recorded time or one decoded histogram; sums of thousands cannot overflow.
pub const MAX_COUNT: u64 = 1 << 48;

/// A histogram that takes memory (304 KiB, touched where counted) only once it is recorded into.
#[derive(Clone, Default)]
pub struct Histogram(Option<Box<Hdr>>);

/// One bucket with a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Shortest time that it counts.
    pub low_ns: u64,
    /// Longest time that it counts.
    pub high_ns: u64,
    /// How many were counted.
    pub count: u64,
}

impl Histogram {
    /// An empty histogram without memory of its own.
    #[must_use]
    pub fn empty() -> Self {
        Self(None)
    }

    /// An empty histogram with its memory, so that recording does not allocate.
    #[must_use]
    pub fn allocated() -> Self {
        Self(Some(Box::new(new_hdr())))
    }

    /// Counts a time once; one above 24 h as 24 h.
    pub fn record(&mut self, time_ns: u64) {
        self.hdr_mut().saturating_record(time_ns);
    }

    /// Counts a time `count` times.
    ///
    /// # Errors
    /// If `count` is above [`MAX_COUNT`].
    pub fn record_n(&mut self, time_ns: u64, count: u64) -> Result<()> {
        if count > MAX_COUNT {
            return Err(Error::Count { count, limit: MAX_COUNT });
        }
        if count > 0 {
            self.hdr_mut().saturating_record_n(time_ns, count);
        }
        Ok(())
    }

    /// Adds all counts of another.
    ///
    /// # Panics
    /// Never: all histograms have the same bounds.
    pub fn merge(&mut self, other: &Self) {
        if let Some(theirs) = other.non_empty() {
            self.hdr_mut().add(theirs).expect("the bounds are the same");
        }
    }

    /// How many times were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, |hdr| hdr.len())
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Shortest time, 0 if empty.
    #[must_use]
    pub fn min_ns(&self) -> u64 {
        self.non_empty().map_or(0, Hdr::min)
    }

    /// Longest time, 0 if empty.
    #[must_use]
    pub fn max_ns(&self) -> u64 {
        self.non_empty().map_or(0, Hdr::max)
    }

    /// Mean, 0 if empty.
    #[must_use]
    pub fn mean_ns(&self) -> f64 {
        self.non_empty().map_or(0.0, Hdr::mean)
    }

    /// Standard deviation, 0 if empty.
    #[must_use]
    pub fn stdev_ns(&self) -> f64 {
        self.non_empty().map_or(0.0, Hdr::stdev)
    }

    /// The time that a share `quantile` (clamped to 0 .. 1) of the recorded ones does not exceed;
    /// 0 if empty.
    #[must_use]
    pub fn quantile_ns(&self, quantile: f64) -> u64 {
        let Some(hdr) = self.non_empty() else { return 0 };
        // The product of a share and a count may land a hair above the whole number that is meant:
        // the next float down keeps the rank (0.07 of 100 is the 7th, not the 8th).
        let quantile = quantile.clamp(0.0, 1.0);
        let quantile = if quantile > 0.0 { quantile.next_down() } else { 0.0 };
        hdr.value_at_quantile(quantile)
    }

    /// How many were up to `time_ns`, or up to what cannot be told apart from it.
    #[must_use]
    pub fn count_at_or_below(&self, time_ns: u64) -> u64 {
        self.non_empty().map_or(0, |hdr| hdr.count_between(0, time_ns))
    }

    /// The buckets that have counts, ascending.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.non_empty().into_iter().flat_map(|hdr| {
            hdr.iter_recorded().map(|step| Bucket {
                low_ns: hdr.lowest_equivalent(step.value_iterated_to()),
                high_ns: step.value_iterated_to(),
                count: step.count_at_value(),
            })
        })
    }

    fn non_empty(&self) -> Option<&Hdr> {
        self.0.as_deref().filter(|hdr| !hdr.is_empty())
    }

    /// Lends the library's histogram, an empty one if there is none.
    pub(crate) fn with_hdr<T>(&self, use_it: impl FnOnce(&Hdr) -> T) -> T {
        match &self.0 {
            Some(hdr) => use_it(hdr),
            None => use_it(&new_hdr()),
        }
    }

    fn hdr_mut(&mut self) -> &mut Hdr {
        self.0.get_or_insert_with(|| Box::new(new_hdr()))
    }
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        match (self.non_empty(), other.non_empty()) {
            (Some(mine), Some(theirs)) => mine == theirs,
            (mine, theirs) => mine.is_none() && theirs.is_none(),
        }
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Histogram(count {}, {} ns to {} ns)",
            self.count(),
            self.min_ns(),
            self.max_ns()
        )
    }
}

fn new_hdr() -> Hdr {
    Hdr::new_with_bounds(1, HIGHEST_TIME_NS, SIGNIFICANT_DIGITS).expect("the bounds are constants")
}
