//! Preparing the program's statements, and the values that go with each execution.

use std::fmt::Write;

use stormdb_wire::backend::{self, Backend};
use stormdb_wire::frontend::{self, Format};
use stormdb_wire::{Error as WireError, Frame};

use crate::expr::EvalError;
use crate::program::{Program, Step};
use crate::value::{Memory, Value, write_text};

/// Name of the prepared COMMIT.
const COMMIT: &[u8] = b"c";
/// Name of the prepared ROLLBACK.
const ROLLBACK: &[u8] = b"r";
/// Longest name: `s` and the digits of a number.
const NAME_BYTES: usize = 12;

/// Statements as one connection has prepared them.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    /// Types of each statement's parameters.
    parameter_oids: Vec<Box<[u32]>>,
}

/// A statement that the server would not prepare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unprepared {
    /// Its number; `None` for BEGIN, COMMIT or ROLLBACK.
    pub statement: Option<u32>,
    /// Why.
    pub sqlstate: String,
    /// Why, in the server's words.
    pub message: String,
}

/// The dialogue that prepares all statements at once.
#[derive(Debug, Default)]
pub struct Preparing {
    parsed: usize,
    parameter_oids: Vec<Box<[u32]>>,
    failure: Option<Unprepared>,
}

impl Preparing {
    /// Append the requests for every statement of the program.
    ///
    /// # Errors
    /// A statement contains a zero byte.
    pub fn begin(program: &Program, out: &mut Vec<u8>) -> Result<Self, WireError> {
        let mut name = String::with_capacity(NAME_BYTES);
        for (index, statement) in program.statements.iter().enumerate() {
            set_name(&mut name, 's', index);
            frontend::parse(name.as_bytes(), statement.sql.as_bytes(), &[], out)?;
            frontend::describe_statement(name.as_bytes(), out)?;
        }
        for (index, step) in program.steps.iter().enumerate() {
            if let Step::Begin { sql, .. } = step {
                set_name(&mut name, 'b', index);
                frontend::parse(name.as_bytes(), sql.as_bytes(), &[], out)?;
            }
        }
        frontend::parse(COMMIT, b"COMMIT", &[], out)?;
        frontend::parse(ROLLBACK, b"ROLLBACK", &[], out)?;
        frontend::sync(out);
        Ok(Self::default())
    }

    /// Take one message; `Some` once the server is ready.
    ///
    /// # Errors
    /// The server broke the protocol.
    ///
    /// # Panics
    /// Never: a verified program has at most 1,000 statements.
    pub fn advance(
        &mut self,
        program: &Program,
        frame: Frame<'_>,
    ) -> Result<Option<Result<Prepared, Unprepared>>, WireError> {
        match backend::decode(frame)? {
            Backend::ParseComplete => self.parsed += 1,
            Backend::ParameterDescription(mut types) => {
                let mut oids = Vec::with_capacity(types.len());
                while let Some(oid) = types.next_type_oid()? {
                    oids.push(oid);
                }
                self.parameter_oids.push(oids.into_boxed_slice());
            }
            Backend::Error(error) => {
                let is_statement = self.parsed < program.statements.len();
                self.failure = Some(Unprepared {
                    statement: is_statement
                        .then(|| u32::try_from(self.parsed).expect("at most 1,000")),
                    sqlstate: String::from_utf8_lossy(error.sqlstate).into_owned(),
                    message: String::from_utf8_lossy(error.message).into_owned(),
                });
            }
            Backend::Ready(_) => {
                let parameter_oids = std::mem::take(&mut self.parameter_oids);
                return Ok(Some(self.failure.take().map_or(Ok(Prepared { parameter_oids }), Err)));
            }
            _ => {}
        }
        Ok(None)
    }
}

impl Prepared {
    /// Append a Bind and an Execute of a statement.
    ///
    /// # Errors
    /// A value does not fit its parameter; nothing was appended.
    pub(super) fn execute(
        &self,
        statement: u32,
        values: &[Value],
        memory: Memory<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EvalError> {
        let oids = &self.parameter_oids[statement as usize];
        for (value, oid) in values.iter().zip(oids) {
            check_range(*value, *oid)?;
        }
        let mut name = [0; NAME_BYTES];
        let name = number_name(b's', statement as usize, &mut name);
        let formats = values.iter().zip(oids).map(|(value, oid)| format_of(*value, *oid));
        frontend::bind(name, formats, Format::Text, out, |out| {
            for (value, oid) in values.iter().zip(oids) {
                append(*value, *oid, memory, out);
            }
            Ok(())
        })
        .map_err(|_| EvalError::Argument("a parameter is larger than 1 GiB"))?;
        frontend::execute(out);
        Ok(())
    }
}

/// Append the execution of the BEGIN of a block.
pub(super) fn begin(step: usize, out: &mut Vec<u8>) {
    let mut name = [0; NAME_BYTES];
    bare(number_name(b'b', step, &mut name), out);
}

/// Append COMMIT and the end of the request.
pub(super) fn commit(out: &mut Vec<u8>) {
    bare(COMMIT, out);
    frontend::sync(out);
}

/// Append ROLLBACK and the end of the request.
pub(super) fn rollback(out: &mut Vec<u8>) {
    bare(ROLLBACK, out);
    frontend::sync(out);
}

fn bare(name: &[u8], out: &mut Vec<u8>) {
    frontend::bind(name, std::iter::empty(), Format::Text, out, |_| Ok(()))
        .expect("names have no zero byte");
    frontend::execute(out);
}

fn set_name(name: &mut String, letter: char, number: usize) {
    name.clear();
    write!(name, "{letter}{number}").expect("writing to a String cannot fail");
}

/// `letter` and `number` without allocation.
fn number_name(letter: u8, mut number: usize, buffer: &mut [u8; NAME_BYTES]) -> &[u8] {
    let mut at = NAME_BYTES;
    loop {
        at -= 1;
        buffer[at] = b'0' + (number % 10).to_le_bytes()[0];
        number /= 10;
        if number == 0 {
            buffer[at - 1] = letter;
            return &buffer[at - 1..];
        }
    }
}

/// Object ids of PostgreSQL's built-in types.
mod oid {
    pub(super) const BOOL: u32 = 16;
    pub(super) const BYTEA: u32 = 17;
    pub(super) const INT8: u32 = 20;
    pub(super) const INT2: u32 = 21;
    pub(super) const INT4: u32 = 23;
    pub(super) const OID: u32 = 26;
    pub(super) const FLOAT4: u32 = 700;
    pub(super) const FLOAT8: u32 = 701;
    pub(super) const VECTOR_MIN: u32 = 16_384;
}

fn format_of(value: Value, oid: u32) -> Format {
    match (value, oid) {
        (Value::Bool(_), oid::BOOL)
        | (Value::Bytes(_), oid::BYTEA)
        | (
            Value::Int(_),
            oid::INT2 | oid::INT4 | oid::INT8 | oid::OID | oid::FLOAT4 | oid::FLOAT8,
        )
        | (Value::Float(_), oid::FLOAT4 | oid::FLOAT8) => Format::Binary,
        _ => Format::Text,
    }
}

fn check_range(value: Value, oid: u32) -> Result<(), EvalError> {
    let is_in_range = match (value, oid) {
        (Value::Int(value), oid::INT2) => i16::try_from(value).is_ok(),
        (Value::Int(value), oid::INT4) => i32::try_from(value).is_ok(),
        (Value::Int(value), oid::OID) => u32::try_from(value).is_ok(),
        _ => true,
    };
    if is_in_range { Ok(()) } else { Err(EvalError::OutOfRange) }
}

/// Append one parameter with its length, in the form that `format_of` says.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "as SQL casts; ranges were checked"
)]
fn append(value: Value, oid: u32, memory: Memory<'_>, out: &mut Vec<u8>) {
    match (value, oid) {
        (Value::Null, _) => frontend::null(out),
        (Value::Bool(value), oid::BOOL) => fixed(&[u8::from(value)], out),
        (Value::Int(value), oid::INT2) => fixed(&(value as i16).to_be_bytes(), out),
        (Value::Int(value), oid::INT4 | oid::OID) => fixed(&value.to_be_bytes()[4..], out),
        (Value::Int(value), oid::INT8) => fixed(&value.to_be_bytes(), out),
        (Value::Int(value), oid::FLOAT4) => fixed(&(value as f32).to_be_bytes(), out),
        (Value::Int(value), oid::FLOAT8) => fixed(&(value as f64).to_be_bytes(), out),
        (Value::Float(value), oid::FLOAT4) => fixed(&(value as f32).to_be_bytes(), out),
        (Value::Float(value), oid::FLOAT8) => fixed(&value.to_be_bytes(), out),
        (Value::Bytes(span), oid::BYTEA) => fixed(memory.bytes(span), out),
        (value, oid) => {
            let at = out.len();
            out.extend_from_slice(&[0; 4]);
            write_text(value, memory, out);
            let is_vector = matches!(value, Value::Array(_)) && oid >= oid::VECTOR_MIN;
            if is_vector {
                // pgvector writes arrays in square brackets.
                out[at + 4] = b'[';
                *out.last_mut().expect("an array has brackets") = b']';
            }
            let length = i32::try_from(out.len() - at - 4).expect("an arena is below 2^30");
            out[at..at + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
}

fn fixed(bytes: &[u8], out: &mut Vec<u8>) {
    frontend::value(bytes, out).expect("an arena is below 2^30");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_a_letter_and_the_number() {
        for (number, name) in
            [(0, "s0"), (7, "s7"), (1234, "s1234"), (4_294_967_295, "s4294967295")]
        {
            assert_eq!(number_name(b's', number, &mut [0; NAME_BYTES]), name.as_bytes());
        }
    }
}
