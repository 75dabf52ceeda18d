"""Where records go, how they look, and that no secret is among them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stormdb import logs
from stormdb.errors import ConfigError, StoreError

LOG = logging.getLogger("stormdb.test")


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    """Give the root logger back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_text_is_one_line_with_time_level_logger_sentence_and_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(level="info")
    LOG.info("%d rows loaded", 12, extra={"table": "account", "rows": 12})
    captured = capsys.readouterr()
    assert captured.out == ""
    stamp, rest = captured.err.split(" ", 1)
    assert len(stamp) == len("10:20:30")
    assert rest == "INFO    stormdb.test: 12 rows loaded  table=account  rows=12\n"
    assert "\x1b" not in captured.err


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level="info", log_format="json")
    LOG.info("ünïcode\nand lines", extra={"rows": 12, "message_": "x", "level": "mine"})
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("Z")
    # A field never hides one of the record's own.
    assert entry == {
        "level": "info",
        "logger": "stormdb.test",
        "message": "ünïcode\nand lines",
        "rows": 12,
        "message_": "x",
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_secret_in_message_arguments_fields_or_traceback(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(level="debug", log_format=log_format, secrets=["hunter22"])
    logs.hide("other-secret")
    try:
        raise RuntimeError("login with hunter22 to postgresql://app:third3@h/d was refused")
    except RuntimeError:
        LOG.exception("tried %s", "other-secret", extra={"dsn": "password=fourth4"})
    text = capsys.readouterr().err
    assert "was refused" in text
    assert not [s for s in ("hunter22", "other-secret", "third3", "fourth4") if s in text]


@pytest.mark.parametrize(
    ("level", "verbose", "expected"),
    [
        ("warning", 0, {"warning", "error"}),
        ("warning", 1, {"info", "warning", "error"}),
        ("warning", 2, {"debug", "info", "warning", "error"}),
        ("error", 0, {"error"}),
        ("ERROR", 1, {"info", "warning", "error"}),
        ("debug", 1, {"debug", "info", "warning", "error"}),
    ],
)
def test_verbose_only_ever_adds_records(
    level: str, verbose: int, expected: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(level=level, verbose=verbose)
    for name in ("debug", "info", "warning", "error"):
        LOG.log(logging.getLevelNamesMapping()[name.upper()], "said %s", name)
    assert {line.rsplit(" ", 1)[1] for line in capsys.readouterr().err.splitlines()} == expected


def test_a_file_takes_the_records_instead_and_is_appended_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "stormdb.log"
    for word in ("first", "second"):
        logs.configure(level="info", file=file)
        LOG.info(word)
    assert capsys.readouterr().err == ""
    lines = file.read_text().splitlines()
    assert [line.rsplit(" ", 1)[1] for line in lines] == ["first", "second"]
    # A file is read elsewhere and later: date and offset are in it.
    assert lines[0].split(" ", 1)[0][4] == "-"


def test_a_record_goes_to_what_standard_error_is_then(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    logs.configure(level="info")
    with (tmp_path / "elsewhere").open("w") as elsewhere:
        monkeypatch.setattr("sys.stderr", elsewhere)
        LOG.info("above the live view")
    assert "above the live view" in (tmp_path / "elsewhere").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": "loud"}, "'loud' is not a log level; hint: use one of debug, info"),
        ({"log_format": "xml"}, "'xml' is not a log format; hint: use text or json"),
    ],
)
def test_a_wrong_word_is_a_configuration_error(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        logs.configure(**arguments)  # type: ignore[arg-type]
    assert str(raised.value).startswith(message)


def test_a_log_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as raised:
        logs.configure(file=tmp_path / "absent" / "stormdb.log")
    assert "absent/stormdb.log: the log file cannot be opened: No such file" in str(raised.value)


@dataclass
class Query:
    """What asyncpg tells a query logger."""

    query: str
    args: tuple[object, ...] = ()
    elapsed: float = 0.0012
    exception: Exception | None = None


def test_sql_is_traced_at_debug_only(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level="info")
    assert logs.sql_tracer() is None
    logs.configure(level="debug")
    trace = logs.sql_tracer()
    assert trace is not None
    trace(Query("SELECT 1\n  FROM account", (7, "x" * 100)))  # type: ignore[arg-type]
    trace(Query("ALTER ROLE a PASSWORD 's3cret'", (), 0.1, ValueError("no")))  # type: ignore[arg-type]
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith(
        "DEBUG   stormdb.sql: SELECT 1 FROM account -- 1.20 ms  arguments=7, '" + "x" * 58 + "…"
    )
    assert second.endswith("ALTER ROLE a PASSWORD *** -- 100 ms  error=no")
