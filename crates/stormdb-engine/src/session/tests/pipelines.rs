//! Statements that are sent together.

use super::*;

const READ: &str = "SELECT x";
const WRITE: &str = "UPDATE t SET x = $1";

#[test]
fn a_pipeline_is_one_request_and_its_values_come_behind_it() {
    let body = vec![
        fetch(0, vec![], &[(0, Kind::Int)]),
        set(1, int(5)),
        execute(1, vec![slot(1)]),
        fetch(0, vec![], &[(2, Kind::Int)]),
    ];
    let sum = binary(Binary::Sub, slot(2), slot(0));
    let mut talk = Talk::new(program(&[READ, WRITE], vec![pipeline(body), execute(1, vec![sum])]));
    assert_eq!(talk.start(), Turn::Send);
    let expected = ["Bind s0", "Execute", "Bind s1 5", "Execute", "Bind s0", "Execute", "Sync"];
    assert_eq!(talk.sent(), expected);
    let turn = talk.hear([
        row(&[Some("1")]),
        complete("SELECT 1"),
        complete("UPDATE 7"),
        row(&[Some("10")]),
        complete("SELECT 1"),
        ready(b'I'),
    ]);
    assert_eq!(turn, Turn::Send);
    assert_eq!(talk.done(), [done(READ, 1), done(WRITE, 7), done(READ, 1)]);
    assert_eq!(talk.sent()[0], "Bind s1 9");
}

#[test]
fn begin_travels_in_the_pipeline() {
    let body = vec![execute(0, vec![]), execute(0, vec![])];
    let mut talk = Talk::new(program(&[READ], vec![block(true, vec![pipeline(body)])]));
    talk.start();
    assert_eq!(talk.sent()[..3], ["Bind b0", "Execute", "Bind s0"]);
    let turn =
        talk.hear([complete("BEGIN"), complete("SELECT 1"), complete("SELECT 2"), ready(b'T')]);
    assert_eq!(turn, Turn::Send);
    assert_eq!(talk.sent(), ["Bind c", "Execute", "Sync"]);
    assert_eq!(talk.done(), [done(READ, 1), done(READ, 2)]);
}

#[test]
fn a_failure_inside_skips_the_rest_and_fails_the_transaction() {
    let body = vec![execute(0, vec![]), execute(1, vec![int(1)]), execute(0, vec![])];
    let mut talk = Talk::new(program(&[READ, WRITE], vec![pipeline(body)]));
    talk.start();
    let turn = talk.hear([complete("SELECT 1"), error("23505", "duplicate"), ready(b'I')]);
    assert_eq!(turn, failed("23505"));
    assert_eq!(talk.done(), [done(READ, 1), told_failure(WRITE, "23505", "duplicate")]);
}

#[test]
fn a_failure_that_only_we_see_does_not_stop_the_others_from_being_counted() {
    let body = vec![with_rows(execute(0, vec![]), 1, None), execute(1, vec![int(1)])];
    let mut talk = Talk::new(program(&[READ, WRITE], vec![pipeline(body)]));
    talk.start();
    let turn = talk.hear([complete("SELECT 0"), complete("UPDATE 1"), ready(b'I')]);
    assert_eq!(turn, failed("P0002"));
    let message = "work.py:2: 0 rows, at least 1 are expected";
    assert_eq!(talk.done(), [told_failure(READ, "P0002", message), done(WRITE, 1)]);
    assert_eq!(talk.session.message(), message);
}

#[test]
fn a_failure_is_blamed_on_the_step_that_it_belongs_to() {
    let body = vec![execute(0, vec![]), set(0, int(1)), with_rows(execute(0, vec![]), 1, None)];
    let mut talk = Talk::new(program(&[READ], vec![pipeline(body)]));
    talk.start();
    talk.hear([complete("SELECT 0"), complete("SELECT 0"), ready(b'I')]);
    assert_eq!(talk.session.message(), "work.py:4: 0 rows, at least 1 are expected");
}

#[test]
fn a_pipeline_that_cannot_be_made_is_taken_back_whole() {
    let body = vec![execute(0, vec![]), execute(1, vec![impossible()])];
    let mut talk = Talk::new(program(&[READ, WRITE], vec![block(true, vec![pipeline(body)])]));
    assert_eq!(talk.start(), failed("22012"));
    assert_eq!(talk.sent(), [""; 0]);
}

#[test]
fn a_pipeline_that_is_taken_back_in_an_open_block_rolls_back() {
    let body = vec![execute(0, vec![]), execute(1, vec![impossible()])];
    let steps = vec![execute(0, vec![]), pipeline(body)];
    let mut talk = Talk::new(program(&[READ, WRITE], vec![block(true, steps)]));
    talk.start();
    talk.sent();
    talk.hear([complete("BEGIN"), complete("SELECT 1"), ready(b'T')]);
    assert_eq!(talk.sent(), ["Bind r", "Execute", "Sync"]);
    assert_eq!(talk.hear([complete("ROLLBACK"), ready(b'I')]), failed("22012"));
}

#[test]
fn a_pipeline_without_statements_sends_nothing() {
    let mut talk = Talk::new(program(&[], vec![pipeline(vec![set(0, int(1))])]));
    assert_eq!(talk.start(), COMMITTED);
    assert_eq!(talk.sent(), [""; 0]);
}

#[test]
fn a_lost_connection_fails_only_the_statement_that_was_under_way() {
    let body = vec![execute(0, vec![]), execute(1, vec![int(1)]), execute(0, vec![])];
    let mut talk = Talk::new(program(&[READ, WRITE], vec![pipeline(body)]));
    talk.start();
    talk.hear([complete("SELECT 1")]);
    talk.act(|session, program, _, teller| {
        session.lose(program, (code("08006"), "lost"), teller);
        Turn::Wait
    });
    assert_eq!(talk.done(), [done(READ, 1), told_failure(WRITE, "08006", "lost")]);
}

#[test]
fn a_connection_that_is_lost_after_a_failure_fails_no_statement_that_was_skipped() {
    let body = vec![execute(0, vec![]), execute(1, vec![int(1)])];
    let mut talk = Talk::new(program(&[READ, WRITE], vec![pipeline(body)]));
    talk.start();
    talk.hear([error("22012", "division")]);
    talk.act(|session, program, _, teller| {
        session.lose(program, (code("08006"), "lost"), teller);
        Turn::Wait
    });
    assert_eq!(talk.done(), [told_failure(READ, "22012", "division")]);
}

#[test]
fn each_statement_has_its_own_bytes() {
    let body = vec![execute(0, vec![]), execute(1, vec![int(1)])];
    let mut talk = Talk::new(program(&[READ, WRITE], vec![pipeline(body)]));
    talk.start();
    let sent = talk.out.len() as u64;
    talk.hear([complete("SELECT 1"), complete("UPDATE 1"), ready(b'I')]);
    let [first, second] = talk.traffic[..] else { panic!("{:?}", talk.traffic) };
    // One value of 8 bytes with its length and format; the Sync belongs to none of them.
    assert_eq!(second.sent_bytes, first.sent_bytes + 14);
    assert_eq!(first.sent_bytes + second.sent_bytes + 5, sent);
    assert_eq!((first.received_bytes, second.received_bytes), (14, 14));
}
