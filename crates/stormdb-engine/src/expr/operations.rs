//! Unary and binary operations on values.

use std::cmp::Ordering;

use super::EvalError;
use crate::program::ir::{Binary, Unary};
use crate::value::{Arena, Memory, Value};

type Result = std::result::Result<Value, EvalError>;

/// Apply an operation to one value. NULL gives NULL, but `is_null` true.
pub(super) fn unary(
    operation: Unary,
    operand: Value,
    constants: &Arena,
    scratch: &mut Arena,
) -> Result {
    if operation == Unary::IsNull {
        return Ok(Value::Bool(operand == Value::Null));
    }
    Ok(match (operation, operand) {
        (_, Value::Null) => Value::Null,
        (Unary::Neg, Value::Int(value)) => int(value.checked_neg())?,
        (Unary::Neg, Value::Float(value)) => Value::Float(-value),
        (Unary::Abs, Value::Int(value)) => int(value.checked_abs())?,
        (Unary::Abs, Value::Float(value)) => Value::Float(value.abs()),
        (Unary::Not, Value::Bool(value)) => Value::Bool(!value),
        (Unary::Int, Value::Int(value)) => Value::Int(value),
        (Unary::Int, Value::Bool(value)) => Value::Int(i64::from(value)),
        (Unary::Int, Value::Float(value)) => int(integer(value))?,
        (Unary::Int | Unary::Float, Value::Text(span)) => {
            let text = Memory { constants, scratch }.text(span).trim();
            let unreadable = EvalError::Argument("a text that is no number cannot be made one");
            match operation {
                Unary::Int => Value::Int(text.parse().map_err(|_| unreadable)?),
                _ => Value::Float(text.parse().map_err(|_| unreadable)?),
            }
        }
        (Unary::Text, Value::Text(span)) => Value::Text(span),
        (Unary::Text, value) => Value::Text(scratch.write_value(value, constants)?),
        (Unary::Length, Value::Text(span)) => {
            length(Memory { constants, scratch }.text(span).chars().count())
        }
        (Unary::Length, Value::Bytes(span) | Value::Array(span)) => length(span.len()),
        (operation, value) => {
            let Some(value) = number(value) else {
                return Err(EvalError::Kind(unary_name(operation)));
            };
            match operation {
                Unary::Float => Value::Float(value),
                Unary::Floor => Value::Float(value.floor()),
                Unary::Ceil => Value::Float(value.ceil()),
                Unary::Sqrt if value >= 0.0 => Value::Float(value.sqrt()),
                Unary::Sqrt => {
                    return Err(EvalError::Argument("the square root of a negative number"));
                }
                Unary::Ln if value > 0.0 => Value::Float(libm::log(value)),
                Unary::Ln => {
                    return Err(EvalError::Argument(
                        "the logarithm of a number that is not above 0",
                    ));
                }
                Unary::Exp => Value::Float(libm::exp(value)),
                _ => return Err(EvalError::Kind(unary_name(operation))),
            }
        }
    })
}

/// Apply an operation to two values. NULL gives NULL, but for `and` and `or` by SQL's rules.
pub(super) fn binary(
    operation: Binary,
    (left, right): (Value, Value),
    constants: &Arena,
    scratch: &mut Arena,
) -> Result {
    if matches!(operation, Binary::And | Binary::Or) {
        return logical(operation, left, right);
    }
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Int(left), Value::Int(right)) => integers(operation, left, right),
        (Value::Text(left), Value::Text(right)) if operation == Binary::Concat => {
            Ok(Value::Text(scratch.join(left, right, constants)?))
        }
        _ => match (number(left), number(right)) {
            (Some(left), Some(right)) => doubles(operation, left, right),
            _ => compare(operation, order(left, right, Memory { constants, scratch }), left, right),
        },
    }
}

fn logical(operation: Binary, left: Value, right: Value) -> Result {
    let truth = |value| match value {
        Value::Bool(value) => Ok(Some(value)),
        Value::Null => Ok(None),
        _ => Err(EvalError::Kind("and/or")),
    };
    // The value that decides alone: false for `and`, true for `or`.
    let decisive = operation == Binary::Or;
    Ok(match (truth(left)?, truth(right)?) {
        (Some(value), _) | (_, Some(value)) if value == decisive => Value::Bool(decisive),
        (Some(_), Some(_)) => Value::Bool(!decisive),
        _ => Value::Null,
    })
}

fn integers(operation: Binary, left: i64, right: i64) -> Result {
    let shift = || u32::try_from(right).ok().filter(|bits| *bits < 64);
    let is_divided = matches!(operation, Binary::Div | Binary::FloorDiv | Binary::Mod);
    if is_divided && right == 0 {
        return Err(EvalError::DivisionByZero);
    }
    match operation {
        Binary::Add => int(left.checked_add(right)),
        Binary::Sub => int(left.checked_sub(right)),
        Binary::Mul => int(left.checked_mul(right)),
        Binary::FloorDiv => int(floor_div(left, right)),
        Binary::Mod => Ok(Value::Int(floor_mod(left, right))),
        Binary::Pow if right >= 0 => {
            int(u32::try_from(right).ok().and_then(|power| left.checked_pow(power)))
        }
        Binary::BitAnd => Ok(Value::Int(left & right)),
        Binary::BitOr => Ok(Value::Int(left | right)),
        Binary::BitXor => Ok(Value::Int(left ^ right)),
        Binary::ShiftLeft => int(shift().map(|bits| left << bits)),
        Binary::ShiftRight => int(shift().map(|bits| left >> bits)),
        Binary::Min => Ok(Value::Int(left.min(right))),
        Binary::Max => Ok(Value::Int(left.max(right))),
        #[expect(clippy::cast_precision_loss, reason = "as SQL casts")]
        Binary::Div | Binary::Pow => doubles(operation, left as f64, right as f64),
        _ => compare(operation, Some(left.cmp(&right)), Value::Int(left), Value::Int(right)),
    }
}

fn doubles(operation: Binary, left: f64, right: f64) -> Result {
    let is_divided = matches!(operation, Binary::Div | Binary::FloorDiv | Binary::Mod);
    if is_divided && right == 0.0 {
        return Err(EvalError::DivisionByZero);
    }
    Ok(Value::Float(match operation {
        Binary::Add => left + right,
        Binary::Sub => left - right,
        Binary::Mul => left * right,
        Binary::Div => left / right,
        Binary::FloorDiv => ((left - float_mod(left, right)) / right).round(),
        Binary::Mod => float_mod(left, right),
        Binary::Pow => libm::pow(left, right),
        _ => {
            let order = float_order(left, right);
            return compare(operation, Some(order), Value::Float(left), Value::Float(right));
        }
    }))
}

fn compare(operation: Binary, order: Option<Ordering>, left: Value, right: Value) -> Result {
    let Some(order) = order else { return Err(EvalError::Kind(binary_name(operation))) };
    Ok(match operation {
        Binary::Eq => Value::Bool(order.is_eq()),
        Binary::Ne => Value::Bool(order.is_ne()),
        Binary::Lt => Value::Bool(order.is_lt()),
        Binary::Le => Value::Bool(order.is_le()),
        Binary::Gt => Value::Bool(order.is_gt()),
        Binary::Ge => Value::Bool(order.is_ge()),
        Binary::Min => {
            if order.is_le() {
                left
            } else {
                right
            }
        }
        Binary::Max => {
            if order.is_ge() {
                left
            } else {
                right
            }
        }
        _ => return Err(EvalError::Kind(binary_name(operation))),
    })
}

fn order(left: Value, right: Value, memory: Memory<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(&right)),
        (Value::Text(left), Value::Text(right)) | (Value::Bytes(left), Value::Bytes(right)) => {
            Some(memory.bytes(left).cmp(memory.bytes(right)))
        }
        _ => None,
    }
}

/// Remainder with the sign of the divisor, which is not 0.
fn floor_mod(left: i64, right: i64) -> i64 {
    let remainder = left.wrapping_rem(right);
    if remainder != 0 && (remainder < 0) != (right < 0) { remainder + right } else { remainder }
}

/// As [`floor_mod`].
fn float_mod(left: f64, right: f64) -> f64 {
    let remainder = libm::fmod(left, right);
    if remainder != 0.0 && (remainder < 0.0) != (right < 0.0) {
        remainder + right
    } else {
        remainder
    }
}

/// PostgreSQL's order of doubles: NaN equals itself and is above all others.
fn float_order(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

fn floor_div(left: i64, right: i64) -> Option<i64> {
    let quotient = left.checked_div(right)?;
    let is_inexact_and_negative = left % right != 0 && (left < 0) != (right < 0);
    Some(quotient - i64::from(is_inexact_and_negative))
}

fn int(value: Option<i64>) -> Result {
    value.map(Value::Int).ok_or(EvalError::OutOfRange)
}

fn length(size: usize) -> Value {
    Value::Int(i64::try_from(size).unwrap_or(i64::MAX))
}

/// The nearest integer, halves to even; `None` outside of 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
fn integer(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let rounded = value.round_ties_even();
    (-LIMIT..LIMIT).contains(&rounded).then_some(rounded as i64)
}

#[expect(clippy::cast_precision_loss, reason = "as SQL casts")]
fn number(value: Value) -> Option<f64> {
    match value {
        Value::Int(value) => Some(value as f64),
        Value::Float(value) => Some(value),
        _ => None,
    }
}

fn unary_name(operation: Unary) -> &'static str {
    match operation {
        Unary::Neg => "-",
        Unary::Not => "not",
        Unary::Abs => "abs",
        Unary::Int => "int",
        Unary::Float => "float",
        Unary::Text => "text",
        Unary::IsNull => "is null",
        Unary::Floor => "floor",
        Unary::Ceil => "ceil",
        Unary::Sqrt => "sqrt",
        Unary::Ln => "ln",
        Unary::Exp => "exp",
        Unary::Length => "length",
    }
}

fn binary_name(operation: Binary) -> &'static str {
    match operation {
        Binary::Add => "+",
        Binary::Sub => "-",
        Binary::Mul => "*",
        Binary::Div => "/",
        Binary::FloorDiv => "//",
        Binary::Mod => "%",
        Binary::Pow => "**",
        Binary::Eq | Binary::Ne | Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge => {
            "a comparison"
        }
        Binary::And => "and",
        Binary::Or => "or",
        Binary::Min => "min",
        Binary::Max => "max",
        Binary::Concat => "joining texts",
        Binary::BitAnd | Binary::BitOr | Binary::BitXor => "a bit operation",
        Binary::ShiftLeft | Binary::ShiftRight => "a shift",
    }
}
