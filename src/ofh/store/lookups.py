"""The statements that run with every request, written by hand: the ORM takes several times as long to put one together
as either database takes to answer it.

All run on the connection of the task's transaction, where it is in one.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from tortoise.models import Model

from .models import AccessToken, Membership, UserSession, Workspace

M = TypeVar("M", bound=Model)

_ARGUMENT = re.compile(r"\$\d")


async def session_of(digest: str) -> UserSession | None:
    """The session whose token has this digest, however old it is."""
    return await _first(UserSession, "t WHERE t.digest = $1", digest)


async def token_of(digest: str) -> AccessToken | None:
    """The access token with this digest, however old it is."""
    return await _first(AccessToken, "t WHERE t.digest = $1", digest)


async def membership_of(user_id: int, workspace_id: int) -> Membership | None:
    """Somebody's place in a workspace; None where they have none, or there is no such workspace."""
    return await _first(Membership, "t WHERE t.user_id = $1 AND t.workspace_id = $2", user_id, workspace_id)


async def visible(model: type[M], id: int, user_id: int) -> M | None:
    """The row of this id, where it is of a workspace that the user belongs to: one look, whichever is missing."""
    return await _first(
        model, "t JOIN memberships m ON m.workspace_id = t.workspace_id WHERE t.id = $1 AND m.user_id = $2", id, user_id
    )


async def workspaces_of(user_id: int) -> list[tuple[Workspace, str]]:
    """The workspaces that a user belongs to and their role in each, the oldest first."""
    rows = await _rows(
        Workspace,
        "t JOIN memberships m ON m.workspace_id = t.id WHERE m.user_id = $1 ORDER BY t.id",
        user_id,
        more="m.role",
    )
    return [(Workspace._init_from_db(**row), row["role"]) for row in rows]


async def _first(model: type[M], rest: str, *values: Any) -> M | None:
    rows = await _rows(model, rest, *values)
    return model._init_from_db(**rows[0]) if rows else None


async def _rows(model: type[Model], rest: str, *values: Any, more: str = "") -> Sequence[Any]:
    """The rows of a statement whose places stand in the order of the values.

    Args:
        more: a further column.
    """
    client = model._meta.db
    _, rows = await client.execute_query(_statement(model, rest, more, client.capabilities.dialect), list(values))
    found: Sequence[Any] = rows
    return found


@cache
def _statement(model: type[Model], rest: str, more: str, dialect: str) -> str:
    columns = ", ".join([f"t.{column}" for column in sorted(model._meta.db_fields)] + [more] * bool(more))
    sql = f"SELECT {columns} FROM {model._meta.db_table} {rest}"  # noqa: S608, ours
    return _ARGUMENT.sub("?", sql) if dialect == "sqlite" else sql
