"""Plugin code's records in this process's log."""

from __future__ import annotations

import logging

import pytest

from stormdb.report.forward import forward_log
from stormdb.run.events import LogRecord


@pytest.mark.parametrize(
    ("level", "number"),
    [("debug", 10), ("info", 20), ("warning", 30), ("error", 40), ("unheard", 20)],
)
def test_a_record_keeps_level_plugin_process_and_origin(
    level: str, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        forward_log(
            LogRecord(
                plugin="bank",
                level=level,
                message="50 % of a %s",
                logger="stdout",
                process="worker 3",
            )
        )
    (record,) = caplog.records
    assert record.name == "stormdb.plugin.bank"
    assert record.levelno == number
    assert record.getMessage() == "50 % of a %s"
    assert (vars(record)["process_name"], vars(record)["source"]) == ("worker 3", "stdout")


def test_what_says_nothing_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        forward_log(LogRecord(plugin="bank", level="info", message="hello"))
    assert not {"process_name", "source"} & set(vars(caplog.records[0]))
