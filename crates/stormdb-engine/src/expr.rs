//! Evaluates expressions of a program: no allocation but in the transaction's arena.

mod operations;

use crate::draw::{Draws, hash, permute};
use crate::program::{ExprId, Generator, List, Node, Program};
use crate::value::{Arena, ArenaFull, Memory, Value};

/// Why an expression has no value. The transaction fails with the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A number does not fit.
    #[error("a number does not fit into 64 bits")]
    OutOfRange,
    /// Division by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// An operation on kinds of values that it does not know.
    #[error("{0} cannot be applied to such values")]
    Kind(&'static str),
    /// An index outside of a table or array.
    #[error("an index lies outside of its table or array")]
    Index,
    /// An argument that the function does not allow.
    #[error("{0}")]
    Argument(&'static str),
    /// More than 1 GiB of texts in one transaction.
    #[error("the texts of one transaction take more than 1 GiB")]
    Memory,
}

impl EvalError {
    /// The SQLSTATE that PostgreSQL uses for such a failure.
    #[must_use]
    pub fn sqlstate_bytes(self) -> [u8; 5] {
        *match self {
            Self::OutOfRange => b"22003",
            Self::DivisionByZero => b"22012",
            Self::Kind(_) => b"42804",
            Self::Index => b"2202E",
            Self::Argument(_) => b"22023",
            Self::Memory => b"54000",
        }
    }
}

impl From<ArenaFull> for EvalError {
    fn from(_: ArenaFull) -> Self {
        Self::Memory
    }
}

/// Longest text, and most bytes, that one draw makes.
const MAX_TEXT: i64 = 1 << 24;

/// What expressions of one transaction can see.
pub struct Scope<'a> {
    /// The program.
    pub program: &'a Program,
    /// The transaction's variables.
    pub slots: &'a [Value],
    /// Memory for new texts and arrays.
    pub scratch: &'a mut Arena,
    /// The transaction's random values.
    pub draws: Draws,
}

impl Scope<'_> {
    /// Value of an expression.
    ///
    /// # Errors
    /// It has none.
    pub fn value(&mut self, id: ExprId) -> Result<Value, EvalError> {
        let program = self.program;
        match &program.nodes[id as usize] {
            Node::Const(value) => Ok(*value),
            Node::Slot(slot) => Ok(self.slots[*slot as usize]),
            Node::Unary(operation, operand) => {
                let operand = self.value(*operand)?;
                operations::unary(*operation, operand, &program.constants, self.scratch)
            }
            Node::Binary(operation, left, right) => {
                let (left, right) = (self.value(*left)?, self.value(*right)?);
                operations::binary(*operation, (left, right), &program.constants, self.scratch)
            }
            Node::Case(list) => self.case(*list),
            Node::Table(table, index) => {
                let index = self.integer(*index)?;
                entry(self.memory().elements(*table), index)
            }
            Node::Array(list) => self.array(*list),
            Node::Index(array, index) => {
                let (array, index) = (self.value(*array)?, self.integer(*index)?);
                match array {
                    Value::Array(span) => entry(self.memory().elements(span), index),
                    Value::Null => Ok(Value::Null),
                    _ => Err(EvalError::Kind("an index")),
                }
            }
            Node::Draw { draw, generator } => self.draw(*draw, generator),
            Node::Permute { size, seed, value } => {
                let (size, value) = (self.integer(*size)?, self.integer(*value)?);
                Ok(both(size, value)
                    .map_or(Value::Null, |(size, value)| Value::Int(permute(value, size, *seed))))
            }
            Node::Hash { value, seed } => {
                let value = self.integer(*value)?;
                Ok(value.map_or(Value::Null, |value| Value::Int(hash(value, *seed))))
            }
            Node::Sequence => {
                i64::try_from(self.draws.index).map(Value::Int).map_err(|_| EvalError::OutOfRange)
            }
        }
    }

    /// True if a condition is true; NULL is not.
    ///
    /// # Errors
    /// It is neither a boolean nor NULL, or has no value.
    pub fn is_true(&mut self, id: ExprId) -> Result<bool, EvalError> {
        match self.value(id)? {
            Value::Bool(value) => Ok(value),
            Value::Null => Ok(false),
            _ => Err(EvalError::Kind("a condition")),
        }
    }

    /// An integer; `None` for NULL.
    ///
    /// # Errors
    /// It is something else, or has no value.
    pub fn integer(&mut self, id: ExprId) -> Result<Option<i64>, EvalError> {
        match self.value(id)? {
            Value::Int(value) => Ok(Some(value)),
            Value::Null => Ok(None),
            _ => Err(EvalError::Kind("an integer argument")),
        }
    }

    /// A number as a double; `None` for NULL.
    ///
    /// # Errors
    /// It is something else, or has no value.
    #[expect(clippy::cast_precision_loss, reason = "as SQL casts")]
    pub fn number(&mut self, id: ExprId) -> Result<Option<f64>, EvalError> {
        match self.value(id)? {
            Value::Int(value) => Ok(Some(value as f64)),
            Value::Float(value) => Ok(Some(value)),
            Value::Null => Ok(None),
            _ => Err(EvalError::Kind("a numeric argument")),
        }
    }

    fn memory(&self) -> Memory<'_> {
        Memory { constants: &self.program.constants, scratch: self.scratch }
    }

    fn case(&mut self, list: List) -> Result<Value, EvalError> {
        let mut parts = self.program.list(list);
        while let [condition, value, rest @ ..] = parts {
            if self.is_true(*condition)? {
                return self.value(*value);
            }
            parts = rest;
        }
        self.value(parts[0])
    }

    fn array(&mut self, list: List) -> Result<Value, EvalError> {
        // Inner arrays are evaluated first, so the elements of this one lie together.
        const AT_ONCE: usize = 16;
        let ids = self.program.list(list);
        if ids.len() <= AT_ONCE {
            let mut values = [Value::Null; AT_ONCE];
            for (value, id) in values.iter_mut().zip(ids) {
                *value = self.value(*id)?;
            }
            return Ok(Value::Array(
                self.scratch.write_elements(values.into_iter().take(ids.len()))?,
            ));
        }
        let values = ids.iter().map(|id| self.value(*id)).collect::<Result<Vec<_>, _>>()?;
        Ok(Value::Array(self.scratch.write_elements(values)?))
    }

    fn draw(&mut self, draw: u32, generator: &Generator) -> Result<Value, EvalError> {
        let mut words = self.draws.words(draw);
        Ok(match generator {
            Generator::Uniform { low, high } => match self.integers(*low, *high)? {
                Some((low, high)) => Value::Int(words.integer(low, high)),
                None => Value::Null,
            },
            Generator::UniformFloat { low, high } => {
                match both(self.number(*low)?, self.number(*high)?) {
                    Some((low, high)) => Value::Float(low + words.unit() * (high - low)),
                    None => Value::Null,
                }
            }
            Generator::Zipf { count, skew } => match self.integer(*count)? {
                Some(count) => match u64::try_from(count) {
                    Ok(count @ 1..) => Value::Int(words.zipf(count, *skew).cast_signed()),
                    _ => return Err(EvalError::Argument("zipf over less than one value")),
                },
                None => Value::Null,
            },
            Generator::Gaussian { low, high, sigmas } => match self.integers(*low, *high)? {
                Some((low, high)) => Value::Int(scaled(
                    low,
                    high,
                    (words.normal_within(*sigmas) + sigmas) / (2.0 * sigmas),
                )),
                None => Value::Null,
            },
            Generator::Exponential { low, high, decay } => match self.integers(*low, *high)? {
                Some((low, high)) => Value::Int(scaled(low, high, words.exponential_unit(*decay))),
                None => Value::Null,
            },
            Generator::Nurand { a, c, low, high } => match self.integers(*low, *high)? {
                Some((low, high)) => {
                    let mixed = words.integer(0, *a) | words.integer(low, high);
                    let size = high
                        .checked_sub(low)
                        .and_then(|size| size.checked_add(1))
                        .ok_or(EvalError::OutOfRange)?;
                    let sum = mixed.checked_add(*c).ok_or(EvalError::OutOfRange)?;
                    Value::Int(sum.rem_euclid(size) + low)
                }
                None => Value::Null,
            },
            Generator::Choice { cumulated, values } => {
                let point = words.unit();
                let chosen = cumulated.partition_point(|sum| *sum <= point);
                let ids = self.program.list(*values);
                return self.value(ids[chosen.min(ids.len() - 1)]);
            }
            Generator::Pattern(_)
            | Generator::Text { .. }
            | Generator::Bytes { .. }
            | Generator::Uuid => {
                return self.draw_text(words, generator);
            }
            Generator::Vector { dimensions, is_normalised } => {
                let start = words.clone();
                let norm = (0..*dimensions)
                    .map(|_| words.normal_within(f64::INFINITY).powi(2))
                    .sum::<f64>()
                    .sqrt();
                let scale = if *is_normalised && norm > 0.0 { 1.0 / norm } else { 1.0 };
                let mut again = start;
                let elements = (0..*dimensions)
                    .map(|_| Value::Float(again.normal_within(f64::INFINITY) * scale));
                Value::Array(self.scratch.write_elements(elements)?)
            }
        })
    }

    fn draw_text(
        &mut self,
        mut words: crate::draw::Words,
        generator: &Generator,
    ) -> Result<Value, EvalError> {
        let last = |bytes: &[u8]| (bytes.len() - 1) as u64;
        let mut pick = |alphabet: &[u8]| {
            alphabet[usize::try_from(words.below_or_at(last(alphabet))).unwrap_or(0)]
        };
        let span = match generator {
            Generator::Pattern(pattern) => self.scratch.write(|out| {
                out.extend(pattern.iter().map(|byte| match byte {
                    b'#' => pick(DIGITS),
                    b'?' => pick(LETTERS),
                    b'*' => pick(ALPHANUMERIC),
                    other => *other,
                }));
            })?,
            Generator::Uuid => self.scratch.write(|out| {
                out.extend(b"xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".iter().map(|byte| match byte {
                    b'x' => pick(HEXADECIMAL),
                    b'y' => pick(b"89ab"),
                    other => *other,
                }));
            })?,
            Generator::Text { min, max, alphabet } => {
                let Some((min, max)) = both(self.integer(*min)?, self.integer(*max)?) else {
                    return Ok(Value::Null);
                };
                let length = words.integer(min, max);
                if !(0..=MAX_TEXT).contains(&length) {
                    return Err(EvalError::Argument(
                        "a text has between 0 and 16,777,216 characters",
                    ));
                }
                let last = last(alphabet);
                self.scratch.write(|out| {
                    out.extend(
                        (0..length).map(|_| {
                            alphabet[usize::try_from(words.below_or_at(last)).unwrap_or(0)]
                        }),
                    );
                })?
            }
            Generator::Bytes { length } => {
                let Some(length) = self.integer(*length)? else { return Ok(Value::Null) };
                if !(0..=MAX_TEXT).contains(&length) {
                    return Err(EvalError::Argument("between 0 and 16,777,216 bytes can be drawn"));
                }
                let span = self.scratch.write(|out| {
                    out.extend((0..length).map(|_| words.below_or_at(255).to_le_bytes()[0]));
                })?;
                return Ok(Value::Bytes(span));
            }
            _ => return Err(EvalError::Kind("a text")),
        };
        Ok(Value::Text(span))
    }

    fn integers(&mut self, low: ExprId, high: ExprId) -> Result<Option<(i64, i64)>, EvalError> {
        let bounds = both(self.integer(low)?, self.integer(high)?);
        if bounds.is_some_and(|(low, high)| high < low) {
            return Err(EvalError::Argument(
                "a random value between bounds of which the upper is below the lower",
            ));
        }
        Ok(bounds)
    }
}

const DIGITS: &[u8] = b"0123456789";
const HEXADECIMAL: &[u8] = b"0123456789abcdef";
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const ALPHANUMERIC: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Where a point of `[0, 1)` lies in `low ..= high`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "clamped to the bounds"
)]
fn scaled(low: i64, high: i64, point: f64) -> i64 {
    let size = high as f64 - low as f64 + 1.0;
    low.saturating_add((size * point) as i64).clamp(low, high)
}

fn entry(elements: &[Value], index: Option<i64>) -> Result<Value, EvalError> {
    let Some(index) = index else { return Ok(Value::Null) };
    let found = usize::try_from(index).ok().and_then(|index| elements.get(index));
    found.copied().ok_or(EvalError::Index)
}

fn both<A, B>(left: Option<A>, right: Option<B>) -> Option<(A, B)> {
    Some((left?, right?))
}

#[cfg(test)]
mod tests;
