//! The simple and the extended protocol, and what is prepared.

use super::*;
use stormdb_wire::Session as Login;

const READ: &str = "SELECT $2, $1";
const COPY: &str = "COPY t FROM STDIN (FORMAT binary)";

fn body() -> Vec<Action> {
    vec![block(true, vec![execute(0, vec![text("it's"), null()])])]
}

#[test]
fn the_simple_protocol_sends_one_text_with_the_values_in_it() {
    let mut talk = Talk::over(Protocol::Simple, program(&[READ], body()));
    talk.start();
    assert_eq!(talk.sent(), ["Query BEGIN;SELECT  NULL,  'it''s'"]);
    talk.hear([complete("BEGIN"), complete("SELECT 1"), ready(b'T')]);
    assert_eq!(talk.sent(), ["Query COMMIT;"]);
    assert_eq!(talk.hear([complete("COMMIT"), ready(b'I')]), COMMITTED);
}

#[test]
fn the_extended_protocol_prepares_each_time_and_sends_text() {
    let mut talk = Talk::over(Protocol::Extended, program(&[READ], body()));
    talk.start();
    let expected = [
        "Parse  BEGIN",
        "Bind ",
        "Execute",
        "Parse  SELECT $2, $1",
        "Bind  \"it's\" \"\"",
        "Execute",
        "Sync",
    ];
    assert_eq!(talk.sent(), expected);
    talk.hear([complete("BEGIN"), complete("SELECT 1"), ready(b'T')]);
    assert_eq!(talk.sent(), ["Parse  COMMIT", "Bind ", "Execute", "Sync"]);
}

#[test]
fn savepoints_and_copies_work_in_every_protocol() {
    let actions = || {
        let copy = copy_in(1, int(1), vec![(int(7), "int4")]);
        vec![block(true, vec![savepoint(true, vec![copy])])]
    };
    let mut talk = Talk::over(Protocol::Simple, program(&[READ, COPY], actions()));
    talk.start();
    assert_eq!(talk.sent(), ["Query BEGIN;SAVEPOINT stormdb;"]);
    talk.hear([complete("BEGIN"), complete("SAVEPOINT"), ready(b'T')]);
    assert_eq!(talk.sent(), [format!("Query {COPY}")]);
    talk.hear([copy_in_response()]);
    assert_eq!(talk.sent(), ["CopyData 31", "CopyDone"]);
    talk.hear([error("23505", "duplicate"), ready(b'E')]);
    assert_eq!(talk.sent(), ["Query ROLLBACK TO SAVEPOINT stormdb;RELEASE SAVEPOINT stormdb;"]);
    let mut talk = Talk::over(Protocol::Extended, program(&[READ, COPY], actions()));
    talk.start();
    talk.sent();
    talk.hear([complete("BEGIN"), complete("SAVEPOINT"), ready(b'T')]);
    assert_eq!(talk.sent()[2..], ["Execute", "Flush"]);
}

#[test]
fn a_refused_copy_needs_no_sync_in_the_simple_protocol() {
    let copy = copy_in(0, int(1), vec![(int(7), "int4")]);
    let mut talk = Talk::over(Protocol::Simple, program(&[COPY], vec![copy]));
    talk.start();
    talk.sent();
    assert_eq!(talk.hear([error("42P01", "no such table"), ready(b'I')]), failed("42P01"));
    assert_eq!(talk.sent(), [""; 0]);
}

#[test]
fn a_second_result_of_one_simple_query_is_passed_over() {
    let actions = vec![execute(0, vec![]), execute(0, vec![])];
    let mut talk = Talk::over(Protocol::Simple, program(&["CALL p()"], actions));
    talk.start();
    talk.sent();
    assert_eq!(talk.hear([complete("SELECT 1"), complete("SELECT 2"), ready(b'I')]), Turn::Send);
    assert_eq!(talk.done(), [done("CALL p()", 1)]);
}

fn login(strings: &str) -> Login {
    let parameters = vec![("standard_conforming_strings".to_owned(), strings.to_owned())];
    Login { parameters, ..Login::default() }
}

fn open(program: &Program, protocol: Protocol, strings: &str) -> Result<Opening, Refusal> {
    Opening::begin(program, protocol, &login(strings), &mut Vec::new())
}

#[test]
fn the_simple_protocol_refuses_what_it_cannot_do() {
    let plain = program(&[READ], body());
    assert!(matches!(open(&plain, Protocol::Simple, "on"), Ok(Opening::Ready(_))));
    let refused = open(&plain, Protocol::Simple, "off").unwrap_err();
    assert_eq!(refused, Refusal::Strings("off".into()));
    assert!(open(&plain, Protocol::Extended, "off").is_ok());
    let piped = program(&["SELECT 1"], vec![pipeline(vec![execute(0, vec![])])]);
    let refused = open(&piped, Protocol::Simple, "on").unwrap_err();
    assert!(refused.to_string().starts_with("work.py:2: a pipeline cannot be sent"), "{refused}");
}

#[test]
fn texts_that_would_be_read_otherwise_end_a_simple_session() {
    let setting =
        |value: &str| (b'S', format!("standard_conforming_strings\0{value}\0").into_bytes());
    for protocol in [Protocol::Simple, Protocol::Extended] {
        let mut talk = Talk::over(protocol, program(&[READ], body()));
        talk.start();
        assert_eq!(talk.try_hear(setting("on")), Ok(Turn::Wait));
        let lost = talk.try_hear(setting("off"));
        assert_eq!(lost.is_err(), protocol == Protocol::Simple);
    }
}

/// Prepares a program and gives what was sent and what came of the answers.
fn prepare(
    program: &Program,
    answers: &[(u8, Vec<u8>)],
) -> (Vec<u8>, Result<Option<Prepared>, Refusal>) {
    let mut out = Vec::new();
    let opening = Opening::begin(program, Protocol::Prepared, &login("on"), &mut out).unwrap();
    let Opening::Waiting(mut preparing) = opening else { panic!("{opening:?}") };
    let mut outcome = Ok(None);
    for (tag, body) in answers {
        outcome = preparing.advance(program, Frame { tag: *tag, body });
        if !matches!(outcome, Ok(None)) {
            break;
        }
    }
    (out, outcome)
}

fn types(oids: &[u32]) -> (u8, Vec<u8>) {
    let mut body = u16::try_from(oids.len()).unwrap().to_be_bytes().to_vec();
    for oid in oids {
        body.extend(oid.to_be_bytes());
    }
    (b't', body)
}

fn parsed() -> (u8, Vec<u8>) {
    (b'1', vec![])
}

#[test]
fn everything_is_prepared_in_one_request_and_types_are_kept() {
    let program = program(&[READ], body());
    let (out, outcome) = prepare(
        &program,
        &[parsed(), types(&[20, 25]), (b'n', vec![]), parsed(), parsed(), parsed(), ready(b'I')],
    );
    let mut rest = &out[..];
    let mut sent = Vec::new();
    while let Some((frame, next)) = stormdb_wire::frame::split(rest, 1000).unwrap() {
        sent.push(describe(frame));
        rest = next;
    }
    let expected = [
        "Parse s0 SELECT $2, $1",
        "D?",
        "Parse b0 BEGIN",
        "Parse c COMMIT",
        "Parse r ROLLBACK",
        "Sync",
    ];
    assert_eq!(sent, expected);
    let prepared = outcome.unwrap().unwrap();
    assert_eq!(*prepared.types, [vec![ServerType::from_oid(20), ServerType::from_oid(25)].into()]);
}

#[test]
fn a_statement_that_cannot_be_prepared_is_named() {
    let program = program(&["SELECT 1", READ], vec![]);
    let answers = [parsed(), types(&[]), (b'n', vec![]), error("42P01", "no table"), ready(b'I')];
    let refusal = prepare(&program, &answers).1.unwrap_err();
    assert!(refusal.to_string().starts_with("work / SELECT $2, $1: no table (SQLSTATE 42P01)"));
    let answers = [
        parsed(),
        types(&[]),
        parsed(),
        types(&[20, 20]),
        error("42601", "bad begin"),
        ready(b'I'),
    ];
    let refusal = prepare(&program, &answers).1.unwrap_err();
    assert!(refusal.to_string().starts_with("BEGIN: bad begin"), "{refusal}");
}

#[test]
fn descriptions_that_do_not_fit_break_the_protocol() {
    let program = program(&[READ], vec![]);
    for answers in [
        vec![types(&[20])],
        vec![types(&[20, 20]), types(&[20, 20])],
        vec![ready(b'I')],
        vec![(b't', vec![0, 2, 0])],
        vec![(b'!', vec![])],
    ] {
        assert!(matches!(prepare(&program, &answers).1, Err(Refusal::Wire(_))), "{answers:?}");
    }
}
