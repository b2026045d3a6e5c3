"""Putting a file into the object storage, as any S3 client does with temporary credentials: boto3, in a thread."""

import asyncio
from io import BytesIO
from threading import Lock
from typing import Any

from .errors import GrantRefused, UploadFailed
from .media_api import Grant

TIMEOUT_S = 15.0
SENT_AT_ONCE = 65_536
"""HTTP bodies go out in pieces no larger than this."""


class Clients:
    """Makes boto3's clients, from one session: what a session loads takes a second and some megabytes."""

    def __init__(self) -> None:
        self._session: Any = None
        self._lock = Lock()  # a session makes one client at a time

    def new(self, grant: Grant) -> Any:
        """A client for a grant. To be called in a thread."""
        import boto3  # type: ignore[import-untyped]

        with self._lock:
            if self._session is None:
                self._session = boto3.session.Session()
            return self._session.client(
                "s3",
                endpoint_url=grant.endpoint,
                region_name=grant.region,
                aws_access_key_id=grant.access_key_id,
                aws_secret_access_key=grant.secret,
                aws_session_token=grant.session_token,
                config=_config(),
            )


class ObjectStore:
    """What a grant opens."""

    def __init__(self, grant: Grant, clients: Clients) -> None:
        self._grant = grant
        self._clients = clients
        self._client: Any = None

    async def put(self, key: str, content: bytes, *, torn_at: float | None = None) -> None:
        """Store a file.

        Args:
            key: the whole key in the bucket.
            content: all of it.
            torn_at: break the connection after this share of the bytes.

        Raises:
            UploadFailed: it is not there, as far as one can know; GrantRefused where the storage said so.
        """
        await asyncio.to_thread(self._put, key, content, torn_at)

    def _put(self, key: str, content: bytes, torn_at: float | None) -> None:
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        body = BytesIO(content) if torn_at is None else _Torn(content, torn_at)
        try:
            if self._client is None:
                self._client = self._clients.new(self._grant)
            self._client.put_object(Bucket=self._grant.bucket, Key=key, Body=body, ContentType="image/jpeg")
        except ClientError as error:
            raise GrantRefused(f"the storage at {self._grant.endpoint} refused {key}: {error}") from error
        except (BotoCoreError, ConnectionError, ValueError) as error:
            raise UploadFailed(f"the storage at {self._grant.endpoint} did not get {key}: {error}") from error


class _Torn(BytesIO):
    """A file that cannot be sent to its end.

    The client may read it before, in larger pieces, for a digest: that succeeds.
    """

    def __init__(self, content: bytes, share: float) -> None:
        super().__init__(content)
        self._left = int(len(content) * share)

    def read(self, size: int | None = -1, /) -> bytes:
        is_sent = size is not None and 0 < size <= SENT_AT_ONCE
        if is_sent and self._left <= 0:
            raise ConnectionResetError("the link broke")
        found = super().read(min(size or 0, max(self._left, 1)) if is_sent else size)
        if is_sent:
            self._left -= len(found)
        return found


def _config() -> Any:
    from botocore.config import Config  # type: ignore[import-untyped]

    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"total_max_attempts": 1},  # whoever calls begins again with fast-upload, as Pilot does
        connect_timeout=TIMEOUT_S,
        read_timeout=TIMEOUT_S,
    )
