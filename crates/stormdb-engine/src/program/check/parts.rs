//! What all transactions share: names, statements, tables.

use std::collections::BTreeSet;

use super::Problem;
use crate::program::ir::{Constant, Program, Statement};
use crate::program::{Part, sql};
use crate::recorder::{MAX_NAME_BYTES, MAX_NAMES, MAX_ROWS};

/// Check everything but the steps.
pub(super) fn verify(program: &Program) -> Result<(), Problem> {
    let rows = program.transactions.len() + program.statements.len();
    if rows > MAX_ROWS {
        return refuse(
            "program",
            format!(
                "{rows} transactions and statements, a report has room for {MAX_ROWS} together"
            ),
        );
    }
    // The engine has one metric of its own.
    if program.metrics.len() >= MAX_NAMES {
        let room = MAX_NAMES - 1;
        return refuse(
            "program",
            format!("{} metrics, a report has room for {room}", program.metrics.len()),
        );
    }
    if program.transactions.iter().map(|one| u64::from(one.weight)).sum::<u64>() == 0 {
        return refuse("program", "no transaction has a weight above 0");
    }
    let mut names = BTreeSet::new();
    for transaction in &program.transactions {
        name("transaction", &transaction.name, &transaction.place)?;
        if !names.insert(&transaction.name) {
            return refuse(
                &transaction.place,
                format!("the name {:?} is used twice", transaction.name),
            );
        }
    }
    program.metrics.iter().try_for_each(|metric| name("metric", metric, "program"))?;
    program.statements.iter().try_for_each(statement)?;
    program.tables.iter().try_for_each(|table| constants(table, "program"))
}

fn refuse<T>(place: &str, message: impl Into<String>) -> Result<T, Problem> {
    Err(Problem { place: place.to_owned(), message: message.into() })
}

fn name(what: &str, name: &str, place: &str) -> Result<(), Problem> {
    if (1..=MAX_NAME_BYTES).contains(&name.len()) {
        return Ok(());
    }
    let length = name.len();
    refuse(place, format!("a {what} has a name of {length} bytes; hint: use 1 to {MAX_NAME_BYTES}"))
}

fn statement(statement: &Statement) -> Result<(), Problem> {
    let Statement { label, sql, parameter_count } = statement;
    name("statement", label, "program")?;
    text(sql, label)?;
    let mut is_used = vec![false; usize::from(*parameter_count)];
    for part in sql::parts(sql) {
        let Part::Parameter(number) = part else { continue };
        let used = (number as usize).checked_sub(1).and_then(|index| is_used.get_mut(index));
        match used {
            Some(used) => *used = true,
            None => {
                return refuse(
                    label,
                    format!("${number} has no value: {parameter_count} are given"),
                );
            }
        }
    }
    match is_used.iter().position(|used| !used) {
        Some(unused) => refuse(label, format!("the statement has no ${}", unused + 1)),
        None => Ok(()),
    }
}

/// Refuse what PostgreSQL cannot store.
pub(super) fn text(text: &str, place: &str) -> Result<(), Problem> {
    if text.contains('\0') {
        return refuse(place, "a text has a zero byte, which PostgreSQL cannot store");
    }
    Ok(())
}

/// Refuse constants that PostgreSQL cannot store.
pub(super) fn constants(values: &[Constant], place: &str) -> Result<(), Problem> {
    values.iter().try_for_each(|value| match value {
        Constant::Text(one) => text(one, place),
        Constant::Array(elements) => constants(elements, place),
        _ => Ok(()),
    })
}
