//! `numeric` in binary form: digits to the base 10,000.

use std::io::Write;

use super::{MISMATCH, Result};
use crate::expr::EvalError;
use crate::value::{Memory, Value};

/// Longest text: a double without exponent takes up to 330 characters.
const MAX_BYTES: usize = 400;
const MAX_EXPONENT: i32 = 1000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;

/// A decimal number as it was written.
struct Decimal<'a> {
    is_negative: bool,
    /// Digits, perhaps with a point among them.
    digits: &'a [u8],
    digit_count: i32,
    /// How many digits stand before the point, which may have been typed with.
    before_point: i32,
    /// How many of `digits` stand before the point that was moved by the exponent.
    point_at: i32,
}

/// Append a number, or a text that is one.
pub(super) fn append(value: Value, memory: Memory<'_>, out: &mut Vec<u8>) -> Result<()> {
    let mut buffer = [0; MAX_BYTES];
    let mut rest = &mut buffer[..];
    let text = match value {
        Value::Text(span) => memory.text(span).trim().as_bytes(),
        Value::Int(value) => {
            write!(rest, "{value}").map_err(|_| EvalError::OutOfRange)?;
            let length = MAX_BYTES - rest.len();
            &buffer[..length]
        }
        Value::Float(value) => {
            write!(rest, "{value}").map_err(|_| EvalError::OutOfRange)?;
            let length = MAX_BYTES - rest.len();
            &buffer[..length]
        }
        _ => return Err(MISMATCH),
    };
    if text.eq_ignore_ascii_case(b"nan") {
        for word in [0, 0, NAN, 0] {
            out.extend(word.to_be_bytes());
        }
        return Ok(());
    }
    let decimal = Decimal::parse(text).ok_or(EvalError::Argument("a text that is no number"))?;
    decimal.append(out);
    Ok(())
}

impl<'a> Decimal<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        let is_negative = text.first() == Some(&b'-');
        let has_sign = is_negative || text.first() == Some(&b'+');
        let text = &text[usize::from(has_sign)..];
        let exponent_at = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
        let (digits, exponent) = match exponent_at {
            Some(at) => (&text[..at], std::str::from_utf8(&text[at + 1..]).ok()?.parse().ok()?),
            None => (text, 0),
        };
        let point = digits.iter().position(|byte| *byte == b'.');
        let digit_count = digits.len() - usize::from(point.is_some());
        let is_sound = digit_count > 0
            && digits.len() <= MAX_BYTES
            && (-MAX_EXPONENT..=MAX_EXPONENT).contains(&exponent)
            && digits.iter().filter(|byte| !byte.is_ascii_digit()).count()
                == digits.len() - digit_count;
        if !is_sound {
            return None;
        }
        let before_point = i32::try_from(point.unwrap_or(digits.len())).ok()?;
        Some(Self {
            is_negative,
            digits,
            digit_count: i32::try_from(digit_count).ok()?,
            before_point,
            point_at: before_point + exponent,
        })
    }

    /// The digit of ten to this power.
    fn digit(&self, power: i32) -> u8 {
        let number = self.point_at - 1 - power;
        if !(0..self.digit_count).contains(&number) {
            return 0;
        }
        let at = number + i32::from(number >= self.before_point);
        usize::try_from(at).map_or(0, |at| self.digits[at] - b'0')
    }

    fn append(&self, out: &mut Vec<u8>) {
        let lowest = self.point_at - self.digit_count;
        let powers = lowest..self.point_at;
        let first = powers.clone().rev().find(|power| self.digit(*power) > 0);
        let last = powers.clone().find(|power| self.digit(*power) > 0);
        let scale = word((-lowest).max(0));
        let (Some(first), Some(last)) = (first, last) else {
            for field in [0, 0, 0, scale] {
                out.extend(field.to_be_bytes());
            }
            return;
        };
        let (weight, end) = (first.div_euclid(4), last.div_euclid(4));
        out.extend(word(weight - end + 1).to_be_bytes());
        out.extend(word(weight).to_be_bytes());
        out.extend(if self.is_negative { NEGATIVE } else { 0 }.to_be_bytes());
        out.extend(scale.to_be_bytes());
        for group in (end..=weight).rev() {
            let digits = (0..4).rev().map(|place| u16::from(self.digit(4 * group + place)));
            out.extend(digits.fold(0, |sum, digit| 10 * sum + digit).to_be_bytes());
        }
    }
}

/// The low half: numbers here are within 16 bits, since text and exponent are limited.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as the name says")]
fn word(number: i32) -> u16 {
    number as u16
}
