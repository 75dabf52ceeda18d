//! One thread of the engine: its share of the connections, of the workers and of the schedule.
//!
//! The loop is always the same: enqueue what is due, start what can start, wait, take what
//! happened. Closed and open loop differ only in who enqueues: a worker that is done, or the
//! schedule.

mod books;
mod cancel;
mod connect;
mod connection;
mod gauges;
mod jobs;
mod lost;
mod spec;
mod target;
#[cfg(test)]
mod tests;
mod timers;
mod transaction;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use stormdb_reactor::{Chunk, Event, Reactor, Slot};

use crate::clock::monotonic_ns;
use crate::recorder::Recorder;
use crate::schedule::Schedule;
use crate::{Error, Result};

use books::Books;
use connection::{COPY_AHEAD_BYTES, Connection, State};
use gauges::Gauges;
use jobs::{Jobs, Life, Rows};
use lost::Lost;
use target::Attempt;
use timers::{Timer, Timers};

pub use spec::{ConnectionMode, Control, Problem, Report, Share, WorkerSpec};
pub use target::{Endpoint, SessionAttributes, Target};

/// Longest wait without a look at what the controller wants.
const CONTROL_NS: u64 = 20_000_000;
/// First pause before a lost connection is tried again; doubled up to the last.
const FIRST_RECONNECT_NS: u64 = 50_000_000;
const LAST_RECONNECT_NS: u64 = 1_000_000_000;
/// Connects that a thread has under way at once before the run: a listener's queue is short.
const MAX_CONNECTING: usize = 64;

/// One thread's state.
pub struct Worker<R: Reactor> {
    spec: WorkerSpec,
    share: Share,
    reactor: R,
    control: Arc<Control>,
    reports: Sender<Report>,
    connections: Vec<Connection>,
    /// Connections that wait for work, by life, last used first. Transient ones are not open.
    idle: [Vec<Slot>; 2],
    /// Connections with rows of a copy that have not been made yet.
    copying: Vec<Slot>,
    /// A connection has stood and has prepared the statements.
    is_proved: bool,
    jobs: Jobs,
    timers: Timers,
    recorder: Recorder,
    books: Books,
    rows: Rows,
    schedule: std::iter::Peekable<Schedule>,
    /// Ways to connect.
    attempts: Vec<Attempt>,
    /// When to look for connects that take too long.
    next_sweep_ns: u64,
    /// Why there will be no run.
    fatal: Option<Problem>,
    /// 0 before the run.
    start_ns: u64,
    /// When what is being handled was found to have arrived; 0 if that was not asked yet.
    event_ns: u64,
    /// Persistent connections that stand.
    open_count: usize,
    gauges: Gauges,
    /// End of the oldest interval that was not handed out.
    interval_end_ns: u64,
    is_draining: bool,
    /// Nothing is measured any more.
    is_over: bool,
}

impl<R: Reactor> Worker<R> {
    /// A worker with all connections on their way.
    ///
    /// # Errors
    /// The system gives no reactor, or the program has too many rows.
    pub fn open(
        spec: WorkerSpec,
        share: Share,
        control: Arc<Control>,
        reports: Sender<Report>,
    ) -> Result<Self> {
        let count = (share.persistent_count + share.transient_count) as usize;
        let reactor = R::open(count).map_err(|error| Error::Start(error.to_string()))?;
        let mut recorder = Recorder::new(Arc::clone(&spec.plan), share.thread_index);
        let rows = Rows::register(&spec, share, &mut recorder)?;
        let schedule =
            Schedule::new(Arc::clone(&spec.plan), share.thread_index, share.thread_count)?
                .peekable();
        Ok(Self {
            reactor,
            control,
            reports,
            connections: (0..count).map(|_| Connection::new()).collect(),
            idle: [
                Vec::with_capacity(count),
                (share.persistent_count as usize..count).rev().collect(),
            ],
            copying: Vec::with_capacity(count),
            is_proved: false,
            jobs: Jobs::new(&spec, share),
            timers: Timers::with_capacity(count + share.worker_count as usize),
            recorder,
            books: Books::default(),
            rows,
            schedule,
            attempts: spec.target.attempts(),
            next_sweep_ns: 0,
            fatal: None,
            start_ns: 0,
            event_ns: 0,
            open_count: 0,
            gauges: Gauges::default(),
            interval_end_ns: spec.plan.interval(0).end_ns,
            is_draining: false,
            is_over: false,
            spec,
            share,
        })
    }

    /// Connect, wait for the start, run to the end. Everything is told through `reports`.
    pub fn run(mut self) {
        // Its books can be closed whatever stops it: what it has measured is not lost.
        let stopped_by = match catch_unwind(AssertUnwindSafe(|| self.connect_and_run())) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Problem::ours(&error)),
            Err(panic) => Some(Problem::fault(panic.as_ref())),
        };
        if let Some(mut problem) = stopped_by {
            if self.is_started() {
                self.write_off(&mut problem);
            }
            self.fatal.get_or_insert(problem);
        }
        if let Some(problem) = self.fatal.take() {
            self.tell(Report::Failed(problem));
        }
        let busy_ns = crate::clock::thread_busy_ns();
        self.tell(Report::Ended { busy_ns });
    }

    fn connect_and_run(&mut self) -> Result<()> {
        if self.connect_all()? {
            self.tell(Report::Ready);
            if self.await_start()? {
                return self.run_plan();
            }
        }
        Ok(())
    }

    fn tell(&self, report: Report) {
        // A controller that has gone away needs no report; the run ends by its stop.
        drop(self.reports.send(report));
    }

    fn is_started(&self) -> bool {
        self.start_ns != 0
    }

    /// False if there will be no run.
    fn connect_all(&mut self) -> Result<bool> {
        let wanted = self.share.persistent_count as usize;
        let mut begun = 0;
        if wanted == 0 {
            // One connection shows that the others will come to stand.
            self.connect(0);
        }
        while !self.is_proved || self.idle[Life::Persistent as usize].len() < wanted {
            let open = self.idle[Life::Persistent as usize].len();
            while begun < wanted && begun - open < MAX_CONNECTING {
                self.connect(begun);
                begun += 1;
            }
            if !self.wait_before_start(monotonic_ns() + CONTROL_NS)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// False if there will be no run.
    fn await_start(&mut self) -> Result<bool> {
        loop {
            let now_ns = monotonic_ns();
            let wake_ns = match self.control.start_ns() {
                Some(start_ns) if start_ns <= now_ns => {
                    self.start_ns = start_ns;
                    return Ok(true);
                }
                Some(start_ns) => start_ns,
                None => now_ns + CONTROL_NS / 20,
            };
            if !self.wait_before_start(wake_ns)? {
                return Ok(false);
            }
        }
    }

    fn wait_before_start(&mut self, wake_ns: u64) -> Result<bool> {
        self.wait_until(wake_ns)?;
        while let Some((slot, event)) = self.reactor.next_event() {
            self.on_event(slot, event);
        }
        self.end_late_attempts(monotonic_ns());
        Ok(self.fatal.is_none() && self.control.stop_ns() == u64::MAX)
    }

    fn run_plan(&mut self) -> Result<()> {
        let planned_end_ns = self.start_ns + self.spec.plan.duration_ns();
        if !self.spec.plan.is_open_loop() {
            self.jobs.enqueue_workers();
        }
        self.gauges = Gauges::start();
        let mut wake_ns = self.start_ns;
        loop {
            let now_ns = monotonic_ns();
            self.gauges.woke(wake_ns, now_ns);
            let end_ns = planned_end_ns.min(self.control.stop_ns());
            if now_ns >= end_ns {
                return self.drain(end_ns);
            }
            let run_ns = now_ns.saturating_sub(self.start_ns);
            self.offer_due(run_ns)?;
            self.fire_timers(now_ns);
            self.dispatch();
            self.continue_copies();
            self.flip(run_ns)?;
            wake_ns = self.next_wake_ns(now_ns).min(end_ns);
            self.wait_until(wake_ns)?;
            self.take_events();
        }
    }

    /// Nothing more is offered: what is under way may finish, and arrivals that wait are served,
    /// for to drop them would leave out the slowest.
    fn drain(&mut self, end_ns: u64) -> Result<()> {
        let end_run_ns = end_ns.saturating_sub(self.start_ns);
        self.offer_due(end_run_ns.saturating_sub(1))?;
        self.is_draining = true;
        if !self.spec.plan.is_open_loop() {
            self.jobs.clear();
        }
        let last_ns = end_ns.max(monotonic_ns()) + self.spec.drain_ns;
        while self.jobs.queued() > 0 || self.is_any_busy() {
            let now_ns = monotonic_ns();
            if now_ns >= last_ns || self.control.is_abandoned() {
                break;
            }
            self.fire_timers(now_ns);
            self.dispatch();
            self.continue_copies();
            self.flip(now_ns - self.start_ns)?;
            let wake_ns = self.next_wake_ns(now_ns).min(last_ns);
            self.wait_until(wake_ns)?;
            self.take_events();
        }
        let reason = if self.is_cut_off() { self.rows.no_connection } else { self.rows.run_ended };
        self.jobs.drop_queued(&mut self.recorder, reason)?;
        for job in self.connections.iter().filter_map(|connection| connection.job.as_ref()) {
            self.recorder.unfinished(job.arrival_ns(), 1)?;
        }
        self.cancel_rest()?;
        for slot in 0..self.connections.len() {
            self.hang_up(slot);
        }
        self.take_gauges()?;
        let now_ns = monotonic_ns() - self.start_ns;
        let snapshots = self.recorder.finish(now_ns)?;
        self.hand_out(snapshots);
        Ok(())
    }

    fn is_any_busy(&self) -> bool {
        self.connections.iter().any(|connection| connection.job.is_some())
    }

    fn offer_due(&mut self, run_ns: u64) -> Result<()> {
        while let Some(due) = self.schedule.next_if(|due| due.intended_start_ns <= run_ns) {
            self.recorder.offer(due.intended_start_ns, 1)?;
            if self.jobs.queued() >= self.share.max_queue {
                let is_cut_off = self.is_cut_off();
                let reason =
                    if is_cut_off { self.rows.no_connection } else { self.rows.queue_full };
                self.recorder.drop_arrival(due.intended_start_ns, reason)?;
            } else {
                self.jobs.enqueue_arrival(due);
            }
        }
        Ok(())
    }

    fn fire_timers(&mut self, now_ns: u64) {
        while let Some(timer) = self.timers.pop_due(now_ns) {
            match timer {
                Timer::Worker(worker) => {
                    self.go_on_in_closed_loop(worker, now_ns.saturating_sub(self.start_ns));
                }
                Timer::Connection(slot) => self.go_on(slot, now_ns),
                Timer::Reconnect(slot) => {
                    if !self.is_draining || self.jobs.queued() > 0 {
                        self.connect(slot);
                    }
                }
            }
        }
        if now_ns >= self.next_sweep_ns {
            self.next_sweep_ns = now_ns + CONTROL_NS;
            self.end_late_attempts(now_ns);
            self.end_late_transactions(now_ns);
        }
    }

    /// True while the server cannot be reached.
    fn is_cut_off(&self) -> bool {
        self.open_count == 0 && self.share.persistent_count > 0
    }

    fn take_gauges(&mut self) -> Result<()> {
        let (busy_ns, loop_lag_max_ns) = self.gauges.take();
        // All threads share one memory: only one of them reports it.
        let is_first = self.share.thread_index == 0;
        let rss_bytes = if is_first { gauges::rss_bytes() } else { 0 };
        self.recorder.gauge(busy_ns, loop_lag_max_ns, rss_bytes)
    }

    fn flip(&mut self, run_ns: u64) -> Result<()> {
        // An arrival or an answer may have opened the next interval already: this one counts.
        if self.interval_end_ns <= run_ns {
            self.take_gauges()?;
            self.interval_end_ns = self.spec.plan.interval_at(run_ns).end_ns;
            let snapshots = self.recorder.flip(run_ns)?;
            self.hand_out(snapshots);
        }
        Ok(())
    }

    fn next_wake_ns(&mut self, now_ns: u64) -> u64 {
        // A copy that can go on does not wait; one that cannot is woken by what it has sent.
        let can_go_on = |slot: &Slot| self.reactor.unsent_bytes(*slot) <= COPY_AHEAD_BYTES;
        if self.copying.iter().any(can_go_on) {
            return now_ns;
        }
        let arrival_ns = match self.schedule.peek() {
            Some(due) if !self.is_draining => due.intended_start_ns + self.start_ns,
            _ => u64::MAX,
        };
        let interval_ns = self.interval_end_ns.saturating_add(self.start_ns);
        arrival_ns.min(interval_ns).min(self.timers.next_ns()).min(self.next_sweep_ns)
    }

    fn wait_until(&mut self, wake_ns: u64) -> Result<()> {
        let timeout = Duration::from_nanos(wake_ns.saturating_sub(monotonic_ns()));
        self.reactor.wait(Some(timeout)).map_err(|error| Error::Start(error.to_string()))
    }

    fn take_events(&mut self) {
        while let Some((slot, event)) = self.reactor.next_event() {
            self.on_event(slot, event);
            self.dispatch();
        }
        self.event_ns = 0;
    }

    #[inline]
    fn on_event(&mut self, slot: Slot, event: Event) {
        self.event_ns = 0;
        let taken = match event {
            Event::Readable(chunk) => self.on_readable(slot, chunk),
            Event::Connected => self.on_connected(slot),
            Event::Accepted(_) => Ok(()),
            Event::Closed(error) => Err(self.closed(slot, error.as_ref())),
        };
        if let Err(lost) = taken {
            self.on_trouble(slot, lost);
        }
    }

    #[inline]
    fn on_readable(&mut self, slot: Slot, chunk: Chunk) -> std::result::Result<(), Lost> {
        let connection = &mut self.connections[slot];
        let input = match &mut connection.tls {
            None => &mut connection.input,
            Some(tls) => &mut tls.received,
        };
        if let Err(error) = self.reactor.read(slot, chunk, input) {
            return Err(self.closed(slot, Some(&error)));
        }
        if connection.tls.is_some() {
            self.on_encrypted_input(slot)
        } else if let State::AskingTls = connection.state {
            self.on_tls_answer(slot)
        } else {
            self.on_input(slot)
        }
    }

    fn closed(&self, slot: Slot, error: Option<&std::io::Error>) -> Lost {
        let connection = &self.connections[slot];
        let is_open = matches!(connection.state, State::Open);
        let endpoint = self.attempts[connection.attempt].endpoint;
        let is_unix = self.spec.target.endpoints[endpoint].address.is_unix();
        Lost::by_closing(error, is_open, is_unix)
    }
}
