//! A PostgreSQL server with canned answers: as fast as a client can be, and as bad as a test wants.
//!
//! It shows the ceiling of a client on this machine, and by its script what a stall, a cut or a
//! storm of errors does to a measurement.

mod answers;
mod client;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

#[cfg(target_os = "linux")]
use stormdb_reactor::Uring;
use stormdb_reactor::{Event, Poll, Reactor, Slot, SockAddr, Socket, listening_socket};

use crate::clock::monotonic_ns;
use crate::engine::Io;
use crate::{Error, Result};

use client::{Client, Desk, Step, Tally};

/// Clients of one thread.
const MAX_CLIENTS: usize = 4096;
/// The listener's slot.
const LISTENER: Slot = 0;
/// Longest wait without a look at what the owner wants.
const CONTROL_NS: u64 = 20_000_000;

/// Where it listens; never beyond this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A Unix socket, made here and removed at the end.
    Unix(PathBuf),
    /// A port on 127.0.0.1; 0 for any that is free.
    Loopback(u16),
}

/// How it answers. By default: at once, and without fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// A statement that contains the words returns one row of these values; the first rule counts.
    pub rules: Vec<(String, Vec<String>)>,
    /// Pause before each answer.
    pub answer_delay_ns: u64,
    /// Pause before the answer to the start-up message.
    pub startup_delay_ns: u64,
    /// Every so many statements one fails; 0 for none.
    pub error_every: u64,
    /// By this SQLSTATE.
    pub error_code: String,
    /// Every so many statements the connection is closed in the middle of the answer; 0 for never.
    pub cut_every: u64,
    /// Send answers one byte at a time.
    pub is_trickling: bool,
    /// Report at start-up whether it is a primary, as servers since PostgreSQL 14 do.
    pub is_state_reported: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            answer_delay_ns: 0,
            startup_delay_ns: 0,
            error_every: 0,
            error_code: "XX000".to_owned(),
            cut_every: 0,
            is_trickling: false,
            is_state_reported: true,
        }
    }
}

/// What happened on a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that came.
    pub clients: u64,
    /// Statements that were answered, errors and cuts included.
    pub answered: u64,
    /// Scripted errors.
    pub errors: u64,
    /// Connections that were cut in the middle of an answer.
    pub cuts: u64,
    /// Requests to cancel that came.
    pub cancelled: u64,
}

#[derive(Debug, Default)]
struct Shared {
    is_stopped: AtomicBool,
    /// Nothing is answered before this time.
    silent_until_ns: AtomicU64,
    counts: Mutex<Counts>,
}

impl Shared {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Add what a thread has counted since it last told.
    fn add(&self, counted: &mut Counts) {
        if *counted != Counts::default() {
            let new = std::mem::take(counted);
            let mut counts = self.counts();
            counts.clients += new.clients;
            counts.answered += new.answered;
            counts.errors += new.errors;
            counts.cuts += new.cuts;
            counts.cancelled += new.cancelled;
        }
    }
}

/// A running server. Dropping it ends it.
pub struct NullServer {
    listens_at: Listen,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl NullServer {
    /// Listen and answer, each thread its own clients.
    ///
    /// # Errors
    /// The address is taken, or the system gives no thread.
    pub fn start(listen: &Listen, threads: u32, io: Io, script: &Script) -> Result<Self> {
        let cannot = |error: io::Error| Error::Start(format!("the server cannot listen: {error}"));
        let wanted = match listen {
            Listen::Unix(path) => SockAddr::unix(path).map_err(cannot)?,
            Listen::Loopback(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, *port)).into(),
        };
        let listener = listening_socket(&wanted).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let listens_at = match listen {
            Listen::Unix(path) => Listen::Unix(path.clone()),
            Listen::Loopback(_) => Listen::Loopback(address.as_socket().map_or(0, |at| at.port())),
        };
        let mut server = Self { listens_at, shared: Arc::default(), threads: Vec::new() };
        let (begun, have_begun) = mpsc::channel();
        for number in 0..threads.max(1) {
            let listener = listener.try_clone().map_err(cannot)?;
            let (shared, script) = (Arc::clone(&server.shared), script.clone());
            let begun = begun.clone();
            let thread = Builder::new()
                .name(format!("null-{number}"))
                .spawn(move || match io {
                    #[cfg(target_os = "linux")]
                    Io::Uring => serve::<Uring>(listener, &shared, &script, &begun),
                    _ => serve::<Poll>(listener, &shared, &script, &begun),
                })
                .map_err(cannot)?;
            server.threads.push(thread);
        }
        for result in have_begun.iter().take(server.threads.len()) {
            result.map_err(cannot)?;
        }
        Ok(server)
    }

    /// Where it listens: the path of a Unix socket, or the port on 127.0.0.1.
    #[must_use]
    pub fn listens_at(&self) -> &Listen {
        &self.listens_at
    }

    /// Answer nothing for so long from now on.
    pub fn stall(&self, for_ns: u64) {
        self.shared.silent_until_ns.store(monotonic_ns() + for_ns, Ordering::Release);
    }

    /// What happened, as the threads have told at their last look.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.shared.counts()
    }

    /// End it and wait for that.
    pub fn stop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
        if let Listen::Unix(path) = &self.listens_at {
            // It may have been removed together with its folder.
            drop(std::fs::remove_file(path));
        }
    }
}

impl Drop for NullServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// One thread's clients.
struct Server<'a, R: Reactor> {
    reactor: R,
    clients: Vec<Option<Client>>,
    free: Vec<Slot>,
    /// Clients that wait for a time, and for which.
    paused: Vec<(u64, Slot)>,
    /// Answers that are sent byte by byte.
    trickling: Vec<(Slot, Vec<u8>)>,
    /// Clients to be closed once all their bytes have left.
    leaving: Vec<Slot>,
    script: &'a Script,
    tally: Tally,
}

/// Serve until the server is stopped; `begun` hears once whether it could begin.
fn serve<R: Reactor>(
    listener: Socket,
    shared: &Shared,
    script: &Script,
    begun: &mpsc::Sender<io::Result<()>>,
) {
    let opened = R::open(MAX_CLIENTS + 1).and_then(|mut reactor| {
        reactor.listen(LISTENER, listener)?;
        Ok(reactor)
    });
    let (reactor, result) = match opened {
        Ok(reactor) => (Some(reactor), Ok(())),
        Err(error) => (None, Err(error)),
    };
    // Who started the threads waits for each of them.
    drop(begun.send(result));
    let Some(reactor) = reactor else { return };
    let mut server = Server {
        reactor,
        clients: (0..=MAX_CLIENTS).map(|_| None).collect(),
        free: (1..=MAX_CLIENTS).rev().collect(),
        paused: Vec::new(),
        trickling: Vec::new(),
        leaving: Vec::new(),
        script,
        tally: Tally::default(),
    };
    while !shared.is_stopped.load(Ordering::Acquire) {
        server.turn(shared);
    }
}

impl<R: Reactor> Server<'_, R> {
    fn turn(&mut self, shared: &Shared) {
        let now_ns = monotonic_ns();
        let silent_until_ns = shared.silent_until_ns.load(Ordering::Acquire);
        let due_ns = self.paused.iter().map(|(at_ns, _)| *at_ns).min().unwrap_or(u64::MAX);
        let wake_ns = due_ns.min(now_ns + CONTROL_NS);
        let timeout = if self.trickling.is_empty() && self.leaving.is_empty() {
            Duration::from_nanos(wake_ns.saturating_sub(now_ns))
        } else {
            Duration::ZERO
        };
        if self.reactor.wait(Some(timeout)).is_err() {
            return;
        }
        let now_ns = monotonic_ns();
        while let Some((slot, event)) = self.reactor.next_event() {
            self.on_event(slot, event, silent_until_ns, now_ns);
        }
        self.answer_due(now_ns);
        self.trickle();
        self.leave();
        shared.add(&mut self.tally.counts);
    }

    fn on_event(&mut self, slot: Slot, event: Event, silent_until_ns: u64, now_ns: u64) {
        match event {
            Event::Accepted(socket) => {
                if let Some(free) = self.free.pop() {
                    if self.reactor.adopt(free, socket).is_ok() {
                        self.clients[free] = Some(Client::new());
                        self.tally.counts.clients += 1;
                    } else {
                        self.free.push(free);
                    }
                }
            }
            Event::Readable(chunk) => {
                let Some(client) = &mut self.clients[slot] else { return };
                if self.reactor.read(slot, chunk, &mut client.input).is_err() {
                    self.forget(slot);
                } else if now_ns < silent_until_ns {
                    self.pause(slot, silent_until_ns);
                } else if !self.paused.iter().any(|(_, other)| *other == slot) {
                    self.answer(slot, now_ns);
                }
            }
            Event::Closed(_) => self.forget(slot),
            Event::Connected => {}
        }
    }

    fn pause(&mut self, slot: Slot, until_ns: u64) {
        match self.paused.iter_mut().find(|(_, other)| *other == slot) {
            Some((at_ns, _)) => *at_ns = (*at_ns).max(until_ns),
            None => self.paused.push((until_ns, slot)),
        }
    }

    fn answer_due(&mut self, now_ns: u64) {
        while let Some(index) = self.paused.iter().position(|(at_ns, _)| *at_ns <= now_ns) {
            let (_, slot) = self.paused.swap_remove(index);
            self.answer(slot, now_ns);
        }
    }

    fn answer(&mut self, slot: Slot, now_ns: u64) {
        let Some(client) = &mut self.clients[slot] else { return };
        let out = self.reactor.output(slot);
        let mut desk = Desk { script: self.script, tally: &mut self.tally, now_ns, out };
        let step = client.answer(&mut desk);
        if self.script.is_trickling && !out.is_empty() {
            let bytes = std::mem::take(out);
            match self.trickling.iter_mut().find(|(other, _)| *other == slot) {
                Some((_, waiting)) => waiting.extend_from_slice(&bytes),
                None => self.trickling.push((slot, bytes)),
            }
        }
        if self.reactor.flush(slot).is_err() {
            return self.forget(slot);
        }
        match step {
            Step::Wait => {}
            Step::Pause { until_ns } => self.pause(slot, until_ns),
            Step::HangUp => self.leaving.push(slot),
        }
    }

    /// The next byte of every answer that is sent byte by byte.
    fn trickle(&mut self) {
        let mut index = 0;
        while index < self.trickling.len() {
            let (slot, bytes) = &mut self.trickling[index];
            let slot = *slot;
            if self.reactor.unsent_bytes(slot) == 0 {
                self.reactor.output(slot).push(bytes.remove(0));
            }
            let is_done = bytes.is_empty();
            if self.reactor.flush(slot).is_err() {
                self.forget(slot);
            } else if is_done {
                self.trickling.swap_remove(index);
            } else {
                index += 1;
            }
        }
    }

    fn leave(&mut self) {
        for index in (0..self.leaving.len()).rev() {
            let slot = self.leaving[index];
            let is_trickling = self.trickling.iter().any(|(other, _)| *other == slot);
            if !is_trickling && self.reactor.unsent_bytes(slot) == 0 {
                self.forget(slot);
            }
        }
    }

    fn forget(&mut self, slot: Slot) {
        self.reactor.close(slot);
        self.paused.retain(|(_, other)| *other != slot);
        self.trickling.retain(|(other, _)| *other != slot);
        self.leaving.retain(|other| *other != slot);
        if self.clients[slot].take().is_some() {
            self.free.push(slot);
        }
    }
}
