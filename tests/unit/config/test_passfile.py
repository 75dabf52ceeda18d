from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from stormdb.config.passfile import PasswordFileError, find_password


@pytest.fixture
def passfile(tmp_path: Path) -> Path:
    path = tmp_path / ".pgpass"
    path.touch(mode=0o600)
    return path


def _find(path: Path, *hosts: str, dbname: str = "shop", user: str = "app") -> str | None:
    ports = (5432,) * len(hosts)
    return find_password(path, hosts=hosts, ports=ports, dbname=dbname, user=user)


@pytest.mark.parametrize(
    ("text", "password"),
    [
        ("db.example:5432:shop:app:secret", "secret"),
        ("*:*:*:*:secret", "secret"),
        ("db.example:5433:shop:app:secret", None),
        ("db.example:5432:shop:other:secret", None),
        ("db.example:5432:other:app:secret", None),
        ("# comment\n\n*:*:*:app:first\n*:*:*:*:second", "first"),
        ("#*:*:*:*:secret", None),
        ("*:*:*:*:with:colon", "with:colon"),
        (r"*:*:*:*:back\\slash\:colon", r"back\slash:colon"),
        ("*:*:*:*:  spaces  ", "  spaces  "),
        ("*:*:*:*:secret\r\n", "secret"),
        ("*:*:*:*:", ""),
        ("*:*:secret", None),
        (r"\*:*:*:*:secret", None),
    ],
)
def test_the_first_line_that_fits_counts(passfile: Path, text: str, password: str | None) -> None:
    passfile.write_text(text)
    assert _find(passfile, "db.example") == password


def test_escaped_fields_match_what_they_stand_for(passfile: Path) -> None:
    passfile.write_text("\\:\\:1:5432:a\\\\b:*:secret")
    assert _find(passfile, "::1", dbname="a\\b") == "secret"


def test_a_socket_in_a_usual_folder_is_called_localhost(passfile: Path) -> None:
    passfile.write_text("localhost:*:*:*:secret\n/srv/pg:*:*:*:other")
    assert _find(passfile, "/var/run/postgresql") == "secret"
    assert _find(passfile, "/srv/pg") == "other"


def test_the_first_host_that_has_a_password_gives_it(passfile: Path) -> None:
    passfile.write_text("two:*:*:*:second\none:*:*:*:first")
    assert _find(passfile, "one", "two") == "first"
    assert _find(passfile, "none", "two") == "second"


def test_no_file_is_no_password(tmp_path: Path) -> None:
    assert _find(tmp_path / "none", "localhost") is None
    (tmp_path / "file").touch()
    assert _find(tmp_path / "file" / "none", "localhost") is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_use_is_refused(passfile: Path, mode: int) -> None:
    passfile.write_text("*:*:*:*:secret")
    passfile.chmod(mode)
    with pytest.raises(PasswordFileError, match=rf"others may use it \(mode {mode:04o} instead"):
        _find(passfile, "localhost")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PasswordFileError, match="not a plain file"):
        _find(tmp_path, "localhost")


def test_other_encodings_are_refused(passfile: Path) -> None:
    passfile.write_bytes(b"*:*:*:*:gr\xfc\xdfe")
    with pytest.raises(PasswordFileError, match="not UTF-8"):
        _find(passfile, "localhost")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_someone_else_is_refused(passfile: Path) -> None:
    passfile.chmod(0)
    with pytest.raises(PasswordFileError, match="cannot be read"):
        _find(passfile, "localhost")


_FIELD = st.text(st.characters(blacklist_characters="\n\r\0", blacklist_categories=["Cs"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(host=_FIELD.filter(lambda t: not t.startswith("#")), dbname=_FIELD, password=_FIELD)
@example(host="a:b\\", dbname="*", password="\\:")
def test_escaping_carries_every_character(
    passfile: Path, host: str, dbname: str, password: str
) -> None:
    assume(host not in {"/run/postgresql", "/var/run/postgresql", "/tmp"})
    fields = [host, "5432", dbname, "app", password]
    escaped = [f.replace("\\", "\\\\").replace(":", "\\:") for f in fields]
    passfile.write_text(":".join(escaped), encoding="utf-8")
    assert _find(passfile, host, dbname=dbname) == password
