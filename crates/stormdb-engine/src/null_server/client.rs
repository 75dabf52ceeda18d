//! One client of the canned-answer server: bytes in, bytes out, no I/O.

use std::collections::HashMap;
use std::rc::Rc;

use stormdb_wire::{Frame, frame};

use super::answers::{self, BinaryColumns, Statement, Status};
use super::{Counts, Script};

const MAX_MESSAGE_BYTES: usize = 1 << 28;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;
const LONGEST_STARTUP_BYTES: usize = 10_000;

/// How it goes on with a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// More bytes must come.
    Wait,
    /// Go on at this time.
    Pause { until_ns: u64 },
    /// Send what there is and hang up.
    HangUp,
}

/// What a server's clients have in common.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Statements since the start: the script counts them.
    executed: u64,
    /// What happened since it was last told.
    pub(super) counts: Counts,
}

/// What an answer is made with.
pub(super) struct Desk<'a> {
    pub(super) script: &'a Script,
    pub(super) tally: &'a mut Tally,
    pub(super) now_ns: u64,
    pub(super) out: &'a mut Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) input: Vec<u8>,
    is_greeted: bool,
    status: Status,
    prepared: HashMap<Box<[u8]>, Rc<Statement>>,
    bound: Option<(Rc<Statement>, BinaryColumns)>,
    /// After an error everything up to the next Sync is passed over.
    is_skipping: bool,
    /// A copy by the simple protocol ends with `ReadyForQuery`, one by the extended with Sync.
    copying: Option<(Rc<Statement>, bool)>,
    /// The pause before the message at hand is over.
    has_paused: bool,
}

impl Client {
    pub(super) fn new() -> Self {
        Self {
            input: Vec::new(),
            is_greeted: false,
            status: Status::Idle,
            prepared: HashMap::new(),
            bound: None,
            is_skipping: false,
            copying: None,
            has_paused: false,
        }
    }

    /// Answer every whole message that has arrived.
    pub(super) fn answer(&mut self, desk: &mut Desk<'_>) -> Step {
        let input = std::mem::take(&mut self.input);
        let mut rest = input.as_slice();
        let step = loop {
            if !self.is_greeted {
                match self.greet(&mut rest, desk) {
                    None => continue,
                    Some(step) => break step,
                }
            }
            let Ok(split) = frame::split(rest, MAX_MESSAGE_BYTES) else { break Step::HangUp };
            let Some((frame, next)) = split else { break Step::Wait };
            if matches!(frame.tag, b'S' | b'Q') && self.must_pause(desk.script.answer_delay_ns) {
                break Step::Pause { until_ns: desk.now_ns + desk.script.answer_delay_ns };
            }
            rest = next;
            if !self.take(frame, desk) {
                break Step::HangUp;
            }
        };
        let taken_bytes = input.len() - rest.len();
        self.input = input;
        self.input.drain(..taken_bytes);
        step
    }

    fn must_pause(&mut self, delay_ns: u64) -> bool {
        self.has_paused = delay_ns > 0 && !self.has_paused;
        self.has_paused
    }

    /// Messages without a type come first; `None` once one was taken.
    fn greet(&mut self, rest: &mut &[u8], desk: &mut Desk<'_>) -> Option<Step> {
        let Some((head, _)) = rest.split_first_chunk::<8>() else { return Some(Step::Wait) };
        let [length, code] = [0, 4].map(|at| {
            u32::from_be_bytes(head[at..at + 4].try_into().expect("four of eight bytes"))
        });
        let length = length as usize;
        if !(8..=LONGEST_STARTUP_BYTES).contains(&length) {
            return Some(Step::HangUp);
        }
        let Some((_, next)) = rest.split_at_checked(length) else { return Some(Step::Wait) };
        match code {
            SSL_REQUEST | GSS_REQUEST => desk.out.push(b'N'),
            CANCEL_REQUEST => {
                desk.tally.counts.cancelled += 1;
                return Some(Step::HangUp);
            }
            _ if self.must_pause(desk.script.startup_delay_ns) => {
                return Some(Step::Pause { until_ns: desk.now_ns + desk.script.startup_delay_ns });
            }
            _ => {
                answers::welcome(1, desk.script.is_state_reported, desk.out);
                self.is_greeted = true;
            }
        }
        *rest = next;
        None
    }

    /// Answer one message; false to hang up.
    #[inline]
    fn take(&mut self, frame: Frame<'_>, desk: &mut Desk<'_>) -> bool {
        match frame.tag {
            b'S' => {
                self.is_skipping = false;
                answers::ready(self.status, desk.out);
            }
            b'X' => return false,
            _ if self.is_skipping => {}
            b'P' => {
                let (name, rest) = answers::c_string(frame.body);
                let statement = Statement::of(answers::c_string(rest).0, &desk.script.rules);
                self.prepared.insert(name.into(), Rc::new(statement));
                answers::empty(b'1', desk.out);
            }
            b'B' => {
                let (name, binary) = answers::bound(frame);
                let found = self.prepared.get(name);
                self.bound = found.map(|statement| (Rc::clone(statement), binary));
                if self.bound.is_some() {
                    answers::empty(b'2', desk.out);
                } else {
                    self.refuse("26000", desk.out);
                    self.is_skipping = true;
                }
            }
            b'D' => self.describe(frame, desk.out),
            b'E' => {
                if let Some((statement, binary)) = self.bound.clone() {
                    return self.execute(&statement, Some(binary), desk);
                }
            }
            b'Q' => return self.query(frame, desk),
            b'C' => answers::empty(b'3', desk.out),
            b'c' | b'f' => self.end_copy(frame.tag == b'c', desk.out),
            // Flush, copy data: nothing is held back, nothing is kept.
            _ => {}
        }
        true
    }

    fn describe(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) {
        let (kind, name) = frame.body.split_first().unwrap_or((&0, &[]));
        let found = match kind {
            b'S' => self.prepared.get(answers::c_string(name).0).cloned(),
            _ => self.bound.as_ref().map(|(statement, _)| Rc::clone(statement)),
        };
        let Some(statement) = found else {
            self.refuse("26000", out);
            self.is_skipping = true;
            return;
        };
        if *kind == b'S' {
            answers::parameters(statement.parameter_count, out);
        }
        answers::columns(&statement, out);
    }

    fn query(&mut self, frame: Frame<'_>, desk: &mut Desk<'_>) -> bool {
        let statement = Rc::new(Statement::of(answers::c_string(frame.body).0, &desk.script.rules));
        let at = desk.out.len();
        if !statement.row.is_empty() {
            answers::columns(&statement, desk.out);
        }
        let columns_end = desk.out.len();
        let goes_on = self.execute(&statement, None, desk);
        if desk.out.get(columns_end) == Some(&b'E') {
            desk.out.drain(at..columns_end);
        }
        if goes_on && self.copying.is_none() {
            answers::ready(self.status, desk.out);
        }
        goes_on
    }

    /// Answer a statement, or do what the script has in store for it; false to hang up.
    ///
    /// By the extended protocol the client says in which form it wants the columns.
    #[inline]
    fn execute(
        &mut self,
        statement: &Rc<Statement>,
        extended: Option<BinaryColumns>,
        desk: &mut Desk<'_>,
    ) -> bool {
        let is_extended = extended.is_some();
        let Tally { executed, counts } = desk.tally;
        *executed += 1;
        counts.answered += 1;
        let is_due = |every: u64| every > 0 && executed.is_multiple_of(every);
        if is_due(desk.script.error_every) && statement.becomes.is_none() {
            counts.errors += 1;
            self.refuse(&desk.script.error_code, desk.out);
            self.is_skipping = is_extended;
            return true;
        }
        if statement.is_copy {
            answers::copy_in(desk.out);
            self.copying = Some((Rc::clone(statement), is_extended));
            return true;
        }
        let at = desk.out.len();
        answers::result(statement, extended.unwrap_or_default(), desk.out);
        if is_due(desk.script.cut_every) {
            counts.cuts += 1;
            desk.out.truncate(at + (desk.out.len() - at) / 2);
            return false;
        }
        if let Some(status) = statement.becomes {
            self.status = status;
        }
        true
    }

    fn end_copy(&mut self, is_whole: bool, out: &mut Vec<u8>) {
        let Some((statement, is_extended)) = self.copying.take() else { return };
        if is_whole {
            answers::result(&statement, BinaryColumns::default(), out);
        } else {
            self.refuse("57014", out);
            self.is_skipping = is_extended;
        }
        if !is_extended {
            answers::ready(self.status, out);
        }
    }

    fn refuse(&mut self, code: &str, out: &mut Vec<u8>) {
        answers::error(code, out);
        if self.status == Status::Open {
            self.status = Status::Failed;
        }
    }
}
