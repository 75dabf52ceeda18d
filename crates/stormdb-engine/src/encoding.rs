//! Values as a server of PostgreSQL takes them: in binary form where that is known, else as text.
//!
//! Source: PostgreSQL's `*_send` and `*_recv` functions; pgvector's `vector_recv`.

mod numeric;

use stormdb_wire::frontend::{self, Format};

use crate::calendar::{parse_date, parse_timestamp};
use crate::expr::EvalError;
use crate::value::{Memory, Value, write_text};

type Result<T, E = EvalError> = std::result::Result<T, E>;

/// A built-in type that has a binary form here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// `bool`
    Bool,
    /// `int2`
    Int2,
    /// `int4`
    Int4,
    /// `int8`
    Int8,
    /// `oid`
    Oid,
    /// `float4`
    Float4,
    /// `float8`
    Float8,
    /// `numeric`
    Numeric,
    /// `text`, and what is sent as it: `varchar`, `bpchar`, `json`, `xml`, `name`.
    Text,
    /// `bytea`
    Bytea,
    /// `uuid`
    Uuid,
    /// `jsonb`
    Jsonb,
    /// `date`
    Date,
    /// `timestamp`
    Timestamp,
    /// `timestamptz`
    Timestamptz,
}

/// A type of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerType {
    /// A single value.
    Scalar(Scalar),
    /// An array of one dimension.
    Array(Scalar),
    /// pgvector's `vector`.
    Vector,
    /// A type that an extension or a user made, such as pgvector's: values go as text.
    Extension,
    /// Another type of PostgreSQL, or one that is not known: values go as text.
    Other,
}

/// Types by name and object id; a type's array has the id behind it.
const TYPES: [(&str, Scalar, u32, u32); 19] = [
    ("bool", Scalar::Bool, 16, 1000),
    ("int2", Scalar::Int2, 21, 1005),
    ("int4", Scalar::Int4, 23, 1007),
    ("int8", Scalar::Int8, 20, 1016),
    ("oid", Scalar::Oid, 26, 1028),
    ("float4", Scalar::Float4, 700, 1021),
    ("float8", Scalar::Float8, 701, 1022),
    ("numeric", Scalar::Numeric, 1700, 1231),
    ("text", Scalar::Text, 25, 1009),
    ("varchar", Scalar::Text, 1043, 1015),
    ("bpchar", Scalar::Text, 1042, 1014),
    ("json", Scalar::Text, 114, 199),
    ("xml", Scalar::Text, 142, 143),
    ("bytea", Scalar::Bytea, 17, 1001),
    ("uuid", Scalar::Uuid, 2950, 2951),
    ("jsonb", Scalar::Jsonb, 3802, 3807),
    ("date", Scalar::Date, 1082, 1182),
    ("timestamp", Scalar::Timestamp, 1114, 1115),
    ("timestamptz", Scalar::Timestamptz, 1184, 1185),
];
/// Object ids of types that an extension or a user made begin here.
const FIRST_OWN_OID: u32 = 16_384;
/// Days from 1970, where our calendar begins, to 2000, where PostgreSQL's does.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_US: i64 = EPOCH_DAYS * 86_400_000_000;

impl ServerType {
    /// The type of a parameter.
    #[must_use]
    pub fn from_oid(oid: u32) -> Self {
        let known = TYPES.iter().find_map(|(_, scalar, type_oid, array_oid)| {
            let scalar_type = (*type_oid == oid).then_some(Self::Scalar(*scalar));
            scalar_type.or((*array_oid == oid).then_some(Self::Array(*scalar)))
        });
        let unknown = if oid >= FIRST_OWN_OID { Self::Extension } else { Self::Other };
        known.unwrap_or(unknown)
    }

    /// The type of a column that is copied, by its name in the catalogue: `int4`, `text[]`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "vector" {
            return Some(Self::Vector);
        }
        let element = name.strip_suffix("[]");
        let found = TYPES.iter().find(|(known, ..)| *known == element.unwrap_or(name))?;
        Some(if element.is_some() { Self::Array(found.1) } else { Self::Scalar(found.1) })
    }

    /// Names that [`ServerType::from_name`] knows, for messages.
    #[must_use]
    pub fn names() -> String {
        let names = TYPES.map(|(name, ..)| name).join(", ");
        format!("{names}, arrays of them such as int4[], and vector")
    }
}

/// How a parameter of this type is sent.
#[must_use]
pub fn format_of(value: Value, server_type: ServerType, memory: Memory<'_>) -> Format {
    use Scalar::{Bool, Bytea, Float4, Float8, Int2, Int4, Int8, Oid, Uuid};
    let is_binary = match (value, server_type) {
        (Value::Bool(_), ServerType::Scalar(Bool))
        | (Value::Bytes(_), ServerType::Scalar(Bytea))
        | (Value::Int(_), ServerType::Scalar(Int2 | Int4 | Int8 | Oid | Float4 | Float8))
        | (Value::Float(_), ServerType::Scalar(Float4 | Float8)) => true,
        (Value::Text(span), ServerType::Scalar(Uuid)) => parse_uuid(memory.text(span)).is_some(),
        (Value::Array(span), ServerType::Array(element)) => {
            memory.elements(span).iter().all(|value| match value {
                Value::Null => true,
                Value::Int(_) => matches!(element, Int2 | Int4 | Int8 | Float4 | Float8),
                Value::Float(_) => matches!(element, Float4 | Float8),
                _ => false,
            })
        }
        _ => false,
    };
    if is_binary { Format::Binary } else { Format::Text }
}

/// Append a parameter with its length, in the form that [`format_of`] says.
///
/// # Errors
/// It does not fit into its type.
pub fn append_parameter(
    value: Value,
    server_type: ServerType,
    memory: Memory<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    if value != Value::Null && format_of(value, server_type, memory) == Format::Text {
        return with_length(out, |out| {
            append_text(value, server_type, memory, out);
            Ok(())
        });
    }
    append_binary(value, server_type, memory, out)
}

/// Append a value in text form.
pub fn append_text(value: Value, server_type: ServerType, memory: Memory<'_>, out: &mut Vec<u8>) {
    let at = out.len();
    write_text(value, memory, out);
    if server_type == ServerType::Extension
        && is_numeric(value, memory)
        && let [first, .., last] = &mut out[at..]
    {
        // pgvector writes arrays in square brackets.
        (*first, *last) = (b'[', b']');
    }
}

fn is_numeric(array: Value, memory: Memory<'_>) -> bool {
    let Value::Array(span) = array else { return false };
    memory.elements(span).iter().all(|value| matches!(value, Value::Int(_) | Value::Float(_)))
}

/// Append a value with its length in binary form.
///
/// # Errors
/// The type does not take such a value.
pub fn append_binary(
    value: Value,
    server_type: ServerType,
    memory: Memory<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    match (value, server_type) {
        (Value::Null, _) => {
            frontend::null(out);
            Ok(())
        }
        (_, ServerType::Scalar(scalar)) => {
            with_length(out, |out| append_scalar(value, scalar, memory, out))
        }
        (Value::Array(span), ServerType::Array(element)) => {
            with_length(out, |out| append_array(memory.elements(span), element, memory, out))
        }
        (Value::Array(span), ServerType::Vector) => {
            with_length(out, |out| append_vector(memory.elements(span), out))
        }
        _ => Err(MISMATCH),
    }
}

const MISMATCH: EvalError = EvalError::Kind("the type of a parameter or column");

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "as SQL casts")]
fn append_scalar(
    value: Value,
    scalar: Scalar,
    memory: Memory<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let out_of_range = |_| EvalError::OutOfRange;
    match (value, scalar) {
        (Value::Bool(value), Scalar::Bool) => out.push(u8::from(value)),
        (Value::Int(value), Scalar::Int2) => {
            out.extend(i16::try_from(value).map_err(out_of_range)?.to_be_bytes());
        }
        (Value::Int(value), Scalar::Int4) => {
            out.extend(i32::try_from(value).map_err(out_of_range)?.to_be_bytes());
        }
        (Value::Int(value), Scalar::Int8) => out.extend(value.to_be_bytes()),
        (Value::Int(value), Scalar::Oid) => {
            out.extend(u32::try_from(value).map_err(out_of_range)?.to_be_bytes());
        }
        (Value::Int(value), Scalar::Float4) => out.extend((value as f32).to_be_bytes()),
        (Value::Int(value), Scalar::Float8) => out.extend((value as f64).to_be_bytes()),
        (Value::Float(value), Scalar::Float4) => out.extend((value as f32).to_be_bytes()),
        (Value::Float(value), Scalar::Float8) => out.extend(value.to_be_bytes()),
        (Value::Int(_) | Value::Float(_) | Value::Text(_), Scalar::Numeric) => {
            numeric::append(value, memory, out)?;
        }
        (Value::Bytes(span), Scalar::Bytea) | (Value::Text(span), Scalar::Text) => {
            out.extend_from_slice(memory.bytes(span));
        }
        (Value::Text(span), Scalar::Jsonb) => {
            out.push(1); // Version of the binary form.
            out.extend_from_slice(memory.bytes(span));
        }
        (Value::Text(span), Scalar::Uuid) => {
            let uuid = parse_uuid(memory.text(span));
            out.extend(uuid.ok_or(EvalError::Argument("a text that is no UUID"))?);
        }
        (_, Scalar::Date) => {
            let days = days_of(value, memory)?.checked_sub(EPOCH_DAYS);
            let days = days.and_then(|days| i32::try_from(days).ok());
            out.extend(days.ok_or(EvalError::OutOfRange)?.to_be_bytes());
        }
        (_, Scalar::Timestamp | Scalar::Timestamptz) => {
            let at_us = microseconds_of(value, memory)?.checked_sub(EPOCH_US);
            out.extend(at_us.ok_or(EvalError::OutOfRange)?.to_be_bytes());
        }
        _ => return Err(MISMATCH),
    }
    Ok(())
}

/// Days since 1970 of a date or of a number of them.
fn days_of(value: Value, memory: Memory<'_>) -> Result<i64> {
    match value {
        Value::Int(days) => Ok(days),
        Value::Text(span) => {
            parse_date(memory.text(span)).ok_or(EvalError::Argument("a text that is no ISO date"))
        }
        _ => Err(MISMATCH),
    }
}

/// Microseconds since 1970 of a time or of a number of them.
fn microseconds_of(value: Value, memory: Memory<'_>) -> Result<i64> {
    match value {
        Value::Int(at_us) => Ok(at_us),
        Value::Text(span) => parse_timestamp(memory.text(span))
            .ok_or(EvalError::Argument("a text that is no ISO date with time")),
        _ => Err(MISMATCH),
    }
}

fn append_array(
    elements: &[Value],
    element: Scalar,
    memory: Memory<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let oid = TYPES.iter().find(|(_, scalar, ..)| *scalar == element).map_or(0, |found| found.2);
    let count = i32::try_from(elements.len()).map_err(|_| EvalError::OutOfRange)?;
    out.extend(i32::from(count > 0).to_be_bytes()); // Dimensions.
    out.extend(i32::from(elements.contains(&Value::Null)).to_be_bytes());
    out.extend(oid.to_be_bytes());
    if count > 0 {
        out.extend(count.to_be_bytes());
        out.extend(1_i32.to_be_bytes()); // Number of the first element.
    }
    elements
        .iter()
        .try_for_each(|value| append_binary(*value, ServerType::Scalar(element), memory, out))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "as SQL casts")]
fn append_vector(elements: &[Value], out: &mut Vec<u8>) -> Result<()> {
    let count = i16::try_from(elements.len()).map_err(|_| EvalError::OutOfRange)?;
    out.extend(count.to_be_bytes());
    out.extend([0; 2]);
    elements.iter().try_for_each(|value| {
        let element = match value {
            Value::Int(value) => *value as f32,
            Value::Float(value) => *value as f32,
            _ => return Err(MISMATCH),
        };
        out.extend(element.to_be_bytes());
        Ok(())
    })
}

/// Append what a function writes, with its length before it.
fn with_length(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out)?;
    let length = i32::try_from(out.len() - at - 4).map_err(|_| EvalError::OutOfRange)?;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// The bytes of a UUID in its usual form, or without hyphens.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut digits = text.bytes().filter(|byte| *byte != b'-');
    let is_sound = match text.len() {
        32 => true,
        36 => [8, 13, 18, 23].iter().all(|at| text.as_bytes()[*at] == b'-'),
        _ => false,
    };
    if !is_sound {
        return None;
    }
    let mut next = || char::from(digits.next()?).to_digit(16).map(|digit| digit.to_le_bytes()[0]);
    for byte in &mut bytes {
        *byte = next()? << 4 | next()?;
    }
    digits.next().is_none().then_some(bytes)
}

#[cfg(test)]
mod tests;
