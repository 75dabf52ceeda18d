"""Programs: what a workload's described transactions become, and what the engine executes."""

from stormdb.program.compile import compile_workload
from stormdb.program.encode import decode, encode
from stormdb.program.explain import explain
from stormdb.program.ir import FORMAT_VERSION, Program, Transaction

__all__ = [
    "FORMAT_VERSION",
    "Program",
    "Transaction",
    "compile_workload",
    "decode",
    "encode",
    "explain",
]
