use super::*;
use crate::plan::{Arrival, Phase, Role};
use crate::rate::Rate;
use crate::snapshot::{CellKey, Outcomes, WorkerCounts};

const S: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

fn plan(rate: Option<Rate>) -> Arc<Plan> {
    let phase = |name: &str, role| Phase { name: name.into(), role, duration_ns: 2 * S, rate };
    let phases = vec![phase("warm up", Role::WarmUp), phase("steady", Role::Steady)];
    Arc::new(Plan::new(phases, Arrival::Constant, S).unwrap())
}

fn open_loop() -> Recorder {
    Recorder::new(plan(Some(Rate::Hold { rate_micro_per_s: MS })), 0)
}

fn closed_loop() -> Recorder {
    Recorder::new(plan(None), 0)
}

fn execution(row: RowId, due_ns: u64, start_ns: u64, finish_ns: u64) -> Execution {
    Execution {
        row,
        worker: 0,
        intended_start_ns: Some(due_ns),
        start_ns,
        finish_ns,
        traffic: Traffic::default(),
    }
}

fn code(text: &str) -> Sqlstate {
    Sqlstate::try_from(text).unwrap()
}

fn merged(snapshots: &[IntervalSnapshot]) -> IntervalSnapshot {
    let mut sum = snapshots[0].clone();
    for snapshot in &snapshots[1..] {
        sum.merge(snapshot);
    }
    sum
}

fn cell(snapshot: &IntervalSnapshot, phase_index: u32, kind: RowKind) -> Outcomes {
    let key = CellKey { phase_index, kind, name: "pay".into() };
    snapshot.cells.get(&key).cloned().unwrap_or_default()
}

#[test]
fn a_late_start_shows_in_response_time_and_not_in_service_time() {
    let mut recorder = open_loop();
    let row = recorder.row("pay", RowKind::Transaction).unwrap();
    recorder.commit(execution(row, 100 * MS, 600 * MS, 602 * MS)).unwrap();
    let snapshot = merged(&recorder.finish(S).unwrap());
    let cell = cell(&snapshot, 0, RowKind::Transaction);
    assert!(cell.response_time.max_ns().abs_diff(502 * MS) < MS);
    assert!(cell.schedule_lag.max_ns().abs_diff(500 * MS) < MS);
    assert!(cell.service_time.max_ns().abs_diff(2 * MS) < MS / 100);
}

#[test]
fn a_closed_loop_has_no_response_time() {
    let mut recorder = closed_loop();
    let row = recorder.row("pay", RowKind::Transaction).unwrap();
    let done = Execution { intended_start_ns: None, ..execution(row, 0, MS, 2 * MS) };
    recorder.commit(done).unwrap();
    let snapshot = merged(&recorder.finish(S).unwrap());
    let cell = cell(&snapshot, 0, RowKind::Transaction);
    assert_eq!((cell.service_time.count(), cell.response_time.count()), (1, 0));
}

#[test]
fn a_transaction_belongs_to_the_phase_of_its_arrival_and_the_interval_of_its_finish() {
    let mut recorder = open_loop();
    let row = recorder.row("pay", RowKind::Transaction).unwrap();
    // Due in the warm-up, started and finished in the steady phase.
    recorder.commit(execution(row, 2 * S - 1, 2 * S + 1, 3 * S + 5)).unwrap();
    let snapshots = recorder.finish(4 * S).unwrap();
    let found: Vec<_> =
        snapshots.iter().map(|s| cell(s, 0, RowKind::Transaction).committed).collect();
    assert_eq!(found, [0, 0, 0, 1, 0]);
}

#[test]
fn a_finish_in_the_drain_counts_for_the_last_phase() {
    let mut recorder = open_loop();
    let row = recorder.row("pay", RowKind::Transaction).unwrap();
    recorder.commit(execution(row, 4 * S - 1, 4 * S, 5 * S + 1)).unwrap();
    let snapshots = recorder.finish(5 * S + 2).unwrap();
    let last = snapshots.last().unwrap();
    assert_eq!((last.first_interval.index, last.first_interval.phase_index), (5, None));
    assert_eq!(cell(last, 1, RowKind::Transaction).committed, 1);
}

#[test]
fn idle_intervals_have_a_snapshot_each() {
    let mut recorder = open_loop();
    let indexes: Vec<u64> =
        recorder.flip(3 * S + 1).unwrap().iter().map(|s| s.first_interval.index).collect();
    assert_eq!(indexes, [0, 1, 2]);
    assert_eq!(recorder.flip(3 * S + 2).unwrap(), []);
    assert_eq!(recorder.current_interval().unwrap().index, 3);
}

#[test]
fn a_finish_before_the_flip_is_in_its_own_interval_even_if_it_comes_late() {
    let mut recorder = open_loop();
    let row = recorder.row("pay", RowKind::Transaction).unwrap();
    recorder.commit(execution(row, S, S, S + 1)).unwrap();
    recorder.commit(execution(row, 0, 0, S - 1)).unwrap();
    recorder.commit(execution(row, 0, 0, S - 2)).unwrap();
    let counts: Vec<u64> = recorder
        .finish(S + 2)
        .unwrap()
        .iter()
        .map(|s| cell(s, 0, RowKind::Transaction).committed)
        .collect();
    assert_eq!(counts, [2, 1]);
}

#[test]
fn a_finish_after_the_flip_is_counted_in_the_interval_that_is_still_here() {
    let mut recorder = open_loop();
    let row = recorder.row("pay", RowKind::Transaction).unwrap();
    assert_eq!(recorder.flip(S).unwrap().len(), 1);
    recorder.commit(execution(row, 0, 0, S - 1)).unwrap();
    let snapshots = recorder.finish(S + 1).unwrap();
    assert_eq!(snapshots[0].first_interval.index, 1);
    assert_eq!(cell(&snapshots[0], 0, RowKind::Transaction).committed, 1);
}

#[test]
fn a_flip_hands_out_a_bounded_number_and_the_next_one_goes_on() {
    let mut recorder = open_loop();
    let row = recorder.row("pay", RowKind::Transaction).unwrap();
    recorder.commit(execution(row, 0, 0, u64::MAX)).unwrap();
    let first = recorder.flip(u64::MAX).unwrap();
    assert_eq!(first.len(), MAX_PENDING_INTERVALS);
    let second = recorder.flip(u64::MAX).unwrap();
    assert_eq!(second[0].first_interval.index, MAX_PENDING_INTERVALS as u64);
    assert_eq!(merged(&[first, second].concat()).identity()[0].committed, 1);
}

#[test]
fn a_failure_keeps_its_time_apart_and_its_first_message() {
    let mut recorder = open_loop();
    let row = recorder.row("pay", RowKind::Transaction).unwrap();
    for (finish_ns, message) in [(20, "first"), (30, "second")] {
        recorder.fail(execution(row, 0, 10, finish_ns), code("40001"), message).unwrap();
    }
    recorder.fail(execution(row, 0, 10, 11), code("XX000"), &"é".repeat(200)).unwrap();
    let snapshot = merged(&recorder.finish(S).unwrap());
    let cell = cell(&snapshot, 0, RowKind::Transaction);
    assert_eq!((cell.committed, cell.service_time.count()), (0, 0));
    assert_eq!(cell.failed_service_time.count(), 3);
    assert_eq!(cell.failed.iter().collect::<Vec<_>>(), [(code("40001"), 2), (code("XX000"), 1)]);
    assert_eq!(snapshot.examples[&code("40001")].message, "first");
    assert_eq!(snapshot.examples[&code("XX000")].message, "é".repeat(MAX_MESSAGE_BYTES / 2));
}

#[test]
fn every_offered_arrival_has_one_outcome() {
    let mut recorder = open_loop();
    let row = recorder.row("pay", RowKind::Transaction).unwrap();
    let operation = recorder.row("pay", RowKind::Operation).unwrap();
    let full = recorder.reason("queue full").unwrap();
    for due_ns in (0..4 * S).step_by(100_000_000) {
        recorder.offer(due_ns, 1).unwrap();
        let done = execution(row, due_ns, due_ns + 1, due_ns + 700 * MS);
        match due_ns / 100_000_000 % 5 {
            0 => recorder.drop_arrival(due_ns, full).unwrap(),
            1 => recorder.fail(done, code("40001"), "").unwrap(),
            2 => recorder.roll_back(done).unwrap(),
            3 => recorder.unfinished(due_ns, 1).unwrap(),
            _ => {
                recorder.retry(row, due_ns, due_ns + 1, code("40P01")).unwrap();
                recorder.commit(Execution { row: operation, ..done }).unwrap();
                recorder.commit(done).unwrap();
            }
        }
    }
    let snapshot = merged(&recorder.finish(5 * S).unwrap());
    let identity = snapshot.identity();
    assert_eq!(identity.len(), 2);
    for phase in identity {
        assert!(phase.holds(), "{phase:?}");
        let outcomes = [phase.dropped, phase.failed, phase.rolled_back, phase.unfinished];
        assert_eq!((phase.offered, outcomes, phase.committed), (20, [4; 4], 4));
    }
    let operations = cell(&snapshot, 1, RowKind::Operation);
    assert_eq!((operations.service_time.count(), operations.response_time.count()), (4, 0));
    assert_eq!(cell(&snapshot, 0, RowKind::Transaction).retried.total(), 4);
}

#[test]
fn before_the_end_the_rest_is_in_flight() {
    let mut recorder = open_loop();
    recorder.offer(0, 3).unwrap();
    let phase = recorder.flip(S).unwrap()[0].identity()[0];
    assert_eq!((phase.in_flight(), phase.holds()), (3, false));
}

#[test]
fn a_worker_is_busy_whatever_the_outcome() {
    let mut recorder = open_loop();
    let row = recorder.row("pay", RowKind::Transaction).unwrap();
    let done = Execution { worker: 3, ..execution(row, 0, 10, 15) };
    recorder.commit(done).unwrap();
    recorder.fail(done, code("40001"), "").unwrap();
    recorder.roll_back(done).unwrap();
    let snapshot = merged(&recorder.finish(S).unwrap());
    let expected = WorkerCounts { committed: 1, failed: 1, busy_ns: 15, service_sum_ns: 5 };
    assert_eq!(snapshot.workers.into_iter().collect::<Vec<_>>(), [(3, expected)]);
}

#[test]
fn times_that_run_backwards_are_counted_as_clamped() {
    let mut recorder = open_loop();
    let row = recorder.row("pay", RowKind::Transaction).unwrap();
    recorder.commit(execution(row, 20, 10, 15)).unwrap();
    let snapshot = merged(&recorder.finish(S).unwrap());
    assert_eq!(snapshot.clamped_count, 2); // response time and lag, not service time
    assert_eq!(cell(&snapshot, 0, RowKind::Transaction).response_time.max_ns(), 0);
}

#[test]
fn gauges_add_up_cpu_and_keep_the_worst() {
    let mut recorder = Recorder::new(plan(None), 5);
    recorder.gauge(10, 7, 100).unwrap();
    recorder.gauge(10, 3, 200).unwrap();
    let gauges = merged(&recorder.finish(0).unwrap()).processes[&5];
    assert_eq!((gauges.cpu_ns, gauges.loop_lag_max_ns, gauges.rss_bytes), (20, 7, 200));
}

#[test]
fn gauges_of_a_late_process_are_those_of_the_interval_that_ended() {
    let mut recorder = closed_loop();
    let counter = recorder.counter("cache hits").unwrap();
    recorder.count(counter, 1, S).unwrap();
    recorder.gauge(10, 7, 100).unwrap();
    let ended = recorder.flip(S + 1).unwrap();
    recorder.gauge(3, 2, 100).unwrap();
    let last = recorder.finish(S + 2).unwrap();
    assert_eq!((ended.len(), last.len()), (1, 1));
    let cpu_ns = |snapshot: &IntervalSnapshot| snapshot.processes[&0].cpu_ns;
    assert_eq!((cpu_ns(&ended[0]), cpu_ns(&last[0])), (10, 3));
}

#[test]
fn custom_metrics_do_not_leak_into_the_next_interval() {
    let mut recorder = closed_loop();
    let counter = recorder.counter("cache hits").unwrap();
    let value = recorder.value_name("queue length").unwrap();
    recorder.count(counter, 2, 1).unwrap();
    recorder.value(value, -1.5, 2).unwrap();
    recorder.count(counter, 3, S).unwrap();
    let snapshots = recorder.finish(S + 1).unwrap();
    assert_eq!((snapshots[0].counters["cache hits"], snapshots[1].counters["cache hits"]), (2, 3));
    assert_eq!(snapshots[0].values["queue length"].count(), 1);
    assert!(snapshots[1].values.is_empty());
    let error = recorder_value_error(f64::NAN);
    assert_eq!(error, Error::NotFinite);
}

fn recorder_value_error(value: f64) -> Error {
    let mut recorder = closed_loop();
    let name = recorder.value_name("x").unwrap();
    recorder.value(name, value, 0).unwrap_err()
}

#[test]
fn names_are_bounded() {
    let mut recorder = closed_loop();
    for number in 0..MAX_ROWS {
        recorder.row(&format!("row {number}"), RowKind::Transaction).unwrap();
    }
    assert_eq!(recorder.row("row 3", RowKind::Transaction), Ok(RowId(3)));
    let too_many = Error::TooManyNames { what: "rows", limit: MAX_ROWS };
    assert_eq!(recorder.row("row 3", RowKind::Operation), Err(too_many));
    let too_long = Error::NameLength { length: 201, limit: MAX_NAME_BYTES };
    assert_eq!(recorder.counter(&"x".repeat(201)), Err(too_long));
    for number in 0..MAX_REASONS {
        recorder.reason(&number.to_string()).unwrap();
    }
    assert!(recorder.reason("one more").is_err());
}

#[test]
fn rows_past_those_at_hand_and_rows_that_come_late_are_recorded_alike() {
    let mut recorder = closed_loop();
    let names = (0..ROWS_AT_HAND + 3).map(|number| format!("row {number}")).collect::<Vec<_>>();
    for (second, name) in (0..).zip(&names) {
        let row = recorder.row(name, RowKind::Operation).unwrap();
        let at_ns = second % 4 * S / 2;
        recorder.commit(execution(row, at_ns, at_ns, at_ns + MS)).unwrap();
    }
    let sum = merged(&recorder.finish(2 * S).unwrap());
    for name in &names {
        let totals = sum.row_totals(|_| true);
        assert_eq!(totals[&(RowKind::Operation, name.as_str())].service_time.count(), 1, "{name}");
    }
}

#[test]
fn unknown_rows_and_workers_are_refused() {
    let mut recorder = closed_loop();
    let row = recorder.row("pay", RowKind::Transaction).unwrap();
    let unknown = execution(RowId(1), 0, 0, 0);
    assert_eq!(recorder.commit(unknown), Err(Error::UnknownRow { row: 1 }));
    let worker = Execution { worker: MAX_WORKERS, ..execution(row, 0, 0, 0) };
    let error = Error::UnknownWorker { worker: MAX_WORKERS, last: MAX_WORKERS - 1 };
    assert_eq!(recorder.commit(worker), Err(error));
}

#[test]
fn after_the_end_nothing_can_be_recorded() {
    let mut recorder = closed_loop();
    let row = recorder.row("pay", RowKind::Transaction).unwrap();
    recorder.finish(0).unwrap();
    assert_eq!(recorder.commit(execution(row, 0, 0, 0)), Err(Error::Finished));
    assert_eq!(recorder.offer(0, 1), Err(Error::Finished));
    assert_eq!(recorder.finish(0), Err(Error::Finished));
    assert_eq!(recorder.current_interval(), None);
}
