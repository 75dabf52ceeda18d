use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn words(index: u64) -> Words {
    Draws { seed: 7, row: 0, index, iteration: 0 }.words(0)
}

fn counts(draws: u64, mut draw: impl FnMut(&mut Words) -> u64, bins: usize) -> Vec<f64> {
    let mut counts = vec![0.0; bins];
    for index in 0..draws {
        counts[usize::try_from(draw(&mut words(index))).unwrap()] += 1.0;
    }
    counts
}

#[test]
fn the_hash_is_pgbenchs() {
    assert_eq!(hash(10, 5432), -5_817_877_081_768_721_676);
}

#[test]
fn uniform_integers_fill_every_bin_alike() {
    let counts = counts(100_000, |words| words.below_or_at(9), 10);
    // Chi squared with 9 degrees of freedom: 27.9 is passed once in a thousand seeds.
    let chi = counts.iter().map(|count| (count - 10_000.0).powi(2) / 10_000.0).sum::<f64>();
    assert!(chi < 27.9, "{chi}");
}

#[test]
fn zipf_ranks_follow_their_weights() {
    for skew in [0.5, 1.0, 1.1, 2.0] {
        let counts = counts(100_000, |words| words.zipf(100, skew), 100);
        let total = (1..=100).map(|rank| f64::from(rank).powf(-skew)).sum::<f64>();
        for rank in [1_u32, 2, 10] {
            let expected = 100_000.0 * f64::from(rank).powf(-skew) / total;
            let got = counts[rank as usize - 1];
            assert!(
                (got - expected).abs() < 5.0 * expected.sqrt(),
                "skew {skew} rank {rank}: {got} for {expected}"
            );
        }
    }
}

#[test]
fn zipf_without_skew_is_uniform() {
    let counts = counts(50_000, |words| words.zipf(10, 0.0), 10);
    assert!(counts.iter().all(|count| (count - 5_000.0).abs() < 400.0), "{counts:?}");
}

#[test]
fn normal_numbers_stay_within_their_sigmas_and_have_their_variance() {
    let draws = (0..50_000).map(|index| words(index).normal_within(4.0)).collect::<Vec<_>>();
    assert!(draws.iter().all(|value| value.abs() < 4.0));
    let mean = draws.iter().sum::<f64>() / 50_000.0;
    let variance = draws.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 50_000.0;
    assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
}

#[test]
fn exponential_numbers_decay_over_their_range() {
    let draws = (0..50_000).map(|index| words(index).exponential_unit(5.0)).collect::<Vec<_>>();
    assert!(draws.iter().all(|value| (0.0..1.0).contains(value)));
    let first = draws.iter().filter(|value| **value < 0.2).count();
    let expected = 50_000.0 * (1.0 - (-1.0_f64).exp()) / (1.0 - (-5.0_f64).exp());
    assert!(
        (f64::from(u32::try_from(first).unwrap()) - expected).abs() < 600.0,
        "{first} for {expected}"
    );
}

proptest! {
    #[test]
    fn a_permutation_maps_each_value_to_one_of_its_own(size in 1_i64..500, seed: i64) {
        let image = (0..size).map(|value| permute(value, size, seed)).collect::<BTreeSet<_>>();
        prop_assert_eq!(image, (0..size).collect::<BTreeSet<_>>());
    }

    #[test]
    fn integers_stay_between_their_bounds(low: i64, high: i64, index: u64) {
        let value = words(index).integer(low, high);
        prop_assert!(value == low || (low..=high).contains(&value));
    }

    #[test]
    fn the_same_draw_gives_the_same_words(seed: u64, row: u32, index: u64, iteration: u64, draw: u32) {
        let draws = Draws { seed, row, index, iteration };
        let mut one = draws.words(draw);
        let mut two = draws.words(draw);
        prop_assert!((0..9).all(|_| one.next() == two.next()));
    }
}
