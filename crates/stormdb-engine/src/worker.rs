//! One thread of the engine: its share of the connections, of the workers and of the schedule.
//!
//! The loop is always the same: enqueue what is due, start what can start, wait, take what
//! happened. Closed and open loop differ only in who enqueues: a worker that is done, or the
//! schedule.

mod connection;
mod jobs;
mod timers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use stormdb_reactor::{Event, Reactor, Slot, SockAddr};
use stormdb_wire::Login;

use crate::clock::monotonic_ns;
use crate::plan::Plan;
use crate::program::Program;
use crate::recorder::Recorder;
use crate::schedule::Schedule;
use crate::session::Protocol;
use crate::snapshot::IntervalSnapshot;
use crate::{Error, Result};

use connection::{COPY_AHEAD_BYTES, Connection, Lost};
use jobs::{Jobs, Rows};
use timers::{Timer, Timers};

/// Longest wait without a look at what the controller wants.
const CONTROL_NS: u64 = 20_000_000;
/// First pause before a lost connection is tried again; doubled up to the last.
const FIRST_RECONNECT_NS: u64 = 50_000_000;
const LAST_RECONNECT_NS: u64 = 1_000_000_000;

/// What a run has to do.
#[derive(Clone)]
pub struct WorkerSpec {
    /// What is run.
    pub program: Arc<Program>,
    /// When.
    pub plan: Arc<Plan>,
    /// Where to connect.
    pub address: SockAddr,
    /// As whom.
    pub login: Login,
    /// How statements are sent.
    pub protocol: Protocol,
    /// Connections of the whole run.
    pub connections: u32,
    /// Workers of the whole run: transactions that may be under way at once.
    pub workers: u32,
    /// Seed of the run.
    pub seed: u64,
    /// Closed loop: pause of a worker between two transactions.
    pub think_time_ns: u64,
    /// Open loop: most arrivals that wait, over all threads.
    pub max_queue: usize,
    /// How often a block is tried, at least 1.
    pub max_tries: u32,
    /// Pause before the second try of a block; doubled for each further one.
    pub retry_backoff_ns: u64,
    /// How long transactions may go on after the last phase.
    pub drain_ns: u64,
}

/// One thread's share of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Which of the threads it is.
    pub thread_index: u32,
    /// How many there are.
    pub thread_count: u32,
    /// Its connections.
    pub connection_count: u32,
    /// Number of its first worker in the whole run.
    pub first_worker: u32,
    /// Its workers.
    pub worker_count: u32,
    /// Most arrivals that wait in it.
    pub max_queue: usize,
}

impl Share {
    /// The share of one of several threads: as fair as whole numbers can be.
    ///
    /// # Panics
    /// There is no such thread.
    #[must_use]
    pub fn new(spec: &WorkerSpec, thread_index: u32, thread_count: u32) -> Self {
        let bound = |total: u64, index: u32| total * u64::from(index) / u64::from(thread_count);
        let part = |total: u64| bound(total, thread_index + 1) - bound(total, thread_index);
        let small = |number: u64| u32::try_from(number).expect("a part of a u32");
        Self {
            thread_index,
            thread_count,
            connection_count: small(part(spec.connections.into())),
            first_worker: small(bound(spec.workers.into(), thread_index)),
            worker_count: small(part(spec.workers.into())),
            max_queue: usize::try_from(part(spec.max_queue as u64)).unwrap_or(usize::MAX).max(1),
        }
    }
}

/// What a thread tells the controller.
#[derive(Debug)]
pub enum Report {
    /// Every connection is open and has prepared the statements.
    Ready,
    /// The thread cannot go on; before `Ready` nothing was run.
    Failed(String),
    /// An interval is over.
    Interval(Box<IntervalSnapshot>),
    /// The thread is done; its last interval came before.
    Ended {
        /// Processor time that it took.
        busy_ns: u64,
    },
}

/// What the controller wants, shared by all threads.
#[derive(Debug)]
pub struct Control {
    start_ns: AtomicU64,
    stop_ns: AtomicU64,
    is_abandoned: AtomicBool,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            start_ns: AtomicU64::new(u64::MAX),
            stop_ns: AtomicU64::new(u64::MAX),
            is_abandoned: AtomicBool::new(false),
        }
    }
}

impl Control {
    /// Start the run at this time of the monotonic clock.
    pub fn start_at(&self, at_ns: u64) {
        self.start_ns.store(at_ns, Ordering::Release);
    }

    /// Offer nothing more from now on, and end within the drain time.
    pub fn stop(&self) {
        self.stop_ns.fetch_min(monotonic_ns(), Ordering::AcqRel);
    }

    /// End at once.
    pub fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Release);
        self.stop();
    }

    fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Acquire)
    }

    fn start_ns(&self) -> Option<u64> {
        Some(self.start_ns.load(Ordering::Acquire)).filter(|at_ns| *at_ns != u64::MAX)
    }

    fn stop_ns(&self) -> u64 {
        self.stop_ns.load(Ordering::Acquire)
    }
}

/// One thread's state.
pub struct Worker<R: Reactor> {
    spec: WorkerSpec,
    share: Share,
    reactor: R,
    control: Arc<Control>,
    reports: Sender<Report>,
    connections: Vec<Connection>,
    /// Connections that wait for work, last used first.
    idle: Vec<Slot>,
    /// Connections with rows of a copy that have not been made yet.
    copying: Vec<Slot>,
    jobs: Jobs,
    timers: Timers,
    recorder: Recorder,
    rows: Rows,
    schedule: std::iter::Peekable<Schedule>,
    start_ns: u64,
    is_draining: bool,
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
        let count = share.connection_count as usize;
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
            idle: Vec::with_capacity(count),
            copying: Vec::with_capacity(count),
            jobs: Jobs::new(&spec, share),
            timers: Timers::with_capacity(count + share.worker_count as usize),
            recorder,
            rows,
            schedule,
            start_ns: 0,
            is_draining: false,
            spec,
            share,
        })
    }

    /// Connect, wait for the start, run to the end. Everything is told through `reports`.
    pub fn run(mut self) {
        let outcome = self.connect_all().and_then(|()| {
            self.tell(Report::Ready);
            if self.await_start()? { self.run_plan() } else { Ok(()) }
        });
        if let Err(error) = outcome {
            self.tell(Report::Failed(error.to_string()));
        }
        let busy_ns = crate::clock::thread_busy_ns();
        self.tell(Report::Ended { busy_ns });
    }

    fn tell(&self, report: Report) {
        // A controller that has gone away needs no report; the run ends by its stop.
        drop(self.reports.send(report));
    }

    fn connect_all(&mut self) -> Result<()> {
        for slot in 0..self.connections.len() {
            self.connect(slot).map_err(cannot_start)?;
        }
        while self.idle.len() < self.connections.len() {
            if self.control.stop_ns() != u64::MAX {
                return Err(Error::Start("stopped while connecting".to_owned()));
            }
            self.wait_until(monotonic_ns() + CONTROL_NS)?;
            while let Some((slot, event)) = self.reactor.next_event() {
                self.on_event(slot, event).map_err(cannot_start)?;
            }
        }
        Ok(())
    }

    /// False if the run was called off.
    fn await_start(&mut self) -> Result<bool> {
        loop {
            if self.control.stop_ns() != u64::MAX {
                return Ok(false);
            }
            let now_ns = monotonic_ns();
            let wake_ns = match self.control.start_ns() {
                Some(start_ns) if start_ns <= now_ns => {
                    self.start_ns = start_ns;
                    return Ok(true);
                }
                Some(start_ns) => start_ns,
                None => now_ns + CONTROL_NS / 20,
            };
            self.wait_until(wake_ns)?;
            while let Some((slot, event)) = self.reactor.next_event() {
                self.on_event(slot, event).map_err(cannot_start)?;
            }
        }
    }

    fn run_plan(&mut self) -> Result<()> {
        let planned_end_ns = self.start_ns + self.spec.plan.duration_ns();
        if !self.spec.plan.is_open_loop() {
            self.jobs.enqueue_workers();
        }
        loop {
            let now_ns = monotonic_ns();
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
            let wake_ns = self.next_wake_ns(now_ns).min(end_ns);
            self.wait_until(wake_ns)?;
            self.take_events();
        }
    }

    /// What is under way may finish, nothing new is started.
    fn drain(&mut self, end_ns: u64) -> Result<()> {
        let end_run_ns = end_ns.saturating_sub(self.start_ns);
        self.offer_due(end_run_ns.saturating_sub(1))?;
        self.is_draining = true;
        self.jobs.drop_queued(&mut self.recorder, self.rows.run_ended)?;
        let last_ns = end_ns.max(monotonic_ns()) + self.spec.drain_ns;
        while self.is_any_busy() {
            let now_ns = monotonic_ns();
            if now_ns >= last_ns || self.control.is_abandoned() {
                break;
            }
            self.fire_timers(now_ns);
            self.continue_copies();
            self.flip(now_ns - self.start_ns)?;
            let wake_ns = self.next_wake_ns(now_ns).min(last_ns);
            self.wait_until(wake_ns)?;
            self.take_events();
        }
        for slot in 0..self.connections.len() {
            if let Some(job) = self.connections[slot].job.take() {
                self.recorder.unfinished(job.arrival_ns(), 1)?;
            }
            self.reactor.close(slot);
        }
        let now_ns = monotonic_ns() - self.start_ns;
        for snapshot in self.recorder.finish(now_ns)? {
            self.tell(Report::Interval(Box::new(snapshot)));
        }
        Ok(())
    }

    fn is_any_busy(&self) -> bool {
        self.connections.iter().any(|connection| connection.job.is_some())
    }

    fn offer_due(&mut self, run_ns: u64) -> Result<()> {
        while let Some(due) = self.schedule.next_if(|due| due.intended_start_ns <= run_ns) {
            self.recorder.offer(due.intended_start_ns, 1)?;
            if self.jobs.queued() >= self.share.max_queue {
                self.recorder.drop_arrival(due.intended_start_ns, self.rows.queue_full)?;
            } else {
                self.jobs.enqueue_arrival(due);
            }
        }
        Ok(())
    }

    fn fire_timers(&mut self, now_ns: u64) {
        while let Some(timer) = self.timers.pop_due(now_ns) {
            match timer {
                Timer::Worker(worker) => self.jobs.enqueue_worker(worker, self.run_ns()),
                Timer::Connection(slot) => self.go_on(slot),
                Timer::Reconnect(slot) => {
                    if self.connect(slot).is_err() {
                        self.connect_later(slot);
                    }
                }
            }
        }
    }

    fn flip(&mut self, run_ns: u64) -> Result<()> {
        if self.recorder.current_interval().is_some_and(|interval| interval.end_ns <= run_ns) {
            for snapshot in self.recorder.flip(run_ns)? {
                self.tell(Report::Interval(Box::new(snapshot)));
            }
        }
        Ok(())
    }

    fn next_wake_ns(&mut self, now_ns: u64) -> u64 {
        // A copy that can go on does not wait; one that cannot is woken by what it has sent.
        let can_go_on = |slot: &Slot| self.reactor.unsent_bytes(*slot) <= COPY_AHEAD_BYTES;
        if self.copying.iter().any(can_go_on) {
            return now_ns;
        }
        let arrival_ns =
            self.schedule.peek().map_or(u64::MAX, |due| due.intended_start_ns + self.start_ns);
        let interval_ns = self
            .recorder
            .current_interval()
            .map_or(u64::MAX, |interval| interval.end_ns + self.start_ns);
        arrival_ns.min(interval_ns).min(self.timers.next_ns()).min(now_ns + CONTROL_NS)
    }

    fn wait_until(&mut self, wake_ns: u64) -> Result<()> {
        let timeout = Duration::from_nanos(wake_ns.saturating_sub(monotonic_ns()));
        self.reactor.wait(Some(timeout)).map_err(|error| Error::Start(error.to_string()))
    }

    fn take_events(&mut self) {
        while let Some((slot, event)) = self.reactor.next_event() {
            if let Err(lost) = self.on_event(slot, event) {
                self.lose(slot, &lost);
            }
            self.dispatch();
        }
    }

    fn on_event(&mut self, slot: Slot, event: Event) -> std::result::Result<(), Lost> {
        match event {
            Event::Connected => self.log_in(slot),
            Event::Readable(chunk) => {
                let input = &mut self.connections[slot].input;
                self.reactor.read(slot, chunk, input).map_err(|error| closed(Some(error)))?;
                self.on_input(slot)
            }
            Event::Closed(error) => Err(closed(error)),
        }
    }
}

fn closed(error: Option<std::io::Error>) -> Lost {
    match error {
        Some(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Lost::by(error),
        _ => Lost::new("the server closed the connection"),
    }
}

fn cannot_start(lost: Lost) -> Error {
    Error::Start(lost.message)
}
