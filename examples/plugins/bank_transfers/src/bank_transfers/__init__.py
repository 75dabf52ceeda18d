"""Transfers between accounts under each isolation level, with the sum as invariant."""

from bank_transfers.plugin import PLUGIN

__all__ = ["PLUGIN"]
