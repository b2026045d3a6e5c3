"""Uploads of controllers: credentials for one prefix of one workspace, and what may be done with them.

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
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson
import structlog

from ofh.backends.ports import ObjectInfo, ObjectStore, PartInfo, StoreFull, StoreRoles, UploadInfo
from ofh.domain.errors import Code, HubError
from ofh.domain.objects import issued_to, lies_under

from .counters import Counters
from .incoming import Decode, Incoming, Received, Reception

log = structlog.get_logger(__name__)

BUCKET = "ofh-media"
"""Of our own endpoint: the first element of its paths. Fixed, since grants outlive changes of settings."""
REGION = "us-east-1"
TERM = timedelta(hours=12)
EARLY_S = 300
"""How much less than the true term is told, so that a device renews in time (dji-pilot-2.md, 3.4)."""
LEFT_OVER = timedelta(days=1)
MIB = 1024 * 1024
ALMOST_FULL = 0.9
MAX_PARTS = 10_000
UPLOADS_REMEMBERED = 256
PREFIX_BYTES = 10
PREFIX_LETTERS = 16
"""Of which a grant's own part of its prefix has twice so many: what is random, and whose it is."""
_ID_PREFIX = "ASIA"


class Reason(StrEnum):
    """Why an upload was refused, as exactly as its protocol wants to know."""

    NO_SUCH_KEY_ID = "no_such_key_id"
    TOKEN_INVALID = "token_invalid"  # noqa: S105 - a name
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    NOT_ALLOWED = "not_allowed"
    NO_SUCH_UPLOAD = "no_such_upload"
    INVALID_PART = "invalid_part"
    INVALID_PART_ORDER = "invalid_part_order"
    INVALID_ARGUMENT = "invalid_argument"
    PART_TOO_SMALL = "part_too_small"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    EXISTS = "exists"


_CODES = {
    Reason.NO_SUCH_KEY_ID: Code.UNAUTHENTICATED,
    Reason.TOKEN_INVALID: Code.UNAUTHENTICATED,
    Reason.TOKEN_EXPIRED: Code.UNAUTHENTICATED,
    Reason.NOT_ALLOWED: Code.FORBIDDEN,
    Reason.NO_SUCH_UPLOAD: Code.GONE,
    Reason.TOO_LARGE: Code.TOO_LARGE,
    Reason.TOO_MANY: Code.RATE_LIMITED,
    Reason.EXISTS: Code.CONFLICT,
}


class UploadRefused(HubError):
    """A refusal with its exact reason."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(_CODES.get(reason, Code.BAD_INPUT), message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRules:
    """The numbers (security.md, U1 and section 7); each is a setting."""

    object_bytes: int = 20_480 * MIB
    put_bytes: int = 5_120 * MIB
    """Of a body: an object in one piece, or a part."""
    part_bytes: int = 5 * MIB
    """Every part but the last has at least so many."""
    parts: int = MAX_PARTS
    at_once: int = 32
    """Objects being uploaded, in one process."""
    parts_at_once: int = 16
    """Bodies for one object under way at once."""
    per_session: int = 4
    """Objects that one controller may be uploading, in one process."""
    begun: int = 1_000
    """Uploads in parts that a workspace may have begun and neither completed nor dropped. The store lists no more."""


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


class Uploads:
    """Grants, and uploads under them.

    Args:
        key: that tokens and secrets are made with, of this purpose alone.
        reception: where bodies come in.
        endpoint: told with grants; of the store where `roles` are given, else our own.
        roles: of the store; None: grants are our own.
        expect: told of each object before it is there; nobody has said yet that it is up.
        clock: aware UTC time.
    """

    def __init__(
        self,
        store: ObjectStore,
        reception: Reception,
        counters: Counters,
        *,
        key: bytes,
        endpoint: Endpoint,
        roles: StoreRoles | None,
        expect: Callable[[str], Awaitable[None]],
        clock: Callable[[], datetime],
        rules: UploadRules | None = None,
    ) -> None:
        self.rules = rules or UploadRules()
        self._store = store
        self._reception = reception
        self._counters = counters
        self._key = key
        self._endpoint = endpoint
        self._roles = roles
        self._expect = expect
        self._clock = clock
        self._busy: dict[str, int] = {}
        """Object → bodies for it under way."""
        self._of_session: Counter[str] = Counter()
        """Session → objects of it among these."""
        self._parts: OrderedDict[str, dict[int, int]] = OrderedDict()
        """Upload → number and size of its parts, as far as this process knows."""
        self._counts: dict[str, int] = {}
        self._used = 0.0

    # Grants

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
        self._count("grants")
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

    # What callbacks ask

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

    async def stat(self, key: str) -> ObjectInfo | None:
        """The uploaded object; None where there is none (yet).

        Raises:
            HubError: BAD_INPUT, this is no key; UNAVAILABLE, the store is away.
        """
        return await self._store.stat(key)

    # Uploading; each raises UploadRefused, or HubError UNAVAILABLE where the store is away or full

    def require(self, bearer: Bearer, key: str) -> None:
        """Refuse what does not lie below the bearer's prefix."""
        if not lies_under(key, bearer.prefix):
            raise UploadRefused(Reason.NOT_ALLOWED, "Access Denied")

    def require_listing(self, bearer: Bearer, prefix: str) -> str:
        """The prefix to list uploads under way by: the one asked for, narrowed to the bearer's own."""
        own = f"{bearer.prefix}/"
        if prefix.startswith(own):
            return prefix
        if own.startswith(prefix):
            return own
        raise UploadRefused(Reason.NOT_ALLOWED, "Access Denied")

    @asynccontextmanager
    async def receive(
        self,
        key: str,
        *,
        session: str,
        announced: int | None,
        digests: Iterable[str] = (),
        decode: Decode | None = None,
    ) -> AsyncIterator[Incoming]:
        """Take in a body for an object: in one piece, or a part of it.

        Args:
            session: of the bearer.
            announced: bytes that were announced; None where nothing was.
        """
        limit = min(self.rules.put_bytes, self.rules.object_bytes)
        if announced is not None and announced > limit:
            raise self._too_large(limit)
        with self._slot(key, session):
            await self._require_room(announced or 0)
            try:
                async with self._received(limit, digests, decode) as incoming:
                    yield incoming
            except StoreFull:
                self._is_full()
                raise

    async def put(self, key: str, received: Received, *, content_type: str, only_new: bool = False) -> ObjectInfo:
        """Make the object of a body. `only_new`: refuse where there is one already."""
        if only_new:
            await self._require_new(key)
        await self._expect(key)
        info = await self._store.put(key, received.path, content_type=content_type, md5=received.md5)
        self._stored(received)
        self._count("objects")
        return info

    async def begin(self, key: str, *, content_type: str) -> str:
        """Begin an upload in parts; its id.

        What was begun and left takes room until it is a day old, so there is an end to it.
        """
        await self._require_room(0)
        workspace = f"{key.partition('/')[0]}/"
        if len(await self._store.list_uploads(workspace)) >= self.rules.begun:
            self._counters.dropped("uploads_begun")
            raise UploadRefused(
                Reason.TOO_MANY, "Too many uploads were begun and neither completed nor aborted. Abort some of them."
            )
        return await self._store.begin(key, content_type=content_type)

    async def require_part(self, key: str, upload_id: str, number: int, announced: int | None) -> None:
        """Refuse a part before its body comes."""
        if not 1 <= number <= self.rules.parts:
            raise UploadRefused(
                Reason.INVALID_ARGUMENT, f"Part number must be an integer between 1 and {self.rules.parts}, inclusive"
            )
        sizes = await self._sizes(key, upload_id)
        others = sum(size for other, size in sizes.items() if other != number)
        if others + (announced or 0) > self.rules.object_bytes:
            raise self._too_large(self.rules.object_bytes)

    async def put_part(self, key: str, upload_id: str, number: int, received: Received) -> PartInfo:
        """Store a part."""
        await self.require_part(key, upload_id, number, received.size_bytes)
        try:
            part = await self._store.put_part(key, upload_id, number, received.path, md5=received.md5)
        except HubError as error:
            self._parts.pop(upload_id, None)
            raise _unknown(error) from error
        self._parts.setdefault(upload_id, {})[number] = part.size_bytes
        self._stored(received)
        self._count("parts")
        return part

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        """The parts that are there."""
        try:
            return await self._store.list_parts(key, upload_id)
        except HubError as error:
            raise _unknown(error) from error

    async def list_uploads(self, prefix: str) -> list[UploadInfo]:
        """Uploads under way."""
        return await self._store.list_uploads(prefix)

    async def complete(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[tuple[int, str]],
        *,
        announced: int | None = None,
        only_new: bool = False,
    ) -> ObjectInfo:
        """Make the object of its parts; a second time, the same answer.

        Args:
            parts: number and ETag.
            announced: bytes that the object shall have; None where nothing was said.
            only_new: refuse where there is an object already.
        """
        numbers = [number for number, _ in parts]
        if not parts or len(parts) > self.rules.parts:
            raise UploadRefused(Reason.INVALID_ARGUMENT, f"An object has from 1 to {self.rules.parts} parts.")
        if numbers != sorted(set(numbers)):
            raise UploadRefused(
                Reason.INVALID_PART_ORDER, "The list of parts was not in ascending order, or names one twice."
            )
        self._parts.pop(upload_id, None)
        try:
            there = {part.number: part for part in await self._store.list_parts(key, upload_id)}
        except HubError as error:
            if error.code is not Code.GONE:
                raise
        else:
            self._check_parts(there, parts, announced)
            if only_new:
                await self._require_new(key)
        await self._expect(key)
        try:
            info = await self._store.complete(key, upload_id, parts)
        except HubError as error:
            if error.code is Code.CONFLICT:
                raise _invalid_part() from error
            raise _unknown(error) from error
        self._count("objects")
        return info

    async def abort(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts."""
        self._parts.pop(upload_id, None)
        await self._store.abort(key, upload_id)

    # Upkeep

    async def tidy(self) -> None:
        """Remove what broken uploads left."""
        removed = await self._store.tidy(LEFT_OVER) + await self._reception.tidy()
        if removed:
            log.info("left-overs of uploads removed", number=removed)

    async def look(self) -> None:
        """See how full the store is, for the metrics."""
        spaces = [await self._reception.space(), await self._store.space()]
        self._used = max(1 - space.free_bytes / space.total_bytes for space in spaces if space is not None)

    @property
    def used(self) -> float:
        """How full the store, or the disk that bodies come in on, is: from 0 to 1."""
        return self._used

    @property
    def is_almost_full(self) -> bool:
        """Whether somebody should make room."""
        return self._used >= ALMOST_FULL

    @property
    def under_way(self) -> int:
        """Objects being uploaded."""
        return len(self._busy)

    def counts(self) -> Mapping[str, int]:
        """What has happened since the start, by name; only ever grows."""
        return self._counts

    # Inside

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

    def _received(
        self, limit: int, digests: Iterable[str], decode: Decode | None
    ) -> AbstractAsyncContextManager[Incoming]:
        return self._reception.receive(limit_bytes=limit, digests=digests, decode=decode)

    def _slot(self, key: str, session: str) -> "_Slot":
        bodies = self._busy.get(key, 0)
        is_one_too_many = not bodies and (
            len(self._busy) >= self.rules.at_once or self._of_session[session] >= self.rules.per_session
        )
        if is_one_too_many or bodies >= self.rules.parts_at_once:
            self._counters.dropped("uploads_at_once")
            raise UploadRefused(Reason.TOO_MANY, "Too many uploads at once. Please reduce your request rate.")
        return _Slot(self._busy, self._of_session, key, session)

    async def _require_new(self, key: str) -> None:
        if await self._store.stat(key) is not None:
            raise UploadRefused(Reason.EXISTS, "There is an object under this key already.")

    async def _require_room(self, wanted: int) -> None:
        """Refuse what will not fit, before it comes."""
        free = (await self._reception.space()).free_bytes
        if free <= wanted:
            log.error("the storage is full", free_mib=free // MIB, wanted_mib=wanted // MIB)
            self._is_full()
            raise StoreFull

    def _is_full(self) -> None:
        self._count("full")
        self._used = 1.0

    async def _sizes(self, key: str, upload_id: str) -> dict[int, int]:
        """Sizes of the parts of an upload, which is under way."""
        sizes = self._parts.get(upload_id)
        if sizes is None:
            sizes = {part.number: part.size_bytes for part in await self.list_parts(key, upload_id)}
            self._parts[upload_id] = sizes
            while len(self._parts) > UPLOADS_REMEMBERED:
                self._parts.popitem(last=False)
        else:
            self._parts.move_to_end(upload_id)
        return sizes

    def _check_parts(self, there: dict[int, PartInfo], parts: Sequence[tuple[int, str]], announced: int | None) -> None:
        total = 0
        for number, etag in parts:
            part = there.get(number)
            if part is None or part.etag != etag:
                raise _invalid_part()
            if part.size_bytes < self.rules.part_bytes and number != parts[-1][0]:
                raise UploadRefused(
                    Reason.PART_TOO_SMALL, "Your proposed upload is smaller than the minimum allowed size"
                )
            total += part.size_bytes
        if total > self.rules.object_bytes:
            raise self._too_large(self.rules.object_bytes)
        if announced is not None and announced != total:
            raise UploadRefused(Reason.INVALID_ARGUMENT, "The object's size is not the sum of its parts.")

    def _too_large(self, limit: int) -> UploadRefused:
        self._counters.dropped("upload_too_large")
        return UploadRefused(Reason.TOO_LARGE, f"Your proposed upload exceeds the maximum allowed size: {limit} bytes")

    def _stored(self, received: Received) -> None:
        self._count("bytes", received.size_bytes)

    def _count(self, what: str, number: int = 1) -> None:
        self._counts[what] = self._counts.get(what, 0) + number


class _Slot:
    """One of the bodies that may come in at once."""

    def __init__(self, busy: dict[str, int], of_session: Counter[str], key: str, session: str) -> None:
        self._busy = busy
        self._of_session = of_session
        self._key = key
        self._session = session

    def __enter__(self) -> None:
        if self._key not in self._busy:
            self._of_session[self._session] += 1
        self._busy[self._key] = self._busy.get(self._key, 0) + 1

    def __exit__(self, *_: object) -> None:
        self._busy[self._key] -= 1
        if not self._busy[self._key]:
            del self._busy[self._key]
            self._of_session[self._session] -= 1
            if not self._of_session[self._session]:
                del self._of_session[self._session]


def _unknown(error: HubError) -> HubError:
    if error.code is Code.GONE:
        return UploadRefused(
            Reason.NO_SUCH_UPLOAD, "The specified upload does not exist. It may have been aborted or completed."
        )
    return error


def _invalid_part() -> UploadRefused:
    return UploadRefused(
        Reason.INVALID_PART, "One or more of the specified parts could not be found, or its ETag is another."
    )


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
