"""The interval log, read by the independent `hdrhistogram` of PyPI."""

from pathlib import Path

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from stormdb._native import HIGHEST_TIME_NS, HdrLog, Histogram

S = 1_000_000_000


def test_an_independent_reader_finds_every_interval(tmp_path: Path) -> None:
    log = HdrLog(1_700_000_000 * S, comment="stormdb\nquick start")
    file = tmp_path / "run.hlog"
    with file.open("wb") as out:
        for second in range(3):
            histogram = Histogram()
            histogram.record((second + 1) * 1_000_000, second + 1)
            log.add("pay, slow", second * S, (second + 1) * S, histogram)
            out.write(log.take())

    reader = HistogramLogReader(str(file), HdrHistogram(1, HIGHEST_TIME_NS, 3))
    found = []
    while (histogram := reader.get_next_interval_histogram()) is not None:
        found.append(
            (
                histogram.get_tag(),
                histogram.get_start_time_stamp(),
                histogram.get_total_count(),
                round(histogram.get_max_value() / 1e6),
            )
        )
    reader.close()
    start_ms = 1_700_000_000_000
    assert found == [("pay__slow", start_ms + 1000 * n, n + 1, n + 1) for n in range(3)]


def test_the_head_says_what_the_numbers_are() -> None:
    head = HdrLog(1_500_000_000, comment="stormdb").take().decode()
    assert head.splitlines() == [
        "#[Histogram log format version 1.3]",
        "#stormdb",
        "#times of the histograms, and the maximum in each line, are nanoseconds",
        "#[StartTime: 1.500 (seconds since epoch)]",
        "#[BaseTime: 1.500 (seconds since epoch)]",
    ]
