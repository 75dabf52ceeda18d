//! Random numbers that are pure functions: `value = f(seed, stream, counter)`.
//!
//! Philox4x64 with 10 rounds: any node computes any number without the ones before it, and the
//! numbers can be checked against other implementations (`NumPy`'s `Philox` is the same function).
//!
//! Source: Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).

/// Streams from here on belong to this crate; callers use those below.
pub const FIRST_OWN_STREAM: u64 = 1 << 63;

const ROUNDS: u32 = 10;
const MULTIPLIERS: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];

/// Four independent random words, a function of a key and a counter.
#[must_use]
pub fn random_words(mut key: [u64; 2], counter: [u64; 4]) -> [u64; 4] {
    let mut word = counter;
    for _ in 0..ROUNDS {
        let (low0, high0) = multiply(MULTIPLIERS[0], word[0]);
        let (low1, high1) = multiply(MULTIPLIERS[1], word[2]);
        word = [high1 ^ word[1] ^ key[0], low1, high0 ^ word[3] ^ key[1], low0];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    word
}

/// Four independent random words of `counter` in `stream`.
#[must_use]
pub fn random_block(seed: u64, stream: u64, counter: u64) -> [u64; 4] {
    random_words([seed, stream], [counter, 0, 0, 0])
}

/// The first word of [`random_block`].
#[must_use]
pub fn random_u64(seed: u64, stream: u64, counter: u64) -> u64 {
    random_block(seed, stream, counter)[0]
}

/// An exponentially distributed number with mean 1, from 0 to 36.8.
///
/// The logarithm is computed in software, so that every machine gets the same bits.
#[must_use]
pub fn random_exponential(seed: u64, stream: u64, counter: u64) -> f64 {
    const TWO_TO_MINUS_53: f64 = 1.0 / 9_007_199_254_740_992.0;
    let high_bits = random_u64(seed, stream, counter) >> 11;
    let uniform = (high_bits + 1) as f64 * TWO_TO_MINUS_53; // (0, 1]
    -libm::log(uniform)
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves of the product")]
fn multiply(a: u64, b: u64) -> (u64, u64) {
    let product = u128::from(a) * u128::from(b);
    (product as u64, (product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the known answers that the authors publish with Random123 (`philox4x64 10`).
    #[test]
    fn zeros_give_the_published_numbers() {
        let expected = [
            0x1655_4d9e_ca36_314c,
            0xdb20_fe9d_672d_0fdc,
            0xd7e7_72ce_e186_176b,
            0x7e68_b68a_ec7b_a23b,
        ];
        assert_eq!(random_block(0, 0, 0), expected);
    }

    #[test]
    fn each_argument_matters() {
        let numbers = [(1, 2, 3), (2, 1, 3), (1, 3, 2), (1, 2, 4), (1, 4, 3)];
        let mut drawn: Vec<u64> =
            numbers.iter().map(|&(seed, stream, at)| random_u64(seed, stream, at)).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), numbers.len());
    }

    /// A hundred thousand numbers: the mean of a uniform one is within 4 standard errors.
    #[test]
    fn the_mean_is_a_half() {
        let count = 100_000_u32;
        let sum: f64 =
            (0..count).map(|at| random_u64(7, 7, at.into()) as f64 / 2_f64.powi(64)).sum();
        let standard_error = (1.0 / 12.0 / f64::from(count)).sqrt();
        assert!((sum / f64::from(count) - 0.5).abs() < 4.0 * standard_error);
    }

    #[test]
    fn an_exponential_number_is_finite_and_not_negative() {
        let drawn = (0..100_000).map(|at| random_exponential(1, 2, at));
        assert!(drawn.into_iter().all(|number| (0.0..=36.8).contains(&number)));
    }
}
