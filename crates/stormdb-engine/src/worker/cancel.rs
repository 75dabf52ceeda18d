//! Statements of transactions that were given up are cancelled, so that the server is free.

use stormdb_reactor::{Reactor, Slot};
use stormdb_wire::frontend;

use super::Worker;
use super::connection::State;
use super::jobs::Life;
use super::lost::Lost;
use crate::Result;
use crate::clock::monotonic_ns;

/// Longest time for all of it.
const CANCEL_NS: u64 = 1_000_000_000;

/// What the server gave at the login: a request to cancel must name it.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) process_id: u32,
    pub(super) secret: Box<[u8]>,
}

impl<R: Reactor> Worker<R> {
    /// Give up what is under way, and tell the server. Sessions without work are ended.
    pub(super) fn cancel_rest(&mut self) -> Result<()> {
        self.is_over = true;
        for slot in 0..self.connections.len() {
            if self.connections[slot].job.take().is_some() {
                self.cancel(slot);
            } else if !self.connections[slot].is_to_cancel {
                self.hang_up(slot);
            }
        }
        let last_ns = monotonic_ns() + CANCEL_NS;
        while self.connections.iter().any(|one| one.is_to_cancel) && monotonic_ns() < last_ns {
            self.wait_until(last_ns)?;
            while let Some((slot, event)) = self.reactor.next_event() {
                self.on_event(slot, event);
            }
        }
        Ok(())
    }

    /// End a session whose statement still runs: what it was is used to tell the server so.
    pub(super) fn cancel(&mut self, slot: Slot) {
        self.copying.retain(|other| *other != slot);
        let attempt = self.connections[slot].attempt;
        let key = self.connections[slot].key.take();
        self.close(slot);
        let is_cancellable = key.is_some();
        self.connections[slot].key = key;
        self.connections[slot].is_to_cancel = true;
        if !is_cancellable || self.attempt(slot, attempt).is_err() {
            return self.has_cancelled(slot);
        }
        let deadline_ns = &mut self.connections[slot].deadline_ns;
        *deadline_ns = (*deadline_ns).min(monotonic_ns() + CANCEL_NS);
    }

    /// The server knows, or cannot be told: the connection may be used again.
    pub(super) fn has_cancelled(&mut self, slot: Slot) {
        self.close(slot);
        self.connections[slot].is_to_cancel = false;
        match self.life(slot) {
            _ if self.is_over => {}
            Life::Persistent => self.connect(slot),
            Life::Transient => self.idle[Life::Transient as usize].push(slot),
        }
    }

    /// The connection that was made for it stands: ask; the server answers by closing it.
    pub(super) fn send_cancel(&mut self, slot: Slot) -> std::result::Result<(), Lost> {
        if let Some(Key { process_id, secret }) = self.connections[slot].key.take() {
            frontend::cancel(process_id, &secret, self.output(slot));
            self.connections[slot].state = State::Cancelling;
        }
        self.flush(slot)
    }
}
