"""Codes that work once: login links, password resets, invitations, confirmations of an address (security.md, P4).

A code is 256 random bits, of which the database holds a digest. It is bound to one account and one purpose; a new one
of the same purpose ends the one before it.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ofh.store.database import Database
from ofh.store.models import OneTimeToken, User

from .names import is_id

MAX_TOKEN_LENGTH = 128
"""Characters of the longest token that is looked up; all of ours are shorter."""


class Purpose(StrEnum):
    """What a code is good for."""

    LOGIN = "login"
    RESET = "reset"
    INVITATION = "invitation"
    EMAIL = "email"


LIFETIMES: Mapping[Purpose, timedelta] = {
    Purpose.LOGIN: timedelta(minutes=10),
    Purpose.RESET: timedelta(minutes=30),
    Purpose.INVITATION: timedelta(days=7),
    Purpose.EMAIL: timedelta(days=1),
}


def new_token() -> str:
    """256 bits from the operating system, in 43 characters of `[A-Za-z0-9_-]`."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """The stored form of a token: SHA-256, in hexadecimal. Tokens are random, so a slow hash would add nothing."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Codes:
    """Makes and redeems codes.

    Args:
        lifetimes: how long a code of each purpose is good.
        clock: the hub's time, UTC.
    """

    def __init__(
        self,
        database: Database,
        *,
        lifetimes: Mapping[Purpose, timedelta] = LIFETIMES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._lifetimes = {**LIFETIMES, **lifetimes}
        self._clock = clock

    async def issue(self, user_id: int, purpose: Purpose) -> str | None:
        """A new code, good for its purpose's lifetime; None where there is no such user any more."""
        if not is_id(user_id):
            return None
        code = new_token()
        async with self._database.transaction():
            # The user's row is the lock: of two codes issued at once the later one stays.
            if await User.filter(id=user_id).select_for_update().get_or_none() is None:
                return None
            await OneTimeToken.filter(user_id=user_id, purpose=purpose.value).delete()
            await OneTimeToken.create(
                user_id=user_id,
                purpose=purpose.value,
                digest=digest(code),
                expires_at=self._clock() + self._lifetimes[purpose],
            )
        return code

    async def peek(self, code: str, purposes: Collection[Purpose]) -> int | None:
        """Whose code this is, without using it up; None where it is none that works."""
        if len(code) > MAX_TOKEN_LENGTH:
            return None
        row = await OneTimeToken.get_or_none(
            digest=digest(code), purpose__in=[purpose.value for purpose in purposes], expires_at__gt=self._clock()
        )
        return None if row is None else row.user_id

    async def redeem(self, code: str, purposes: Collection[Purpose]) -> int | None:
        """Use a code up: the account it is bound to, for one caller only, however many try at once."""
        if len(code) > MAX_TOKEN_LENGTH:
            return None
        row = await OneTimeToken.get_or_none(digest=digest(code), purpose__in=[purpose.value for purpose in purposes])
        if row is None:
            return None
        won = await OneTimeToken.filter(id=row.id).delete() == 1
        return row.user_id if won and row.expires_at > self._clock() else None

    async def revoke(self, user_id: int, purposes: Collection[Purpose] = tuple(Purpose)) -> None:
        """End the codes of an account."""
        await OneTimeToken.filter(user_id=user_id, purpose__in=[purpose.value for purpose in purposes]).delete()

    async def prune(self) -> int:
        """Delete codes past their time; returns how many there were."""
        return await OneTimeToken.filter(expires_at__lte=self._clock()).delete()
