//! What a run has to do, one thread's share of it, and how thread and controller talk.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::clock::monotonic_ns;
use crate::plan::Plan;
use crate::program::Program;
use crate::session::Protocol;
use crate::snapshot::IntervalSnapshot;

use super::target::Target;

/// How long a connection lives.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum ConnectionMode {
    /// As long as the run.
    #[default]
    Persistent,
    /// One transaction, which pays for the connect.
    Transient,
    /// Some transactions have a connection of their own, drawn by the transaction's index.
    Mixed {
        /// Share of them, between 0 and 1.
        transient_ratio: f64,
    },
}

/// What a run has to do.
#[derive(Clone)]
pub struct WorkerSpec {
    /// What is run.
    pub program: Arc<Program>,
    /// When.
    pub plan: Arc<Plan>,
    /// Where, and as whom.
    pub target: Arc<Target>,
    /// How statements are sent. A transient connection prepares nothing: it sends by `Extended`
    /// what others send by `Prepared`.
    pub protocol: Protocol,
    /// How long connections live.
    pub connection_mode: ConnectionMode,
    /// Connections of the whole run that may be open at once.
    pub connections: u32,
    /// Workers of the whole run: transactions that may be under way at once.
    pub workers: u32,
    /// Seed of the run.
    pub seed: u64,
    /// Closed loop: mean pause of a worker between two transactions.
    pub think_time_ns: u64,
    /// Draw the pause from an exponential distribution; else it is always the mean.
    pub is_think_exponential: bool,
    /// Open loop: most arrivals that wait, over all threads.
    pub max_queue: usize,
    /// Open loop: an arrival that is later than this is dropped instead of started; 0 for no limit.
    pub max_lag_ns: u64,
    /// A transaction that takes longer, without its pauses, is given up; 0 for no limit.
    pub transaction_timeout_ns: u64,
    /// How often a block is tried, at least 1.
    pub max_tries: u32,
    /// Pause before the second try of a block; doubled for each further one.
    pub retry_backoff_ns: u64,
    /// How long transactions may go on after the last phase.
    pub drain_ns: u64,
}

impl WorkerSpec {
    /// How many of the connections live for one transaction only.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a u32")]
    pub fn transient_count(&self, threads: u32) -> u32 {
        match self.connection_mode {
            ConnectionMode::Persistent => 0,
            ConnectionMode::Transient => self.connections,
            ConnectionMode::Mixed { transient_ratio } => {
                let wanted = (f64::from(self.connections) * transient_ratio).round() as u32;
                // Each thread needs one of either kind.
                wanted.clamp(threads, self.connections.saturating_sub(threads).max(threads))
            }
        }
    }
}

/// One thread's share of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Which of the threads it is.
    pub thread_index: u32,
    /// How many there are.
    pub thread_count: u32,
    /// Its connections that live as long as the run.
    pub persistent_count: u32,
    /// Its connections that live for one transaction.
    pub transient_count: u32,
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
        assert!(thread_index < thread_count);
        let bound = |total: u64, index: u32| total * u64::from(index) / u64::from(thread_count);
        let part = |total: u64| bound(total, thread_index + 1) - bound(total, thread_index);
        let transient_count = spec.transient_count(thread_count);
        let small = |number: u64| u32::try_from(number).expect("a part of a u32");
        Self {
            thread_index,
            thread_count,
            persistent_count: small(part((spec.connections - transient_count).into())),
            transient_count: small(part(transient_count.into())),
            first_worker: small(bound(spec.workers.into(), thread_index)),
            worker_count: small(part(spec.workers.into())),
            max_queue: usize::try_from(part(spec.max_queue as u64)).unwrap_or(usize::MAX).max(1),
        }
    }
}

/// Why a thread ended before its time, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What happened.
    pub message: String,
    /// How to mend it; may be empty.
    pub hint: String,
    /// Whether the run stopped because of the server or the way to it.
    pub is_of_server: bool,
}

impl Problem {
    /// Nothing that a user did.
    pub(crate) fn ours(error: &impl std::fmt::Display) -> Self {
        let text = error.to_string();
        let (message, hint) = text.split_once("; hint: ").unwrap_or((&text, ""));
        Self { message: message.to_owned(), hint: hint.to_owned(), is_of_server: false }
    }

    /// A panic: nothing that anyone could have avoided but us.
    pub(crate) fn fault(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self {
            message: format!("a fault of stormdb: {}", text.unwrap_or("of an unknown kind")),
            hint: "please report it".to_owned(),
            is_of_server: false,
        }
    }
}

/// What a thread tells the controller.
#[derive(Debug)]
pub enum Report {
    /// Every connection is open and has prepared the statements.
    Ready,
    /// The thread cannot go on; before `Ready` nothing was run.
    Failed(Problem),
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

    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Acquire)
    }

    pub(super) fn start_ns(&self) -> Option<u64> {
        Some(self.start_ns.load(Ordering::Acquire)).filter(|at_ns| *at_ns != u64::MAX)
    }

    pub(super) fn stop_ns(&self) -> u64 {
        self.stop_ns.load(Ordering::Acquire)
    }
}
