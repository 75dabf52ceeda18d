//! Captured columns, row rules, loops, branches, pauses and metrics.

use super::*;

const READ: &str = "SELECT x";
const WRITE: &str = "UPDATE t SET x = $1";

/// Fetches columns of these kinds and sends the first one on.
fn fetching(kinds: &[Kind]) -> Talk {
    let kept = (0..).zip(kinds).map(|(slot, kind)| (slot, *kind)).collect::<Vec<_>>();
    let actions = vec![fetch(0, vec![], &kept), execute(1, vec![slot(0)])];
    let mut talk = Talk::new(program(&[READ, WRITE], actions));
    talk.start();
    talk.sent();
    talk
}

#[test]
fn a_captured_column_is_a_value_of_later_statements() {
    let mut talk = fetching(&[Kind::Int]);
    talk.hear([row(&[Some("-42")]), complete("SELECT 1"), ready(b'I')]);
    assert_eq!(talk.sent(), ["Bind s1 -42", "Execute", "Sync"]);
}

#[test]
fn the_first_of_several_rows_is_kept() {
    let mut talk = fetching(&[Kind::Int]);
    talk.hear([row(&[Some("1")]), row(&[Some("2")]), complete("SELECT 2"), ready(b'I')]);
    assert_eq!(talk.sent()[0], "Bind s1 1");
    assert_eq!(talk.done(), [done(READ, 2)]);
}

#[test]
fn without_a_row_and_for_null_the_value_is_null() {
    for rows in [vec![], vec![row(&[None])]] {
        let mut talk = fetching(&[Kind::Int]);
        let end = [complete("SELECT 0"), ready(b'I')];
        talk.hear(rows.into_iter().chain(end));
        assert_eq!(talk.sent()[0], "Bind s1 \"\"");
    }
}

#[test]
fn every_kind_of_column_is_read_and_nothing_else_is_taken_for_it() {
    let cases = [
        (Kind::Int, "7", &["7.5", "x", "", "9223372036854775808"][..]),
        (Kind::Float, "7.5", &["x", ""]),
        (Kind::Bool, "t", &["true", "1"]),
        (Kind::Bytes, "\\x00ff", &["00ff", "\\x0", "\\xzz"]),
    ];
    for (kind, good, bad) in cases {
        let mut talk = fetching(&[kind]);
        assert_eq!(talk.hear([row(&[Some(good)]), complete("SELECT 1"), ready(b'I')]), Turn::Send);
        for text in bad {
            let mut talk = fetching(&[kind]);
            let turn = talk.hear([row(&[Some(text)]), complete("SELECT 1"), ready(b'I')]);
            assert_eq!(turn, failed("42804"), "{kind:?} {text}");
            assert!(talk.session.message().starts_with("work.py:2: column 1 is not"));
        }
    }
    let mut talk = fetching(&[Kind::Float]);
    for text in ["NaN", "-Infinity"] {
        talk.start();
        assert_eq!(talk.hear([row(&[Some(text)]), complete("SELECT 1"), ready(b'I')]), Turn::Send);
    }
}

#[test]
fn a_column_that_is_not_there_fails_the_statement() {
    let mut talk = fetching(&[Kind::Int, Kind::Int]);
    assert_eq!(talk.hear([row(&[Some("1")]), complete("SELECT 1"), ready(b'I')]), failed("42804"));
    let message = "work.py:2: there is no column 2, a row has 1";
    assert_eq!(talk.done(), [told_failure(READ, "42804", message)]);
}

#[test]
fn a_row_that_is_cut_breaks_the_connection() {
    let mut talk = fetching(&[Kind::Int]);
    assert!(talk.try_hear((b'D', vec![0, 1, 0, 0, 0, 9, 1])).is_err());
}

#[test]
fn rows_are_held_against_their_rule() {
    for (min, max, rows, expected) in [
        (1, Some(1), 1, COMMITTED),
        (1, Some(1), 0, failed("P0002")),
        (0, Some(1), 2, failed("P0003")),
        (2, None, 1_000_000, COMMITTED),
        (0, Some(0), 0, COMMITTED),
    ] {
        let action = with_rows(execute(0, vec![int(1)]), min, max);
        let mut talk = Talk::new(program(&[WRITE], vec![action]));
        talk.start();
        let turn = talk.hear([complete(&format!("UPDATE {rows}")), ready(b'I')]);
        assert_eq!(turn, expected, "{rows} of {min} to {max:?}");
        match (expected, &talk.done()[..]) {
            (COMMITTED, [Told::Done(_, found)]) => assert_eq!(*found, rows),
            (_, [Told::Failed(_, _, message)]) => {
                assert!(message.contains("rows, at"), "{message}");
            }
            (_, told) => panic!("{told:?}"),
        }
    }
}

#[test]
fn a_statement_that_does_nothing_counts_no_rows() {
    let mut talk = Talk::new(program(&[READ], vec![with_rows(execute(0, vec![]), 0, Some(0))]));
    talk.start();
    assert_eq!(talk.hear([(b'I', vec![]), ready(b'I')]), COMMITTED);
    assert_eq!(talk.done(), [done(READ, 0)]);
}

#[test]
fn notices_settings_and_notifications_change_nothing() {
    let mut talk = fetching(&[Kind::Int]);
    let setting = (b'S', b"TimeZone\0UTC\0".to_vec());
    let notification = (b'A', b"\0\0\0\x01channel\0payload\0".to_vec());
    talk.hear([
        notice(),
        row(&[Some("1")]),
        setting,
        notification,
        notice(),
        complete("SELECT 1"),
        notice(),
        ready(b'I'),
    ]);
    assert_eq!(talk.sent()[0], "Bind s1 1");
    // And with nothing under way, neither.
    let mut talk = Talk::new(program(&[], vec![]));
    assert_eq!(talk.start(), COMMITTED);
    assert_eq!(talk.hear([notice()]), Turn::Wait);
}

#[test]
fn only_the_first_row_is_read_and_large_ones_can_be_skipped() {
    let talk = fetching(&[Kind::Int]);
    assert!(talk.session.reads_row(&talk.program));
    let mut talk = Talk::new(program(&[READ], vec![execute(0, vec![])]));
    talk.start();
    assert!(!talk.session.reads_row(&talk.program));
    talk.session.skip_row(1_000_000);
    assert_eq!(talk.hear([complete("SELECT 1"), ready(b'I')]), COMMITTED);
    assert_eq!(talk.done(), [done(READ, 1)]);
    assert!(talk.traffic[0].received_bytes > 1_000_000);
    let mut talk = fetching(&[Kind::Int]);
    talk.hear([row(&[Some("1")])]);
    assert!(!talk.session.reads_row(&talk.program));
}

#[test]
fn a_loop_counts_from_zero_and_draws_anew_in_each_turn() {
    let body = vec![execute(0, vec![binary(Binary::Add, slot(0), uniform(0, 0, 1 << 40))])];
    let mut talk = Talk::new(program(&[WRITE], vec![repeat(int(3), 3, Some(0), body)]));
    let mut turn = talk.start();
    let mut sent = Vec::new();
    while turn == Turn::Send {
        sent.push(talk.sent()[0].clone());
        turn = talk.hear([complete("UPDATE 1"), ready(b'I')]);
    }
    assert_eq!((turn, sent.len()), (COMMITTED, 3));
    sent.sort_unstable();
    sent.dedup();
    assert_eq!(sent.len(), 3);
}

#[test]
fn loops_are_passed_for_nothing_and_refused_above_their_limit() {
    for (count, expected) in
        [(int(0), COMMITTED), (int(-3), COMMITTED), (null(), COMMITTED), (int(4), failed("54000"))]
    {
        let body = vec![execute(0, vec![int(1)])];
        let mut talk = Talk::new(program(&[WRITE], vec![repeat(count, 3, None, body)]));
        assert_eq!(talk.start(), expected);
    }
}

#[test]
fn loops_are_nested() {
    let inner = repeat(slot(0), 9, Some(1), vec![set(2, binary(Binary::Add, slot(2), int(1)))]);
    let actions =
        vec![set(2, int(0)), repeat(int(4), 4, Some(0), vec![inner]), execute(0, vec![slot(2)])];
    let mut talk = Talk::new(program(&[WRITE], actions));
    talk.start();
    // 0 + 1 + 2 + 3 turns.
    assert_eq!(talk.sent()[0], "Bind s0 6");
}

#[test]
fn a_long_loop_without_requests_lets_others_have_a_turn() {
    let actions = vec![repeat(int(10_000), 10_000, None, vec![set(0, int(1))])];
    let mut talk = Talk::new(program(&[], actions));
    let mut turn = talk.start();
    let mut pauses = 0;
    while turn == (Turn::Think { pause_ns: 0 }) {
        pauses += 1;
        turn = talk.go_on();
    }
    assert_eq!(turn, COMMITTED);
    assert!((3..=10).contains(&pauses), "{pauses}");
}

#[test]
fn a_branch_takes_the_side_that_its_condition_says() {
    for (condition, expected) in [
        (Expr::Const(Constant::Bool(true)), 1),
        (Expr::Const(Constant::Bool(false)), 2),
        (null(), 2),
    ] {
        let sides = when(condition, vec![set(0, int(1))], vec![set(0, int(2))]);
        let mut talk = Talk::new(program(&[WRITE], vec![sides, execute(0, vec![slot(0)])]));
        talk.start();
        assert_eq!(talk.sent()[0], format!("Bind s0 {expected}"));
    }
    let mut talk = Talk::new(program(&[], vec![when(int(1), vec![], vec![])]));
    assert_eq!(talk.start(), failed("42804"));
}

#[test]
fn a_pause_ends_a_turn_and_has_limits() {
    let think = |seconds| vec![Action::Think { seconds }, execute(0, vec![int(1)])];
    let float = |value| Expr::Const(Constant::Float(value));
    for (seconds, pause_ns) in
        [(float(0.5), 500_000_000), (int(2), 2_000_000_000), (float(1e9), 3_600_000_000_000)]
    {
        let mut talk = Talk::new(program(&[WRITE], think(seconds)));
        assert_eq!(talk.start(), Turn::Think { pause_ns });
        assert_eq!(talk.sent(), [""; 0]);
        assert_eq!(talk.go_on(), Turn::Send);
    }
    for seconds in [float(-1.0), null(), float(f64::NAN), int(0)] {
        let mut talk = Talk::new(program(&[WRITE], think(seconds)));
        assert_eq!(talk.start(), Turn::Send);
    }
}

#[test]
fn metrics_are_told_and_null_is_not() {
    let emit = |value| Action::Emit { metric: 0, value };
    let mut talk = Talk::new(program(&[], vec![emit(int(3)), emit(null())]));
    assert_eq!(talk.start(), COMMITTED);
    assert_eq!(talk.done(), [Told::Emitted(3.0)]);
    let mut talk = Talk::new(program(&[], vec![emit(text("x"))]));
    assert_eq!(talk.start(), failed("42804"));
}

#[test]
fn a_check_that_does_not_hold_says_where_and_what() {
    let condition = binary(Binary::Lt, int(2), int(1));
    let check = Action::Check { condition, message: "two is small".into() };
    let mut talk = Talk::new(program(&[], vec![check]));
    assert_eq!(talk.start(), failed("P0004"));
    assert_eq!(talk.session.message(), "work.py:2: two is small");
}

#[test]
fn variables_of_one_transaction_do_not_reach_the_next() {
    let actions = vec![fetch(0, vec![], &[(0, Kind::Text)]), execute(1, vec![slot(0)])];
    let mut talk = Talk::new(program(&[READ, WRITE], actions));
    talk.start();
    talk.hear([row(&[Some("kept")]), complete("SELECT 1"), ready(b'I')]);
    assert_eq!(talk.sent()[3], "Bind s1 \"kept\"");
    talk.hear([complete("UPDATE 1"), ready(b'I')]);
    talk.start();
    talk.sent();
    talk.hear([complete("SELECT 0"), ready(b'I')]);
    assert_eq!(talk.sent()[0], "Bind s1 \"\"");
}

#[test]
fn bytes_are_those_of_both_directions_and_rows_those_of_all_statements() {
    let actions = vec![execute(0, vec![]), execute(1, vec![int(1)])];
    let mut talk = Talk::new(program(&[READ, WRITE], actions));
    talk.start();
    let first_sent = talk.out.len() as u64;
    talk.hear([row(&[Some("12345")]), complete("SELECT 1"), ready(b'I')]);
    let sent = talk.out.len() as u64;
    talk.hear([complete("UPDATE 4"), ready(b'I')]);
    // Row 2 + 4 + 5, tags 9 each, 5 for each header; the ready messages are the transaction's own.
    let first = Traffic { rows: 1, sent_bytes: first_sent, received_bytes: 16 + 14 };
    let second = Traffic { rows: 4, sent_bytes: sent - first_sent, received_bytes: 14 };
    assert_eq!(talk.traffic, [first, second]);
    let whole = Traffic { rows: 5, sent_bytes: sent, received_bytes: 30 + 6 + 14 + 6 };
    assert_eq!(talk.session.traffic(), whole);
}

#[test]
fn texts_beyond_the_memory_of_a_transaction_fail_it() {
    let double = |turns| {
        let body = vec![set(0, binary(Binary::Concat, slot(0), slot(0)))];
        let actions = vec![set(0, text(&"x".repeat(1 << 20))), repeat(int(turns), 99, None, body)];
        Talk::new(program(&[], actions))
    };
    // 2 + 4 + … + 64 MiB are enough for 7 turns, not for 8.
    assert_eq!(double(7).start(), COMMITTED);
    let mut talk = double(8);
    assert_eq!(talk.start(), failed("54000"));
    // The next transaction has its memory back.
    talk.program = program(&[], vec![set(0, text("small"))]);
    assert_eq!(talk.start(), COMMITTED);
}
