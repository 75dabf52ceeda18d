"""Histograms, against the independent `hdrhistogram` of PyPI."""

import base64
import contextlib

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from stormdb._native import HIGHEST_TIME_NS, Histogram
from tests.support.measured import histogram_of

_TIMES = st.lists(
    st.integers(0, 46).flatmap(lambda bits: st.integers(0, min(2**bits, HIGHEST_TIME_NS)))
)


def _independent(times_ns: list[int]) -> HdrHistogram:
    histogram = HdrHistogram(1, HIGHEST_TIME_NS, 3)
    for time_ns in times_ns:
        assert histogram.record_value(time_ns)
    return histogram


@given(times_ns=_TIMES)
def test_an_independent_reader_sees_the_same_counts(times_ns: list[int]) -> None:
    ours = histogram_of(*times_ns)
    theirs = HdrHistogram.decode(base64.b64encode(ours.encode_v2()))
    assert theirs.get_total_count() == len(times_ns) == ours.count
    counted = {
        item.value_iterated_to: item.count_at_value_iterated_to
        for item in theirs.get_recorded_iterator()
    }
    assert counted == {high: count for _, high, count in ours.buckets()}
    if times_ns:
        assert theirs.get_max_value() == ours.max_ns


@given(times_ns=_TIMES)
def test_what_an_independent_writer_wrote_is_read(times_ns: list[int]) -> None:
    text = _independent(times_ns).encode()
    assert Histogram.decode_v2(base64.b64decode(text)) == histogram_of(*times_ns)


@given(times_ns=_TIMES, compressed=st.booleans())
def test_decoding_is_the_inverse_of_encoding(times_ns: list[int], compressed: bool) -> None:
    histogram = histogram_of(*times_ns)
    assert Histogram.decode_v2(histogram.encode_v2(compressed)) == histogram


@given(one=_TIMES, two=_TIMES)
def test_merging_is_recording_together(one: list[int], two: list[int]) -> None:
    merged = histogram_of(*one)
    merged.merge(histogram_of(*two))
    assert merged == histogram_of(*one, *two)


def test_a_histogram_can_be_merged_with_itself() -> None:
    histogram = histogram_of(5, 7)
    histogram.merge(histogram)
    assert histogram.buckets() == [(5, 5, 2), (7, 7, 2)]


def test_a_copy_is_its_own() -> None:
    histogram = histogram_of(5)
    copy = histogram.copy()
    copy.record(7)
    assert (histogram.count, copy.count) == (1, 2)


def test_statistics_of_a_few_known_times() -> None:
    histogram = histogram_of(10, 20, 30, 40)
    assert (histogram.min_ns, histogram.max_ns, histogram.mean_ns) == (10, 40, 25.0)
    assert histogram.stdev_ns == pytest.approx(11.18, abs=0.01)
    assert histogram.count_at_or_below(20) == 2
    assert [histogram.quantile(share) for share in (0.0, 0.25, 0.5, 1.0)] == [10, 10, 20, 40]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "histogram: it is cut short"),
        (b"not a histogram", "histogram: it does not start with the V2 cookie"),
        (HdrHistogram(1, 1000, 2).encode()[:7], "histogram: it does not start"),
        (histogram_of(5).encode_v2(compressed=False)[:-1], "histogram: it claims"),
        (histogram_of(5).encode_v2()[:-1], "histogram: it claims"),
    ],
)
def test_foreign_bytes_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Histogram.decode_v2(data)


@given(data=st.binary(max_size=200), head=st.integers(0, 60))
def test_no_bytes_crash_the_reader(data: bytes, head: int) -> None:
    for start in (b"", histogram_of(5, 10**9).encode_v2(compressed=False)[:head]):
        with contextlib.suppress(ValueError):
            Histogram.decode_v2(start + data)
