//! Random values: their bounds, their distribution, and that nothing but the draw decides them.

use std::collections::BTreeMap;

use super::*;

const DRAWS: u64 = 20_000;

/// How often each integer was drawn.
fn counts(generator: Generator) -> BTreeMap<i64, f64> {
    let mut evaluator = Evaluator::new(draw(0, generator));
    let mut counts = BTreeMap::new();
    for index in 0..DRAWS {
        *counts.entry(evaluator.int(index)).or_default() += 1.0;
    }
    counts
}

/// Within five standard deviations of a count that is expected.
fn is_near(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 5.0 * expected.sqrt().max(1.0)
}

#[test]
fn uniform_integers_have_both_bounds_and_all_between_alike() {
    let counts = counts(Generator::Uniform { low: int(-2), high: int(2) });
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [-2, -1, 0, 1, 2]);
    assert!(counts.values().all(|count| is_near(*count, 4_000.0)), "{counts:?}");
    let mut widest = Evaluator::new(uniform(0, i64::MIN, i64::MAX));
    let negative = (0..1_000).filter(|index| widest.int(*index) < 0).count();
    assert!(is_near(negative as f64, 500.0), "{negative}");
}

#[test]
fn uniform_floats_stay_below_the_upper_bound() {
    let between = |low, high| {
        Evaluator::new(draw(0, Generator::UniformFloat { low: float(low), high: float(high) }))
    };
    let mut evaluator = between(-1.0, 3.0);
    let mut below = 0.0;
    for index in 0..DRAWS {
        let Ok(Seen::Float(value)) = evaluator.value(index) else { panic!("no float") };
        assert!((-1.0..3.0).contains(&value));
        below += f64::from(value < 0.0);
    }
    assert!(is_near(below, DRAWS as f64 / 4.0), "{below}");
    assert_eq!(between(2.0, 2.0).value(0), Ok(Seen::Float(2.0)));
    for (low, high) in [(1.0, 0.0), (f64::MIN, f64::MAX), (0.0, f64::NAN), (0.0, f64::INFINITY)] {
        assert!(between(low, high).value(0).is_err(), "{low} {high}");
    }
}

#[test]
fn zipf_ranks_fall_with_their_number() {
    let counts = counts(Generator::Zipf { count: int(10), skew: 1.0 });
    let total = (1..=10).map(|rank| 1.0 / f64::from(rank)).sum::<f64>();
    for rank in 0..10_i32 {
        let expected = DRAWS as f64 / total / f64::from(rank + 1);
        let found = counts[&rank.into()];
        assert!(is_near(found, expected), "rank {rank}: {found} for {expected}");
    }
    for (count, skew) in [(1, 1.0), (1, 0.0), (i64::MAX, 0.0), (i64::MAX, 1e6), (2, 1e300)] {
        let mut extreme = Evaluator::new(draw(0, Generator::Zipf { count: int(count), skew }));
        assert!((0..100).all(|index| (0..count).contains(&extreme.int(index))), "{count} {skew}");
    }
    assert_eq!(code(draw(0, Generator::Zipf { count: int(0), skew: 1.0 })), "22023");
}

#[test]
fn gaussian_integers_gather_in_the_middle() {
    let counts = counts(Generator::Gaussian { low: int(1), high: int(100), sigmas: 2.0 });
    assert!(counts.keys().all(|value| (1..=100).contains(value)));
    // Within one standard deviation of two: 0.6827 / 0.9545 of all.
    let middle = counts.range(26..=75).map(|(_, count)| count).sum::<f64>();
    assert!(is_near(middle, DRAWS as f64 * 0.715_2), "{middle}");
    let narrow = Generator::Gaussian { low: int(5), high: int(5), sigmas: 0.1 };
    assert_eq!(value(draw(0, narrow)), Ok(Seen::Int(5)));
}

#[test]
fn exponential_integers_gather_at_the_lower_bound() {
    let counts = counts(Generator::Exponential { low: int(0), high: int(99), decay: 3.0 });
    let below = counts.range(0..=9).map(|(_, count)| count).sum::<f64>();
    let expected = DRAWS as f64 * (1.0 - (-0.3_f64).exp()) / (1.0 - (-3.0_f64).exp());
    assert!(is_near(below, expected), "{below} for {expected}");
    for decay in [f64::MIN_POSITIVE, 1e-9, 1e9] {
        let extreme = Generator::Exponential { low: int(0), high: int(9), decay };
        let mut evaluator = Evaluator::new(draw(0, extreme));
        let small = (0..1_000).filter(|index| evaluator.int(*index) < 5).count();
        assert!(is_near(small as f64, if decay > 1.0 { 1_000.0 } else { 500.0 }), "{decay}");
    }
}

#[test]
fn the_widest_ranges_are_covered_whole() {
    for generator in [
        Generator::Gaussian { low: int(i64::MIN), high: int(i64::MAX), sigmas: 0.1 },
        Generator::Exponential { low: int(i64::MIN), high: int(i64::MAX), decay: 0.1 },
    ] {
        let mut evaluator = Evaluator::new(draw(0, generator));
        let upper = (0..1_000).filter(|index| evaluator.int(*index) > 0).count();
        assert!((400..600).contains(&upper), "{upper}");
    }
}

#[test]
fn nurand_is_tpc_cs() {
    let nurand = Generator::Nurand { a: 255, c: 123, low: int(0), high: int(999) };
    let counts = counts(nurand);
    assert!(counts.keys().all(|value| (0..=999).contains(value)));
    // Or-ing makes numbers with many bits set more frequent: (x - c) mod 1000 has bit 0 in 3 of 4.
    let odd = counts
        .iter()
        .filter(|(value, _)| (**value - 123).rem_euclid(1000) % 2 == 1)
        .map(|(_, count)| count)
        .sum::<f64>();
    assert!(is_near(odd, DRAWS as f64 * 0.75), "{odd}");
    let widest = Generator::Nurand { a: 1, c: 0, low: int(i64::MIN), high: int(i64::MAX) };
    assert_eq!(code(draw(0, widest)), "22003");
}

#[test]
fn a_choice_keeps_its_weights_and_evaluates_only_what_it_takes() {
    let values = || vec![int(1), impossible(), int(3), int(4)];
    let generator = Generator::Choice { weights: vec![1.0, 0.0, 3.0, 0.0], values: values() };
    let counts = counts(generator);
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [1, 3]);
    assert!(is_near(counts[&1], DRAWS as f64 / 4.0), "{counts:?}");
}

#[test]
fn patterns_replace_their_three_signs() {
    let pattern = Generator::Pattern("#?*-ä".into());
    let mut evaluator = Evaluator::new(draw(0, pattern));
    for index in 0..1_000 {
        let text = evaluator.text(index);
        let signs = text.chars().collect::<Vec<_>>();
        assert!(signs[0].is_ascii_digit(), "{text}");
        assert!(signs[1].is_ascii_lowercase(), "{text}");
        assert!(signs[2].is_ascii_digit() || signs[2].is_ascii_lowercase(), "{text}");
        assert_eq!(signs[3..], ['-', 'ä'], "{text}");
    }
}

#[test]
fn texts_have_a_length_between_their_bounds_and_all_characters() {
    let of = |min, max| Generator::Text { min, max, alphabet: "abc".into() };
    let mut evaluator = Evaluator::new(draw(0, of(int(1), int(3))));
    let mut lengths = [0; 4];
    let mut letters = BTreeMap::<char, usize>::new();
    for index in 0..3_000 {
        let text = evaluator.text(index);
        lengths[text.len()] += 1;
        text.chars().for_each(|letter| *letters.entry(letter).or_default() += 1);
    }
    assert!(
        lengths[0] == 0 && lengths[1..].iter().all(|count| is_near(f64::from(*count), 1_000.0))
    );
    assert!(letters.values().all(|count| is_near(*count as f64, 2_000.0)), "{letters:?}");
    assert_eq!(value(draw(0, of(int(0), int(0)))), Ok(Seen::Text(String::new())));
    for (min, max) in [(-1, -1), (3, 1), (1 << 25, 1 << 25)] {
        assert_eq!(code(draw(0, of(int(min), int(max)))), "22023", "{min} {max}");
    }
}

#[test]
fn bytes_take_every_value() {
    let mut evaluator = Evaluator::new(draw(0, Generator::Bytes { length: int(1_000) }));
    let Ok(Seen::Bytes(bytes)) = evaluator.value(0) else { panic!("no bytes") };
    assert_eq!(bytes.len(), 1_000);
    let different = bytes.iter().collect::<std::collections::BTreeSet<_>>().len();
    // 256 (1 - exp(-1000 / 256)) is 251.
    assert!((240..=256).contains(&different), "{different}");
    assert_eq!(code(draw(0, Generator::Bytes { length: int(-1) })), "22023");
}

#[test]
fn uuids_are_of_version_four_and_differ() {
    let mut evaluator = Evaluator::new(draw(0, Generator::Uuid));
    let mut seen = std::collections::BTreeSet::new();
    for index in 0..1_000 {
        let text = evaluator.text(index);
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "4");
        assert!("89ab".contains(&text[19..20]), "{text}");
        assert!(seen.insert(text));
    }
}

#[test]
fn vectors_have_their_dimensions_and_length_one_on_request() {
    for is_normalised in [true, false] {
        let generator = Generator::Vector { dimensions: 300, is_normalised };
        let Ok(Seen::Array(elements)) = value(draw(0, generator)) else { panic!("no array") };
        let squares = elements
            .iter()
            .map(|element| match element {
                Seen::Float(value) => value * value,
                other => panic!("{other:?}"),
            })
            .sum::<f64>();
        assert_eq!(elements.len(), 300);
        if is_normalised {
            assert!((squares - 1.0).abs() < 1e-9, "{squares}");
        } else {
            assert!((squares - 300.0).abs() < 5.0 * 600.0_f64.sqrt(), "{squares}");
        }
    }
}

#[test]
fn null_parameters_give_null_and_reversed_bounds_fail() {
    let ranges: [fn(Expr, Expr) -> Generator; 5] = [
        |low, high| Generator::Uniform { low, high },
        |low, high| Generator::UniformFloat { low, high },
        |low, high| Generator::Gaussian { low, high, sigmas: 2.0 },
        |low, high| Generator::Exponential { low, high, decay: 2.0 },
        |low, high| Generator::Nurand { a: 7, c: 0, low, high },
    ];
    for range in ranges {
        assert_eq!(value(draw(0, range(null(), int(1)))), Ok(Seen::Null));
        assert_eq!(value(draw(0, range(int(1), null()))), Ok(Seen::Null));
        assert_eq!(code(draw(0, range(int(2), int(1)))), "22023");
        assert_eq!(code(draw(0, range(text("1"), int(1)))), "42804");
    }
    assert_eq!(value(draw(0, Generator::Zipf { count: null(), skew: 1.0 })), Ok(Seen::Null));
    assert_eq!(value(draw(0, Generator::Bytes { length: null() })), Ok(Seen::Null));
    let length = Generator::Text { min: null(), max: int(1), alphabet: "a".into() };
    assert_eq!(value(draw(0, length)), Ok(Seen::Null));
}

#[test]
fn each_draw_and_each_transaction_has_values_of_its_own_and_keeps_them() {
    let mut first = Evaluator::new(uniform(0, 0, i64::MAX));
    let mut second = Evaluator::new(uniform(1, 0, i64::MAX));
    assert_eq!(first.int(5), first.int(5));
    assert_ne!(first.int(5), first.int(6));
    assert_ne!(first.int(5), second.int(5));
}
