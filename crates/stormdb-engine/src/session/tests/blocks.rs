//! BEGIN, COMMIT, ROLLBACK, retries and savepoints.

use super::*;

const READ: &str = "SELECT $1";
const WRITE: &str = "UPDATE t SET x = $1";

#[test]
fn a_statement_alone_is_sent_and_committed_by_itself() {
    let mut talk = Talk::new(program(&[READ], vec![execute(0, vec![int(5)])]));
    assert_eq!(talk.start(), Turn::Send);
    assert_eq!(talk.sent(), ["Bind s0 5", "Execute", "Sync"]);
    let answers = [(b'2', vec![]), row(&[Some("5")]), complete("SELECT 1"), ready(b'I')];
    assert_eq!(talk.hear(answers), COMMITTED);
    assert_eq!(talk.done(), [done(READ, 1)]);
}

#[test]
fn begin_travels_with_the_first_statement_and_commit_alone() {
    let body = vec![set(0, int(1)), execute(0, vec![slot(0)]), execute(1, vec![int(2)])];
    let mut talk = Talk::new(program(&[READ, WRITE], vec![block(false, body)]));
    assert_eq!(talk.start(), Turn::Send);
    assert_eq!(talk.sent(), ["Bind b0", "Execute", "Bind s0 1", "Execute", "Sync"]);
    assert_eq!(talk.hear([complete("BEGIN"), complete("SELECT 1"), ready(b'T')]), Turn::Send);
    assert_eq!(talk.sent(), ["Bind s1 2", "Execute", "Sync"]);
    assert_eq!(talk.hear([complete("UPDATE 3"), ready(b'T')]), Turn::Send);
    assert_eq!(talk.sent(), ["Bind c", "Execute", "Sync"]);
    assert_eq!(talk.hear([complete("COMMIT"), ready(b'I')]), COMMITTED);
    assert_eq!(talk.done(), [done(READ, 1), done(WRITE, 3)]);
}

#[test]
fn a_block_without_statements_sends_nothing() {
    let mut talk = Talk::new(program(&[], vec![block(false, vec![set(0, int(1))])]));
    assert_eq!(talk.start(), COMMITTED);
    assert_eq!(talk.sent(), [""; 0]);
}

fn failing_block(retry: bool) -> Talk {
    let body = vec![execute(0, vec![uniform(0, 0, 1_000_000)])];
    Talk::new(program(&[WRITE], vec![block(retry, body)]))
}

#[test]
fn after_an_error_the_block_is_rolled_back() {
    let mut talk = failing_block(true);
    talk.start();
    talk.sent();
    assert_eq!(
        talk.hear([complete("BEGIN"), error("23505", "duplicate key"), ready(b'E')]),
        Turn::Send
    );
    assert_eq!(talk.sent(), ["Bind r", "Execute", "Sync"]);
    assert_eq!(talk.hear([complete("ROLLBACK"), ready(b'I')]), failed("23505"));
    assert_eq!(talk.session.message(), "duplicate key");
    assert_eq!(talk.done(), [told_failure(WRITE, "23505", "duplicate key")]);
}

#[test]
fn a_retry_replays_the_same_values_and_another_transaction_draws_others() {
    let mut talk = failing_block(true);
    talk.start();
    let first = talk.sent();
    talk.hear([complete("BEGIN"), error("40001", "serialize"), ready(b'E')]);
    talk.sent();
    let retry = Turn::Retry { code: code("40001") };
    assert_eq!(talk.hear([complete("ROLLBACK"), ready(b'I')]), retry);
    assert_eq!(talk.go_on(), Turn::Send);
    assert_eq!(talk.sent(), first);
    talk.hear([complete("BEGIN"), complete("UPDATE 1"), ready(b'T')]);
    assert_eq!(talk.hear([complete("COMMIT"), ready(b'I')]), COMMITTED);
    talk.sent();
    talk.start_number(1);
    assert_ne!(talk.sent(), first);
}

#[test]
fn a_retry_from_within_a_loop_begins_the_loop_anew() {
    let body = vec![execute(0, vec![uniform(0, 0, 1_000_000)])];
    let turns = repeat(int(2), 2, None, vec![block(true, vec![repeat(int(3), 3, None, body)])]);
    let mut talk = Talk::new(program(&[WRITE], vec![turns]));
    talk.start();
    let first = talk.sent();
    talk.hear([complete("BEGIN"), complete("UPDATE 1"), ready(b'T')]);
    let second = talk.sent();
    assert_ne!(first[2], second[0]);
    talk.hear([error("40001", "in the second turn"), ready(b'E')]);
    talk.hear([complete("ROLLBACK"), ready(b'I')]);
    talk.sent();
    talk.go_on();
    assert_eq!(talk.sent(), first);
    talk.hear([complete("BEGIN"), complete("UPDATE 1"), ready(b'T')]);
    assert_eq!(talk.sent(), second);
}

#[test]
fn a_retry_from_within_savepoints_forgets_them() {
    let inner = savepoint(false, vec![execute(0, vec![int(2)])]);
    let body = vec![execute(0, vec![int(1)]), savepoint(true, vec![inner])];
    let mut talk = Talk::new(program(&[WRITE], vec![block(true, body)]));
    talk.start();
    talk.hear([complete("BEGIN"), complete("UPDATE 1"), ready(b'T')]);
    talk.hear([complete("SAVEPOINT"), ready(b'T')]);
    talk.hear([complete("SAVEPOINT"), ready(b'T')]);
    talk.hear([error("40001", "serialize"), ready(b'E')]);
    talk.hear([complete("ROLLBACK"), ready(b'I')]);
    talk.go_on();
    talk.sent();
    // An error before the savepoints of the second try is not one of theirs.
    talk.hear([complete("BEGIN"), error("23505", "duplicate"), ready(b'E')]);
    assert_eq!(talk.sent(), ["Bind r", "Execute", "Sync"]);
}

#[test]
fn only_blocks_that_ask_for_it_are_tried_again() {
    let mut talk = failing_block(false);
    talk.start();
    talk.hear([complete("BEGIN"), error("40P01", "deadlock"), ready(b'E')]);
    assert_eq!(talk.hear([complete("ROLLBACK"), ready(b'I')]), failed("40P01"));
    let mut talk = Talk::new(program(&[WRITE], vec![execute(0, vec![int(1)])]));
    talk.start();
    assert_eq!(talk.hear([error("40001", "serialize"), ready(b'I')]), failed("40001"));
}

#[test]
fn a_commit_that_fails_is_a_failure_or_a_retry_without_rollback() {
    for (sqlstate, expected) in
        [("40001", Turn::Retry { code: code("40001") }), ("23503", failed("23503"))]
    {
        let mut talk = failing_block(true);
        talk.start();
        talk.hear([complete("BEGIN"), complete("UPDATE 1"), ready(b'T')]);
        talk.sent();
        assert_eq!(talk.hear([error(sqlstate, "at commit"), ready(b'I')]), expected);
        assert_eq!(talk.sent(), [""; 0]);
    }
}

#[test]
fn a_commit_that_rolls_back_is_no_success() {
    let mut talk = failing_block(true);
    talk.start();
    talk.hear([complete("BEGIN"), complete("UPDATE 1"), ready(b'T')]);
    assert_eq!(talk.hear([complete("ROLLBACK"), ready(b'I')]), failed("25P02"));
}

#[test]
fn a_begin_that_fails_counts_for_no_statement() {
    let mut talk = failing_block(false);
    talk.start();
    assert_eq!(talk.hear([error("25006", "no begin"), ready(b'I')]), failed("25006"));
    assert_eq!(talk.done(), []);
}

#[test]
fn an_abort_rolls_back_on_purpose() {
    let body = vec![execute(0, vec![int(1)]), Action::Abort, execute(0, vec![int(2)])];
    let mut talk = Talk::new(program(&[WRITE], vec![block(true, body)]));
    talk.start();
    talk.sent();
    talk.hear([complete("BEGIN"), complete("UPDATE 1"), ready(b'T')]);
    assert_eq!(talk.sent(), ["Bind r", "Execute", "Sync"]);
    let rolled_back = Turn::Done(Outcome::RolledBack);
    assert_eq!(talk.hear([complete("ROLLBACK"), ready(b'I')]), rolled_back);
    // Before anything was begun there is nothing to roll back.
    let mut talk = Talk::new(program(&[], vec![block(true, vec![Action::Abort])]));
    assert_eq!(talk.start(), rolled_back);
    assert_eq!(talk.sent(), [""; 0]);
}

#[test]
fn a_failure_of_our_own_rolls_back_too() {
    let body = vec![execute(0, vec![int(1)]), execute(0, vec![impossible()])];
    let mut talk = Talk::new(program(&[WRITE], vec![block(true, body)]));
    talk.start();
    talk.hear([complete("BEGIN"), complete("UPDATE 1"), ready(b'T')]);
    assert_eq!(talk.hear([complete("ROLLBACK"), ready(b'I')]), failed("22012"));
    assert_eq!(talk.session.message(), "work.py:3: division by zero");
}

#[test]
fn a_begin_is_taken_back_with_a_statement_that_cannot_be_made() {
    let check = Action::Check { condition: null(), message: "holds".into() };
    for (action, sqlstate) in [(execute(0, vec![impossible()]), "22012"), (check, "P0004")] {
        let mut talk = Talk::new(program(&[WRITE], vec![block(true, vec![action])]));
        assert_eq!(talk.start(), failed(sqlstate));
        assert_eq!(talk.sent(), [""; 0]);
    }
}

fn with_savepoint(goes_on: bool) -> Talk {
    let inner = vec![execute(0, vec![int(1)]), execute(0, vec![int(2)])];
    let body = vec![savepoint(goes_on, inner), execute(0, vec![int(3)])];
    let mut talk = Talk::new(program(&[WRITE], vec![block(true, body)]));
    assert_eq!(talk.start(), Turn::Send);
    assert_eq!(talk.sent(), ["Bind b0", "Execute", "Bind p", "Execute", "Sync"]);
    assert_eq!(talk.hear([complete("BEGIN"), complete("SAVEPOINT"), ready(b'T')]), Turn::Send);
    assert_eq!(talk.sent(), ["Bind s0 1", "Execute", "Sync"]);
    talk
}

#[test]
fn a_savepoint_is_released_at_its_end() {
    let mut talk = with_savepoint(true);
    talk.hear([complete("UPDATE 1"), ready(b'T')]);
    talk.sent();
    talk.hear([complete("UPDATE 1"), ready(b'T')]);
    assert_eq!(talk.sent(), ["Bind l", "Execute", "Sync"]);
    talk.hear([complete("RELEASE"), ready(b'T')]);
    assert_eq!(talk.sent(), ["Bind s0 3", "Execute", "Sync"]);
    // An error behind it is not its own any more.
    talk.hear([error("22000", "late"), ready(b'E')]);
    assert_eq!(talk.sent(), ["Bind r", "Execute", "Sync"]);
}

#[test]
fn after_an_error_a_savepoint_can_go_on_behind_itself() {
    let mut talk = with_savepoint(true);
    assert_eq!(talk.hear([error("23505", "duplicate"), ready(b'E')]), Turn::Send);
    assert_eq!(talk.sent(), ["Bind t", "Execute", "Bind l", "Execute", "Sync"]);
    assert_eq!(talk.hear([complete("ROLLBACK"), complete("RELEASE"), ready(b'T')]), Turn::Send);
    assert_eq!(talk.sent(), ["Bind s0 3", "Execute", "Sync"]);
    talk.hear([complete("UPDATE 1"), ready(b'T')]);
    assert_eq!(talk.hear([complete("COMMIT"), ready(b'I')]), COMMITTED);
    assert_eq!(talk.done(), [told_failure(WRITE, "23505", "duplicate"), done(WRITE, 1)]);
}

#[test]
fn a_savepoint_can_fail_the_transaction() {
    let mut talk = with_savepoint(false);
    talk.hear([error("23505", "duplicate"), ready(b'E')]);
    assert_eq!(talk.sent(), ["Bind r", "Execute", "Sync"]);
    assert_eq!(talk.hear([complete("ROLLBACK"), ready(b'I')]), failed("23505"));
}

#[test]
fn a_savepoint_that_cannot_be_set_is_not_gone_back_to() {
    let inner = vec![execute(0, vec![int(1)])];
    let body = vec![execute(0, vec![int(0)]), savepoint(true, inner)];
    let mut talk = Talk::new(program(&[WRITE], vec![block(true, body)]));
    talk.start();
    talk.hear([complete("BEGIN"), complete("UPDATE 1"), ready(b'T')]);
    talk.sent();
    talk.hear([error("54000", "too many"), ready(b'E')]);
    assert_eq!(talk.sent(), ["Bind r", "Execute", "Sync"]);
}

#[test]
fn a_savepoint_leaves_the_loops_that_began_inside() {
    let turns = repeat(int(3), 3, Some(1), vec![execute(0, vec![slot(1)])]);
    let body = vec![repeat(int(2), 2, Some(0), vec![savepoint(true, vec![turns])])];
    let mut talk = Talk::new(program(&[WRITE], vec![block(true, body)]));
    talk.start();
    talk.hear([complete("BEGIN"), complete("SAVEPOINT"), ready(b'T')]);
    talk.hear([complete("UPDATE 1"), ready(b'T')]);
    for _ in 0..2 {
        talk.sent();
        talk.hear([error("23505", "in the second turn"), ready(b'E')]);
        talk.hear([complete("ROLLBACK"), complete("RELEASE"), ready(b'T')]);
        let sent = talk.sent();
        if sent.last().unwrap() == "Sync" && sent.contains(&"Bind c".to_owned()) {
            break;
        }
        talk.hear([complete("SAVEPOINT"), ready(b'T')]);
        assert_eq!(talk.sent(), ["Bind s0 0", "Execute", "Sync"]);
    }
    assert_eq!(talk.hear([complete("COMMIT"), ready(b'I')]), COMMITTED);
}

#[test]
fn a_transaction_that_a_statement_left_open_is_rolled_back_and_fails() {
    let mut talk = Talk::new(program(&["BEGIN"], vec![execute(0, vec![])]));
    talk.start();
    talk.sent();
    assert_eq!(talk.hear([complete("BEGIN"), ready(b'T')]), Turn::Send);
    assert_eq!(talk.sent(), ["Bind r", "Execute", "Sync"]);
    assert_eq!(talk.hear([complete("ROLLBACK"), ready(b'I')]), failed("25001"));
}

#[test]
fn an_open_transaction_after_rollback_breaks_the_connection() {
    let mut talk = failing_block(false);
    talk.start();
    talk.hear([complete("BEGIN"), error("23505", "x"), ready(b'E')]);
    assert!(talk.try_hear(complete("ROLLBACK")).is_ok());
    assert!(matches!(talk.try_hear(ready(b'T')), Err(SessionError::Wire(_))));
}

#[test]
fn a_fatal_error_ends_the_connection_and_names_the_statement() {
    let mut talk = failing_block(true);
    talk.start();
    talk.hear([complete("BEGIN")]);
    let lost = talk.try_hear(failure("FATAL", "57P01", "terminating"));
    let fatal = SessionError::Fatal { code: code("57P01"), message: "terminating".into() };
    assert_eq!(lost, Err(fatal));
    assert_eq!(talk.done(), [told_failure(WRITE, "57P01", "terminating")]);
    // It is told once, though the connection is lost then.
    talk.act(|session, program, _, teller| {
        session.lose(program, (code("08006"), "lost"), teller);
        Turn::Wait
    });
    assert_eq!(talk.done(), []);
}

#[test]
fn a_lost_connection_fails_the_statement_that_was_under_way() {
    let mut talk = Talk::new(program(&[READ], vec![fetch(0, vec![int(1)], &[(0, Kind::Int)])]));
    talk.start();
    talk.hear([row(&[Some("1")])]);
    talk.act(|session, program, _, teller| {
        session.lose(program, (code("08006"), "lost"), teller);
        Turn::Wait
    });
    assert_eq!(talk.done(), [told_failure(READ, "08006", "lost")]);
}

#[test]
fn a_server_that_is_ready_without_an_answer_breaks_the_protocol() {
    let mut talk = Talk::new(program(&[READ], vec![execute(0, vec![int(1)])]));
    talk.start();
    assert!(matches!(talk.try_hear(ready(b'I')), Err(SessionError::Wire(_))));
    let mut talk = Talk::new(program(&[READ], vec![execute(0, vec![int(1)])]));
    talk.start();
    assert!(matches!(talk.try_hear((b'R', vec![0; 4])), Err(SessionError::Wire(_))));
}
