//! The record path does not allocate.

use std::sync::Arc;

use allocation_counter::measure;
use stormdb_engine::plan::{Arrival, Phase, Plan, Role};
use stormdb_engine::{Execution, Rate, Recorder, RowId, RowKind, Schedule, Sqlstate, Traffic};

const S: u64 = 1_000_000_000;

fn plan() -> Arc<Plan> {
    let rate = Some(Rate::Hold { rate_micro_per_s: 1_000_000_000 });
    let phase = |name: &str| Phase { name: name.into(), role: Role::Steady, duration_ns: S, rate };
    let phases = ["one", "two", "three", "four"].map(phase).to_vec();
    Arc::new(Plan::new(phases, Arrival::Poisson { seed: 1 }, S).unwrap())
}

/// Everything that a load may record of one second, with the stragglers of the one before.
fn record_second(recorder: &mut Recorder, rows: [RowId; 2], second: u64) {
    let code = Sqlstate::try_from("40001").unwrap();
    let full = recorder.reason("queue full").unwrap();
    let hits = recorder.counter("hits").unwrap();
    let depth = recorder.value_name("depth").unwrap();
    for step in 0..1000 {
        let start_ns = second * S + step * S / 1000;
        let intended_start_ns = start_ns.saturating_sub(step * 1_000_000);
        let finish_ns = (start_ns + (step % 17) * 999_999).min((second + 1) * S - 1);
        let done = Execution {
            row: rows[(step % 2) as usize],
            worker: (step % 64) as u32,
            intended_start_ns: Some(intended_start_ns),
            start_ns,
            finish_ns,
            traffic: Traffic { rows: 1, sent_bytes: step, received_bytes: 40 },
        };
        recorder.offer(start_ns, 1).unwrap();
        match step % 7 {
            0 => recorder.fail(done, code, "").unwrap(),
            1 => recorder.roll_back(done).unwrap(),
            2 => recorder.drop_arrival(start_ns, full).unwrap(),
            3 => recorder.retry(done.row, intended_start_ns, start_ns, code).unwrap(),
            4 => recorder.count(hits, 1, start_ns).unwrap(),
            5 => recorder.value(depth, (step % 17) as f64, start_ns).unwrap(),
            _ => recorder.commit(done).unwrap(),
        }
    }
}

#[test]
fn recording_does_not_allocate_once_all_names_were_seen() {
    let mut recorder = Recorder::new(plan(), 0);
    let rows = ["pay", "read"].map(|name| recorder.row(name, RowKind::Transaction).unwrap());
    for second in 0..6 {
        let used = measure(|| record_second(&mut recorder, rows, second));
        // The first two seconds see two frames for the first time.
        assert_eq!(used.count_total > 0, second < 2, "in second {second}");
        assert_eq!(recorder.flip((second + 1) * S).unwrap().len(), 1);
    }
}

#[test]
fn a_flip_that_comes_late_does_not_make_recording_allocate() {
    let mut recorder = Recorder::new(plan(), 0);
    let rows = ["pay", "read"].map(|name| recorder.row(name, RowKind::Transaction).unwrap());
    for second in 0..3 {
        record_second(&mut recorder, rows, second);
        recorder.flip((second + 1) * S).unwrap();
    }
    record_second(&mut recorder, rows, 3);
    // The interval ended, nobody flipped yet.
    let used = measure(|| {
        let times = (4 * S, 4 * S + 1);
        let done = Execution {
            row: rows[0],
            worker: 0,
            intended_start_ns: Some(times.0),
            start_ns: times.0,
            finish_ns: times.1,
            traffic: Traffic::default(),
        };
        recorder.commit(done).unwrap();
    });
    assert_eq!(used.count_total, 0);
    assert_eq!(recorder.finish(4 * S + 2).unwrap().len(), 2);
}

#[test]
fn a_schedule_does_not_allocate() {
    let mut schedule = Schedule::new(plan(), 0, 2).unwrap();
    let used = measure(|| assert!(schedule.by_ref().count() > 1500));
    assert_eq!(used.count_total, 0);
}
