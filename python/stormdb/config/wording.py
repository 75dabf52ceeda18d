"""What pydantic finds wrong with one value, said in this project's words."""

from __future__ import annotations

import re
from typing import Any

from pydantic_core import ErrorDetails

from stormdb.config.fields import shown
from stormdb.config.problems import nearest

__all__ = ["describe"]

_WHOLE = ("{value} is not a whole number", "write digits only, such as 10")
_NUMBER = ("{value} is not a number", "write it as 10 or 0.5")
_TRUTH = ("{value} is neither true nor false", "write true or false")
_TEXT = ("{value} is not a text", "write a text in quotes")
_LIST = ("{value} is not a list", "write it as [a, b], or as lines that start with `- `")
_SECTION = ("{value} is not a section", "write keys below it")
_SPAN = ("{value} is not a length of time", "write seconds, or hh:mm:ss")

# What is wrong, and what is allowed.
_WORDS = {
    "greater_than": ("{value} is too small", "it must be above {gt}"),
    "greater_than_equal": ("{value} is too small", "the least is {ge}"),
    "less_than": ("{value} is too large", "it must be below {lt}"),
    "less_than_equal": ("{value} is too large", "the most is {le}"),
    "multiple_of": ("{value} is not a multiple of {multiple_of}", ""),
    "finite_number": ("{value} is not a finite number", ""),
    "string_too_short": ("the text is too short", "its least length is {min_length}"),
    "string_too_long": ("the text is too long", "write at most {max_length} characters"),
    "string_pattern_mismatch": ("{value} has not the form that it should", "it is {pattern}"),
    "too_short": ("too few items: {actual_length}", "the least is {min_length}"),
    "too_long": ("too many items: {actual_length}", "the most is {max_length}"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _WHOLE),
    "int_parsing_size": ("{value} is too large", ""),
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _TRUTH),
    **dict.fromkeys(("string_type", "path_type"), _TEXT),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), _LIST),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), _SECTION),
    **dict.fromkeys(("dataclass_type", "mapping_type"), _SECTION),
    **dict.fromkeys(("time_delta_type", "time_delta_parsing"), _SPAN),
}


def describe(item: ErrorDetails, *, is_secret: bool = False) -> tuple[str, str]:
    """What is wrong, and what is allowed or how to mend it, which may be "".

    Args:
        item: one error.
        is_secret: leave the value out.
    """
    kind, context = item["type"], item.get("ctx", {})
    value = "the value" if is_secret else shown(item["input"])
    if kind in {"value_error", "assertion_error"}:
        message, _, hint = str(context["error"]).partition("; hint: ")
        return _start(message) or f"{value} will not do", hint
    if kind in {"literal_error", "enum"}:
        allowed = _expected(context)
        near = nearest(str(item["input"]), allowed)
        start = f"did you mean {near}? " if near else ""
        return f"{value} is not allowed", f"{start}allowed are {', '.join(allowed)}"
    if kind in _WORDS:
        message, hint = _WORDS[kind]
        limits = {name: _plain(limit) for name, limit in context.items()}
        return message.format(value=value, **limits), hint.format(value=value, **limits)
    if item["msg"].startswith("Input should "):
        # What follows a comma is about the parser.
        rule = item["msg"].partition(",")[0].replace("Input", "it").replace("a valid ", "a ")
        return f"{value} will not do", rule
    return _start(item["msg"]), ""


def _plain(limit: object) -> object:
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _expected(context: dict[str, Any]) -> list[str]:
    """Words out of `'a', 'b' or 'c'`, or numbers out of `1, 2 or 3`."""
    expected = str(context["expected"])
    return re.findall(r"'([^']*)'", expected) or re.split(r", | or ", expected)


def _start(sentence: str) -> str:
    """A sentence as messages are written: a small letter first, unless a name begins it."""
    first, _, rest = sentence.strip().partition(" ")
    is_word = first.isalpha() and first[1:].islower()
    text = f"{first.lower() if is_word else first} {rest}".strip()
    return text.removesuffix(".")
