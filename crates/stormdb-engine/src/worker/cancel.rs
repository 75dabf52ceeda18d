//! Statements that still run when the drain is over are cancelled, so that the server is free.

use stormdb_reactor::{Reactor, Slot};
use stormdb_wire::frontend;

use super::Worker;
use super::connection::State;
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
    /// Give up what is under way: it is unfinished, and the server is told.
    pub(super) fn cancel_rest(&mut self) -> Result<()> {
        self.is_cancelling = true;
        for slot in 0..self.connections.len() {
            let Some(job) = self.connections[slot].job.take() else { continue };
            self.recorder.unfinished(job.arrival_ns(), 1)?;
            let attempt = self.connections[slot].attempt;
            let key = self.connections[slot].key.take();
            self.close(slot);
            if key.is_some() {
                self.connections[slot].key = key;
                if self.attempt(slot, attempt).is_err() {
                    self.close(slot);
                }
            }
        }
        let last_ns = monotonic_ns() + CANCEL_NS;
        let is_under_way = |worker: &Self| {
            worker.connections.iter().any(|one| !matches!(one.state, State::Closed | State::Open))
        };
        while is_under_way(self) && monotonic_ns() < last_ns {
            self.wait_until(last_ns)?;
            while let Some((slot, event)) = self.reactor.next_event() {
                self.on_event(slot, event);
            }
        }
        Ok(())
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
