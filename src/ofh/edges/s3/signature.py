"""Signature version 4 as S3 has it: who says to have sent this, and whether they did. Pure: the time is an argument.

The path is taken as it came over the wire, still encoded: S3 neither tidies nor encodes it a second time. Some clients
sign another spelling of the path than their HTTP library sends (a bracket as it is or as %28, say); the spelling that
AWS's own encoder would give is tried as well, since both name the same object.

Source: the API reference of Amazon S3, "Authenticating Requests (AWS Signature Version 4)".
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote_to_bytes

from .refusals import S3Refusal, denied

ALGORITHM = "AWS4-HMAC-SHA256"
TOLERANCE = timedelta(minutes=15)
LONGEST_PRESIGNED_S = 7 * 24 * 3_600
UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAMING_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
STREAMING = frozenset({STREAMING_SIGNED, STREAMING_SIGNED_TRAILER, STREAMING_UNSIGNED_TRAILER})

_UNRESERVED = "-_.~"
_HEX_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)
_STAMP = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_HEADER_NAME = re.compile(r"[a-z0-9!#$&'*+.^_`|~-]+", re.ASCII)
_SPACES = re.compile(r" +")
MAX_SIGNED_HEADERS = 60
_ADDED_ON_THE_WAY = frozenset({"x-amz-cf-id"})
"""What a proxy of Amazon's adds after the sender has signed; it changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it came, but for its body; each byte of it is a character (Latin-1)."""

    method: str
    path: str
    """As it came: still encoded."""
    query: str
    """As it came, without the question mark."""
    headers: Sequence[tuple[str, str]]
    """Names in small letters, in their order."""

    def header(self, name: str) -> str | None:
        """The first header of this name."""
        return next((value for given, value in self.headers if given == name), None)

    def parameters(self) -> list[tuple[str, str]]:
        """The query's parameters, decoded; a plus is a plus."""
        return [(_decoded(name), _decoded(value)) for name, value in _pairs(self.query)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a request says of its sender; nothing of it is proven."""

    access_key_id: str
    token: str | None
    """The session token."""
    signature: str
    signed_headers: tuple[str, ...]
    signed_at: datetime
    stamp: str
    """`signed_at` as it is part of the signature."""
    region: str
    payload: str
    """The body's SHA-256 in hex, or the word that stands for it."""
    expires_s: int | None
    """Of a presigned URL, seconds from `signed_at`."""

    @property
    def scope(self) -> str:
        return f"{self.stamp[:8]}/{self.region}/s3/aws4_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """A proven signature: what the signatures of a body's chunks begin with."""

    key: bytes
    stamp: str
    scope: str
    signature: str


def claim_of(request: Request) -> Claim:
    """What the request says of its sender.

    Raises:
        S3Refusal: nothing, or nothing that this hub understands.
    """
    authorization = [value for name, value in request.headers if name == "authorization"]
    parameters = request.parameters()
    in_query = [name for name, _ in parameters if name in ("X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential")]
    if any(name in ("AWSAccessKeyId", "Signature") for name, _ in parameters):
        raise _old_signature()
    if authorization and in_query:
        raise S3Refusal("InvalidArgument", "Only one auth mechanism allowed: a header or the query string.")
    if len(authorization) > 1:
        raise S3Refusal("InvalidArgument", "There is more than one Authorization header.")
    if authorization:
        return _in_header(request, authorization[0])
    if in_query:
        return _in_query(request, parameters)
    raise denied("Sign the request with the credentials that the hub issued.")


def check(request: Request, claim: Claim, secret: str, now: datetime) -> Seal:
    """Whether the sender has the secret and meant this very request, just now.

    Raises:
        S3Refusal: RequestTimeTooSkewed, AccessDenied (a presigned URL that has expired, something unsigned),
            SignatureDoesNotMatch.
    """
    check_time(claim, now)
    _check_signed(request, claim)
    key = _signing_key(secret, claim)
    sent = canonical_path(request.path)
    matches = False
    for path in (request.path, sent):
        text = "\n".join((ALGORITHM, claim.stamp, claim.scope, _sha256(_canonical(request, claim, path))))
        expected = hmac.digest(key, text.encode(), hashlib.sha256).hex()
        matches |= hmac.compare_digest(expected.encode(), claim.signature.encode())
    if not matches:
        raise S3Refusal(
            "SignatureDoesNotMatch",
            "The signature does not match: the secret is another one, or something on the way changed the request.",
            403,
        )
    return Seal(key=key, stamp=claim.stamp, scope=claim.scope, signature=claim.signature)


def check_time(claim: Claim, now: datetime) -> None:
    """Whether it was signed just now.

    Raises:
        S3Refusal: RequestTimeTooSkewed; AccessDenied, a presigned URL that has expired.
    """
    ahead = claim.signed_at - now
    if claim.expires_s is not None and -ahead > timedelta(seconds=claim.expires_s):
        raise denied("Request has expired")
    if ahead > TOLERANCE or (claim.expires_s is None and -ahead > TOLERANCE):
        raise S3Refusal(
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            403,
            fields={
                "RequestTime": claim.stamp,
                "ServerTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "MaxAllowedSkewMilliseconds": str(int(TOLERANCE.total_seconds() * 1000)),
            },
        )


def canonical_path(path: str) -> str:
    """The spelling that AWS's encoder gives a path."""
    return quote(unquote_to_bytes(path), safe=f"/{_UNRESERVED}")


def sha256_of_headers(lines: Iterable[tuple[str, str]]) -> str:
    """Of trailing headers, as their signature covers them."""
    return _sha256("".join(f"{name}:{value}\n" for name, value in lines))


def _in_header(request: Request, text: str) -> Claim:
    kind, _, rest = text.partition(" ")
    if kind == "AWS":
        raise _old_signature()
    if kind != ALGORITHM:
        raise S3Refusal("InvalidRequest", f"Sign with {ALGORITHM}: no other authorization is understood here.")
    fields: dict[str, str] = {}
    for part in rest.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name in fields:
            raise _malformed("it is no list of Credential, SignedHeaders and Signature")
        fields[name] = value.strip()
    if set(fields) != {"Credential", "SignedHeaders", "Signature"}:
        raise _malformed("it needs Credential, SignedHeaders and Signature")
    stamp = request.header("x-amz-date")
    if stamp is None:
        stamp = _stamp_of(request.header("date"))
    payload = request.header("x-amz-content-sha256")
    if payload is None:
        raise S3Refusal("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    return _claim(
        fields["Credential"],
        token=request.header("x-amz-security-token"),
        signature=fields["Signature"],
        signed_headers=fields["SignedHeaders"],
        stamp=stamp,
        payload=payload,
        expires_s=None,
    )


def _in_query(request: Request, parameters: list[tuple[str, str]]) -> Claim:
    given: dict[str, str] = {}
    for name, value in parameters:
        if name.startswith("X-Amz-"):
            if name in given:
                raise _malformed_query(f"{name} stands there twice")
            given[name] = value
    if given.get("X-Amz-Algorithm") != ALGORITHM:
        raise _malformed_query(f"X-Amz-Algorithm only supports {ALGORITHM}")
    for name in ("X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"):
        if name not in given:
            raise _malformed_query(f"{name} is missing")
    expires = given["X-Amz-Expires"]
    if not (expires.isascii() and expires.isdigit() and len(expires) < 8 and 0 < int(expires) <= LONGEST_PRESIGNED_S):
        raise _malformed_query(f"X-Amz-Expires is a number of seconds from 1 to {LONGEST_PRESIGNED_S}")
    return _claim(
        given["X-Amz-Credential"],
        token=given.get("X-Amz-Security-Token"),
        signature=given["X-Amz-Signature"],
        signed_headers=given["X-Amz-SignedHeaders"],
        stamp=given["X-Amz-Date"],
        payload=given.get("X-Amz-Content-Sha256") or request.header("x-amz-content-sha256") or UNSIGNED,
        expires_s=int(expires),
    )


def _claim(
    credential: str,
    *,
    token: str | None,
    signature: str,
    signed_headers: str,
    stamp: str,
    payload: str,
    expires_s: int | None,
) -> Claim:
    parts = credential.split("/")
    if len(parts) != 5 or not all(parts[:4]) or len(credential) > 256 or not credential.isascii():
        raise _malformed("the Credential is not key/date/region/s3/aws4_request")
    access_key_id, day, region, service, ending = parts
    if service != "s3" or ending != "aws4_request":
        raise _malformed("the Credential is not one for the service s3")
    if _STAMP.fullmatch(stamp) is None:
        raise denied("AWS authentication requires a valid Date or x-amz-date header")
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise denied("AWS authentication requires a valid Date or x-amz-date header") from None
    if day != stamp[:8]:
        raise _malformed("the date of the Credential is not that of the request")
    names = tuple(signed_headers.split(";"))
    if len(names) > MAX_SIGNED_HEADERS or list(names) != sorted(set(names)):
        raise _malformed("the SignedHeaders are too many, or not each once in their order")
    if not all(_HEADER_NAME.fullmatch(name) for name in names):
        raise _malformed("the SignedHeaders are not names in small letters")
    if _SIGNATURE.fullmatch(signature) is None:
        raise _malformed("the Signature is not 64 hexadecimal digits")
    if payload not in STREAMING and payload != UNSIGNED and _HEX_HASH.fullmatch(payload) is None:
        raise S3Refusal(
            "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING-… that this hub knows, or a sha256 in hex.",
        )
    return Claim(
        access_key_id=access_key_id,
        token=token,
        signature=signature,
        signed_headers=names,
        signed_at=signed_at,
        stamp=stamp,
        region=region,
        payload=payload,
        expires_s=expires_s,
    )


def _check_signed(request: Request, claim: Claim) -> None:
    """What changes the meaning of a request has to be signed: the host, and every header of S3's own."""
    present = {name for name, _ in request.headers} - _ADDED_ON_THE_WAY
    if "host" not in claim.signed_headers:
        raise denied("The header host is not signed")
    unsigned = sorted(name for name in present if name.startswith("x-amz-") and name not in claim.signed_headers)
    if unsigned:
        raise denied(f"There were headers present in the request which were not signed: {', '.join(unsigned)[:200]}")
    missing = sorted(set(claim.signed_headers) - present)
    if missing:
        raise denied(f"Signed headers are missing: {', '.join(missing)[:200]}")


def _canonical(request: Request, claim: Claim, path: str) -> str:
    headers = "".join(f"{name}:{_joined(request, name)}\n" for name in claim.signed_headers)
    return "\n".join(
        (request.method, path, _canonical_query(request), headers, ";".join(claim.signed_headers), claim.payload)
    )


def _canonical_query(request: Request) -> str:
    pairs = sorted(
        (quote(unquote_to_bytes(name), safe=_UNRESERVED), quote(unquote_to_bytes(value), safe=_UNRESERVED))
        for name, value in _pairs(request.query)
    )
    return "&".join(f"{name}={value}" for name, value in pairs if name != "X-Amz-Signature")


def _pairs(query: str) -> list[tuple[str, str]]:
    found = []
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        if part:
            found.append((name, value))
    return found


def _joined(request: Request, name: str) -> str:
    return ",".join(_SPACES.sub(" ", value.strip()) for given, value in request.headers if given == name)


def _signing_key(secret: str, claim: Claim) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (claim.stamp[:8], claim.region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return key


def _stamp_of(date: str | None) -> str:
    try:
        return parsedate_to_datetime(date or "").astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except (ValueError, TypeError, OverflowError):
        raise denied("AWS authentication requires a valid Date or x-amz-date header") from None


def _decoded(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "replace")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("latin-1", "replace")).hexdigest()


def _old_signature() -> S3Refusal:
    return S3Refusal(
        "InvalidRequest",
        f"The authorization mechanism you have provided is not supported. Please use {ALGORITHM}.",
    )


def _malformed(why: str) -> S3Refusal:
    return S3Refusal("AuthorizationHeaderMalformed", f"The authorization is malformed: {why}.")


def _malformed_query(why: str) -> S3Refusal:
    return S3Refusal("AuthorizationQueryParametersError", f"The authorization in the query is malformed: {why}.")
