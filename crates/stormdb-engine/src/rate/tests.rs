use proptest::prelude::*;

use super::*;

const S: u64 = 1_000_000_000;
const PER_S: u64 = 1_000_000;

fn curve(rate: Rate, duration_ns: u64) -> RateCurve {
    assert_eq!(rate.problem(duration_ns), None);
    RateCurve::new(&rate, duration_ns)
}

/// Any rate that can be offered for `duration_ns`.
fn rates(duration_ns: u64) -> impl Strategy<Value = Rate> {
    let rate = || 1..=MAX_RATE_MICRO_PER_S;
    let hold = rate().prop_map(|rate_micro_per_s| Rate::Hold { rate_micro_per_s });
    let ramp = (0..=MAX_RATE_MICRO_PER_S, rate(), any::<bool>()).prop_map(|(low, high, is_up)| {
        let (from_micro_per_s, to_micro_per_s) = if is_up { (low, high) } else { (high, low) };
        Rate::Ramp { from_micro_per_s, to_micro_per_s }
    });
    let sine = (rate(), 0.0..=1.0, MIN_PERIOD_NS..=2 * duration_ns).prop_map(
        |(mean_micro_per_s, depth, period_ns)| Rate::Sine {
            mean_micro_per_s,
            amplitude_micro_per_s: (mean_micro_per_s as f64 * depth) as u64 * 9 / 10,
            period_ns,
        },
    );
    let spike = (0..=MAX_RATE_MICRO_PER_S, rate(), 0..duration_ns).prop_map(
        move |(base_micro_per_s, peak_micro_per_s, at_ns)| Rate::Spike {
            base_micro_per_s,
            peak_micro_per_s,
            at_ns,
            width_ns: (duration_ns - at_ns).div_ceil(2),
        },
    );
    let steps = (0..=MAX_RATE_MICRO_PER_S, rate(), 2..=MAX_STEPS).prop_map(
        |(from_micro_per_s, to_micro_per_s, count)| Rate::Steps {
            from_micro_per_s,
            to_micro_per_s,
            count,
        },
    );
    prop_oneof![hold, ramp, steps, sine, spike]
}

#[test]
fn a_held_rate_is_a_division() {
    let curve = curve(Rate::Hold { rate_micro_per_s: 3 * PER_S }, S);
    for index in 0..3_u64 {
        let due_ns = curve.latest_ns(u128::from(index) * UNITS_PER_ARRIVAL);
        assert_eq!(due_ns, index * S / 3);
    }
}

#[test]
fn a_ramp_offers_its_mean_rate() {
    let ramp = Rate::Ramp { from_micro_per_s: 0, to_micro_per_s: 20 * PER_S };
    assert_eq!(curve(ramp, 10 * S).units(10 * S), 100 * UNITS_PER_ARRIVAL);
    // A quarter of the arrivals come in the first half.
    assert_eq!(curve(ramp, 10 * S).latest_ns(25 * UNITS_PER_ARRIVAL), 5 * S);
}

#[test]
fn steps_hold_each_rate_for_the_same_time() {
    let steps = Rate::Steps { from_micro_per_s: 10 * PER_S, to_micro_per_s: 40 * PER_S, count: 4 };
    let curve = curve(steps, 8 * S);
    let offered = |from_s: u64, to_s: u64| curve.units(to_s * S) - curve.units(from_s * S);
    let per_step: Vec<u128> =
        (0..4).map(|step| offered(2 * step, 2 * step + 2) / UNITS_PER_ARRIVAL).collect();
    assert_eq!(per_step, [20, 40, 60, 80]);
    // Within a step the rate does not move.
    assert_eq!(offered(2, 3), offered(3, 4));
}

#[test]
fn steps_go_down_too_and_are_at_least_two() {
    let down = Rate::Steps { from_micro_per_s: 30 * PER_S, to_micro_per_s: 0, count: 2 };
    assert_eq!(curve(down, 2 * S).units(2 * S), 30 * UNITS_PER_ARRIVAL);
    for count in [0, 1, MAX_STEPS + 1] {
        let rate = Rate::Steps { from_micro_per_s: PER_S, to_micro_per_s: PER_S, count };
        assert!(rate.problem(S).unwrap().0.contains("steps"));
    }
}

#[test]
fn a_sine_offers_its_mean_over_a_period() {
    let sine = Rate::Sine {
        mean_micro_per_s: 100 * PER_S,
        amplitude_micro_per_s: 100 * PER_S,
        period_ns: 7 * S,
    };
    let offered = curve(sine, 70 * S).units(70 * S);
    assert!(offered.abs_diff(7000 * UNITS_PER_ARRIVAL) < UNITS_PER_ARRIVAL / 1000, "{offered}");
}

#[test]
fn a_sine_is_near_the_true_one() {
    let (mean, amplitude) = (100.0, 60.0);
    let sine = Rate::Sine {
        mean_micro_per_s: 100 * PER_S,
        amplitude_micro_per_s: 60 * PER_S,
        period_ns: 10 * S,
    };
    let curve = curve(sine, 10 * S);
    for step in 0..1000 {
        let at_ns = step * S / 100;
        let drawn = (curve.units(at_ns + 1000) - curve.units(at_ns)) as f64 / 1e9;
        let exact = mean + amplitude * (TAU * at_ns as f64 / 1e10).sin();
        assert!((drawn - exact).abs() < 0.0013 * amplitude, "{drawn} for {exact} at {at_ns}");
    }
}

#[test]
fn a_spike_without_a_base_starts_when_it_says() {
    let spike = Rate::Spike {
        base_micro_per_s: 0,
        peak_micro_per_s: 10 * PER_S,
        at_ns: 3 * S,
        width_ns: S,
    };
    let curve = curve(spike, 9 * S);
    assert_eq!(curve.units(9 * S), 10 * UNITS_PER_ARRIVAL);
    assert_eq!(curve.latest_ns(0), 3 * S);
    assert_eq!(curve.latest_ns(UNITS_PER_ARRIVAL), 3 * S + S / 10);
}

#[test]
fn impossible_rates_have_a_problem() {
    let (mean, period_ns) = (PER_S, S);
    let impossible = [
        Rate::Hold { rate_micro_per_s: 0 },
        Rate::Hold { rate_micro_per_s: MAX_RATE_MICRO_PER_S + 1 },
        Rate::Ramp { from_micro_per_s: 0, to_micro_per_s: 0 },
        Rate::Sine { mean_micro_per_s: mean, amplitude_micro_per_s: mean + 1, period_ns },
        Rate::Sine { mean_micro_per_s: mean, amplitude_micro_per_s: 1, period_ns: 999_999 },
        Rate::Spike { base_micro_per_s: 1, peak_micro_per_s: 0, at_ns: 0, width_ns: 1 },
        Rate::Spike { base_micro_per_s: 1, peak_micro_per_s: 1, at_ns: 0, width_ns: 0 },
        Rate::Spike { base_micro_per_s: 1, peak_micro_per_s: 1, at_ns: S, width_ns: 1 },
        Rate::Spike { base_micro_per_s: 1, peak_micro_per_s: 1, at_ns: 1, width_ns: u64::MAX },
    ];
    for rate in impossible {
        assert!(rate.problem(S).is_some(), "{rate:?}");
    }
}

proptest! {
    #[test]
    fn the_integral_never_decreases(rate in rates(100 * S), at_ns in 0..100 * S, step_ns in 0..9_u64) {
        let curve = curve(rate, 100 * S);
        prop_assert!(curve.units(at_ns) <= curve.units(at_ns + step_ns));
    }

    /// The definition of the inverse: nothing more is due by then, something is a nanosecond later.
    #[test]
    fn an_arrival_is_due_at_the_last_nanosecond(rate in rates(100 * S), share in 0.0..1.0) {
        let curve = curve(rate, 100 * S);
        let units = (curve.units(100 * S) as f64 * share) as u128;
        prop_assume!(units < curve.units(100 * S));
        let due_ns = curve.latest_ns(units);
        prop_assert!(due_ns < 100 * S);
        prop_assert!(curve.units(due_ns) <= units);
        prop_assert!(curve.units(due_ns + 1) > units);
    }

    #[test]
    fn a_ramp_is_the_integral_of_a_line(
        from in 0..=MAX_RATE_MICRO_PER_S,
        to in 1..=MAX_RATE_MICRO_PER_S,
        duration_ns in 1..=MAX_DURATION_NS,
    ) {
        let ramp = Rate::Ramp { from_micro_per_s: from, to_micro_per_s: to };
        let twice = (u128::from(from) + u128::from(to)) * u128::from(duration_ns);
        let offered = curve(ramp, duration_ns).units(duration_ns);
        prop_assert!(offered.abs_diff(twice / 2) <= 1);
    }
}
