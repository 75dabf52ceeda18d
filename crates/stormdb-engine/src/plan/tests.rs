use proptest::prelude::*;

use super::*;

const S: u64 = 1_000_000_000;

fn closed(duration_ns: u64) -> Phase {
    Phase { name: "p".into(), role: Role::Steady, duration_ns, rate: None }
}

fn hold(duration_ns: u64, rate_micro_per_s: u64) -> Phase {
    Phase { rate: Some(Rate::Hold { rate_micro_per_s }), ..closed(duration_ns) }
}

fn plan(phases: Vec<Phase>) -> Result<Plan> {
    Plan::new(phases, Arrival::Constant, S)
}

fn message(result: Result<Plan>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_phase_starts_a_new_grid_of_intervals() {
    let plan = plan(vec![closed(2 * S + S / 2), closed(S)]).unwrap();
    let starts: Vec<u64> = (0..6).map(|index| plan.interval(index).start_ns).collect();
    assert_eq!(starts, [0, S, 2 * S, 2 * S + S / 2, 3 * S + S / 2, 4 * S + S / 2]);
    let phases: Vec<_> = (0..6).map(|index| plan.interval(index).phase_index).collect();
    assert_eq!(phases, [Some(0), Some(0), Some(0), Some(1), None, None]);
    assert_eq!(plan.interval_count(), 4);
    assert_eq!(plan.interval(2).end_ns, 2 * S + S / 2);
}

#[test]
fn after_the_end_a_time_has_no_phase_but_an_arrival_the_last() {
    let plan = plan(vec![closed(S), closed(S)]).unwrap();
    assert_eq!((plan.phase_at(2 * S - 1), plan.phase_at(2 * S)), (Some(1), None));
    assert_eq!(plan.arrival_phase(9 * S), 1);
}

#[test]
fn the_last_representable_time_has_an_interval() {
    let plan = plan(vec![closed(S)]).unwrap();
    assert!(plan.interval_at(u64::MAX).end_ns >= u64::MAX - S);
}

#[test]
fn impossible_plans_say_what_is_wrong_and_how_to_mend_it() {
    let too_long = vec![closed(MAX_DURATION_NS), closed(1)];
    let cases = [
        (plan(vec![]), "plan: it has 0 phases; hint: give 1 to 1000 phases"),
        (plan(vec![closed(1); 1001]), "plan: it has 1001 phases"),
        (plan(vec![closed(0)]), "phase `p`: it lasts 0 ns"),
        (plan(too_long), "phase `p`: the run would last more than 366 days"),
        (plan(vec![hold(S, 0)]), "phase `p`: the offered rate is 0"),
        (plan(vec![closed(S), hold(S, 1)]), "phase `p`: it is open loop, but phase `p` is closed"),
        (Plan::new(vec![closed(S)], Arrival::Constant, 999_999), "plan: its interval is 999999 ns"),
    ];
    for (result, expected) in cases {
        let message = message(result);
        assert!(message.starts_with(expected), "{message}");
        assert!(message.contains("; hint: "), "{message}");
    }
}

#[test]
fn bytes_of_an_impossible_plan_are_refused() {
    let parts = PlanParts { phases: vec![closed(0)], arrival: Arrival::Constant, interval_ns: S };
    let message = message(Plan::from_bytes(&rmp_serde::to_vec_named(&parts).unwrap()));
    assert!(message.contains("phase `p`: it lasts 0 ns"), "{message}");
}

proptest! {
    #[test]
    fn intervals_cover_the_time_line_without_gaps(
        lengths in prop::collection::vec(1..5_000_u64, 1..8),
        interval_ms in 1..2_000_u64,
    ) {
        let phases = lengths.iter().map(|ms| closed(ms * 1_000_000)).collect();
        let plan = Plan::new(phases, Arrival::Constant, interval_ms * 1_000_000).unwrap();
        let mut end_ns = 0;
        for index in 0..plan.interval_count() + 3 {
            let interval = plan.interval(index);
            prop_assert_eq!((interval.index, interval.start_ns), (index, end_ns));
            end_ns = interval.end_ns;
            for at_ns in [interval.start_ns, interval.end_ns - 1] {
                prop_assert_eq!(plan.interval_at(at_ns), interval);
                prop_assert_eq!(plan.phase_at(at_ns), interval.phase_index);
            }
            if index + 1 == plan.interval_count() {
                prop_assert_eq!(end_ns, plan.duration_ns());
            }
        }
    }

    #[test]
    fn a_plan_survives_its_bytes(lengths in prop::collection::vec(1..u64::MAX / 2_000_000_000_000, 1..8), seed: u64) {
        let phases = lengths.iter().map(|&ns| hold(ns, ns)).collect();
        let plan = Plan::new(phases, Arrival::Poisson { seed }, S).unwrap();
        prop_assert_eq!(Plan::from_bytes(&plan.to_bytes()).unwrap(), plan);
    }
}

#[test]
fn a_trace_has_phases_without_rates_and_travels_in_order() {
    let trace = Trace::parse("t", "0\n1\n", 1_000_000).unwrap();
    let refused = Plan::new(vec![hold(S, 1)], Arrival::Trace(trace.clone()), S);
    assert!(message(refused).starts_with("phase `p`: its arrivals are recorded"));
    let plan = Plan::new(vec![closed(2 * S)], Arrival::Trace(trace), S).unwrap();
    let mut bytes = plan.to_bytes();
    assert_eq!(Plan::from_bytes(&bytes).unwrap(), plan);
    // The times are the last but one of what is written: 0, then 1,000,000,000 as five bytes.
    let at = bytes.windows(6).position(|six| six == [0, 0xce, 0x3b, 0x9a, 0xca, 0]).unwrap();
    bytes[at] = 0x7f;
    bytes[at + 1..at + 6].fill(0);
    assert!(Plan::from_bytes(&bytes).is_err());
}
