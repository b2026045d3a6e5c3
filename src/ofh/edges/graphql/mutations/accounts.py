"""Log-in and -out, passwords, one's own account and tokens."""

from datetime import datetime
from typing import Annotated

import strawberry

from ofh.edges.graphql.arguments import given
from ofh.edges.graphql.types.accounts import (
    AccessToken,
    AccessTokenPayload,
    LoginPayload,
    StreamToken,
    User,
)
from ofh.edges.graphql.visibility import Info
from ofh.edges.ids import number

from .base import mutation

NewPassword = Annotated[
    str,
    strawberry.argument(
        description="8 to 72 bytes of UTF-8, taken as given; none of the most common passwords, nor the own address."
    ),
]


@strawberry.type
class AccountMutations:
    @mutation(
        "Log in with a password. Sets the session cookie, so it works over HTTP only; programs use an access token."
    )
    async def login(
        self,
        info: Info,
        username: Annotated[str, strawberry.argument(description="The e-mail address of the account.")],
        password: Annotated[str, strawberry.argument(description="At most 72 bytes of UTF-8, taken as given.")],
    ) -> LoginPayload:
        context = info.context
        context.require_http()
        login = await context.services.sessions.login(username, password, address=context.address)
        context.set_cookie(login.token)
        return LoginPayload(user=User(row=login.user, has_logged_in=True))

    @mutation(
        "Log in with a one-time token, as it stands in an invitation or a log-in link. Sets the session cookie, so it "
        "works over HTTP only."
    )
    async def login_with_token(
        self,
        info: Info,
        token: Annotated[str, strawberry.argument(description="The token. It works once.")],
    ) -> LoginPayload:
        context = info.context
        context.require_http()
        login = await context.services.sessions.login_with_token(token, address=context.address)
        context.set_cookie(login.token)
        return LoginPayload(user=User(row=login.user, has_logged_in=True))

    @mutation("End the caller's session. All that hangs on it, sockets too, ends within seconds.")
    async def logout(self, info: Info) -> bool:
        context = info.context
        await context.services.sessions.logout(context.require_actor())
        context.clear_cookie()
        return True

    @mutation("Change the caller's password. Ends all other sessions of theirs.")
    async def change_password(
        self,
        info: Info,
        current_password: Annotated[str, strawberry.argument(description="The password in force.")],
        new_password: NewPassword,
    ) -> bool:
        actor = info.context.require_actor()
        await info.context.services.accounts.change_password(actor, current_password, new_password)
        return True

    @mutation("Have a code for a new password sent by mail. The answer is the same whether or not there is an account.")
    async def request_password_reset(
        self,
        info: Info,
        username: Annotated[str, strawberry.argument(description="The e-mail address of the account.")],
    ) -> bool:
        context = info.context
        await context.services.accounts.request_password_reset(username, address=context.address)
        return True

    @mutation("Set the caller's first password. `CONFLICT` where there is one already.")
    async def set_initial_password(self, info: Info, new_password: NewPassword) -> bool:
        actor = info.context.require_actor()
        await info.context.services.accounts.set_initial_password(actor, new_password)
        return True

    @mutation("Set a new password by the code from the mail. Ends all sessions of the account.")
    async def set_new_password(
        self,
        info: Info,
        new_password: NewPassword,
        code: Annotated[str, strawberry.argument(description="The code from the mail. It works once, for 30 minutes.")],
    ) -> bool:
        context = info.context
        await context.services.accounts.set_new_password(new_password, code, address=context.address)
        return True

    @mutation("Put a new e-mail address in force by the code that was sent to it. Needs no log-in.")
    async def confirm_email(
        self,
        info: Info,
        code: Annotated[str, strawberry.argument(description="The code from the mail. It works once.")],
    ) -> bool:
        context = info.context
        await context.services.accounts.confirm_email(code, address=context.address)
        return True

    @mutation("Change the caller's account. What is left out stays as it is.")
    async def update_user(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The caller's own id.")],
        name: Annotated[
            str | None, strawberry.argument(description="What they want to be called: 1 to 255 bytes; not null.")
        ] = strawberry.UNSET,
        email: Annotated[
            str | None,
            strawberry.argument(
                description="The address to log in with; not null. Where mail is set up, it holds once confirmed."
            ),
        ] = strawberry.UNSET,
        locale: Annotated[
            str | None, strawberry.argument(description="The preferred language, as a BCP 47 tag; null clears it.")
        ] = strawberry.UNSET,
    ) -> User:
        actor = info.context.require_actor()
        changes = given(name=name, email=email, locale=locale, clearable=frozenset({"locale"}))
        row = await info.context.services.accounts.update_user(actor, number(id, "id"), **changes)
        return User(row=row)

    @mutation("Make a personal access token, with which a program acts as the caller.")
    async def create_access_token(
        self,
        info: Info,
        name: Annotated[str, strawberry.argument(description="What to call it: 1 to 255 bytes.")],
        expires_at: Annotated[
            datetime | None, strawberry.argument(description="When it stops working; never if left out or null.")
        ] = strawberry.UNSET,
    ) -> AccessTokenPayload:
        actor = info.context.require_actor()
        row, token = await info.context.services.access_tokens.create(actor, name, expires_at or None)
        return AccessTokenPayload(access_token=AccessToken(row=row), token=token)

    @mutation("End one of the caller's personal access tokens, at once.")
    async def revoke_access_token(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The token's id.")]
    ) -> bool:
        actor = info.context.require_actor()
        await info.context.services.access_tokens.revoke(actor, number(id, "id"))
        return True

    @mutation("Make a short-lived token for watching video streams.")
    async def create_stream_token(self, info: Info) -> StreamToken:
        actor = info.context.require_actor()
        return StreamToken(token=info.context.services.stream_tokens.create(actor))
