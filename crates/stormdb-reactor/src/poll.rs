//! Readiness polling: epoll, kqueue or IOCP through the `polling` crate.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::num::NonZeroUsize;
use std::time::Duration;

use polling::{Event as Readiness, Events, PollMode, Poller};
use socket2::{SockAddr, Socket};

use crate::{BACKLOG, Chunk, Event, Reactor, Slot, accept, open_socket};

/// Bytes that one `read` takes at most, so that one fast peer does not starve the others.
const READ_BYTES: usize = 64 * 1024;
/// A listener whose queue is full refuses a Unix socket for a moment instead of letting it wait; so long until the next try.
const CONNECT_AGAIN: Duration = Duration::from_millis(1);

/// Reactor over readiness notifications.
pub struct Poll {
    poller: Poller,
    readiness: Events,
    ready: Vec<Readiness>,
    scratch: Box<[u8]>,
    slots: Vec<State>,
    pending: VecDeque<(Slot, Event)>,
    /// Unix sockets whose listener was busy: tried again at every turn.
    again: Vec<(Slot, SockAddr)>,
}

#[derive(Default)]
struct State {
    socket: Option<Socket>,
    is_connected: bool,
    is_listening: bool,
    is_write_wanted: bool,
    output: Vec<u8>,
}

impl Poll {
    fn watch(&mut self, slot: Slot, is_write_wanted: bool) -> io::Result<()> {
        let state = &mut self.slots[slot];
        let socket = state.socket.as_ref().expect("only an open slot is watched");
        state.is_write_wanted = is_write_wanted;
        self.poller.modify_with_mode(
            socket,
            Readiness::new(slot, true, is_write_wanted),
            PollMode::Level,
        )
    }

    fn start_connect(&mut self, slot: Slot, address: &SockAddr) -> io::Result<()> {
        let socket = self.slots[slot].socket.as_ref().expect("the slot was just opened");
        match socket.connect(address) {
            Ok(()) => {
                self.slots[slot].is_connected = true;
                self.watch(slot, false)?;
                self.pending.push_back((slot, Event::Connected));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && address.is_unix() => {
                self.again.push((slot, address.clone()));
            }
            Err(error) if is_in_progress(&error) => self.watch(slot, true)?,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn connect_again(&mut self) {
        for (slot, address) in std::mem::take(&mut self.again) {
            if let Err(error) = self.start_connect(slot, &address) {
                self.fail(slot, error);
            }
        }
    }

    /// The slot is closed when the event is taken, after what arrived before it.
    fn fail(&mut self, slot: Slot, error: io::Error) {
        self.pending.push_back((slot, Event::Closed(Some(error))));
    }

    /// Put a socket into a slot and watch it for bytes that arrive.
    fn take_in(&mut self, slot: Slot, socket: Socket) -> io::Result<()> {
        assert!(self.slots[slot].socket.is_none(), "slot {slot} is in use");
        // SAFETY: `close` and `drop` take the socket out of the poller before it is dropped.
        unsafe { self.poller.add_with_mode(&socket, Readiness::readable(slot), PollMode::Level)? };
        self.slots[slot].socket = Some(socket);
        Ok(())
    }

    fn take_connections(&mut self, slot: Slot) {
        while let Some(listener) = self.slots[slot].socket.as_ref() {
            match accept(listener) {
                Ok(Some(socket)) => self.pending.push_back((slot, Event::Accepted(socket))),
                Ok(None) => return,
                Err(error) => return self.fail(slot, error),
            }
        }
    }

    fn on_ready(&mut self, slot: Slot, readiness: Readiness) {
        if self.slots[slot].is_listening {
            return self.take_connections(slot);
        }
        let Some(socket) = self.slots[slot].socket.as_ref() else { return };
        if !self.slots[slot].is_connected {
            match socket.take_error() {
                Ok(None) if readiness.writable => {
                    self.slots[slot].is_connected = true;
                    self.pending.push_back((slot, Event::Connected));
                    if let Err(error) = self.watch(slot, false) {
                        self.fail(slot, error);
                    }
                }
                Ok(None) => {}
                Ok(Some(error)) | Err(error) => self.fail(slot, error),
            }
            return;
        }
        if readiness.writable
            && let Err(error) = self.flush(slot)
        {
            self.fail(slot, error);
            return;
        }
        if readiness.readable {
            self.pending.push_back((slot, Event::Readable(Chunk { buffer: 0, length_bytes: 0 })));
        }
    }
}

impl Reactor for Poll {
    fn open(capacity: usize) -> io::Result<Self> {
        let per_turn = NonZeroUsize::new(capacity.clamp(16, 1024)).expect("it is at least 16");
        Ok(Self {
            poller: Poller::new()?,
            readiness: Events::with_capacity(per_turn),
            ready: Vec::with_capacity(per_turn.get()),
            scratch: vec![0; READ_BYTES].into_boxed_slice(),
            slots: (0..capacity).map(|_| State::default()).collect(),
            pending: VecDeque::with_capacity(2 * capacity),
            again: Vec::new(),
        })
    }

    fn connect(&mut self, slot: Slot, address: &SockAddr) -> io::Result<()> {
        assert!(self.slots[slot].socket.is_none(), "slot {slot} is in use");
        let socket = open_socket(address)?;
        // SAFETY: `close` and `drop` take the socket out of the poller before it is dropped.
        unsafe { self.poller.add_with_mode(&socket, Readiness::none(slot), PollMode::Level)? };
        self.slots[slot].socket = Some(socket);
        let started = self.start_connect(slot, address);
        if started.is_err() {
            self.close(slot);
        }
        started
    }

    fn listen(&mut self, slot: Slot, listener: Socket) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        listener.listen(BACKLOG)?;
        self.take_in(slot, listener)?;
        self.slots[slot].is_listening = true;
        Ok(())
    }

    fn adopt(&mut self, slot: Slot, socket: Socket) -> io::Result<()> {
        self.take_in(slot, socket)?;
        self.slots[slot].is_connected = true;
        Ok(())
    }

    fn output(&mut self, slot: Slot) -> &mut Vec<u8> {
        &mut self.slots[slot].output
    }

    fn flush(&mut self, slot: Slot) -> io::Result<()> {
        let state = &mut self.slots[slot];
        let Some(socket) = state.socket.as_mut() else { return Ok(()) };
        let mut sent_bytes = 0;
        while sent_bytes < state.output.len() {
            match socket.write(&state.output[sent_bytes..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => sent_bytes += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        state.output.drain(..sent_bytes);
        let is_write_wanted = !state.output.is_empty();
        if is_write_wanted != state.is_write_wanted {
            self.watch(slot, is_write_wanted)?;
        }
        Ok(())
    }

    fn unsent_bytes(&self, slot: Slot) -> usize {
        self.slots[slot].output.len()
    }

    fn finish(&mut self, slot: Slot) {
        // The connection is about to be closed: whether it could be sent makes no difference.
        drop(self.flush(slot));
    }

    fn close(&mut self, slot: Slot) {
        let state = &mut self.slots[slot];
        if let Some(socket) = state.socket.take() {
            // It was added; that it cannot be found any more would not matter, it is dropped.
            drop(self.poller.delete(&socket));
        }
        state.is_connected = false;
        state.is_listening = false;
        state.is_write_wanted = false;
        state.output.clear();
        self.pending.retain(|(other, _)| *other != slot);
        self.again.retain(|(other, _)| *other != slot);
    }

    fn next_event(&mut self) -> Option<(Slot, Event)> {
        let next = self.pending.pop_front();
        if let Some((slot, Event::Closed(_))) = next {
            self.close(slot);
        }
        next
    }

    fn read(&mut self, slot: Slot, _chunk: Chunk, input: &mut Vec<u8>) -> io::Result<()> {
        let Some(socket) = self.slots[slot].socket.as_mut() else { return Ok(()) };
        loop {
            match socket.read(&mut self.scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    input.extend_from_slice(&self.scratch[..count]);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = if !self.pending.is_empty() {
            Some(Duration::ZERO)
        } else if self.again.is_empty() {
            timeout
        } else {
            Some(timeout.map_or(CONNECT_AGAIN, |timeout| timeout.min(CONNECT_AGAIN)))
        };
        self.readiness.clear();
        match self.poller.wait(&mut self.readiness, timeout) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        self.ready.extend(self.readiness.iter());
        while let Some(readiness) = self.ready.pop() {
            self.on_ready(readiness.key, readiness);
        }
        self.connect_again();
        Ok(())
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        for slot in 0..self.slots.len() {
            self.close(slot);
        }
    }
}

fn is_in_progress(error: &io::Error) -> bool {
    // EINPROGRESS has no stable kind; Windows says WSAEWOULDBLOCK.
    error.kind() == ErrorKind::WouldBlock || error.raw_os_error() == Some(in_progress_code())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn in_progress_code() -> i32 {
    115
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn in_progress_code() -> i32 {
    36
}
