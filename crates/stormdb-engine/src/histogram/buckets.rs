//! The buckets of HdrHistogram for 1 ns to 24 h with 3 significant digits.
//!
//! Up to 2047 ns each nanosecond has a bucket; from there on each power of two has 1024. So a
//! bucket is at most 1/1024 as wide as the times in it.
//!
//! Source: HdrHistogram, `countsArrayIndex`; the tests compare with the crate `hdrhistogram`.

/// Longest time that is told apart: 24 h. Longer ones are counted as this.
pub const HIGHEST_TIME_NS: u64 = 86_400_000_000_000;
/// Significant digits of a time.
pub(super) const SIGNIFICANT_DIGITS: u32 = 3;
/// Buckets per power of two, as a power of two.
pub(super) const BLOCK_BITS: u32 = 10;
/// Number of buckets.
pub(super) const BUCKETS: u32 = 38 << BLOCK_BITS;

/// The bucket of a time.
#[expect(clippy::cast_possible_truncation, reason = "below BUCKETS, since the time is clamped")]
pub(super) fn index_of(time_ns: u64) -> u32 {
    let time_ns = time_ns.min(HIGHEST_TIME_NS);
    let shift = (time_ns | 0x7ff).ilog2() - BLOCK_BITS;
    (shift << BLOCK_BITS) + (time_ns >> shift) as u32
}

/// Shortest time of a bucket.
pub(super) fn lowest_ns(bucket: u32) -> u64 {
    let shift = shift_of(bucket);
    u64::from(bucket - (shift << BLOCK_BITS)) << shift
}

/// Longest time of a bucket.
pub(super) fn highest_ns(bucket: u32) -> u64 {
    lowest_ns(bucket) + (1 << shift_of(bucket)) - 1
}

/// Middle of a bucket, rounded up.
pub(super) fn middle_ns(bucket: u32) -> u64 {
    lowest_ns(bucket) + (1 << shift_of(bucket) >> 1)
}

fn shift_of(bucket: u32) -> u32 {
    (bucket >> BLOCK_BITS).saturating_sub(1)
}
