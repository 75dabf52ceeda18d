//! What a process gives up before it runs code of others, and how it keeps hold of its children.
//!
//! Linux; elsewhere each function says that there is no such thing.

use std::path::PathBuf;

use pyo3::prelude::*;

use crate::errors::{Result, no_sandbox};

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::path::PathBuf;

    use landlock::{
        ABI, Access, AccessFs, AccessNet, LandlockStatus, NetPort, Ruleset, RulesetAttr,
        RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
    };
    use rustix::process::{Signal, getpid, set_child_subreaper, set_parent_process_death_signal};
    use rustix::thread::{
        CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities,
    };

    /// Rights of later versions are not asked for: version 9 would take Unix sockets away.
    const NEWEST: ABI = ABI::V6;

    pub(super) fn restrict(
        read: Vec<PathBuf>,
        write: Vec<PathBuf>,
        connect: Vec<u16>,
    ) -> io::Result<i32> {
        narrow(read, write, connect).map_err(io::Error::other)
    }

    fn narrow(
        read: Vec<PathBuf>,
        write: Vec<PathBuf>,
        connect: Vec<u16>,
    ) -> Result<i32, RulesetError> {
        let ports = connect.into_iter();
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(NEWEST))?
            .handle_access(AccessNet::from_all(NEWEST))?
            .scope(Scope::from_all(NEWEST))?
            .create()?
            .add_rules(path_beneath_rules(read, AccessFs::from_read(NEWEST)))?
            .add_rules(path_beneath_rules(write, AccessFs::from_all(NEWEST)))?
            .add_rules(
                ports.map(|port| Ok::<_, RulesetError>(NetPort::new(port, AccessNet::ConnectTcp))),
            )?
            .restrict_self()?;
        Ok(match status.landlock {
            LandlockStatus::Available { effective_abi, .. } => effective_abi as i32,
            _ => 0,
        })
    }

    pub(super) fn drop_capabilities() -> io::Result<()> {
        let kept = CapabilitySet::DAC_OVERRIDE;
        for capability in (CapabilitySet::all() - kept).iter() {
            match remove_capability_from_bounding_set(capability) {
                // An older kernel does not know the newest ones.
                Ok(()) | Err(rustix::io::Errno::INVAL) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let sets = CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        };
        Ok(set_capabilities(None, sets)?)
    }

    pub(super) fn adopt_orphans() -> io::Result<()> {
        Ok(set_child_subreaper(Some(getpid()))?)
    }

    pub(super) fn die_with_parent() -> io::Result<()> {
        Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::io;
    use std::path::PathBuf;

    fn none<T>() -> io::Result<T> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    pub(super) fn restrict(
        _read: Vec<PathBuf>,
        _write: Vec<PathBuf>,
        _connect: Vec<u16>,
    ) -> io::Result<i32> {
        none()
    }

    pub(super) fn drop_capabilities() -> io::Result<()> {
        none()
    }

    pub(super) fn adopt_orphans() -> io::Result<()> {
        none()
    }

    pub(super) fn die_with_parent() -> io::Result<()> {
        none()
    }
}

#[cfg(not(target_os = "linux"))]
use elsewhere as system;
#[cfg(target_os = "linux")]
use linux as system;

/// Narrow by Landlock, for ever, what the calling thread and what it starts may do.
///
/// `read` may be read and executed, in `write` everything may be done, what is not there is skipped.
/// `connect`: TCP ports, no others and no listening. Signals and abstract Unix
/// sockets reach no process outside; other Unix sockets stay open. Returns the version of the
/// kernel's interface, of which 4 brings the ports and 6 the signals; 0 if there is none.
#[pyfunction]
pub(crate) fn restrict(read: Vec<PathBuf>, write: Vec<PathBuf>, connect: Vec<u16>) -> Result<i32> {
    system::restrict(read, write, connect).map_err(no_sandbox)
}

/// As root, give up every capability but that of passing file permissions; for ever.
#[pyfunction]
pub(crate) fn drop_capabilities() -> Result<()> {
    system::drop_capabilities().map_err(no_sandbox)
}

/// Become the parent of descendants whose own parent has ended.
#[pyfunction]
pub(crate) fn adopt_orphans() -> Result<()> {
    system::adopt_orphans().map_err(no_sandbox)
}

/// Be killed once the thread that started this process has ended.
#[pyfunction]
pub(crate) fn die_with_parent() -> Result<()> {
    system::die_with_parent().map_err(no_sandbox)
}
