"""`Program`: the transactions of a workload, complete and numbered, as the engine reads them.

Version 1 of the format is `ir.rs` of the engine: the same names, in the same order.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, TypeAlias

from stormdb.workload.expressions import Constant
from stormdb.workload.steps import Statement, Step

__all__ = ["FORMAT_VERSION", "Mix", "Program", "Transaction"]

FORMAT_VERSION = 1
"""Version of the format, which the engine compares with its own."""

Mix: TypeAlias = Literal["sampled", "deck"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One kind of transaction.

    Attributes:
        name: row of the report.
        weight: share of the mix, > 0.
        place: file and line of the author's code.
        slots: names of the variables.
        draws: how many random values there are; their numbers are below.
        steps: what it does.
    """

    name: str
    weight: int
    place: str
    slots: tuple[str, ...]
    draws: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What the engine executes.

    Attributes:
        version: `FORMAT_VERSION`.
        mix: `sampled`: each transaction is drawn by the weights; `deck`: dealt from shuffled
            decks, so that every deck has the exact shares.
        transactions: at least one.
        statements: what their steps refer to by number.
        tables: lists of values that expressions look up in, by number.
        metrics: names of the custom metrics that steps emit, by number.
    """

    version: int = FORMAT_VERSION
    mix: Mix
    transactions: tuple[Transaction, ...]
    statements: tuple[Statement, ...]
    tables: tuple[tuple[Constant, ...], ...]
    metrics: tuple[str, ...]

    @property
    def bytes(self) -> bytes:
        """The program as it travels; the same program has the same bytes."""
        from stormdb.program.encode import encode

        return encode(self)

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hexadecimal digits over the bytes."""
        return f"sha256:{hashlib.sha256(self.bytes).hexdigest()}"
