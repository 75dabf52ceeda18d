//! What steps and expressions become.

use super::*;
use crate::value::Memory;

/// Steps by name, with where they jump to.
fn outline(actions: Vec<Action>) -> Vec<String> {
    let program = program(&["SELECT 1", "COPY t FROM STDIN (FORMAT binary)"], actions);
    let name = |step: &Step| match step {
        Step::Let { slot, .. } => format!("let {slot}"),
        Step::Execute { .. } => "execute".into(),
        Step::Unless { to, .. } => format!("unless -> {to}"),
        Step::Jump { to } => format!("jump -> {to}"),
        Step::LoopStart { end, .. } => format!("loop -> {end}"),
        Step::LoopEnd { body, .. } => format!("again -> {body}"),
        Step::Begin { .. } => "begin".into(),
        Step::Commit => "commit".into(),
        Step::PipelineStart => "pipeline".into(),
        Step::PipelineEnd => "sync".into(),
        Step::CopyIn { .. } => "copy".into(),
        Step::SavepointStart { end, .. } => format!("savepoint -> {end}"),
        Step::SavepointEnd => "release".into(),
        Step::End => "end".into(),
        other => format!("{other:?}"),
    };
    program.steps.iter().map(name).collect()
}

fn one(slot: u32) -> Action {
    set(slot, int(1))
}

#[test]
fn branches_become_jumps() {
    let steps = outline(vec![when(null(), vec![one(0)], vec![one(1)]), one(2)]);
    assert_eq!(steps, ["unless -> 3", "let 0", "jump -> 4", "let 1", "let 2", "end"]);
    let steps = outline(vec![when(null(), vec![one(0)], vec![])]);
    assert_eq!(steps, ["unless -> 2", "let 0", "end"]);
    let steps = outline(vec![when(null(), vec![], vec![])]);
    assert_eq!(steps, ["unless -> 1", "end"]);
}

#[test]
fn loops_jump_back_to_their_body_and_out_behind_it() {
    let inner = repeat(int(2), 2, None, vec![one(0)]);
    let steps = outline(vec![repeat(int(2), 2, None, vec![one(1), inner]), one(2)]);
    let expected =
        ["loop -> 6", "let 1", "loop -> 5", "let 0", "again -> 3", "again -> 1", "let 2", "end"];
    assert_eq!(steps, expected);
}

#[test]
fn a_savepoint_jumps_behind_its_release() {
    let steps = outline(vec![block(true, vec![savepoint(true, vec![one(0)]), one(1)])]);
    assert_eq!(steps, ["begin", "savepoint -> 4", "let 0", "release", "let 1", "commit", "end"]);
}

#[test]
fn every_step_keeps_its_place() {
    let program = program(&["SELECT 1"], vec![one(0), pipeline(vec![execute(0, vec![])])]);
    let expected = ["work.py:2", "work.py:3", "work.py:2", "work.py:3", "work.py:1"];
    assert_eq!(program.places, expected);
}

#[test]
fn transactions_lie_one_after_the_other() {
    let mut two = ir_program(&[], vec![one(0), one(1)]);
    two.transactions.push(ir::Transaction { name: "other".into(), ..two.transactions[0].clone() });
    let program = Program::decode(&encode(&two)).unwrap();
    let starts = program.transactions.iter().map(|one| one.first_step).collect::<Vec<_>>();
    assert_eq!(starts, [0, 3]);
}

#[test]
fn a_connection_has_room_for_what_any_transaction_needs() {
    let copy = copy_in(1, int(1), vec![(int(1), "int4")]);
    let piped = pipeline(vec![execute(0, vec![]), execute(0, vec![]), execute(0, vec![])]);
    let tried = savepoint(true, vec![savepoint(true, vec![])]);
    let looped = repeat(int(1), 1, None, vec![repeat(int(1), 1, None, vec![copy])]);
    let program = program(
        &["SELECT 1", "COPY t FROM STDIN (FORMAT binary)"],
        vec![piped, block(true, vec![tried]), looped],
    );
    assert_eq!(program.room, Room { slots: SLOTS, loops: 3, savepoints: 2, statements: 3 });
}

#[test]
fn texts_and_bytes_stay_what_they_are() {
    let constants = [
        Constant::Text("abc".into()),
        Constant::Bytes(serde_bytes::ByteBuf::from(*b"abc")),
        Constant::Array(vec![Constant::Int(-1), Constant::Float(1.0), Constant::Bool(true)]),
        Constant::Int(i64::MAX),
        Constant::Null,
    ];
    let actions = (0..).zip(constants.clone()).map(|(slot, one)| set(slot, Expr::Const(one)));
    let program = program(&[], actions.collect());
    let memory = Memory { constants: &program.constants, scratch: &Arena::default() };
    let values = program.nodes.iter().map(|node| match node {
        Node::Const(value) => *value,
        other => panic!("{other:?}"),
    });
    let [Value::Text(text), Value::Bytes(bytes), Value::Array(array), number, nothing] =
        values.collect::<Vec<_>>()[..]
    else {
        panic!("other kinds");
    };
    assert_eq!((memory.text(text), memory.bytes(bytes)), ("abc", &b"abc"[..]));
    let elements = [Value::Int(-1), Value::Float(1.0), Value::Bool(true)];
    assert_eq!(memory.elements(array), elements);
    assert_eq!((number, nothing), (Value::Int(i64::MAX), Value::Null));
}

#[test]
fn weights_end_with_one_at_the_last_that_counts() {
    let weights = vec![0.1, 0.2, 0.0, 0.7, 0.0];
    let values = (0..5).map(int).collect();
    let program = program(&[], vec![set(0, draw(0, Generator::Choice { weights, values }))]);
    let found = program.nodes.iter().find_map(|node| match node {
        Node::Draw { generator: crate::program::Generator::Choice { cumulated, .. }, .. } => {
            Some(cumulated)
        }
        _ => None,
    });
    let cumulated = found.unwrap();
    assert_eq!(cumulated.len(), 5);
    assert!((cumulated[0] - 0.1).abs() < 1e-12 && cumulated[1] == cumulated[2]);
    assert_eq!(cumulated[3..], [1.0, 1.0]);
}
