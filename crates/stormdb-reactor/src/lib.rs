//! Sockets of one thread: connect, send and receive without waiting for any of them.
//!
//! Two back ends do the same: [`Uring`] (Linux, where the kernel allows it) batches all requests
//! of a turn into one system call, [`Poll`] works everywhere. A caller is generic over
//! [`Reactor`], so nothing is dispatched at run time.
//!
//! A turn of the caller's loop: take every event with [`Reactor::next_event`], answer by
//! [`Reactor::output`] and [`Reactor::flush`], then [`Reactor::wait`].

mod poll;
#[cfg(target_os = "linux")]
mod uring;

use std::io;
use std::time::Duration;

pub use poll::Poll;
pub use socket2::{SockAddr, Socket};
#[cfg(target_os = "linux")]
pub use uring::Uring;

/// Number of a connection within its thread, below the capacity that the reactor was opened with.
pub type Slot = usize;

/// What happened to a connection.
#[derive(Debug)]
pub enum Event {
    /// The connection stands; bytes can be sent.
    Connected,
    /// Bytes arrived: [`Reactor::read`] takes them.
    Readable(Chunk),
    /// A listening slot has a new connection: [`Reactor::adopt`] takes it in.
    Accepted(Socket),
    /// The connection is gone, and its slot is free: the peer closed it (`None`) or it failed.
    Closed(Option<io::Error>),
}

/// Bytes that arrived and were not taken yet. Only the reactor that gave it can read it.
#[derive(Debug)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only io_uring has buffers"))]
pub struct Chunk {
    buffer: u16,
    length_bytes: usize,
}

/// The sockets of one thread.
pub trait Reactor: Sized {
    /// Open a reactor for slots `0 .. capacity`.
    ///
    /// # Errors
    /// The system does not offer this back end, or has no resources left.
    fn open(capacity: usize) -> io::Result<Self>;

    /// Start to connect a free slot. The outcome arrives as [`Event::Connected`] or
    /// [`Event::Closed`].
    ///
    /// # Errors
    /// No socket can be made; the slot stays free.
    ///
    /// # Panics
    /// The slot is in use.
    fn connect(&mut self, slot: Slot, address: &SockAddr) -> io::Result<()>;

    /// Take connections of a bound socket: each arrives as [`Event::Accepted`].
    ///
    /// # Errors
    /// The system refuses to listen or to watch; the slot stays free.
    ///
    /// # Panics
    /// The slot is in use.
    fn listen(&mut self, slot: Slot, listener: Socket) -> io::Result<()>;

    /// Take in a connection that stands already.
    ///
    /// # Errors
    /// The system refuses to watch it; the slot stays free.
    ///
    /// # Panics
    /// The slot is in use.
    fn adopt(&mut self, slot: Slot, socket: Socket) -> io::Result<()>;

    /// Buffer of bytes to send; append to it, then call [`Reactor::flush`].
    fn output(&mut self, slot: Slot) -> &mut Vec<u8>;

    /// Send what was appended to [`Reactor::output`], at the latest with the next
    /// [`Reactor::wait`]. Sent in order, however often it is called.
    ///
    /// # Errors
    /// The system refused; the connection should be closed.
    fn flush(&mut self, slot: Slot) -> io::Result<()>;

    /// How much of what was to be sent has not left. [`Reactor::wait`] returns when it shrinks, if
    /// it is more than 16 KiB.
    fn unsent_bytes(&self, slot: Slot) -> usize;

    /// Send what was appended to [`Reactor::output`], as far as that can be done at once: last
    /// words before [`Reactor::close`]. What cannot be sent is lost.
    fn finish(&mut self, slot: Slot);

    /// Close a slot at once; events of it that were not taken yet never come. Closing a free slot
    /// does nothing.
    fn close(&mut self, slot: Slot);

    /// Take the next event, if there is one, without waiting.
    fn next_event(&mut self) -> Option<(Slot, Event)>;

    /// Append the bytes of an event to `input`.
    ///
    /// # Errors
    /// The connection failed or ended (`UnexpectedEof`): close it.
    fn read(&mut self, slot: Slot, chunk: Chunk, input: &mut Vec<u8>) -> io::Result<()>;

    /// Send everything and wait until there is an event or the time is over. `None` waits for
    /// ever, zero does not wait.
    ///
    /// # Errors
    /// The system refused to wait; nothing can go on.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()>;
}

/// Connections that may wait at a listener.
const BACKLOG: i32 = 4096;

/// A socket that is bound and not listening yet; see [`Reactor::listen`].
///
/// # Errors
/// The address is taken, or the system refuses.
pub fn listening_socket(address: &SockAddr) -> io::Result<Socket> {
    let socket = Socket::new(address.domain(), socket2::Type::STREAM, None)?;
    if !address.is_unix() {
        socket.set_reuse_address(true)?;
    }
    socket.bind(address)?;
    Ok(socket)
}

/// Open a socket that does not block, set up the way a database client wants it.
fn open_socket(address: &SockAddr) -> io::Result<Socket> {
    let socket = Socket::new(address.domain(), socket2::Type::STREAM, None)?;
    set_up(&socket, address.is_unix())?;
    Ok(socket)
}

fn set_up(socket: &Socket, is_unix: bool) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    if !is_unix {
        socket.set_tcp_nodelay(true)?;
        socket.set_keepalive(true)?;
    }
    Ok(())
}

/// The next connection that waits at a listener; `None` if there is none.
fn accept(listener: &Socket) -> io::Result<Option<Socket>> {
    loop {
        match listener.accept() {
            Ok((socket, address)) => {
                set_up(&socket, address.is_unix())?;
                return Ok(Some(socket));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                ) => {}
            Err(error) => return Err(error),
        }
    }
}
