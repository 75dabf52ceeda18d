"""The language of the articles: a few words, the first ones far more frequent than the last."""

from __future__ import annotations

from itertools import accumulate
from random import Random

_TEXT = """
water house city road river market school music garden bridge winter summer letter paper
window train island forest doctor farmer kitchen castle village harbor valley mountain ocean
desert planet engine camera hammer ladder basket blanket candle mirror pillow bottle button
carpet curtain drawer needle pencil pocket ribbon saddle shovel ticket wallet anchor arrow
badge barrel beacon canal canvas cellar copper cotton dragon eagle falcon feather fossil
galaxy glacier goblet granite hazel hollow hunter ivory jacket jungle kettle lantern leather
lemon marble meadow melon nectar oyster parrot pepper pigeon quartz rabbit salmon shadow
silver spider temple thunder tunnel turtle velvet violin walnut whistle yellow zebra
"""
WORDS = tuple(_TEXT.split())
"""By rank. No two have one stem, and none is a stop word of the configuration `english`."""

_CUMULATED = tuple(accumulate(1 / rank for rank in range(1, len(WORDS) + 1)))


def some_words(random: Random, count: int) -> list[str]:
    """Words by Zipf's law: the one of rank k is k times rarer than the first."""
    return random.choices(WORDS, cum_weights=_CUMULATED, k=count)
