"""Finds in a plugin's source what would go wrong only under load; nothing is executed.

A line is excused by a comment `# stormdb: ok RULE` on it, or `ok RULE, RULE`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["RULES", "Flaw", "read_files", "read_source"]

RULES = {
    "blocking-call": "a call that holds up every worker of its process",
    "sql-format": "SQL that is put together from values",
    "unseeded-random": "random values that the run's seed does not repeat",
    "missing-await": "a coroutine that is made and never run",
}
"""Each rule and what it finds."""

_BLOCKING = {
    "time.sleep": "await ctx.sleep(seconds)",
    "requests": "use an asynchronous client, or await asyncio.to_thread(…)",
    "urllib.request": "use an asynchronous client, or await asyncio.to_thread(…)",
    "http.client": "use an asynchronous client, or await asyncio.to_thread(…)",
    "subprocess": "await asyncio.create_subprocess_exec(…)",
    "os.system": "await asyncio.create_subprocess_shell(…)",
    "os.popen": "await asyncio.create_subprocess_shell(…)",
    "socket.create_connection": "await asyncio.open_connection(…)",
    "psycopg2": "use the pool that the method is given, an asyncpg pool",
    "psycopg.connect": "use the pool that the method is given, an asyncpg pool",
    "pg8000": "use the pool that the method is given, an asyncpg pool",
    "sqlite3": "keep data in the database that is under test, or await asyncio.to_thread(…)",
}
_RANDOM_MODULES = ("random", "secrets", "numpy.random")
_RANDOM_CALLS = {"os.urandom", "uuid.uuid1", "uuid.uuid4"}
_GENERATORS = {"random.Random", "numpy.random.default_rng", "numpy.random.RandomState"}
"""Seeded by their argument, if they have one."""
_SEEDS = {"numpy.random.SeedSequence", "numpy.random.Generator", "numpy.random.PCG64"}
_SQL_METHODS = {
    "execute", "executemany", "fetch", "fetchmany", "fetchrow", "fetchval", "fetch_value",
    "fetch_row", "prepare", "cursor",
}  # fmt: skip
_POOL_COROUTINES = {
    "execute", "executemany", "fetch", "fetchmany", "fetchrow", "fetchval", "prepare",
    "copy_records_to_table", "copy_to_table", "copy_from_query", "copy_from_table",
}  # fmt: skip
_POOL_NAMES = {"db", "pool", "conn", "connection"}
_COROUTINES = {"asyncio.sleep", "asyncio.wait_for", "asyncio.gather", "asyncio.to_thread"}
_EXCUSE = re.compile(r"#\s*stormdb:\s*ok\s+([\w-]+(?:\s*,\s*[\w-]+)*)")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that would fail later.

    Attributes:
        rule: one of `RULES`.
        file: where it is.
        line: in which line, from 1.
        message: what is wrong.
        hint: the remedy.
    """

    rule: str
    file: str
    line: int
    message: str
    hint: str


def read_files(roots: Iterable[str]) -> tuple[int, list[Flaw]]:
    """Read the Python files of a plugin.

    Args:
        roots: files, and folders with all that is in them.

    Returns:
        How many files were read, and what is wrong with them.
    """
    count, flaws = 0, []
    for root in map(Path, roots):
        files = [root] if root.is_file() else sorted(root.rglob("*.py"))
        for file in (one for one in files if one.suffix == ".py"):
            flaws += read_source(file.read_bytes(), str(file))
            count += 1
    return count, flaws


def read_source(source: bytes | str, file: str) -> list[Flaw]:
    """What is wrong with one module, in the order of its lines.

    Source that is no Python has no flaws: importing it says what is wrong better.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    text = source.decode(errors="replace") if isinstance(source, bytes) else source
    module = _Module(tree)
    found = sorted(set(module.flaws()), key=lambda flaw: (flaw[0].lineno, flaw[1]))
    lines = text.splitlines()
    return [
        Flaw(rule=rule, file=file, line=node.lineno, message=message, hint=hint)
        for node, rule, message, hint in found
        if not _is_excused(lines, node, rule)
    ]


_Found = tuple[ast.expr, str, str, str]
"""Where, which rule, message, hint."""


def _is_excused(lines: list[str], node: ast.expr, rule: str) -> bool:
    for line in lines[node.lineno - 1 : node.end_lineno or node.lineno]:
        if (match := _EXCUSE.search(line)) and rule in re.split(r"\s*,\s*", match[1]):
            return True
    return False


class _Module:
    """One parsed module: what its names mean, and which functions load runs."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._imported = dict(_imports(tree))
        self._functions = [node for node in ast.walk(tree) if isinstance(node, _Function)]
        self._coroutine_names = {
            node.name for node in self._functions if isinstance(node, ast.AsyncFunctionDef)
        }

    def flaws(self) -> Iterator[_Found]:
        """All of them, some of them twice."""
        for function in self._under_load():
            for call in _calls(function):
                yield from self._blocking(call, function)
        for call in _calls(self._tree):
            yield from self._random(call)
        for function in self._functions:
            yield from self._sql(function)
            if isinstance(function, ast.AsyncFunctionDef):
                yield from self._not_awaited(function)

    def _under_load(self) -> list[_Function]:
        """Coroutines, and the functions of this module that they call."""
        by_name = {node.name: node for node in self._functions if isinstance(node, ast.FunctionDef)}
        found: list[_Function] = [
            node for node in self._functions if isinstance(node, ast.AsyncFunctionDef)
        ]
        for function in found:  # grows while it is read
            for call in _calls(function):
                callee = by_name.pop(_own_name(call.func), None)
                if callee:
                    found.append(callee)
        return found

    def _dotted(self, node: ast.expr) -> str:
        """`time.sleep` for whatever name it was imported by; "" for what was not imported."""
        if isinstance(node, ast.Name):
            return self._imported.get(node.id, "")
        if isinstance(node, ast.Attribute) and (owner := self._dotted(node.value)):
            return f"{owner}.{node.attr}"
        return ""

    def _blocking(self, call: ast.Call, function: _Function) -> Iterator[_Found]:
        name = self._dotted(call.func)
        for blocking, remedy in _BLOCKING.items():
            if name == blocking or name.startswith(blocking + "."):
                message = f"{name}() in {function.name}() holds up every worker of its process"
                yield call, "blocking-call", message, remedy

    def _random(self, call: ast.Call) -> Iterator[_Found]:
        name = self._dotted(call.func)
        is_random = name in _RANDOM_CALLS or name.rpartition(".")[0] in _RANDOM_MODULES
        if not is_random or name in _SEEDS or (name in _GENERATORS and call.args + call.keywords):
            return
        remedy = (
            f"give {name}() a seed drawn from ctx.random"
            if name in _GENERATORS
            else "draw from ctx.random, or in a described transaction from stormdb.workload"
        )
        message = f"{name}() does not follow the run's seed: no run can be repeated"
        yield call, "unseeded-random", message, remedy

    def _sql(self, function: _Function) -> Iterator[_Found]:
        assigned = {
            node.targets[0].id: node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for call in _calls(function):
            if not (isinstance(call.func, ast.Attribute) and call.func.attr in _SQL_METHODS):
                continue
            sql = call.args[0] if call.args else None
            if isinstance(sql, ast.Name):
                sql = assigned.get(sql.id)
            if sql and (values := list(_put_into(sql))):
                message = f"the SQL of {call.func.attr}() is put together from {values[0]}"
                hint = "write $1, $2 … and give the values behind the statement"
                yield sql, "sql-format", message, hint

    def _not_awaited(self, function: ast.AsyncFunctionDef) -> Iterator[_Found]:
        pools = _POOL_NAMES | {
            item.optional_vars.id
            for node in ast.walk(function)
            if isinstance(node, ast.AsyncWith)
            for item in node.items
            if isinstance(item.optional_vars, ast.Name)
            and isinstance(item.context_expr, ast.Call)
            and isinstance(item.context_expr.func, ast.Attribute)
            and item.context_expr.func.attr == "acquire"
        }
        for node in ast.walk(function):
            # Elsewhere, as in asyncio.gather(db.fetch(…)), something else may run it.
            if not isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign):
                continue
            call = node.value
            if isinstance(call, ast.Call) and self._makes_coroutine(call.func, pools):
                name = ast.unparse(call.func)
                message = f"{name}() is not awaited, so it does nothing"
                yield call, "missing-await", message, f"write await {name}(…)"

    def _makes_coroutine(self, called: ast.expr, pools: set[str]) -> bool:
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            owner = called.value.id
            if owner in pools and called.attr in _POOL_COROUTINES:
                return True
            if (owner, called.attr) == ("ctx", "sleep"):
                return True
        return _own_name(called) in self._coroutine_names or self._dotted(called) in _COROUTINES


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each imported name and what it means."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or whole, whole
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _own_name(called: ast.expr) -> str:
    """The name of a function of this module, or of a method of the same object."""
    if isinstance(called, ast.Name):
        return called.id
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
        return called.attr if called.value.id in {"self", "cls"} else ""
    return ""


def _put_into(sql: ast.expr) -> Iterator[str]:
    """What is put into a text, but for constants: names in capitals."""
    match sql:
        case ast.JoinedStr():
            values = [part.value for part in sql.values if isinstance(part, ast.FormattedValue)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            for part in (left, right):
                yield from _put_into(part)
                if isinstance(part, ast.Name | ast.Call | ast.Attribute):
                    yield from _unless_constant(part)
            return
        case ast.BinOp(left=ast.Constant(value=str()), op=ast.Mod(), right=right):
            values = right.elts if isinstance(right, ast.Tuple) else [right]
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="format")):
            values = [*sql.args, *(keyword.value for keyword in sql.keywords)]
        case _:
            return
    for value in values:
        yield from _unless_constant(value)


def _unless_constant(value: ast.expr) -> Iterator[str]:
    names = [node.id for node in ast.walk(value) if isinstance(node, ast.Name)]
    if any(not name.isupper() for name in names):
        yield ast.unparse(value)
