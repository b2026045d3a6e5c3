"""Opening the database: one configuration for SQLite and PostgreSQL, transactions, and what 'away' looks like."""

import asyncio
import errno
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Any, Literal, TypeVar, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg
from tortoise.context import TortoiseContext
from tortoise.exceptions import DBConnectionError, TransactionManagementError
from tortoise.transactions import in_transaction

from ofh.domain.errors import Code, HubError

APP = "ofh"
"""Tortoise's label of our models; also the name under which migrations are recorded."""

Dialect = Literal["sqlite", "postgresql"]

SQLITE_PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "NORMAL",  # in WAL mode a killed process loses nothing that was committed
    "busy_timeout": 5000,
    "foreign_keys": "ON",
    "journal_size_limit": 67_108_864,
}
NO_ROOM_S = 7.0
"""For so long after a change for which there was no room the database counts as away, unless there is room before: what
only reads notices nothing. Reports that wait are tried again within less."""


class Database:
    """The hub's database.

    Opening makes Tortoise's context current for this task and all that it starts; servers are therefore started
    after it.

    Args:
        url: `sqlite:///absolute/path` or `postgresql://user:password@host:port/name`.
        pool_size: connections kept to PostgreSQL at the most.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self.dialect: Dialect = "sqlite" if urlsplit(url).scheme == "sqlite" else "postgresql"
        self._pool_size = pool_size
        self._context: TortoiseContext | None = None
        self._had_no_room: float | None = None
        """When, by the loop's clock."""
        self.history_weeks: frozenset[date] = frozenset()
        """PostgreSQL: the weeks whose partition of the history this process knows of (`weeks.py`)."""

        self._told: dict[str, float] = {}
        """When something was said in the log, by the loop's clock."""

    def is_time_to_tell(self, what: str, every_s: float) -> bool:
        """Whether something is to be said in the log again; from now on it has been."""
        now = asyncio.get_running_loop().time()
        if now < self._told.get(what, -every_s) + every_s:
            return False
        self._told[what] = now
        return True

    @property
    def path(self) -> Path:
        """The file of a SQLite database."""
        return Path(unquote(urlsplit(self.url).path))

    def config(self, **pragmas: Any) -> dict[str, Any]:
        """Tortoise's configuration; `pragmas` override those of SQLite.

        The connection is named after the kind of database: Tortoise caches statements by that name, in the process.
        """
        return {
            "connections": {self.dialect: self._connection(pragmas)},
            "apps": {
                APP: {
                    "models": ["ofh.store.models"],
                    "migrations": "ofh.migrations",
                    "default_connection": self.dialect,
                }
            },
            "use_tz": True,
            "timezone": "UTC",
        }

    def _connection(self, pragmas: dict[str, Any]) -> dict[str, Any]:
        if self.dialect == "sqlite":
            return {
                "engine": "ofh.store.sqlite",
                "credentials": {"file_path": str(self.path), **SQLITE_PRAGMAS, **pragmas},
            }
        parts = urlsplit(self.url)
        return {
            "engine": "ofh.store.postgresql",
            "credentials": {
                "host": parts.hostname or dict(parse_qsl(parts.query)).get("host", "localhost"),
                "port": parts.port or 5432,
                "user": unquote(parts.username) if parts.username else None,
                "password": unquote(parts.password) if parts.password else None,
                "database": unquote(parts.path.lstrip("/")),
                "minsize": 0,  # asyncpg logs a traceback for each connection that it cannot keep open
                "maxsize": self._pool_size,
                "application_name": "openflighthub",
                # Compiling a statement takes longer than running any of ours; many partitions make it look worthwhile.
                "server_settings": {"jit": "off"},
                "timeout": 10,
                "command_timeout": 30,
            },
        }

    async def open(self) -> None:
        """Connect.

        Raises:
            HubError: UNAVAILABLE, the database does not answer.
        """
        if self.dialect == "sqlite":
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self._context = TortoiseContext()
        self._context.__enter__()
        await self._context.init(config=self.config())
        try:
            await self.check()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go of every connection."""
        if self._context is None:
            return
        context, self._context = self._context, None
        await context.close_connections()
        # A context variable can only be put back where it was set; elsewhere the context simply ends with its task.
        with suppress(ValueError):
            context.__exit__(None, None, None)

    async def check(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            HubError: UNAVAILABLE, it gives none within 5 s, or its disk is full.
        """
        try:
            async with asyncio.timeout(5):
                await self.connection.execute_query("SELECT 1")
        except TimeoutError as error:
            raise HubError(Code.UNAVAILABLE, "The database is away. Try again soon.", retry_after_s=2) from error
        if self._had_no_room is not None and asyncio.get_running_loop().time() < self._had_no_room + NO_ROOM_S:
            raise HubError(Code.UNAVAILABLE, "The database's disk is full.", retry_after_s=5)

    def took(self) -> None:
        """There was room for a change."""
        self._had_no_room = None

    @property
    def connection(self) -> Any:
        """Tortoise's client, for the hand-written statements of this floor."""
        if self._context is None:
            raise HubError(Code.UNAVAILABLE, "The database is not open.")
        return self._context.db(self.dialect)

    async def version(self) -> int:
        """SQLite: a number that changes when another process has written into the file."""
        _, rows = await self.connection.execute_query("PRAGMA data_version")
        return int(rows[0][0])

    async def migrate(self) -> list[str]:
        """Bring the schema up to date; before `open`. Returns what was applied."""
        from .migrate import migrate

        return await migrate(self)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """A transaction; on SQLite it holds the write lock from its beginning.

        Raises:
            HubError: UNAVAILABLE, the database is away.
        """
        try:
            async with in_transaction(self.dialect) as client:
                yield client
        except HubError:
            raise
        except Exception as error:
            if _has_no_room(error):
                self._had_no_room = asyncio.get_running_loop().time()
            if refusal := away(error):
                raise refusal from error
            raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """A transaction that only reads, and in which all statements see the database as of one moment.

        Raises:
            HubError: UNAVAILABLE, the database is away.
        """
        async with self.transaction() as client:
            if self.dialect == "postgresql":
                await client.execute_query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield


_AWAY = (
    ConnectionError,
    TimeoutError,
    socket.gaierror,
    DBConnectionError,
    TransactionManagementError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.QueryCanceledError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)


def away(error: BaseException) -> HubError | None:
    """The refusal to give where an error means that the database is away for now; None for any other error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _AWAY) or _is_passing(cause):
            return HubError(Code.UNAVAILABLE, "The database is away. Try again soon.", retry_after_s=2)
        cause = cause.__cause__ or cause.__context__
    return None


def _has_no_room(error: BaseException) -> bool:
    """Whether the database's disk is full."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case asyncpg.DiskFullError():
                return True
            case sqlite3.OperationalError():
                return getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
            case OSError() if cause.errno == errno.ENOSPC:
                return True
        cause = cause.__cause__ or cause.__context__
    return False


def _is_passing(error: BaseException) -> bool:
    """Whether an error that may mean anything is about the line or the file, rather than about the statement."""
    match error:
        case sqlite3.OperationalError():
            return getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING_SQLITE
        case asyncpg.InternalClientError():
            return True  # the server's farewell came in just before the statement went out
        case asyncpg.InterfaceError():
            return not isinstance(error, ValueError)  # that one is a value which does not fit its column
        case OSError():
            return error.errno is None or error.errno in _PASSING_OS  # none: asyncio tried several addresses
        case _:
            return False


_PASSING_SQLITE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
    }
)
_PASSING_OS = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.ENOENT, errno.ENOSPC, errno.EIO})


Statement = TypeVar("Statement", bound=Callable[..., Coroutine[Any, Any, Any]])


def tell_away(execute: Statement) -> Statement:
    """A statement of Tortoise's client that refuses with UNAVAILABLE while the database is away."""

    @wraps(execute)
    async def told(*args: Any, **kwargs: Any) -> Any:
        try:
            return await execute(*args, **kwargs)
        except Exception as error:
            if refusal := away(error):
                raise refusal from error
            raise

    return cast(Statement, told)
