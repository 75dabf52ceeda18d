//! SQLSTATE codes and counts by code.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::{Error, Result};

/// Most codes that one recorded cell tells apart.
pub const MAX_CODES: usize = 64;

/// A five-character code: the server's, or the generator's own for a failure without a server
/// (class 08: the connection, XX: ours).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sqlstate([u8; 5]);

impl Sqlstate {
    /// What codes past [`MAX_CODES`] are counted under. Lower case, so it is never a code.
    pub const OTHER: Self = Self(*b"other");

    /// A code from its bytes; what is no code becomes `XX000`, an internal error.
    #[must_use]
    pub const fn from_bytes(code: [u8; 5]) -> Self {
        let mut at = 0;
        while at < code.len() {
            if !(code[at].is_ascii_digit() || code[at].is_ascii_uppercase()) {
                return Self(*b"XX000");
            }
            at += 1;
        }
        Self(code)
    }

    /// The code as text.
    ///
    /// # Panics
    /// Never: only ASCII gets in.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("an SQLSTATE is ASCII")
    }
}

impl TryFrom<&str> for Sqlstate {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        let code: [u8; 5] = text.as_bytes().try_into().map_err(|_| Error::Sqlstate)?;
        let is_code = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        if code.iter().all(is_code) || code == Self::OTHER.0 {
            Ok(Self(code))
        } else {
            Err(Error::Sqlstate)
        }
    }
}

impl TryFrom<String> for Sqlstate {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::try_from(text.as_str())
    }
}

impl From<Sqlstate> for String {
    fn from(code: Sqlstate) -> Self {
        code.as_str().to_owned()
    }
}

impl fmt::Display for Sqlstate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Counts by code, in order of the codes.
///
/// A sorted vector: adding to a known code never allocates, to a new one only past the capacity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    from = "std::collections::BTreeMap<Sqlstate, u64>",
    into = "std::collections::BTreeMap<Sqlstate, u64>"
)]
pub struct CodeCounts(Vec<(Sqlstate, u64)>);

impl CodeCounts {
    /// No counts yet, with room for `capacity` codes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Adds to a code; a new code past [`MAX_CODES`] is counted as [`Sqlstate::OTHER`].
    pub fn add(&mut self, code: Sqlstate) {
        let is_known = self.0.binary_search_by_key(&code, |entry| entry.0).is_ok();
        let is_full = self.0.len() >= MAX_CODES;
        self.add_exact(if is_full && !is_known { Sqlstate::OTHER } else { code }, 1);
    }

    /// Adds all of `other`, without a limit: merging is exact.
    pub fn merge(&mut self, other: &Self) {
        for &(code, count) in &other.0 {
            self.add_exact(code, count);
        }
    }

    /// What was counted; afterwards nothing is, and the capacity is kept.
    pub(crate) fn take(&mut self) -> Self {
        let taken = self.clone();
        self.0.clear();
        taken
    }

    /// The codes and their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Sqlstate, u64)> + '_ {
        self.0.iter().copied()
    }

    /// Sum of all counts.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, entry| sum.saturating_add(entry.1))
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add_exact(&mut self, code: Sqlstate, count: u64) {
        match self.0.binary_search_by_key(&code, |entry| entry.0) {
            Ok(position) => {
                self.0[position].1 = self.0[position].1.saturating_add(count);
            }
            Err(position) => self.0.insert(position, (code, count)),
        }
    }
}

impl From<std::collections::BTreeMap<Sqlstate, u64>> for CodeCounts {
    fn from(map: std::collections::BTreeMap<Sqlstate, u64>) -> Self {
        Self(map.into_iter().collect())
    }
}

impl From<CodeCounts> for std::collections::BTreeMap<Sqlstate, u64> {
    fn from(counts: CodeCounts) -> Self {
        counts.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_five_digits_or_upper_case_letters_are_a_code() {
        for code in ["40001", "23505", "08006", "XX000"] {
            assert_eq!(Sqlstate::try_from(code).unwrap().as_str(), code);
        }
        for text in ["", "4000", "400011", "xx000", "40 01", "4000é", "OTHER\0"] {
            assert_eq!(Sqlstate::try_from(text), Err(Error::Sqlstate), "{text}");
        }
    }

    #[test]
    fn codes_past_the_limit_are_counted_as_other() {
        let mut counts = CodeCounts::default();
        for number in 0..100 {
            let code = Sqlstate::try_from(format!("{number:05}")).unwrap();
            counts.add(code);
            counts.add(code);
        }
        let other = counts.iter().find(|entry| entry.0 == Sqlstate::OTHER);
        assert_eq!(other, Some((Sqlstate::OTHER, 2 * (100 - MAX_CODES as u64))));
        assert_eq!(counts.total(), 200);
        assert_eq!(counts.iter().count(), MAX_CODES + 1);
    }
}
