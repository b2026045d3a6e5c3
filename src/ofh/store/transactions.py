"""Transactions that leave nothing behind when they are cancelled or cannot begin.

Tortoise's own contexts take a connection, then begin; where the beginning fails or is cancelled, their end never runs,
and the connection (on SQLite: the only one) stays taken for ever.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from tortoise.backends.base.client import TransactionalDBClient, TransactionContextPooled
from tortoise.backends.sqlite.client import SqliteTransactionContext
from tortoise.connection import get_connections

T = TypeVar("T")

GIVE_BACK_S = 1.0
"""A connection whose statement was given up is closed where the server takes longer than this to stop it: a server that
hangs would hold whoever has given up."""


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Let work finish even where the caller is cancelled meanwhile; the cancellation is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()  # whatever it was, the cancellation is what the caller is told
        raise cancelled
    return task.result()


class SqliteTransaction(SqliteTransactionContext):
    """A transaction on the one connection, which is locked for its time."""

    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            try:
                await to_its_end(self.connection.begin())
            except BaseException:
                await to_its_end(self._undo())
                raise
            self.token = get_connections().set(self.connection_name, self.connection)
        except BaseException:
            self._trxlock.release()
            raise
        client: TransactionalDBClient = self.connection
        return client

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        try:
            await to_its_end(self._end(is_good=exc_type is None))
        finally:
            get_connections().reset(self.token)
            self._trxlock.release()

    async def _end(self, *, is_good: bool) -> None:
        if self.connection._finalized:
            return
        if not is_good:
            await self.connection.rollback()
            return
        try:
            await self.connection.commit()
        except BaseException:
            await self._undo()
            raise

    async def _undo(self) -> None:
        """Roll back whatever may have begun; nothing where nothing has."""
        if self.connection._connection is not None:
            await self.connection._connection.rollback()


class PooledTransaction(TransactionContextPooled):
    """A transaction on a connection of the pool, which it gives back in any case."""

    async def __aenter__(self) -> TransactionalDBClient:
        await self.ensure_connection()
        pool = self.client._parent._pool
        self.client._connection = await pool.acquire()
        try:
            await self.client.begin()
        except BaseException:
            await to_its_end(give_back(pool, self.client._connection))
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        client: TransactionalDBClient = self.client
        return client

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        try:
            if not self.client._finalized:
                if exc_type is not None:
                    await self._undo()
                else:
                    await self.client.commit()
        finally:
            get_connections().reset(self.token)
            if self.client._parent._pool:
                await to_its_end(give_back(self.client._parent._pool, self.client._connection))

    async def _undo(self) -> None:
        try:
            async with asyncio.timeout(GIVE_BACK_S):
                await self.client.rollback()
        except TimeoutError:
            self.client._connection.terminate()  # the server undoes what it finds without a client


async def give_back(pool: Any, connection: Any) -> None:
    """Give a connection back to its pool, usable or closed."""
    with suppress(TimeoutError):  # it is closed then
        await pool.release(connection, timeout=GIVE_BACK_S)
