//! Transactions that wait, and those under way.

use std::collections::VecDeque;

use crate::Result;
use crate::draw::{Draws, permute};
use crate::program::Program;
use crate::program::ir::Mix;
use crate::random::{FIRST_OWN_STREAM, random_exponential};
use crate::recorder::{CounterId, Execution, ReasonId, Recorder, RowId, ValueId};
use crate::schedule::Due;
use crate::session::{Answer, Listener};
use crate::snapshot::RowKind;

use super::{ConnectionMode, Share, WorkerSpec};

/// Draws of the mix and of the connection; transactions have smaller numbers.
const MIX_ROW: u32 = u32::MAX;
const LIFE_ROW: u32 = u32::MAX - 1;

/// First of the streams of think times, one for each worker.
const THINK_STREAM: u64 = FIRST_OWN_STREAM + (1 << 32);

/// How long a connection lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// As long as the run.
    Persistent,
    /// For one transaction.
    Transient,
}

impl Life {
    pub(super) const ALL: [Self; 2] = [Self::Persistent, Self::Transient];
}

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
    /// When it goes on after a pause, on the monotonic clock; 0 while it does not pause.
    pub(super) resume_ns: u64,
    pub(super) tries: u32,
    /// When the last request was sent.
    pub(super) sent_ns: u64,
    pub(super) draws: Draws,
}

impl Job {
    pub(super) fn arrival_ns(&self) -> u64 {
        self.intended_start_ns.unwrap_or(self.start_ns)
    }
}

/// Queue and workers of one thread.
#[derive(Debug)]
pub(super) struct Jobs {
    /// Waiting for a connection of either life.
    queues: [VecDeque<Waiting>; 2],
    mode: ConnectionMode,
    seed: u64,
    think_time_ns: u64,
    is_think_exponential: bool,
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
            queues: [(); 2].map(|()| VecDeque::with_capacity(room.min(1 << 20))),
            mode: spec.connection_mode,
            seed: spec.seed,
            think_time_ns: spec.think_time_ns,
            is_think_exponential: spec.is_think_exponential,
            free_workers: (0..free).rev().collect(),
            started: vec![0; share.worker_count as usize],
            first_worker: share.first_worker,
            total_worker_count: spec.workers,
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
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
        self.push(Waiting { index, intended_start_ns: None, since_ns, worker: Some(worker) });
    }

    fn push(&mut self, waiting: Waiting) {
        let life = match self.mode {
            ConnectionMode::Persistent => Life::Persistent,
            ConnectionMode::Transient => Life::Transient,
            ConnectionMode::Mixed { transient_ratio } => {
                let draws =
                    Draws { seed: self.seed, row: LIFE_ROW, index: waiting.index, iteration: 0 };
                if draws.words(0).unit() < transient_ratio {
                    Life::Transient
                } else {
                    Life::Persistent
                }
            }
        };
        self.queues[life as usize].push_back(waiting);
    }

    pub(super) fn enqueue_arrival(&mut self, due: Due) {
        self.push(Waiting {
            index: due.index,
            intended_start_ns: Some(due.intended_start_ns),
            since_ns: due.intended_start_ns,
            worker: None,
        });
    }

    /// The next transaction for a connection of this life, with its worker.
    pub(super) fn next(&mut self, life: Life) -> Option<(Waiting, u32)> {
        let queue = &mut self.queues[life as usize];
        let waiting = *queue.front()?;
        let worker = match waiting.worker {
            Some(worker) => worker,
            None => self.free_workers.pop()?,
        };
        queue.pop_front();
        Some((waiting, worker))
    }

    /// Closed loop: pause before a worker's next transaction.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2^64")]
    pub(super) fn think_time_ns(&self, worker: u32) -> u64 {
        if !self.is_think_exponential || self.think_time_ns == 0 {
            return self.think_time_ns;
        }
        let number = u64::from(self.first_worker + worker);
        let stream = THINK_STREAM + number;
        let gap = random_exponential(self.seed, stream, self.started[worker as usize]);
        (gap * self.think_time_ns as f64) as u64
    }

    /// Open loop: a worker is done.
    pub(super) fn release(&mut self, worker: u32) {
        self.free_workers.push(worker);
    }

    /// Closed loop: workers that wait start nothing more; it was not offered yet.
    pub(super) fn clear(&mut self) {
        self.queues.iter_mut().for_each(VecDeque::clear);
    }

    /// The run is over: arrivals that were never started are dropped.
    pub(super) fn drop_queued(&mut self, recorder: &mut Recorder, reason: ReasonId) -> Result<()> {
        for waiting in self.queues.iter_mut().flat_map(|queue| queue.drain(..)) {
            if let Some(intended_start_ns) = waiting.intended_start_ns {
                recorder.drop_arrival(intended_start_ns, reason)?;
            }
        }
        Ok(())
    }
}

/// What each step of a connect took.
#[derive(Debug)]
pub(super) struct ConnectSteps {
    pub(super) tcp: ValueId,
    pub(super) tls: ValueId,
    pub(super) authentication: ValueId,
    pub(super) startup: ValueId,
}

/// Numbers that the recorder gave.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) transactions: Vec<RowId>,
    pub(super) statements: Vec<RowId>,
    pub(super) metrics: Vec<ValueId>,
    /// Closed loop with fewer connections than workers: the wait for one.
    pub(super) pool_wait: Option<ValueId>,
    pub(super) connections_lost: CounterId,
    pub(super) connect: ConnectSteps,
    pub(super) queue_full: ReasonId,
    pub(super) run_ended: ReasonId,
    pub(super) too_late: ReasonId,
    pub(super) no_connection: ReasonId,
}

impl Rows {
    pub(super) fn register(
        spec: &WorkerSpec,
        share: Share,
        recorder: &mut Recorder,
    ) -> Result<Self> {
        let program = &spec.program;
        let is_mixed = matches!(spec.connection_mode, ConnectionMode::Mixed { .. });
        let connection_count = share.persistent_count + share.transient_count;
        let is_pool_shared =
            !spec.plan.is_open_loop() && (is_mixed || share.worker_count > connection_count);
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
                Some(recorder.value_name("stormdb.pool_wait_ns")?)
            } else {
                None
            },
            connections_lost: recorder.counter("stormdb.connections_lost")?,
            connect: ConnectSteps {
                tcp: recorder.value_name("stormdb.connect_tcp_ns")?,
                tls: recorder.value_name("stormdb.connect_tls_ns")?,
                authentication: recorder.value_name("stormdb.connect_authentication_ns")?,
                startup: recorder.value_name("stormdb.connect_startup_ns")?,
            },
            queue_full: recorder.reason("queue_full")?,
            run_ended: recorder.reason("run_ended")?,
            too_late: recorder.reason("too_late")?,
            no_connection: recorder.reason("no_connection")?,
        })
    }
}

/// Which kind the transaction of this number is.
///
/// Decks are dealt to `hands`, which take the numbers in turn: the workers of a closed loop, of
/// which some are faster than others, or 1 where the schedule numbers all arrivals.
pub(super) fn choose(program: &Program, seed: u64, index: u64, hands: u64) -> usize {
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
            let (hand, number) = (index % hands, index / hands);
            let (deck, card) = (number / total * hands + hand, number % total);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::testing::{encode, ir_program};

    /// How often each of the kinds with these weights is chosen for these transactions of a run.
    fn counts(
        mix: Mix,
        weights: [u32; 3],
        hands: u64,
        indexes: impl Iterator<Item = u64>,
    ) -> [u64; 3] {
        let mut source = ir_program(&[], vec![]);
        source.mix = mix;
        let first = source.transactions.remove(0);
        source.transactions = (1..)
            .zip(weights)
            .map(|(number, weight)| {
                let name = format!("work {number}");
                crate::program::ir::Transaction { name, weight, ..first.clone() }
            })
            .collect();
        let program = Program::decode(&encode(&source)).unwrap();
        let mut counts = [0; 3];
        indexes.for_each(|index| counts[choose(&program, 42, index, hands)] += 1);
        counts
    }

    #[test]
    fn every_deck_has_the_exact_shares_and_an_order_of_its_own() {
        let decks = (0..50).map(|deck| 10 * deck..10 * (deck + 1));
        for deck in decks.clone() {
            assert_eq!(counts(Mix::Deck, [6, 1, 3], 1, deck), [6, 1, 3]);
        }
        let mut beginnings = [0; 3];
        for deck in decks {
            let first = counts(Mix::Deck, [6, 1, 3], 1, deck.take(1));
            (0..3).for_each(|kind| beginnings[kind] += first[kind]);
        }
        assert!(beginnings.iter().all(|count| *count > 0), "{beginnings:?}");
    }

    #[test]
    fn every_worker_of_a_closed_loop_has_decks_of_its_own() {
        for worker in 0..4 {
            for deck in 0..20 {
                let indexes = (10 * deck..10 * (deck + 1)).map(|started| started * 4 + worker);
                assert_eq!(counts(Mix::Deck, [6, 1, 3], 4, indexes), [6, 1, 3]);
            }
        }
        let first_cards = |worker| counts(Mix::Deck, [5, 3, 2], 64, std::iter::once(worker));
        assert!((1..64).any(|worker| first_cards(worker) != first_cards(0)));
    }

    #[test]
    fn samples_follow_the_weights_and_a_weight_of_0_is_never_chosen() {
        let [often, seldom, never] = counts(Mix::Sampled, [9, 1, 0], 1, 0..10_000);
        assert_eq!((often + seldom, never), (10_000, 0));
        // Five standard deviations of a share of 1 in 10.
        assert!((850..1_150).contains(&seldom), "{seldom}");
    }
}
