from __future__ import annotations

import logging
from typing import Any

import pytest

from stormdb.plugins.forward import LogForwarder


class Heard:
    """Stands for the pipe."""

    is_mine = True

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def send(self, message: dict[str, Any]) -> None:
        self.messages.append(message["log"])


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def log(heard: Heard) -> logging.Logger:
    logger = logging.Logger("shop", logging.DEBUG)
    logger.addHandler(LogForwarder(heard))  # type: ignore[arg-type]
    return logger


def test_a_record_is_forwarded_with_its_fields(log: logging.Logger, heard: Heard) -> None:
    log.warning("%d rows", 3, extra={"rows": 3, "tables": ["a"], "ok": True})
    assert heard.messages == [
        {
            "level": "warning",
            "logger": "shop",
            "message": "3 rows",
            "extra": {"rows": 3, "tables": "['a']", "ok": True},
        }
    ]


def test_an_exception_is_forwarded_as_text(log: logging.Logger, heard: Heard) -> None:
    try:
        int("x")
    except ValueError:
        log.exception("no number")
    (message,) = heard.messages
    assert message["level"] == "error"
    assert message["extra"]["exception"].endswith("invalid literal for int() with base 10: 'x'\n")


def test_a_long_message_is_cut(log: logging.Logger, heard: Heard) -> None:
    log.info("x" * 10**6)
    assert len(heard.messages[0]["message"]) == 16_384


def test_a_fork_writes_to_stderr(
    log: logging.Logger, heard: Heard, capsys: pytest.CaptureFixture[str]
) -> None:
    heard.is_mine = False
    log.info("from afar")
    assert heard.messages == []
    assert capsys.readouterr().err == "shop: from afar\n"
