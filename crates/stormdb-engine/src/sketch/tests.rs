use proptest::prelude::*;

use super::*;

fn sketch(values: &[f64]) -> ValueSketch {
    let mut sketch = ValueSketch::default();
    for &value in values {
        sketch.record(value);
    }
    sketch
}

/// Finite values of every magnitude and sign, zeros of both signs too.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        1 => Just(0.0),
        1 => Just(-0.0),
        4 => -1000.0..1000.0,
        4 => any::<f64>().prop_filter("finite", |value| value.is_finite()),
    ];
    prop::collection::vec(value, 0..200)
}

#[test]
fn an_empty_sketch_has_no_statistics() {
    let empty = sketch(&[]);
    let statistics = [empty.sum(), empty.mean(), empty.min(), empty.max(), empty.quantile(0.5)];
    assert!(statistics.iter().all(|statistic| statistic.to_bits() == 0), "{statistics:?}");
}

#[test]
fn negative_values_come_before_zero_and_positive_ones() {
    let sketch = sketch(&[3.0, -5.0, 0.0, -1.0, 8.0]);
    let quantiles = [0.2, 0.4, 0.6, 0.8, 1.0].map(|quantile| sketch.quantile(quantile).round());
    assert_eq!(quantiles.map(|value| value as i32), [-5, -1, 0, 3, 8]);
}

#[test]
fn a_sum_of_many_small_values_is_exact() {
    let mut sketch = ValueSketch::default();
    (0..1_000_000).for_each(|_| sketch.record(0.125));
    assert_eq!(sketch.sum().to_bits(), 125_000.0_f64.to_bits());
}

#[test]
fn the_extremes_of_the_buckets_are_within_them() {
    for value in [SMALLEST_MAGNITUDE, LARGEST_MAGNITUDE] {
        assert!(bucket_of(value).unsigned_abs() <= LAST_BUCKET);
        assert_eq!(bucket_of(-value), -bucket_of(value));
    }
    assert_eq!(bucket_of(LARGEST_MAGNITUDE).unsigned_abs(), LAST_BUCKET);
    assert_eq!(bucket_of(SMALLEST_MAGNITUDE), 1);
}

proptest! {
    #[test]
    fn a_quantile_is_within_four_thousandths(mut values in values(), quantile in 0.001..=1.0) {
        values.retain(|value| value.abs() <= LARGEST_MAGNITUDE);
        prop_assume!(!values.is_empty());
        let found = sketch(&values).quantile(quantile);
        values.sort_unstable_by(f64::total_cmp);
        let exact = values[(quantile.next_down() * values.len() as f64).ceil() as usize - 1];
        let error = (found - exact).abs();
        prop_assert!(error <= exact.abs() * 0.004 + SMALLEST_MAGNITUDE, "{} for {}", found, exact);
    }

    #[test]
    fn the_extremes_and_the_count_are_exact(values in values()) {
        prop_assume!(!values.is_empty());
        let sketch = sketch(&values);
        prop_assert_eq!(sketch.count(), values.len() as u64);
        prop_assert_eq!(sketch.min(), values.iter().copied().fold(f64::INFINITY, f64::min));
        prop_assert_eq!(sketch.max(), values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    }

    #[test]
    fn merging_is_recording_together(one in values(), two in values(), three in values()) {
        let merged = |parts: &[&ValueSketch]| {
            let mut sum = ValueSketch::default();
            for part in parts {
                sum.merge(part);
            }
            sum
        };
        let all = [one.clone(), two.clone(), three.clone()].concat();
        let (one, two, three) = (sketch(&one), sketch(&two), sketch(&three));
        let right = merged(&[&two, &three]);
        prop_assert_eq!(&merged(&[&merged(&[&one, &two]), &three]), &merged(&[&one, &right]));
        prop_assert_eq!(&merged(&[&three, &one, &two]), &sketch(&all));
    }
}
