//! Transactions that wait, and those under way.

use std::collections::VecDeque;

use crate::Result;
use crate::draw::{Draws, permute};
use crate::program::Program;
use crate::program::ir::Mix;
use crate::recorder::{Execution, ReasonId, Recorder, RowId, ValueId};
use crate::schedule::Due;
use crate::session::{Answer, Listener};
use crate::snapshot::RowKind;

use super::{Share, WorkerSpec};

/// Draws of the mix; transactions have smaller numbers.
const MIX_ROW: u32 = u32::MAX;

/// What waits for a worker and a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    /// Number of the transaction in the whole run.
    pub(super) index: u64,
    /// Open loop: when it is due.
    pub(super) intended_start_ns: Option<u64>,
    /// Since when it waits, from the start of the run.
    pub(super) since_ns: u64,
    /// Closed loop: the worker that wants to go on.
    worker: Option<u32>,
}

/// A transaction under way. All times count from the start of the run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    /// Number of its kind in the program.
    pub(super) transaction: usize,
    /// Number of the worker within the thread.
    pub(super) worker: u32,
    pub(super) intended_start_ns: Option<u64>,
    pub(super) start_ns: u64,
    /// Planned pauses so far, outside of all times.
    pub(super) paused_ns: u64,
    pub(super) tries: u32,
    /// When the last request was sent.
    pub(super) sent_ns: u64,
}

impl Job {
    pub(super) fn arrival_ns(&self) -> u64 {
        self.intended_start_ns.unwrap_or(self.start_ns)
    }
}

/// Queue and workers of one thread.
#[derive(Debug)]
pub(super) struct Jobs {
    queue: VecDeque<Waiting>,
    free_workers: Vec<u32>,
    /// Closed loop: how many transactions each worker has started.
    started: Vec<u64>,
    first_worker: u32,
    total_worker_count: u32,
}

impl Jobs {
    pub(super) fn new(spec: &WorkerSpec, share: Share) -> Self {
        let is_open_loop = spec.plan.is_open_loop();
        let free = if is_open_loop { share.worker_count } else { 0 };
        let room = if is_open_loop { share.max_queue } else { share.worker_count as usize };
        Self {
            queue: VecDeque::with_capacity(room.min(1 << 20)),
            free_workers: (0..free).rev().collect(),
            started: vec![0; share.worker_count as usize],
            first_worker: share.first_worker,
            total_worker_count: spec.workers,
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn enqueue_workers(&mut self) {
        for worker in 0..u32::try_from(self.started.len()).expect("counted as u32") {
            self.enqueue_worker(worker, 0);
        }
    }

    /// Closed loop: a worker wants its next transaction.
    pub(super) fn enqueue_worker(&mut self, worker: u32, since_ns: u64) {
        let started = &mut self.started[worker as usize];
        let number = u64::from(self.first_worker + worker);
        let index = *started * u64::from(self.total_worker_count) + number;
        *started += 1;
        self.queue.push_back(Waiting {
            index,
            intended_start_ns: None,
            since_ns,
            worker: Some(worker),
        });
    }

    pub(super) fn enqueue_arrival(&mut self, due: Due) {
        self.queue.push_back(Waiting {
            index: due.index,
            intended_start_ns: Some(due.intended_start_ns),
            since_ns: due.intended_start_ns,
            worker: None,
        });
    }

    /// The next transaction that can be started, with its worker.
    pub(super) fn next(&mut self) -> Option<(Waiting, u32)> {
        let waiting = *self.queue.front()?;
        let worker = match waiting.worker {
            Some(worker) => worker,
            None => self.free_workers.pop()?,
        };
        self.queue.pop_front();
        Some((waiting, worker))
    }

    /// Open loop: a worker is done.
    pub(super) fn release(&mut self, worker: u32) {
        self.free_workers.push(worker);
    }

    /// The run is over: what was never started is dropped; in closed loop nothing was offered.
    pub(super) fn drop_queued(&mut self, recorder: &mut Recorder, reason: ReasonId) -> Result<()> {
        for waiting in self.queue.drain(..) {
            if let Some(intended_start_ns) = waiting.intended_start_ns {
                recorder.drop_arrival(intended_start_ns, reason)?;
            }
        }
        Ok(())
    }
}

/// Numbers that the recorder gave.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) transactions: Vec<RowId>,
    pub(super) statements: Vec<RowId>,
    pub(super) metrics: Vec<ValueId>,
    /// Closed loop with fewer connections than workers: the wait for one, in seconds.
    pub(super) pool_wait: Option<ValueId>,
    pub(super) queue_full: ReasonId,
    pub(super) run_ended: ReasonId,
}

impl Rows {
    pub(super) fn register(
        spec: &WorkerSpec,
        share: Share,
        recorder: &mut Recorder,
    ) -> Result<Self> {
        let program = &spec.program;
        let is_pool_shared =
            !spec.plan.is_open_loop() && share.worker_count > share.connection_count;
        let mut transactions = Vec::with_capacity(program.transactions.len());
        for transaction in &program.transactions {
            transactions.push(recorder.row(&transaction.name, RowKind::Transaction)?);
        }
        let mut statements = Vec::with_capacity(program.statements.len());
        for statement in &program.statements {
            statements.push(recorder.row(&statement.label, RowKind::Operation)?);
        }
        let mut metrics = Vec::with_capacity(program.metrics.len());
        for name in &program.metrics {
            metrics.push(recorder.value_name(name)?);
        }
        Ok(Self {
            transactions,
            statements,
            metrics,
            pool_wait: if is_pool_shared {
                Some(recorder.value_name("pool_wait_s")?)
            } else {
                None
            },
            queue_full: recorder.reason("queue_full")?,
            run_ended: recorder.reason("run_ended")?,
        })
    }
}

/// Which kind of transaction comes next in the run.
pub(super) fn choose(program: &Program, seed: u64, index: u64) -> usize {
    let transactions = &program.transactions;
    if transactions.len() == 1 {
        return 0;
    }
    let total = transactions.iter().map(|one| u64::from(one.weight)).sum::<u64>();
    let mut point = match program.mix {
        Mix::Sampled => {
            Draws { seed, row: MIX_ROW, index, iteration: 0 }.words(0).below_or_at(total - 1)
        }
        Mix::Deck => {
            let (deck, card) = (index / total, index % total);
            let shuffle = crate::random::random_u64(seed, u64::from(MIX_ROW), deck);
            permute(card.cast_signed(), total.cast_signed(), shuffle.cast_signed()).cast_unsigned()
        }
    };
    for (number, transaction) in transactions.iter().enumerate() {
        match point.checked_sub(u64::from(transaction.weight)) {
            Some(rest) => point = rest,
            None => return number,
        }
    }
    transactions.len() - 1
}

/// Records what a session tells of.
pub(super) struct Telling<'a> {
    pub(super) recorder: &'a mut Recorder,
    pub(super) rows: &'a Rows,
    pub(super) worker: u32,
    pub(super) sent_ns: u64,
    /// When the message came that is being read; 0 for one that ends nothing.
    pub(super) now_ns: u64,
}

impl Listener for Telling<'_> {
    fn statement(&mut self, answer: Answer<'_>) {
        let execution = Execution {
            row: self.rows.statements[answer.statement as usize],
            worker: self.worker,
            intended_start_ns: None,
            start_ns: self.sent_ns,
            finish_ns: self.now_ns,
            traffic: answer.traffic,
        };
        let recorded = match answer.failure {
            None => self.recorder.commit(execution),
            Some((code, message)) => self.recorder.fail(execution, code, message),
        };
        recorded.expect("the row is registered and the run is not over");
    }

    fn emit(&mut self, metric: u32, value: f64) {
        if value.is_finite() {
            let name = self.rows.metrics[metric as usize];
            self.recorder
                .value(name, value, self.now_ns)
                .expect("the name is registered and the value finite");
        }
    }
}
