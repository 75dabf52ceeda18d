"""From a workload to a program: what is left out, what is refused, and that it is repeatable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stormdb.errors import ProgramError
from stormdb.plugin import Config, Context, Metrics
from stormdb.program import compile_workload
from stormdb.workload import Tx, random_text, table, transaction, uniform
from tests.support.described import CONFIG, Described, compiled, refusal, send

ROOT = Path(__file__).parents[3]


def test_transactions_with_weight_0_are_left_out() -> None:
    class Two(Described):
        @transaction(weight=lambda cfg: 1 if cfg.mode == "write" else 0)
        def write(self, tx: Tx) -> None:
            tx.execute("SELECT 1", label="a")

        @transaction(weight=3)
        def read(self, tx: Tx) -> None:
            tx.execute("SELECT 2", label="b")

    program = compile_workload(Two(), CONFIG)
    assert [one.name for one in program.transactions] == ["read"]
    assert [one.label for one in program.statements] == ["read / b"]
    program = compile_workload(Two(), Config(workload="test", mode="write"))
    assert [one.name for one in program.transactions] == ["write", "read"]


def test_a_workload_without_transactions_is_refused() -> None:
    class Coroutine(Described):
        async def run(self, ctx: Context, db: Any, cfg: Config, metrics: Metrics) -> None:
            """What another executor runs."""

    with pytest.raises(ProgramError) as caught:
        compile_workload(Coroutine(), CONFIG)
    assert caught.value.message == "the workload Coroutine describes no transactions"
    file, _, line = str(caught.value.where).rpartition(":")
    assert file == "tests/unit/program/test_compile.py"
    assert "class Coroutine" in (ROOT / file).read_text().splitlines()[int(line) - 1]


def test_weights_that_are_all_0_are_refused() -> None:
    class Nothing(Described):
        @transaction(weight=0)
        def read(self, tx: Tx) -> None:
            tx.execute("SELECT 1")

    with pytest.raises(ProgramError, match="every transaction of the workload Nothing has the we"):
        compile_workload(Nothing(), CONFIG)


def test_the_mix_is_the_workloads() -> None:
    class Dealt(Described):
        mix = "deck"

        @transaction
        def read(self, tx: Tx) -> None:
            tx.execute("SELECT 1")

    assert compile_workload(Dealt(), CONFIG).mix == "deck"
    workload = Dealt()
    Dealt.mix = "shuffled"  # type: ignore[assignment]
    with pytest.raises(ProgramError, match='mix is \'shuffled\'; hint: it is "sampled" or "deck"'):
        compile_workload(workload, CONFIG)


def test_a_report_has_room_for_512_rows() -> None:
    def describe(tx: Tx, count: int) -> None:
        for number in range(count):
            tx.execute(f"SELECT {number}")

    assert len(compiled(lambda tx: describe(tx, 511)).statements) == 511
    error = refusal(lambda tx: describe(tx, 512))
    assert error.message == (
        "the workload has 1 transactions and 512 statements, a report has room for 512 together"
    )


def test_a_report_has_room_for_256_metrics() -> None:
    def describe(tx: Tx) -> None:
        send(tx)
        for number in range(256):
            tx.emit(f"m{number}", 1)

    assert refusal(describe).message == "256 metrics, a report has room for 255"


def test_a_program_has_a_limit() -> None:
    big = table(["x" * 2**20 + str(number) for number in range(33)])
    message = refusal(lambda tx: send(tx, big[0])).message
    assert message == "the program takes 33 MiB, at most 32 are possible"


def test_the_same_workload_gives_the_same_bytes_in_every_process() -> None:
    script = (
        "from tests.unit.program.golden import programs\n"
        "for program in programs().values(): print(program.digest)"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
    assert printed.pop().count("sha256:") == 3


def test_transactions_number_their_own_variables_and_draws_and_share_statements() -> None:
    def describe(tx: Tx) -> None:
        tx.let("n", uniform(1, 9))
        send(tx, random_text(5))

    program = compiled(describe, describe)
    assert [(one.slots, one.draws) for one in program.transactions] == [(("n",), 2)] * 2
    assert [one.do.statement for t in program.transactions for one in t.steps[1:]] == [0, 1]  # type: ignore[union-attr]


def test_after_a_failure_the_next_workload_compiles() -> None:
    def fails(tx: Tx) -> None:
        with tx.block():
            raise KeyError("mine")

    with pytest.raises(KeyError):
        compiled(fails)
    assert compiled(send).transactions
