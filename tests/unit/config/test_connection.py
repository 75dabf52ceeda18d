from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb.config import ConnectTarget, DatabaseSettings, load, resolve_target
from stormdb.errors import ConfigError
from tests.support.tls import Authority


def _resolve(home: Path, environ: Mapping[str, str] = {}, /, **keys: Any) -> ConnectTarget:
    section = DatabaseSettings.model_validate({"type": "postgres", **keys})
    return resolve_target(section, environ, home)


def _pgpass(home: Path, text: str, mode: int = 0o600) -> Path:
    path = home / ".pgpass"
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Certificate files for every key that takes one."""
    authority = Authority.make()
    certificate, key = authority.issue("app")
    contents = {"sslrootcert": authority.pem, "sslcert": certificate, "sslkey": key}
    for name, content in contents.items():
        (tmp_path / f"{name}.pem").write_bytes(content)
    return {name: str(tmp_path / f"{name}.pem") for name in contents}


def test_without_keys_the_defaults_are_those_of_libpq(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "me")
    assert _resolve(tmp_path) == ConnectTarget(
        hosts=("localhost",), ports=(5432,), user="me", dbname="me", sslmode="prefer"
    )
    assert _resolve(tmp_path, username="app").dbname == "app"


def test_pg_variables_fill_what_no_layer_gives(tmp_path: Path, files: dict[str, str]) -> None:
    environ = {
        "PGHOST": "a,b",
        "PGPORT": "1,2",
        "PGDATABASE": "shop",
        "PGUSER": "app",
        "PGPASSWORD": "secret",
        "PGSSLMODE": "verify-ca",
        "PGSSLROOTCERT": files["sslrootcert"],
        "PGSSLCERT": files["sslcert"],
        "PGSSLKEY": files["sslkey"],
        "PGSSLCRL": "/crl",
        "PGCONNECT_TIMEOUT": "3",
        "PGAPPNAME": "mine",
        "PGTARGETSESSIONATTRS": "primary",
        "PGMAXPROTOCOLVERSION": "latest",
        "PGOPTIONS": "-c jit=off",
    }
    assert _resolve(tmp_path, environ) == ConnectTarget(
        hosts=("a", "b"),
        ports=(1, 2),
        user="app",
        dbname="shop",
        password="secret",
        sslmode="verify-ca",
        sslrootcert=files["sslrootcert"],
        sslcert=files["sslcert"],
        sslkey=files["sslkey"],
        sslcrl="/crl",
        connect_timeout_ns=3 * 10**9,
        application_name="mine",
        target_session_attrs="primary",
        max_protocol_version="3.2",
        options="-c jit=off",
    )
    given = _resolve(tmp_path, environ, host="c", port=7, password="own", connect_timeout="0s")
    assert (given.hosts, given.ports, given.password) == (("c",), (7,), "own")
    assert (given.connect_timeout_ns, given.dbname) == (0, "shop")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PGPORT", "x", "PGPORT: 'x' is not a port; hint: write a number from 1 to 65535"),
        ("PGSSLMODE", "on", "PGSSLMODE: 'on' is not allowed; hint: allowed are disable, "),
        ("PGCONNECT_TIMEOUT", "soon", "PGCONNECT_TIMEOUT: 'soon' is not a duration; hint: "),
        ("PGPORT", "1,2", "database.port: 2 ports for 1 host; hint: give one port for all hosts"),
    ],
)
def test_a_bad_pg_variable_is_named(
    tmp_path: Path, variable: str, value: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _resolve(tmp_path, {variable: value}, host="h")
    assert str(caught.value).startswith(message)


def test_an_empty_text_is_not_given(tmp_path: Path) -> None:
    _pgpass(tmp_path, "*:*:*:*:from-file")
    empty = dict.fromkeys(["host", "dbname", "username", "password", "options"], "")
    target = _resolve(tmp_path, {"PGHOST": "h", "PGUSER": "u", "PGPASSWORD": ""}, **empty)
    assert (target.hosts, target.user, target.dbname) == (("h",), "u", "u")
    assert target.password == "from-file"


def test_a_url_works_without_the_layers_too(tmp_path: Path) -> None:
    target = _resolve(tmp_path, url="postgresql://me:x@a:1/db", dbname="other")
    assert target.label == "a:1/other"
    with pytest.raises(ConfigError, match=r"database\.url: 'mysql' is not PostgreSQL"):
        _resolve(tmp_path, url="mysql://h")


def test_the_password_file_is_the_last_place_to_look(tmp_path: Path) -> None:
    path = _pgpass(tmp_path, "a:5432:db:me:from-file")
    keys = {"host": "a", "dbname": "db", "username": "me"}
    assert _resolve(tmp_path, **keys).password == "from-file"
    assert _resolve(tmp_path, {"PGPASSWORD": "variable"}, **keys).password == "variable"
    assert _resolve(tmp_path, password="key", **keys).password == "key"
    other = path.rename(tmp_path / "other")
    assert _resolve(tmp_path, **keys) == replace(
        _resolve(tmp_path, password="x", **keys), password=None
    )
    assert _resolve(tmp_path, passfile=str(path), **keys).notices == (f"{path} is not there",)
    assert _resolve(tmp_path, passfile=str(other), **keys).password == "from-file"
    assert _resolve(tmp_path, {"PGPASSFILE": str(other)}, **keys).password == "from-file"


def test_a_password_file_open_to_others_is_passed_over_with_a_notice(tmp_path: Path) -> None:
    path = _pgpass(tmp_path, "*:*:*:*:secret", mode=0o644)
    target = _resolve(tmp_path, host="a")
    assert target.password is None
    assert target.notices == (f"{path} is not used: others may use it (mode 0644 instead of 0600)",)


def test_variables_that_psql_would_mind_and_stormdb_does_not_are_told(tmp_path: Path) -> None:
    target = _resolve(tmp_path, {"PGSERVICE": "shop", "PGHOSTADDR": "10.0.0.1", "PGHOST": "h"})
    assert target.notices == ("PGSERVICE has no effect", "PGHOSTADDR has no effect")


def test_certificates_of_libpq_s_folder_are_found(tmp_path: Path, files: dict[str, str]) -> None:
    folder = tmp_path / ".postgresql"
    folder.mkdir()
    names = {"sslrootcert": "root.crt", "sslcert": "postgresql.crt", "sslkey": "postgresql.key"}
    for key, name in names.items():
        Path(files[key]).rename(folder / name)
    target = _resolve(tmp_path, sslmode="verify-full")
    assert target.sslrootcert == str(folder / "root.crt")
    assert target.sslcert == str(folder / "postgresql.crt")
    assert target.sslkey == str(folder / "postgresql.key")
    assert target.sslcrl == ""


@pytest.mark.parametrize(
    ("sslmode", "verify_mode", "checks_host"),
    [
        ("require", ssl.CERT_REQUIRED, False),
        ("verify-ca", ssl.CERT_REQUIRED, False),
        ("verify-full", ssl.CERT_REQUIRED, True),
    ],
)
def test_strict_modes_check_the_server(
    tmp_path: Path,
    files: dict[str, str],
    sslmode: str,
    verify_mode: ssl.VerifyMode,
    checks_host: bool,
) -> None:
    context = _resolve(tmp_path, sslmode=sslmode, **files).asyncpg_arguments()["ssl"]
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (verify_mode, checks_host)
    assert len(context.get_ca_certs()) == 1


def test_require_without_an_authority_checks_nothing_as_in_libpq(tmp_path: Path) -> None:
    context = _resolve(tmp_path, sslmode="require").asyncpg_arguments()["ssl"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


def test_system_stands_for_what_the_machine_trusts(tmp_path: Path) -> None:
    target = _resolve(tmp_path, sslmode="verify-full", sslrootcert="system")
    context = target.asyncpg_arguments()["ssl"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_lenient_modes_are_left_to_asyncpg(tmp_path: Path, files: dict[str, str]) -> None:
    assert _resolve(tmp_path, sslmode="disable").asyncpg_arguments()["ssl"] is False
    for sslmode in ("allow", "prefer"):
        arguments = _resolve(tmp_path, sslmode=sslmode).asyncpg_arguments()
        assert arguments["ssl"] == sslmode
        assert "dsn" not in arguments
        arguments = _resolve(tmp_path, sslmode=sslmode, **files).asyncpg_arguments()
        assert arguments["dsn"].startswith("postgresql:///?sslcert=%2F")


@pytest.mark.parametrize("sslmode", ["verify-ca", "verify-full"])
def test_checking_needs_an_authority(tmp_path: Path, sslmode: str) -> None:
    with pytest.raises(ConfigError, match=r"database\.sslrootcert: verify.* needs the certificate"):
        _resolve(tmp_path, sslmode=sslmode)


@pytest.mark.parametrize("key", ["sslrootcert", "sslcert", "sslkey", "sslcrl"])
def test_a_certificate_file_that_cannot_be_used_is_named(
    tmp_path: Path, files: dict[str, str], key: str
) -> None:
    missing, garbage = tmp_path / "missing.pem", tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    for path, message in ((missing, "no such file or directory"), (garbage, "no usable")):
        target = _resolve(tmp_path, sslmode="verify-full", **{**files, key: str(path)})
        with pytest.raises(ConfigError) as caught:
            target.asyncpg_arguments()
        assert str(path) in caught.value.message
        assert message in caught.value.message
        # Whether the certificate or its key is garbage OpenSSL does not say.
        is_pair = key == "sslkey" and path == garbage
        assert caught.value.where == ("database.sslcert" if is_pair else f"database.{key}")


@pytest.mark.parametrize(
    ("keys", "label"),
    [
        ({"host": "db.example", "port": 5433}, "db.example:5433/shop"),
        ({"host": "::1"}, "[::1]:5432/shop"),
        ({"host": "/var/run/postgresql"}, "/var/run/postgresql:5432/shop"),
        ({"host": "a, b", "port": "1,2"}, "a:1,b:2/shop"),
        ({"host": ["a", "b"], "port": 9}, "a:9,b:9/shop"),
    ],
)
def test_a_label_names_the_server_and_no_user(
    tmp_path: Path, keys: dict[str, Any], label: str
) -> None:
    target = _resolve(tmp_path, dbname="shop", username="me", password="secret", **keys)
    assert target.label == label


def test_a_password_is_in_no_text(tmp_path: Path) -> None:
    target = _resolve(tmp_path, host="a", password="hush")
    assert "hush" not in repr(target) + str(target) + target.label
    assert target.password == "hush"


@given(
    hosts=st.lists(st.text(), min_size=1, max_size=3),
    password=st.none() | st.text(),
    options=st.text(),
)
def test_a_target_goes_through_a_pipe_unchanged(
    hosts: list[str], password: str | None, options: str
) -> None:
    target = ConnectTarget(
        hosts=tuple(hosts),
        ports=(5432,) * len(hosts),
        user="me",
        dbname="db",
        password=password,
        options=options,
        notices=("a",),
    )
    wire = msgpack.unpackb(msgpack.packb(target.to_wire()))
    assert ConnectTarget.from_wire(wire) == target


def test_a_file_leads_to_a_target(tmp_path: Path) -> None:
    file = tmp_path / "stormdb.yaml"
    file.write_text("workload: x\ndatabase: {url: '${U}', sslrootcert: ca.pem}\n")
    config = load(file, environ={"U": "postgresql://me:p%40ss@a:1,[::1]:2/db?sslmode=verify-ca"})
    target = resolve_target(config.database, {}, tmp_path)
    assert target.label == "a:1,[::1]:2/db"
    assert (target.user, target.password, target.sslmode) == ("me", "p@ss", "verify-ca")
    assert target.sslrootcert == str(tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("given", "asked_for"), [(None, "3.0"), (3.0, "3.0"), (3.2, "3.2"), ("latest", "3.2")]
)
def test_a_protocol_version_needs_no_quotes(
    tmp_path: Path, given: float | str | None, asked_for: str
) -> None:
    target = _resolve(tmp_path, max_protocol_version=given)
    assert target.max_protocol_version == asked_for
