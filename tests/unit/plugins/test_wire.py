from __future__ import annotations

import asyncio
import datetime as dt
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb.plugins import wire

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def read_back(data: bytes) -> wire.Message | None:
    async def run() -> wire.Message | None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await wire.read(reader)

    return asyncio.run(run())


@given(message=st.dictionaries(st.text(), VALUES))
def test_what_is_packed_is_read_back(message: wire.Message) -> None:
    assert read_back(wire.pack(message)) == message


@given(cut=st.integers(0, 30))
def test_a_stream_that_ends_within_a_frame_is_at_its_end(cut: int) -> None:
    frame = wire.pack({"text": "x" * 20})
    assert read_back(frame[: min(cut, len(frame) - 1)]) is None


def test_a_length_above_the_limit_is_damage() -> None:
    with pytest.raises(wire.DamageError, match="above the limit"):
        read_back(struct.pack("!I", wire.FRAME_BYTES + 1))


def test_a_message_above_the_limit_is_not_sent() -> None:
    with pytest.raises(ValueError, match="above the limit"):
        wire.pack({"data": bytes(wire.FRAME_BYTES)})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\x01", "no map"),
        (b"\xc1", "no msgpack"),
        (b"\x81\xa1a", "no msgpack"),
        (b"\xa1\xff", "no"),
    ],
)
def test_what_is_no_map_is_damage(body: bytes, message: str) -> None:
    with pytest.raises(wire.DamageError, match=message):
        read_back(struct.pack("!I", len(body)) + body)


def test_dates_and_paths_of_a_configuration_travel_as_text() -> None:
    sent = {"day": dt.date(2024, 2, 29), "file": Path("a/b")}
    assert read_back(wire.pack(sent)) == {"day": "2024-02-29", "file": "a/b"}
    with pytest.raises(TypeError, match="a value of type object"):
        wire.pack({"x": object()})


def test_a_channel_writes_whole_frames_and_belongs_to_its_process() -> None:
    read_fd, write_fd = os.pipe()
    channel = wire.Channel(write_fd)
    channel.send({"a": 1})
    channel.send({"b": 2})
    os.close(write_fd)
    with os.fdopen(read_fd, "rb") as pipe:
        assert pipe.read() == wire.pack({"a": 1}) + wire.pack({"b": 2})
    assert channel.is_mine
    if (child := os.fork()) == 0:
        os._exit(1 if channel.is_mine else 0)
    assert os.waitpid(child, 0)[1] == 0
