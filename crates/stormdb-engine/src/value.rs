//! Values of a running transaction, without allocation per value.
//!
//! A [`Value`] is two words and can be copied. Texts, bytes and arrays are spans of an [`Arena`]
//! that belongs to the connection and is emptied when the transaction ends; those of constants
//! lie in the program's own arena, which every connection shares.

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
    /// A text that is being written while values of the arena are read.
    draft: Vec<u8>,
    is_constant: bool,
}

/// Bytes of texts, and as many of elements, that one transaction (or all constants) may have: a
/// few of the longest texts that can be drawn, and little enough for many connections at once.
pub const MAX_ARENA: usize = 1 << 28;

/// Memory that an arena keeps from one transaction to the next, of each sort.
const KEPT_BYTES: usize = 1 << 20;
const MAX_ELEMENTS: usize = MAX_ARENA / size_of::<Value>();

/// How full an arena was.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    bytes: usize,
    elements: usize,
}

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
            draft: Vec::with_capacity(bytes / 4),
            is_constant: false,
        }
    }

    /// Forget everything, and keep as much memory as usual transactions take.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.elements.clear();
        self.elements.shrink_to(KEPT_BYTES / size_of::<Value>());
        self.draft.clear();
        self.draft.shrink_to(KEPT_BYTES);
    }

    /// How full it is.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), elements: self.elements.len() }
    }

    /// Forget what came after a mark: its spans must not be used any more.
    pub fn reset(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.elements.truncate(mark.elements);
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
        let elements = elements.into_iter();
        let room = MAX_ELEMENTS - start;
        if elements.size_hint().0 > room {
            return Err(ArenaFull);
        }
        self.elements.extend(elements.take(room + 1));
        if self.elements.len() > MAX_ELEMENTS {
            self.elements.truncate(start);
            return Err(ArenaFull);
        }
        Ok(self.span(start, self.elements.len()))
    }

    /// Append an array of NULLs, to be filled by [`Arena::set`].
    ///
    /// # Errors
    /// As [`Arena::write`].
    pub fn write_nulls(&mut self, count: usize) -> Result<Span, ArenaFull> {
        self.write_elements(std::iter::repeat_n(Value::Null, count))
    }

    /// Replace an element of an array of this arena.
    pub fn set(&mut self, array: Span, index: usize, value: Value) {
        debug_assert!(index < array.len() && array.is_constant == self.is_constant);
        self.elements[array.start as usize + index] = value;
    }

    /// Append two texts, one after the other.
    ///
    /// # Errors
    /// As [`Arena::write`].
    pub fn join(&mut self, left: Span, right: Span, constants: &Self) -> Result<Span, ArenaFull> {
        let start = self.bytes.len();
        if start + left.len() + right.len() > MAX_ARENA {
            return Err(ArenaFull);
        }
        for span in [left, right] {
            let range = span.start as usize..span.start as usize + span.len();
            if span.is_constant {
                self.bytes.extend_from_slice(&constants.bytes[range]);
            } else {
                self.bytes.extend_from_within(range);
            }
        }
        Ok(self.span(start, self.bytes.len()))
    }

    /// Append a value in text form.
    ///
    /// # Errors
    /// As [`Arena::write`].
    pub fn write_value(&mut self, value: Value, constants: &Self) -> Result<Span, ArenaFull> {
        let mut draft = std::mem::take(&mut self.draft);
        draft.clear();
        write_text(value, Memory { constants, scratch: self }, &mut draft);
        let written = self.write(|out| out.extend_from_slice(&draft));
        self.draft = draft;
        written
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let word = |size: usize| u32::try_from(size).expect("an arena is below 2^28");
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
        Value::Float(value) => write_float(value, out),
        Value::Text(span) => out.extend_from_slice(memory.bytes(span)),
        Value::Bytes(span) => {
            out.extend_from_slice(b"\\x");
            write_hex(memory.bytes(span), out);
        }
        Value::Array(span) => write_array(memory.elements(span), memory, out),
    }
}

fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| DIGITS[usize::from(half)];
    out.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
}

fn write_array(elements: &[Value], memory: Memory<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match element {
            Value::Text(span) => {
                out.push(b'"');
                for byte in memory.bytes(*span) {
                    if matches!(byte, b'"' | b'\\') {
                        out.push(b'\\');
                    }
                    out.push(*byte);
                }
                out.push(b'"');
            }
            Value::Bytes(span) => {
                out.extend_from_slice(br#""\\x"#);
                write_hex(memory.bytes(*span), out);
                out.push(b'"');
            }
            other => write_text(*other, memory, out),
        }
    }
    out.push(b'}');
}

/// A double in the shortest form that reads back the same, with PostgreSQL's names.
fn write_float(value: f64, out: &mut Vec<u8>) {
    use std::io::Write;
    let is_exponential = value != 0.0 && !(1e-4..1e15).contains(&value.abs());
    // Writing to a Vec cannot fail.
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"Infinity" } else { b"-Infinity" });
    } else if is_exponential {
        let start = out.len();
        drop(write!(out, "{value:e}"));
        pad_exponent(start, out);
    } else {
        drop(write!(out, "{value}"));
    }
}

/// `1e-5` as PostgreSQL has it: `1e-05`; `1e15` as `1e+15`.
fn pad_exponent(start: usize, out: &mut Vec<u8>) {
    let Some(at) = out[start..].iter().position(|byte| *byte == b'e') else { return };
    let mut digits = start + at + 1;
    if out.get(digits) != Some(&b'-') {
        out.insert(digits, b'+');
    }
    digits += 1;
    if out.len() - digits == 1 {
        out.insert(digits, b'0');
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
    fn arrays_quote_bytes_since_a_backslash_escapes_in_them() {
        let mut scratch = Arena::default();
        let bytes = scratch.write(|out| out.extend_from_slice(&[0, 255])).unwrap();
        let array = scratch.write_elements([Value::Bytes(bytes)]).unwrap();
        assert_eq!(text_of(Value::Bytes(bytes), &scratch), r"\x00ff");
        assert_eq!(text_of(Value::Array(array), &scratch), r#"{"\\x00ff"}"#);
    }

    #[test]
    fn inner_arrays_are_written_inside() {
        let mut scratch = Arena::default();
        let outer = scratch.write_nulls(2).unwrap();
        for index in 0..2 {
            let number = i64::try_from(index).unwrap();
            let inner = scratch.write_elements([Value::Int(number), Value::Bool(true)]).unwrap();
            scratch.set(outer, index, Value::Array(inner));
        }
        assert_eq!(text_of(Value::Array(outer), &scratch), "{{0,t},{1,t}}");
    }

    #[test]
    fn texts_join_from_both_arenas_and_a_value_is_written_into_its_own() {
        let mut constants = Arena::for_constants();
        let left = constants.write(|out| out.extend_from_slice(b"user")).unwrap();
        let mut scratch = Arena::default();
        let right = scratch.write_value(Value::Int(7), &constants).unwrap();
        let joined = scratch.join(left, right, &constants).unwrap();
        let array = scratch.write_elements([Value::Text(joined)]).unwrap();
        let written = scratch.write_value(Value::Array(array), &constants).unwrap();
        let memory = Memory { constants: &constants, scratch: &scratch };
        assert_eq!((memory.text(joined), memory.text(written)), ("user7", r#"{"user7"}"#));
    }

    #[test]
    fn a_full_arena_refuses_and_stays_as_it_was() {
        let mut scratch = Arena::default();
        let kept = scratch.write(|out| out.extend_from_slice(b"kept")).unwrap();
        let large = scratch.write(|out| out.resize(MAX_ARENA, b'x')).unwrap();
        let constants = Arena::for_constants();
        assert_eq!(scratch.write(|out| out.push(b'x')), Err(ArenaFull));
        assert_eq!(scratch.join(kept, large, &constants), Err(ArenaFull));
        assert_eq!(scratch.write_nulls(MAX_ARENA), Err(ArenaFull));
        assert_eq!(Memory { constants: &constants, scratch: &scratch }.text(kept), "kept");
    }

    #[test]
    fn a_mark_takes_back_what_came_after_it() {
        let mut scratch = Arena::default();
        let kept = scratch.write(|out| out.extend_from_slice(b"kept")).unwrap();
        let mark = scratch.mark();
        for _ in 0..1000 {
            scratch.reset(mark);
            scratch.write(|out| out.extend_from_slice(&[b'x'; 1000])).unwrap();
            scratch.write_nulls(10).unwrap();
        }
        assert!(scratch.bytes.len() == 1004 && scratch.elements.len() == 10);
        let constants = Arena::for_constants();
        assert_eq!(Memory { constants: &constants, scratch: &scratch }.text(kept), "kept");
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
