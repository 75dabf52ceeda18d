"""From the commands of a pgbench script to the steps of a transaction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from stormdb.workload.pgbench.expression import evaluate, truth
from stormdb.workload.places import problem, written_at
from stormdb.workload.sql import result_columns, tokens
from stormdb.workload.values import as_value

if TYPE_CHECKING:
    from stormdb.workload.bodies import Body
    from stormdb.workload.pgbench.script import Command
    from stormdb.workload.tx import ColumnType, Isolation, Tx
    from stormdb.workload.values import Value

__all__ = ["Description"]

_SET = re.compile(r"([^\W\d]\w*)\s+(.+)", re.DOTALL)
_SLEEP = re.compile(r"(\d+|:[^\W\d]\w*)\s*(us|ms|s)?", re.IGNORECASE)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1}
_BEGIN = re.compile(
    r"(BEGIN(\s+(WORK|TRANSACTION))?|START\s+TRANSACTION)"
    r"(?P<modes>((\s*,)?\s*(ISOLATION\s+LEVEL\s+(READ\s+COMMITTED|REPEATABLE\s+READ|SERIALIZABLE)"
    r"|READ\s+ONLY|READ\s+WRITE|DEFERRABLE|NOT\s+DEFERRABLE))*)",
    re.IGNORECASE,
)
_END = re.compile(r"(COMMIT|END|ROLLBACK|ABORT)(\s+(WORK|TRANSACTION))?", re.IGNORECASE)
_VARIABLE = re.compile(r":([^\W\d]\w*)")
_REFUSED = {
    "aset": r"write each statement by itself, with \gset",
    "shell": "do it before the run, or in a coroutine's run()",
    "setshell": "give the value with define={…}",
    "syncpipeline": r"end the pipeline with \endpipeline and start another one",
}
_MATCHES = {"elif": "if", "else": "if", "endif": "if", "endpipeline": "startpipeline"}
_CLIENT = "there is no client: draw a number, such as random(0, 9)"


class Description:
    r"""Describes one script.

    Args:
        tx: what to describe it with.
        commands: of the script.
        variables: those that have a value before it begins.
        types: of the columns that `\gset` keeps, by the variable's name; int unless given.
    """

    def __init__(
        self,
        tx: Tx,
        commands: list[Command],
        variables: Mapping[str, object],
        types: Mapping[str, ColumnType],
    ) -> None:
        self._tx = tx
        self._commands = commands
        self._variables = dict(variables)
        self._given = set(variables)
        self._read: set[str] = set()
        self._types = types
        self._index = 0
        self._is_in_pipeline = False

    def describe(self) -> None:
        """Describe all of it.

        Raises:
            ProgramError: a command cannot be executed, or has no counterpart.
        """
        while self._index < len(self._commands):
            self._body()

    def _body(self, *ends: str) -> Command | None:
        """Describe up to one of some commands, and pass that as well; None if it never comes."""
        while self._index < len(self._commands):
            command = self._commands[self._index]
            self._index += 1
            with written_at(command.place):
                if command.name in ends:
                    return command
                self._describe(command)
        return None

    def _describe(self, command: Command) -> None:
        if command.name in _REFUSED:
            raise problem(f"\\{command.name} is not supported", hint=_REFUSED[command.name])
        if opening := _MATCHES.get(command.name):
            raise problem(
                f"\\{command.name} without a matching \\{opening}",
                hint="BEGIN and its COMMIT stand in the same branch",
            )
        match command.name:
            case "sql":
                self._sql(command)
            case "set":
                self._set(command.text)
            case "if":
                self._if(command)
            case "sleep":
                self._sleep(command.text)
            case "begin":
                self._block(command)
            case "startpipeline":
                self._pipeline(command)
            case "gset":
                raise problem(r"\gset follows no statement", hint=r"SELECT … AS name \gset")
            case "commit" | "rollback":
                raise problem(
                    f"{command.text} without BEGIN",
                    hint="BEGIN and its COMMIT stand in the same branch",
                )
            case other:
                raise problem(f"there is no command \\{other}")

    def _set(self, text: str) -> None:
        found = _SET.fullmatch(text)
        if found is None:
            raise problem(r"\set has no name or no expression", hint=r"\set id random(1, 100)")
        name, expression = found.groups()
        self._assign(name, self._evaluate(expression))

    def _evaluate(self, expression: str) -> Value:
        self._read.update(_VARIABLE.findall(expression))
        return evaluate(expression, self._variables)

    def _assign(self, name: str, value: object) -> None:
        # A variable of pgbench belongs to the client: where it is read before, that would be what
        # the transaction before has left in it.
        if name in self._given and name in self._read:
            raise problem(
                f"variable {name!r} is read before it is assigned: no value is kept from one "
                "transaction to the next",
                hint="assign it first, or another one, or keep the value in a table or a sequence",
            )
        self._given.discard(name)
        self._variables[name] = self._tx.let(name, value)

    def _sql(self, command: Command) -> None:
        sql, values = self._numbered(command.text)
        following = self._commands[self._index] if self._index < len(self._commands) else None
        if following is None or following.name != "gset":
            self._tx.execute(sql, *values)
            return
        self._index += 1
        if self._is_in_pipeline:
            raise problem(r"\gset stands in a pipeline", hint="put the statement before or behind")
        names = result_columns(sql)
        if not all(names):
            raise problem(
                r"\gset cannot see the names of all columns",
                hint="write each column, with AS and a name if it is an expression",
            )
        names = [following.text + name for name in names]
        types = [self._types.get(name, int) for name in names]
        for name, value in zip(names, self._tx.fetch_row(sql, *values, types=types), strict=True):
            self._assign(name, value)

    def _numbered(self, text: str) -> tuple[str, list[object]]:
        """The statement with `$n` instead of `:name`, and the values in their order."""
        parts, values, done = [], [], 0
        for token in tokens(text):
            if token.kind in {"text", "quoted"}:
                self._check_quoted(text[token.start : token.end])
            if token.kind != "foreign" or not token.text.startswith(":"):
                continue
            values.append(self._value(token.text[1:]))
            parts += [text[done : token.start], f"${len(values)}"]
            done = token.end
        return "".join([*parts, text[done:]]), values

    def _value(self, name: str) -> object:
        if name not in self._variables:
            hint = _CLIENT if name == "client_id" else r"\set it before, or give it with define={…}"
            raise problem(f"undefined variable {name!r}", hint=hint)
        self._read.add(name)
        return self._variables[name]

    def _check_quoted(self, text: str) -> None:
        for name in re.findall(r"(?<![:\w]):([^\W\d]\w*)", text):
            if name in self._variables:
                raise problem(
                    f":{name} stands within quotes, where no value can be put",
                    hint=f"put it outside, such as :{name} * interval '1 day'",
                )

    def _if(self, command: Command) -> None:
        with self._tx.when(truth(self._evaluate(command.text))):
            end = self._body("elif", "else", "endif")
        if end and end.name == "elif":
            with self._otherwise(end), written_at(end.place):
                self._if(end)
        elif end and end.name == "else":
            if self._commands[self._index : self._index + 1] == []:
                end = None
            elif self._commands[self._index].name == "endif":
                self._index += 1
            else:
                with self._otherwise(end):
                    end = self._body("else", "endif")
                if end and end.name == "else":
                    raise problem(r"\else after \else", where=end.place)
        if end is None:
            raise problem(r"\if without a matching \endif", where=command.place)

    def _otherwise(self, command: Command) -> Body:
        with written_at(command.place):
            return self._tx.otherwise()

    def _sleep(self, text: str) -> None:
        found = _SLEEP.fullmatch(text)
        if found is None:
            raise problem(rf"\sleep {text} is no pause", hint=r"\sleep 10 ms")
        amount, unit = found[1], (found[2] or "s").lower()
        value = self._value(amount[1:]) if amount.startswith(":") else int(amount)
        self._tx.think(as_value(value) * _SECONDS[unit])

    def _block(self, command: Command) -> None:
        found = _BEGIN.fullmatch(command.text)
        if found is None:
            raise problem(f"{command.text} cannot be executed", hint="BEGIN ISOLATION LEVEL …")
        modes = " ".join(found["modes"].lower().split())
        levels: tuple[Isolation, ...] = ("read committed", "repeatable read", "serializable")
        with self._tx.block(
            isolation=next((level for level in levels if f"level {level}" in modes), None),
            read_only="read only" in modes,
            deferrable="deferrable" in modes and "not deferrable" not in modes,
        ):
            end = self._body("commit", "rollback")
            if end and end.name == "rollback":
                with written_at(end.place):
                    self._tx.abort()
        if end is None:
            raise problem(
                "the script ends, and its transaction does not",
                where=command.place,
                hint="write COMMIT or END, in the same branch",
            )
        if not _END.fullmatch(end.text):
            raise problem(
                f"{end.text} cannot be executed",
                where=end.place,
                hint="COMMIT or ROLLBACK alone, and BEGIN again behind a COMMIT",
            )
        if end.name == "rollback" and self._index < len(self._commands):
            raise problem("nothing is done behind ROLLBACK", where=end.place, hint="put it last")

    def _pipeline(self, command: Command) -> None:
        self._is_in_pipeline = True
        with self._tx.pipeline():
            end = self._body("endpipeline")
        self._is_in_pipeline = False
        if end is None:
            raise problem(r"\startpipeline without a matching \endpipeline", where=command.place)
