"""A program as bytes and back: msgpack, by the rules that serde's derived types have in Rust.

A structure is a map of its fields. A variant of `Expression`, `Distribution` or `Action` is a map
of its name to what it has: fields by name as a map, several by position as a list, one as itself;
one that has nothing is its name alone.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import msgpack

from stormdb.errors import ProgramError
from stormdb.program.ir import FORMAT_VERSION, Program
from stormdb.workload.distributions import Distribution
from stormdb.workload.expressions import Expression
from stormdb.workload.steps import Action, Step

__all__ = ["decode", "encode", "plain"]

_VARIANTS: dict[Any, str] = {
    variant: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", variant.__name__).lower()
    for variants in (Expression, Distribution, Action)
    for variant in get_args(variants)
}
"""Names by which variants travel."""
_NAMESPACE = {
    "Constant": object,
    "Distribution": Distribution,
    "Expression": Expression,
    "Step": Step,
}
"""What names in annotations stand for: a constant is read as it comes."""


def encode(program: Program) -> bytes:
    """The program's bytes."""
    packed: bytes = msgpack.packb(plain(program))
    return packed


def plain(node: object) -> Any:  # noqa: PLR0911 - one for each form
    """A program, or a part of it, as maps, lists and constants."""
    if isinstance(node, Enum):
        return node.value
    if isinstance(node, tuple | list):
        return [plain(item) for item in node]
    if not is_dataclass(node):
        return node
    values = {field.name: plain(getattr(node, field.name)) for field in fields(node)}
    name = _VARIANTS.get(type(node))
    if name is None:
        return values
    if not values:
        return name
    if _is_positional(type(node)):
        in_order = list(values.values())
        return {name: in_order[0] if len(in_order) == 1 else in_order}
    return {name: values}


def decode(data: bytes) -> Program:
    """The program that bytes hold.

    Raises:
        ProgramError: they hold none of this version.
    """
    try:
        values = msgpack.unpackb(data)
        version = values.get("version") if isinstance(values, dict) else None
        if version == FORMAT_VERSION:
            program = _reader(Program)(values)
            assert isinstance(program, Program)
            return program
    except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
        raise ProgramError(f"the program cannot be read: {error}") from error
    raise ProgramError(
        f"the program has format version {version}, this stormdb reads {FORMAT_VERSION}"
    )


def _is_positional(node: Any) -> bool:
    return not any(field.kw_only for field in fields(node))


@functools.cache
def _reader(hint: Any) -> Callable[[Any], Any]:
    """A function that reads what a type hint says."""
    if is_dataclass(hint) and isinstance(hint, type):
        return functools.partial(_read_fields, hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if get_origin(hint) is tuple:
        return functools.partial(_read_tuple, get_args(hint))
    if hint in {Expression, Distribution, Action}:
        by_name = {_VARIANTS[variant]: variant for variant in get_args(hint)}
        return functools.partial(_read_variant, by_name)
    if get_origin(hint) is UnionType:
        return functools.partial(_read_optional, get_args(hint)[0])
    return functools.partial(_read_constant, get_args(hint) or hint)


def _read_tuple(hints: tuple[Any, ...], values: Any) -> tuple[Any, ...]:
    if not isinstance(values, list):
        raise TypeError(f"a list is expected, not {values!r}")
    if hints[-1] is Ellipsis:
        return tuple(_reader(hints[0])(value) for value in values)
    return tuple(_reader(hint)(value) for hint, value in zip(hints, values, strict=True))


def _read_variant(by_name: dict[str, Any], value: Any) -> Any:
    if isinstance(value, str):
        return by_name[value]()
    ((name, content),) = value.items()
    variant = by_name[name]
    if not _is_positional(variant):
        return _read_fields(variant, content)
    hints = _hints(variant)
    if len(hints) == 1:
        return variant(_reader(next(iter(hints.values())))(content))
    return variant(*_read_tuple(tuple(hints.values()), content))


def _read_fields(node: Any, values: Any) -> Any:
    hints = _hints(node)
    if set(values) != set(hints):
        raise ValueError(f"{node.__name__} has the fields {sorted(values)}, not {sorted(hints)}")
    return node(**{name: _reader(hint)(values[name]) for name, hint in hints.items()})


def _read_optional(hint: Any, value: Any) -> Any:
    return None if value is None else _reader(hint)(value)


def _read_constant(wanted: Any, value: Any) -> Any:
    """A constant: of any kind, of one type, or one of several words."""
    if isinstance(value, list) and wanted is object:
        return tuple(_read_constant(wanted, item) for item in value)
    is_wanted = value in wanted if isinstance(wanted, tuple) else isinstance(value, wanted)
    if not is_wanted:
        raise TypeError(f"{value!r} stands where {wanted} is expected")
    return value


@functools.cache
def _hints(node: Any) -> dict[str, Any]:
    return get_type_hints(node, localns=_NAMESPACE)
