"""PostgreSQL's client for the ORM; Tortoise finds this module by its name (`engine`)."""

from typing import Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import PoolConnectionWrapper, TransactionContext

from .database import tell_away
from .transactions import PooledTransaction, give_back


class Connection(asyncpg.Connection):
    """A connection that goes back to the pool as it is.

    What asyncpg would send each time, another trip to the server that costs as much as a statement, undoes what nobody
    does here: whatever our statements set or lock ends with their transaction, and open transactions are ended as ever.
    """

    def get_reset_query(self) -> str:
        """Nothing."""
        return ""


class Lease(PoolConnectionWrapper[asyncpg.Connection]):
    """A connection for one statement."""

    async def __aexit__(self, *_: Any) -> None:
        """Give it back."""
        await give_back(self.client._pool, self.connection)


class Client(AsyncpgDBClient):
    """The pool of connections of a hub process."""

    connection_class = Connection  # type: ignore[assignment]
    execute_insert = tell_away(AsyncpgDBClient.execute_insert)
    execute_many = tell_away(AsyncpgDBClient.execute_many)
    execute_query = tell_away(AsyncpgDBClient.execute_query)
    execute_query_dict = tell_away(AsyncpgDBClient.execute_query_dict)

    def acquire_connection(self) -> Lease:
        """See `Lease`."""
        return Lease(self, self._pool_init_lock)

    def _in_transaction(self) -> TransactionContext:
        return PooledTransaction(TransactionWrapper(self), self._pool_init_lock)


client_class = Client
