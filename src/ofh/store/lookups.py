"""The statements that run with every request, written by hand: the ORM takes several times as long to put one together
as either database takes to answer it.

All run on the connection of the task's transaction, where it is in one. Elsewhere those who ask for the same kind of
thing at the same time share a statement (`together.py`).
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.models import Model

from .models import AccessToken, Membership, UserSession, Workspace
from .together import Together, padded

M = TypeVar("M", bound=Model)
Key = tuple[Any, ...]


async def session_of(digest: str) -> UserSession | None:
    """The session whose token has this digest, however old it is."""
    return await _one(UserSession, "t", ("t.digest",), (digest,))


async def token_of(digest: str) -> AccessToken | None:
    """The access token with this digest, however old it is."""
    return await _one(AccessToken, "t", ("t.digest",), (digest,))


async def session_numbered(id: int) -> UserSession | None:
    """The session of this id, however old it is."""
    return await _one(UserSession, "t", ("t.id",), (id,))


async def token_numbered(id: int) -> AccessToken | None:
    """The access token of this id, however old it is."""
    return await _one(AccessToken, "t", ("t.id",), (id,))


async def membership_of(user_id: int, workspace_id: int) -> Membership | None:
    """Somebody's place in a workspace; None where they have none, or there is no such workspace."""
    return await _one(Membership, "t", ("t.user_id", "t.workspace_id"), (user_id, workspace_id))


async def visible(model: type[M], id: int, user_id: int) -> M | None:
    """The row of this id, where it is of a workspace that the user belongs to: one look, whichever is missing."""
    source = "t JOIN memberships m ON m.workspace_id = t.workspace_id"
    return await _one(model, source, ("t.id", "m.user_id"), (id, user_id))


async def workspaces_of(user_id: int) -> list[tuple[Workspace, str]]:
    """The workspaces that a user belongs to and their role in each, the oldest first."""
    client = Workspace._meta.db
    _, rows = await client.execute_query(_of_user(client.capabilities.dialect), [user_id])
    return [(Workspace._init_from_db(**row), row["role"]) for row in rows]


async def _one(model: type[M], source: str, columns: tuple[str, ...], key: Key) -> M | None:
    """The row whose columns have these values."""
    client = model._meta.db
    if isinstance(client, TransactionalDBClient):
        return (await _read(client, model, source, columns, [key])).get(key)
    return await _shared(client, model, source, columns).get(key)


_SHARED: WeakKeyDictionary[Any, dict[Key, Together[Key, Any]]] = WeakKeyDictionary()


def _shared(client: Any, model: type[M], source: str, columns: tuple[str, ...]) -> Together[Key, M]:
    """Where those meet who ask one database for the same kind of row."""
    kinds = _SHARED.setdefault(client, {})
    held = kinds.get((model, columns))
    if held is None:
        held = kinds[(model, columns)] = Together(lambda keys: _read(client, model, source, columns, keys))
    return held


async def _read(
    client: Any, model: type[M], source: str, columns: tuple[str, ...], keys: Sequence[Key]
) -> Mapping[Key, M]:
    wanted = padded(keys)
    sql = _statement(model, source, columns, len(wanted), client.capabilities.dialect)
    _, rows = await client.execute_query(sql, [value for key in wanted for value in key])
    names = [f"key_{n}" for n in range(len(columns))]
    return {tuple(row[name] for name in names): model._init_from_db(**row) for row in rows}


@cache
def _statement(model: type[Model], source: str, columns: tuple[str, ...], number: int, dialect: str) -> str:
    selected = [*_columns(model), *(f"{column} AS key_{n}" for n, column in enumerate(columns))]
    width = len(columns)

    def place(n: int) -> str:
        return "?" if dialect == "sqlite" else f"${n}"

    places = [", ".join(place(row * width + n + 1) for n in range(width)) for row in range(number)]
    rows = ", ".join(places if width == 1 else (f"({item})" for item in places))
    # SQLite takes a list of rows only as a table
    listed = f"(VALUES {rows})" if dialect == "sqlite" and width > 1 else f"({rows})"
    left = columns[0] if width == 1 else f"({', '.join(columns)})"
    return f"SELECT {', '.join(selected)} FROM {model._meta.db_table} {source} WHERE {left} IN {listed}"  # noqa: S608, ours


@cache
def _of_user(dialect: str) -> str:
    place = "?" if dialect == "sqlite" else "$1"
    return (
        f"SELECT {', '.join(_columns(Workspace))}, m.role FROM {Workspace._meta.db_table} t"  # noqa: S608, ours
        f" JOIN memberships m ON m.workspace_id = t.id WHERE m.user_id = {place} ORDER BY t.id"
    )


def _columns(model: type[Model]) -> list[str]:
    return [f"t.{column}" for column in sorted(model._meta.db_fields)]
