//! Once connected, a session allocates nothing, whatever its protocol.

use allocation_counter::measure;
use stormdb_engine::draw::Draws;
use stormdb_engine::program::Program;
use stormdb_engine::program::ir::{
    Action, Binary, Capture, Constant, CopyColumn, Expr, FORMAT_VERSION, Generator, Kind, Mix,
    Program as Source, RowRange, Statement, Step, Transaction, Unary,
};
use stormdb_engine::session::{Answer, Listener, Opening, Outcome, Protocol, Session, Turn};
use stormdb_wire::{Frame, frame};

/// Counts what it is told.
#[derive(Default)]
struct Count {
    done: u64,
    failed: u64,
}

impl Listener for Count {
    fn statement(&mut self, answer: Answer<'_>) {
        if answer.failure.is_none() {
            self.done += 1;
        } else {
            self.failed += 1;
        }
    }

    fn emit(&mut self, _: u32, _: f64) {}
}

fn steps(actions: Vec<Action>) -> Vec<Step> {
    actions.into_iter().map(|action| Step { place: "work.py:1".into(), action }).collect()
}

fn int(value: i64) -> Expr {
    Expr::Const(Constant::Int(value))
}

fn draw(number: u32, generator: Generator) -> Expr {
    Expr::Draw(number, Box::new(generator))
}

fn execute(statement: u32, values: Vec<Expr>, capture: Vec<Capture>) -> Action {
    Action::Execute { statement, values, rows: Some(RowRange { min: 0, max: None }), capture }
}

/// A value of each kind, computed and drawn.
fn values() -> Vec<Expr> {
    let text = |number| {
        let alphabet = "ab'\\".to_owned();
        draw(number, Generator::Text { min: int(5), max: int(50), alphabet })
    };
    let number = draw(0, Generator::UniformFloat { low: int(0), high: int(1) });
    let small =
        Expr::Binary(Binary::Mul, Box::new(number), Box::new(Expr::Const(Constant::Float(1e-9))));
    let written = Expr::Unary(Unary::Text, Box::new(small));
    let elements = (0..40).map(int).chain([Expr::Slot(0)]).collect();
    vec![
        Expr::Binary(Binary::Concat, Box::new(text(1)), Box::new(written)),
        Expr::Array(elements),
        draw(2, Generator::Vector { dimensions: 30, is_normalised: true }),
        Expr::Unary(Unary::Text, Box::new(Expr::Array(vec![text(3), int(1)]))),
        draw(4, Generator::Zipf { count: int(1000), skew: 1.1 }),
    ]
}

fn program(has_pipeline: bool) -> Program {
    let capture = |column, slot, kind| Capture { column, slot, kind };
    let fetch = || {
        let kept = vec![capture(0, 0, Kind::Int), capture(1, 1, Kind::Text)];
        execute(0, values(), kept)
    };
    let piped = if has_pipeline {
        Action::Pipeline { body: steps(vec![fetch(), fetch(), fetch()]) }
    } else {
        fetch()
    };
    let uuid = CopyColumn { value: draw(5, Generator::Uuid), type_name: "uuid".into() };
    let text = CopyColumn { value: Expr::Slot(1), type_name: "text".into() };
    let copy =
        Action::CopyIn { statement: 1, rows: int(2_000), limit: 9_999, columns: vec![uuid, text] };
    let nested = Action::Savepoint { goes_on: true, body: steps(vec![fetch(), copy]) };
    let turns = Action::Repeat {
        count: int(2),
        limit: 2,
        slot: None,
        body: steps(vec![Action::Savepoint { goes_on: true, body: steps(vec![nested]) }]),
    };
    let body = vec![fetch(), piped, turns];
    let actions = vec![
        Action::Let { slot: 0, value: int(1) },
        Action::Let { slot: 1, value: Expr::Const(Constant::Text("text".into())) },
        fetch(),
        Action::Block { begin: "BEGIN".into(), retry: true, body: steps(body) },
    ];
    let statement = |label: &str, sql: &str, parameter_count| Statement {
        label: label.into(),
        sql: sql.into(),
        parameter_count,
    };
    let source = Source {
        version: FORMAT_VERSION,
        mix: Mix::Sampled,
        transactions: vec![Transaction {
            name: "work".into(),
            weight: 1,
            place: "work.py:1".into(),
            slots: vec!["number".into(), "text".into()],
            draws: 100,
            steps: renumbered(&steps(actions)),
        }],
        statements: vec![
            statement("fetch", "SELECT $1, $2, $3, $4, $5", 5),
            statement("copy", "COPY t FROM STDIN (FORMAT binary)", 0),
        ],
        tables: vec![],
        metrics: vec![],
    };
    Program::decode(&rmp_serde::to_vec_named(&source).unwrap()).unwrap()
}

/// Each draw gets a number of its own.
fn renumbered(steps: &[Step]) -> Vec<Step> {
    let mut text = serde_json::to_value(steps).unwrap();
    let mut next = 0;
    number(&mut text, &mut next);
    serde_json::from_value(text).unwrap()
}

fn number(value: &mut serde_json::Value, next: &mut u64) {
    match value {
        serde_json::Value::Object(fields) => {
            if let Some(draw) = fields.get_mut("draw") {
                draw[0] = (*next).into();
                *next += 1;
            }
            fields.values_mut().for_each(|one| number(one, next));
        }
        serde_json::Value::Array(elements) => {
            for one in elements {
                number(one, next);
            }
        }
        _ => {}
    }
}

/// A server that does as it is told, without allocating.
#[derive(Default)]
struct Server {
    is_open: bool,
    /// A copy has begun whose rows have not all come.
    is_copying: bool,
}

const ROW: &[u8] = b"\0\x02\0\0\0\x0242\0\0\0\x04text";

impl Server {
    /// Answers to the messages in `sent`, one by one.
    fn answer(&mut self, sent: &[u8], mut say: impl FnMut(u8, &[u8])) {
        let mut rest = sent;
        while let Some((message, next)) = frame::split(rest, 1 << 20).unwrap() {
            rest = next;
            match message.tag {
                b'P' => {
                    self.note(message.body.strip_prefix(&[0]).unwrap_or_default());
                    say(b'1', b"");
                }
                b'B' => {
                    self.note(&message.body[1..]);
                    say(b'2', b"");
                }
                // What a Flush follows is a copy.
                b'E' if next.first() == Some(&b'H') => self.open_copy(&mut say),
                b'E' => Self::complete(&mut say),
                b'S' => self.ready(&mut say),
                b'c' => {
                    self.is_copying = false;
                    Self::complete(&mut say);
                    // The simple protocol has no Sync.
                    if next.is_empty() {
                        self.ready(&mut say);
                    }
                }
                b'Q' => {
                    for statement in message.body.split(|byte| *byte == b';') {
                        self.note(statement);
                        match statement {
                            b"\0" | b"" => {}
                            copy if copy.starts_with(b"COPY") => self.open_copy(&mut say),
                            _ => Self::complete(&mut say),
                        }
                    }
                    if !self.is_copying {
                        self.ready(&mut say);
                    }
                }
                _ => {}
            }
        }
    }

    /// A statement, or the name of a prepared one.
    fn note(&mut self, text: &[u8]) {
        if text.starts_with(b"BEGIN") || text.starts_with(b"b") {
            self.is_open = true;
        } else if text.starts_with(b"COMMIT") || text.starts_with(b"c\0") {
            self.is_open = false;
        }
    }

    fn complete(say: &mut impl FnMut(u8, &[u8])) {
        say(b'D', ROW);
        say(b'C', b"SELECT 1\0");
    }

    fn open_copy(&mut self, say: &mut impl FnMut(u8, &[u8])) {
        self.is_copying = true;
        say(b'G', b"\x01\0\0");
    }

    fn ready(&self, say: &mut impl FnMut(u8, &[u8])) {
        say(b'Z', if self.is_open { b"T" } else { b"I" });
    }
}

fn session(program: &Program, protocol: Protocol) -> Session {
    let login = stormdb_wire::Session::default();
    match Opening::begin(program, protocol, &login, &mut Vec::new()).unwrap() {
        Opening::Ready(prepared) => Session::new(program, prepared),
        Opening::Waiting(mut preparing) => {
            let types =
                [0_u8, 5, 0, 0, 0, 25, 0, 0, 3, 239, 0, 0, 3, 254, 0, 0, 0, 25, 0, 0, 0, 20];
            let mut prepared = None;
            for (tag, body) in [(b't', &types[..]), (b't', &[0, 0]), (b'Z', b"I")] {
                prepared = preparing.advance(program, Frame { tag, body }).unwrap();
            }
            Session::new(program, prepared.unwrap())
        }
    }
}

/// Run one transaction to its end, and count.
fn run(
    (program, session): (&Program, &mut Session),
    index: u64,
    (out, sent): (&mut Vec<u8>, &mut Vec<u8>),
    count: &mut Count,
) -> Outcome {
    let mut server = Server::default();
    let draws = Draws { seed: 7, row: 0, index, iteration: 0 };
    let mut turn = session.start((program, 0), draws, out, count);
    loop {
        match turn {
            Turn::Done(outcome) => return outcome,
            Turn::Append { is_whole: false } => turn = session.more(program, out),
            Turn::Think { .. } | Turn::Retry { .. } => turn = session.go_on(program, out, count),
            Turn::Send | Turn::Wait | Turn::Append { is_whole: true } => {
                std::mem::swap(out, sent);
                out.clear();
                server.answer(sent, |tag, body| {
                    turn = session.on_frame(program, Frame { tag, body }, out, count).unwrap();
                });
            }
        }
    }
}

#[test]
fn a_transaction_does_not_allocate() {
    for protocol in [Protocol::Prepared, Protocol::Extended, Protocol::Simple] {
        let program = program(protocol != Protocol::Simple);
        let mut session = session(&program, protocol);
        let (mut out, mut sent) = (Vec::new(), Vec::new());
        let mut count = Count::default();
        let mut ten = |first: u64, count: &mut Count| {
            for index in first..first + 10 {
                let both = (&mut out, &mut sent);
                let outcome = run((&program, &mut session), index, both, count);
                assert_eq!(outcome, Outcome::Committed, "{protocol:?}");
            }
        };
        // Buffers grow to their size.
        ten(0, &mut count);
        let used = measure(|| ten(10, &mut count));
        assert_eq!(used.count_total, 0, "{protocol:?}");
        let statements = if protocol == Protocol::Simple { 3 } else { 5 };
        assert_eq!((count.done, count.failed), (20 * (statements + 2 * 2), 0), "{protocol:?}");
    }
}
