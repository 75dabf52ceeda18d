use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer, V2Serializer};
use proptest::prelude::*;

use super::buckets::{BUCKETS, highest_ns, index_of, lowest_ns, middle_ns};
use super::*;

type Standard = hdrhistogram::Histogram<u64>;

fn standard(times_ns: &[u64]) -> Standard {
    let mut standard = Standard::new_with_bounds(1, HIGHEST_TIME_NS, 3).unwrap();
    for &time_ns in times_ns {
        standard.record(time_ns.min(HIGHEST_TIME_NS)).unwrap();
    }
    standard
}

fn histogram(times_ns: &[u64]) -> Histogram {
    let mut histogram = Histogram::default();
    for &time_ns in times_ns {
        histogram.record_n(time_ns, 1).unwrap();
    }
    histogram
}

/// Times of every magnitude: a power of two and something below it.
fn times_ns() -> impl Strategy<Value = Vec<u64>> {
    let time_ns =
        (0_u32..48, any::<u64>()).prop_map(|(bits, low)| (1 << bits) | (low % (1 << bits)));
    prop::collection::vec(prop_oneof![1 => Just(0), 9 => time_ns], 0..200)
}

#[test]
fn the_buckets_are_those_of_the_standard() {
    let standard = standard(&[]);
    assert_eq!(BUCKETS as usize, standard.distinct_values());
    for bucket in 0..BUCKETS {
        let low_ns = lowest_ns(bucket);
        assert_eq!(index_of(low_ns), bucket.min(index_of(HIGHEST_TIME_NS)));
        assert_eq!(low_ns, standard.lowest_equivalent(low_ns));
        assert_eq!(highest_ns(bucket), standard.highest_equivalent(low_ns));
        assert_eq!(middle_ns(bucket), standard.median_equivalent(low_ns));
    }
}

#[test]
fn an_empty_histogram_has_no_statistics() {
    let empty = Histogram::default();
    assert!(empty.is_empty());
    assert_eq!((empty.min_ns(), empty.max_ns(), empty.quantile_ns(0.5)), (0, 0, 0));
    assert_eq!((empty.mean_ns().to_bits(), empty.stdev_ns().to_bits()), (0, 0));
    assert_eq!(empty.count_at_or_below(HIGHEST_TIME_NS), 0);
}

#[test]
fn a_time_above_the_range_counts_as_its_end() {
    assert_eq!(histogram(&[u64::MAX]), histogram(&[HIGHEST_TIME_NS]));
}

#[test]
fn the_seventh_percentile_of_a_hundred_is_the_seventh() {
    let all: Vec<u64> = (1..=100).collect();
    assert_eq!(histogram(&all).quantile_ns(0.07), 7);
}

#[test]
fn a_count_that_no_run_reaches_is_refused() {
    let mut histogram = Histogram::default();
    let error = histogram.record_n(1, MAX_COUNT + 1).unwrap_err();
    assert_eq!(error, Error::Count { count: MAX_COUNT + 1, limit: MAX_COUNT });
    assert!(histogram.is_empty());
}

#[test]
fn bytes_with_other_bounds_are_refused_with_them() {
    let other = Standard::new_with_bounds(1, 1_000_000, 2).unwrap();
    let mut bytes = Vec::new();
    V2Serializer::new().serialize(&other, &mut bytes).unwrap();
    let message = Histogram::decode_v2(&bytes).unwrap_err().to_string();
    assert!(message.contains("its bounds are 1 to 1000000 with 2 digits"), "{message}");
}

#[test]
fn a_count_above_24_hours_is_refused() {
    let mut beyond = standard(&[]);
    beyond.record(HIGHEST_TIME_NS + (1 << 40)).unwrap(); // its array has room
    let mut bytes = Vec::new();
    V2Serializer::new().serialize(&beyond, &mut bytes).unwrap();
    let message = Histogram::decode_v2(&bytes).unwrap_err().to_string();
    assert!(message.contains("it counts times above 24 h"), "{message}");
}

#[test]
fn a_deflated_bomb_stops_at_the_length_of_a_histogram() {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, &vec![0; 4 << 20]).unwrap();
    let deflated = encoder.finish().unwrap();
    let length = u32::try_from(deflated.len()).unwrap();
    let bytes = [&0x1c84_9314_u32.to_be_bytes()[..], &length.to_be_bytes()[..], &deflated].concat();
    assert!(Histogram::decode_v2(&bytes).is_err());
}

#[test]
fn counts_beyond_the_last_bucket_are_refused() {
    let mut bytes = Histogram::default().encode_v2();
    bytes.truncate(40);
    bytes.extend([0x81, 0xe0, 0x04]); // 38 913 empty buckets
    bytes[7] = 3;
    let message = Histogram::decode_v2(&bytes).unwrap_err().to_string();
    assert!(message.contains("38913 buckets"), "{message}");
}

proptest! {
    #[test]
    fn statistics_are_those_of_the_standard(times in times_ns(), quantile in 0.0..=1.0) {
        prop_assume!(!times.is_empty());
        let (ours, theirs) = (histogram(&times), standard(&times));
        prop_assert_eq!(ours.count(), theirs.len());
        prop_assert_eq!(ours.min_ns(), theirs.min());
        prop_assert_eq!(ours.max_ns(), theirs.max());
        prop_assert!((ours.mean_ns() - theirs.mean()).abs() <= theirs.mean() * 1e-9);
        prop_assert!((ours.stdev_ns() - theirs.stdev()).abs() <= theirs.mean() * 1e-6);
        prop_assert_eq!(
            ours.quantile_ns(quantile),
            theirs.value_at_quantile(if quantile > 0.0 { quantile.next_down() } else { 0.0 })
        );
        let middle = times[times.len() / 2];
        prop_assert_eq!(ours.count_at_or_below(middle), theirs.count_between(0, middle));
    }

    #[test]
    fn a_quantile_is_within_a_thousandth(mut times in times_ns(), quantile in 0.001..=1.0) {
        prop_assume!(!times.is_empty());
        let found = histogram(&times).quantile_ns(quantile) as f64;
        times.sort_unstable();
        let rank = (quantile.next_down() * times.len() as f64).ceil() as usize;
        let exact = times[rank - 1].min(HIGHEST_TIME_NS) as f64;
        prop_assert!((exact..=exact * 1.001).contains(&found), "{} for {}", found, exact);
    }

    #[test]
    fn the_bytes_are_those_of_the_standard(times in times_ns()) {
        let (ours, theirs) = (histogram(&times), standard(&times));
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&theirs, &mut bytes).unwrap();
        prop_assert_eq!(&ours.encode_v2(), &bytes);
        prop_assert_eq!(&Histogram::decode_v2(&bytes).unwrap(), &ours);

        let mut deflated = Vec::new();
        V2DeflateSerializer::new().serialize(&theirs, &mut deflated).unwrap();
        prop_assert_eq!(&Histogram::decode_v2(&deflated).unwrap(), &ours);
        let read: Standard =
            Deserializer::new().deserialize(&mut &ours.encode_v2_deflated()[..]).unwrap();
        prop_assert_eq!(read, theirs);
    }

    #[test]
    fn large_counts_survive_the_bytes(counts in prop::collection::vec(1..=MAX_COUNT / 64, 1..64)) {
        let mut before = Histogram::default();
        for (time_ns, &count) in (0..).zip(&counts) {
            before.record_n(1 << time_ns, count).unwrap();
        }
        prop_assert_eq!(Histogram::decode_v2(&before.encode_v2()).unwrap(), before);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), at in 0_usize..60) {
        let _ = Histogram::decode_v2(&bytes);
        // Behind a good header too.
        let mut good = histogram(&[5, 5000, 5_000_000]).encode_v2();
        good.truncate(40);
        good.extend(&bytes);
        let length = u32::try_from(bytes.len()).unwrap();
        good[4..8].copy_from_slice(&length.to_be_bytes());
        let _ = Histogram::decode_v2(&good);
        good[at % 40] ^= 1;
        let _ = Histogram::decode_v2(&good);
    }

    #[test]
    fn merging_is_counting_together(one in times_ns(), two in times_ns(), three in times_ns()) {
        let merged = |parts: &[&Histogram]| {
            let mut sum = Histogram::default();
            for part in parts {
                sum.merge(part);
            }
            sum
        };
        let all = [one.clone(), two.clone(), three.clone()].concat();
        let (one, two, three) = (histogram(&one), histogram(&two), histogram(&three));
        let right = merged(&[&two, &three]);
        prop_assert_eq!(&merged(&[&merged(&[&one, &two]), &three]), &merged(&[&one, &right]));
        prop_assert_eq!(&merged(&[&two, &one, &three]), &histogram(&all));
    }

    #[test]
    fn dense_counts_are_taken_once(times in times_ns(), later in times_ns()) {
        let mut dense = DenseCounts::default();
        for &time_ns in &times {
            dense.record(time_ns);
        }
        prop_assert_eq!(dense.take(), histogram(&times));
        prop_assert!(dense.take().is_empty());
        for &time_ns in &later {
            dense.record(time_ns);
        }
        prop_assert_eq!(dense.take(), histogram(&later));
    }
}
