//! No bytes of a server make the reader or a transaction under way panic or take much memory.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stormdb_engine::draw::Draws;
use stormdb_engine::program::Program;
use stormdb_engine::session::{Answer, Listener, Opening, Prepared, Protocol, Session, Turn};
use stormdb_wire::backend::{self, Backend};
use stormdb_wire::{Frame, frame};

const LIMIT_BYTES: usize = 1 << 20;

static PROGRAM: LazyLock<Program> = LazyLock::new(|| {
    Program::decode(include_bytes!("../../tests/unit/program/golden/everything.msgpack"))
        .expect("a program of the tests")
});

struct Deaf;

impl Listener for Deaf {
    fn statement(&mut self, _: Answer<'_>) {}

    fn emit(&mut self, _: u32, _: f64) {}
}

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, mut rest)) = bytes.split_first() else { return };
    let protocol = if choice & 0x80 == 0 { Protocol::Extended } else { Protocol::Prepared };
    let Some(prepared) = prepare(protocol, &mut rest) else { return };
    let mut session = Session::new(&PROGRAM, prepared);
    let transaction = usize::from(choice & 0x7F) % PROGRAM.transactions.len();
    let draws = Draws { seed: 1, row: 0, index: u64::from(*choice), iteration: 0 };
    let mut out = Vec::new();
    let mut turn = session.start((&PROGRAM, transaction), draws, &mut out, &mut Deaf);
    while let Some(frame) = next(&mut rest) {
        // A request is one statement, one pipeline, or a piece of a copy.
        assert!(out.len() < 1 << 20);
        out.clear();
        let heard = match turn {
            Turn::Done(_) => Ok(session.start((&PROGRAM, transaction), draws, &mut out, &mut Deaf)),
            Turn::Think { .. } | Turn::Retry { .. } => {
                Ok(session.go_on(&PROGRAM, &mut out, &mut Deaf))
            }
            Turn::Append { is_whole: false } => Ok(session.more(&PROGRAM, &mut out)),
            Turn::Wait | Turn::Send | Turn::Append { is_whole: true } => {
                session.on_frame(&PROGRAM, frame, &mut out, &mut Deaf)
            }
        };
        match heard {
            Ok(next) => turn = next,
            Err(_) => return,
        }
    }
});

/// The next whole message.
fn next<'a>(rest: &mut &'a [u8]) -> Option<Frame<'a>> {
    let (frame, behind) = frame::split(rest, LIMIT_BYTES).ok()??;
    *rest = behind;
    read(frame);
    Some(frame)
}

/// What comes of the messages before the first transaction.
fn prepare(protocol: Protocol, rest: &mut &[u8]) -> Option<Prepared> {
    let login = stormdb_wire::Session::default();
    let mut preparing = match Opening::begin(&PROGRAM, protocol, &login, &mut Vec::new()).ok()? {
        Opening::Ready(prepared) => return Some(prepared),
        Opening::Waiting(preparing) => preparing,
    };
    loop {
        if let Some(prepared) = preparing.advance(&PROGRAM, next(rest)?).ok()? {
            return Some(prepared);
        }
    }
}

/// Read a message to its end; what it gives lies within it.
fn read(frame: Frame<'_>) {
    let within = |part: &[u8]| assert!(part.len() <= frame.body.len());
    match backend::decode(frame) {
        Ok(Backend::DataRow(mut row)) => {
            while let Ok(Some(value)) = row.next_value() {
                within(value.unwrap_or_default());
            }
        }
        Ok(Backend::RowDescription(mut columns)) => {
            while let Ok(Some(column)) = columns.next_column() {
                within(column.name);
            }
        }
        Ok(Backend::ParameterDescription(mut types)) => {
            while let Ok(Some(_)) = types.next_type_oid() {}
        }
        Ok(Backend::CommandComplete(tag)) => {
            let _ = backend::affected_rows(tag);
        }
        Ok(Backend::Error(error) | Backend::Notice(error)) => within(error.message),
        Ok(_) | Err(_) => {}
    }
}
