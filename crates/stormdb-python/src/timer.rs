//! `Timer`: a file descriptor of the kernel that becomes readable at a time.

use pyo3::prelude::*;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};

    use rustix::io::Errno;
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    /// An open timerfd on the monotonic clock.
    pub(super) struct Descriptor(OwnedFd);

    impl Descriptor {
        pub(super) fn open() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            Ok(Self(timerfd_create(TimerfdClockId::Monotonic, flags)?))
        }

        pub(super) fn number(&self) -> i32 {
            self.0.as_raw_fd()
        }

        pub(super) fn arm(&self, at_monotonic_ns: u64) -> io::Result<()> {
            // A time of 0 would disarm; the first nanosecond after boot is as much in the past.
            let at_ns = i64::try_from(at_monotonic_ns.max(1)).unwrap_or(i64::MAX);
            let never = Timespec { tv_sec: 0, tv_nsec: 0 };
            let at = Timespec { tv_sec: at_ns / 1_000_000_000, tv_nsec: at_ns % 1_000_000_000 };
            let once = Itimerspec { it_interval: never, it_value: at };
            timerfd_settime(&self.0, TimerfdTimerFlags::ABSTIME, &once)?;
            Ok(())
        }

        pub(super) fn clear(&self) -> io::Result<bool> {
            match rustix::io::read(&self.0, &mut [0; 8]) {
                Ok(_) => Ok(true),
                Err(Errno::AGAIN) => Ok(false),
                Err(error) => Err(error.into()),
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::io;

    /// There is none: `open` says so.
    pub(super) enum Descriptor {}

    impl Descriptor {
        pub(super) fn open() -> io::Result<Self> {
            Err(io::Error::from(io::ErrorKind::Unsupported))
        }

        pub(super) fn number(&self) -> i32 {
            match *self {}
        }

        pub(super) fn arm(&self, _at_monotonic_ns: u64) -> io::Result<()> {
            match *self {}
        }

        pub(super) fn clear(&self) -> io::Result<bool> {
            match *self {}
        }
    }
}

#[cfg(not(target_os = "linux"))]
use elsewhere::Descriptor;
#[cfg(target_os = "linux")]
use linux::Descriptor;

use crate::errors::{Result, closed_timer, no_timer};

/// Wake-up with the kernel's precision.
#[pyclass(module = "stormdb._native")]
pub(crate) struct Timer(Option<Descriptor>);

#[pymethods]
impl Timer {
    #[new]
    fn new() -> Result<Self> {
        Ok(Self(Some(Descriptor::open().map_err(no_timer)?)))
    }

    fn fileno(&self) -> Result<i32> {
        Ok(self.descriptor()?.number())
    }

    fn arm(&self, at_monotonic_ns: u64) -> Result<()> {
        Ok(self.descriptor()?.arm(at_monotonic_ns).map_err(PyErr::from)?)
    }

    fn clear(&self) -> Result<bool> {
        Ok(self.descriptor()?.clear().map_err(PyErr::from)?)
    }

    fn close(&mut self) {
        self.0 = None;
    }
}

impl Timer {
    fn descriptor(&self) -> Result<&Descriptor> {
        self.0.as_ref().ok_or_else(closed_timer)
    }
}
