"""PostgreSQL's client for the ORM; Tortoise finds this module by its name (`engine`)."""

from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionContext

from .database import tell_away
from .transactions import PooledTransaction


class Client(AsyncpgDBClient):
    """The pool of connections of a hub process."""

    execute_insert = tell_away(AsyncpgDBClient.execute_insert)
    execute_many = tell_away(AsyncpgDBClient.execute_many)
    execute_query = tell_away(AsyncpgDBClient.execute_query)
    execute_query_dict = tell_away(AsyncpgDBClient.execute_query_dict)

    def _in_transaction(self) -> TransactionContext:
        return PooledTransaction(TransactionWrapper(self), self._pool_init_lock)


client_class = Client
