"""Personal access tokens, with which programs act for a person. What they open is `Sessions`' matter.

The text of a token is shown once, when it is made; kept is its digest.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, bad_input, gone, refusal, unauthenticated
from ofh.domain.reasons import Reason
from ofh.store.database import Database
from ofh.store.models import AccessToken, User

from .audit import Audit, Event
from .codes import digest, new_token
from .names import check_id, check_name
from .sessions import SessionEnded, Sessions

PREFIX = "ofh_pat_"
"""A mark by which scanners find tokens that were published by mistake."""
MAX_TOKENS = 100
"""Of one user: the list is shown whole."""


class AccessTokens:
    """Makes, lists and revokes them.

    Args:
        clock: the hub's time, UTC.
    """

    def __init__(self, *, database: Database, sessions: Sessions, audit: Audit, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._sessions = sessions
        self._audit = audit
        self._clock = clock

    async def create(self, actor: Actor, name: str, expires_at: datetime | None = None) -> tuple[AccessToken, str]:
        """A token with which a program acts as the actor; the text is shown this once.

        Raises:
            HubError: BAD_INPUT; CONFLICT, there are too many; UNAUTHENTICATED, the actor's account has gone.
        """
        name = check_name(name)
        now = self._clock()
        if expires_at is not None:
            if expires_at.tzinfo is None:
                raise bad_input("expires_at", "This time needs an offset from UTC.")
            if expires_at <= now:
                raise bad_input("expires_at", Reason.TIME_PASSED)
            expires_at = _in_utc(expires_at)
        token = PREFIX + new_token()
        async with self._database.transaction():
            # The user's row is the lock under which the tokens are counted.
            if await User.filter(id=actor.user_id).select_for_update().get_or_none() is None:
                raise unauthenticated()
            if await AccessToken.filter(user_id=actor.user_id).count() >= MAX_TOKENS:
                raise refusal(Code.CONFLICT, Reason.TOO_MANY_TOKENS, most=MAX_TOKENS)
            row = await AccessToken.create(
                user_id=actor.user_id, name=name, digest=digest(token), created_at=now, expires_at=expires_at
            )
            await self._audit.by(actor, Event.ACCESS_TOKEN_CREATED, object=f"access_token:{row.id}")
        return row, token

    async def revoke(self, actor: Actor, token_id: int) -> None:
        """End one of the actor's own tokens; the operator ends anybody's.

        Raises:
            HubError: GONE.
        """
        check_id(token_id, "access token")
        async with self._database.transaction():
            row = await AccessToken.filter(id=token_id).select_for_update().get_or_none()
            if row is None or (row.user_id != actor.user_id and actor.credential != "cli"):
                raise gone("access token")
            await row.delete()
            await self._audit.by(actor, Event.ACCESS_TOKEN_REVOKED, object=f"access_token:{token_id}")
        await self._sessions.announce(SessionEnded(user_id=row.user_id, credential="token", credential_id=token_id))

    async def of(self, actor: Actor) -> list[AccessToken]:
        """The actor's own tokens, oldest first."""
        return await AccessToken.filter(user_id=actor.user_id).order_by("id")


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise bad_input("expires_at", "This time is out of range.") from None
