"""Requests byte by byte: signed by botocore, then changed in whatever way a test wants, and sent as they are."""

import hashlib
import hmac
import http.client
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from botocore.auth import S3SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]

from ofh.services.grants import UploadGrant
from tests.integration.s3.place import Place

UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY_HASH = hashlib.sha256(b"").hexdigest()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """Of an error; empty where it is none."""
        found = re.search(rb"<Code>(\w+)</Code>", self.body)
        return found[1].decode() if found else ""


@dataclass
class Raw:
    """A request about to be sent."""

    place: Place
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def send(self, *, length: bool = True) -> Answer:
        """As it is; nothing is tidied up."""
        connection = http.client.HTTPConnection("127.0.0.1", self.place.port, timeout=60)
        try:
            connection.putrequest(self.method, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            if length and "content-length" not in self.headers:
                connection.putheader("content-length", str(len(self.body)))
            connection.endheaders()
            if self.body:
                connection.send(self.body)
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, headers, answer.read())
        finally:
            connection.close()


def signed(
    place: Place,
    grant: UploadGrant,
    method: str,
    path: str,
    *,
    body: bytes = b"",
    payload: str = UNSIGNED,
    headers: dict[str, str] | None = None,
    secret: str | None = None,
    token: str | None = None,
    key_id: str | None = None,
) -> Raw:
    """A request that holds, unless something that is given makes it wrong.

    Args:
        path: as it goes over the wire, with the query.
    """
    credentials = Credentials(
        key_id or grant.access_key_id,
        secret or grant.access_key_secret,
        grant.security_token if token is None else token or None,
    )
    host = f"127.0.0.1:{place.port}"
    request = AWSRequest(method, f"http://{host}{path}", headers={"host": host, **(headers or {})})
    at = datetime.now(UTC) + place.offset
    _Signer(credentials, payload, at).add_auth(request)
    return Raw(place, method, path, dict(request.headers.items()), body)


class _Signer(S3SigV4Auth):  # type: ignore[misc]
    """botocore's, at a time and for a payload of our choice."""

    def __init__(self, credentials: Credentials, payload: str, at: datetime) -> None:
        super().__init__(credentials, "s3", "us-east-1")
        self._payload = payload
        self._at = at

    def payload(self, request: AWSRequest) -> str:
        return self._payload

    def add_auth(self, request: AWSRequest) -> None:
        stamp = self._at.strftime("%Y%m%dT%H%M%SZ")
        request.context["timestamp"] = stamp
        self._modify_request_before_signing(request)
        canonical = self.canonical_request(request)
        self._inject_signature_to_request(request, self.signature(self.string_to_sign(request, canonical), request))

    def _normalize_url_path(self, path: str) -> str:
        return path


def chunked(grant: UploadGrant, request: Raw, pieces: list[bytes], trailers: dict[str, str] | None = None) -> bytes:
    """A body in signed chunks, as the AWS SDK for Android sends it; the rules are held against the published examples
    in the unit tests.

    Args:
        trailers: None: the body has none.
    """
    stamp = request.headers["X-Amz-Date"]
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    key = f"AWS4{grant.access_key_secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    previous = request.headers["Authorization"].rpartition("Signature=")[2]

    def sign(kind: str, hashes: str) -> str:
        nonlocal previous
        previous = hmac.digest(key, "\n".join((kind, stamp, scope, previous, hashes)).encode(), "sha256").hex()
        return previous

    wire = b""
    for piece in [*pieces, b""]:
        signature = sign("AWS4-HMAC-SHA256-PAYLOAD", f"{EMPTY_HASH}\n{hashlib.sha256(piece).hexdigest()}")
        wire += f"{len(piece):x};chunk-signature={signature}\r\n".encode() + piece + (b"\r\n" if piece else b"")
    if trailers is not None:
        lines = "".join(f"{name}:{value}\n" for name, value in trailers.items())
        signature = sign("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(lines.encode()).hexdigest())
        wire += lines.replace("\n", "\r\n").encode() + f"x-amz-trailer-signature:{signature}\r\n".encode()
    return wire + b"\r\n"


def path_of(key: str, query: str = "") -> str:
    """The path of a key, encoded as clients do."""
    return f"/ofh-media/{quote(key)}{f'?{query}' if query else ''}"


LATER = timedelta(hours=12, seconds=1)
