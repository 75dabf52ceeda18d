"""The pytest plugin: fixtures for tests of a plugin, and the tests of `PluginContract`.

Imported at every start of pytest where stormdb is installed, so it imports nothing at its top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stormdb.plugins import PluginRecord
    from stormdb.testing.bench import Bench
    from stormdb.testing.contract import Promise
    from stormdb.testing.runner import Runner
    from stormdb.testing.scratch import ScratchDatabase, ScratchServer

_DECLARED = pytest.StashKey[dict[str, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--stormdb-url`."""
    parser.getgroup("stormdb").addoption(
        "--stormdb-url",
        metavar="URL",
        default="",
        help="server for tests of stormdb plugins: postgresql://user@host/dbname of a role that "
        "may create databases (default: one that is started for the session)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Prepare to keep what the contracts declare."""
    config.stash[_DECLARED] = {}


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show by what declarations contracts were narrowed."""
    for name, lines in config.stash[_DECLARED].items():
        for line in lines:
            terminalreporter.write_line(f"stormdb contract {name} is narrowed: {line}")


@pytest.fixture(scope="session")
def stormdb_server(pytestconfig: pytest.Config) -> Iterator[ScratchServer]:
    """One PostgreSQL server for the session; `--stormdb-url` names another one."""
    from stormdb.errors import StormdbError
    from stormdb.testing.scratch import ScratchServer

    try:
        with ScratchServer.start(pytestconfig.getoption("--stormdb-url")) as server:
            yield server
    except StormdbError as error:
        pytest.exit(f"stormdb: {error}", returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture
def stormdb_database(stormdb_server: ScratchServer) -> Iterator[ScratchDatabase]:
    """An empty database for one test: `url`, `fetch(sql)`."""
    import asyncio

    database = asyncio.run(stormdb_server.create())
    yield database
    asyncio.run(stormdb_server.drop(database))


@pytest.fixture(scope="module")
def stormdb_plugin(request: pytest.FixtureRequest) -> PluginRecord:
    """The plugin that the module of the test imports as PLUGIN, found as stormdb finds it.

    Override it to test another: `return find_plugin("src/my_workload")`.
    """
    return _found(getattr(request.module, "PLUGIN", None))


def _found(plugin: Any) -> PluginRecord:
    import asyncio

    from stormdb.errors import StormdbError
    from stormdb.testing.subject import find_record

    if plugin is None:
        pytest.fail(
            "no plugin is named; hint: `from my_plugin import PLUGIN` in the module of the test, "
            "or plugin = PLUGIN in the class of the contract",
            pytrace=False,
        )
    try:
        return asyncio.run(find_record(plugin))
    except StormdbError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def stormdb_run(stormdb_plugin: PluginRecord, stormdb_database: ScratchDatabase) -> Runner:
    """Runs the plugin on the database of the test: `stormdb_run("my_type", duration="2s")`."""
    from stormdb.testing.runner import Runner

    return Runner(stormdb_plugin, stormdb_database)


@pytest.fixture(scope="class")
def stormdb_bench(request: pytest.FixtureRequest, stormdb_server: ScratchServer) -> Iterator[Bench]:
    """What the tests of one contract share."""
    import asyncio

    from stormdb.errors import ConfigError
    from stormdb.testing.bench import Bench
    from stormdb.testing.declaration import Declaration

    try:
        declaration = Declaration.of(request.cls)
    except ConfigError as error:
        pytest.fail(str(error), pytrace=False)
    request.config.stash[_DECLARED][request.cls.__name__] = list(declaration.narrowed())
    record = _found(getattr(request.cls, "plugin", None))
    bench = Bench(record, stormdb_server, declaration)
    yield bench
    asyncio.run(bench.close())


@pytest.fixture
def stormdb_promise(stormdb_bench: Bench) -> Callable[[Promise], None]:
    """Tries a promise."""
    import asyncio

    from stormdb.errors import StormdbError
    from stormdb.testing.contract import try_promise
    from stormdb.testing.outcome import Verdict

    def check(promise: Promise) -> None:
        try:
            outcome = asyncio.run(try_promise(promise, stormdb_bench))
        except StormdbError as error:
            pytest.fail(str(error), pytrace=False)
        if outcome.verdict is Verdict.BROKEN:
            pytest.fail(f"{outcome.promise}: {outcome.problem}", pytrace=False)
        if outcome.verdict is Verdict.NOT_TRIED:
            pytest.skip(outcome.detail)
        if outcome.verdict is Verdict.BLOCKED:
            if outcome.blocked_by:
                pytest.xfail(f"blocked by {', '.join(outcome.blocked_by)}: {outcome.detail}")
            pytest.fail(f"{outcome.promise}: blocked: {outcome.detail}", pytrace=False)

    return check
