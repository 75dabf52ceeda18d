//! The life of one connection: connect, log in, prepare, work, be lost, connect again.

use stormdb_reactor::{Reactor, Slot};
use stormdb_wire::{Frame, Startup, frame};

use super::jobs::{Job, Telling, choose};
use super::timers::Timer;
use super::{FIRST_RECONNECT_NS, LAST_RECONNECT_NS, Worker};
use crate::clock::monotonic_ns;
use crate::draw::Draws;
use crate::program::Program;
use crate::recorder::Execution;
use crate::session::{Opening, Outcome, Prepared, Preparing, Session, SessionError, Turn};
use crate::snapshot::Traffic;
use crate::sqlstate::Sqlstate;

/// Largest message that is taken.
const MAX_MESSAGE_BYTES: usize = 1 << 28;
const INPUT_BYTES: usize = 8 * 1024;
/// Rows of a copy are made while no more than this waits to be sent: enough to keep the kernel
/// busy, little enough for many copies at once.
pub(super) const COPY_AHEAD_BYTES: usize = 64 * 1024;
const CONNECTION_FAILURE: Sqlstate = Sqlstate::from_bytes(*b"08006");

/// One connection of a thread.
pub(super) struct Connection {
    state: State,
    /// Received and not parsed yet.
    pub(super) input: Vec<u8>,
    /// Bytes of a row that nobody reads which have not arrived yet.
    skip_bytes: usize,
    session: Option<Session>,
    pub(super) job: Option<Job>,
    reconnect_ns: u64,
}

enum State {
    Closed,
    Connecting,
    LoggingIn(Box<Startup>),
    Preparing(Preparing),
    Open,
}

/// Why a connection is lost.
#[derive(Debug)]
pub(super) struct Lost {
    code: Sqlstate,
    pub(super) message: String,
}

impl Lost {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { code: CONNECTION_FAILURE, message: message.into() }
    }

    /// Lost by an error, for `map_err`.
    pub(super) fn by(error: impl std::error::Error) -> Self {
        Self::new(error.to_string())
    }
}

impl From<SessionError> for Lost {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Fatal { code, message } => Self { code, message },
            other => Self::by(other),
        }
    }
}

impl Connection {
    pub(super) fn new() -> Self {
        Self {
            state: State::Closed,
            input: Vec::with_capacity(INPUT_BYTES),
            skip_bytes: 0,
            session: None,
            job: None,
            reconnect_ns: FIRST_RECONNECT_NS,
        }
    }
}

impl<R: Reactor> Worker<R> {
    pub(super) fn connect(&mut self, slot: Slot) -> Result<(), Lost> {
        self.connections[slot].input.clear();
        self.connections[slot].skip_bytes = 0;
        self.connections[slot].state = State::Connecting;
        self.reactor.connect(slot, &self.spec.address).map_err(Lost::by)
    }

    pub(super) fn connect_later(&mut self, slot: Slot) {
        let connection = &mut self.connections[slot];
        connection.state = State::Closed;
        self.timers.set(monotonic_ns() + connection.reconnect_ns, Timer::Reconnect(slot));
        connection.reconnect_ns = (2 * connection.reconnect_ns).min(LAST_RECONNECT_NS);
    }

    /// A connection is gone: what it did has failed, and it is opened again.
    pub(super) fn lose(&mut self, slot: Slot, lost: &Lost) {
        self.reactor.close(slot);
        self.idle.retain(|other| *other != slot);
        self.copying.retain(|other| *other != slot);
        // What it was busy with is told first, and has failed too.
        let now_ns = self.run_ns();
        drop(self.turn(slot, now_ns, |session, program, _, telling| {
            session.lose(program, (lost.code, &lost.message), telling);
            Ok(Turn::Wait)
        }));
        if let Some(job) = self.connections[slot].job.take() {
            let execution = self.execution(slot, &job, now_ns);
            self.recorder.fail(execution, lost.code, &lost.message).expect("the row is registered");
            self.worker_is_done(job.worker);
        }
        self.connections[slot].session = None;
        self.connect_later(slot);
    }

    pub(super) fn log_in(&mut self, slot: Slot) -> Result<(), Lost> {
        let out = self.reactor.output(slot);
        let startup = Startup::begin(self.spec.login.clone(), out).map_err(Lost::by)?;
        self.connections[slot].state = State::LoggingIn(Box::new(startup));
        self.flush(slot)
    }

    fn flush(&mut self, slot: Slot) -> Result<(), Lost> {
        self.reactor.flush(slot).map_err(Lost::by)
    }

    /// Take every whole message that has arrived.
    pub(super) fn on_input(&mut self, slot: Slot) -> Result<(), Lost> {
        // Out of the connection meanwhile, so that messages can be read while it changes.
        let mut input = std::mem::take(&mut self.connections[slot].input);
        let taken = self.take_frames(slot, &input);
        input.drain(..*taken.as_ref().unwrap_or(&0));
        self.connections[slot].input = input;
        taken.map(drop)
    }

    /// How many bytes were whole messages, or belong to a large row that nobody reads.
    fn take_frames(&mut self, slot: Slot, input: &[u8]) -> Result<usize, Lost> {
        let skipped = self.connections[slot].skip_bytes.min(input.len());
        self.connections[slot].skip_bytes -= skipped;
        let mut rest = &input[skipped..];
        while let Some((frame, next)) = frame::split(rest, MAX_MESSAGE_BYTES).map_err(Lost::by)? {
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
        let Some(header) = frame::header(rest, MAX_MESSAGE_BYTES).map_err(Lost::by)? else {
            return Ok(false);
        };
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
        match &mut self.connections[slot].state {
            State::Open => self.on_answer(slot, frame),
            State::LoggingIn(startup) => {
                let out = self.reactor.output(slot);
                if let Some(login) = startup.advance(frame, out).map_err(Lost::by)? {
                    let spec = &self.spec;
                    match Opening::begin(&spec.program, spec.protocol, &login, out)
                        .map_err(Lost::by)?
                    {
                        Opening::Ready(prepared) => self.opened(slot, prepared),
                        Opening::Waiting(preparing) => {
                            self.connections[slot].state = State::Preparing(preparing);
                        }
                    }
                }
                self.flush(slot)
            }
            State::Preparing(_) => self.on_prepared(slot, frame),
            State::Closed | State::Connecting => {
                Err(Lost::new("the server spoke before it was asked"))
            }
        }
    }

    fn on_prepared(&mut self, slot: Slot, frame: Frame<'_>) -> Result<(), Lost> {
        let State::Preparing(preparing) = &mut self.connections[slot].state else { return Ok(()) };
        if let Some(prepared) = preparing.advance(&self.spec.program, frame).map_err(Lost::by)? {
            self.opened(slot, prepared);
        }
        Ok(())
    }

    fn opened(&mut self, slot: Slot, prepared: Prepared) {
        let connection = &mut self.connections[slot];
        connection.session = Some(Session::new(&self.spec.program, prepared));
        connection.state = State::Open;
        connection.reconnect_ns = FIRST_RECONNECT_NS;
        self.idle.push(slot);
    }

    /// Start whatever can start.
    pub(super) fn dispatch(&mut self) {
        if self.is_draining {
            return;
        }
        while let Some(slot) = self.idle.pop() {
            let Some((waiting, worker)) = self.jobs.next() else {
                self.idle.push(slot);
                return;
            };
            let transaction = choose(&self.spec.program, self.spec.seed, waiting.index);
            let start_ns = self.run_ns();
            if waiting.intended_start_ns.is_none() {
                self.recorder.offer(start_ns, 1).expect("the run is not over");
            }
            if let Some(pool_wait) = self.rows.pool_wait {
                let wait_s =
                    std::time::Duration::from_nanos(start_ns.saturating_sub(waiting.since_ns))
                        .as_secs_f64();
                self.recorder.value(pool_wait, wait_s, start_ns).expect("the name is registered");
            }
            self.connections[slot].job = Some(Job {
                transaction,
                worker,
                intended_start_ns: waiting.intended_start_ns,
                start_ns,
                paused_ns: 0,
                tries: 1,
                sent_ns: start_ns,
            });
            let row = u32::try_from(transaction).expect("at most 1,000");
            let draws = Draws { seed: self.spec.seed, row, index: waiting.index, iteration: 0 };
            let started = self.turn(slot, start_ns, |session, program, out, telling| {
                Ok(session.start((program, transaction), draws, out, telling))
            });
            if let Err(lost) = started {
                self.lose(slot, &lost);
            }
        }
    }

    /// Go on after a pause or for another try.
    pub(super) fn go_on(&mut self, slot: Slot) {
        if self.connections[slot].job.is_some()
            && let Err(lost) = self.turn(slot, self.run_ns(), |session, program, out, telling| {
                Ok(session.go_on(program, out, telling))
            })
        {
            self.lose(slot, &lost);
        }
    }

    /// Send more rows of copies where most of the last ones have left.
    pub(super) fn continue_copies(&mut self) {
        for index in (0..self.copying.len()).rev() {
            let slot = self.copying[index];
            if self.reactor.unsent_bytes(slot) > COPY_AHEAD_BYTES {
                continue;
            }
            self.copying.swap_remove(index);
            let turned =
                self.turn(slot, 0, |session, program, out, _| Ok(session.more(program, out)));
            if let Err(lost) = turned {
                self.lose(slot, &lost);
            }
        }
    }

    fn on_answer(&mut self, slot: Slot, frame: Frame<'_>) -> Result<(), Lost> {
        // Statements are timed when they complete or fail, transactions when the server is ready.
        let ends_something = matches!(frame.tag, b'Z' | b'C' | b'I' | b'E');
        let now_ns = if ends_something { self.run_ns() } else { 0 };
        self.turn(slot, now_ns, |session, program, out, telling| {
            session.on_frame(program, frame, out, telling)
        })
    }

    /// Let a session act, and do what it asks for. Without a job (a notice while nothing runs)
    /// nothing happens.
    #[inline]
    fn turn(
        &mut self,
        slot: Slot,
        now_ns: u64,
        act: impl FnOnce(
            &mut Session,
            &Program,
            &mut Vec<u8>,
            &mut Telling<'_>,
        ) -> Result<Turn, SessionError>,
    ) -> Result<(), Lost> {
        let connection = &mut self.connections[slot];
        let (Some(session), Some(job)) = (&mut connection.session, &mut connection.job) else {
            return Ok(());
        };
        let worker = self.share.first_worker + job.worker;
        let mut telling = Telling {
            recorder: &mut self.recorder,
            rows: &self.rows,
            worker,
            sent_ns: job.sent_ns,
            now_ns,
        };
        let out = self.reactor.output(slot);
        match act(session, &self.spec.program, out, &mut telling)? {
            Turn::Wait => Ok(()),
            Turn::Send => {
                job.sent_ns = now_ns;
                self.flush(slot)
            }
            Turn::Append { is_whole } => {
                if !is_whole {
                    self.copying.push(slot);
                }
                self.flush(slot)
            }
            Turn::Think { pause_ns } => {
                job.paused_ns += pause_ns;
                self.timers.set(monotonic_ns() + pause_ns, Timer::Connection(slot));
                Ok(())
            }
            Turn::Retry { code } => {
                self.retry(slot, code);
                Ok(())
            }
            Turn::Done(outcome) => {
                self.done(slot, outcome, now_ns);
                Ok(())
            }
        }
    }

    fn retry(&mut self, slot: Slot, code: Sqlstate) {
        let now_ns = self.run_ns();
        let job = self.connections[slot].job.as_mut().expect("a retry is of a job");
        if job.tries >= self.spec.max_tries {
            self.done(slot, Outcome::Failed(code), now_ns);
            return;
        }
        let backoff_ns = self.spec.retry_backoff_ns << (job.tries - 1).min(10);
        job.tries += 1;
        let (row, arrival_ns) = (self.rows.transactions[job.transaction], job.arrival_ns());
        self.recorder.retry(row, arrival_ns, now_ns, code).expect("the row is registered");
        self.timers.set(monotonic_ns() + backoff_ns, Timer::Connection(slot));
    }

    fn done(&mut self, slot: Slot, outcome: Outcome, finish_ns: u64) {
        let job = self.connections[slot].job.take().expect("something was under way");
        let execution = self.execution(slot, &job, finish_ns);
        let recorded = match outcome {
            Outcome::Committed => self.recorder.commit(execution),
            Outcome::RolledBack => self.recorder.roll_back(execution),
            Outcome::Failed(code) => {
                let message = self.connections[slot].session.as_ref().map_or("", Session::message);
                self.recorder.fail(execution, code, message)
            }
        };
        recorded.expect("the row is registered and the run is not over");
        self.idle.push(slot);
        self.worker_is_done(job.worker);
    }

    fn worker_is_done(&mut self, worker: u32) {
        if self.spec.plan.is_open_loop() {
            self.jobs.release(worker);
        } else if self.spec.think_time_ns > 0 {
            self.timers.set(monotonic_ns() + self.spec.think_time_ns, Timer::Worker(worker));
        } else {
            self.jobs.enqueue_worker(worker, self.run_ns());
        }
    }

    fn execution(&self, slot: Slot, job: &Job, finish_ns: u64) -> Execution {
        Execution {
            row: self.rows.transactions[job.transaction],
            worker: self.share.first_worker + job.worker,
            intended_start_ns: job.intended_start_ns,
            start_ns: job.start_ns,
            finish_ns: finish_ns.saturating_sub(job.paused_ns).max(job.start_ns),
            traffic: self.connections[slot]
                .session
                .as_ref()
                .map_or(Traffic::default(), Session::traffic),
        }
    }

    pub(super) fn run_ns(&self) -> u64 {
        monotonic_ns().saturating_sub(self.start_ns)
    }
}
