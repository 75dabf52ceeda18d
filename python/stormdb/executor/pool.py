"""The `db` of `run`: an `asyncpg.Pool` without the costs that a load must not have.

asyncpg's own pool sends a query of its own after each use of a connection (`RESET ALL` and others)
and makes a task and a proxy for it: that is more work than the transaction. Here a connection goes
back as it is; docs/adr/0006-coroutine-executor.md says what that means for a plugin.
"""

# ruff: noqa: ASYNC109  # the arguments are those of asyncpg
from __future__ import annotations

import asyncio
import functools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from stormdb.config import ConnectTarget
from stormdb.errors import ConnectError

if TYPE_CHECKING:
    from stormdb._native import CallRecord

__all__ = ["Connections", "LoadConnection", "WorkerPool", "connector"]

_FIRST_BACKOFF_S = 0.05
_LONGEST_BACKOFF_S = 1.0
_CLOSE_S = 0.5
_STATEMENTS = 100  # as many as asyncpg keeps
# The statement no longer fits its tables, or the session has lost it.
_STALE = (asyncpg.InvalidCachedStatementError, asyncpg.InvalidSQLStatementNameError)
_CONNECT_ERRORS = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class LoadConnection(asyncpg.Connection):
    """A connection that knows its place in the pool, who has it, and what it is often asked.

    Attributes:
        slot: its place.
        user: who has it for a block.
        statements: by text, what was asked before; prepared from the second time on.
    """

    __slots__ = ("slot", "statements", "user")

    slot: int
    user: WorkerPool | None
    statements: dict[str, PreparedStatement[Any] | None]

    async def prepared(self, query: str) -> PreparedStatement[Any] | None:
        """The statement, if it is worth its place; called each time that it is not there yet."""
        if query in self.statements:
            statement: PreparedStatement[Any] = await self.prepare(query)
            self.statements[query] = statement
            return statement
        if len(self.statements) < _STATEMENTS:
            self.statements[query] = None
        return None


def connector(
    target: Mapping[str, Any], server_settings: Mapping[str, str]
) -> Callable[[], Coroutine[Any, Any, LoadConnection]]:
    """What makes a connection.

    Args:
        target: `ConnectTarget.to_wire`.
        server_settings: of the session, besides those of the target.
    """
    arguments = ConnectTarget.from_wire(target).asyncpg_arguments()
    arguments["server_settings"] = {**arguments["server_settings"], **server_settings}

    async def connect() -> LoadConnection:
        connection: LoadConnection = await asyncpg.connect(
            **arguments,
            connection_class=LoadConnection,
            # asyncpg would prepare each statement anew every five minutes.
            max_cached_statement_lifetime=0,
        )
        return connection

    return connect


class Connections:
    """The connections of one worker process, shared by its workers.

    A lost one is replaced in the background. While there is none at all, each vain attempt to
    connect fails the worker that has waited longest: an outage is seen, at a bounded rate.

    Args:
        size: how many.
        connect: makes one.

    Attributes:
        size: how many.
        idle: those that nobody uses, by slot.
        waiting: who waits for one, in the order of asking.
    """

    def __init__(self, size: int, connect: Callable[[], Awaitable[LoadConnection]]) -> None:
        self.size = size
        self.idle: dict[int, LoadConnection] = {}
        self._connect = connect
        self._lost_count = 0
        self.waiting: deque[asyncio.Future[LoadConnection]] = deque()
        self._live: set[LoadConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False

    async def open(self) -> None:
        """Open all of them.

        Raises:
            ConnectError: the server refuses or cannot be reached.
        """
        try:
            # One alone first: a wrong password is then one failed login and not a hundred.
            await self._open(0)
            for error in await asyncio.gather(
                *(self._open(slot) for slot in range(1, self.size)), return_exceptions=True
            ):
                if error is not None:
                    raise error
        except _CONNECT_ERRORS as error:
            raise ConnectError(
                f"cannot open {self.size} connections to the server: {error}",
                hint="check `database`, and max_connections of the server",
            ) from error

    async def _open(self, slot: int) -> None:
        self._add(slot, await self._connect())

    async def close(self) -> None:
        """Close all of them; statements that were cancelled get a moment to hear of it."""
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        live = list(self._live)
        closing = (connection.close(timeout=_CLOSE_S) for connection in live)
        await asyncio.gather(*closing, return_exceptions=True)
        for connection in live:
            connection.terminate()

    def take_lost_count(self) -> int:
        """How many were lost since the last call."""
        lost_count, self._lost_count = self._lost_count, 0
        return lost_count

    @property
    def live_count(self) -> int:
        """Connections that are open, in use or not."""
        return len(self._live)

    async def wait(self) -> LoadConnection:
        """The next connection that is given back, in the order of asking."""
        turn: asyncio.Future[LoadConnection] = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give(turn.result())
            raise

    def give(self, connection: LoadConnection) -> None:
        """Take a connection back."""
        if connection.is_closed():
            connection.terminate()  # asyncpg may have closed it without telling the listener
        elif connection.is_in_transaction():
            self._start(self._reset(connection))
        elif self.waiting:
            self._hand_on(connection)
        else:
            self.idle[connection.slot] = connection

    def _hand_on(self, connection: LoadConnection) -> None:
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        self.idle[connection.slot] = connection

    def _add(self, slot: int, connection: LoadConnection) -> None:
        connection.slot = slot
        connection.user = None
        connection.statements = {}
        connection.add_termination_listener(self._terminated)
        self._live.add(connection)
        self._hand_on(connection)

    def _terminated(self, connection: Any) -> None:
        slot: int = connection.slot
        self._live.discard(connection)
        if self.idle.get(slot) is connection:
            del self.idle[slot]
        if not self._is_closing:
            self._lost_count += 1
            self._start(self._replace(slot))

    async def _replace(self, slot: int) -> None:
        backoff_s = _FIRST_BACKOFF_S
        while not self._is_closing:
            try:
                connection = await self._connect()
            except _CONNECT_ERRORS as error:
                if not self._live:
                    self._fail_one(error)
                await asyncio.sleep(backoff_s)
                backoff_s = min(2 * backoff_s, _LONGEST_BACKOFF_S)
            else:
                self._add(slot, connection)
                return

    def _fail_one(self, cause: Exception) -> None:
        error = cause
        if not isinstance(cause, asyncpg.PostgresError):
            error = asyncpg.ClientCannotConnectError(f"cannot connect to the server: {cause}")
            error.__cause__ = cause
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_exception(error)
                return

    async def _reset(self, connection: LoadConnection) -> None:
        """Roll back what a call left open, before anyone else gets the connection."""
        try:
            await connection.reset()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()
        else:
            self._hand_on(connection)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _on_own_connection(method: Any) -> Any:
    """The pool's form of a connection's method: the way that most transactions take."""

    @functools.wraps(method)
    async def call(self: WorkerPool, *args: Any, **kwargs: Any) -> Any:
        connection = self._idle.pop(self._home, None) or await self._take()
        self.is_untouched = False
        try:
            result = await method(connection, *args, **kwargs)
        except BaseException:
            self._give(connection)
            raise
        # As `Connections.give`, without what can only be after an exception.
        if self._waiting or connection.is_in_transaction():
            self._give(connection)
        else:
            self._idle[connection.slot] = connection
        return result

    return call


def _through_statement(method: Any, of_statement: Any) -> Any:
    """The same for what fetches rows, by a prepared statement where that is possible.

    asyncpg keeps prepared statements too, and looks for them through four coroutines more.
    """
    plainly = _on_own_connection(method)

    @functools.wraps(method)
    async def call(self: WorkerPool, query: str, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            return await plainly(self, query, *args, **kwargs)
        connection = self._idle.pop(self._home, None) or await self._take()
        self.is_untouched = False
        try:
            statement = connection.statements.get(query) or await connection.prepared(query)
            if statement is None:
                result = await method(connection, query, *args)
            else:
                result = await of_statement(statement, *args)
        except BaseException as error:
            if not isinstance(error, asyncpg.PostgresError) or isinstance(error, _STALE):
                connection.statements.pop(query, None)
            self._give(connection)
            if isinstance(error, asyncpg.InvalidCachedStatementError):
                return await plainly(self, query, *args)
            raise
        if self._waiting or connection.is_in_transaction():
            self._give(connection)
        else:
            self._idle[connection.slot] = connection
        return result

    return call


class _Acquiring:
    """What `WorkerPool.acquire` returns: to await, or to enter.

    asyncpg's own leads through two coroutines more, there and back.
    """

    __slots__ = ("_connection", "_pool", "_timeout")

    def __init__(self, pool: WorkerPool, timeout: float | None) -> None:
        self._pool = pool
        self._timeout = timeout
        self._connection: LoadConnection | None = None

    def __await__(self) -> Generator[Any, None, LoadConnection]:
        return self._pool.grant(self._timeout).__await__()

    async def __aenter__(self) -> LoadConnection:
        if self._connection is not None:
            raise asyncpg.InterfaceError("a connection is already acquired")
        pool = self._pool
        self._connection = connection = pool.grant_home() or await pool.grant(self._timeout)
        return connection

    async def __aexit__(self, *_: object) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None
        self._pool.take_back(connection)


class WorkerPool(asyncpg.Pool):
    """What one worker sees of `Connections`. Everything of `asyncpg.Pool` that uses it works.

    What would close or reconfigure it raises `asyncpg.InterfaceError`: the pool is stormdb's.

    Attributes:
        is_untouched: no connection was granted since this was last set to True.

    Args:
        connections: of the process.
        worker: number of the worker; its home is the connection of that number, modulo size.
        call: the worker's: told when it had to wait for the first connection since `is_untouched`
            was set, for what came before cannot be the server's time.
        waited: called with each wait for a connection, in nanoseconds.
    """

    __slots__ = (
        "_call",
        "_connections",
        "_give",
        "_home",
        "_idle",
        "_waited",
        "_waiting",
        "is_untouched",
    )

    def __init__(
        self, connections: Connections, worker: int, call: CallRecord, waited: Callable[[int], None]
    ) -> None:
        self._call = call
        self._connections = connections
        self._idle = connections.idle
        self._waiting = connections.waiting
        self._give = connections.give
        self._home = worker % connections.size
        self._waited = waited
        self.is_untouched = True

    execute = _on_own_connection(LoadConnection.execute)
    fetch = _through_statement(LoadConnection.fetch, PreparedStatement.fetch)
    fetchrow = _through_statement(LoadConnection.fetchrow, PreparedStatement.fetchrow)
    fetchval = _through_statement(LoadConnection.fetchval, PreparedStatement.fetchval)

    def acquire(self, *, timeout: float | None = None) -> Any:
        """A connection of one's own, for an `async with` block or until `release`."""
        return _Acquiring(self, timeout)

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:  # noqa: ARG002
        """Give a connection back; a second time does nothing."""
        if not isinstance(connection, LoadConnection):
            raise asyncpg.InterfaceError(
                f"Pool.release() received invalid connection: {connection!r} is not a member of "
                "this pool"
            )
        self.take_back(connection)

    def take_back(self, connection: LoadConnection) -> None:
        """Give a connection back, unless that was done already."""
        if connection.user is self:
            connection.user = None
            self._give(connection)

    def get_size(self) -> int:
        """Open connections of this process."""
        return self._connections.live_count

    def get_idle_size(self) -> int:
        """Connections of this process that nobody uses."""
        return len(self._idle)

    def get_min_size(self) -> int:
        """Connections that this process keeps open."""
        return self._connections.size

    get_max_size = get_init_size = get_min_size

    def is_closing(self) -> bool:
        """False as long as `run` is called."""
        return False

    def _not_yours(self, *_: Any, **__: Any) -> NoReturn:
        raise asyncpg.InterfaceError("the pool of a load belongs to stormdb, which closes it")

    close = terminate = expire_connections = set_connect_args = _not_yours
    __await__ = __aenter__ = _not_yours

    async def _take(self) -> LoadConnection:
        """Any idle connection; without one, the next that is given back."""
        if self._idle:
            return self._idle.popitem()[1]
        asked_ns = time.monotonic_ns()
        connection = await self._connections.wait()
        granted_ns = time.monotonic_ns()
        if self.is_untouched:
            self._call.granted(granted_ns)
        self._waited(granted_ns - asked_ns)
        return connection

    def grant_home(self) -> LoadConnection | None:
        """The connection that the worker mostly has, if nobody uses it."""
        connection = self._idle.pop(self._home, None)
        if connection is not None:
            self.is_untouched = False
            connection.user = self
        return connection

    async def grant(self, timeout: float | None) -> LoadConnection:
        """A connection that is the worker's until it gives it back."""
        connection = self.grant_home()
        if connection is None:
            async with asyncio.timeout(timeout):
                connection = await self._take()
            self.is_untouched = False
            connection.user = self
        return connection
