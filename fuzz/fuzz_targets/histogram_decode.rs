//! No bytes make the histogram reader panic or take much memory, and what it read it can write.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stormdb_engine::Histogram;

fuzz_target!(|bytes: &[u8]| {
    let Ok(histogram) = Histogram::decode_v2(bytes) else { return };
    for encoded in [histogram.encode_v2(), histogram.encode_v2_deflated()] {
        assert_eq!(Histogram::decode_v2(&encoded).as_ref(), Ok(&histogram));
    }
    let mut twice = histogram.clone();
    twice.merge(&histogram);
    assert_eq!(twice.count(), 2 * histogram.count());
    assert_eq!(histogram.buckets().map(|bucket| bucket.count).sum::<u64>(), histogram.count());
    let mut before_ns = histogram.min_ns();
    for quantile in [0.0, 0.5, 0.99, 1.0] {
        let at_ns = histogram.quantile_ns(quantile);
        assert!((before_ns..=histogram.max_ns()).contains(&at_ns));
        before_ns = at_ns;
    }
    assert_eq!(histogram.count_at_or_below(u64::MAX), histogram.count());
});
