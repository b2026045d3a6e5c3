"""Grants: credentials of controllers for one prefix of one workspace.

A grant is stateless: its claims stand in the session token under a MAC, and the secret follows from the token, so any
process of the hub verifies it, for its whole term and after every restart. The key behind both comes from the hub's
secret. Whether the one that it was given to still stands is looked up beside it (`Grantees`). A grant's prefix shows by
itself which workspace it was given to, so that a new uuid of the workspace takes no photo from it. Where the store
issues credentials itself (STS) and the settings say so, grants are the store's, and the controller talks to the store.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from ofh.backends.ports import StoreRoles
from ofh.domain.objects import issued_to

from .upload_refusals import Reason, UploadRefused

BUCKET = "ofh-media"
"""Of our own endpoint: the first element of its paths. Fixed, since grants outlive changes of settings."""
REGION = "us-east-1"
TERM = timedelta(hours=12)
EARLY_S = 300
"""How much less than the true term is told, so that a device renews in time (dji-pilot-2.md, 3.4)."""
PREFIX_BYTES = 10
PREFIX_LETTERS = 16
"""Of which a grant's own part of its prefix has twice so many: what is random, and whose it is."""
_ID_PREFIX = "ASIA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where controllers upload to, as they reach it."""

    url: str
    """Scheme, host and port alone."""
    bucket: str
    region: str
    provider: str
    """In DJI's words: `aws`, or `minio` for everything else that speaks S3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadGrant:
    """Credentials for one prefix, and where to use them: what `sts` of dji-pilot-2.md, 3.4, tells."""

    endpoint: Endpoint
    object_key_prefix: str
    """Without a slash at either end."""
    access_key_id: str
    access_key_secret: str
    security_token: str
    expire_s: int
    """Seconds from now, somewhat less than the truth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Whoever holds the credentials of one grant of our own."""

    access_key_id: str
    secret: str = field(repr=False)
    prefix: str
    workspace_id: int
    connection_id: int
    """Which one the grant was given to; 0: nobody's in particular."""
    mark: str
    """Of the connection's secret at that time."""
    expires_at: datetime

    @property
    def session(self) -> str:
        """Whose uploads at once are counted together: those of one controller, however many grants it asks for."""
        return f"connection:{self.connection_id}" if self.connection_id else self.prefix


class Grants:
    """Makes grants and verifies them.

    Args:
        key: that tokens and secrets are made with, of this purpose alone.
        endpoint: told with grants; of the store where `roles` are given, else our own.
        roles: of the store; None: grants are our own.
        clock: aware UTC time.
    """

    def __init__(
        self, *, key: bytes, endpoint: Endpoint, roles: StoreRoles | None, clock: Callable[[], datetime]
    ) -> None:
        self.given = 0
        """How many, since the start."""
        self._key = key
        self._endpoint = endpoint
        self._roles = roles
        self._clock = clock

    async def grant(
        self, workspace_uuid: str, workspace_id: int, connection_id: int = 0, mark: str = ""
    ) -> UploadGrant:
        """Credentials that can write below a new prefix of the workspace, for twelve hours, and nothing else.

        Args:
            workspace_uuid: the first element of the prefix.
            connection_id: whose controller it is for, so that it ends with the connection, and what becomes of its
                uploads can be told there.
            mark: what stands for the connection's present secret (`Grantees`).
        Raises:
            HubError: UNAVAILABLE, the store issues the credentials and does not answer.
        """
        chosen = f"{workspace_uuid}/{_letters(secrets.token_bytes(PREFIX_BYTES))}"
        prefix = chosen + self._proof(chosen, workspace_id)
        self.given += 1
        now = self._clock()
        if self._roles is not None:
            made = await self._roles.issue(prefix, TERM)
            term_s = min((made.expires_at - now).total_seconds(), TERM.total_seconds())
            return UploadGrant(
                endpoint=self._endpoint,
                object_key_prefix=prefix,
                access_key_id=made.access_key_id,
                access_key_secret=made.secret,
                security_token=made.token,
                expire_s=max(1, int(term_s) - EARLY_S),
            )
        key_id = _ID_PREFIX + _letters(secrets.token_bytes(10)).upper()
        expires = int((now + TERM).timestamp())
        whose = {"w": workspace_id, "c": connection_id, "m": mark}
        claims = {"a": key_id, "b": BUCKET, "p": prefix, **whose, "e": expires, "o": "w"}
        token = self._token(orjson.dumps(claims))
        return UploadGrant(
            endpoint=self._endpoint,
            object_key_prefix=prefix,
            access_key_id=key_id,
            access_key_secret=self._secret(token),
            security_token=token,
            expire_s=int(TERM.total_seconds()) - EARLY_S,
        )

    def verify(self, access_key_id: str, token: str | None) -> Bearer:
        """Who a token of ours belongs to. That the sender has the secret is still to be shown.

        Raises:
            UploadRefused: NO_SUCH_KEY_ID, TOKEN_INVALID, TOKEN_EXPIRED.
        """
        if token is None:
            raise UploadRefused(
                Reason.NO_SUCH_KEY_ID, "These are no credentials of this hub, or the session token was left out."
            )
        claims = self._claims(token)
        if claims is None:
            raise UploadRefused(Reason.TOKEN_INVALID, "The session token is not one of this hub.")
        if claims["a"] != access_key_id:
            raise UploadRefused(Reason.NO_SUCH_KEY_ID, "The session token belongs to another access key id.")
        expires_at = datetime.fromtimestamp(claims["e"], UTC)
        if claims["b"] != BUCKET or claims["o"] != "w":
            raise UploadRefused(Reason.TOKEN_INVALID, "The session token is for something else.")
        if expires_at <= self._clock():
            raise UploadRefused(Reason.TOKEN_EXPIRED, "The credentials have expired; ask the hub for new ones.")
        return Bearer(
            access_key_id=access_key_id,
            secret=self._secret(token),
            prefix=claims["p"],
            workspace_id=claims["w"],
            connection_id=claims["c"],
            mark=claims["m"],
            expires_at=expires_at,
        )

    def given_to(self, token: str | None) -> int:
        """The connection that a token was given to, also where it has expired; 0 where it is none of ours."""
        claims = self._claims(token or "")
        found: int = 0 if claims is None else claims.get("c", 0)
        return found

    def holds(self, key: str, workspace_uuid: str, workspace_id: int) -> bool:
        """Whether a key that a controller names can have come from a grant to this workspace.

        It then lies below the workspace's uuid and a grant's own element; or below a prefix that was granted to the
        workspace when it had another uuid, as with a controller that had its credentials before. Keys of others, and
        what is no key at all, are False. Whether there is an object, `stat` tells.
        """
        if issued_to(key, workspace_uuid):
            return True
        former, _, rest = key.partition("/")
        chosen, proof = rest[:PREFIX_LETTERS], rest.partition("/")[0][PREFIX_LETTERS:]
        expected = self._proof(f"{former}/{chosen}", workspace_id).encode()
        return hmac.compare_digest(expected, proof.encode("utf-8", "replace")) and issued_to(key, former)

    def _token(self, claims: bytes) -> str:
        return f"{_base64(claims)}.{_base64(hmac.digest(self._key, b'token' + claims, hashlib.sha256))}"

    def _claims(self, token: str) -> dict[str, Any] | None:
        """What a token of ours says; None where it is none."""
        payload = _unbase64(token.partition(".")[0])
        if payload is None or not hmac.compare_digest(self._token(payload).encode(), token.encode("utf-8", "replace")):
            return None
        found: dict[str, Any] = orjson.loads(payload)
        return found

    def _proof(self, chosen: str, workspace_id: int) -> str:
        """The end of a prefix, which shows whom it was granted to."""
        said = f"prefix{workspace_id}/{chosen}".encode("utf-8", "replace")
        return _letters(hmac.digest(self._key, said, hashlib.sha256)[:PREFIX_BYTES])

    def _secret(self, token: str) -> str:
        made = hmac.digest(self._key, b"secret" + token.encode(), hashlib.sha256)
        return _base64(made)[:40]


def _letters(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unbase64(text: str) -> bytes | None:
    if len(text) > 1_000 or not text.isascii():
        return None
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
