//! A histogram to record into: one counter per bucket.

use super::Histogram;
use super::buckets::{BLOCK_BITS, BUCKETS, index_of};

/// Counts by bucket as an array. Recording is one addition, and allocates only the first time if
/// [`DenseCounts::set_aside`] was not called before.
///
/// The array is 304 KiB of zeroed memory, of which the system provides only what is written to.
#[derive(Debug, Default)]
pub struct DenseCounts {
    /// Empty until it is needed.
    counts: Box<[u64]>,
    /// Bit b is set if a bucket of block b may have a count.
    touched: u64,
}

impl DenseCounts {
    /// Gets the memory now.
    pub fn set_aside(&mut self) {
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS as usize].into_boxed_slice();
        }
    }

    /// Counts a time; one above 24 h as 24 h.
    pub fn record(&mut self, time_ns: u64) {
        let bucket = index_of(time_ns);
        self.touched |= 1 << (bucket >> BLOCK_BITS);
        match self.counts.get_mut(bucket as usize) {
            Some(count) => *count += 1,
            None => self.record_first(bucket),
        }
    }

    #[cold]
    fn record_first(&mut self, bucket: u32) {
        self.set_aside();
        self.counts[bucket as usize] = 1;
    }

    /// What was counted; afterwards all counts are 0. Looks only at the blocks that were touched.
    pub fn take(&mut self) -> Histogram {
        let mut taken = Histogram::default();
        while self.touched != 0 {
            let block = self.touched.trailing_zeros();
            self.touched &= self.touched - 1;
            let first = block << BLOCK_BITS;
            let last = first + (1 << BLOCK_BITS);
            for (bucket, count) in (first..).zip(&mut self.counts[first as usize..last as usize]) {
                if *count > 0 {
                    taken.counts.push((bucket, *count));
                    taken.count += *count;
                    *count = 0;
                }
            }
        }
        taken
    }
}
