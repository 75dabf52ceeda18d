//! Transactions on connections that stand: started, answered, tried again, recorded.

use stormdb_reactor::{Reactor, Slot};
use stormdb_wire::Frame;

use super::Worker;
use super::connection::COPY_AHEAD_BYTES;
use super::jobs::{Job, Life, Telling, Waiting, choose};
use super::lost::Lost;
use super::timers::Timer;
use crate::clock::monotonic_ns;
use crate::draw::Draws;
use crate::program::Program;
use crate::recorder::Execution;
use crate::session::{Outcome, Session, SessionError, Turn};
use crate::snapshot::Traffic;
use crate::sqlstate::Sqlstate;

impl<R: Reactor> Worker<R> {
    /// Start whatever can start.
    pub(super) fn dispatch(&mut self) {
        for life in Life::ALL {
            while let Some(slot) = self.idle[life as usize].pop() {
                let Some((waiting, worker)) = self.jobs.next(life) else {
                    self.idle[life as usize].push(slot);
                    break;
                };
                if self.is_too_late(&waiting) {
                    self.jobs.release(worker);
                    self.idle[life as usize].push(slot);
                    continue;
                }
                self.take_up(slot, waiting, worker);
                if life == Life::Transient {
                    self.connect(slot);
                } else if let Err(lost) = self.begin(slot) {
                    self.on_trouble(slot, lost);
                }
            }
        }
    }

    /// Drop an arrival that has waited for too long.
    fn is_too_late(&mut self, waiting: &Waiting) -> bool {
        let Some(intended_start_ns) = waiting.intended_start_ns else { return false };
        let limit_ns = self.spec.max_lag_ns;
        let is_late = limit_ns > 0 && self.run_ns().saturating_sub(intended_start_ns) > limit_ns;
        if is_late {
            let reason = self.rows.too_late;
            self.recorder.drop_arrival(intended_start_ns, reason).expect("the run is not over");
        }
        is_late
    }

    /// Give a transaction to a connection: from here on its time counts.
    #[inline]
    fn take_up(&mut self, slot: Slot, waiting: Waiting, worker: u32) {
        let hands = if self.spec.plan.is_open_loop() { 1 } else { self.spec.workers.into() };
        let transaction = choose(&self.spec.program, self.spec.seed, waiting.index, hands);
        // What the last answer freed starts at once; whatever follows it at a time of its own.
        let start_ns = match std::mem::take(&mut self.event_ns) {
            0 => self.run_ns(),
            event_ns => event_ns,
        };
        if waiting.intended_start_ns.is_none() {
            self.recorder.offer(start_ns, 1).expect("the run is not over");
        }
        if let Some(pool_wait) = self.rows.pool_wait {
            let wait_ns = start_ns.saturating_sub(waiting.since_ns) as f64;
            self.recorder.value(pool_wait, wait_ns, start_ns).expect("the name is registered");
        }
        let row = u32::try_from(transaction).expect("at most 1,000");
        self.connections[slot].job = Some(Job {
            transaction,
            worker,
            intended_start_ns: waiting.intended_start_ns,
            start_ns,
            paused_ns: 0,
            resume_ns: 0,
            tries: 1,
            sent_ns: start_ns,
            draws: Draws { seed: self.spec.seed, row, index: waiting.index, iteration: 0 },
        });
    }

    /// Send the first request of what the connection has to do.
    #[inline]
    pub(super) fn begin(&mut self, slot: Slot) -> Result<(), Lost> {
        let Some(job) = &self.connections[slot].job else { return Ok(()) };
        let (transaction, draws) = (job.transaction, job.draws);
        // A connection that was made for the transaction took some time since it was taken up.
        let now_ns = match self.life(slot) {
            Life::Persistent => job.start_ns,
            Life::Transient => self.run_ns(),
        };
        self.turn(slot, now_ns, |session, program, out, telling| {
            Ok(session.start((program, transaction), draws, out, telling))
        })
    }

    /// Go on after a pause or for another try.
    pub(super) fn go_on(&mut self, slot: Slot, now_ns: u64) {
        let Some(job) = &mut self.connections[slot].job else { return };
        if job.resume_ns == 0 || job.resume_ns > now_ns {
            return; // The timer was another job's, which has ended before its pause.
        }
        job.resume_ns = 0;
        if let Err(lost) = self.turn(slot, self.run_ns(), |session, program, out, telling| {
            Ok(session.go_on(program, out, telling))
        }) {
            self.on_trouble(slot, lost);
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
                self.on_trouble(slot, lost);
            }
        }
    }

    pub(super) fn on_answer(&mut self, slot: Slot, frame: Frame<'_>) -> Result<(), Lost> {
        // Statements are timed when they complete or fail, transactions when the server is ready.
        let ends_something = matches!(frame.tag, b'Z' | b'C' | b'I' | b'E');
        let now_ns = if ends_something { self.event_ns() } else { 0 };
        self.turn(slot, now_ns, |session, program, out, telling| {
            session.on_frame(program, frame, out, telling)
        })
    }

    /// Let a session act, and do what it asks for. Without a job (a notice while nothing runs)
    /// nothing happens.
    #[inline]
    pub(super) fn turn(
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
        let out = match &mut connection.tls {
            None => self.reactor.output(slot),
            Some(tls) => &mut tls.plain,
        };
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
                job.resume_ns = monotonic_ns() + pause_ns;
                self.timers.set(job.resume_ns, Timer::Connection(slot));
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
        job.resume_ns = monotonic_ns() + backoff_ns;
        self.timers.set(job.resume_ns, Timer::Connection(slot));
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
        let life = self.life(slot);
        if life == Life::Transient {
            self.hang_up(slot);
        }
        self.idle[life as usize].push(slot);
        self.worker_is_done(job.worker, 0, finish_ns);
    }

    /// A worker may go on, in closed loop after its think time or `at_least_ns`.
    pub(super) fn worker_is_done(&mut self, worker: u32, at_least_ns: u64, finish_ns: u64) {
        let pause_ns = self.jobs.think_time_ns(worker).max(at_least_ns);
        if self.spec.plan.is_open_loop() {
            self.jobs.release(worker);
        } else if pause_ns > 0 {
            self.timers.set(monotonic_ns() + pause_ns, Timer::Worker(worker));
        } else {
            self.go_on_in_closed_loop(worker, finish_ns);
        }
    }

    /// A worker wants its next transaction, unless the run is over.
    pub(super) fn go_on_in_closed_loop(&mut self, worker: u32, since_ns: u64) {
        if !self.is_draining {
            self.jobs.enqueue_worker(worker, since_ns);
        }
    }

    /// Give up transactions that take too long. Their sessions end with them, as the server's own
    /// `transaction_timeout` has it, and what they execute is cancelled.
    pub(super) fn end_late_transactions(&mut self, now_ns: u64) {
        let limit_ns = self.spec.transaction_timeout_ns;
        if limit_ns == 0 {
            return;
        }
        let run_ns = now_ns.saturating_sub(self.start_ns);
        for slot in 0..self.connections.len() {
            let Some(job) = &self.connections[slot].job else { continue };
            if run_ns.saturating_sub(job.start_ns).saturating_sub(job.paused_ns) > limit_ns {
                self.fail_transaction(slot, &Lost::by_transaction_timeout(limit_ns), 0);
                self.cancel(slot);
            }
        }
    }

    pub(super) fn execution(&self, slot: Slot, job: &Job, finish_ns: u64) -> Execution {
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

    /// When the bytes at hand were taken: the same for all messages that came together.
    fn event_ns(&mut self) -> u64 {
        if self.event_ns == 0 {
            self.event_ns = self.run_ns();
        }
        self.event_ns
    }

    pub(super) fn run_ns(&self) -> u64 {
        monotonic_ns().saturating_sub(self.start_ns)
    }
}
