"""`ctx.random`: a pure function of the call, and still everything that `random.Random` is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stormdb._native import random_u64
from stormdb.executor.call_random import CallRandom

U64 = st.integers(0, 2**64 - 1)
STREAM = st.integers(0, 2**63 - 1)


@given(seed=U64, stream=STREAM, bits=st.integers(1, 200))
def test_a_stream_gives_the_same_values_again(seed: int, stream: int, bits: int) -> None:
    rng = CallRandom(seed)

    def draw() -> list[object]:
        rng.rewind(stream)
        return [
            rng.random(),
            rng.getrandbits(bits),
            rng.gauss(),
            rng.randrange(10**30),
            rng.sample(range(100), 5),
            rng.choices("abc", k=3),
        ]

    first = draw()
    rng.rewind(stream ^ 1)
    rng.gauss()
    assert draw() == first


@given(seed=U64, stream=STREAM)
def test_each_draw_is_the_next_word_of_the_stream(seed: int, stream: int) -> None:
    rng = CallRandom(seed)
    rng.rewind(stream)
    words = [random_u64(seed, stream, draw) for draw in range(4)]
    assert rng.getrandbits(64) == words[0]
    assert rng.random() == (words[1] >> 11) / 2**53
    assert rng.getrandbits(70) == (words[2] >> 58) << 64 | words[3]


@given(bits=st.integers(0, 300))
def test_an_integer_has_no_more_bits_than_asked_for(bits: int) -> None:
    rng = CallRandom(5)
    drawn = [rng.getrandbits(bits) for _ in range(20)]
    assert all(0 <= value < 2**bits for value in drawn)
    assert bits < 20 or len(set(drawn)) == 20


@given(below=st.integers(1, 2**70), draws=st.integers(1, 5))
def test_a_number_below_a_limit_is_below_it(below: int, draws: int) -> None:
    rng = CallRandom(5)
    assert all(0 <= rng.randrange(below) < below for _ in range(draws))


def test_numbers_below_a_small_limit_are_spread_evenly() -> None:
    rng = CallRandom(1)
    counts = [0] * 7
    for _ in range(7000):
        counts[rng.randrange(7)] += 1
    # Chi-squared with 6 degrees of freedom: above 22.5 once in a thousand seeds; the seed is fixed.
    assert sum((count - 1000) ** 2 / 1000 for count in counts) < 22.5


def test_shuffling_keeps_what_is_shuffled() -> None:
    rng = CallRandom(1)
    cards = list(range(52))
    rng.shuffle(cards)
    assert sorted(cards) == list(range(52)) != cards


def test_numbers_are_spread_evenly() -> None:
    rng = CallRandom(1)
    counts = [0] * 10
    for stream in range(10_000):
        rng.rewind(stream)
        counts[int(rng.random() * 10)] += 1
    # Chi-squared with 9 degrees of freedom: above 27.9 once in a thousand seeds; the seed is fixed.
    assert sum((count - 1000) ** 2 / 1000 for count in counts) < 27.9


def test_the_plugin_may_seed_and_restore_it() -> None:
    rng = CallRandom(1)
    rng.rewind(7)
    state = rng.getstate()
    first = rng.random()
    rng.setstate(state)
    assert rng.random() == first
    rng.seed()
    assert rng.random() == first
    rng.seed("a word")
    other = rng.random()
    rng.random()
    rng.seed("a word")
    assert rng.random() == other != first
