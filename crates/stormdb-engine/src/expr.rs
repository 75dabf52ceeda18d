//! Evaluates expressions of a program: no allocation but in the transaction's arena.

mod generate;
mod operations;

use crate::draw::{Draws, hash, permute};
use crate::program::{ExprId, List, Node, Program};
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
    /// More texts in one transaction than [`crate::value::MAX_ARENA`].
    #[error("the texts of one transaction take more than 256 MiB")]
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

impl From<stormdb_wire::Error> for EvalError {
    fn from(error: stormdb_wire::Error) -> Self {
        match error {
            stormdb_wire::Error::ZeroByte { .. } => Self::Argument("a text with a zero byte"),
            _ => Self::Argument("a statement of more than 2 GiB"),
        }
    }
}

impl From<ArenaFull> for EvalError {
    fn from(_: ArenaFull) -> Self {
        Self::Memory
    }
}

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
        // Room first: what inner arrays append comes after it.
        let ids = self.program.list(list);
        let array = self.scratch.write_nulls(ids.len())?;
        for (index, id) in ids.iter().enumerate() {
            let value = self.value(*id)?;
            self.scratch.set(array, index, value);
        }
        Ok(Value::Array(array))
    }
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
