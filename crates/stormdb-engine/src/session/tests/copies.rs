//! COPY FROM STDIN.

use super::*;

const COPY: &str = "COPY t FROM STDIN (FORMAT binary)";

fn copying(rows: Expr, columns: Vec<(Expr, &str)>) -> Talk {
    let mut talk = Talk::new(program(&[COPY], vec![copy_in(0, rows, columns)]));
    assert_eq!(talk.start(), Turn::Send);
    assert_eq!(talk.sent(), ["Bind s0", "Execute", "Flush"]);
    talk
}

/// The copy data that was sent, and what else.
fn data(talk: &mut Talk) -> (Vec<u8>, Vec<String>) {
    let (mut bytes, mut others) = (Vec::new(), Vec::new());
    let mut rest = &talk.out[..];
    while let Some((frame, next)) = stormdb_wire::frame::split(rest, 1 << 20).unwrap() {
        match frame.tag {
            b'd' => bytes.extend_from_slice(frame.body),
            _ => others.push(describe(frame)),
        }
        rest = next;
    }
    talk.out.clear();
    (bytes, others)
}

#[test]
fn a_copy_waits_for_the_server_and_then_sends_header_rows_and_trailer() {
    let mut talk = copying(int(2), vec![(int(7), "int4"), (null(), "text")]);
    assert_eq!(talk.hear([copy_in_response()]), Turn::Append { is_whole: true });
    let (bytes, others) = data(&mut talk);
    let row = [&[0, 2][..], &[0, 0, 0, 4], &[0, 0, 0, 7], &[255; 4]].concat();
    let header = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
    assert_eq!(bytes, [&header[..], &row, &row, &[255; 2]].concat());
    assert_eq!(others, ["CopyDone", "Sync"]);
    assert_eq!(talk.hear([complete("COPY 2"), ready(b'I')]), COMMITTED);
    assert_eq!(talk.done(), [done(COPY, 2)]);
    assert_eq!(talk.traffic[0].sent_bytes, talk.session.traffic().sent_bytes);
}

#[test]
fn a_copy_of_nothing_is_a_copy() {
    for count in [int(0), int(-1), null()] {
        let mut talk = copying(count, vec![(int(7), "int4")]);
        assert_eq!(talk.hear([copy_in_response()]), Turn::Append { is_whole: true });
        assert_eq!(data(&mut talk).0.len(), 19 + 2);
    }
}

#[test]
fn a_large_copy_is_made_piece_by_piece_and_each_row_draws_anew() {
    let count = 10_000_u32;
    let mut talk = copying(int(count.into()), vec![(uniform(0, 0, i64::MAX), "int8")]);
    let mut turn = talk.hear([copy_in_response()]);
    let mut bytes = Vec::new();
    let mut pieces = 1;
    while turn == (Turn::Append { is_whole: false }) {
        assert!(talk.out.len() < 17 * 1024, "{} bytes at once", talk.out.len());
        let (piece, others) = data(&mut talk);
        assert_eq!(others, [""; 0]);
        bytes.extend(piece);
        turn = talk.more();
        pieces += 1;
    }
    assert!(pieces > 5, "{pieces} pieces");
    let (piece, others) = data(&mut talk);
    bytes.extend(piece);
    assert_eq!(
        (turn, &others[..]),
        (Turn::Append { is_whole: true }, &["CopyDone".to_owned(), "Sync".to_owned()][..])
    );
    let rows = bytes[19..bytes.len() - 2].chunks(14).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(rows.len(), count as usize);
    // Later calls find nothing to do.
    assert_eq!(talk.more(), Turn::Wait);
    assert!(talk.out.is_empty());
}

#[test]
fn texts_of_rows_do_not_pile_up() {
    let long = draw(0, Generator::Text { min: int(1000), max: int(1000), alphabet: "ab".into() });
    let mut talk = copying(int(5_000), vec![(long, "text")]);
    let mut turn = talk.hear([copy_in_response()]);
    let before = talk.session.scratch.mark();
    while turn == (Turn::Append { is_whole: false }) {
        talk.out.clear();
        turn = talk.more();
    }
    let after = talk.session.scratch.mark();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
}

#[test]
fn a_copy_that_the_server_refuses_is_ended_once() {
    let mut talk = copying(int(5), vec![(int(7), "int4")]);
    let refused = talk.hear([error("42P01", "no such table")]);
    assert_eq!(refused, Turn::Append { is_whole: true });
    assert_eq!(talk.sent(), ["Sync"]);
    assert_eq!(talk.hear([ready(b'I')]), failed("42P01"));
    assert_eq!(talk.done(), [told_failure(COPY, "42P01", "no such table")]);
}

#[test]
fn an_error_in_the_middle_stops_the_rows() {
    let mut talk = copying(int(100_000), vec![(int(7), "int4")]);
    assert_eq!(talk.hear([copy_in_response()]), Turn::Append { is_whole: false });
    talk.more();
    talk.out.clear();
    assert_eq!(talk.hear([error("23505", "duplicate")]), Turn::Append { is_whole: true });
    assert_eq!(talk.sent(), ["Sync"]);
    // The thread may still have it on its list.
    assert_eq!(talk.more(), Turn::Wait);
    assert_eq!(talk.sent(), [""; 0]);
    assert_eq!(talk.hear([ready(b'I')]), failed("23505"));
    assert_eq!(talk.session.loops.len(), 0);
}

#[test]
fn a_row_that_cannot_be_made_gives_the_copy_up_and_says_why() {
    let mut talk = copying(int(5), vec![(impossible(), "float8")]);
    assert_eq!(talk.hear([copy_in_response()]), Turn::Append { is_whole: true });
    assert_eq!(talk.sent(), ["CopyFail a row could not be made", "Sync"]);
    let turn = talk.hear([error("57014", "COPY from stdin failed"), ready(b'I')]);
    assert_eq!(turn, failed("22012"));
    assert_eq!(talk.session.message(), "work.py:2: row 1: division by zero");
    let mut talk = copying(int(5), vec![(int(70_000), "int2")]);
    talk.hear([copy_in_response()]);
    let turn = talk.hear([error("57014", "COPY from stdin failed"), ready(b'I')]);
    assert_eq!(turn, failed("22003"));
}

#[test]
fn a_statement_that_takes_no_rows_is_ended_all_the_same() {
    let mut talk = copying(int(5), vec![(int(7), "int4")]);
    assert_eq!(talk.hear([complete("COPY 9")]), Turn::Append { is_whole: true });
    assert_eq!(talk.sent(), ["Sync"]);
    assert_eq!(talk.hear([ready(b'I')]), COMMITTED);
}

#[test]
fn a_copy_that_was_not_described_as_one_breaks_the_connection() {
    let mut talk = Talk::new(program(&[COPY], vec![execute(0, vec![])]));
    talk.start();
    assert_eq!(talk.try_hear(copy_in_response()), Err(SessionError::Copy));
}

#[test]
fn more_rows_than_the_limit_fail_before_anything_is_sent() {
    let copy = copy_in(0, int(1_000_001), vec![(int(7), "int4")]);
    let mut talk = Talk::new(program(&[COPY], vec![copy]));
    assert_eq!(talk.start(), failed("54000"));
    assert_eq!(talk.sent(), [""; 0]);
}

#[test]
fn a_copy_in_a_block_begins_it_and_is_retried_with_the_same_rows() {
    let copy = copy_in(0, int(3), vec![(uniform(0, 0, 1 << 40), "int8")]);
    let mut talk = Talk::new(program(&[COPY], vec![block(true, vec![copy])]));
    talk.start();
    assert_eq!(talk.sent(), ["Bind b0", "Execute", "Bind s0", "Execute", "Flush"]);
    talk.hear([complete("BEGIN"), copy_in_response()]);
    let first = data(&mut talk);
    talk.hear([error("40001", "serialize"), ready(b'E')]);
    talk.hear([complete("ROLLBACK"), ready(b'I')]);
    talk.out.clear();
    assert_eq!(talk.go_on(), Turn::Send);
    talk.out.clear();
    talk.hear([complete("BEGIN"), copy_in_response()]);
    assert_eq!(data(&mut talk), first);
    talk.hear([complete("COPY 3"), ready(b'T')]);
    assert_eq!(talk.sent(), ["Bind c", "Execute", "Sync"]);
}

#[test]
fn a_copy_in_a_loop_draws_other_rows_in_each_turn() {
    let copy = copy_in(0, int(1), vec![(uniform(0, 0, 1 << 60), "int8")]);
    let mut talk = Talk::new(program(&[COPY], vec![repeat(int(2), 2, None, vec![copy])]));
    talk.start();
    talk.out.clear();
    talk.hear([copy_in_response()]);
    let first = data(&mut talk).0;
    talk.hear([complete("COPY 1"), ready(b'I')]);
    talk.out.clear();
    talk.hear([copy_in_response()]);
    let second = data(&mut talk).0;
    assert_eq!(first.len(), second.len());
    assert_ne!(first, second);
}
