//! Operations on one and two values.

use super::*;

fn same(operation: Unary, operand: Expr, expected: Seen) {
    assert_eq!(value(unary(operation, operand)), Ok(expected), "{operation:?}");
}

fn joins(operation: Binary, left: Expr, right: Expr, expected: Seen) {
    assert_eq!(value(binary(operation, left, right)), Ok(expected), "{operation:?}");
}

const UNARY: [Unary; 13] = [
    Unary::Neg,
    Unary::Not,
    Unary::Abs,
    Unary::Int,
    Unary::Float,
    Unary::Text,
    Unary::IsNull,
    Unary::Floor,
    Unary::Ceil,
    Unary::Sqrt,
    Unary::Ln,
    Unary::Exp,
    Unary::Length,
];

pub(super) const BINARY: [Binary; 23] = [
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::Div,
    Binary::FloorDiv,
    Binary::Mod,
    Binary::Pow,
    Binary::Eq,
    Binary::Ne,
    Binary::Lt,
    Binary::Le,
    Binary::Gt,
    Binary::Ge,
    Binary::And,
    Binary::Or,
    Binary::Min,
    Binary::Max,
    Binary::Concat,
    Binary::BitAnd,
    Binary::BitOr,
    Binary::BitXor,
    Binary::ShiftLeft,
    Binary::ShiftRight,
];

#[test]
fn null_in_gives_null_out_but_for_three() {
    for operation in UNARY.into_iter().filter(|one| *one != Unary::IsNull) {
        same(operation, null(), Seen::Null);
    }
    for operation in BINARY.into_iter().filter(|one| !matches!(one, Binary::And | Binary::Or)) {
        for (left, right) in [(null(), int(1)), (int(1), null()), (null(), null())] {
            joins(operation, left, right, Seen::Null);
        }
    }
    same(Unary::IsNull, null(), Seen::Bool(true));
    same(Unary::IsNull, int(0), Seen::Bool(false));
}

#[test]
fn and_and_or_follow_sqls_three_values() {
    let values = [Some(true), Some(false), None];
    let expr = |value: Option<bool>| value.map_or(null(), bool);
    let seen = |value: Option<bool>| value.map_or(Seen::Null, Seen::Bool);
    for left in values {
        for right in values {
            let and = match (left, right) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            };
            let or = match (left, right) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
            joins(Binary::And, expr(left), expr(right), seen(and));
            joins(Binary::Or, expr(left), expr(right), seen(or));
        }
    }
    assert_eq!(code(binary(Binary::And, int(1), bool(true))), "42804");
}

#[test]
fn unary_operations_have_their_results() {
    same(Unary::Neg, int(5), Seen::Int(-5));
    same(Unary::Neg, float(0.5), Seen::Float(-0.5));
    same(Unary::Abs, int(-5), Seen::Int(5));
    same(Unary::Abs, float(-0.5), Seen::Float(0.5));
    same(Unary::Not, bool(true), Seen::Bool(false));
    same(Unary::Floor, float(-1.5), Seen::Float(-2.0));
    same(Unary::Ceil, float(-1.5), Seen::Float(-1.0));
    same(Unary::Floor, int(3), Seen::Float(3.0));
    same(Unary::Sqrt, int(9), Seen::Float(3.0));
    same(Unary::Ln, int(1), Seen::Float(0.0));
    same(Unary::Exp, int(0), Seen::Float(1.0));
    same(Unary::Float, int(3), Seen::Float(3.0));
    same(Unary::Float, text(" 1e3 "), Seen::Float(1000.0));
}

#[test]
fn casts_to_integers_round_halves_to_even() {
    for (from, to) in [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (1e18, 10_i64.pow(18))]
    {
        same(Unary::Int, float(from), Seen::Int(to));
    }
    same(Unary::Int, bool(true), Seen::Int(1));
    same(Unary::Int, text(" -42 "), Seen::Int(-42));
    for from in [9.3e18, -9.3e18, f64::NAN, f64::INFINITY] {
        assert_eq!(code(unary(Unary::Int, float(from))), "22003");
    }
    for from in ["", "1.5", "x"] {
        assert_eq!(code(unary(Unary::Int, text(from))), "22023");
    }
}

#[test]
fn texts_are_what_postgresql_prints() {
    for (operand, expected) in [
        (int(-7), "-7"),
        (float(1.5), "1.5"),
        (float(1e20), "1e+20"),
        (bool(true), "t"),
        (text("as it is"), "as it is"),
        (bytes(&[0, 171]), "\\x00ab"),
        (array(vec![int(1), null(), text("a\"b")]), r#"{1,NULL,"a\"b"}"#),
    ] {
        same(Unary::Text, operand, Seen::Text(expected.into()));
    }
}

#[test]
fn lengths_count_characters_bytes_and_elements() {
    same(Unary::Length, text("äöü"), Seen::Int(3));
    same(Unary::Length, bytes(&[1, 2]), Seen::Int(2));
    same(Unary::Length, array(vec![int(1), null()]), Seen::Int(2));
    assert_eq!(code(unary(Unary::Length, int(1))), "42804");
}

#[test]
fn integers_are_computed_exactly_or_not_at_all() {
    for (operation, left, right, expected) in [
        (Binary::Add, 2, 3, 5),
        (Binary::Sub, 2, 3, -1),
        (Binary::Mul, -2, 3, -6),
        (Binary::FloorDiv, 7, 2, 3),
        (Binary::FloorDiv, -7, 2, -4),
        (Binary::FloorDiv, 7, -2, -4),
        (Binary::FloorDiv, -7, -2, 3),
        (Binary::Mod, 7, 3, 1),
        (Binary::Mod, -7, 3, 2),
        (Binary::Mod, 7, -3, -2),
        (Binary::Mod, -7, -3, -1),
        (Binary::Mod, i64::MIN, -1, 0),
        (Binary::Mod, i64::MIN, 3, 1),
        (Binary::Mod, i64::MAX, i64::MIN, -1),
        (Binary::Pow, 2, 62, 1 << 62),
        (Binary::Pow, -3, 3, -27),
        (Binary::Pow, 0, 0, 1),
        (Binary::BitAnd, 12, 10, 8),
        (Binary::BitOr, 12, 10, 14),
        (Binary::BitXor, 12, 10, 6),
        (Binary::ShiftLeft, 1, 63, i64::MIN),
        (Binary::ShiftRight, -8, 1, -4),
        (Binary::Min, 2, -3, -3),
        (Binary::Max, 2, -3, 2),
    ] {
        joins(operation, int(left), int(right), Seen::Int(expected));
    }
    joins(Binary::Div, int(7), int(2), Seen::Float(3.5));
    joins(Binary::Pow, int(2), int(-1), Seen::Float(0.5));
}

#[test]
fn what_does_not_fit_fails_with_the_code_of_postgresql() {
    for (operation, left, right) in [
        (Binary::Add, i64::MAX, 1),
        (Binary::Sub, i64::MIN, 1),
        (Binary::Mul, i64::MAX, 2),
        (Binary::FloorDiv, i64::MIN, -1),
        (Binary::Pow, 10, 19),
        (Binary::Pow, 2, i64::MAX),
        (Binary::ShiftLeft, 1, 64),
        (Binary::ShiftRight, 1, -1),
    ] {
        assert_eq!(code(binary(operation, int(left), int(right))), "22003", "{operation:?}");
    }
    for operation in [Unary::Neg, Unary::Abs] {
        assert_eq!(code(unary(operation, int(i64::MIN))), "22003");
    }
    for operation in [Binary::Div, Binary::FloorDiv, Binary::Mod] {
        for zero in [int(0), float(0.0), float(-0.0)] {
            assert_eq!(code(binary(operation, int(1), zero.clone())), "22012");
            assert_eq!(code(binary(operation, float(1.0), zero)), "22012");
        }
    }
    for (operation, operand) in
        [(Unary::Sqrt, -1.0), (Unary::Sqrt, f64::NAN), (Unary::Ln, 0.0), (Unary::Ln, -1.0)]
    {
        assert_eq!(code(unary(operation, float(operand))), "22023", "{operation:?} {operand}");
    }
}

#[test]
fn an_integer_and_a_double_make_a_double() {
    joins(Binary::Add, int(1), float(0.5), Seen::Float(1.5));
    joins(Binary::Mul, float(0.5), int(4), Seen::Float(2.0));
    joins(Binary::Lt, int(1), float(1.5), Seen::Bool(true));
    joins(Binary::Eq, float(2.0), int(2), Seen::Bool(true));
    joins(Binary::Max, int(1), float(0.5), Seen::Float(1.0));
}

#[test]
fn doubles_are_divided_as_python_divides_them() {
    joins(Binary::FloorDiv, float(1.0), float(0.1), Seen::Float(9.0));
    joins(Binary::FloorDiv, float(-7.5), float(2.0), Seen::Float(-4.0));
    joins(Binary::Mod, float(-7.5), float(2.0), Seen::Float(0.5));
    joins(Binary::Mod, float(7.5), float(-2.0), Seen::Float(-0.5));
    joins(Binary::Pow, float(2.0), float(0.5), Seen::Float(std::f64::consts::SQRT_2));
}

#[test]
fn values_of_one_kind_are_compared() {
    let pairs = [
        (int(1), int(2)),
        (float(-1.5), float(1.0)),
        (float(1.0), float(f64::NAN)),
        (bool(false), bool(true)),
        (text("B"), text("a")),
        (bytes(&[1]), bytes(&[1, 0])),
    ];
    for (small, large) in pairs {
        for (operation, forward, backward, equal) in [
            (Binary::Eq, false, false, true),
            (Binary::Ne, true, true, false),
            (Binary::Lt, true, false, false),
            (Binary::Le, true, false, true),
            (Binary::Gt, false, true, false),
            (Binary::Ge, false, true, true),
        ] {
            joins(operation, small.clone(), large.clone(), Seen::Bool(forward));
            joins(operation, large.clone(), small.clone(), Seen::Bool(backward));
            joins(operation, small.clone(), small.clone(), Seen::Bool(equal));
        }
        let least = value(small.clone()).unwrap();
        joins(Binary::Min, large.clone(), small.clone(), least.clone());
        joins(Binary::Min, small.clone(), large.clone(), least.clone());
        assert_ne!(value(binary(Binary::Max, small, large)), Ok(least));
    }
    joins(Binary::Eq, float(f64::NAN), float(f64::NAN), Seen::Bool(true));
}

#[test]
fn texts_are_joined_and_nothing_else() {
    joins(Binary::Concat, text("a"), text("ä"), Seen::Text("aä".into()));
    let nested = binary(Binary::Concat, text("b"), unary(Unary::Text, int(7)));
    joins(Binary::Concat, text("a"), nested, Seen::Text("ab7".into()));
    assert_eq!(code(binary(Binary::Concat, text("a"), int(1))), "42804");
}

#[test]
fn operations_refuse_kinds_that_they_do_not_know() {
    for operation in BINARY {
        assert_eq!(code(binary(operation, text("1"), int(1))), "42804", "{operation:?}");
        assert_eq!(code(binary(operation, array(vec![]), array(vec![]))), "42804", "{operation:?}");
    }
    for operation in [Binary::BitAnd, Binary::ShiftLeft, Binary::Concat] {
        assert_eq!(code(binary(operation, float(1.0), float(1.0))), "42804", "{operation:?}");
    }
    for operation in [Unary::Neg, Unary::Not, Unary::Abs, Unary::Sqrt, Unary::Floor] {
        assert_eq!(code(unary(operation, text("1"))), "42804", "{operation:?}");
    }
    assert_eq!(code(unary(Unary::Not, int(1))), "42804");
    assert_eq!(code(unary(Unary::Neg, bool(true))), "42804");
}
