//! No bytes make the snapshot reader panic or take much memory, and what it read it can write.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stormdb_engine::IntervalSnapshot;

fuzz_target!(|bytes: &[u8]| {
    let Ok(snapshot) = IntervalSnapshot::from_bytes(bytes) else { return };
    assert_eq!(IntervalSnapshot::from_bytes(&snapshot.to_bytes()).as_ref(), Ok(&snapshot));
    let mut twice = snapshot.clone();
    twice.merge(&snapshot);
    for (once, twice) in snapshot.identity().iter().zip(twice.identity()) {
        assert_eq!(once.offered.saturating_mul(2), twice.offered);
    }
    for row in twice.row_totals(|_| true).values() {
        let _ = (row.service_time.quantile_ns(0.99), row.service_time.stdev_ns());
    }
    for sketch in twice.values.values() {
        assert!((sketch.min()..=sketch.max()).contains(&sketch.quantile(0.5)));
    }
});
