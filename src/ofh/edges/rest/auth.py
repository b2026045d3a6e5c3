"""Logging in and out, passwords, registration, and the token for watching streams.

What contradicts the present state is FORBIDDEN here: the contract has no 409.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.routing import BaseRoute

from ofh.domain.errors import Code, HubError, bad_input
from ofh.services.accounts import Accounts
from ofh.services.names import check_email
from ofh.services.registration import Registration
from ofh.services.sessions import Login, Sessions
from ofh.services.stream_tokens import StreamTokens

from .endpoint import Ask, RestEndpoints


def routes(
    rest: RestEndpoints, sessions: Sessions, accounts: Accounts, stream_tokens: StreamTokens, registration: Registration
) -> list[BaseRoute]:
    """A route for each path."""

    async def login(ask: Ask) -> dict[str, Any]:
        username, password = ask.texts("username", "password")
        return _begun(ask, await sessions.login(username, password, address=ask.address))

    async def login_with_token(ask: Ask) -> dict[str, Any]:
        (token,) = ask.texts("token")
        return _begun(ask, await sessions.login_with_token(token, address=ask.address))

    async def check(ask: Ask) -> dict[str, Any]:
        return {"id": ask.actor.user_id}

    async def change(ask: Ask) -> None:
        current, new = ask.texts("current_password", "new_password")
        with _conflict_is(bad_input("current_password", "There is no password yet. Set a first one instead.")):
            await accounts.change_password(ask.actor, current, new)

    async def reset(ask: Ask) -> None:
        (username,) = ask.texts("username")
        # What is no address is said to be none; that tells nobody who has an account.
        await accounts.request_password_reset(check_email(username, field="username"), address=ask.address)

    async def set_initial(ask: Ask) -> None:
        (new,) = ask.texts("new_password")
        with _conflict_is(HubError(Code.FORBIDDEN, "There is a password already. Change it instead.")):
            await accounts.set_initial_password(ask.actor, new)

    async def set_new(ask: Ask) -> None:
        new, code = ask.texts("new_password", "code")
        await accounts.set_new_password(new, code, address=ask.address)

    async def register(ask: Ask) -> dict[str, Any]:
        (email,) = ask.texts("email")
        return {"id": await registration.register(email, ask.text("password"), address=ask.address)}

    async def logout(ask: Ask) -> None:
        if ask.session is not None:
            await sessions.logout(ask.session)
        ask.cookie_to_set = None  # one that is dead goes too

    async def stream_token(ask: Ask) -> dict[str, Any]:
        return {"token": stream_tokens.create(ask.actor)}

    return [
        rest.open_route("/api/auth/login", POST=login),
        rest.open_route("/api/auth/login-with-token", POST=login_with_token),
        rest.route("/api/auth/check", GET=check),
        rest.route("/api/auth/password-change", POST=change),
        rest.open_route("/api/auth/password-reset", POST=reset),
        rest.route("/api/auth/password-set-initial", POST=set_initial),
        rest.open_route("/api/auth/password-set-new", POST=set_new),
        rest.open_route("/api/auth/register", POST=register),
        rest.open_route("/api/auth/logout", POST=logout),
        rest.route("/api/auth/stream-token", GET=stream_token),
    ]


def _begun(ask: Ask, login: Login) -> dict[str, Any]:
    ask.cookie_to_set = login.token
    return {"id": login.user.id}


@contextmanager
def _conflict_is(refusal: HubError) -> Iterator[None]:
    try:
        yield
    except HubError as error:
        if error.code is not Code.CONFLICT:
            raise
        raise refusal from None
