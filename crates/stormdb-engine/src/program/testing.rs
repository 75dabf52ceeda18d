//! Short ways to write programs in tests.

use super::Program;
use super::ir::{self, Capture, CopyColumn, FORMAT_VERSION, Mix, RowRange, Statement, Step};
pub(crate) use super::ir::{Action, Binary, Constant, Expr, Generator, Kind, Unary};

/// Variables that a transaction of these programs has.
pub(crate) const SLOTS: usize = 8;

/// A program of one transaction `work`; each statement `sql` takes as many values as it says.
pub(crate) fn ir_program(sql: &[&str], actions: Vec<Action>) -> ir::Program {
    let statement = |sql: &&str| Statement {
        label: format!("work / {sql}"),
        sql: (*sql).to_owned(),
        parameter_count: (1..10).take_while(|number| sql.contains(&format!("${number}"))).count()
            as u16,
    };
    ir::Program {
        version: FORMAT_VERSION,
        mix: Mix::Sampled,
        transactions: vec![ir::Transaction {
            name: "work".into(),
            weight: 1,
            place: "work.py:1".into(),
            slots: (0..SLOTS).map(|number| format!("slot {number}")).collect(),
            draws: 16,
            steps: steps(actions),
        }],
        statements: sql.iter().map(statement).collect(),
        tables: vec![vec![Constant::Int(10), Constant::Text("twenty".into()), Constant::Null]],
        metrics: vec!["size".into()],
    }
}

/// The same, verified and flattened.
pub(crate) fn program(sql: &[&str], actions: Vec<Action>) -> Program {
    Program::decode(&encode(&ir_program(sql, actions))).unwrap()
}

/// Bytes as Python makes them: maps by name.
pub(crate) fn encode(program: &ir::Program) -> Vec<u8> {
    rmp_serde::to_vec_named(program).unwrap()
}

/// Actions at the lines 2, 3, ….
pub(crate) fn steps(actions: Vec<Action>) -> Vec<Step> {
    (2..)
        .zip(actions)
        .map(|(line, action)| Step { place: format!("work.py:{line}"), action })
        .collect()
}

pub(crate) fn int(value: i64) -> Expr {
    Expr::Const(Constant::Int(value))
}

pub(crate) fn text(value: &str) -> Expr {
    Expr::Const(Constant::Text(value.into()))
}

pub(crate) fn null() -> Expr {
    Expr::Const(Constant::Null)
}

pub(crate) fn slot(number: u32) -> Expr {
    Expr::Slot(number)
}

pub(crate) fn unary(operation: Unary, operand: Expr) -> Expr {
    Expr::Unary(operation, Box::new(operand))
}

pub(crate) fn binary(operation: Binary, left: Expr, right: Expr) -> Expr {
    Expr::Binary(operation, Box::new(left), Box::new(right))
}

pub(crate) fn draw(number: u32, generator: Generator) -> Expr {
    Expr::Draw(number, Box::new(generator))
}

pub(crate) fn uniform(number: u32, low: i64, high: i64) -> Expr {
    draw(number, Generator::Uniform { low: int(low), high: int(high) })
}

/// 1 / 0: fails with 22012.
pub(crate) fn impossible() -> Expr {
    binary(Binary::Div, int(1), int(0))
}

pub(crate) fn set(slot: u32, value: Expr) -> Action {
    Action::Let { slot, value }
}

pub(crate) fn execute(statement: u32, values: Vec<Expr>) -> Action {
    Action::Execute { statement, values, rows: None, capture: vec![] }
}

/// An execute that keeps columns in variables: (slot, kind) of each.
pub(crate) fn fetch(statement: u32, values: Vec<Expr>, kept: &[(u32, Kind)]) -> Action {
    let capture = (0..)
        .zip(kept)
        .map(|(column, (slot, kind))| Capture { column, slot: *slot, kind: *kind })
        .collect();
    Action::Execute { statement, values, rows: None, capture }
}

pub(crate) fn with_rows(action: Action, min: u64, max: Option<u64>) -> Action {
    match action {
        Action::Execute { statement, values, capture, .. } => {
            Action::Execute { statement, values, rows: Some(RowRange { min, max }), capture }
        }
        other => other,
    }
}

pub(crate) fn block(retry: bool, body: Vec<Action>) -> Action {
    Action::Block { begin: "BEGIN".into(), retry, body: steps(body) }
}

pub(crate) fn savepoint(goes_on: bool, body: Vec<Action>) -> Action {
    Action::Savepoint { goes_on, body: steps(body) }
}

pub(crate) fn pipeline(body: Vec<Action>) -> Action {
    Action::Pipeline { body: steps(body) }
}

pub(crate) fn repeat(count: Expr, limit: u32, slot: Option<u32>, body: Vec<Action>) -> Action {
    Action::Repeat { count, limit, slot, body: steps(body) }
}

pub(crate) fn when(condition: Expr, then: Vec<Action>, otherwise: Vec<Action>) -> Action {
    Action::When { condition, then: steps(then), otherwise: steps(otherwise) }
}

pub(crate) fn copy_in(statement: u32, rows: Expr, columns: Vec<(Expr, &str)>) -> Action {
    let column = |(value, name): (Expr, &str)| CopyColumn { value, type_name: name.to_owned() };
    let columns = columns.into_iter().map(column).collect();
    Action::CopyIn { statement, rows, limit: 1_000_000, columns }
}
