//! The standard V2 form of HdrHistogram, plain and deflated.
//!
//! A header of 40 bytes (cookie, length, offset, digits, bounds, scale, big endian), then the
//! counts from bucket 0 up as zigzag LEB128 numbers: a negative number skips that many empty
//! buckets. Bytes from outside cost memory in proportion to their length.
//!
//! Source: HdrHistogram, `encodeIntoByteBuffer`; the tests compare with two other implementations.

use std::fmt;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::de::{self, Visitor};
use serde::{Deserialize, Serialize};

use super::buckets::{BUCKETS, HIGHEST_TIME_NS, SIGNIFICANT_DIGITS, index_of};
use super::{Histogram, MAX_COUNT};
use crate::{Error, Result};

const COOKIE: u32 = 0x1c84_9313;
const DEFLATED_COOKIE: u32 = 0x1c84_9314;
const HEADER_BYTES: usize = 40;
/// A number takes at most 9 bytes.
const MAX_BYTES: usize = HEADER_BYTES + 9 * BUCKETS as usize;

impl Histogram {
    /// The V2 form.
    ///
    /// # Panics
    /// Never: the form is at most 350 kB long.
    #[must_use]
    pub fn encode_v2(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let mut next_bucket = 0;
        for &(bucket, count) in &self.counts {
            match bucket - next_bucket {
                0 => {}
                1 => write_number(&mut body, 0), // a single one is written as a count of 0
                empty => write_number(&mut body, -i64::from(empty)),
            }
            // Merged counts reach 2⁶³ after centuries only.
            write_number(&mut body, i64::try_from(count).unwrap_or(i64::MAX));
            next_bucket = bucket + 1;
        }
        if self.is_empty() {
            write_number(&mut body, 0);
        }
        let length = u32::try_from(body.len()).expect("it is at most MAX_BYTES");
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
        for word in [COOKIE, length, 0, SIGNIFICANT_DIGITS] {
            bytes.extend(word.to_be_bytes());
        }
        for long in [1, HIGHEST_TIME_NS, 1.0_f64.to_bits()] {
            bytes.extend(long.to_be_bytes());
        }
        bytes.extend(body);
        bytes
    }

    /// The V2 form, deflated: what an interval log holds in base64.
    ///
    /// # Panics
    /// Never: a vector takes all bytes.
    #[must_use]
    pub fn encode_v2_deflated(&self) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&self.encode_v2()).expect("a vector takes all bytes");
        let deflated = encoder.finish().expect("a vector takes all bytes");
        let length = u32::try_from(deflated.len()).expect("it is at most MAX_BYTES");
        [&DEFLATED_COOKIE.to_be_bytes()[..], &length.to_be_bytes()[..], &deflated].concat()
    }

    /// Reads either V2 form.
    ///
    /// # Errors
    /// If the bytes are damaged, count past [`MAX_COUNT`], or have other bounds than ours.
    pub fn decode_v2(bytes: &[u8]) -> Result<Self> {
        if u32_at(bytes, 0)? == DEFLATED_COOKIE {
            return decode(&inflate(bytes)?);
        }
        decode(bytes)
    }
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>> {
    let length = u32_at(bytes, 4)? as usize;
    let deflated = &bytes[8..];
    if length != deflated.len() {
        return Err(damaged(format!("it claims {length} bytes and has {}", deflated.len())));
    }
    let mut plain = Vec::new();
    ZlibDecoder::new(deflated)
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|error| damaged(error.to_string()))?;
    Ok(plain)
}

fn decode(bytes: &[u8]) -> Result<Histogram> {
    if u32_at(bytes, 0)? != COOKIE {
        return Err(damaged("it does not start with the V2 cookie".into()));
    }
    let (length, offset, digits) = (u32_at(bytes, 4)?, u32_at(bytes, 8)?, u32_at(bytes, 12)?);
    let (low, high, scale) = (u64_at(bytes, 16)?, u64_at(bytes, 24)?, u64_at(bytes, 32)?);
    if (low, high, digits) != (1, HIGHEST_TIME_NS, SIGNIFICANT_DIGITS)
        || (offset, scale) != (0, 1.0_f64.to_bits())
    {
        return Err(Error::Decode {
            what: "histogram",
            problem: format!("its bounds are {low} to {high} with {digits} digits"),
            hint: "only 1 ns to 86400000000000 ns with 3 digits, unscaled, can be read",
        });
    }
    let body = &bytes[HEADER_BYTES..];
    if length as usize != body.len() {
        return Err(damaged(format!("it claims {length} bytes of counts and has {}", body.len())));
    }
    decode_counts(body)
}

fn decode_counts(mut body: &[u8]) -> Result<Histogram> {
    let mut decoded = Histogram::default();
    let last = index_of(HIGHEST_TIME_NS);
    let too_long = || damaged("it counts times above 24 h".into());
    let mut bucket = 0_u64;
    while !body.is_empty() {
        let number = read_number(&mut body)?;
        let magnitude = number.unsigned_abs();
        if number < 0 {
            bucket = bucket.saturating_add(magnitude);
        } else {
            if magnitude > 0 {
                // The array ends at a power of two; what it could hold above 24 h is not ours.
                let bucket = u32::try_from(bucket).ok().filter(|&bucket| bucket <= last);
                decoded.counts.push((bucket.ok_or_else(too_long)?, magnitude));
                decoded.count = decoded.count.saturating_add(magnitude);
            }
            bucket = bucket.saturating_add(1);
        }
        if bucket > u64::from(BUCKETS) || decoded.count > MAX_COUNT {
            let count = decoded.count;
            return Err(damaged(format!("it has {bucket} buckets or more and counts to {count}")));
        }
    }
    Ok(decoded)
}

/// Appends a zigzag LEB128 number; the ninth byte would have 8 bits.
#[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
fn write_number(body: &mut Vec<u8>, number: i64) {
    let mut zigzag = ((number << 1) ^ (number >> 63)).cast_unsigned();
    for _ in 0..8 {
        if zigzag < 0x80 {
            break;
        }
        body.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    body.push(zigzag as u8);
}

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
    Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
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
    let hint = "give the unchanged bytes of a V2 HdrHistogram";
    Error::Decode { what: "histogram", problem, hint }
}

/// As bytes in the V2 form; none at all if empty.
impl Serialize for Histogram {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = if self.is_empty() { Vec::new() } else { self.encode_v2() };
        serializer.serialize_bytes(&bytes)
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
                    return Ok(Histogram::default());
                }
                Histogram::decode_v2(bytes).map_err(E::custom)
            }
        }

        deserializer.deserialize_bytes(V2Bytes)
    }
}
