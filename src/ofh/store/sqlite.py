"""SQLite's client for the ORM, with transactions that take the write lock when they begin.

A deferred transaction that first reads and then writes fails at once, without waiting, when another process (the
command line beside a running hub) wrote in between. Tortoise finds this module by its name (`engine`).
"""

import sqlite3

from tortoise.backends.base.client import TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionWrapper
from tortoise.exceptions import TransactionManagementError

from .database import tell_away
from .transactions import SqliteTransaction


class ImmediateTransaction(SqliteTransactionWrapper):
    """A transaction that may write from its first statement on."""

    async def begin(self) -> None:
        """Take the write lock, waiting for it as long as `busy_timeout` says."""
        try:
            await self._connection.commit()
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise TransactionManagementError(error) from error


class Client(SqliteClient):
    """The one connection of a hub to its SQLite file."""

    execute_insert = tell_away(SqliteClient.execute_insert)
    execute_many = tell_away(SqliteClient.execute_many)
    execute_query = tell_away(SqliteClient.execute_query)
    execute_query_dict = tell_away(SqliteClient.execute_query_dict)

    def _in_transaction(self) -> TransactionContext:
        return SqliteTransaction(ImmediateTransaction(self), self._lock)


client_class = Client
