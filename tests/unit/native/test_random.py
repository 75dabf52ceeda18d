"""Random numbers as pure functions, against NumPy's Philox."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stormdb._native import random_u64

_U64 = st.integers(0, 2**64 - 1)


@given(seed=_U64, stream=_U64, counter=_U64)
def test_a_number_is_the_first_word_of_numpys_philox(seed: int, stream: int, counter: int) -> None:
    # NumPy counts on before it draws.
    before = (counter - 1) % 2**256
    generator = np.random.Philox(key=seed | stream << 64, counter=before)
    assert random_u64(seed, stream, counter) == int(generator.random_raw())
