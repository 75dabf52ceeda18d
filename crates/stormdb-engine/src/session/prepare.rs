//! Making a connection ready: what is prepared on it before the first transaction.

use stormdb_wire::backend::{self, Backend};
use stormdb_wire::frontend;
use stormdb_wire::{Error as WireError, Frame, Session as Login};

use super::request::{Control, NAME_BYTES, Protocol, number_name};
use crate::encoding::ServerType;
use crate::program::{Program, Step};

/// Statements as one connection has prepared them.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    pub(super) protocol: Protocol,
    /// Types of each statement's parameters; empty if nothing was prepared.
    pub(super) types: Vec<Box<[ServerType]>>,
}

/// Whether a connection is ready at once.
#[derive(Debug)]
pub enum Opening {
    /// It is.
    Ready(Prepared),
    /// Requests were appended; their answers go to [`Preparing::advance`].
    Waiting(Preparing),
}

/// Why a program cannot be run on a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The server broke the protocol, or a statement cannot be sent.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The server would not prepare a statement.
    #[error(
        "{label}: {message} (SQLSTATE {sqlstate}); hint: statements are prepared when a connection opens, the protocol `extended` prepares each when it is executed"
    )]
    Statement {
        /// Row of the report, or what kind of statement it is.
        label: String,
        /// Why.
        sqlstate: String,
        /// Why, in the server's words.
        message: String,
    },
    /// The simple protocol sends one statement at a time.
    #[error(
        "{place}: a pipeline cannot be sent by the simple protocol; hint: use the protocol `prepared` or `extended`"
    )]
    Pipeline {
        /// Where its author wrote it.
        place: String,
    },
    /// The simple protocol sends values as quoted texts, which the server must read alike.
    #[error(
        "standard_conforming_strings is {0}, which the simple protocol cannot work with; hint: set it to on, or use the protocol `prepared` or `extended`"
    )]
    Strings(String),
}

/// The dialogue that prepares all statements at once.
#[derive(Debug)]
pub struct Preparing {
    parsed_count: usize,
    types: Vec<Box<[ServerType]>>,
    failure: Option<Refusal>,
}

impl Opening {
    /// Append the requests that a program takes on a connection that has just logged in.
    ///
    /// # Errors
    /// The protocol cannot do what the program wants, or a statement contains a zero byte.
    pub fn begin(
        program: &Program,
        protocol: Protocol,
        login: &Login,
        out: &mut Vec<u8>,
    ) -> Result<Self, Refusal> {
        match protocol {
            Protocol::Prepared => Preparing::begin(program, out).map(Self::Waiting),
            Protocol::Extended => Ok(Self::ready(protocol)),
            Protocol::Simple => {
                refuse_pipelines(program)?;
                let setting = "standard_conforming_strings";
                let found = login.parameters.iter().find(|(name, _)| name == setting);
                match found {
                    Some((_, value)) if value != "on" => Err(Refusal::Strings(value.clone())),
                    _ => Ok(Self::ready(protocol)),
                }
            }
        }
    }

    fn ready(protocol: Protocol) -> Self {
        Self::Ready(Prepared { protocol, types: Vec::new() })
    }
}

fn refuse_pipelines(program: &Program) -> Result<(), Refusal> {
    let is_pipeline = |step: &Step| matches!(step, Step::PipelineStart);
    match program.steps.iter().position(is_pipeline) {
        Some(step) => Err(Refusal::Pipeline { place: program.places[step].clone() }),
        None => Ok(()),
    }
}

impl Preparing {
    fn begin(program: &Program, out: &mut Vec<u8>) -> Result<Self, Refusal> {
        let mut buffer = [0; NAME_BYTES];
        for (index, statement) in program.statements.iter().enumerate() {
            let name = number_name(b's', index, &mut buffer);
            frontend::parse(name, statement.sql.as_bytes(), &[], out)?;
            frontend::describe_statement(name, out)?;
        }
        for control in controls(program) {
            let name = control.name(&mut buffer);
            frontend::parse(name, control.sql(program).as_bytes(), &[], out)?;
        }
        frontend::sync(out);
        let types = Vec::with_capacity(program.statements.len());
        Ok(Self { parsed_count: 0, types, failure: None })
    }

    /// Take one message; `Some` once the server is ready.
    ///
    /// # Errors
    /// The server refused a statement, or broke the protocol.
    pub fn advance(
        &mut self,
        program: &Program,
        frame: Frame<'_>,
    ) -> Result<Option<Prepared>, Refusal> {
        match backend::decode(frame)? {
            Backend::ParseComplete => self.parsed_count += 1,
            Backend::ParameterDescription(mut types) => {
                let mut known = Vec::with_capacity(types.len());
                while let Some(oid) = types.next_type_oid()? {
                    known.push(ServerType::from_oid(oid));
                }
                self.describe(program, known)?;
            }
            Backend::Error(error) => {
                let statement = program.statements.get(self.parsed_count);
                self.failure = Some(Refusal::Statement {
                    label: statement.map_or("BEGIN", |one| &one.label).to_owned(),
                    sqlstate: String::from_utf8_lossy(error.sqlstate).into_owned(),
                    message: String::from_utf8_lossy(error.message).into_owned(),
                });
            }
            Backend::Ready(_) => return self.ready(program).map(Some),
            _ => {}
        }
        Ok(None)
    }

    fn describe(&mut self, program: &Program, types: Vec<ServerType>) -> Result<(), WireError> {
        let wanted = program.statements.get(self.types.len());
        if wanted.is_none_or(|one| usize::from(one.parameter_count) != types.len()) {
            return Err(WireError::Unexpected {
                found: format!("a description of {} parameters", types.len()),
                wanted: "one of each statement's parameters, in order",
            });
        }
        self.types.push(types.into_boxed_slice());
        Ok(())
    }

    fn ready(&mut self, program: &Program) -> Result<Prepared, Refusal> {
        if let Some(refusal) = self.failure.take() {
            return Err(refusal);
        }
        if self.types.len() != program.statements.len() {
            return Err(Refusal::Wire(WireError::Unexpected {
                found: "ReadyForQuery".to_owned(),
                wanted: "a description of every statement",
            }));
        }
        Ok(Prepared { protocol: Protocol::Prepared, types: std::mem::take(&mut self.types) })
    }
}

/// The statements of our own that a program needs.
fn controls(program: &Program) -> impl Iterator<Item = Control> + '_ {
    let begins = program
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| matches!(step, Step::Begin { .. }))
        .map(|(step, _)| Control::Begin(step));
    let for_savepoints = [Control::Savepoint, Control::Release, Control::RollbackTo];
    let has_savepoints = program.room.savepoints > 0;
    begins
        .chain([Control::Commit, Control::Rollback])
        .chain(for_savepoints.into_iter().filter(move |_| has_savepoints))
}
