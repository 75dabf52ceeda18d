//! Reading a program from bytes, and refusing what cannot be run.

mod parts;
mod size;

use std::collections::BTreeSet;
use std::io::Cursor;

use serde::Deserialize;

use super::ir::{Action, CopyColumn, Expr, FORMAT_VERSION, Generator, Program, Step, Transaction};
use crate::encoding::ServerType;

/// Largest program in bytes.
const MAX_BYTES: usize = 32 << 20;
/// Most values of all kinds, from a table's entries to the names of fields: each may be a byte that
/// takes a hundred in memory.
const MAX_VALUES: usize = 1_000_000;
/// Most variables, and most draws, of a transaction.
const MAX_SLOTS: usize = 10_000;
/// Deepest nesting of steps and expressions.
const MAX_DEPTH: usize = 128;
/// Largest limit of a loop, and of the rows of a copy.
const MAX_REPEAT: u32 = 100_000_000;
/// Most columns of a table.
const MAX_COLUMNS: usize = 1600;
/// Most dimensions of a vector.
const MAX_DIMENSIONS: u32 = 16_000;
/// Fewer would throw nearly all draws away.
const LEAST_SIGMAS: f64 = 0.1;

/// Why a program is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Problem {
    /// File and line of the author's code, or `program`.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

/// There is no thread to read a program with.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives errors away")]
pub(super) fn no_thread(error: std::io::Error) -> Problem {
    Problem { place: "program".to_owned(), message: format!("no thread to read it with: {error}") }
}

/// Read a program without looking at what it means.
pub(super) fn decode(bytes: &[u8]) -> Result<Program, Problem> {
    let refuse = |message: String| Problem { place: "program".to_owned(), message };
    if bytes.len() > MAX_BYTES {
        return Err(refuse(format!("{} bytes, the limit is {MAX_BYTES}", bytes.len())));
    }
    let value_count = size::count_values(bytes);
    if value_count > MAX_VALUES {
        return Err(refuse(format!(
            "{value_count} values, the limit is {MAX_VALUES}; hint: keep long lists in the database"
        )));
    }
    let mut reader = rmp_serde::Deserializer::new(Cursor::new(bytes));
    reader.set_max_depth(8 * MAX_DEPTH);
    let program = Program::deserialize(&mut reader)
        .map_err(|error| refuse(format!("cannot be read: {error}")))?;
    let rest = bytes.len() as u64 - reader.position();
    if rest > 0 {
        return Err(refuse(format!("{rest} bytes follow its end")));
    }
    if program.version != FORMAT_VERSION {
        let version = program.version;
        return Err(refuse(format!(
            "format version {version}, this stormdb reads {FORMAT_VERSION}"
        )));
    }
    Ok(program)
}

/// Check what the types cannot say.
pub(super) fn verify(program: &Program) -> Result<(), Problem> {
    parts::verify(program)?;
    program.transactions.iter().try_for_each(|transaction| {
        let (place, draws) = (transaction.place.as_str(), BTreeSet::new());
        Checker { program, transaction, place, draws }.transaction()
    })
}

/// Walks one transaction in the order of execution.
struct Checker<'a> {
    program: &'a Program,
    transaction: &'a Transaction,
    place: &'a str,
    draws: BTreeSet<u32>,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, Default)]
struct Surroundings {
    depth: usize,
    is_in_block: bool,
    is_in_pipeline: bool,
}

type Slots = Vec<bool>;

impl<'a> Checker<'a> {
    fn transaction(&mut self) -> Result<(), Problem> {
        if self.transaction.slots.len() > MAX_SLOTS || self.transaction.draws as usize > MAX_SLOTS {
            return self.refuse("more than 10,000 variables or draws");
        }
        let mut set = vec![false; self.transaction.slots.len()];
        self.steps(&self.transaction.steps, &mut set, Surroundings::default())
    }

    fn refuse<T>(&self, message: impl Into<String>) -> Result<T, Problem> {
        Err(Problem { place: self.place.to_owned(), message: message.into() })
    }

    fn require(&self, is_met: bool, message: impl FnOnce() -> String) -> Result<(), Problem> {
        if is_met { Ok(()) } else { self.refuse(message()) }
    }

    fn steps(
        &mut self,
        steps: &'a [Step],
        set: &mut Slots,
        around: Surroundings,
    ) -> Result<(), Problem> {
        self.require(around.depth < MAX_DEPTH, || "steps are nested too deep".to_owned())?;
        let around = Surroundings { depth: around.depth + 1, ..around };
        for step in steps {
            self.place = &step.place;
            self.step(&step.action, set, around)?;
        }
        Ok(())
    }

    fn step(
        &mut self,
        action: &'a Action,
        set: &mut Slots,
        around: Surroundings,
    ) -> Result<(), Problem> {
        if around.is_in_pipeline && !matches!(action, Action::Let { .. } | Action::Execute { .. }) {
            return self.refuse("a pipeline may only set variables and execute statements");
        }
        match action {
            Action::Let { slot, value } => {
                self.expr(value, set, 0)?;
                self.assign(*slot, set)
            }
            Action::Execute { statement, values, rows, capture } => {
                self.statement(*statement, values.len())?;
                values.iter().try_for_each(|value| self.expr(value, set, 0))?;
                if let Some(rows) = rows {
                    self.require(rows.max.is_none_or(|max| max >= rows.min), || {
                        "rows: max is below min".to_owned()
                    })?;
                }
                if around.is_in_pipeline {
                    // Known only after the whole pipeline: see `pipeline`.
                    return Ok(());
                }
                capture.iter().try_for_each(|one| self.assign(one.slot, set))
            }
            Action::When { condition, then, otherwise } => {
                self.when(condition, (then, otherwise), set, around)
            }
            Action::Repeat { count, limit, slot, body } => {
                self.repeat(count, *limit, set)?;
                // The body may not run at all: what it sets is set inside only.
                let mut inside = set.clone();
                slot.iter().try_for_each(|slot| self.assign(*slot, &mut inside))?;
                self.steps(body, &mut inside, around)
            }
            Action::Block { body, .. } => {
                self.require(!around.is_in_block, || {
                    "a block inside of a block; hint: use a savepoint".to_owned()
                })?;
                self.steps(body, set, Surroundings { is_in_block: true, ..around })
            }
            Action::Pipeline { body } => self.pipeline(body, set, around),
            Action::CopyIn { statement, rows, limit, columns } => {
                self.statement(*statement, 0)?;
                self.repeat(rows, *limit, set)?;
                self.copy_types(columns)?;
                columns.iter().try_for_each(|column| self.expr(&column.value, set, 0))
            }
            Action::Savepoint { body, .. } => {
                self.require(around.is_in_block, || "a savepoint outside of a block".to_owned())?;
                // A server error skips the rest of the body: what it sets is set inside only.
                self.steps(body, &mut set.clone(), around)
            }
            Action::Think { seconds: value } | Action::Check { condition: value, .. } => {
                self.expr(value, set, 0)
            }
            Action::Abort => {
                self.require(around.is_in_block, || "an abort outside of a block".to_owned())
            }
            Action::Emit { metric, value } => {
                self.require((*metric as usize) < self.program.metrics.len(), || {
                    format!("metric {metric} is unknown")
                })?;
                self.expr(value, set, 0)
            }
        }
    }

    /// How often something is done, and how often at most.
    fn repeat(&mut self, count: &'a Expr, limit: u32, set: &Slots) -> Result<(), Problem> {
        self.expr(count, set, 0)?;
        self.require(limit <= MAX_REPEAT, || format!("the limit {limit} is above {MAX_REPEAT}"))
    }

    fn copy_types(&self, columns: &[CopyColumn]) -> Result<(), Problem> {
        self.require((1..=MAX_COLUMNS).contains(&columns.len()), || {
            format!("a copy of {} columns, it must have 1 to {MAX_COLUMNS}", columns.len())
        })?;
        columns.iter().map(|column| column.type_name.as_str()).try_for_each(|name| {
            self.require(ServerType::from_name(name).is_some(), || {
                format!("the type {name} cannot be copied; hint: use {}", ServerType::names())
            })
        })
    }

    fn pipeline(
        &mut self,
        body: &'a [Step],
        set: &mut Slots,
        around: Surroundings,
    ) -> Result<(), Problem> {
        self.steps(body, set, Surroundings { is_in_pipeline: true, ..around })?;
        for step in body {
            if let Action::Execute { capture, .. } = &step.action {
                capture.iter().try_for_each(|one| self.assign(one.slot, set))?;
            }
        }
        Ok(())
    }

    fn when(
        &mut self,
        condition: &'a Expr,
        (then, otherwise): (&'a [Step], &'a [Step]),
        set: &mut Slots,
        around: Surroundings,
    ) -> Result<(), Problem> {
        self.expr(condition, set, 0)?;
        let (mut left, mut right) = (set.clone(), set.clone());
        self.steps(then, &mut left, around)?;
        self.steps(otherwise, &mut right, around)?;
        for (slot, is_set) in set.iter_mut().enumerate() {
            *is_set = left[slot] && right[slot];
        }
        Ok(())
    }

    fn statement(&self, statement: u32, value_count: usize) -> Result<(), Problem> {
        let Some(found) = self.program.statements.get(statement as usize) else {
            return self.refuse(format!("statement {statement} is unknown"));
        };
        let wanted = usize::from(found.parameter_count);
        self.require(wanted == value_count, || format!("{wanted} parameters, {value_count} values"))
    }

    fn assign(&self, slot: u32, set: &mut Slots) -> Result<(), Problem> {
        match set.get_mut(slot as usize) {
            Some(is_set) => {
                *is_set = true;
                Ok(())
            }
            None => self.refuse(format!("variable {slot} is unknown")),
        }
    }

    fn expr(&mut self, expr: &'a Expr, set: &Slots, depth: usize) -> Result<(), Problem> {
        self.require(depth < MAX_DEPTH, || "an expression is nested too deep".to_owned())?;
        let depth = depth + 1;
        match expr {
            Expr::Sequence => Ok(()),
            Expr::Const(constant) => parts::constants(std::slice::from_ref(constant), self.place),
            Expr::Slot(slot) => match set.get(*slot as usize) {
                Some(true) => Ok(()),
                Some(false) => {
                    let name = &self.transaction.slots[*slot as usize];
                    self.refuse(format!("{name} is used before it is set on every way here"))
                }
                None => self.refuse(format!("variable {slot} is unknown")),
            },
            Expr::Unary(_, value) | Expr::Hash { value, .. } => self.expr(value, set, depth),
            Expr::Binary(_, left, right) | Expr::Index(left, right) => {
                self.expr(left, set, depth)?;
                self.expr(right, set, depth)
            }
            Expr::Case(arms, otherwise) => {
                for (condition, value) in arms {
                    self.expr(condition, set, depth)?;
                    self.expr(value, set, depth)?;
                }
                self.expr(otherwise, set, depth)
            }
            Expr::Table(table, index) => {
                let is_filled =
                    self.program.tables.get(*table as usize).is_some_and(|table| !table.is_empty());
                self.require(is_filled, || format!("table {table} is unknown or empty"))?;
                self.expr(index, set, depth)
            }
            Expr::Array(elements) => {
                elements.iter().try_for_each(|element| self.expr(element, set, depth))
            }
            Expr::Draw(draw, generator) => {
                let is_new = *draw < self.transaction.draws && self.draws.insert(*draw);
                self.require(is_new, || {
                    format!("draw {draw} is not below the number of draws, or used twice")
                })?;
                self.generator(generator, set, depth)
            }
            Expr::Permute { size, value, .. } => {
                self.expr(size, set, depth)?;
                self.expr(value, set, depth)
            }
        }
    }

    fn generator(
        &mut self,
        generator: &'a Generator,
        set: &Slots,
        depth: usize,
    ) -> Result<(), Problem> {
        let is_positive = |value: f64| value.is_finite() && value > 0.0;
        match generator {
            Generator::Uniform { low, high } | Generator::UniformFloat { low, high } => {
                self.both(low, high, set, depth)
            }
            Generator::Nurand { a, low, high, .. } => {
                self.require(*a >= 0, || format!("nurand: A is {a}, it must not be below 0"))?;
                self.both(low, high, set, depth)
            }
            Generator::Zipf { count, skew } => {
                self.require(skew.is_finite() && *skew >= 0.0, || {
                    format!("zipf: the skew is {skew}, it must be at least 0")
                })?;
                self.expr(count, set, depth)
            }
            Generator::Gaussian { low, high, sigmas } => {
                self.require(sigmas.is_finite() && *sigmas >= LEAST_SIGMAS, || {
                    format!("gaussian: sigmas is {sigmas}, it must be at least {LEAST_SIGMAS}")
                })?;
                self.both(low, high, set, depth)
            }
            Generator::Exponential { low, high, decay } => {
                self.require(is_positive(*decay), || {
                    format!("exponential: the decay is {decay}, it must be above 0")
                })?;
                self.both(low, high, set, depth)
            }
            Generator::Choice { weights, values } => {
                let is_sound = weights.len() == values.len()
                    && weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
                    && is_positive(weights.iter().sum());
                self.require(is_sound, || {
                    "choice: one weight per value, one of them above 0".to_owned()
                })?;
                values.iter().try_for_each(|value| self.expr(value, set, depth))
            }
            Generator::Text { min, max, alphabet } => {
                let is_sound =
                    !alphabet.is_empty() && alphabet.is_ascii() && !alphabet.contains('\0');
                self.require(is_sound, || {
                    format!("text: the alphabet is {alphabet:?}, it must be of ASCII characters")
                })?;
                self.both(min, max, set, depth)
            }
            Generator::Bytes { length } => self.expr(length, set, depth),
            Generator::Vector { dimensions, .. } => self
                .require((1..=MAX_DIMENSIONS).contains(dimensions), || {
                    format!("vector: between 1 and {MAX_DIMENSIONS} dimensions")
                }),
            Generator::Pattern(pattern) => parts::text(pattern, self.place),
            Generator::Uuid => Ok(()),
        }
    }

    fn both(
        &mut self,
        low: &'a Expr,
        high: &'a Expr,
        set: &Slots,
        depth: usize,
    ) -> Result<(), Problem> {
        self.expr(low, set, depth)?;
        self.expr(high, set, depth)
    }
}
