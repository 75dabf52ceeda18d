"""What all transactions of a program share: statements, tables and metrics, by number."""

from __future__ import annotations

from stormdb.workload.expressions import Constant
from stormdb.workload.steps import Statement

__all__ = ["Parts"]

_LABEL_CHARS = 40
_LABEL_BYTES = 100


class Parts:
    """Filled while transactions are traced.

    Attributes:
        statements: each with a label of its own.
        tables: each content once.
        metrics: each name once.
    """

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.tables: list[tuple[Constant, ...]] = []
        self.metrics: list[str] = []
        self._statement_numbers: dict[tuple[str, str | None, str], int] = {}

    def statement(self, transaction: str, label: str | None, sql: str, parameter_count: int) -> int:
        """Number of a statement; the same text in the same transaction is one statement.

        Args:
            transaction: its name, which the row of the report begins with.
            label: the rest of the row; None for the first words of the text.
            sql: the text.
            parameter_count: how many values it takes.
        """
        key = (transaction, label, sql)
        if key not in self._statement_numbers:
            self._statement_numbers[key] = len(self.statements)
            name = self._unique(f"{transaction} / {label or _first_words(sql)}")
            self.statements.append(Statement(label=name, sql=sql, parameter_count=parameter_count))
        return self._statement_numbers[key]

    def table(self, values: tuple[Constant, ...]) -> int:
        """Number of a table with that content."""
        # Not by ==, to which 1, 1.0 and True are the same.
        for number, known in enumerate(self.tables):
            if known is values or repr(known) == repr(values):
                return number
        self.tables.append(values)
        return len(self.tables) - 1

    def metric(self, name: str) -> int:
        """Number of a metric."""
        if name not in self.metrics:
            self.metrics.append(name)
        return self.metrics.index(name)

    def _unique(self, label: str) -> str:
        taken = {statement.label for statement in self.statements}
        number, name = 1, label
        while name in taken:
            number += 1
            name = f"{label} ({number})"
        return name


def _first_words(sql: str) -> str:
    """As much of a statement as a row of a table has room for, in whole words."""
    words = sql.split()
    text = words[0]
    for word in words[1:]:
        if len(text) + 1 + len(word) > _LABEL_CHARS:
            break
        text += f" {word}"
    # A label has 200 bytes, of which a transaction's name takes up to 80.
    return text[:_LABEL_CHARS].encode()[:_LABEL_BYTES].decode(errors="ignore").rstrip(" ,(=;")
