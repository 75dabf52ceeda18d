//! Programs: what is refused and with which words, what they are flattened to, and any bytes.

mod flattened;
mod properties;
mod refused;

use super::ir::Generator;
use super::testing::*;
use super::*;

/// What is wrong with a program.
fn problem(program: &ir::Program) -> Problem {
    Program::decode(&encode(program)).unwrap_err()
}
