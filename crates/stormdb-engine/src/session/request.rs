//! What is sent for a statement, in each of the three protocols.

use stormdb_wire::frontend::{self, Format};

use super::Prepared;
use crate::encoding::{ServerType, append_parameter, append_text, format_of};
use crate::expr::EvalError;
use crate::program::{Part, Program, Step};
use crate::value::{Memory, Value};

/// Longest name of a prepared statement: a letter and the digits of a number.
pub(super) const NAME_BYTES: usize = 24;
/// The unnamed statement, which each execution prepares anew.
const UNNAMED: &[u8] = b"";

/// How statements reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// One text with the values quoted in it. Needs `standard_conforming_strings`.
    Simple,
    /// Prepared as the unnamed statement for each execution; values as text, of types that the
    /// server finds. For servers and poolers that keep no prepared statements.
    Extended,
    /// Prepared once on each connection; values in binary form.
    #[default]
    Prepared,
}

/// A statement of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    /// Of the block that begins with this step.
    Begin(usize),
    Commit,
    Rollback,
    Savepoint,
    Release,
    RollbackTo,
}

impl Control {
    pub(super) fn sql(self, program: &Program) -> &str {
        match self {
            Self::Begin(step) => match &program.steps[step] {
                Step::Begin { sql, .. } => sql,
                _ => "BEGIN",
            },
            Self::Commit => "COMMIT",
            Self::Rollback => "ROLLBACK",
            Self::Savepoint => "SAVEPOINT stormdb",
            Self::Release => "RELEASE SAVEPOINT stormdb",
            Self::RollbackTo => "ROLLBACK TO SAVEPOINT stormdb",
        }
    }

    /// Its name as a prepared statement.
    pub(super) fn name(self, buffer: &mut [u8; NAME_BYTES]) -> &[u8] {
        match self {
            Self::Begin(step) => number_name(b'b', step, buffer),
            Self::Commit => b"c",
            Self::Rollback => b"r",
            Self::Savepoint => b"p",
            Self::Release => b"l",
            Self::RollbackTo => b"t",
        }
    }
}

/// A statement with its values.
pub(super) struct Bound<'a> {
    pub(super) statement: u32,
    pub(super) values: &'a [Value],
    pub(super) memory: Memory<'a>,
}

impl Prepared {
    /// Append a whole request of statements of our own.
    pub(super) fn controls(&self, program: &Program, controls: &[Control], out: &mut Vec<u8>) {
        if self.protocol == Protocol::Simple {
            frontend::query(out, |out| {
                for control in controls {
                    append_sql(*control, program, out);
                }
                Ok::<(), EvalError>(())
            })
            .expect(CONTROL_IS_SOUND);
        } else {
            for control in controls {
                self.extended_control(*control, program, out);
            }
            frontend::sync(out);
        }
    }

    /// Append a statement, after the BEGIN of its block if that has not been sent. [`Self::end`]
    /// makes a request of one or more of them.
    ///
    /// # Errors
    /// A value does not fit its parameter; something may have been appended.
    pub(super) fn statement(
        &self,
        (program, begin): (&Program, Option<Control>),
        bound: &Bound<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EvalError> {
        if self.protocol == Protocol::Simple {
            return frontend::query(out, |out| {
                if let Some(begin) = begin {
                    append_sql(begin, program, out);
                }
                append_literals(program, bound, out);
                Ok(())
            });
        }
        if let Some(begin) = begin {
            self.extended_control(begin, program, out);
        }
        let Bound { statement, values, memory } = *bound;
        let mut buffer = [0; NAME_BYTES];
        let (name, types) = if self.protocol == Protocol::Prepared {
            let number = statement as usize;
            (number_name(b's', number, &mut buffer), &*self.types[number])
        } else {
            let sql = program.statements[statement as usize].sql.as_bytes();
            frontend::parse(UNNAMED, sql, &[], out)?;
            (UNNAMED, &[][..])
        };
        let pairs = || values.iter().copied().zip(types.iter().chain(std::iter::repeat(&ANY)));
        let formats = pairs().map(|(value, server_type)| format_of(value, *server_type, memory));
        frontend::bind(name, formats, Format::Text, out, |out| {
            pairs().try_for_each(|(value, server_type)| {
                append_parameter(value, *server_type, memory, out)
            })
        })?;
        frontend::execute(out);
        Ok(())
    }

    /// Append what makes the server answer.
    pub(super) fn end(&self, out: &mut Vec<u8>) {
        if self.protocol != Protocol::Simple {
            frontend::sync(out);
        }
    }

    /// Append what makes the server say whether it takes the rows of a copy.
    pub(super) fn await_copy(&self, out: &mut Vec<u8>) {
        if self.protocol != Protocol::Simple {
            frontend::flush(out);
        }
    }

    fn extended_control(&self, control: Control, program: &Program, out: &mut Vec<u8>) {
        let mut buffer = [0; NAME_BYTES];
        let name = if self.protocol == Protocol::Prepared {
            control.name(&mut buffer)
        } else {
            let sql = control.sql(program).as_bytes();
            frontend::parse(UNNAMED, sql, &[], out).expect(CONTROL_IS_SOUND);
            UNNAMED
        };
        frontend::bind(name, std::iter::empty(), Format::Text, out, |_| Ok::<(), EvalError>(()))
            .expect(CONTROL_IS_SOUND);
        frontend::execute(out);
    }
}

const ANY: ServerType = ServerType::Other;
const CONTROL_IS_SOUND: &str = "verified: statements of our own are short and have no zero byte";

fn append_sql(control: Control, program: &Program, out: &mut Vec<u8>) {
    out.extend_from_slice(control.sql(program).as_bytes());
    out.push(b';');
}

/// Append a statement with its values as literals.
fn append_literals(program: &Program, bound: &Bound<'_>, out: &mut Vec<u8>) {
    let statement = &program.statements[bound.statement as usize];
    for part in &statement.parts {
        match part {
            Part::Text(range) => out.extend_from_slice(&statement.sql.as_bytes()[range.clone()]),
            Part::Parameter(number) => {
                literal(bound.values[*number as usize - 1], bound.memory, out);
            }
        }
    }
}

/// Append a value as a literal of unknown type, as which a parameter begins, too. The space keeps
/// it apart from a letter before it that would give it another meaning, as in `E'…'`.
fn literal(value: Value, memory: Memory<'_>, out: &mut Vec<u8>) {
    if value == Value::Null {
        out.extend_from_slice(b" NULL");
        return;
    }
    out.extend_from_slice(b" '");
    let at = out.len();
    append_text(value, ANY, memory, out);
    double_quotes(at, out);
    out.push(b'\'');
}

/// Double each of the quotes from a position on.
fn double_quotes(start: usize, out: &mut Vec<u8>) {
    if !out[start..].contains(&b'\'') {
        return;
    }
    let end = out.len();
    for at in start..end {
        let byte = out[at];
        if byte == b'\'' {
            out.push(byte);
        }
        out.push(byte);
    }
    out.drain(start..end);
}

/// `letter` and `number` without allocation.
pub(super) fn number_name(letter: u8, mut number: usize, buffer: &mut [u8; NAME_BYTES]) -> &[u8] {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::Arena;

    #[test]
    fn names_are_a_letter_and_the_number() {
        for (number, name) in
            [(0, "s0"), (7, "s7"), (1234, "s1234"), (usize::MAX, "s18446744073709551615")]
        {
            assert_eq!(number_name(b's', number, &mut [0; NAME_BYTES]), name.as_bytes());
        }
    }

    fn literal_of(text: &str) -> String {
        let mut scratch = Arena::default();
        let span = scratch.write(|out| out.extend_from_slice(text.as_bytes())).unwrap();
        let memory = Memory { constants: &Arena::for_constants(), scratch: &scratch };
        let mut out = b"it's".to_vec();
        literal(Value::Text(span), memory, &mut out);
        String::from_utf8(out).unwrap().strip_prefix("it's").unwrap().to_owned()
    }

    #[test]
    fn a_literal_doubles_quotes_and_nothing_else() {
        assert_eq!(literal_of(r"a'b\n''"), r" 'a''b\n'''''");
        assert_eq!(literal_of(""), " ''");
        assert_eq!(literal_of("'"), " ''''");
    }

    proptest! {
        #[test]
        fn a_literal_reads_back_as_its_text(text in "['a\\\\$\"]{0,20}") {
            let literal = literal_of(&text);
            let inner = literal.strip_prefix(" '").unwrap().strip_suffix('\'').unwrap();
            prop_assert_eq!(inner.replace("''", "'"), text.clone());
            prop_assert_eq!(inner.matches('\'').count(), 2 * text.matches('\'').count());
        }
    }
}
