//! HDR histograms of times: 3 significant digits from 0 ns to 24 h.
//!
//! The buckets are those of HdrHistogram, so the standard V2 form fits, and quantiles agree with
//! every other implementation. Two representations: [`DenseCounts`] is an array that is recorded
//! into; [`Histogram`] lists only the buckets that have counts, which is what snapshots keep, merge
//! and send: a few KiB instead of 304.

mod buckets;
mod dense;
mod v2;

pub use buckets::HIGHEST_TIME_NS;
pub use dense::DenseCounts;

use crate::{Error, Result};
use buckets::{highest_ns, index_of, lowest_ns, middle_ns};

/// Largest count of one recorded time or one decoded histogram; sums of thousands cannot overflow.
pub const MAX_COUNT: u64 = 1 << 48;

/// Counts by bucket, only of the buckets that have any.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// (index of the bucket, count above 0), ascending.
    counts: Vec<(u32, u64)>,
    count: u64,
}

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
    /// Counts a time `count` times; one above 24 h as 24 h. For the data plane there is
    /// [`DenseCounts`].
    ///
    /// # Errors
    /// If `count` is above [`MAX_COUNT`].
    pub fn record_n(&mut self, time_ns: u64, count: u64) -> Result<()> {
        if count > MAX_COUNT {
            return Err(Error::Count { count, limit: MAX_COUNT });
        }
        if count > 0 {
            let bucket = index_of(time_ns);
            match self.counts.binary_search_by_key(&bucket, |entry| entry.0) {
                Ok(position) => add(&mut self.counts[position].1, count),
                Err(position) => self.counts.insert(position, (bucket, count)),
            }
            add(&mut self.count, count);
        }
        Ok(())
    }

    /// Adds all counts of another.
    pub fn merge(&mut self, other: &Self) {
        let mine = std::mem::take(&mut self.counts);
        self.counts.reserve(mine.len().max(other.counts.len()));
        let (mut mine, mut theirs) = (mine.into_iter().peekable(), other.counts.iter().peekable());
        while let Some(&&(bucket, count)) = theirs.peek() {
            match mine.next_if(|entry| entry.0 <= bucket) {
                Some((same, sum)) if same == bucket => {
                    self.counts.push((bucket, sum.saturating_add(count)));
                    theirs.next();
                }
                Some(entry) => self.counts.push(entry),
                None => {
                    self.counts.push((bucket, count));
                    theirs.next();
                }
            }
        }
        self.counts.extend(mine);
        add(&mut self.count, other.count);
    }

    /// How many times were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Shortest time, 0 if empty.
    #[must_use]
    pub fn min_ns(&self) -> u64 {
        self.counts.first().map_or(0, |entry| lowest_ns(entry.0))
    }

    /// Longest time, 0 if empty.
    #[must_use]
    pub fn max_ns(&self) -> u64 {
        self.counts.last().map_or(0, |entry| highest_ns(entry.0))
    }

    /// Mean, 0 if empty.
    #[must_use]
    pub fn mean_ns(&self) -> f64 {
        self.mean_of(|time_ns| time_ns)
    }

    /// Standard deviation of the recorded times, 0 if empty.
    #[must_use]
    pub fn stdev_ns(&self) -> f64 {
        let mean_ns = self.mean_ns();
        self.mean_of(|time_ns| (time_ns - mean_ns).powi(2)).sqrt()
    }

    /// The time that a share `quantile` (clamped to 0 .. 1) of the recorded ones does not exceed;
    /// 0 if empty.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to the count")]
    pub fn quantile_ns(&self, quantile: f64) -> u64 {
        if quantile <= 0.0 {
            return self.min_ns();
        }
        // The product of a share and a count may land a hair above the whole number that is meant:
        // the next float down keeps the rank (0.07 of 100 is the 7th, not the 8th).
        let rank = (quantile.min(1.0).next_down() * self.count as f64).ceil() as u64;
        let mut passed = 0_u64;
        for &(bucket, count) in &self.counts {
            passed = passed.saturating_add(count);
            if passed >= rank {
                return highest_ns(bucket);
            }
        }
        self.max_ns()
    }

    /// How many were up to `time_ns`, or up to what cannot be told apart from it.
    #[must_use]
    pub fn count_at_or_below(&self, time_ns: u64) -> u64 {
        let last = index_of(time_ns);
        let until = self.counts.partition_point(|entry| entry.0 <= last);
        self.counts[..until].iter().fold(0, |sum, entry| sum.saturating_add(entry.1))
    }

    /// The buckets that have counts, ascending.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.counts.iter().map(|&(bucket, count)| Bucket {
            low_ns: lowest_ns(bucket),
            high_ns: highest_ns(bucket),
            count,
        })
    }

    /// Mean of a function of the times; each counts as the middle of its bucket.
    fn mean_of(&self, value: impl Fn(f64) -> f64) -> f64 {
        if self.is_empty() {
            return 0.0;
        }
        let weigh = |&(bucket, count): &(u32, u64)| value(middle_ns(bucket) as f64) * count as f64;
        self.counts.iter().map(weigh).sum::<f64>() / self.count as f64
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (count, min_ns, max_ns) = (self.count, self.min_ns(), self.max_ns());
        write!(formatter, "Histogram(count {count}, {min_ns} ns to {max_ns} ns)")
    }
}

/// Counts saturate: at a billion per second that takes 584 years.
fn add(sum: &mut u64, count: u64) {
    *sum = sum.saturating_add(count);
}

#[cfg(test)]
mod tests;
