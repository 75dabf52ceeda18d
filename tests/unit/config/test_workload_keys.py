"""Mistakes below `workload_config`: the words are those of the rest of the configuration."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, HttpUrl, ValidationError, field_validator, model_validator

from stormdb.config.workload_keys import explain_workload_keys


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Region(BaseModel, extra="forbid"):
    name: str
    weight: int = Field(1, ge=1)


class Options(BaseModel, extra="forbid"):
    language: str = Field("Latin", examples=["Latin"])
    words: int = Field(5, le=10)
    share_ratio: float = Field(0.5, gt=0, lt=2, alias="share")
    kind: Literal["read", "write"] = "read"
    level: Literal[1, 2, 3] = 1
    hue: Colour = Colour.RED
    size: int | Literal["auto"] = "auto"
    regions: list[Region] = []
    map: dict[str, Region] = {}
    home: Region | None = None
    api_key: int = 0
    pin_token: int | bool = 0
    flag: bool = False
    text: str = Field("xx", min_length=2, max_length=3, pattern="^x")
    tags: Annotated[list[str], Field(min_length=2, max_length=3)] = ["a", "b"]
    pair: tuple[int, int] = (1, 2)
    step: int = Field(4, multiple_of=4)
    day: date | None = None
    pause: timedelta | None = None
    url: HttpUrl | None = None
    id: UUID | None = None
    price: Decimal = Decimal(1)
    file: Path | None = None

    @field_validator("language")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value == "Klingon":
            raise ValueError("Nobody speaks Klingon; hint: try Latin")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Options:
        if self.words == 3:
            raise ValueError("Three words are too few.")
        return self


def lines_of(model: type[BaseModel], values: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(values)
    return [
        f"{'.'.join(map(str, found.path))}: {found.message}; {found.hint}"
        for found in explain_workload_keys(caught.value, model, values)
    ]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"words": 11}, "words: 11 is too large; the most is 10"),
        ({"words": 1.5}, "words: 1.5 is not a whole number; write digits only, such as 10"),
        ({"share": 0}, "share: 0 is too small; it must be above 0"),
        ({"share": 2}, "share: 2 is too large; it must be below 2"),
        ({"share": "x"}, "share: 'x' is not a number; write it as 10 or 0.5"),
        ({"kind": "x"}, "kind: 'x' is not allowed; allowed are read, write"),
        ({"hue": "blu"}, "hue: 'blu' is not allowed; did you mean blue? allowed are red, blue"),
        ({"level": 4}, "level: 4 is not allowed; allowed are 1, 2, 3"),
        ({"hue": "black"}, "hue: 'black' is not allowed; allowed are red, blue"),
        ({"language": 5}, "language: 5 is not a text; write a text in quotes"),
        ({"language": "Klingon"}, "language: nobody speaks Klingon; try Latin"),
        ({"words": 3}, ": three words are too few; "),
        ({"langage": "x"}, "langage: no such key; did you mean language?"),
        ({"share_ratio": 1}, "share_ratio: no such key; did you mean share?"),
        ({"home": "eu"}, "home: 'eu' is not a section; write keys below it"),
        ({"home": {"name": "eu", "x": 1}}, "home.x: no such key; allowed are name, weight"),
        ({"regions": [{"weight": 1}]}, "regions.0.name: the key is missing; add `name: …`"),
        ({"map": {"eu": {"name": "e", "x": 1}}}, "map.eu.x: no such key; allowed are name, weight"),
        ({"map": {"e": {"name": "", "weight": 0}}}, "map.e.weight: 0 is too small; the least is 1"),
        ({"id": "x"}, "id: 'x' will not do; it should be a UUID"),
        ({"day": "2020-13-01"}, "day: '2020-13-01' will not do; it should be a date or datetime"),
        ({"flag": "maybe"}, "flag: 'maybe' is neither true nor false; write true or false"),
        ({"text": "x"}, "text: the text is too short; its least length is 2"),
        ({"text": "xxxx"}, "text: the text is too long; write at most 3 characters"),
        ({"text": "yy"}, "text: 'yy' has not the form that it should; it is ^x"),
        ({"tags": ["a"]}, "tags: too few items: 1; the least is 2"),
        ({"tags": list("abcd")}, "tags: too many items: 4; the most is 3"),
        ({"pair": [1]}, "pair.1: the item is missing; "),
        ({"step": 6}, "step: 6 is not a multiple of 4; "),
        ({"pause": "x"}, "pause: 'x' is not a length of time; write seconds, or hh:mm:ss"),
        ({"file": 5}, "file: 5 is not a text; write a text in quotes"),
        ({"price": "x"}, "price: 'x' is not a number; write it as 10 or 0.5"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_our_words(values: dict[str, Any], line: str) -> None:
    assert lines_of(Options, values) == [line]


def test_a_value_of_several_forms_has_one_problem() -> None:
    assert lines_of(Options, {"size": "fast"}) == [
        "size: 'fast' will not do; write digits only, such as 10, or allowed are auto"
    ]


@pytest.mark.parametrize("key", ["api_key", "pin_token"])
def test_what_sounds_like_a_secret_is_not_shown(key: str) -> None:
    (line,) = lines_of(Options, {key: "hunter2"})
    assert line.startswith(f"{key}: the value ")
    assert "hunter2" not in line


def test_a_required_key_shows_an_example() -> None:
    class Required(BaseModel):
        language: str = Field(examples=["Latin"])

    assert lines_of(Required, {}) == ["language: the key is missing; add `language: Latin`"]


def test_every_mistake_of_the_file_is_told() -> None:
    assert [line.partition(":")[0] for line in lines_of(Options, {"words": 11, "x": 1})] == [
        "words",
        "x",
    ]


VALUES: list[Any] = [
    *(
        "",
        "x",
        "a" * 200,
        0,
        -1,
        2**70,
        1.5,
        1e300,
        float("nan"),
        True,
        None,
        [],
        [5],
        {},
        {"a": 1},
    ),
    *([{"name": 1}], {"eu": 5}, {"eu": {"a": 1}}, [[]], [None]),
]


@pytest.mark.parametrize("key", [info.alias or name for name, info in Options.model_fields.items()])
def test_any_value_is_taken_or_explained(key: str) -> None:
    for value in VALUES:
        try:
            Options.model_validate({key: value})
        except ValidationError as error:
            found = explain_workload_keys(error, Options, {key: value})
            assert found
            for one in found:
                text = f"{one.message}; {one.hint}"
                assert one.path[0] == key
                assert not re.search(r"\b([Ii]nvalid|Input|None|<class)\b", text), text
                assert len(text) < 400
