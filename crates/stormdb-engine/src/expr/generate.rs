//! Random values: one arm per distribution.

use super::{EvalError, Scope, both};
use crate::draw::Words;
use crate::program::{ExprId, Generator};
use crate::value::Value;

type Result<T> = std::result::Result<T, EvalError>;

/// Longest text, and most bytes, that one draw makes.
const MAX_TEXT: i64 = 1 << 24;
const DIGITS: &[u8] = b"0123456789";
const HEXADECIMAL: &[u8] = b"0123456789abcdef";
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const ALPHANUMERIC: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

impl Scope<'_> {
    /// A random value; NULL if a parameter of its distribution is.
    pub(super) fn draw(&mut self, draw: u32, generator: &Generator) -> Result<Value> {
        let words = self.draws.words(draw);
        match generator {
            Generator::Uniform { .. }
            | Generator::Zipf { .. }
            | Generator::Gaussian { .. }
            | Generator::Exponential { .. }
            | Generator::Nurand { .. } => {
                Ok(self.draw_integer(words, generator)?.map_or(Value::Null, Value::Int))
            }
            Generator::UniformFloat { low, high } => {
                match both(self.number(*low)?, self.number(*high)?) {
                    Some((low, high)) => between(low, high, words).map(Value::Float),
                    None => Ok(Value::Null),
                }
            }
            Generator::Choice { cumulated, values } => {
                let mut words = words;
                let point = words.unit();
                let chosen = cumulated.partition_point(|sum| *sum <= point);
                let ids = self.program.list(*values);
                self.value(ids[chosen.min(ids.len() - 1)])
            }
            Generator::Pattern(_) | Generator::Text { .. } | Generator::Uuid => {
                self.draw_text(words, generator)
            }
            Generator::Bytes { length } => self.draw_bytes(words, *length),
            Generator::Vector { dimensions, is_normalised } => {
                self.draw_vector(words, *dimensions, *is_normalised)
            }
        }
    }

    fn draw_integer(&mut self, mut words: Words, generator: &Generator) -> Result<Option<i64>> {
        Ok(match generator {
            Generator::Zipf { count, skew } => {
                let Some(count) = self.integer(*count)? else { return Ok(None) };
                let count = u64::try_from(count).ok().filter(|count| *count > 0);
                let count = count.ok_or(EvalError::Argument("zipf over less than one value"))?;
                Some(words.zipf(count, *skew).cast_signed())
            }
            Generator::Uniform { low, high } => {
                self.integers(*low, *high)?.map(|(low, high)| words.integer(low, high))
            }
            Generator::Gaussian { low, high, sigmas } => {
                let bounds = self.integers(*low, *high)?;
                bounds.map(|bounds| {
                    scaled(bounds, (words.normal_within(*sigmas) + sigmas) / (2.0 * sigmas))
                })
            }
            Generator::Exponential { low, high, decay } => {
                let bounds = self.integers(*low, *high)?;
                bounds.map(|bounds| scaled(bounds, words.exponential_unit(*decay)))
            }
            Generator::Nurand { a, c, low, high } => match self.integers(*low, *high)? {
                Some((low, high)) => Some(nurand((*a, *c), (low, high), words)?),
                None => None,
            },
            _ => return Err(EvalError::Kind("an integer")),
        })
    }

    fn draw_text(&mut self, mut words: Words, generator: &Generator) -> Result<Value> {
        let span = match generator {
            Generator::Pattern(pattern) => self.scratch.write(|out| {
                out.extend(pattern.iter().map(|byte| match byte {
                    b'#' => pick(&mut words, DIGITS),
                    b'?' => pick(&mut words, LETTERS),
                    b'*' => pick(&mut words, ALPHANUMERIC),
                    other => *other,
                }));
            })?,
            Generator::Uuid => self.scratch.write(|out| {
                out.extend(b"xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".iter().map(|byte| match byte {
                    b'x' => pick(&mut words, HEXADECIMAL),
                    b'y' => pick(&mut words, b"89ab"),
                    other => *other,
                }));
            })?,
            Generator::Text { min, max, alphabet } => {
                let Some((min, max)) = self.integers(*min, *max)? else { return Ok(Value::Null) };
                let length = checked_length(words.integer(min, max))?;
                self.scratch
                    .write(|out| out.extend((0..length).map(|_| pick(&mut words, alphabet))))?
            }
            _ => return Err(EvalError::Kind("a text")),
        };
        Ok(Value::Text(span))
    }

    fn draw_bytes(&mut self, mut words: Words, length: ExprId) -> Result<Value> {
        let Some(length) = self.integer(length)? else { return Ok(Value::Null) };
        let length = checked_length(length)?;
        let span = self.scratch.write(|out| {
            out.extend((0..length).map(|_| words.below_or_at(255).to_le_bytes()[0]));
        })?;
        Ok(Value::Bytes(span))
    }

    fn draw_vector(
        &mut self,
        mut words: Words,
        dimensions: u32,
        is_normalised: bool,
    ) -> Result<Value> {
        // The same words twice, so that no list of them is needed.
        let mut again = words.clone();
        let norm =
            (0..dimensions).map(|_| words.normal_within(f64::INFINITY).powi(2)).sum::<f64>().sqrt();
        let scale = if is_normalised && norm > 0.0 { 1.0 / norm } else { 1.0 };
        let elements =
            (0..dimensions).map(|_| Value::Float(again.normal_within(f64::INFINITY) * scale));
        Ok(Value::Array(self.scratch.write_elements(elements)?))
    }

    fn integers(&mut self, low: ExprId, high: ExprId) -> Result<Option<(i64, i64)>> {
        let bounds = both(self.integer(low)?, self.integer(high)?);
        if bounds.is_some_and(|(low, high)| high < low) {
            return Err(EvalError::Argument(
                "a random value between bounds of which the upper is below the lower",
            ));
        }
        Ok(bounds)
    }
}

fn pick(words: &mut Words, alphabet: &[u8]) -> u8 {
    let last = (alphabet.len() - 1) as u64;
    alphabet[usize::try_from(words.below_or_at(last)).unwrap_or(0)]
}

fn checked_length(length: i64) -> Result<i64> {
    if (0..=MAX_TEXT).contains(&length) {
        Ok(length)
    } else {
        Err(EvalError::Argument(
            "a random text or bytes must have between 0 and 16,777,216 of them",
        ))
    }
}

/// TPC-C's non-uniform random number.
///
/// Source: TPC Benchmark C, revision 5.11, clause 2.1.6.
fn nurand((a, c): (i64, i64), (low, high): (i64, i64), mut words: Words) -> Result<i64> {
    let mixed = words.integer(0, a) | words.integer(low, high);
    let size = high.checked_sub(low).and_then(|size| size.checked_add(1));
    let size = size.ok_or(EvalError::OutOfRange)?;
    let sum = mixed.checked_add(c).ok_or(EvalError::OutOfRange)?;
    Ok(sum.rem_euclid(size) + low)
}

/// Where a point of `[0, 1)` lies in `low ..= high`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the bounds"
)]
fn scaled((low, high): (i64, i64), point: f64) -> i64 {
    let last = high.wrapping_sub(low).cast_unsigned();
    let offset = (((last as f64) + 1.0) * point) as u64;
    low.wrapping_add_unsigned(offset.min(last))
}

/// A double in `[low, high)`.
fn between(low: f64, high: f64, mut words: Words) -> Result<f64> {
    let size = high - low;
    if !(size.is_finite() && size >= 0.0) {
        return Err(EvalError::Argument(
            "a random value between bounds of which the upper is below the lower",
        ));
    }
    let value = low + words.unit() * size;
    // Rounding may reach the upper bound.
    Ok(if value < high { value } else { low })
}
