//! Sessions against answers of a server that the tests write.

mod blocks;
mod copies;
mod pipelines;
mod properties;
mod protocols;
mod values;

use stormdb_wire::Frame;

use super::request::Protocol;
use super::*;
use crate::encoding::ServerType;
use crate::program::testing::*;

/// What a session told of: the label of a statement with its rows or its failure, or a metric.
#[derive(Debug, Clone, PartialEq)]
enum Told {
    Done(String, u64),
    Failed(String, String, String),
    Emitted(f64),
}

struct Teller<'a> {
    program: &'a Program,
    told: &'a mut Vec<Told>,
    traffic: &'a mut Vec<Traffic>,
}

impl Listener for Teller<'_> {
    fn statement(&mut self, answer: Answer<'_>) {
        let label = self.program.statements[answer.statement as usize].sql.clone();
        self.traffic.push(answer.traffic);
        self.told.push(match answer.failure {
            None => Told::Done(label, answer.traffic.rows),
            Some((code, message)) => Told::Failed(label, code.to_string(), message.to_owned()),
        });
    }

    fn emit(&mut self, _: u32, value: f64) {
        self.told.push(Told::Emitted(value));
    }
}

/// A session and what it sends.
struct Talk {
    program: Program,
    session: Session,
    out: Vec<u8>,
    told: Vec<Told>,
    traffic: Vec<Traffic>,
}

impl Talk {
    /// All parameters are int8.
    fn new(program: Program) -> Self {
        Self::over(Protocol::Prepared, program)
    }

    fn over(protocol: Protocol, program: Program) -> Self {
        let int8 = ServerType::from_oid(20);
        let types = program
            .statements
            .iter()
            .map(|one| vec![int8; one.parameter_count.into()].into_boxed_slice())
            .collect();
        let session = Session::new(&program, Prepared { protocol, types });
        Self { program, session, out: vec![], told: vec![], traffic: vec![] }
    }

    fn act(
        &mut self,
        act: impl FnOnce(&mut Session, &Program, &mut Vec<u8>, &mut Teller<'_>) -> Turn,
    ) -> Turn {
        let Self { program, session, out, told, traffic } = self;
        act(session, program, out, &mut Teller { program, told, traffic })
    }

    fn start(&mut self) -> Turn {
        self.start_number(0)
    }

    fn start_number(&mut self, index: u64) -> Turn {
        let draws = Draws { seed: 7, row: 0, index, iteration: 0 };
        self.act(|session, program, out, teller| session.start((program, 0), draws, out, teller))
    }

    fn go_on(&mut self) -> Turn {
        self.act(|session, program, out, teller| session.go_on(program, out, teller))
    }

    fn more(&mut self) -> Turn {
        self.act(|session, program, out, _| session.more(program, out))
    }

    fn try_hear(&mut self, (tag, body): (u8, Vec<u8>)) -> Result<Turn, SessionError> {
        let Self { program, session, out, told, traffic } = self;
        let frame = Frame { tag, body: &body };
        session.on_frame(program, frame, out, &mut Teller { program, told, traffic })
    }

    /// The last answer decides how it goes on; the ones before it may only ask for more to be sent.
    fn hear(&mut self, answers: impl IntoIterator<Item = (u8, Vec<u8>)>) -> Turn {
        let mut turn = Turn::Wait;
        for answer in answers {
            assert!(matches!(turn, Turn::Wait | Turn::Append { .. }), "{turn:?} before the end");
            turn = self.try_hear(answer).unwrap();
        }
        turn
    }

    /// What was sent since the last call, one text for each message.
    fn sent(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        let mut rest = &self.out[..];
        while let Some((frame, next)) = stormdb_wire::frame::split(rest, 1 << 20).unwrap() {
            texts.push(describe(frame));
            rest = next;
        }
        assert!(rest.is_empty(), "half a message was sent");
        self.out.clear();
        texts
    }

    fn done(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }
}

/// A message of the client for people; values of parameters in decimal if they have 8 bytes.
fn describe(frame: Frame<'_>) -> String {
    let words = || frame.body.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    match frame.tag {
        b'P' => format!("Parse {} {}", words().next().unwrap(), words().nth(1).unwrap()),
        b'B' => describe_bind(frame.body),
        b'E' => "Execute".into(),
        b'S' => "Sync".into(),
        b'H' => "Flush".into(),
        b'Q' => format!("Query {}", words().next().unwrap()),
        b'd' => format!("CopyData {}", frame.body.len()),
        b'c' => "CopyDone".into(),
        b'f' => format!("CopyFail {}", words().next().unwrap()),
        tag => format!("{}?", char::from(tag)),
    }
}

fn describe_bind(body: &[u8]) -> String {
    let name_end = 1 + body[1..].iter().position(|byte| *byte == 0).unwrap();
    let name = String::from_utf8_lossy(&body[1..name_end]);
    let rest = &body[name_end + 1..];
    let count = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
    let mut rest = &rest[2 + 2 * count + 2..];
    let mut words = vec![format!("Bind {name}")];
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<4>().unwrap();
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        let (value, after) = after.split_at(length);
        words.push(match <[u8; 8]>::try_from(value) {
            Ok(bytes) => i64::from_be_bytes(bytes).to_string(),
            Err(_) => format!("{:?}", String::from_utf8_lossy(value)),
        });
        rest = after;
    }
    words.join(" ")
}

fn complete(tag: &str) -> (u8, Vec<u8>) {
    (b'C', [tag.as_bytes(), &[0]].concat())
}

fn row(values: &[Option<&str>]) -> (u8, Vec<u8>) {
    let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
        body.extend(length.to_be_bytes());
        body.extend(value.unwrap_or("").bytes());
    }
    (b'D', body)
}

fn error(code: &str, message: &str) -> (u8, Vec<u8>) {
    failure("ERROR", code, message)
}

fn failure(severity: &str, code: &str, message: &str) -> (u8, Vec<u8>) {
    (b'E', format!("S{severity}\0V{severity}\0C{code}\0M{message}\0\0").into_bytes())
}

fn notice() -> (u8, Vec<u8>) {
    (b'N', b"SNOTICE\0C00000\0Mhello\0\0".to_vec())
}

/// `I`: idle, `T`: in a transaction, `E`: in a failed one.
fn ready(status: u8) -> (u8, Vec<u8>) {
    (b'Z', vec![status])
}

fn copy_in_response() -> (u8, Vec<u8>) {
    (b'G', vec![1, 0, 0])
}

fn code(text: &str) -> Sqlstate {
    Sqlstate::try_from(text).unwrap()
}

fn failed(text: &str) -> Turn {
    Turn::Done(Outcome::Failed(code(text)))
}

const COMMITTED: Turn = Turn::Done(Outcome::Committed);

fn done(sql: &str, rows: u64) -> Told {
    Told::Done(sql.to_owned(), rows)
}

fn told_failure(sql: &str, code: &str, message: &str) -> Told {
    Told::Failed(sql.to_owned(), code.to_owned(), message.to_owned())
}
