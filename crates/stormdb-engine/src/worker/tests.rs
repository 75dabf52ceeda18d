//! A thread that stops in the middle of a run, beside one that does not.

use std::cell::Cell;
use std::io;
use std::sync::mpsc::channel;

use stormdb_reactor::{Poll, SockAddr, Socket};
use stormdb_wire::Login;
use stormdb_wire::frontend::ProtocolVersion;
use stormdb_wire::startup::ChannelBinding;

use super::*;
use crate::engine::Io;
use crate::null_server::{Listen, NullServer, Script};
use crate::plan::{Arrival, Phase, Plan, Role};
use crate::program::Program;
use crate::program::testing::{encode, execute, ir_program};
use crate::rate::Rate;
use crate::session::Protocol;
use crate::snapshot::IntervalSnapshot;
use crate::tls::SslMode;

/// How the reactor of a thread fails, once it has read so often.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Never,
    Panic,
    Error,
}

const READS: u32 = 500;

thread_local! {
    static FAULT: Cell<Fault> = const { Cell::new(Fault::Never) };
}

/// Fails as the thread's [`FAULT`] says.
struct Faulty {
    poll: Poll,
    fault: Fault,
    read_count: u32,
}

impl Reactor for Faulty {
    fn open(capacity: usize) -> io::Result<Self> {
        Ok(Self { poll: Poll::open(capacity)?, fault: FAULT.get(), read_count: 0 })
    }

    fn connect(&mut self, slot: Slot, address: &SockAddr) -> io::Result<()> {
        self.poll.connect(slot, address)
    }

    fn listen(&mut self, slot: Slot, listener: Socket) -> io::Result<()> {
        self.poll.listen(slot, listener)
    }

    fn adopt(&mut self, slot: Slot, socket: Socket) -> io::Result<()> {
        self.poll.adopt(slot, socket)
    }

    fn output(&mut self, slot: Slot) -> &mut Vec<u8> {
        self.poll.output(slot)
    }

    fn flush(&mut self, slot: Slot) -> io::Result<()> {
        self.poll.flush(slot)
    }

    fn unsent_bytes(&self, slot: Slot) -> usize {
        self.poll.unsent_bytes(slot)
    }

    fn finish(&mut self, slot: Slot) {
        self.poll.finish(slot);
    }

    fn close(&mut self, slot: Slot) {
        self.poll.close(slot);
    }

    fn next_event(&mut self) -> Option<(Slot, Event)> {
        self.poll.next_event()
    }

    fn read(&mut self, slot: Slot, chunk: Chunk, input: &mut Vec<u8>) -> io::Result<()> {
        self.read_count += 1;
        let is_blown = matches!(self.fault, Fault::Panic) && self.read_count == READS;
        assert!(!is_blown, "the fuse has blown");
        self.poll.read(slot, chunk, input)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if matches!(self.fault, Fault::Error) && self.read_count > READS {
            return Err(io::Error::other("the cable is cut"));
        }
        self.poll.wait(timeout)
    }
}

const PLAN_NS: u64 = 3600 * 1_000_000_000;

fn spec(server: &NullServer, rate_per_s: Option<u64>) -> WorkerSpec {
    let Listen::Loopback(port) = server.listens_at() else { unreachable!("it has a port") };
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], *port)).into();
    let phase = Phase {
        name: "steady".into(),
        role: Role::Steady,
        duration_ns: PLAN_NS,
        rate: rate_per_s.map(|rate| Rate::Hold { rate_micro_per_s: rate * 1_000_000 }),
    };
    let source = ir_program(&["SELECT 1"], vec![execute(0, vec![])]);
    WorkerSpec {
        program: Arc::new(Program::decode(&encode(&source)).unwrap()),
        plan: Arc::new(Plan::new(vec![phase], Arrival::Constant, 50_000_000).unwrap()),
        target: Arc::new(Target {
            endpoints: vec![Endpoint { host: "here".into(), label: "here".into(), address }],
            login: Login {
                user: "me".into(),
                dbname: "mine".into(),
                password: None,
                settings: Vec::new(),
                version: ProtocolVersion::V3_0,
                channel_binding: ChannelBinding::Prefer,
                server_end_point: None,
            },
            ssl_mode: SslMode::Disable,
            tls: None,
            attributes: SessionAttributes::Any,
            connect_timeout_ns: 0,
        }),
        protocol: Protocol::Prepared,
        connection_mode: ConnectionMode::Persistent,
        connections: 4,
        workers: 8,
        seed: 1,
        think_time_ns: 0,
        is_think_exponential: false,
        max_queue: 1000,
        max_lag_ns: 0,
        transaction_timeout_ns: 0,
        max_tries: 1,
        retry_backoff_ns: 0,
        // However slow the machine, the sound thread serves all that waits: nothing of its own is
        // unfinished.
        drain_ns: 60_000_000_000,
    }
}

/// Two threads, of which the first one has a fault: what they measured together, the problems, and
/// how many requests to cancel the server has seen.
fn run(rate_per_s: Option<u64>, fault: Fault) -> (IntervalSnapshot, Vec<Problem>, u64) {
    let mut server =
        NullServer::start(&Listen::Loopback(0), 1, Io::Poll, &Script::default()).unwrap();
    let spec = spec(&server, rate_per_s);
    let control = Arc::new(Control::default());
    let (sender, reports) = channel();
    let threads = [fault, Fault::Never].into_iter().enumerate().map(|(index, fault)| {
        let share = Share::new(&spec, index as u32, 2);
        let (spec, control, sender) = (spec.clone(), Arc::clone(&control), sender.clone());
        std::thread::spawn(move || {
            FAULT.set(fault);
            Worker::<Faulty>::open(spec, share, control, sender).unwrap().run();
        })
    });
    let threads: Vec<_> = threads.collect();
    drop(sender);
    let (mut ready_count, mut snapshots, mut problems) = (0, Vec::new(), Vec::new());
    for report in reports {
        match report {
            Report::Ready => ready_count += 1,
            Report::Interval(snapshot) => snapshots.push(snapshot),
            Report::Failed(problem) => problems.push(problem),
            Report::Ended { .. } => {}
        }
        if ready_count == 2 {
            ready_count = 0;
            control.start_at(monotonic_ns());
        }
    }
    for thread in threads {
        thread.join().unwrap();
    }
    let mut whole = snapshots.pop().expect("something was measured");
    for snapshot in &snapshots {
        whole.merge(snapshot);
    }
    server.stop();
    (*whole, problems, server.counts().cancelled)
}

/// A thread that stops ends the run, with all that was measured and every transaction's outcome.
#[track_caller]
fn is_accounted_for(rate_per_s: Option<u64>, fault: Fault, words: &str) -> (u64, u64) {
    let (whole, problems, cancelled_count) = run(rate_per_s, fault);
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(problem.message.starts_with("thread 0 of the engine stopped "), "{problem:?}");
    assert!(problem.message.contains(words), "{problem:?}");
    let [phase] = whole.identity()[..] else { panic!("there is one phase") };
    assert!(phase.holds(), "{phase:?}");
    assert!(phase.committed > 400, "{phase:?}");
    let told = format!("; {} transactions that had no outcome", phase.unfinished);
    assert!(problem.message.contains(&told), "{problem:?}, {phase:?}");
    assert!(whole.last_interval.start_ns < PLAN_NS / 2);
    assert_eq!(whole.processes.len(), 2);
    (phase.unfinished, cancelled_count)
}

#[test]
fn a_panic_ends_the_run_and_what_was_under_way_is_unfinished_and_cancelled() {
    for rate_per_s in [None, Some(5_000)] {
        let words = ": a fault of stormdb: the fuse has blown; ";
        let (unfinished_count, cancelled_count) = is_accounted_for(rate_per_s, Fault::Panic, words);
        // At least what the connection had to do whose answer was to be read.
        assert!(unfinished_count >= 1);
        assert!(cancelled_count >= 1);
    }
}

#[test]
fn an_error_of_the_system_ends_the_run_likewise() {
    for rate_per_s in [None, Some(5_000)] {
        is_accounted_for(rate_per_s, Fault::Error, ": the cable is cut; ");
    }
}
