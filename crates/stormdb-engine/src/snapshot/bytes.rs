//! Snapshots as bytes: a tag with the version, then msgpack with the field names.

use std::io::Cursor;

use serde::Deserialize;

use super::IntervalSnapshot;
use crate::{Error, Result};

/// Version of the format; another one is refused. A change of meaning raises it.
pub const FORMAT_VERSION: u8 = 1;
/// Longest snapshot that is read. What it takes in memory is in proportion, at most 20 times this.
pub const MAX_BYTES: usize = 16 << 20;

const TAG: &[u8; 7] = b"stormdb";

impl IntervalSnapshot {
    /// The snapshot as bytes.
    ///
    /// # Panics
    /// Never: a vector takes all bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = TAG.to_vec();
        bytes.push(FORMAT_VERSION);
        rmp_serde::encode::write_named(&mut bytes, self).expect("a vector takes all bytes");
        bytes
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
    let hint = "give the unchanged bytes of a snapshot of this version";
    Error::Decode { what: "snapshot", problem, hint }
}

/// A map as a list of pairs, since its keys are structures.
pub(super) mod pairs {
    use std::collections::BTreeMap;

    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use super::super::{CellKey, Outcomes};

    type Cells = BTreeMap<CellKey, Outcomes>;

    pub fn serialize<S: Serializer>(cells: &Cells, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(cells)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cells, D::Error> {
        let pairs: Vec<(CellKey, Outcomes)> = Vec::deserialize(deserializer)?;
        let count = pairs.len();
        let cells: Cells = pairs.into_iter().collect();
        if cells.len() < count {
            return Err(D::Error::custom("a cell is there twice"));
        }
        Ok(cells)
    }
}
