//! Values of a running transaction, without allocation per value.
//!
//! A [`Value`] is two words and can be copied. Texts, bytes and arrays are spans of an [`Arena`]
//! that belongs to the connection and is emptied when the transaction ends; those of constants
//! lie in the program's own arena, which every connection shares.

use std::fmt;

/// A value. Spans refer to the arenas that it was made with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// Boolean.
    Bool(bool),
    /// 64-bit integer.
    Int(i64),
    /// Double.
    Float(f64),
    /// UTF-8 text.
    Text(Span),
    /// Bytes.
    Bytes(Span),
    /// Values of one kind; the span counts elements.
    Array(Span),
}

/// Part of an arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// In the program's arena instead of the transaction's.
    is_constant: bool,
    start: u32,
    length: u32,
}

impl Span {
    /// Number of bytes or elements.
    #[must_use]
    pub fn len(self) -> usize {
        self.length as usize
    }

    /// True for nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.length == 0
    }
}

/// Memory of texts, bytes and array elements.
#[derive(Debug, Default, Clone)]
pub struct Arena {
    bytes: Vec<u8>,
    elements: Vec<Value>,
    is_constant: bool,
}

/// Bytes and elements that one transaction may have.
pub const MAX_ARENA: usize = 1 << 30;

/// The arena is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArenaFull;

impl Arena {
    /// An arena for the constants of a program.
    #[must_use]
    pub fn for_constants() -> Self {
        Self { is_constant: true, ..Self::default() }
    }

    /// An arena for a connection, with room set aside.
    #[must_use]
    pub fn with_capacity(bytes: usize, elements: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            elements: Vec::with_capacity(elements),
            is_constant: false,
        }
    }

    /// Forget everything, keep the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.elements.clear();
    }

    /// Append bytes by a function; what it appends is the span.
    ///
    /// # Errors
    /// The arena would be larger than [`MAX_ARENA`]; it is as before.
    pub fn write(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> Result<Span, ArenaFull> {
        let start = self.bytes.len();
        append(&mut self.bytes);
        if self.bytes.len() > MAX_ARENA {
            self.bytes.truncate(start);
            return Err(ArenaFull);
        }
        Ok(self.span(start, self.bytes.len()))
    }

    /// Append elements.
    ///
    /// # Errors
    /// As [`Arena::write`].
    pub fn write_elements(
        &mut self,
        elements: impl IntoIterator<Item = Value>,
    ) -> Result<Span, ArenaFull> {
        let start = self.elements.len();
        self.elements.extend(elements);
        if self.elements.len() > MAX_ARENA / size_of::<Value>() {
            self.elements.truncate(start);
            return Err(ArenaFull);
        }
        Ok(self.span(start, self.elements.len()))
    }

    /// Append a copy of a text or of bytes of this arena or of `constants`, without a new span: for
    /// joining texts inside [`Arena::join`].
    fn append(&mut self, span: Span, constants: &Self) {
        let start = span.start as usize;
        let range = start..start + span.len();
        if span.is_constant {
            self.bytes.extend_from_slice(&constants.bytes[range]);
        } else {
            self.bytes.extend_from_within(range);
        }
    }

    /// Append two texts, one after the other.
    ///
    /// # Errors
    /// As [`Arena::write`].
    pub fn join(&mut self, left: Span, right: Span, constants: &Self) -> Result<Span, ArenaFull> {
        let start = self.bytes.len();
        self.append(left, constants);
        self.append(right, constants);
        if self.bytes.len() > MAX_ARENA {
            self.bytes.truncate(start);
            return Err(ArenaFull);
        }
        Ok(self.span(start, self.bytes.len()))
    }

    /// Append a value in text form.
    ///
    /// # Errors
    /// As [`Arena::write`].
    pub fn write_value(&mut self, value: Value, constants: &Self) -> Result<Span, ArenaFull> {
        // Moved out for the time of writing, so that the value's own spans can be read.
        let mut tail = Vec::new();
        write_text(value, Memory { constants, scratch: self }, &mut tail);
        self.write(|out| out.append(&mut tail))
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let word = |size: usize| u32::try_from(size).expect("an arena is below 2^30");
        Span { is_constant: self.is_constant, start: word(start), length: word(end - start) }
    }
}

/// Both arenas that values of a transaction can refer to.
#[derive(Clone, Copy)]
pub struct Memory<'a> {
    /// The program's.
    pub constants: &'a Arena,
    /// The transaction's.
    pub scratch: &'a Arena,
}

impl<'a> Memory<'a> {
    fn arena(self, span: Span) -> &'a Arena {
        if span.is_constant { self.constants } else { self.scratch }
    }

    /// Bytes of a text or of bytes.
    #[must_use]
    pub fn bytes(self, span: Span) -> &'a [u8] {
        let start = span.start as usize;
        &self.arena(span).bytes[start..start + span.len()]
    }

    /// A text; only whole characters are ever written.
    #[must_use]
    pub fn text(self, span: Span) -> &'a str {
        std::str::from_utf8(self.bytes(span)).unwrap_or_default()
    }

    /// Elements of an array.
    #[must_use]
    pub fn elements(self, span: Span) -> &'a [Value] {
        let start = span.start as usize;
        &self.arena(span).elements[start..start + span.len()]
    }
}

/// Append a value as PostgreSQL writes it in text form.
pub fn write_text(value: Value, memory: Memory<'_>, out: &mut Vec<u8>) {
    use std::io::Write;
    // Writing to a Vec cannot fail.
    match value {
        Value::Null => out.extend_from_slice(b"NULL"),
        Value::Bool(value) => out.push(if value { b't' } else { b'f' }),
        Value::Int(value) => drop(write!(out, "{value}")),
        Value::Float(value) => drop(write!(out, "{}", Float(value))),
        Value::Text(span) => out.extend_from_slice(memory.bytes(span)),
        Value::Bytes(span) => {
            out.extend_from_slice(b"\\x");
            for byte in memory.bytes(span) {
                drop(write!(out, "{byte:02x}"));
            }
        }
        Value::Array(span) => write_array(memory.elements(span), memory, out),
    }
}

fn write_array(elements: &[Value], memory: Memory<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if let Value::Text(span) = element {
            out.push(b'"');
            for byte in memory.bytes(*span) {
                if matches!(byte, b'"' | b'\\') {
                    out.push(b'\\');
                }
                out.push(*byte);
            }
            out.push(b'"');
        } else {
            write_text(*element, memory, out);
        }
    }
    out.push(b'}');
}

/// A double in the shortest form that reads back the same, with PostgreSQL's names.
struct Float(f64);

impl fmt::Display for Float {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value.is_nan() {
            formatter.write_str("NaN")
        } else if value.is_infinite() {
            formatter.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" })
        } else if value != 0.0 && !(1e-4..1e15).contains(&value.abs()) {
            let text = format_args!("{value:e}").to_string();
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, digits) =
                exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
            write!(formatter, "{mantissa}e{sign}{digits:0>2}")
        } else {
            write!(formatter, "{value}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(value: Value, scratch: &Arena) -> String {
        let constants = Arena::for_constants();
        let mut out = Vec::new();
        write_text(value, Memory { constants: &constants, scratch }, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_are_written_as_postgresql_writes_them() {
        let scratch = Arena::default();
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (100.0, "100"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e15, "1e+15"),
            (123_456_789_012_345.0, "123456789012345"),
            (1.5e300, "1.5e+300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(text_of(Value::Float(value), &scratch), text);
        }
    }

    #[test]
    fn arrays_quote_texts_and_only_texts() {
        let mut scratch = Arena::default();
        let quoted = scratch.write(|out| out.extend_from_slice(br#"a"b\c,"#)).unwrap();
        let elements = [Value::Text(quoted), Value::Null, Value::Int(-3)];
        let array = scratch.write_elements(elements).unwrap();
        assert_eq!(text_of(Value::Array(array), &scratch), r#"{"a\"b\\c,",NULL,-3}"#);
    }

    #[test]
    fn spans_of_constants_stay_valid_when_the_scratch_is_cleared() {
        let mut constants = Arena::for_constants();
        let kept = constants.write(|out| out.extend_from_slice(b"kept")).unwrap();
        let mut scratch = Arena::with_capacity(16, 4);
        let lost = scratch.write(|out| out.extend_from_slice(b"lost")).unwrap();
        assert_eq!(Memory { constants: &constants, scratch: &scratch }.text(lost), "lost");
        scratch.clear();
        assert_eq!(Memory { constants: &constants, scratch: &scratch }.text(kept), "kept");
    }
}
