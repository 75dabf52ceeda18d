"""What `Tx.copy_in` sends: the statement, and the columns with their types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from stormdb.workload.expressions import Kind, Slot, walk
from stormdb.workload.kinds import kind_name
from stormdb.workload.places import problem
from stormdb.workload.steps import CopyColumn
from stormdb.workload.values import as_value

if TYPE_CHECKING:
    from stormdb.workload.trace import Trace

__all__ = ["copy_columns", "copy_sql"]

_PART = r'(?:[^\W\d][\w$]*|"(?:[^"]|"")+")'
_NAME = re.compile(_PART)
_TABLE = re.compile(rf"{_PART}(?:\.{_PART})?")
_NUMBERS = (Kind.INT,)
_TEXTS = (Kind.TEXT,)
_TYPES = {
    "bool": (Kind.BOOL,),
    "int2": _NUMBERS,
    "int4": _NUMBERS,
    "int8": _NUMBERS,
    "float4": (Kind.INT, Kind.FLOAT),
    "float8": (Kind.INT, Kind.FLOAT),
    "text": _TEXTS,
    "varchar": _TEXTS,
    "json": _TEXTS,
    "uuid": _TEXTS,
    "bytea": (Kind.BYTES,),
}
"""Types that can be sent in binary form, and the kinds of values that make them."""
_SYNONYMS = {
    "boolean": "bool",
    "smallint": "int2",
    "integer": "int4",
    "int": "int4",
    "bigint": "int8",
    "real": "float4",
    "double precision": "float8",
    "character varying": "varchar",
}


def copy_sql(table: str, columns: tuple[str, ...]) -> str:
    """The whole COPY statement.

    Raises:
        ProgramError: a name is not one that SQL knows, or there are no columns.
    """
    if not columns:
        raise problem("tx.copy_in() has no columns")
    for name, pattern in ((table, _TABLE), *((column, _NAME) for column in columns)):
        if not pattern.fullmatch(name):
            raise problem(
                f"{name!r} is no name of a table or column",
                hint="write it as in SQL; names that need quotes as '\"order\"'",
            )
    return f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)"


def copy_columns(
    trace: Trace, columns: Mapping[str, object], types: Mapping[str, str]
) -> tuple[CopyColumn, ...]:
    """The columns in their order.

    Raises:
        ProgramError: one has no type, or a value that its type does not take.
    """
    for name in types:
        if name not in columns:
            raise problem(f"types has {name}, which is not among the columns")
    return tuple(_column(trace, name, value, types) for name, value in columns.items())


def _column(trace: Trace, name: str, value: object, types: Mapping[str, str]) -> CopyColumn:
    type_name = _SYNONYMS.get(types.get(name, ""), types.get(name, ""))
    found = as_value(value)
    if type_name not in _TYPES:
        what = f"the type {type_name} cannot be copied" if type_name else "types does not have it"
        raise problem(
            f"column {name}: {what}",
            hint=f"use {', '.join(_TYPES)}; INSERT by tx.execute() takes every type",
        )
    if found.kind is not None and found.kind not in _TYPES[type_name]:
        raise problem(f"column {name}: {kind_name(found.kind)} cannot be copied as {type_name}")
    expression = trace.use(found)
    slots = {node.number for node in walk(expression) if isinstance(node, Slot)}
    if slots & trace.drawn_once:
        raise problem(
            f"column {name} has a value in it that is drawn once, for all rows, as pad() does",
            hint="set a variable to it with tx.let() if that is meant; INSERT in a tx.repeat() "
            "makes a new one for each row",
        )
    return CopyColumn(value=expression, type_name=type_name)
