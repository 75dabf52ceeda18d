//! Snapshots as bytes: a tag with the version, then msgpack with the field names.

use std::io::Cursor;

use serde::Deserialize;

use super::IntervalSnapshot;
use crate::{Error, Result};

/// Version of the format; another one is refused. A change of meaning raises it.
pub const FORMAT_VERSION: u8 = 1;
/// Longest snapshot that is read.
pub const MAX_BYTES: usize = 16 << 20;
/// Most cells of a snapshot that is written or read: each may take four histograms of 304 KiB.
pub const MAX_CELLS: usize = 1024;

const TAG: &[u8; 7] = b"stormdb";
const HINT: &str = "give the unchanged bytes of a snapshot of this version";

impl IntervalSnapshot {
    /// The snapshot as bytes.
    ///
    /// # Errors
    /// If it has more than [`MAX_CELLS`] cells.
    ///
    /// # Panics
    /// Never: a vector takes all bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        if self.cells.len() > MAX_CELLS {
            return Err(Error::TooManyCells { cells: self.cells.len(), limit: MAX_CELLS });
        }
        let mut bytes = TAG.to_vec();
        bytes.push(FORMAT_VERSION);
        rmp_serde::encode::write_named(&mut bytes, self).expect("a vector takes all bytes");
        Ok(bytes)
    }

    /// Reads what [`IntervalSnapshot::to_bytes`] wrote.
    ///
    /// # Errors
    /// If the bytes are damaged, longer than [`MAX_BYTES`] or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_BYTES {
            return Err(damaged(format!("it has {} bytes, {MAX_BYTES} are allowed", bytes.len())));
        }
        let tagged = bytes.strip_prefix(TAG).and_then(<[u8]>::split_first);
        let Some((&version, body)) = tagged else {
            return Err(damaged("it does not start with the tag of a snapshot".into()));
        };
        if version != FORMAT_VERSION {
            return Err(damaged(format!("its version is {version}, this reads {FORMAT_VERSION}")));
        }
        let mut deserializer = rmp_serde::Deserializer::new(Cursor::new(body));
        let snapshot =
            Self::deserialize(&mut deserializer).map_err(|error| damaged(error.to_string()))?;
        let rest = body.len() as u64 - deserializer.position();
        if rest > 0 {
            return Err(damaged(format!("{rest} bytes follow its end")));
        }
        Ok(snapshot)
    }
}

fn damaged(problem: String) -> Error {
    Error::Decode { what: "snapshot", problem, hint: HINT }
}

/// A map as a list of pairs, since its keys are structures; at most [`MAX_CELLS`].
pub(super) mod pairs {
    use std::collections::BTreeMap;
    use std::fmt;

    use serde::de::{Deserializer, Error, SeqAccess, Visitor};
    use serde::ser::Serializer;

    use super::super::{CellKey, Outcomes};
    use super::MAX_CELLS;

    type Cells = BTreeMap<CellKey, Outcomes>;

    pub fn serialize<S: Serializer>(cells: &Cells, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(cells)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cells, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Cells;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "at most {MAX_CELLS} cells")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Cells, A::Error> {
                let mut cells = Cells::new();
                while let Some((key, outcomes)) = pairs.next_element()? {
                    if cells.len() == MAX_CELLS || cells.insert(key, outcomes).is_some() {
                        return Err(A::Error::custom("too many cells, or one of them twice"));
                    }
                }
                Ok(cells)
            }
        }

        deserializer.deserialize_seq(Pairs)
    }
}
