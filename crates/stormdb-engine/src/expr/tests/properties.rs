//! What holds for any expression.

use proptest::prelude::*;

use super::operations::BINARY;
use super::*;

fn constants() -> impl Strategy<Value = Expr> {
    prop_oneof![
        Just(null()),
        any::<bool>().prop_map(bool),
        any::<i64>().prop_map(int),
        (-3..4_i64).prop_map(int),
        any::<f64>().prop_map(float),
        "[a-z0-9 ]{0,5}".prop_map(|value| text(&value)),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(|value| bytes(&value)),
    ]
}

pub(super) fn expressions() -> impl Strategy<Value = Expr> {
    let unary_operation = prop::sample::select(vec![
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
    ]);
    let binary_operation = prop::sample::select(BINARY.to_vec());
    constants().prop_recursive(6, 40, 4, move |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            (unary_operation.clone(), inner.clone()).prop_map(|(one, of)| unary(one, of)),
            (binary_operation.clone(), inner.clone(), inner.clone())
                .prop_map(|(one, left, right)| binary(one, left, right)),
            (prop::collection::vec((inner.clone(), inner.clone()), 0..3), boxed.clone())
                .prop_map(|(arms, otherwise)| Expr::Case(arms, otherwise)),
            boxed.clone().prop_map(|index| Expr::Table(0, index)),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expr::Array),
            (boxed.clone(), boxed.clone()).prop_map(|(array, index)| Expr::Index(array, index)),
            (boxed.clone(), any::<i64>(), boxed.clone())
                .prop_map(|(size, seed, value)| Expr::Permute { size, seed, value }),
            (boxed, any::<i64>()).prop_map(|(value, seed)| Expr::Hash { value, seed }),
        ]
    })
}

proptest! {
    #[test]
    fn any_expression_has_a_value_or_a_code(expr in expressions()) {
        let found = value(expr.clone());
        if let Err(error) = &found {
            prop_assert!(crate::Sqlstate::from_bytes(error.sqlstate_bytes()).as_str() != "XX000");
        }
        // NaN is not equal to itself, its text is.
        prop_assert_eq!(format!("{found:?}"), format!("{:?}", value(expr)));
    }

    #[test]
    fn floor_division_and_remainder_belong_together(left: i64, right: i64) {
        prop_assume!(right != 0 && (left, right) != (i64::MIN, -1));
        let (quotient, remainder) = (
            Evaluator::new(binary(Binary::FloorDiv, int(left), int(right))).int(0),
            Evaluator::new(binary(Binary::Mod, int(left), int(right))).int(0),
        );
        let (quotient, remainder) = (i128::from(quotient), i128::from(remainder));
        prop_assert_eq!(quotient * i128::from(right) + remainder, i128::from(left));
        prop_assert!(remainder == 0 || (remainder < 0) == (right < 0));
        prop_assert!(remainder.abs() < i128::from(right).abs());
    }

    #[test]
    fn a_float_survives_its_text(number: f64) {
        let there = unary(Unary::Text, float(number));
        let Ok(Seen::Float(back)) = value(unary(Unary::Float, there)) else { panic!("no float") };
        prop_assert!(back.to_bits() == number.to_bits() || (back.is_nan() && number.is_nan()));
    }
}
