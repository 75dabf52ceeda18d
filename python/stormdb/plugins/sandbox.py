"""What a child process gives up before it runs plugin code; see docs/security.md.

`Bounds` is made by the controller, and travels on the child's command line: no secret is in it.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from stormdb import _native

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Bounds", "folders_of_python", "give_up"]

# What programs of every kind read; nothing here belongs to a user. Of /etc only files that hold no
# secret: as root a plugin could read all of them.
_SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store", "/gnu/store"),
    *("/proc", "/sys/devices/system", "/sys/fs/cgroup", "/dev/urandom", "/dev/random"),
    *("/run/systemd/resolve", "/run/resolvconf", "/run/nscd"),
    *(
        f"/etc/{name}"
        for name in (
            *("resolv.conf", "hosts", "host.conf", "nsswitch.conf", "gai.conf", "services"),
            *("protocols", "passwd", "group", "localtime", "timezone", "locale.alias"),
            *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld.so.preload", "alternatives"),
            *("ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem", "pki/tls", "pki/ca-trust"),
            *("ca-certificates", "crypto-policies", "krb5.conf", "mime.types"),
        )
    ),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Within what a child process runs.

    Attributes:
        folder: its temporary folder.
        disk_bytes: of one file that it writes, and of all in its temporary folder.
        cpu_s: time on a CPU, of each process.
        open_files: descriptors, of each process.
        processes: how many it may be, itself included.
        is_narrowed: whether Landlock narrows it; the next three have no meaning if not.
        read: files and folders that it may read, besides Python's and the system's.
        write: files and folders that it may write to, besides its temporary folder.
        connect: TCP ports that it may connect to.
        user: whom it runs as; "" for the controller's user.
    """

    folder: str
    disk_bytes: int
    cpu_s: int
    open_files: int
    processes: int
    is_narrowed: bool
    read: tuple[str, ...]
    write: tuple[str, ...]
    connect: tuple[int, ...]
    user: str

    def to_argument(self) -> str:
        """As one word of a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_argument(cls, text: str) -> Self:
        """What `to_argument` gave."""
        return cls(**json.loads(text))


def give_up(bounds: Bounds) -> int:
    """Leave the controller's rights behind, for ever; before a second thread is there.

    Returns:
        Version of Landlock's interface that is in force; 0 for none.

    Raises:
        SystemExit: it cannot run as the user that was asked for.
    """
    _limit(bounds)
    os.environ["HOME"] = os.environ["TMPDIR"] = bounds.folder
    readable = [*_SYSTEM, *folders_of_python(), *bounds.read]
    if bounds.user:
        _become(bounds.user, bounds.folder, [*folders_of_python(), *bounds.read])
    elif os.name == "posix" and os.geteuid() == 0:
        # Passing file permissions stays: the socket of a server may be in another user's folder.
        with suppress(NotImplementedError):
            _native.drop_capabilities()
    if not bounds.is_narrowed:
        return 0
    writable = [bounds.folder, *_DEVICES, *bounds.write]
    try:
        return _native.restrict(readable, writable, bounds.connect)
    except NotImplementedError:
        return 0


def folders_of_python() -> list[str]:
    """Where this Python, its packages and stormdb are."""
    return [*{sys.prefix, sys.base_prefix, *sys.path} - {"", "/"}]


def _limit(bounds: Bounds) -> None:
    import resource

    wanted = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_FSIZE: (bounds.disk_bytes, bounds.disk_bytes),
        # The soft limit ends the process by SIGXCPU, which can be told from other ends.
        resource.RLIMIT_CPU: (bounds.cpu_s, bounds.cpu_s + 1),
        resource.RLIMIT_NOFILE: (bounds.open_files, bounds.open_files),
    }
    if sys.platform == "linux" and os.geteuid() != 0:
        # Counted over all processes of the user, and not for root.
        most = _tasks_of_user() + bounds.processes
        wanted[resource.RLIMIT_NPROC] = (most, most)
    for kind, (soft, hard) in wanted.items():
        _, most = resource.getrlimit(kind)
        most = sys.maxsize if most == resource.RLIM_INFINITY else most
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (min(soft, most), min(hard, most)))


def _tasks_of_user() -> int:
    """Threads of all processes of this user."""
    count = 0
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdecimal():
                with suppress(OSError):
                    if entry.stat().st_uid == os.geteuid():
                        count += os.stat(f"/proc/{entry.name}/task").st_nlink - 2  # noqa: PTH116
    return count


def _become(name: str, folder: str, needed: Iterable[str]) -> None:
    import pwd

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise SystemExit(f"this machine has no user {name}, see plugins.limits.user") from None
    if entry.pw_uid == os.geteuid():
        return
    try:
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    except PermissionError:
        raise SystemExit(f"only root may run plugins as {name}, see plugins.limits.user") from None
    with suppress(NotImplementedError):
        _native.die_with_parent()  # the kernel forgets it when a process changes its user
    for path in needed:
        if Path(path).exists() and not os.access(path, os.R_OK):
            raise SystemExit(f"user {name} may not read {path}, see plugins.limits.user")
