"""Transactions described in Python and executed natively: what an author imports.

A workload's method with `@transaction` is called once with a `Tx`, and says with it what a
transaction does. docs/native-workloads.md leads through it.
"""

from stormdb.workload.dates import random_date, random_timestamp
from stormdb.workload.functions import (
    Table,
    case,
    cast,
    exp,
    greatest,
    hash_of,
    least,
    length,
    ln,
    pad,
    permute,
    sequence,
    sqrt,
    table,
    text,
)
from stormdb.workload.generators import (
    ALPHANUMERIC,
    choice,
    exponential,
    gaussian,
    nurand,
    pattern,
    random_bytes,
    random_text,
    uniform,
    uniform_float,
    uuid,
    vector,
    zipf,
)
from stormdb.workload.pgbench import pgbench_script
from stormdb.workload.transactions import transaction
from stormdb.workload.tx import Tx
from stormdb.workload.values import Value

__all__ = [
    "ALPHANUMERIC",
    "Table",
    "Tx",
    "Value",
    "case",
    "cast",
    "choice",
    "exp",
    "exponential",
    "gaussian",
    "greatest",
    "hash_of",
    "least",
    "length",
    "ln",
    "nurand",
    "pad",
    "pattern",
    "permute",
    "pgbench_script",
    "random_bytes",
    "random_date",
    "random_text",
    "random_timestamp",
    "sequence",
    "sqrt",
    "table",
    "text",
    "transaction",
    "uniform",
    "uniform_float",
    "uuid",
    "vector",
    "zipf",
]
