"""A workload is compiled in its host process; what is wrong with it comes back as a message."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from stormdb.errors import ExitCode, PluginError, ProgramError
from stormdb.plugin import Config
from stormdb.plugins import Host, PluginRecord
from stormdb.program import decode, explain
from tests.it.plugins.conftest import SECOND_NS, ShortLimits
from tests.it.program.conftest import BANK


def config(workload: str, **values: Any) -> Config:
    return Config(workload=workload, **{"workload_config": {}, **values})


async def open_host(record: PluginRecord, workload: str, **limits: Any) -> Host:
    host = await Host.start(record, ShortLimits(**limits))
    await host.create_workload(workload)
    return host


async def test_a_workload_is_compiled_with_its_configuration(bank: PluginRecord) -> None:
    async with await open_host(bank, "bank") as host:
        compiled = await host.compile(config("bank", scale=5, workload_config={"reads": 3}))
        again = await host.compile(config("bank", scale=5, workload_config={"reads": 3}))
        other = await host.compile(config("bank", scale=6))
    program = decode(compiled.bytes)
    assert compiled == again
    assert compiled.digest == program.digest
    assert compiled.digest == f"sha256:{hashlib.sha256(compiled.bytes).hexdigest()}"
    assert compiled.digest != other.digest
    assert compiled.text == explain(program)
    (read,) = program.transactions
    line = int(read.place.removeprefix("bank.py:"))
    assert BANK.read_text().splitlines()[line].strip().startswith("def read")
    assert read.weight == 3
    assert "key := uniform 1 to 500" in compiled.text


@pytest.mark.parametrize(
    ("workload", "forms"),
    [("bank", (False, True)), ("bank_both", (True, True)), ("bank_run", (True, False))],
)
async def test_a_host_knows_the_forms_of_a_workload(
    bank: PluginRecord, workload: str, forms: tuple[bool, bool]
) -> None:
    async with await open_host(bank, workload) as host:
        assert (host.has_run, host.describes_transactions) == forms


async def test_a_mistake_is_told_with_plugin_place_and_remedy(
    bank: PluginRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(BANK.parents[1])
    async with await open_host(bank, "bank_bad") as host:
        with pytest.raises(ProgramError) as caught:
            await host.compile(config("bank_bad"))
        line = int(str(caught.value.where).rpartition(":")[2])
        assert str(caught.value) == (
            f"plugins/bank.py:{line}: plugin bank: $2 has no value: 1 value is given; "
            "hint: give the values behind the statement, in the order $1, $2 …"
        )
        assert "UPDATE account" in BANK.read_text().splitlines()[line - 1]
        assert caught.value.exit_code == ExitCode.WORKLOAD
        # The process is as good as before.
        await host.create_workload("bank")
        assert (await host.compile(config("bank"))).bytes


async def test_what_the_description_raises_is_told_with_its_line(bank: PluginRecord) -> None:
    async with await open_host(bank, "bank_bad") as host:
        with pytest.raises(PluginError) as caught:
            await host.compile(config("bank_bad", mode="raises"))
    assert caught.value.message == (
        "plugin bank: describing its transactions raised LookupError: mine"
    )
    assert "bank.py:" in str(caught.value.where)


async def test_a_description_that_hangs_is_given_up(bank: PluginRecord) -> None:
    host = await open_host(bank, "bank_bad")
    host._limits = ShortLimits(load_timeout_ns=SECOND_NS)
    with pytest.raises(PluginError) as caught:
        await host.compile(config("bank_bad", mode="hangs"))
    assert caught.value.message.startswith(
        "plugin bank: describing its transactions did not end within 1.00 s; it was at `time.sleep"
    )
    await host.kill()


async def test_a_workload_that_describes_nothing(bank: PluginRecord) -> None:
    async with await open_host(bank, "bank_run") as host:
        with pytest.raises(ProgramError, match="the workload Coroutine describes no transactions"):
            await host.compile(config("bank_run"))
