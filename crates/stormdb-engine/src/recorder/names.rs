//! Names that get numbers, so that the frames hold arrays.

use std::collections::HashMap;

use super::MAX_NAME_BYTES;
use crate::{Error, Result};

/// A bounded set of names.
#[derive(Debug)]
pub(super) struct Names {
    what: &'static str,
    limit: usize,
    numbers: HashMap<String, usize>,
    by_number: Vec<String>,
}

impl Names {
    pub(super) fn new(what: &'static str, limit: usize) -> Self {
        Self { what, limit, numbers: HashMap::new(), by_number: Vec::new() }
    }

    /// Number of a name, a new one if it is new.
    pub(super) fn number(&mut self, name: &str) -> Result<usize> {
        if let Some(&number) = self.numbers.get(name) {
            return Ok(number);
        }
        check_name(name)?;
        let number = self.by_number.len();
        if number == self.limit {
            return Err(Error::TooManyNames { what: self.what, limit: self.limit });
        }
        self.numbers.insert(name.to_owned(), number);
        self.by_number.push(name.to_owned());
        Ok(number)
    }

    pub(super) fn name(&self, number: usize) -> &str {
        &self.by_number[number]
    }
}

pub(super) fn check_name(name: &str) -> Result<()> {
    if (1..=MAX_NAME_BYTES).contains(&name.len()) {
        Ok(())
    } else {
        Err(Error::NameLength { length: name.len(), limit: MAX_NAME_BYTES })
    }
}
