//! io_uring: all requests of a turn go to the kernel in one call, answers land in shared buffers.

mod buffers;
mod sends;

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::time::Duration;

use io_uring::{IoUring, cqueue, opcode, squeue, types};
use socket2::{SockAddr, Socket};

use self::buffers::{BUFFER_GROUP, Buffers};
use crate::{BACKLOG, Chunk, Event, Reactor, Slot, accept, open_socket};

const QUEUE_ENTRIES: u32 = 1024;
const COMPLETION_ENTRIES: u32 = 8192;
const MAX_SLOTS: usize = 1 << 24;
const NO_FILE: i32 = -1;
/// How long `drop` waits for the kernel to let go of memory that it still refers to.
const DROP_WAIT: Duration = Duration::from_millis(20);
const DROP_TURNS: u32 = 100;
const MSG_NOSIGNAL: i32 = 0x4000;
const POLLIN: u32 = 1;
const ENOBUFS: i32 = 105;
const ETIME: i32 = 62;

/// Reactor over `io_uring`. It belongs to the thread that opened it.
pub struct Uring {
    ring: IoUring,
    buffers: Buffers,
    slots: Vec<State>,
    pending: VecDeque<(Slot, Event)>,
    /// Receivers that ran out of buffers, to be armed again.
    starved: Vec<Slot>,
    /// Slots whose output is sent with the next turn.
    due: Vec<Slot>,
    /// Those whose output is sent in this turn; empty between two turns.
    sent: Vec<Slot>,
    /// A turn was not taken whole: requests that are left must never reach the kernel.
    is_broken: bool,
    /// What requests of closed slots still refer to, by the request's tag.
    lent: HashMap<u64, Lent>,
}

#[derive(Default)]
struct State {
    socket: Option<Socket>,
    generation: u32,
    /// Where the socket is being connected to; the kernel reads it meanwhile.
    address: Option<Box<SockAddr>>,
    output: Vec<u8>,
    /// It is listed in `due`, or in `sent`.
    is_due: bool,
    /// What the kernel is sending on its own; not touched until it says that it is done.
    sending: Vec<u8>,
    is_sending: bool,
}

/// Memory that the kernel may still read.
enum Lent {
    Address { _kept: Box<SockAddr> },
    Output { _kept: Vec<u8> },
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Request {
    Connect,
    Receive,
    Send,
    SendShort,
    Cancel,
    Listen,
}

/// A request's tag: which request, of which slot, of which of the connections it had.
fn tag(request: Request, slot: Slot, generation: u32) -> u64 {
    (u64::from(generation) << 32) | ((slot as u64) << 8) | request as u64
}

fn request_of(tag: u64) -> Request {
    match tag & 0xFF {
        0 => Request::Connect,
        1 => Request::Receive,
        2 => Request::Send,
        3 => Request::SendShort,
        4 => Request::Cancel,
        _ => Request::Listen,
    }
}

fn slot_of(tag: u64) -> Slot {
    usize::try_from((tag >> 8) & 0xFF_FFFF).expect("24 bits fit")
}

impl Uring {
    fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        if self.is_broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        loop {
            // SAFETY: the memory that an entry refers to (address, bytes to send) is owned by its
            // slot and not changed until the request's completion was seen, or moved into `lent`
            // until then when the slot is closed; `drop` waits for the completions. A short send is
            // over once it was submitted, and `wait` does not return before that, or nothing is
            // ever submitted again. Receive buffers live as long as the ring.
            if unsafe { self.ring.submission().push(entry) }.is_ok() {
                return Ok(());
            }
            self.ring.submit()?;
        }
    }

    fn fixed(slot: Slot) -> types::Fixed {
        types::Fixed(u32::try_from(slot).expect("there are fewer than 2^24 slots"))
    }

    fn set_file(&self, slot: Slot, file: i32) -> io::Result<()> {
        let offset = Self::fixed(slot).0;
        self.ring.submitter().register_files_update(offset, &[file]).map(drop)
    }

    fn arm_receive(&mut self, slot: Slot) -> io::Result<()> {
        let tag = tag(Request::Receive, slot, self.slots[slot].generation);
        let receive = opcode::RecvMulti::new(Self::fixed(slot), BUFFER_GROUP).build();
        self.push(&receive.user_data(tag))
    }

    /// The slot is closed when the event is taken, after what arrived before it.
    fn fail(&mut self, slot: Slot, error: Option<io::Error>) {
        self.pending.push_back((slot, Event::Closed(error)));
    }

    fn complete(&mut self, entry: &cqueue::Entry) {
        let tag = entry.user_data();
        let (slot, result) = (slot_of(tag), entry.result());
        let chunk = cqueue::buffer_select(entry.flags())
            .map(|buffer| Chunk { buffer, length_bytes: usize::try_from(result).unwrap_or(0) });
        let is_current =
            u32::try_from(tag >> 32).is_ok_and(|one| one == self.slots[slot].generation);
        if !is_current || self.slots[slot].socket.is_none() {
            self.lent.remove(&tag);
            if let Some(chunk) = chunk {
                self.buffers.give_back(chunk.buffer);
            }
            return;
        }
        match request_of(tag) {
            Request::Connect => self.on_connected(slot, result),
            Request::Send => self.on_sent(slot, result),
            Request::SendShort => self.on_cut_short(slot, result),
            Request::Receive => self.on_received(slot, result, chunk, cqueue::more(entry.flags())),
            Request::Cancel => {}
            Request::Listen => self.on_connections(slot, cqueue::more(entry.flags())),
        }
    }

    fn arm_listener(&mut self, slot: Slot) -> io::Result<()> {
        let tag = tag(Request::Listen, slot, self.slots[slot].generation);
        let watch = opcode::PollAdd::new(Self::fixed(slot), POLLIN).multi(true).build();
        self.push(&watch.user_data(tag))
    }

    fn on_connections(&mut self, slot: Slot, is_armed: bool) {
        while let Some(listener) = &self.slots[slot].socket {
            match accept(listener) {
                Ok(Some(socket)) => self.pending.push_back((slot, Event::Accepted(socket))),
                Ok(None) => break,
                Err(error) => return self.fail(slot, Some(error)),
            }
        }
        if !is_armed && let Err(error) = self.arm_listener(slot) {
            self.fail(slot, Some(error));
        }
    }

    fn on_connected(&mut self, slot: Slot, result: i32) {
        self.slots[slot].address = None;
        let armed = if result < 0 {
            Err(io::Error::from_raw_os_error(-result))
        } else {
            self.arm_receive(slot)
        };
        match armed {
            Ok(()) => self.pending.push_back((slot, Event::Connected)),
            Err(error) => self.fail(slot, Some(error)),
        }
    }

    /// Submit everything, wait, and take what has happened.
    fn turn(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        while let Some(slot) = self.starved.pop() {
            self.arm_receive(slot)?;
        }
        self.send_due()?;
        loop {
            let is_idle = self.pending.is_empty();
            self.enter(if is_idle { timeout } else { Some(Duration::ZERO) })?;
            self.reap();
            // A signal, or completions that had to be taken first, may have left some behind.
            if self.ring.submission().is_empty() {
                break;
            }
        }
        self.end_short_sends();
        Ok(())
    }

    fn on_received(&mut self, slot: Slot, result: i32, chunk: Option<Chunk>, is_armed: bool) {
        match (result, chunk) {
            (1.., Some(chunk)) => self.pending.push_back((slot, Event::Readable(chunk))),
            (0, chunk) => {
                if let Some(chunk) = chunk {
                    self.buffers.give_back(chunk.buffer);
                }
                self.fail(slot, None);
                return;
            }
            (error, _) if error == -ENOBUFS => {}
            (error, _) => {
                self.fail(slot, Some(io::Error::from_raw_os_error(-error)));
                return;
            }
        }
        if !is_armed {
            self.starved.push(slot);
        }
    }

    fn reap(&mut self) {
        loop {
            let entry = self.ring.completion().next();
            match entry {
                Some(entry) => self.complete(&entry),
                None => break,
            }
        }
    }

    fn enter(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let entered = match timeout {
            None => self.ring.submit_and_wait(1),
            Some(timeout) => {
                let timespec = types::Timespec::from(timeout);
                self.ring
                    .submitter()
                    .submit_with_args(1, &types::SubmitArgs::new().timespec(&timespec))
            }
        };
        match entered {
            Ok(_) => Ok(()),
            Err(error) if error.raw_os_error() == Some(ETIME) => Ok(()),
            // Busy: completions must be taken first, which follows.
            Err(error)
                if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ResourceBusy) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

impl Reactor for Uring {
    fn open(capacity: usize) -> io::Result<Self> {
        assert!(capacity <= MAX_SLOTS, "a thread has at most 2^24 connections");
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_coop_taskrun()
            .setup_cqsize(COMPLETION_ENTRIES)
            .build(QUEUE_ENTRIES)?;
        ring.submitter()
            .register_files_sparse(u32::try_from(capacity).expect("it is below 2^24"))?;
        let buffers = Buffers::register(&ring, capacity)?;
        Ok(Self {
            ring,
            buffers,
            slots: (0..capacity).map(|_| State::default()).collect(),
            pending: VecDeque::with_capacity(4 * capacity),
            starved: Vec::with_capacity(capacity),
            due: Vec::with_capacity(capacity),
            sent: Vec::with_capacity(capacity),
            is_broken: false,
            lent: HashMap::new(),
        })
    }

    fn connect(&mut self, slot: Slot, address: &SockAddr) -> io::Result<()> {
        assert!(self.slots[slot].socket.is_none(), "slot {slot} is in use");
        let socket = open_socket(address)?;
        self.set_file(slot, socket.as_raw_fd())?;
        let state = &mut self.slots[slot];
        state.socket = Some(socket);
        let address = state.address.insert(Box::new(address.clone()));
        let connect =
            opcode::Connect::new(Self::fixed(slot), address.as_ptr().cast(), address.len()).build();
        let tag = tag(Request::Connect, slot, state.generation);
        self.push(&connect.user_data(tag)).inspect_err(|_| self.close(slot))
    }

    fn listen(&mut self, slot: Slot, listener: Socket) -> io::Result<()> {
        assert!(self.slots[slot].socket.is_none(), "slot {slot} is in use");
        listener.set_nonblocking(true)?;
        listener.listen(BACKLOG)?;
        self.set_file(slot, listener.as_raw_fd())?;
        self.slots[slot].socket = Some(listener);
        self.arm_listener(slot).inspect_err(|_| self.close(slot))
    }

    fn adopt(&mut self, slot: Slot, socket: Socket) -> io::Result<()> {
        assert!(self.slots[slot].socket.is_none(), "slot {slot} is in use");
        self.set_file(slot, socket.as_raw_fd())?;
        self.slots[slot].socket = Some(socket);
        self.arm_receive(slot).inspect_err(|_| self.close(slot))
    }

    fn output(&mut self, slot: Slot) -> &mut Vec<u8> {
        &mut self.slots[slot].output
    }

    fn flush(&mut self, slot: Slot) -> io::Result<()> {
        let state = &mut self.slots[slot];
        let is_ready = !state.is_sending && !state.is_due && state.socket.is_some();
        if is_ready && !state.output.is_empty() {
            state.is_due = true;
            self.due.push(slot);
        }
        Ok(())
    }

    fn unsent_bytes(&self, slot: Slot) -> usize {
        self.slots[slot].output.len() + self.slots[slot].sending.len()
    }

    fn finish(&mut self, slot: Slot) {
        let state = &mut self.slots[slot];
        if let (Some(socket), false) = (&state.socket, state.is_sending) {
            // The connection is about to be closed: whether it could be sent makes no difference.
            drop(socket.send_with_flags(&state.output, MSG_NOSIGNAL));
            state.output.clear();
        }
    }

    fn close(&mut self, slot: Slot) {
        let state = &mut self.slots[slot];
        let Some(socket) = state.socket.take() else { return };
        let generation = state.generation;
        let connect = tag(Request::Connect, slot, generation);
        let send = tag(Request::Send, slot, generation);
        if let Some(address) = state.address.take() {
            self.lent.insert(connect, Lent::Address { _kept: address });
        }
        if std::mem::take(&mut state.is_sending) {
            self.lent.insert(send, Lent::Output { _kept: std::mem::take(&mut state.sending) });
        }
        state.output.clear();
        let was_due = std::mem::take(&mut state.is_due);
        state.generation = generation.wrapping_add(1);
        self.starved.retain(|other| *other != slot);
        if was_due {
            self.due.retain(|other| *other != slot);
        }
        let buffers = &mut self.buffers;
        self.pending.retain(|(other, event)| {
            if let (true, Event::Readable(chunk)) = (*other == slot, event) {
                buffers.give_back(chunk.buffer);
            }
            *other != slot
        });
        // Ends receive and send; a connect under way must be cancelled. Neither can be undone or
        // matters if it fails: the socket is gone either way, and completions are sorted by tag.
        drop(socket.shutdown(std::net::Shutdown::Both));
        let cancel = opcode::AsyncCancel::new(connect).build().user_data(tag(
            Request::Cancel,
            slot,
            generation,
        ));
        drop(self.push(&cancel));
        drop(self.set_file(slot, NO_FILE));
    }

    fn next_event(&mut self) -> Option<(Slot, Event)> {
        let next = self.pending.pop_front();
        if let Some((slot, Event::Closed(_))) = next {
            self.close(slot);
        }
        next
    }

    fn read(&mut self, _slot: Slot, chunk: Chunk, input: &mut Vec<u8>) -> io::Result<()> {
        input.extend_from_slice(self.buffers.bytes(&chunk));
        self.buffers.give_back(chunk.buffer);
        Ok(())
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if self.is_broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let turned = self.turn(timeout);
        self.is_broken |= turned.is_err();
        turned
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        for slot in 0..self.slots.len() {
            self.close(slot);
        }
        for _ in 0..DROP_TURNS {
            if self.lent.is_empty() || self.is_broken || self.enter(Some(DROP_WAIT)).is_err() {
                break;
            }
            self.reap();
        }
        if !self.lent.is_empty() {
            // The kernel did not let go: keeping the memory for ever is the safe way out.
            std::mem::forget(std::mem::take(&mut self.lent));
        }
    }
}
