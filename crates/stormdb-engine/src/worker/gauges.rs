//! What the generator itself costs, taken once per interval.

use std::fs::File;
use std::io::Read;

use crate::clock::thread_busy_ns;

/// Long enough for what Linux writes into these files.
const FILE_BYTES: usize = 256;

/// Load of a thread since it was last asked.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    busy_ns: u64,
    loop_lag_max_ns: u64,
}

impl Gauges {
    /// From now on.
    pub(super) fn start() -> Self {
        Self { busy_ns: busy_ns(), loop_lag_max_ns: 0 }
    }

    /// The loop wanted to go on at one time and did at another.
    #[inline]
    pub(super) fn woke(&mut self, wanted_ns: u64, now_ns: u64) {
        self.loop_lag_max_ns = self.loop_lag_max_ns.max(now_ns.saturating_sub(wanted_ns));
    }

    /// Busy time and worst lateness since the last call.
    pub(super) fn take(&mut self) -> (u64, u64) {
        let before_ns = std::mem::replace(&mut self.busy_ns, busy_ns());
        (self.busy_ns.saturating_sub(before_ns), std::mem::take(&mut self.loop_lag_max_ns))
    }
}

/// Processor time of this thread, and what it was kept waiting for a processor (Linux tells): on a
/// machine with too few cores that is work that it could not do.
fn busy_ns() -> u64 {
    match numbers("/proc/thread-self/schedstat") {
        Some([on_cpu_ns, waited_ns]) => on_cpu_ns + waited_ns,
        None => thread_busy_ns(),
    }
}

/// Memory of the whole process; 0 where the system does not tell.
pub(super) fn rss_bytes() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let pages = numbers("/proc/self/statm").map_or(0, |[_, resident]| resident);
        pages * rustix::param::page_size() as u64
    }
    #[cfg(not(target_os = "linux"))]
    0
}

/// The first two numbers of a short file.
fn numbers(path: &str) -> Option<[u64; 2]> {
    let mut buffer = [0; FILE_BYTES];
    let length = File::open(path).ok()?.read(&mut buffer).ok()?;
    let mut words = std::str::from_utf8(&buffer[..length]).ok()?.split_ascii_whitespace();
    Some([words.next()?.parse().ok()?, words.next()?.parse().ok()?])
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_works_is_busy() {
        let mut gauges = Gauges::start();
        let before_ns = thread_busy_ns();
        while thread_busy_ns() < before_ns + 20_000_000 {}
        assert!(gauges.take().0 >= 10_000_000);
    }

    #[test]
    fn the_worst_lateness_is_kept_until_it_is_taken() {
        let mut gauges = Gauges::start();
        for (wanted_ns, now_ns) in [(5, 7), (10, 100), (200, 150)] {
            gauges.woke(wanted_ns, now_ns);
        }
        assert_eq!(gauges.take().1, 90);
        assert_eq!(gauges.take().1, 0);
    }

    #[test]
    fn a_process_uses_memory() {
        assert!(rss_bytes() > 1 << 20);
    }
}
