//! Expressions: each operation, NULL, what fails and how.

mod generators;
mod operations;
mod properties;

use super::*;
use crate::program::Step;
use crate::program::testing::*;

/// A value without arenas.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Array(Vec<Seen>),
}

fn see(value: Value, memory: Memory<'_>) -> Seen {
    match value {
        Value::Null => Seen::Null,
        Value::Bool(value) => Seen::Bool(value),
        Value::Int(value) => Seen::Int(value),
        Value::Float(value) => Seen::Float(value),
        Value::Text(span) => Seen::Text(memory.text(span).to_owned()),
        Value::Bytes(span) => Seen::Bytes(memory.bytes(span).to_vec()),
        Value::Array(span) => {
            Seen::Array(memory.elements(span).iter().map(|one| see(*one, memory)).collect())
        }
    }
}

/// Evaluates an expression again and again.
struct Evaluator {
    program: Program,
    id: ExprId,
    scratch: Arena,
}

impl Evaluator {
    fn new(expr: Expr) -> Self {
        let program = program(&[], vec![set(0, expr)]);
        let Step::Let { value: id, .. } = program.steps[0] else { panic!("a let comes first") };
        Self { program, id, scratch: Arena::default() }
    }

    /// In the transaction of this number.
    fn value(&mut self, index: u64) -> Result<Seen, EvalError> {
        self.scratch.clear();
        let draws = Draws { seed: 7, row: 0, index, iteration: 0 };
        let (program, scratch) = (&self.program, &mut self.scratch);
        let slots = [Value::Null; SLOTS];
        let value = Scope { program, slots: &slots, scratch, draws }.value(self.id)?;
        Ok(see(value, Memory { constants: &self.program.constants, scratch: &self.scratch }))
    }

    fn int(&mut self, index: u64) -> i64 {
        match self.value(index) {
            Ok(Seen::Int(value)) => value,
            other => panic!("{other:?} is no integer"),
        }
    }

    fn text(&mut self, index: u64) -> String {
        match self.value(index) {
            Ok(Seen::Text(value)) => value,
            other => panic!("{other:?} is no text"),
        }
    }
}

fn value(expr: Expr) -> Result<Seen, EvalError> {
    Evaluator::new(expr).value(0)
}

fn code(expr: Expr) -> String {
    let error = value(expr).unwrap_err();
    String::from_utf8(error.sqlstate_bytes().to_vec()).unwrap()
}

fn float(value: f64) -> Expr {
    Expr::Const(Constant::Float(value))
}

fn bool(value: bool) -> Expr {
    Expr::Const(Constant::Bool(value))
}

fn bytes(value: &[u8]) -> Expr {
    Expr::Const(Constant::Bytes(serde_bytes::ByteBuf::from(value)))
}

fn array(elements: Vec<Expr>) -> Expr {
    Expr::Array(elements)
}

#[test]
fn a_case_takes_the_first_true_condition_and_evaluates_no_other_value() {
    let arms =
        |first, second| Expr::Case(vec![(first, int(1)), (second, impossible())], Box::new(int(3)));
    assert_eq!(value(arms(bool(true), bool(true))), Ok(Seen::Int(1)));
    assert_eq!(value(arms(null(), bool(false))), Ok(Seen::Int(3)));
    assert_eq!(code(arms(bool(false), bool(true))), "22012");
    assert_eq!(code(arms(int(1), bool(true))), "42804");
    assert_eq!(value(Expr::Case(vec![], Box::new(int(3)))), Ok(Seen::Int(3)));
}

#[test]
fn a_table_gives_its_entries_and_nothing_beside_them() {
    let entry = |index| Expr::Table(0, Box::new(index));
    assert_eq!(value(entry(int(0))), Ok(Seen::Int(10)));
    assert_eq!(value(entry(int(1))), Ok(Seen::Text("twenty".into())));
    assert_eq!(value(entry(int(2))), Ok(Seen::Null));
    assert_eq!(value(entry(null())), Ok(Seen::Null));
    for index in [-1, 3, i64::MIN, i64::MAX] {
        assert_eq!(code(entry(int(index))), "2202E");
    }
    assert_eq!(code(entry(text("1"))), "42804");
}

#[test]
fn arrays_are_made_and_read() {
    let inner = || array(vec![int(1), text("a")]);
    let outer = array(vec![inner(), null(), inner()]);
    let seen = Seen::Array(vec![Seen::Int(1), Seen::Text("a".into())]);
    let expected = Seen::Array(vec![seen.clone(), Seen::Null, seen.clone()]);
    assert_eq!(value(outer.clone()), Ok(expected));
    let index = |array: Expr, index| Expr::Index(Box::new(array), Box::new(index));
    assert_eq!(value(index(outer.clone(), int(2))), Ok(seen));
    assert_eq!(value(index(null(), int(0))), Ok(Seen::Null));
    assert_eq!(value(index(outer.clone(), null())), Ok(Seen::Null));
    assert_eq!(code(index(outer, int(3))), "2202E");
    assert_eq!(code(index(int(1), int(0))), "42804");
    assert_eq!(value(array(vec![])), Ok(Seen::Array(vec![])));
    let many = array((0..100).map(int).collect());
    assert_eq!(value(many), Ok(Seen::Array((0..100).map(Seen::Int).collect())));
}

#[test]
fn a_sequence_is_the_number_of_the_transaction() {
    let mut sequence = Evaluator::new(Expr::Sequence);
    assert_eq!((sequence.int(0), sequence.int(41)), (0, 41));
    assert_eq!(sequence.value(u64::MAX), Err(EvalError::OutOfRange));
}

#[test]
fn permutations_and_hashes_are_functions_of_integers() {
    let permute =
        |size, value| Expr::Permute { size: Box::new(size), seed: 3, value: Box::new(value) };
    let mut image = (0..50)
        .map(|index| match value(permute(int(50), int(index))) {
            Ok(Seen::Int(value)) => value,
            other => panic!("{other:?}"),
        })
        .collect::<Vec<_>>();
    assert_ne!(image, (0..50).collect::<Vec<_>>());
    image.sort_unstable();
    assert_eq!(image, (0..50).collect::<Vec<_>>());
    assert_eq!(value(permute(int(0), int(5))), Ok(Seen::Int(0)));
    assert_eq!(value(permute(null(), int(5))), Ok(Seen::Null));
    assert_eq!(value(permute(int(5), null())), Ok(Seen::Null));
    let hash = |operand| Expr::Hash { value: Box::new(operand), seed: 5432 };
    assert_eq!(value(hash(int(10))), Ok(Seen::Int(-5_817_877_081_768_721_676)));
    assert_eq!(value(hash(null())), Ok(Seen::Null));
    assert_eq!(code(hash(text("10"))), "42804");
}
