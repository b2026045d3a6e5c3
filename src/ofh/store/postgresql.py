"""PostgreSQL's client for the ORM; Tortoise finds this module by its name (`engine`)."""

from tortoise.backends.asyncpg.client import AsyncpgDBClient

from .database import tell_away


class Client(AsyncpgDBClient):
    """The pool of connections of a hub process."""

    execute_insert = tell_away(AsyncpgDBClient.execute_insert)
    execute_many = tell_away(AsyncpgDBClient.execute_many)
    execute_query = tell_away(AsyncpgDBClient.execute_query)
    execute_query_dict = tell_away(AsyncpgDBClient.execute_query_dict)


client_class = Client
