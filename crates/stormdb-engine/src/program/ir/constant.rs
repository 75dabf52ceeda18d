//! Reading a constant: what it is, is what its bytes say.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use super::Constant;

/// Not derived: an untagged enumeration takes bytes that happen to be UTF-8 for a text.
impl<'de> Deserialize<'de> for Constant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ConstantVisitor)
    }
}

struct ConstantVisitor;

impl<'de> Visitor<'de> for ConstantVisitor {
    type Value = Constant;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("null, a boolean, a number, a text, bytes or an array")
    }

    fn visit_unit<E: Error>(self) -> Result<Constant, E> {
        Ok(Constant::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Constant, E> {
        Ok(Constant::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Constant, E> {
        Ok(Constant::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Constant, E> {
        let small = i64::try_from(value);
        small.map(Constant::Int).map_err(|_| E::custom("an integer above 64 bits with sign"))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Constant, E> {
        Ok(Constant::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Constant, E> {
        Ok(Constant::Text(value.to_owned()))
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Constant, E> {
        Ok(Constant::Bytes(serde_bytes::ByteBuf::from(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Constant, A::Error> {
        // Not by the length that is claimed: it may be false.
        let mut elements = Vec::new();
        while let Some(element) = values.next_element()? {
            elements.push(element);
        }
        Ok(Constant::Array(elements))
    }
}
