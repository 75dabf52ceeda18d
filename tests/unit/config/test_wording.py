"""Errors of pydantic that no model of this project makes, but that of a workload may."""

from __future__ import annotations

from collections import deque
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from stormdb.config.wording import describe


def words_of(annotation: Any, value: object, *, is_secret: bool = False) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(annotation).validate_python(value)
    return describe(caught.value.errors()[0], is_secret=is_secret)


def test_an_error_without_words_of_ours_keeps_its_rule() -> None:
    assert words_of(deque[int], 5) == ("5 will not do", "it should be a deque")


def test_a_value_that_sounds_like_a_secret_stays_hidden() -> None:
    for annotation in (int, Literal["a"], deque[int]):
        assert "hush" not in str(words_of(annotation, "hush", is_secret=True))


def test_a_sentence_becomes_a_message() -> None:
    def refuse(text: str) -> str:
        raise PydanticCustomError("own", "{text}", {"text": text})

    checked = Annotated[str, AfterValidator(refuse)]
    assert words_of(checked, "Too much of it.") == ("too much of it", "")
    # A name keeps its capitals.
    assert words_of(checked, "UTF-8 is needed") == ("UTF-8 is needed", "")
