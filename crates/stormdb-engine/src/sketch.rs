//! Distribution of a custom value: any finite float, negative or zero too.
//!
//! The buckets are read off the float's own bits (sign, exponent and 7 bits of the fraction), so
//! they are fixed, a bucket is found without a logarithm, and merging is exact and in any order. A
//! bucket is at most 1/128 wide, so its middle is within 0.4 % of everything in it.

use serde::{Deserialize, Serialize};

/// Values nearer to 0 than this (2⁻³⁰, about 10⁻⁹) are counted as 0 in quantiles.
pub const SMALLEST_MAGNITUDE: f64 = 1.0 / 1_073_741_824.0;
/// Values further from 0 than this (2⁵³, about 9·10¹⁵) count as this in quantiles and in the sum.
pub const LARGEST_MAGNITUDE: f64 = 9_007_199_254_740_992.0;
/// The sum is kept in steps of 2⁻⁴⁰ (about 10⁻¹²), as an integer: exact in any order.
const SUM_STEPS: f64 = 1_099_511_627_776.0;
/// Bits of the fraction that do not choose the bucket.
const DROPPED_BITS: u32 = 52 - 7;
const FIRST_BUCKET_BITS: u64 = SMALLEST_MAGNITUDE.to_bits() >> DROPPED_BITS;
/// 83 powers of two of 128 buckets, and the largest magnitude itself.
const LAST_BUCKET: u32 = 83 * 128 + 1;

/// Count, sum, extremes and quantiles of a custom value. At most 21 251 buckets, most often
/// a few dozen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SketchParts")]
pub struct ValueSketch {
    count: u64,
    sum_steps: i128,
    min: f64,
    max: f64,
    /// (bucket, count), ascending; bucket 0 is zero, negative ones are negative values.
    buckets: Vec<(i32, u64)>,
}

#[derive(Deserialize)]
struct SketchParts {
    count: u64,
    sum_steps: i128,
    min: f64,
    max: f64,
    buckets: Vec<(i32, u64)>,
}

impl TryFrom<SketchParts> for ValueSketch {
    type Error = &'static str;

    fn try_from(parts: SketchParts) -> Result<Self, Self::Error> {
        let SketchParts { count, sum_steps, min, max, buckets } = parts;
        let counted = buckets.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.1));
        let is_sound = count > 0
            && count == counted
            && min.is_finite()
            && max.is_finite()
            && min <= max
            && buckets.is_sorted_by(|left, right| left.0 < right.0)
            && buckets.iter().all(|entry| entry.0.unsigned_abs() <= LAST_BUCKET);
        if is_sound {
            Ok(Self { count, sum_steps, min, max, buckets })
        } else {
            Err("the buckets of a custom value contradict its count or its extremes")
        }
    }
}

impl Default for ValueSketch {
    fn default() -> Self {
        Self {
            count: 0,
            sum_steps: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            buckets: Vec::new(),
        }
    }
}

impl ValueSketch {
    /// Records a finite value. Allocates only when a bucket is new and the capacity is used up.
    #[expect(clippy::cast_possible_truncation, reason = "below 2⁹³ after the clamp")]
    pub fn record(&mut self, value: f64) {
        debug_assert!(value.is_finite());
        let clamped = value.clamp(-LARGEST_MAGNITUDE, LARGEST_MAGNITUDE);
        self.count = self.count.saturating_add(1);
        self.sum_steps = self.sum_steps.saturating_add((clamped * SUM_STEPS).round() as i128);
        self.widen(value, value);
        self.add(bucket_of(clamped), 1);
    }

    /// Adds everything that another recorded.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum_steps = self.sum_steps.saturating_add(other.sum_steps);
        self.widen(other.min, other.max);
        for &(bucket, count) in &other.buckets {
            self.add(bucket, count);
        }
    }

    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        let mut buckets = std::mem::take(&mut self.buckets);
        buckets.clear();
        *self = Self { buckets, ..Self::default() };
    }

    /// How many values were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum_steps as f64 / SUM_STEPS
    }

    /// Their mean; 0 if there are none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum() / self.count as f64 }
    }

    /// The smallest; 0 if there are none.
    #[must_use]
    pub fn min(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.min }
    }

    /// The largest; 0 if there are none.
    #[must_use]
    pub fn max(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.max }
    }

    /// The value that a share `quantile` (clamped to 0 .. 1) does not exceed, within 0.4 %; 0 if
    /// there are none.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to the count")]
    pub fn quantile(&self, quantile: f64) -> f64 {
        // As in `Histogram::quantile_ns`: the next float down keeps the rank.
        let rank = (quantile.clamp(0.0, 1.0).next_down() * self.count as f64).ceil() as u64;
        let mut passed = 0_u64;
        for &(bucket, count) in &self.buckets {
            passed = passed.saturating_add(count);
            if passed >= rank.max(1) {
                return middle_of(bucket).clamp(self.min, self.max);
            }
        }
        0.0
    }

    fn widen(&mut self, min: f64, max: f64) {
        // The total order tells -0 from 0: merging gives the same bits in any order.
        if min.total_cmp(&self.min).is_lt() {
            self.min = min;
        }
        if max.total_cmp(&self.max).is_gt() {
            self.max = max;
        }
    }

    fn add(&mut self, bucket: i32, count: u64) {
        match self.buckets.binary_search_by_key(&bucket, |entry| entry.0) {
            Ok(position) => {
                self.buckets[position].1 = self.buckets[position].1.saturating_add(count);
            }
            Err(position) => self.buckets.insert(position, (bucket, count)),
        }
    }
}

fn bucket_of(value: f64) -> i32 {
    if value.abs() < SMALLEST_MAGNITUDE {
        return 0;
    }
    let number = (value.abs().to_bits() >> DROPPED_BITS) - FIRST_BUCKET_BITS + 1;
    let number = i32::try_from(number).expect("at most LAST_BUCKET");
    if value < 0.0 { -number } else { number }
}

fn middle_of(bucket: i32) -> f64 {
    if bucket == 0 {
        return 0.0;
    }
    let low_bits = FIRST_BUCKET_BITS + u64::from(bucket.unsigned_abs()) - 1;
    let low = f64::from_bits(low_bits << DROPPED_BITS);
    let high = f64::from_bits((low_bits + 1) << DROPPED_BITS);
    f64::midpoint(low, high).copysign(f64::from(bucket))
}

#[cfg(test)]
mod tests;
