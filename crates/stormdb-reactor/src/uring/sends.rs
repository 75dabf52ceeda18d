//! What is sent: short outputs within the call that submits them, long ones as there is room.

use std::io;

use io_uring::{opcode, squeue};

use super::{MSG_NOSIGNAL, Request, Uring, tag};
use crate::{Reactor, Slot};

/// Longest output that is sent within the call that submits it.
const SHORT_BYTES: usize = 16 * 1024;
const MSG_DONTWAIT: i32 = 0x40;
const MSG_WAITALL: i32 = 0x100;
const EAGAIN: i32 = 11;

impl Uring {
    pub(super) fn on_sent(&mut self, slot: Slot, result: i32) {
        let state = &mut self.slots[slot];
        state.is_sending = false;
        let Ok(sent_bytes) = usize::try_from(result) else {
            self.fail(slot, Some(io::Error::from_raw_os_error(-result)));
            return;
        };
        if sent_bytes < state.sending.len() {
            // MSG_WAITALL makes this rare: a signal, a dying peer, or more than the kernel takes.
            state.sending.drain(..sent_bytes);
            state.sending.append(&mut state.output);
            std::mem::swap(&mut state.sending, &mut state.output);
        }
        state.sending.clear();
        if let Err(error) = self.flush(slot) {
            self.fail(slot, Some(error));
        }
    }

    /// The kernel did not take a short output whole: the rest is sent when there is room for it.
    pub(super) fn on_cut_short(&mut self, slot: Slot, result: i32) {
        let state = &mut self.slots[slot];
        state.is_due = false;
        match usize::try_from(result) {
            Ok(sent_bytes) => drop(state.output.drain(..sent_bytes)),
            Err(_) if result == -EAGAIN => {}
            Err(_) => return self.fail(slot, Some(io::Error::from_raw_os_error(-result))),
        }
        if let Err(error) = self.send(slot) {
            self.fail(slot, Some(error));
        }
    }

    /// Ask the kernel to send the output, whenever there is room for it.
    fn send(&mut self, slot: Slot) -> io::Result<()> {
        let state = &mut self.slots[slot];
        // Of more than 4 GiB the rest follows, as after any send that was cut short.
        let length = u32::try_from(state.output.len()).unwrap_or(u32::MAX);
        std::mem::swap(&mut state.output, &mut state.sending);
        state.is_sending = true;
        let send = opcode::Send::new(Self::fixed(slot), state.sending.as_ptr(), length)
            .flags(MSG_NOSIGNAL | MSG_WAITALL)
            .build();
        let tag = tag(Request::Send, slot, state.generation);
        self.push(&send.user_data(tag))
    }

    /// Ask the kernel to send the output at once. It tells only if it does not: an answer to each
    /// would cost as much again as the request.
    fn send_short(&mut self, slot: Slot) -> io::Result<()> {
        let state = &self.slots[slot];
        let length = u32::try_from(state.output.len()).expect("at most SHORT_BYTES");
        let send = opcode::Send::new(Self::fixed(slot), state.output.as_ptr(), length)
            .flags(MSG_NOSIGNAL | MSG_WAITALL | MSG_DONTWAIT)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS);
        let tag = tag(Request::SendShort, slot, state.generation);
        self.push(&send.user_data(tag))
    }

    /// Requests for all output that is due.
    pub(super) fn send_due(&mut self) -> io::Result<()> {
        debug_assert!(self.sent.is_empty());
        std::mem::swap(&mut self.due, &mut self.sent);
        for index in 0..self.sent.len() {
            let slot = self.sent[index];
            let state = &mut self.slots[slot];
            if state.output.len() <= SHORT_BYTES {
                self.send_short(slot)?;
            } else {
                state.is_due = false;
                self.send(slot)?;
            }
        }
        Ok(())
    }

    /// Where the kernel has not said otherwise the output has left.
    pub(super) fn end_short_sends(&mut self) {
        while let Some(slot) = self.sent.pop() {
            let state = &mut self.slots[slot];
            if std::mem::take(&mut state.is_due) {
                state.output.clear();
            }
        }
    }
}
