"""Uploads of controllers: what may be done under a grant (`Grants`), and the bookkeeping of what is under way."""

from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from ofh.backends.ports import ObjectInfo, ObjectStore, PartInfo, StoreFull, UploadInfo
from ofh.domain.errors import Code, HubError
from ofh.domain.objects import lies_under
from ofh.domain.tallies import give_back

from .counters import Counters
from .grants import Bearer
from .incoming import Decode, Incoming, Received, Reception
from .upload_refusals import Reason, UploadRefused

log = structlog.get_logger(__name__)

LEFT_OVER = timedelta(days=1)
MIB = 1024 * 1024
ALMOST_FULL = 0.9
MAX_PARTS = 10_000
UPLOADS_REMEMBERED = 256


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


class Uploads:
    """Uploads under grants.

    Args:
        reception: where bodies come in.
        expect: told of each object before it is there; nobody has said yet that it is up.
    """

    def __init__(
        self,
        store: ObjectStore,
        reception: Reception,
        counters: Counters,
        *,
        expect: Callable[[str], Awaitable[None]],
        rules: UploadRules | None = None,
    ) -> None:
        self.rules = rules or UploadRules()
        self._store = store
        self._reception = reception
        self._counters = counters
        self._expect = expect
        self._busy: Counter[str] = Counter()
        """Object → bodies for it under way."""
        self._of_session: Counter[str] = Counter()
        """Session → objects of it among these."""
        self._parts: OrderedDict[str, dict[int, int]] = OrderedDict()
        """Upload → number and size of its parts, as far as this process knows."""
        self._counts: dict[str, int] = {}
        self._used = 0.0

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

    def __init__(self, busy: Counter[str], of_session: Counter[str], key: str, session: str) -> None:
        self._busy = busy
        self._of_session = of_session
        self._key = key
        self._session = session

    def __enter__(self) -> None:
        if self._key not in self._busy:
            self._of_session[self._session] += 1
        self._busy[self._key] += 1

    def __exit__(self, *_: object) -> None:
        give_back(self._busy, self._key)
        if self._key not in self._busy:
            give_back(self._of_session, self._session)


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
