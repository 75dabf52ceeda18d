"""Snapshots: bytes and merging."""

import contextlib

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb._native import IntervalSnapshot, Phase, Plan, Recorder

S = 1_000_000_000
_PLAN = Plan([Phase("one", "warm_up", S), Phase("two", "steady", S)])

_EVENTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2 * S - 1), st.integers(0, S)))


def _snapshot(process_index: int, events: list[tuple[int, int, int]]) -> IntervalSnapshot:
    recorder = Recorder(_PLAN, process_index)
    rows = [recorder.row("pay"), recorder.row("read")]
    for what, start_ns, took_ns in sorted(events, key=lambda event: event[1]):
        recorder.offer(start_ns)
        end_ns = start_ns + took_ns
        match what:
            case 0 | 1:
                recorder.commit(rows[what], what, None, start_ns, end_ns)
            case 2:
                recorder.fail(rows[0], what, None, start_ns, end_ns, "40001", f"after {took_ns}")
            case 3:
                recorder.drop(start_ns, "queue full")
            case 4:
                recorder.value("size", took_ns / -7, end_ns)
            case _:
                recorder.count("hits", took_ns, end_ns)
    total, *rest = recorder.finish(3 * S)
    for snapshot in rest:
        total.merge(snapshot)
    return total


def _merged(*parts: IntervalSnapshot) -> IntervalSnapshot:
    total = parts[0].copy()
    for part in parts[1:]:
        total.merge(part)
    return total


@given(one=_EVENTS, two=_EVENTS, three=_EVENTS)
def test_merging_is_associative_and_commutative(
    one: list[tuple[int, int, int]],
    two: list[tuple[int, int, int]],
    three: list[tuple[int, int, int]],
) -> None:
    a, b, c = _snapshot(0, one), _snapshot(1, two), _snapshot(1, three)
    merged = _merged(_merged(a, b), c)
    assert merged == _merged(a, _merged(b, c)) == _merged(c, a, b)
    assert sum(phase.offered for phase in merged.identity()) == len(one + two + three)


@given(events=_EVENTS)
def test_decoding_is_the_inverse_of_encoding(events: list[tuple[int, int, int]]) -> None:
    snapshot = _snapshot(0, events)
    assert IntervalSnapshot.from_bytes(snapshot.to_bytes()) == snapshot


def test_a_merged_snapshot_knows_its_intervals() -> None:
    total = _snapshot(0, [])
    assert (total.first_interval.index, total.last_interval.index) == (0, 3)
    assert (total.first_interval.start_ns, total.last_interval.end_ns) == (0, 4 * S)


def test_a_snapshot_can_be_merged_with_itself() -> None:
    total = _snapshot(0, [(0, 5, 7)])
    total.merge(total)
    assert total.cells()[0].committed == 2


def test_rows_are_merged_over_the_phases_asked_for() -> None:
    total = _snapshot(0, [(0, 0, 1), (0, S, 1), (0, S + 1, 1), (1, 5, 9)])
    assert [(cell.phase_index, cell.name, cell.committed) for cell in total.cells()] == [
        (0, "pay", 1),
        (0, "read", 1),
        (1, "pay", 2),
    ]
    assert [(row.name, row.committed) for row in total.row_totals()] == [("pay", 3), ("read", 1)]
    (steady,) = total.row_totals([1])
    assert (steady.phase_index, steady.service_time.count) == (None, 2)
    assert total.row_totals(set()) == []


def test_the_bytes_are_a_tag_and_msgpack() -> None:
    data = _snapshot(4, [(0, 0, 1)]).to_bytes()
    assert data[:8] == b"stormdb\x01"
    fields = msgpack.unpackb(data[8:], strict_map_key=False)
    assert fields["processes"][4] == {"cpu_ns": 0, "loop_lag_max_ns": 0, "rss_bytes": 0}
    ((key, outcomes),) = fields["cells"]
    assert (key, outcomes["committed"]) == (
        {"phase_index": 0, "kind": "transaction", "name": "pay"},
        1,
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "snapshot: it does not start with the tag"),
        (b"stormdb\x63", "snapshot: its version is 99, this reads 1"),
        (b"stormdb\x01\xdf\xff\xff\xff\xff", "snapshot: "),
        (_snapshot(0, []).to_bytes() + b"\0", "snapshot: 1 bytes follow its end"),
        (bytes(16 * 2**20 + 1), "snapshot: it has 16777217 bytes, 16777216 are allowed"),
    ],
)
def test_foreign_bytes_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=f"{says}.*; hint: "):
        IntervalSnapshot.from_bytes(data)


@given(events=_EVENTS, at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_damaged_bytes_never_crash(events: list[tuple[int, int, int]], at: float, bit: int) -> None:
    data = bytearray(_snapshot(0, events).to_bytes())
    data[int(at * len(data))] ^= 1 << bit
    with contextlib.suppress(ValueError):
        read = IntervalSnapshot.from_bytes(bytes(data))
        read.merge(read)
        assert IntervalSnapshot.from_bytes(read.to_bytes()) == read
