//! The standard V2 form of HdrHistogram, plain and deflated.
//!
//! Bytes from outside are walked through once before the library reads them: it would reserve what
//! a header claims and count what overflows. After the walk one histogram is all that it takes.

use std::io::Read;

use flate2::read::ZlibDecoder;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer, V2Serializer};
use serde::de::{self, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;

use super::{HIGHEST_TIME_NS, Histogram, MAX_COUNT, SIGNIFICANT_DIGITS};
use crate::{Error, Result};

/// Counts of a histogram with our bounds.
const COUNTS: usize = 38_912;
const HEADER_BYTES: usize = 40;
/// A count takes at most 9 bytes.
const MAX_BYTES: usize = HEADER_BYTES + 9 * COUNTS;
const COOKIE: u32 = 0x1c84_9313;
const DEFLATED_COOKIE: u32 = 0x1c84_9314;

impl Histogram {
    /// The V2 form.
    ///
    /// # Panics
    /// If a count is 2⁶³ or more, which no run reaches.
    #[must_use]
    pub fn encode_v2(&self) -> Vec<u8> {
        self.serialize_with(&mut V2Serializer::new())
    }

    /// The V2 form, deflated: what an interval log holds in base64.
    ///
    /// # Panics
    /// As [`Histogram::encode_v2`].
    #[must_use]
    pub fn encode_v2_deflated(&self) -> Vec<u8> {
        self.serialize_with(&mut V2DeflateSerializer::new())
    }

    /// Reads either V2 form.
    ///
    /// # Errors
    /// If the bytes are damaged, count past [`MAX_COUNT`], or have other bounds than ours.
    pub fn decode_v2(bytes: &[u8]) -> Result<Self> {
        let inflated;
        let plain = if u32_at(bytes, 0)? == DEFLATED_COOKIE {
            inflated = inflate(bytes)?;
            &inflated
        } else {
            bytes
        };
        check(plain)?;
        let hdr = Deserializer::new()
            .deserialize(&mut &*plain)
            .map_err(|error| damaged(error.to_string()))?;
        Ok(Self(Some(Box::new(hdr))))
    }

    pub(crate) fn serialize_with(&self, serializer: &mut impl Serializer) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.with_hdr(|hdr| {
            serializer.serialize(hdr, &mut bytes).map_err(|_| ()).expect("a vector takes it all");
        });
        bytes
    }
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>> {
    let length = u32_at(bytes, 4)? as usize;
    if length != bytes.len() - 8 {
        return Err(damaged(format!("it claims {length} bytes and has {}", bytes.len() - 8)));
    }
    let mut plain = Vec::new();
    ZlibDecoder::new(&bytes[8..])
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|error| damaged(error.to_string()))?;
    if plain.len() > MAX_BYTES {
        return Err(damaged(format!("it inflates to more than {MAX_BYTES} bytes")));
    }
    Ok(plain)
}

/// Whether the library can read these bytes without surprises.
fn check(bytes: &[u8]) -> Result<()> {
    if u32_at(bytes, 0)? != COOKIE {
        return Err(damaged("it does not start with the V2 cookie".into()));
    }
    let length = u32_at(bytes, 4)? as usize;
    let body = bytes.get(HEADER_BYTES..).ok_or_else(cut_short)?;
    if length != body.len() {
        return Err(damaged(format!("it claims {length} bytes of counts and has {}", body.len())));
    }
    let (offset, digits) = (u32_at(bytes, 8)?, u32_at(bytes, 12)?);
    let (low, high) = (u64_at(bytes, 16)?, u64_at(bytes, 24)?);
    let ratio = f64::from_bits(u64_at(bytes, 32)?);
    let is_ours = digits == u32::from(SIGNIFICANT_DIGITS)
        && (low, high) == (1, HIGHEST_TIME_NS)
        && offset == 0
        && ratio.to_bits() == 1.0_f64.to_bits();
    if !is_ours {
        return Err(Error::Decode {
            what: "histogram",
            problem: format!("its bounds are {low} to {high} with {digits} digits"),
            hint: "only 1 ns to 86400000000000 ns with 3 digits, unscaled, can be read",
        });
    }
    check_counts(body)
}

/// Walks the counts: a positive number is a count, a negative one that many buckets without any.
fn check_counts(mut body: &[u8]) -> Result<()> {
    let mut buckets = 0_u64;
    let mut total = 0_u64;
    while !body.is_empty() {
        let number = read_number(&mut body)?;
        let (skipped, count) =
            if number < 0 { (number.unsigned_abs(), 0) } else { (1, number.unsigned_abs()) };
        buckets = buckets.saturating_add(skipped);
        total = total.saturating_add(count);
        if buckets > COUNTS as u64 || total > MAX_COUNT {
            return Err(damaged(format!("it has {buckets} buckets and counts to {total}")));
        }
    }
    Ok(())
}

/// A zigzag LEB128 number of at most 9 bytes, the last of which has 8 bits.
fn read_number(body: &mut &[u8]) -> Result<i64> {
    let mut zigzag = 0_u64;
    for position in 0..9 {
        let (&byte, rest) = body.split_first().ok_or_else(cut_short)?;
        *body = rest;
        let is_last = position == 8;
        let bits = if is_last { byte } else { byte & 0x7f };
        zigzag |= u64::from(bits) << (7 * position);
        if is_last || byte & 0x80 == 0 {
            break;
        }
    }
    let magnitude = (zigzag >> 1).cast_signed();
    Ok(if zigzag & 1 == 0 { magnitude } else { !magnitude })
}

fn u32_at(bytes: &[u8], position: usize) -> Result<u32> {
    let word = bytes.get(position..).and_then(<[u8]>::first_chunk).ok_or_else(cut_short)?;
    Ok(u32::from_be_bytes(*word))
}

fn u64_at(bytes: &[u8], position: usize) -> Result<u64> {
    let word = bytes.get(position..).and_then(<[u8]>::first_chunk).ok_or_else(cut_short)?;
    Ok(u64::from_be_bytes(*word))
}

fn cut_short() -> Error {
    damaged("it is cut short".into())
}

fn damaged(problem: String) -> Error {
    Error::Decode {
        what: "histogram",
        problem,
        hint: "give the unchanged bytes of a V2 HdrHistogram",
    }
}

/// As bytes in the V2 form; none at all if empty.
impl Serialize for Histogram {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_empty() {
            serializer.serialize_bytes(&[])
        } else {
            serializer.serialize_bytes(&self.encode_v2())
        }
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V2Bytes;

        impl Visitor<'_> for V2Bytes {
            type Value = Histogram;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the bytes of a V2 HdrHistogram")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Histogram, E> {
                if bytes.is_empty() {
                    return Ok(Histogram::empty());
                }
                Histogram::decode_v2(bytes).map_err(E::custom)
            }
        }

        deserializer.deserialize_bytes(V2Bytes)
    }
}
