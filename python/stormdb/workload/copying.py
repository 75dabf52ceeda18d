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
_TYPES = {
    "bool": (Kind.BOOL,),
    "int2": (Kind.INT,),
    "int4": (Kind.INT,),
    "int8": (Kind.INT,),
    "oid": (Kind.INT,),
    "float4": (Kind.INT, Kind.FLOAT),
    "float8": (Kind.INT, Kind.FLOAT),
    "numeric": (Kind.INT, Kind.FLOAT, Kind.TEXT),
    "text": (Kind.TEXT,),
    "varchar": (Kind.TEXT,),
    "bpchar": (Kind.TEXT,),
    "json": (Kind.TEXT,),
    "jsonb": (Kind.TEXT,),
    "xml": (Kind.TEXT,),
    "uuid": (Kind.TEXT,),
    "bytea": (Kind.BYTES,),
    "date": (Kind.INT, Kind.TEXT),
    "timestamp": (Kind.INT, Kind.TEXT),
    "timestamptz": (Kind.INT, Kind.TEXT),
}
"""Types that the engine can send in binary form, and the kinds of values that it makes them of."""
_SYNONYMS = {
    "boolean": "bool",
    "smallint": "int2",
    "integer": "int4",
    "int": "int4",
    "bigint": "int8",
    "real": "float4",
    "double precision": "float8",
    "decimal": "numeric",
    "character varying": "varchar",
    "character": "bpchar",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
}
_MAX_COLUMNS = 1600


def copy_sql(table: str, columns: tuple[str, ...]) -> str:
    """The whole COPY statement.

    Raises:
        ProgramError: a name is not one that SQL knows, or there are no columns.
    """
    if not 1 <= len(columns) <= _MAX_COLUMNS:
        raise problem(f"tx.copy_in() has {len(columns)} columns, there are 1 to {_MAX_COLUMNS}")
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
    found = as_value(value)
    if name not in types:
        raise problem(f"types does not have the column {name}")
    type_name, kinds = _type(types[name])
    if not kinds:
        raise problem(
            f"column {name}: the type {type_name} cannot be copied",
            hint=f"use {', '.join(_TYPES)}, arrays of them such as int4[], or vector; INSERT by "
            "tx.execute() takes every type",
        )
    if found.kind is not None and found.kind not in kinds:
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


def _type(name: str) -> tuple[str, tuple[Kind, ...]]:
    """A type as the engine calls it, and the kinds of values that it takes; none if unknown."""
    element = name.removesuffix("[]")
    element = _SYNONYMS.get(element, element)
    if name.endswith("[]"):
        return f"{element}[]", (Kind.ARRAY,) if element in _TYPES else ()
    return element, (Kind.ARRAY,) if element == "vector" else _TYPES.get(element, ())
