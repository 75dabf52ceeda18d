//! Receive buffers that the kernel takes from a shared ring and the reader gives back.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::IoUring;
use io_uring::types::BufRingEntry;

use crate::Chunk;

/// The ring has one group of buffers.
pub(super) const BUFFER_GROUP: u16 = 1;

const BUFFER_BYTES: usize = 4096;
const PAGE_BYTES: usize = 4096;
const MIN_COUNT: usize = 64;
const MAX_COUNT: usize = 1024;

/// One allocation: the ring of entries, then the buffers.
pub(super) struct Buffers {
    memory: NonNull<u8>,
    layout: Layout,
    count: u16,
    ring_bytes: usize,
    tail: u16,
}

impl Buffers {
    /// Allocate two buffers per connection, within limits, and hand all of them to the kernel.
    pub(super) fn register(ring: &IoUring, connections: usize) -> io::Result<Self> {
        let count = (2 * connections).next_power_of_two().clamp(MIN_COUNT, MAX_COUNT);
        let ring_bytes = (count * size_of::<BufRingEntry>()).next_multiple_of(PAGE_BYTES);
        let layout = Layout::from_size_align(ring_bytes + count * BUFFER_BYTES, PAGE_BYTES)
            .expect("a few MiB are within the address space");
        // SAFETY: the layout is not empty.
        let memory = NonNull::new(unsafe { alloc_zeroed(layout) })
            .unwrap_or_else(|| handle_alloc_error(layout));
        let count = u16::try_from(count).expect("at most MAX_COUNT");
        let mut buffers = Self { memory, layout, count, ring_bytes, tail: 0 };
        // SAFETY: the memory is page aligned, zeroed, as long as `count` entries, and freed only
        // after the ring was dropped (field order in `Uring`: `ring` first).
        unsafe {
            ring.submitter().register_buf_ring_with_flags(
                memory.as_ptr() as u64,
                count,
                BUFFER_GROUP,
                0,
            )?;
        }
        for buffer in 0..count {
            buffers.give_back(buffer);
        }
        Ok(buffers)
    }

    /// Bytes of a chunk that the kernel filled and that was not given back yet.
    pub(super) fn bytes(&self, chunk: &Chunk) -> &[u8] {
        assert!(chunk.buffer < self.count && chunk.length_bytes <= BUFFER_BYTES);
        // SAFETY: within the allocation by the line above; the kernel writes a buffer only while
        // it is in the ring, and it was taken out when the chunk was made.
        unsafe { std::slice::from_raw_parts(self.buffer(chunk.buffer), chunk.length_bytes) }
    }

    /// Let the kernel use a buffer again.
    pub(super) fn give_back(&mut self, buffer: u16) {
        assert!(buffer < self.count);
        let address = self.buffer(buffer) as u64;
        #[allow(clippy::cast_ptr_alignment)] // The allocation is page aligned.
        let entries = self.memory.as_ptr().cast::<BufRingEntry>();
        // SAFETY: the index is below `count`, which is a power of two; the kernel reads an entry
        // only once the tail has passed it.
        let entry = unsafe { &mut *entries.add(usize::from(self.tail & (self.count - 1))) };
        entry.set_addr(address);
        entry.set_len(u32::try_from(BUFFER_BYTES).expect("4 KiB fit"));
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail lies in the first entry, is aligned to 2 bytes, and is written by this
        // thread only; release orders the entry before it.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(entries).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }

    fn buffer(&self, buffer: u16) -> *mut u8 {
        // SAFETY: callers check `buffer < count`, so the sum stays within the allocation.
        unsafe { self.memory.as_ptr().add(self.ring_bytes + usize::from(buffer) * BUFFER_BYTES) }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout. The ring was dropped before (field order in
        // `Uring`), and every receiver was ended before that.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) }
    }
}
