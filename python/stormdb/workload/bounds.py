"""What is known of an integer before the transaction runs: its bounds."""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import product
from typing import TypeAlias

from stormdb.workload.expressions import BinaryOperation

__all__ = ["INT_MAX", "INT_MIN", "Bounds", "combined", "joined"]

INT_MIN = -(2**63)
INT_MAX = 2**63 - 1

Bounds: TypeAlias = "tuple[int, int] | None"
"""Least and greatest value, both inclusive; None if they are not known."""

_AT_ENDS: dict[BinaryOperation, Callable[[int, int], int]] = {
    BinaryOperation.ADD: operator.add,
    BinaryOperation.SUB: operator.sub,
    BinaryOperation.MUL: operator.mul,
    BinaryOperation.MIN: min,
    BinaryOperation.MAX: max,
}
"""Operations whose extremes lie where those of both operands meet."""


def joined(left: Bounds, right: Bounds) -> Bounds:
    """Bounds of a value that is one or the other."""
    if left is None or right is None:
        return None
    return min(left[0], right[0]), max(left[1], right[1])


def combined(operation: BinaryOperation, left: Bounds, right: Bounds) -> Bounds:
    """Bounds of an operation's result, None where they are not simply known."""
    if left is None or right is None:
        return None
    divisor = right[0] if right[0] == right[1] else 0
    if operation is BinaryOperation.MOD and divisor > 0:
        return (0, divisor - 1) if left[0] < 0 or left[1] >= divisor else left
    if operation is BinaryOperation.FLOOR_DIV and divisor > 0:
        return left[0] // divisor, left[1] // divisor
    if operation in _AT_ENDS:
        ends = [_AT_ENDS[operation](a, b) for a, b in product(left, right)]
        return min(ends), max(ends)
    return None
