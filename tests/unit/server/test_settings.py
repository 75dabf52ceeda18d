from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb.errors import ConfigError
from stormdb.server.settings import DEFAULTS, check, render


def test_names_come_in_lower_case() -> None:
    assert check({"Work_Mem": "1MB", "app.Note": "x"}) == {"work_mem": "1MB", "app.note": "x"}


@pytest.mark.parametrize("name", ["", "work mem", "work_mem = '1'\nport", "1a", "a.", "ä", "a=b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is not the name of a PostgreSQL setting"):
        check({name: "1"})


@pytest.mark.parametrize(
    "name", ["listen_addresses", "Data_Directory", "unix_socket_directories", "hba_file"]
)
def test_what_the_launcher_decides_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"the setting {name.lower()} cannot be given"):
        check({name: "x"})


@pytest.mark.parametrize("port", ["0", "65536", "abc", "-1", "", "5432 "])
def test_what_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(ConfigError, match="is not a port: 1 to 65535"):
        check({"port": port})


def test_a_nul_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"the value of a\.b contains a NUL character"):
        check({"a.b": "x\0y"})


def test_the_defaults_leave_safety_alone() -> None:
    assert check(DEFAULTS) == dict(DEFAULTS)
    unsafe = {"fsync", "full_page_writes", "synchronous_commit", "autovacuum", "data_checksums"}
    assert not unsafe & set(DEFAULTS)


def test_the_documentation_lists_the_defaults() -> None:
    page = (Path(__file__).parents[3] / "docs" / "embedded-server.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", page, re.MULTILINE)
    assert dict(rows) == dict(DEFAULTS)


@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_value_stays_one_quoted_word(value: str) -> None:
    line = render({"name": value})
    assert line.startswith("name = '")
    assert line.endswith("'\n")
    inner = line[len("name = '") : -len("'\n")]
    assert "\n" not in inner
    read = inner.replace(r"\\", "\0").replace(r"\n", "\n").replace("''", "'").replace("\0", "\\")
    assert read == value
    assert inner.replace("''", "").count("'") == 0
