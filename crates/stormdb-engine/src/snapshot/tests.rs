use proptest::prelude::*;

use super::*;
use crate::plan::{Arrival, Phase, Plan, Role};
use crate::recorder::{Execution, Recorder};
use std::sync::Arc;

const S: u64 = 1_000_000_000;

/// One thing that happens: what, when it arrives, how long it waits, how long it takes.
type Event = (u8, u64, u64, u64);

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0..9_u8, 0..5 * S, 0..S / 10, 0..S / 2);
    prop::collection::vec(event, 0..40).prop_map(|mut events| {
        events.sort_unstable_by_key(|event| event.1);
        events
    })
}

/// The snapshots of a process in which these things happen.
fn snapshots(process: u32, events: &[Event]) -> Vec<IntervalSnapshot> {
    let phase =
        |duration_ns| Phase { name: "p".into(), role: Role::Steady, duration_ns, rate: None };
    let plan = Plan::new(vec![phase(2 * S + S / 2), phase(S)], Arrival::Constant, S).unwrap();
    let mut recorder = Recorder::new(Arc::new(plan), process);
    let rows = ["pay", "read"].map(|name| recorder.row(name, RowKind::Transaction).unwrap());
    let counter = recorder.counter("hits").unwrap();
    let value = recorder.value_name("depth").unwrap();
    let reason = recorder.reason("queue full").unwrap();
    for &(what, due_ns, lag_ns, service_ns) in events {
        let start_ns = due_ns + lag_ns;
        let done = Execution {
            row: rows[usize::from(what) % 2],
            worker: u32::from(what),
            intended_start_ns: Some(due_ns),
            start_ns,
            finish_ns: start_ns + service_ns,
            traffic: Traffic { rows: 1, sent_bytes: lag_ns, received_bytes: service_ns },
        };
        let code = Sqlstate::try_from(if what < 3 { "40001" } else { "23505" }).unwrap();
        recorder.offer(due_ns, 1).unwrap();
        match what {
            0..3 => recorder.commit(done).unwrap(),
            3 => recorder.roll_back(done).unwrap(),
            4 => recorder.fail(done, code, &format!("message {lag_ns}")).unwrap(),
            5 => recorder.drop_arrival(due_ns, reason).unwrap(),
            6 => recorder.retry(done.row, due_ns, start_ns, code).unwrap(),
            7 => recorder.count(counter, lag_ns, start_ns).unwrap(),
            _ => recorder.value(value, service_ns as f64 - 1e8, start_ns).unwrap(),
        }
    }
    recorder.gauge(7, 8, 9).unwrap();
    recorder.finish(6 * S).unwrap()
}

fn merged<'a>(parts: impl IntoIterator<Item = &'a IntervalSnapshot>) -> IntervalSnapshot {
    let mut parts = parts.into_iter();
    let mut sum = parts.next().unwrap().clone();
    for part in parts {
        sum.merge(part);
    }
    sum
}

#[test]
fn another_version_is_refused_by_its_number() {
    let mut bytes = snapshots(0, &[])[0].to_bytes();
    bytes[7] = 9;
    let message = IntervalSnapshot::from_bytes(&bytes).unwrap_err().to_string();
    assert!(message.contains("its version is 9, this reads 1"), "{message}");
}

#[test]
fn what_follows_a_snapshot_is_refused() {
    let mut bytes = snapshots(0, &[])[0].to_bytes();
    bytes.push(0);
    let message = IntervalSnapshot::from_bytes(&bytes).unwrap_err().to_string();
    assert!(message.contains("1 bytes follow its end"), "{message}");
}

#[test]
fn too_many_bytes_are_refused_unread() {
    let message = IntervalSnapshot::from_bytes(&vec![0; MAX_BYTES + 1]).unwrap_err().to_string();
    assert!(message.contains("16777217 bytes, 16777216 are allowed"), "{message}");
}

#[test]
fn a_length_that_is_only_claimed_takes_no_memory() {
    let mut bytes = snapshots(0, &[])[0].to_bytes();
    bytes.truncate(8);
    bytes.extend([0xdf, 0xff, 0xff, 0xff, 0xff]); // a map of 2³² − 1 entries
    assert!(IntervalSnapshot::from_bytes(&bytes).is_err());
}

#[test]
fn a_snapshot_from_before_traffic_was_counted_still_opens() {
    let named = |bytes: &[u8], name: &[u8]| {
        bytes.windows(name.len()).position(|window| window == name).unwrap()
    };
    let events = [(0, 0, 0, 0)];
    let snapshot = merged(&snapshots(0, &events));
    let mut bytes = snapshot.to_bytes();
    // As another field of the same length, which readers skip.
    let at = named(&bytes, b"traffic");
    bytes[at..at + 7].copy_from_slice(b"unknown");
    let read = IntervalSnapshot::from_bytes(&bytes).unwrap();
    assert!(read.cells.values().all(|cell| cell.traffic == Traffic::default()));
    assert_eq!(read.identity(), snapshot.identity());
}

#[test]
fn row_totals_merge_the_phases_that_are_asked_for() {
    let events: Vec<Event> = (0..7).map(|at| (0, at * S / 2, 0, 1000)).collect();
    let snapshot = merged(&snapshots(0, &events));
    let committed = |takes: fn(u32) -> bool| {
        let totals = snapshot.row_totals(takes);
        totals.get(&(RowKind::Transaction, "pay")).map_or(0, |row| row.service_time.count())
    };
    assert_eq!(committed(|_| true), 7);
    assert_eq!(committed(|phase| phase == 0), 5);
    assert_eq!(committed(|phase| phase == 1), 2);
    assert_eq!(committed(|phase| phase == 2), 0);
}

#[test]
fn the_earliest_message_of_a_code_is_kept() {
    let late = merged(&snapshots(0, &[(4, S, 5, 0)]));
    let early = merged(&snapshots(1, &[(4, S, 3, 0)]));
    for both in [merged([&late, &early]), merged([&early, &late])] {
        let messages: Vec<_> = both.examples.values().map(|e| e.message.as_str()).collect();
        assert_eq!(messages, ["message 3"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn merging_is_associative_and_commutative(one in events(), two in events(), three in events()) {
        let parts = [merged(&snapshots(0, &one)), merged(&snapshots(1, &two)), merged(&snapshots(1, &three))];
        let [one, two, three] = &parts;
        let left = merged([&merged([one, two]), three]);
        prop_assert_eq!(&left, &merged([one, &merged([two, three])]));
        prop_assert_eq!(&left, &merged([three, one, two]));
    }

    #[test]
    fn merging_keeps_the_traffic_of_every_outcome(events in events()) {
        let sum = merged(&snapshots(0, &events));
        let done = || events.iter().filter(|event| event.0 < 5);
        let expected = Traffic {
            rows: done().count() as u64,
            sent_bytes: done().map(|event| event.2).sum(),
            received_bytes: done().map(|event| event.3).sum(),
        };
        let mut found = Traffic::default();
        sum.cells.values().for_each(|cell| found.merge(&cell.traffic));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn merging_keeps_every_count(events in events()) {
        let parts = snapshots(0, &events);
        let whole = merged(&parts);
        let count = |snapshot: &IntervalSnapshot| {
            let phases: u64 = snapshot.phases.values().map(|phase| phase.offered).sum();
            let committed: u64 = snapshot.cells.values().map(|cell| cell.committed).sum();
            let times: u64 = snapshot.cells.values().map(|cell| cell.response_time.count()).sum();
            [phases, committed, times]
        };
        let summed = parts.iter().map(count).fold([0; 3], |sum, part| {
            std::array::from_fn(|k| sum[k] + part[k])
        });
        prop_assert_eq!(count(&whole), summed);
        prop_assert_eq!(summed[0], events.len() as u64);
        prop_assert_eq!(summed[1], summed[2]);
    }

    #[test]
    fn a_snapshot_survives_its_bytes(events in events()) {
        for snapshot in snapshots(3, &events) {
            prop_assert_eq!(IntervalSnapshot::from_bytes(&snapshot.to_bytes()).unwrap(), snapshot);
        }
    }

    #[test]
    fn damaged_bytes_give_an_error_and_no_panic(events in events(), at: prop::sample::Index, bit in 0..8_u8) {
        let good = merged(&snapshots(0, &events)).to_bytes();
        let at = at.index(good.len());
        prop_assert!(IntervalSnapshot::from_bytes(&good[..at]).is_err());
        let mut bad = good;
        bad[at] ^= 1 << bit;
        if let Ok(read) = IntervalSnapshot::from_bytes(&bad) {
            // A changed count is still a snapshot; everything that reads it must hold.
            let mut twice = read.clone();
            twice.merge(&read);
            let _ = twice.identity();
            for sketch in twice.values.values() {
                let _ = sketch.quantile(0.5);
            }
        }
    }
}
