//! Random values of a transaction: pure functions of the seed, the transaction and the draw.
//!
//! A retried transaction draws the same values again, a node computes its share alone, and a run
//! with the same seed offers the same work.

use core::convert::Infallible;

use rand_core::TryRng;
use rand_distr::{Distribution, StandardNormal, Zipf};

use crate::random::random_words;

/// What the draws of one transaction have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draws {
    /// Seed of the run.
    pub seed: u64,
    /// Number of the kind of transaction in the program.
    pub row: u32,
    /// Number of the transaction in the run.
    pub index: u64,
    /// Which turn of the loops around the draw, 0 outside of loops.
    pub iteration: u64,
}

impl Draws {
    /// The random words of one draw.
    #[must_use]
    pub fn words(&self, draw: u32) -> Words {
        Words {
            key: [self.seed, (u64::from(self.row) << 32) | u64::from(draw)],
            counter: [self.index, self.iteration, 0, 0],
            block: [0; 4],
            used: 4,
        }
    }
}

/// Endless random words.
#[derive(Debug, Clone)]
pub struct Words {
    key: [u64; 2],
    counter: [u64; 4],
    block: [u64; 4],
    used: usize,
}

impl Words {
    #[inline]
    fn next(&mut self) -> u64 {
        if self.used == 4 {
            self.block = random_words(self.key, self.counter);
            self.counter[2] += 1;
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    /// A double in `[0, 1)`, a multiple of 2^-53.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub fn unit(&mut self) -> f64 {
        const TWO_TO_MINUS_53: f64 = 1.0 / 9_007_199_254_740_992.0;
        (self.next() >> 11) as f64 * TWO_TO_MINUS_53
    }

    /// An integer in `0 ..= last`, every one alike.
    ///
    /// Source: Lemire, Fast random integer generation in an interval (2019).
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the product")]
    pub fn below_or_at(&mut self, last: u64) -> u64 {
        let Some(count) = last.checked_add(1) else { return self.next() };
        loop {
            let product = u128::from(self.next()) * u128::from(count);
            if product as u64 >= count.wrapping_neg() % count {
                return (product >> 64) as u64;
            }
        }
    }

    /// An integer in `low ..= high`, every one alike; `low` if that is empty.
    #[inline]
    #[expect(
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        reason = "two's complement on purpose"
    )]
    pub fn integer(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        low.wrapping_add(self.below_or_at(high.wrapping_sub(low) as u64) as i64)
    }

    /// A rank in `0 .. count`, rank `k` with a probability as `1 / (k + 1) ^ skew`.
    ///
    /// Source: Hörmann and Derflinger, Rejection-inversion to generate variates from monotone
    /// discrete distributions (1996), as `rand_distr` has it.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn zipf(&mut self, count: u64, skew: f64) -> u64 {
        Zipf::new(count as f64, skew).map_or(0, |zipf| {
            (zipf.sample(self) as u64).saturating_sub(1).min(count.saturating_sub(1))
        })
    }

    /// A standard normal number within `-sigmas .. sigmas`.
    pub fn normal_within(&mut self, sigmas: f64) -> f64 {
        loop {
            let value: f64 = StandardNormal.sample(self);
            if value.abs() < sigmas {
                return value;
            }
        }
    }

    /// A number in `[0, 1)`, exponentially less likely by `exp(-decay)` over the whole range.
    pub fn exponential_unit(&mut self, decay: f64) -> f64 {
        let part = libm::expm1(-decay) * self.unit();
        (-libm::log1p(part) / decay).min(1.0 - f64::EPSILON)
    }
}

impl TryRng for Words {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        for chunk in target.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// Hash of 64 bits, as pgbench's `hash`.
///
/// Source: Appleby, `MurmurHash2` (64 bits).
#[must_use]
#[expect(
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "two's complement on purpose"
)]
pub fn hash(value: i64, seed: i64) -> i64 {
    const M: u64 = 0xC6A4_A793_5BD1_E995;
    let mut word = (value as u64).wrapping_mul(M);
    word ^= word >> 47;
    word = word.wrapping_mul(M);
    let mut hash = ((seed as u64) ^ M.wrapping_mul(8) ^ word).wrapping_mul(M);
    hash ^= hash >> 47;
    hash = hash.wrapping_mul(M);
    (hash ^ (hash >> 47)) as i64
}

/// Where a bijection of `0 .. size` takes `value % size`; 0 for a size below 2.
///
/// Four rounds of a Feistel network over the smallest even number of bits that holds the size,
/// walked until the result lies inside: fewer than four steps on average.
///
/// Source: Black and Rogaway, Ciphers with arbitrary finite domains (2002).
#[must_use]
#[expect(
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "sizes and results are not negative"
)]
pub fn permute(value: i64, size: i64, seed: i64) -> i64 {
    if size < 2 {
        return 0;
    }
    let half_bits = (64 - (size as u64 - 1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1_u64 << half_bits) - 1;
    let mut point = value.rem_euclid(size) as u64;
    loop {
        let (mut left, mut right) = (point >> half_bits, point & mask);
        for round in 0..4 {
            let mixed = random_words([seed as u64, round], [right, size as u64, 0, 0])[0] & mask;
            (left, right) = (right, left ^ mixed);
        }
        point = (left << half_bits) | right;
        if point < size as u64 {
            return point as i64;
        }
    }
}

#[cfg(test)]
mod tests;
