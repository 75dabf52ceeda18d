//! The state of one connection, and what happens when it is lost.

use stormdb_reactor::{Reactor, Slot};
use stormdb_wire::{Frame, Session as LoggedIn, Startup, frame, frontend, startup};

use super::cancel::Key;
use super::jobs::{Job, Life};
use super::lost::Lost;
use super::target::next_attempt;
use super::timers::Timer;
use super::{FIRST_RECONNECT_NS, LAST_RECONNECT_NS, Problem, Worker};
use crate::clock::monotonic_ns;
use crate::session::{Preparing, Session, Turn};
use crate::tls::Tls;

/// Largest message that is taken.
const MAX_MESSAGE_BYTES: usize = 1 << 28;
const INPUT_BYTES: usize = 8 * 1024;
/// What a connection keeps of the memory that a large message took.
const KEPT_INPUT_BYTES: usize = 1 << 20;
/// Rows of a copy are made while no more than this waits to be sent: enough to keep the kernel
/// busy, little enough for many copies at once.
pub(super) const COPY_AHEAD_BYTES: usize = 64 * 1024;

/// One connection of a thread.
pub(super) struct Connection {
    pub(super) state: State,
    /// Received, decrypted and not parsed yet.
    pub(super) input: Vec<u8>,
    /// Bytes of a row that nobody reads which have not arrived yet.
    skip_bytes: usize,
    /// Present if the connection is encrypted.
    pub(super) tls: Option<Box<Tls>>,
    pub(super) session: Option<Session>,
    pub(super) job: Option<Job>,
    /// Which of the ways to connect is used.
    pub(super) attempt: usize,
    /// While it connects: when that takes too long.
    pub(super) deadline_ns: u64,
    pub(super) marks: Marks,
    /// For a request to cancel what the session does.
    pub(super) key: Option<Key>,
    /// It is made to send that request, for a session that was given up.
    pub(super) is_to_cancel: bool,
    reconnect_ns: u64,
    /// Why attempts came to nothing since it last stood.
    failures: Vec<String>,
}

/// When the steps of a connect were done, in nanoseconds of the monotonic clock; 0 if not yet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Marks {
    pub(super) began: u64,
    pub(super) connected: u64,
    pub(super) encrypted: u64,
    pub(super) authenticated: u64,
}

pub(super) enum State {
    Closed,
    Connecting,
    /// The server says by one byte whether it encrypts.
    AskingTls,
    Handshaking,
    LoggingIn(Box<Startup>),
    /// An older server is asked whether it is a primary.
    Examining {
        login: Box<LoggedIn>,
        is_accepted: bool,
    },
    Preparing(Preparing),
    Open,
    /// Another session's statement is being cancelled.
    Cancelling,
}

impl Connection {
    pub(super) fn new() -> Self {
        Self {
            state: State::Closed,
            input: Vec::with_capacity(INPUT_BYTES),
            skip_bytes: 0,
            tls: None,
            session: None,
            job: None,
            attempt: 0,
            deadline_ns: u64::MAX,
            marks: Marks::default(),
            key: None,
            is_to_cancel: false,
            reconnect_ns: FIRST_RECONNECT_NS,
            failures: Vec::new(),
        }
    }

    /// It stands: earlier failures do not matter any more.
    pub(super) fn open(&mut self, session: Session) {
        self.session = Some(session);
        self.state = State::Open;
        self.deadline_ns = u64::MAX;
        self.reconnect_ns = FIRST_RECONNECT_NS;
        self.failures.clear();
    }
}

impl<R: Reactor> Worker<R> {
    /// Bytes that are to be sent, encrypted by `flush` if need be.
    pub(super) fn output(&mut self, slot: Slot) -> &mut Vec<u8> {
        match &mut self.connections[slot].tls {
            None => self.reactor.output(slot),
            Some(tls) => &mut tls.plain,
        }
    }

    pub(super) fn flush(&mut self, slot: Slot) -> Result<(), Lost> {
        if let Some(tls) = &mut self.connections[slot].tls {
            tls.seal(self.reactor.output(slot));
        }
        self.reactor.flush(slot).map_err(|error| Lost::by(&error))
    }

    /// Take every whole message that has arrived.
    pub(super) fn on_input(&mut self, slot: Slot) -> Result<(), Lost> {
        // Out of the connection meanwhile, so that messages can be read while it changes.
        let mut input = std::mem::take(&mut self.connections[slot].input);
        let taken = self.take_frames(slot, &input);
        input.drain(..*taken.as_ref().unwrap_or(&0));
        if input.is_empty() {
            input.shrink_to(KEPT_INPUT_BYTES);
        }
        self.connections[slot].input = input;
        taken.map(drop)
    }

    /// How many bytes were whole messages, or belong to a large row that nobody reads.
    fn take_frames(&mut self, slot: Slot, input: &[u8]) -> Result<usize, Lost> {
        let skipped = self.connections[slot].skip_bytes.min(input.len());
        self.connections[slot].skip_bytes -= skipped;
        let limit_bytes = match self.connections[slot].state {
            State::LoggingIn(_) => startup::MAX_MESSAGE_BYTES,
            _ => MAX_MESSAGE_BYTES,
        };
        let mut rest = &input[skipped..];
        while let Some((frame, next)) =
            frame::split(rest, limit_bytes).map_err(|error| Lost::by_bytes(&error))?
        {
            self.on_frame(slot, frame)?;
            rest = next;
        }
        if self.skip_row(slot, rest)? {
            rest = &[];
        }
        Ok(input.len() - rest.len())
    }

    /// True if what has arrived begins a large row that nobody reads: the rest of it is not kept.
    fn skip_row(&mut self, slot: Slot, rest: &[u8]) -> Result<bool, Lost> {
        let header =
            frame::header(rest, MAX_MESSAGE_BYTES).map_err(|error| Lost::by_bytes(&error))?;
        let Some(header) = header else { return Ok(false) };
        let connection = &mut self.connections[slot];
        let Some(session) = &mut connection.session else { return Ok(false) };
        let is_large = header.tag == b'D' && header.body_bytes > INPUT_BYTES;
        if !is_large || session.reads_row(&self.spec.program) {
            return Ok(false);
        }
        session.skip_row(header.body_bytes);
        connection.skip_bytes = frame::HEADER_BYTES + header.body_bytes - rest.len();
        Ok(true)
    }

    #[inline]
    fn on_frame(&mut self, slot: Slot, frame: Frame<'_>) -> Result<(), Lost> {
        if let State::Open = self.connections[slot].state {
            self.on_answer(slot, frame)
        } else {
            self.on_connect_frame(slot, frame)
        }
    }

    /// A connection is gone, or an attempt came to nothing: try what is left to try.
    #[cold]
    pub(super) fn on_trouble(&mut self, slot: Slot, mut lost: Lost) {
        if self.connections[slot].is_to_cancel {
            return self.has_cancelled(slot);
        }
        loop {
            let connection = &mut self.connections[slot];
            let was_open = matches!(connection.state, State::Open);
            let was_encrypted = connection.tls.is_some();
            let label =
                &self.spec.target.endpoints[self.attempts[connection.attempt].endpoint].label;
            connection.failures.push(format!("{label}: {}", lost.message));
            let next = lost.next.and_then(|next| {
                next_attempt(&self.attempts, connection.attempt, was_encrypted, next)
            });
            self.close(slot);
            match next {
                Some(next) if !was_open => match self.attempt(slot, next) {
                    Ok(()) => return,
                    Err(again) => lost = again,
                },
                _ => return self.give_up(slot, &lost, was_open),
            }
        }
    }

    pub(super) fn life(&self, slot: Slot) -> Life {
        if slot < self.share.persistent_count as usize { Life::Persistent } else { Life::Transient }
    }

    /// End a session that has nothing to do, as the protocol wants it.
    pub(super) fn hang_up(&mut self, slot: Slot) {
        if let State::Open = self.connections[slot].state {
            frontend::terminate(self.output(slot));
            if let Some(tls) = &mut self.connections[slot].tls {
                tls.finish(self.reactor.output(slot));
            }
            self.reactor.finish(slot);
        }
        self.close(slot);
    }

    pub(super) fn close(&mut self, slot: Slot) {
        self.reactor.close(slot);
        let is_persistent = self.life(slot) == Life::Persistent;
        let connection = &mut self.connections[slot];
        if is_persistent && matches!(connection.state, State::Open) {
            self.open_count -= 1;
        }
        connection.state = State::Closed;
        connection.tls = None;
        connection.key = None;
        connection.deadline_ns = u64::MAX;
        connection.input.clear();
        connection.skip_bytes = 0;
    }

    /// There is no connection: what was to be done on it has failed, and it is tried again later.
    fn give_up(&mut self, slot: Slot, lost: &Lost, was_open: bool) {
        let life = self.life(slot);
        self.idle[life as usize].retain(|other| *other != slot);
        self.copying.retain(|other| *other != slot);
        let mut failures = std::mem::take(&mut self.connections[slot].failures);
        if !self.is_started() {
            failures.dedup();
            let message =
                if failures.len() > 1 { failures.join("; ") } else { lost.message.clone() };
            let hint = lost.hint.clone().into_owned();
            self.fatal.get_or_insert(Problem { message, hint, is_of_server: true });
            return;
        }
        let connection = &mut self.connections[slot];
        let reconnect_ns = connection.reconnect_ns;
        connection.reconnect_ns = (2 * reconnect_ns).min(LAST_RECONNECT_NS);
        if was_open {
            let at_ns = self.run_ns();
            let lost_count = self.rows.connections_lost;
            self.recorder.count(lost_count, 1, at_ns).expect("the counter is registered");
        }
        // The next transaction of a transient connection would come to nothing too, at once.
        let pause_ns = if life == Life::Transient { reconnect_ns } else { 0 };
        self.fail_transaction(slot, lost, pause_ns);
        match life {
            Life::Persistent => {
                self.timers.set(monotonic_ns() + reconnect_ns, Timer::Reconnect(slot));
            }
            Life::Transient => self.idle[life as usize].push(slot),
        }
    }

    /// End what a connection was doing, and its session.
    pub(super) fn fail_transaction(&mut self, slot: Slot, lost: &Lost, pause_ns: u64) {
        let now_ns = self.run_ns();
        // What it was busy with is told first, and has failed too. Without a session: nothing.
        drop(self.turn(slot, now_ns, |session, program, _, telling| {
            session.lose(program, (lost.code, &lost.message), telling);
            Ok(Turn::Wait)
        }));
        if let Some(job) = self.connections[slot].job.take() {
            let execution = self.execution(slot, &job, now_ns);
            self.recorder.fail(execution, lost.code, &lost.message).expect("the row is registered");
            self.worker_is_done(job.worker, pause_ns, now_ns);
        }
        self.connections[slot].session = None;
    }
}
