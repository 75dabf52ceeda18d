//! What holds whatever the server says.

use proptest::prelude::*;

use super::*;

/// A program with every kind of step.
fn everything() -> Program {
    let sql = ["SELECT $1", "UPDATE t SET x = $1", "COPY t FROM STDIN (FORMAT binary)"];
    let body = vec![
        fetch(0, vec![uniform(0, 0, 9)], &[(0, Kind::Int), (1, Kind::Text)]),
        savepoint(true, vec![with_rows(execute(1, vec![slot(0)]), 1, Some(1))]),
        repeat(uniform(1, 0, 3), 3, Some(2), vec![execute(1, vec![slot(2)])]),
        when(Expr::Const(Constant::Bool(true)), vec![execute(0, vec![int(1)])], vec![]),
        pipeline(vec![execute(0, vec![int(2)]), fetch(0, vec![int(3)], &[(3, Kind::Float)])]),
        copy_in(2, int(2000), vec![(uniform(2, 0, 9), "int8")]),
        Action::Think { seconds: int(1) },
        savepoint(false, vec![execute(0, vec![int(4)])]),
    ];
    program(&sql, vec![execute(0, vec![int(0)]), block(true, body), execute(0, vec![int(5)])])
}

fn answers() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let tag = prop::sample::select(b"1234567CDEGHINSTZcdnst".to_vec());
    let status = prop::sample::select(b"ITE".to_vec());
    let answer = prop_oneof![
        4 => Just(complete("SELECT 1")),
        1 => Just(complete("ROLLBACK")),
        4 => status.prop_map(ready),
        2 => Just(row(&[Some("1"), Some("x")])),
        1 => Just(row(&[None])),
        1 => Just(error("40001", "serialize")),
        1 => Just(error("23505", "duplicate")),
        1 => Just(error("x", "")),
        1 => Just(failure("FATAL", "57P01", "terminating")),
        2 => Just(copy_in_response()),
        1 => Just(notice()),
        1 => (tag, prop::collection::vec(any::<u8>(), 0..20)),
    ];
    prop::collection::vec(answer, 0..60)
}

proptest! {
    #[test]
    fn no_answers_make_a_session_panic_or_grow(
        answers in answers(),
        protocol in prop::sample::select(vec![Protocol::Simple, Protocol::Extended, Protocol::Prepared]),
    ) {
        let mut talk = Talk::over(protocol, everything());
        let mut turn = talk.start();
        for answer in answers {
            // Each request is at most a piece of a copy.
            prop_assert!(talk.out.len() < 20 * 1024);
            talk.out.clear();
            turn = match turn {
                Turn::Done(_) => talk.start_number(1),
                Turn::Think { .. } | Turn::Retry { .. } => talk.go_on(),
                Turn::Append { is_whole: false } => talk.more(),
                Turn::Wait | Turn::Send | Turn::Append { is_whole: true } => {
                    match talk.try_hear(answer) {
                        Ok(turn) => turn,
                        Err(_) => return Ok(()),
                    }
                }
            };
            prop_assert!(talk.session.loops.len() <= talk.program.room.loops);
            prop_assert!(talk.session.savepoints.len() <= talk.program.room.savepoints);
            prop_assert!(talk.session.sent_bytes.len() <= talk.program.room.statements);
        }
    }
}
