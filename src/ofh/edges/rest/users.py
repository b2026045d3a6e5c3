"""People: oneself whole, others by name."""

from typing import Any

from starlette.routing import BaseRoute

from ofh.services.accounts import Accounts

from . import shapes
from .endpoint import Ask, RestEndpoints, found


def routes(rest: RestEndpoints, accounts: Accounts) -> list[BaseRoute]:
    """A route for each path."""

    async def myself(ask: Ask) -> dict[str, Any]:
        return shapes.user(found(await accounts.user(ask.actor, ask.actor.user_id), "user"))

    async def one(ask: Ask) -> dict[str, Any]:
        return shapes.public_user(found(await accounts.user(ask.actor, ask.id("user_id")), "user"))

    async def change(ask: Ask) -> dict[str, Any]:
        user_id, changes = ask.id("user_id"), ask.changes("name", "email", "locale")
        return shapes.user(await accounts.update_user(ask.actor, user_id, **changes))

    return [
        rest.route("/api/user/self", GET=myself),  # before what takes it for an id
        rest.route("/api/user/{user_id}", GET=one, PATCH=change),
    ]
