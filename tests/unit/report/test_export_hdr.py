"""The HdrHistogram log."""

from __future__ import annotations

import base64
import re

from stormdb._native import Histogram
from stormdb.analysis import summarise
from stormdb.report.export_hdr import hdr_log
from tests.unit.report import results

LINE = re.compile(r"Tag=(?P<tag>[^,]+),(?P<start>[\d.]+),(?P<length>[\d.]+),[\d.]+,(?P<data>\S+)")


def log_of(result: object) -> list[str]:
    return b"".join(hdr_log([result])).decode().splitlines()  # type: ignore[arg-type]


def test_the_head_says_version_start_and_where_it_comes_from() -> None:
    head = [line for line in log_of(results.stalled()) if line.startswith("#")]
    assert head[0] == "#[Histogram log format version 1.3]"
    assert "#stormdb 0.1.0, workload bank, seed 7; values are nanoseconds" in head
    # 2026-03-01 12:00:00 UTC.
    assert "#[StartTime: 1772366400.000 (seconds since epoch)]" in head


def test_merged_steady_lines_are_the_distribution_of_the_report() -> None:
    total = Histogram()
    tags = set()
    for line in log_of(results.stalled()):
        if match := LINE.fullmatch(line):
            tags.add(match["tag"])
            if match["tag"] == "transfer.service_time" and 5 <= float(match["start"]) < 40:
                total.merge(Histogram.decode_v2(base64.b64decode(match["data"])))
    assert tags == {
        *(
            f"{row}.{time}"
            for row in ("balance", "transfer")
            for time in ("response_time", "service_time", "schedule_lag")
        ),
        "read.service_time",
        "write.service_time",
    }
    transfer = summarise(results.stalled()).transactions[1]
    assert transfer.service_time is not None
    # One transaction arrived in the warm-up and finished in the steady phase, or none.
    assert abs(total.count - transfer.service_time.count) <= 1
    assert total.quantile(0.5) == transfer.service_time.p50_ns


def test_a_closed_loop_has_no_response_time() -> None:
    tags = {m["tag"] for line in log_of(results.simple()) if (m := LINE.fullmatch(line))}
    assert tags == {"transfer.service_time"}
