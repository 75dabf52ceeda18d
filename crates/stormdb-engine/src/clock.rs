//! The only place that reads a clock.
#![allow(clippy::disallowed_methods)]

/// Nanoseconds of the monotonic clock, the same in all threads and processes of a machine.
///
/// On Unix this is what Python's `time.monotonic_ns` reads.
#[must_use]
#[inline]
pub fn monotonic_ns() -> u64 {
    #[cfg(unix)]
    {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
    }
    #[cfg(not(unix))]
    {
        use std::sync::LazyLock;
        use std::time::Instant;
        static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
        u64::try_from(ORIGIN.elapsed().as_nanos()).expect("584 years have not passed")
    }
}

/// Processor time that the calling thread has taken; 0 where the system does not say.
#[must_use]
pub fn thread_busy_ns() -> u64 {
    #[cfg(unix)]
    {
        let busy = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        busy.tv_sec.cast_unsigned() * 1_000_000_000 + busy.tv_nsec.cast_unsigned()
    }
    #[cfg(not(unix))]
    0
}
