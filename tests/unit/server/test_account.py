from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from stormdb.errors import ConnectError
from stormdb.server.account import ENVIRONMENT, Account

IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root may become another user")


def test_an_ordinary_user_is_its_own_account(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = pwd.getpwnam("daemon")
    monkeypatch.setattr("os.geteuid", lambda: daemon.pw_uid)
    account = Account.choose(Path("/"))
    assert account == Account(name="daemon", uid=daemon.pw_uid, gid=daemon.pw_gid)
    assert account.identity == {}


def test_a_user_without_a_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 3_999_999)
    with pytest.raises(ConnectError, match="user id 3999999 has no entry"):
        Account.choose()


def test_root_without_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("stormdb.server.account._UNPRIVILEGED", "no-such-user")
    with pytest.raises(ConnectError, match="has no user 'no-such-user' to run it as"):
        Account.choose()


@needs_root
def test_root_runs_the_server_as_nobody_or_as_the_owner_of_the_data(tmp_path: Path) -> None:
    assert Account.choose().name == "nobody"
    assert Account.choose(tmp_path).name == "nobody"
    assert Account.choose(tmp_path / "missing").name == "nobody"
    os.chown(tmp_path, pwd.getpwnam("daemon").pw_uid, -1)
    assert Account.choose(tmp_path).name == "daemon"


@needs_root
def test_nothing_of_root_is_left_in_what_the_account_runs() -> None:
    account = Account.choose()
    done = account.run("/bin/sh", "-c", "id -u; id -G; env; pwd; echo told >&2; exit 3")
    lines = done.stdout.splitlines()
    assert lines[:2] == [str(account.uid), str(account.gid)]
    assert {line for line in lines[2:-2] if not line.startswith(("PWD=", "_="))} == {
        f"{name}={value}" for name, value in ENVIRONMENT.items()
    }
    assert lines[-2:] == ["/", "told"]
    assert done.returncode == 3


def test_files_are_the_accounts_alone_and_never_behind_a_link(tmp_path: Path) -> None:
    account = Account.choose()
    os.close(account.open_file(tmp_path / "file", os.O_WRONLY))
    account.make_folder(tmp_path / "folder")
    for name, mode in (("file", 0o600), ("folder", 0o700)):
        status = (tmp_path / name).stat()
        assert (status.st_uid, status.st_mode & 0o777) == (account.uid, mode)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with pytest.raises(OSError, match="symbolic links"):
        account.open_file(tmp_path / "link", os.O_WRONLY)
    with pytest.raises(FileExistsError):
        account.open_file(tmp_path / "file", os.O_WRONLY | os.O_EXCL)
