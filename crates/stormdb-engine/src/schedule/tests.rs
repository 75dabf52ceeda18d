use proptest::prelude::*;

use super::*;
use crate::plan::{Phase, Role};
use crate::rate::Rate;

const S: u64 = 1_000_000_000;
const PER_S: u64 = 1_000_000;

fn phase(duration_ns: u64, rate: impl Into<Option<Rate>>) -> Phase {
    let rate = rate.into();
    Phase { name: "p".into(), role: Role::Steady, duration_ns, rate }
}

fn arrivals(plan: &Arc<Plan>) -> Vec<Due> {
    Schedule::new(plan.clone(), 0, 1).unwrap().collect()
}

fn plan(phases: Vec<Phase>, arrival: Arrival) -> Arc<Plan> {
    Arc::new(Plan::new(phases, arrival, S).unwrap())
}

fn hold(rate_micro_per_s: u64) -> Rate {
    Rate::Hold { rate_micro_per_s }
}

/// Two phases of any shapes, a few hundred arrivals.
fn plans() -> impl Strategy<Value = Arc<Plan>> {
    let rate = || 1..40 * PER_S;
    let shape = prop_oneof![
        rate().prop_map(|rate_micro_per_s| Rate::Hold { rate_micro_per_s }),
        (rate(), rate()).prop_map(|(from_micro_per_s, to_micro_per_s)| Rate::Ramp {
            from_micro_per_s,
            to_micro_per_s
        }),
        (rate(), 1..9 * S).prop_map(|(mean, period)| Rate::Sine {
            mean_micro_per_s: mean,
            amplitude_micro_per_s: mean,
            period_ns: 1_000_000 + period
        }),
        (rate(), rate()).prop_map(|(base_micro_per_s, peak_micro_per_s)| Rate::Spike {
            base_micro_per_s,
            peak_micro_per_s,
            at_ns: S / 10,
            width_ns: S / 3
        }),
    ];
    let phases = prop::collection::vec((S / 2..8 * S, shape), 1..4);
    let arrival = prop_oneof![
        Just(Arrival::Constant),
        any::<u64>().prop_map(|seed| Arrival::Poisson { seed })
    ];
    (phases, arrival).prop_map(|(phases, arrival)| {
        plan(phases.into_iter().map(|(ns, rate)| phase(ns, rate)).collect(), arrival)
    })
}

#[test]
fn a_constant_rate_is_due_at_exact_instants() {
    let due = arrivals(&plan(vec![phase(2 * S, hold(3 * PER_S))], Arrival::Constant));
    let starts: Vec<u64> = due.iter().map(|due| due.intended_start_ns).collect();
    let exact = [0, 333_333_333, 666_666_666, S, 1_333_333_333, 1_666_666_666];
    assert_eq!(starts, exact);
}

#[test]
fn a_trace_is_due_at_its_times_until_the_last_phase_ends() {
    let trace = Trace::parse("t", "0\n0.5\n0.5\n1\n2.9\n3\n", 1_000_000).unwrap();
    let plan = plan(vec![phase(S, None), phase(2 * S, None)], Arrival::Trace(trace));
    assert!(plan.is_open_loop());
    let due: Vec<_> =
        arrivals(&plan).iter().map(|due| (due.intended_start_ns, due.phase_index)).collect();
    assert_eq!(due, [(0, 0), (S / 2, 0), (S / 2, 0), (S, 1), (29 * S / 10, 1)]);
    assert_eq!((plan.planned_count(0), plan.planned_count(1)), (Some(3), Some(2)));
    // Each arrival belongs to exactly one node.
    let of = |node| Schedule::new(plan.clone(), node, 2).unwrap().map(|due| due.index);
    assert_eq!(of(0).collect::<Vec<_>>(), [0, 2, 4]);
    assert_eq!(of(1).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn half_an_arrival_per_second_comes_every_two_seconds() {
    let due = arrivals(&plan(vec![phase(5 * S, hold(PER_S / 2))], Arrival::Constant));
    let starts: Vec<u64> = due.iter().map(|due| due.intended_start_ns).collect();
    assert_eq!(starts, [0, 2 * S, 4 * S]);
}

#[test]
fn errors_do_not_add_up_over_a_long_run() {
    let plan = plan(vec![phase(86_400 * S, hold(7 * PER_S))], Arrival::Constant);
    let last = 86_400 * 7 - 1;
    // Node `last` of more nodes than arrivals owns just that one.
    let due: Vec<Due> = Schedule::new(plan, last, last + 1).unwrap().collect();
    assert_eq!(due[0].intended_start_ns, u64::from(last) * S / 7);
    assert_eq!(due.len(), 1);
}

#[test]
fn a_phase_starts_with_an_arrival() {
    let phases = vec![phase(S + S / 20, hold(10 * PER_S)), phase(S, hold(10 * PER_S))];
    let due = arrivals(&plan(phases, Arrival::Constant));
    let second: Vec<_> = due.iter().filter(|due| due.phase_index == 1).collect();
    assert_eq!((second[0].index, second[0].intended_start_ns), (11, S + S / 20));
    assert_eq!(second.len(), 10);
}

#[test]
fn a_closed_loop_has_no_schedule() {
    for arrival in [Arrival::Constant, Arrival::Poisson { seed: 1 }] {
        assert_eq!(arrivals(&plan(vec![phase(S, None)], arrival)), []);
    }
}

#[test]
fn a_node_that_does_not_exist_is_refused() {
    let plan = plan(vec![phase(S, None)], Arrival::Constant);
    let error = Schedule::new(plan, 3, 3).unwrap_err();
    assert_eq!(error, Error::Node { node_index: 3, node_count: 3 });
}

/// At 100/s over 2000 s: counts per second have mean and variance 100; each estimate is within 4
/// standard errors, and the gaps' coefficient of variation is that of an exponential.
#[test]
fn poisson_arrivals_have_the_mean_and_variance_of_their_name() {
    let seconds = 2000_u32;
    let phases = vec![phase(u64::from(seconds) * S, hold(100 * PER_S))];
    let due = arrivals(&plan(phases, Arrival::Poisson { seed: 42 }));
    let mut counts = vec![0_u32; seconds as usize];
    for due in &due {
        counts[(due.intended_start_ns / S) as usize] += 1;
    }
    let n = f64::from(seconds);
    let mean = counts.iter().map(|&count| f64::from(count)).sum::<f64>() / n;
    let variance =
        counts.iter().map(|&count| (f64::from(count) - mean).powi(2)).sum::<f64>() / (n - 1.0);
    assert!((mean - 100.0).abs() < 4.0 * (100.0 / n).sqrt(), "{mean}");
    assert!((variance - 100.0).abs() < 4.0 * 100.0 * (2.0 / n).sqrt(), "{variance}");

    let gaps_ns: Vec<f64> = due
        .windows(2)
        .map(|pair| (pair[1].intended_start_ns - pair[0].intended_start_ns) as f64)
        .collect();
    let mean_ns = gaps_ns.iter().sum::<f64>() / gaps_ns.len() as f64;
    let variance = gaps_ns.iter().map(|gap| (gap - mean_ns).powi(2)).sum::<f64>();
    let variation = (variance / gaps_ns.len() as f64).sqrt() / mean_ns;
    assert!((variation - 1.0).abs() < 0.02, "{variation}");
}

#[test]
fn another_seed_gives_other_instants() {
    let with = |seed| arrivals(&plan(vec![phase(S, hold(100 * PER_S))], Arrival::Poisson { seed }));
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
}

proptest! {
    #[test]
    fn each_arrival_belongs_to_exactly_one_node(plan in plans(), node_count in 1..12_u32) {
        let mut owned = Vec::new();
        for node in 0..node_count {
            for due in Schedule::new(plan.clone(), node, node_count).unwrap() {
                prop_assert_eq!(due.index % u64::from(node_count), u64::from(node));
                owned.push(due);
            }
        }
        owned.sort_unstable_by_key(|due| due.index);
        prop_assert_eq!(owned, arrivals(&plan));
    }

    #[test]
    fn instants_are_ordered_and_within_their_phase(plan in plans()) {
        let due = arrivals(&plan);
        prop_assert!(due.iter().map(|due| due.index).eq(0..due.len() as u64));
        prop_assert!(due.is_sorted_by_key(|due| due.intended_start_ns));
        for due in due {
            prop_assert_eq!(plan.phase_at(due.intended_start_ns), Some(due.phase_index));
        }
    }

    #[test]
    fn a_constant_phase_offers_what_was_planned(plan in plans()) {
        prop_assume!(*plan.arrival() == Arrival::Constant);
        let due = arrivals(&plan);
        for phase_index in 0..u32::try_from(plan.phases().len()).unwrap() {
            let count = due.iter().filter(|due| due.phase_index == phase_index).count() as u64;
            prop_assert_eq!(plan.planned_count(phase_index), Some(count));
            let units = plan.spans()[phase_index as usize].units;
            prop_assert_eq!(u128::from(count), units.div_ceil(UNITS_PER_ARRIVAL));
        }
    }
}
