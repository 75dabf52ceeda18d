//! All threads of a run in this process, as the controller sees them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

#[cfg(target_os = "linux")]
use stormdb_reactor::Uring;
use stormdb_reactor::{Poll, Reactor};

use crate::snapshot::IntervalSnapshot;
use crate::worker::{ConnectionMode, Control, Problem, Report, Share, Worker, WorkerSpec};
use crate::{Error, Result};

/// How bytes reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Io {
    /// `io_uring`: Linux, where the kernel allows it.
    Uring,
    /// Readiness polling: everywhere.
    Poll,
}

impl Io {
    /// The better one that works here.
    #[must_use]
    pub fn detect() -> Self {
        #[cfg(target_os = "linux")]
        if Uring::open(1).is_ok() {
            return Self::Uring;
        }
        Self::Poll
    }
}

#[cfg(not(target_os = "linux"))]
const NO_URING: &str = "io_uring is a feature of Linux; hint: leave io out, or set it to poll";

/// What the threads have said so far.
#[derive(Debug, Default)]
struct Heard {
    ready: u32,
    ended: u32,
    busy_ns: u64,
    problems: Vec<Problem>,
    snapshots: Vec<IntervalSnapshot>,
}

/// Threads that execute a program. Dropping it ends them.
pub struct Engine {
    control: Arc<Control>,
    reports: Receiver<Report>,
    threads: Vec<JoinHandle<()>>,
    heard: Heard,
}

impl Engine {
    /// Start the threads: each connects and prepares, then waits for [`Engine::go`].
    ///
    /// # Errors
    /// A thread cannot be started.
    ///
    /// # Panics
    /// There are no threads, or fewer connections or workers than threads. If some connections
    /// are transient and some are not, each thread needs two.
    pub fn start(spec: &WorkerSpec, threads: u32, io: Io) -> Result<Self> {
        assert!(threads > 0 && threads <= spec.connections.min(spec.workers));
        if let ConnectionMode::Mixed { .. } = spec.connection_mode {
            assert!(2 * threads <= spec.connections);
        }
        let control = Arc::new(Control::default());
        let (sender, reports) = channel();
        let mut engine = Self { control, reports, threads: Vec::new(), heard: Heard::default() };
        for thread_index in 0..threads {
            let share = Share::new(spec, thread_index, threads);
            let (spec, control, sender) =
                (spec.clone(), Arc::clone(&engine.control), sender.clone());
            let thread = Builder::new()
                .name(format!("stormdb-{thread_index}"))
                .spawn(move || {
                    run_and_tell(&sender, || match io {
                        #[cfg(target_os = "linux")]
                        Io::Uring => run::<Uring>(spec, share, control, &sender),
                        #[cfg(not(target_os = "linux"))]
                        Io::Uring => Err(Error::Start(NO_URING.to_owned())),
                        Io::Poll => run::<Poll>(spec, share, control, &sender),
                    });
                })
                .map_err(|error| Error::Start(format!("a thread cannot be started: {error}")))?;
            engine.threads.push(thread);
        }
        Ok(engine)
    }

    /// Take in what the threads have said since the last call.
    fn listen(&mut self) {
        for report in self.reports.try_iter() {
            match report {
                Report::Ready => self.heard.ready += 1,
                Report::Failed(problem) => self.heard.problems.push(problem),
                Report::Interval(snapshot) => {
                    self.heard.snapshots.push(*snapshot);
                }
                Report::Ended { busy_ns } => {
                    self.heard.ended += 1;
                    self.heard.busy_ns += busy_ns;
                }
            }
        }
    }

    /// True once every connection of every thread is open and has prepared the statements.
    pub fn is_ready(&mut self) -> bool {
        self.listen();
        self.heard.ready as usize == self.threads.len()
    }

    /// True once every thread has ended.
    pub fn is_ended(&mut self) -> bool {
        self.listen();
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Why threads ended before their time.
    pub fn problems(&mut self) -> &[Problem] {
        self.listen();
        &self.heard.problems
    }

    /// Snapshots that came since the last call, one per thread and interval.
    pub fn poll(&mut self) -> Vec<IntervalSnapshot> {
        self.listen();
        std::mem::take(&mut self.heard.snapshots)
    }

    /// Processor time of the threads that have ended.
    pub fn busy_ns(&mut self) -> u64 {
        self.listen();
        self.heard.busy_ns
    }

    /// Let the run start at this time of the monotonic clock.
    pub fn go(&self, start_ns: u64) {
        self.control.start_at(start_ns);
    }

    /// Offer nothing more, end within the drain time.
    pub fn stop(&self) {
        self.control.stop();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.control.abandon();
        for thread in self.threads.drain(..) {
            // What a thread ended by has been told.
            drop(thread.join());
        }
    }
}

/// Whatever ends a thread is told to the controller: an error, or a fault of our own.
fn run_and_tell(reports: &Sender<Report>, run: impl FnOnce() -> Result<()>) {
    let problem = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => return,
        Ok(Err(error)) => Problem::ours(&error),
        Err(panic) => Problem::fault(panic.as_ref()),
    };
    drop(reports.send(Report::Failed(problem)));
}

fn run<R: Reactor>(
    spec: WorkerSpec,
    share: Share,
    control: Arc<Control>,
    reports: &Sender<Report>,
) -> Result<()> {
    Worker::<R>::open(spec, share, control, reports.clone()).map(Worker::run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine_of(run: impl FnOnce() -> Result<()> + Send + 'static) -> Engine {
        let (sender, reports) = channel();
        let threads = vec![std::thread::spawn(move || run_and_tell(&sender, run))];
        let (control, heard) = (Arc::new(Control::default()), Heard::default());
        Engine { control, reports, threads, heard }
    }

    #[test]
    fn a_panic_of_a_thread_is_a_problem_of_the_run() {
        let count = std::hint::black_box(7);
        let panics: [fn(u32); 2] = [|_| panic!("out of luck"), |n| panic!("out of {n}")];
        for (panics, said) in panics.into_iter().zip(["out of luck", "out of 7"]) {
            let mut engine = engine_of(move || {
                panics(count);
                Ok(())
            });
            while !engine.is_ended() {
                std::thread::yield_now();
            }
            assert!(!engine.is_ready());
            let [problem] = engine.problems() else { panic!("there is one problem") };
            assert!(problem.message.contains(said), "{problem:?}");
            assert!(problem.message.contains("a fault of stormdb"), "{problem:?}");
            assert!(problem.hint.contains("report"), "{problem:?}");
            assert!(!problem.is_of_server);
        }
    }

    #[test]
    fn an_error_of_a_thread_is_a_problem_of_the_run() {
        let mut engine = engine_of(|| Err(Error::Start("no memory; hint: buy some".to_owned())));
        while !engine.is_ended() {
            std::thread::yield_now();
        }
        let [problem] = engine.problems() else { panic!("there is one problem") };
        assert_eq!(problem.hint, "buy some");
    }
}
