"""Stream tokens: short-lived proofs of who watches, which a player shows to the media server and that to the hub.

They are statements under a MAC: any process of the hub can check them, and nothing is kept of them.
"""

import base64
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from ofh.domain.actors import Actor

LIFETIME = timedelta(minutes=5)
_VIEW = "view-streams"


class StreamTokens:
    """Makes and reads them.

    Args:
        key: what they are signed with, the same in every process of a hub.
        clock: the hub's time, UTC.
    """

    def __init__(self, *, key: bytes, clock: Callable[[], datetime]) -> None:
        self._key = key
        self._clock = clock

    def create(self, actor: Actor) -> str:
        """A proof that the bearer watches for the actor; to be shown within 5 minutes when a stream starts."""
        until = int((self._clock() + LIFETIME).timestamp())
        statement = f"{_VIEW}.{actor.user_id}.{until}.{secrets.token_urlsafe(8)}"
        return f"{statement}.{self._signature(statement)}"

    def viewer(self, token: str) -> int | None:
        """The user whom a token was made for; None where it is none of ours or too old. Their right to the stream is
        still to be checked.
        """
        statement, _, signature = token.rpartition(".")
        try:
            genuine = hmac.compare_digest(signature.encode(), self._signature(statement).encode())
        except UnicodeEncodeError:
            return None
        if not genuine:
            return None
        _, user_id, until, _ = statement.split(".")
        return int(user_id) if self._clock().timestamp() <= int(until) else None

    def _signature(self, statement: str) -> str:
        tag = hmac.digest(self._key, statement.encode(), "sha256")
        return base64.urlsafe_b64encode(tag).decode().rstrip("=")
