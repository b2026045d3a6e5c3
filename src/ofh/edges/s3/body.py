"""A request's body: how it is wrapped, which checksums it promises, and whether it kept them."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ofh.services.checksums import MD5, NAMES, SHA256, digest
from ofh.services.incoming import Received

from .chunks import ChunkDecoder
from .refusals import S3Refusal, invalid
from .signature import (
    STREAMING,
    STREAMING_SIGNED,
    STREAMING_SIGNED_TRAILER,
    STREAMING_UNSIGNED_TRAILER,
    UNSIGNED,
    Claim,
    Request,
    Seal,
)

CHECKSUM = "x-amz-checksum-"
_NOT_VALUES = frozenset({"algorithm", "type", "mode"})
"""`x-amz-checksum-…` headers that hold no checksum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyForm:
    """What a request says of its body."""

    announced: int | None
    """Bytes of the content."""
    decoder: ChunkDecoder | None
    """None: the content comes as it is."""
    sha256: str | None
    """In hex, as it was signed."""
    md5: bytes | None
    checksums: Mapping[str, bytes]
    """Told in headers, by name."""
    trailing: frozenset[str]
    """Names of those that follow the content."""

    @property
    def digests(self) -> frozenset[str]:
        """What to compute."""
        hashed = {SHA256} if self.sha256 is not None else set()
        return frozenset(hashed | set(self.checksums) | self.trailing)


def form_of(request: Request, claim: Claim, seal: Seal) -> BodyForm:
    """What the headers say.

    Raises:
        S3Refusal: something that contradicts itself, or that this hub does not know.
    """
    length = _length(request, "content-length")
    trailing = _trailing(request)
    decoder = None
    if claim.payload in STREAMING:
        has_trailers = claim.payload in (STREAMING_SIGNED_TRAILER, STREAMING_UNSIGNED_TRAILER)
        is_signed = claim.payload in (STREAMING_SIGNED, STREAMING_SIGNED_TRAILER)
        length = _length(request, "x-amz-decoded-content-length")
        if length is None:
            raise S3Refusal("MissingContentLength", "x-amz-decoded-content-length is needed with a chunked body.", 411)
        if trailing and not has_trailers:
            raise invalid("x-amz-trailer announces what x-amz-content-sha256 does not know of.")
        decoder = ChunkDecoder(seal if is_signed else None, has_trailers=has_trailers)
    elif trailing:
        raise invalid("x-amz-trailer needs a chunked body, and an x-amz-content-sha256 that says so.")
    return BodyForm(
        announced=length,
        decoder=decoder,
        sha256=None if decoder is not None or claim.payload == UNSIGNED else claim.payload,
        md5=_md5(request),
        checksums=checksums_of(request),
        trailing=trailing,
    )


def checksums_of(request: Request) -> dict[str, bytes]:
    """The checksums that stand in the headers, by name.

    Raises:
        S3Refusal: one is no checksum, or of a kind that this hub does not know.
    """
    found = {}
    for header, value in request.headers:
        name = header.removeprefix(CHECKSUM)
        if header.startswith(CHECKSUM) and name not in _NOT_VALUES:
            if name not in NAMES:
                raise invalid(f"This hub does not know the checksum {name[:20]}.")
            found[name] = _decoded(name, value)
    return found


def check(form: BodyForm, received: Received) -> dict[str, bytes]:
    """Whether the content is what was promised; the checksums that were asked for, to be told back.

    Raises:
        S3Refusal: IncompleteBody, XAmzContentSHA256Mismatch, BadDigest, MalformedTrailerError.
    """
    if form.announced is not None and received.size_bytes != form.announced:
        raise S3Refusal(
            "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header"
        )
    if form.sha256 is not None and received.digests[SHA256].hex() != form.sha256:
        raise S3Refusal(
            "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed."
        )
    if form.md5 is not None and received.md5 != form.md5:
        raise S3Refusal("BadDigest", "The Content-MD5 you specified did not match what we received.")
    promised = dict(form.checksums)
    if form.decoder is not None:
        promised |= _trailers(form, form.decoder.trailers)
    for name, value in promised.items():
        if received.digests[name] != value:
            raise S3Refusal("BadDigest", f"The {name.upper()} you specified did not match the calculated checksum.")
    return promised


def _trailers(form: BodyForm, trailers: Mapping[str, str]) -> dict[str, bytes]:
    names = {name.removeprefix(CHECKSUM) for name in trailers if name.startswith(CHECKSUM)}
    if names != form.trailing:
        raise S3Refusal("MalformedTrailerError", "The trailing checksums are not those that x-amz-trailer announced.")
    return {name: _decoded(name, trailers[CHECKSUM + name]) for name in names}


def _trailing(request: Request) -> frozenset[str]:
    """Checksums among the announced trailing headers."""
    found = set()
    for header, value in request.headers:
        if header == "x-amz-trailer":
            for name in value.split(","):
                kind = name.strip().lower()
                if kind.removeprefix(CHECKSUM) not in NAMES or not kind.startswith(CHECKSUM):
                    raise invalid("The value specified in the x-amz-trailer header is not supported")
                found.add(kind.removeprefix(CHECKSUM))
    return frozenset(found)


def _length(request: Request, name: str) -> int | None:
    text = request.header(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise S3Refusal("InvalidArgument", f"{name} is no length.")
    return int(text)


def _md5(request: Request) -> bytes | None:
    text = request.header("content-md5")
    if text is None:
        return None
    value = _unbase64(text)
    if value is None or len(value) != 16:
        raise S3Refusal("InvalidDigest", "The Content-MD5 you specified is not valid.")
    return value


_LENGTHS = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}


def _decoded(name: str, text: str) -> bytes:
    value = _unbase64(text)
    if value is None or len(value) != _LENGTHS[name]:
        raise invalid(f"Value for {CHECKSUM}{name} header is invalid.")
    return value


def _unbase64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None


def encoded(value: bytes) -> str:
    """A checksum as headers hold it."""
    return base64.b64encode(value).decode()


def small(form: BodyForm, wire: bytes) -> bytes:
    """The content of a body that is at hand, held against what was promised.

    Raises:
        S3Refusal: as `check`.
    """
    content = wire
    if form.decoder is not None:
        content = b"".join(bytes(piece) for piece in form.decoder.feed(wire))
        form.decoder.finish()
    digests = {}
    for name in {MD5, *form.digests}:
        taken = digest(name)
        taken.update(memoryview(content))
        digests[name] = taken.digest()
    check(form, Received(path=Path(), size_bytes=len(content), digests=digests))
    return content
