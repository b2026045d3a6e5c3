"""People, and what proves who they are. Of a person others see the id and the name only."""

from datetime import datetime

import strawberry

from ofh.edges.graphql.fields import field
from ofh.edges.graphql.visibility import Info
from ofh.store import models


@strawberry.type(
    description="A personal access token: lets a program act as its owner. The token itself is shown once."
)
class AccessToken:
    row: strawberry.Private[models.AccessToken]

    @field("The number to revoke it by.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.row.id))

    @field("What its owner calls it.")
    def name(self) -> str:
        return self.row.name

    @field("When it was made.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @field("When it stops working; null for never.")
    def expires_at(self) -> datetime | None:
        return self.row.expires_at

    @field("When it was last used, to the minute; null if never.")
    def last_used_at(self) -> datetime | None:
        return self.row.last_used_at


@strawberry.type(description="A person. All but `id` and `name` is null for others than oneself.")
class User:
    row: strawberry.Private[models.User]
    has_logged_in: strawberry.Private[bool] = False
    """Just now, by this very operation: it is themselves who read the answer."""

    def is_self(self, info: Info) -> bool:
        """Whether it is themselves who read."""
        if self.has_logged_in:
            return True
        actor = info.context.actor
        return actor is not None and actor.user_id == self.row.id

    @field("The same number as in the REST API.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.row.id))

    @field("What the person wants to be called.")
    def name(self) -> str:
        return self.row.name

    @field("The address to log in with, in lower case. Only for oneself.")
    def email(self, info: Info) -> str | None:
        return self.row.email if self.is_self(info) else None

    @field("The preferred language, as a BCP 47 tag; null if not chosen. Only for oneself.")
    def locale(self, info: Info) -> str | None:
        return self.row.locale if self.is_self(info) else None

    @field("When the account was made. Only for oneself.")
    def created_at(self, info: Info) -> datetime | None:
        return self.row.created_at if self.is_self(info) else None

    @field("Whether a first password is still to be set. Only for oneself.")
    def registration_incomplete(self, info: Info) -> bool | None:
        return self.row.password_hash is None if self.is_self(info) else None

    @field("The personal access tokens. Only for oneself.")
    async def access_tokens(self, info: Info) -> list[AccessToken] | None:
        if not self.is_self(info):
            return None
        rows = await info.context.loaders.access_tokens_of_user.load(self.row.id)
        return [AccessToken(row=row) for row in rows]


@strawberry.type(description="The answer to a log-in.")
class LoginPayload:
    user: User = strawberry.field(description="Who is logged in now.")


@strawberry.type(description="A new personal access token.")
class AccessTokenPayload:
    access_token: AccessToken = strawberry.field(description="What is known of it from now on.")
    token: str = strawberry.field(description="The token itself, for `Authorization: Bearer`. It is shown this once.")


@strawberry.type(description="A short-lived proof for watching video streams.")
class StreamToken:
    token: str = strawberry.field(
        description="Tied to the caller and to watching; a stream starts with it for 5 minutes."
    )
