"""Objects in a bucket of an S3 server: AWS, MinIO, SeaweedFS and their like.

aioboto3 is imported at the first use, which takes most of a second. Bodies go out unsigned with a Content-MD5: signing
them would read each file a second time, on the event loop, while the MD5 is known already. Checksums of the newer kinds
are left out where an operation does not demand them, since not every server knows them.
"""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import structlog

from ofh.domain.errors import Code, HubError, bad_input, gone
from ofh.domain.objects import key_fault
from ofh.domain.s3_place import S3Place

from .objects_local import combined_etag
from .ports import MAX_CHUNK_BYTES, ObjectInfo, PartInfo, Space, StoreCredentials, StoreFull, UploadInfo

T = TypeVar("T")

log = structlog.get_logger(__name__)

CONNECT_S = 5.0
READ_S = 60.0
CHECK_S = 5.0
"""How long `check` waits, which the others' patience would make minutes."""
ATTEMPTS = 4
CONNECTIONS = 64
MAX_LISTED = 1_000
READ_TRIES = 3
"""How often a download that breaks off is taken up again where it stopped."""

_GONE = frozenset({"NoSuchKey", "NoSuchUpload", "404", "NotFound"})
_FULL = frozenset(
    {"InsufficientStorage", "XMinioStorageFull", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "507"}
    | {"StorageFull", "InsufficientStorageException"}
)
_CONFLICT = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall"})
_TOO_LONG = frozenset({"ValidationError", "InvalidParameterValue"})

LONGEST = timedelta(hours=12)
ORDINARY = timedelta(hours=1)
"""What every role grants; some grant no more."""


class S3Store:
    """Fulfils `ObjectStore` with a bucket.

    Args:
        clock: aware UTC time.
    """

    def __init__(self, place: S3Place, clock: Callable[[], datetime]) -> None:
        self._place = place
        self._clock = clock
        self._stack = AsyncExitStack()
        self._lock = asyncio.Lock()
        self._opened: Any = None

    async def start(self) -> None:
        """See `ObjectStore`; the client is made when it is first needed."""

    async def stop(self) -> None:
        """See `ObjectStore`."""
        self._opened = None
        await self._stack.aclose()

    async def stat(self, key: str) -> ObjectInfo | None:
        """See `ObjectStore`."""
        try:
            head = await self._ask("head_object", Key=_checked(key))
        except HubError as error:
            if error.code is Code.GONE:
                return None
            raise
        return ObjectInfo(
            key=key,
            size_bytes=head["ContentLength"],
            content_type=head.get("ContentType", ""),
            etag=_unquoted(head["ETag"]),
            modified_at=head["LastModified"].astimezone(UTC),
        )

    async def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `ObjectStore`. A download that breaks off is taken up where it stopped, of the same version."""
        head = await self.stat(key)
        if head is None:
            raise gone("object")
        end = head.size_bytes if end is None else min(end, head.size_bytes)
        tries = 0
        while start < end:
            try:
                body = (
                    await self._ask("get_object", Key=key, Range=f"bytes={start}-{end - 1}", IfMatch=f'"{head.etag}"')
                )["Body"]
                with _told():
                    async with body:
                        while piece := await body.read(MAX_CHUNK_BYTES):
                            start += len(piece)
                            tries = 0
                            yield piece
                        if start < end:
                            raise HubError(Code.UNAVAILABLE, "The object store ended a download too early.")
            except HubError as error:
                tries += 1
                if error.code is not Code.UNAVAILABLE or tries >= READ_TRIES:
                    raise
                await asyncio.sleep(0.2 * 2**tries)

    async def put(self, key: str, source: Path, *, content_type: str, md5: bytes | None = None) -> ObjectInfo:
        """See `ObjectStore`."""
        size = (await asyncio.to_thread(source.stat)).st_size
        answer = await self._send(source, md5, "put_object", Key=_checked(key), ContentType=content_type)
        return ObjectInfo(
            key=key,
            size_bytes=size,
            content_type=content_type,
            etag=_unquoted(answer["ETag"]),
            modified_at=self._clock(),
        )

    async def delete(self, key: str) -> None:
        """See `ObjectStore`."""
        await self._ask("delete_object", Key=_checked(key))

    async def begin(self, key: str, *, content_type: str) -> str:
        """See `ObjectStore`."""
        answer = await self._ask("create_multipart_upload", Key=_checked(key), ContentType=content_type)
        return str(answer["UploadId"])

    async def put_part(
        self, key: str, upload_id: str, number: int, source: Path, *, md5: bytes | None = None
    ) -> PartInfo:
        """See `ObjectStore`."""
        size = (await asyncio.to_thread(source.stat)).st_size
        try:
            answer = await self._send(
                source, md5, "upload_part", Key=_checked(key), UploadId=upload_id, PartNumber=number
            )
        except HubError as error:
            await self._look_again(error, key, upload_id)
            raise
        return PartInfo(number=number, size_bytes=size, etag=_unquoted(answer["ETag"]), modified_at=self._clock())

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        """See `ObjectStore`."""
        found: list[PartInfo] = []
        marker = 0
        while True:
            answer = await self._ask(
                "list_parts", Key=_checked(key), UploadId=upload_id, MaxParts=1_000, PartNumberMarker=marker
            )
            found.extend(
                PartInfo(
                    number=part["PartNumber"],
                    size_bytes=part["Size"],
                    etag=_unquoted(part["ETag"]),
                    modified_at=part["LastModified"].astimezone(UTC),
                )
                for part in answer.get("Parts", ())
            )
            if not answer.get("IsTruncated") or not answer.get("Parts"):
                return found
            marker = found[-1].number

    async def list_uploads(self, prefix: str) -> list[UploadInfo]:
        """See `ObjectStore`."""
        answer = await self._ask("list_multipart_uploads", Prefix=prefix, MaxUploads=MAX_LISTED)
        found = [
            UploadInfo(key=upload["Key"], upload_id=upload["UploadId"], begun_at=upload["Initiated"].astimezone(UTC))
            for upload in answer.get("Uploads", ())
            if upload["Key"].startswith(prefix)
        ]
        return sorted(found, key=lambda upload: (upload.key, upload.begun_at))

    async def complete(self, key: str, upload_id: str, parts: Sequence[tuple[int, str]]) -> ObjectInfo:
        """See `ObjectStore`."""
        listed = [{"PartNumber": number, "ETag": f'"{etag}"'} for number, etag in parts]
        try:
            await self._ask(
                "complete_multipart_upload", Key=_checked(key), UploadId=upload_id, MultipartUpload={"Parts": listed}
            )
        except HubError as error:
            if error.code not in (Code.GONE, Code.UNAVAILABLE):
                raise
            info = await self.stat(key)
            if info is not None and info.etag == combined_etag([etag for _, etag in parts]):
                return info
            await self._look_again(error, key, upload_id)
            raise
        info = await self.stat(key)
        if info is None:
            raise HubError(Code.UNAVAILABLE, "The object store does not have what it said it stored.")
        return info

    async def abort(self, key: str, upload_id: str) -> None:
        """See `ObjectStore`."""
        try:
            await self._ask("abort_multipart_upload", Key=_checked(key), UploadId=upload_id)
        except HubError as error:
            if error.code is not Code.GONE:
                raise

    async def tidy(self, age: timedelta) -> int:
        """See `ObjectStore`. The bucket is the hub's own: what others upload into it in parts is dropped as well."""
        old = [upload for upload in await self.list_uploads("") if upload.begun_at < self._clock() - age]
        for upload in old:
            try:
                await self._ask("abort_multipart_upload", Key=upload.key, UploadId=upload.upload_id)
            except HubError as error:
                if error.code is not Code.GONE:
                    raise
        return len(old)

    async def check(self) -> None:
        """See `ObjectStore`."""
        try:
            async with asyncio.timeout(CHECK_S):
                await self._ask("head_bucket")
        except TimeoutError:
            raise HubError(Code.UNAVAILABLE, "The object store is away, or too slow.") from None
        except HubError as error:
            if error.code is Code.UNAVAILABLE:
                raise
            raise HubError(Code.UNAVAILABLE, "The object store has no such bucket.") from error

    async def space(self) -> Space | None:
        """See `ObjectStore`: a bucket does not tell."""
        return None

    async def _look_again(self, error: HubError, key: str, upload_id: str) -> None:
        """After a refusal without a reason: some servers fail where they should say that they know no such upload.

        Raises:
            HubError: GONE.
        """
        if error.code is Code.UNAVAILABLE and not isinstance(error, StoreFull):
            await self.list_parts(key, upload_id)

    async def _send(self, source: Path, md5: bytes | None, operation: str, **named: Any) -> Any:
        """Send a file as a body; gone once it is stored."""
        if md5 is None:
            md5 = await asyncio.to_thread(_md5, source)
        file = await asyncio.to_thread(source.open, "rb")
        try:
            answer = await self._ask(operation, Body=file, ContentMD5=base64.b64encode(md5).decode(), **named)
        finally:
            file.close()
        await asyncio.to_thread(source.unlink, missing_ok=True)
        return answer

    async def _ask(self, operation: str, **named: Any) -> Any:
        client = await self._client()
        return await _asked(getattr(client, operation)(Bucket=self._place.bucket, **named))

    async def _client(self) -> Any:
        async with self._lock:
            if self._opened is None:
                self._opened = await self._stack.enter_async_context(await _open(self._place, "s3"))
            return self._opened


class S3Roles:
    """Fulfils `StoreRoles` by AssumeRole.

    Args:
        place: of the bucket; its account may assume the role.
        role: its ARN; some servers ask for one and look no further.
        endpoint: of the STS where it is not the bucket's; None with AWS: AWS's own of the region.
        clock: aware UTC time.
    """

    def __init__(self, place: S3Place, role: str, endpoint: str | None, clock: Callable[[], datetime]) -> None:
        self._place = place
        self._role = role
        self._endpoint = endpoint or place.endpoint
        self._clock = clock
        self._longest = LONGEST

    async def issue(self, prefix: str, ttl: timedelta) -> StoreCredentials:
        """See `StoreRoles`. A role that grants less than twelve hours grants one."""
        wished = min(ttl, self._longest)
        try:
            return await self._assume(prefix, wished)
        except _TermTooLong:
            if wished <= ORDINARY:
                raise HubError(Code.UNAVAILABLE, "The object store issues no credentials.") from None
            log.info("the object store grants shorter terms", hours=ORDINARY / timedelta(hours=1))
            self._longest = ORDINARY
            return await self.issue(prefix, ttl)

    async def _assume(self, prefix: str, ttl: timedelta) -> StoreCredentials:
        async with await _open(self._place, "sts", self._endpoint) as client:
            answer = await _asked(
                client.assume_role(
                    RoleArn=self._role,
                    RoleSessionName="ofh-upload",
                    DurationSeconds=int(ttl.total_seconds()),
                    Policy=json.dumps(upload_policy(self._place.bucket, prefix), separators=(",", ":")),
                )
            )
        found = answer["Credentials"]
        return StoreCredentials(
            access_key_id=found["AccessKeyId"],
            secret=found["SecretAccessKey"],
            token=found["SessionToken"],
            expires_at=min(found["Expiration"].astimezone(UTC), self._clock() + ttl),
        )


def upload_policy(bucket: str, prefix: str) -> dict[str, Any]:
    """What uploading below a prefix needs, and no more: no read, no delete, no other prefix."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
                "Resource": [f"arn:aws:s3:::{bucket}/{prefix}/*"],
            },
            {
                "Effect": "Allow",
                "Action": ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
                "Resource": [f"arn:aws:s3:::{bucket}"],
            },
        ],
    }


class _TermTooLong(Exception):
    """The role grants less."""


async def _open(place: S3Place, service: str, endpoint: str | None = None) -> Any:
    """A client, to be entered at once; importing is done in a thread."""
    session, config = await asyncio.to_thread(_prepared, place)
    # Not in the thread: whoever is cancelled meanwhile would leave the coroutine behind that this begins with.
    return session.client(service, endpoint_url=endpoint or place.endpoint, config=config)


def _prepared(place: S3Place) -> tuple[Any, Any]:
    import aioboto3  # type: ignore[import-untyped]
    from botocore.config import Config  # type: ignore[import-untyped]

    session = aioboto3.Session(
        aws_access_key_id=place.access_key_id, aws_secret_access_key=place.secret, region_name=place.region
    )
    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=CONNECTIONS,
        s3={"addressing_style": place.style, "payload_signing_enabled": False},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        tcp_keepalive=True,
    )
    return session, config


async def _asked(answer: Awaitable[T]) -> T:
    with _told():
        return await answer


@contextmanager
def _told() -> Iterator[None]:
    """What the client library says, as a refusal."""
    import aiohttp
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

    try:
        yield
    except ClientError as error:
        raise _refusal(error.response) from error
    except (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError) as error:
        log.warning("the object store is away", reason=type(error).__name__)
        raise HubError(Code.UNAVAILABLE, "The object store is away.") from error


def _refusal(response: Any) -> Exception:
    code = str(response.get("Error", {}).get("Code", ""))
    status = str(response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    if code in _GONE:
        return gone("upload" if code == "NoSuchUpload" else "object")
    if code in _CONFLICT:
        return HubError(Code.CONFLICT, "A part is not there, or it is another.")
    if code in _TOO_LONG:
        return _TermTooLong(code)
    if code == "PreconditionFailed":
        return gone("object")  # replaced during a download
    log.warning("the object store refuses", why=code, status=status)
    if code in _FULL or status == "507":
        return StoreFull()
    return HubError(Code.UNAVAILABLE, "The object store refuses.")


def _checked(key: str) -> str:
    if (fault := key_fault(key)) is not None:
        raise bad_input("key", fault)
    return key


def _unquoted(etag: str) -> str:
    return etag.strip('"')


def _md5(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()
