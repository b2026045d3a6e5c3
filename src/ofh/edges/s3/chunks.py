"""The body form `aws-chunked`: chunks with their length, perhaps each signed, perhaps checksums as trailing headers.

    {length in hex}[;chunk-signature={hex}] CRLF {bytes} CRLF … 0[;chunk-signature={hex}] CRLF {name}:{value} CRLF …

Each signature covers the one before, so no chunk can be left out, moved or taken from another request. Bytes are given
on as they come, before their chunk's end: whoever takes them must make nothing of them until `finish` has returned.
Pure; any bytes at any split are decoded or refused with `S3Refusal`.

Source: the API reference of Amazon S3, "Signature Calculations for the Authorization Header: Transferring Payload in
Multiple Chunks", with and without trailing headers.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator
from enum import Enum, auto

from .refusals import S3Refusal
from .signature import Seal, sha256_of_headers

MAX_LINE = 1_024
"""Bytes of the line before a chunk."""
MAX_TRAILER_LINE = 4_096
MAX_TRAILERS = 10
_EMPTY_HASH = hashlib.sha256(b"").hexdigest()
_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}")
_SIGNATURE = re.compile(rb"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9-]{1,100}", re.ASCII)


class _State(Enum):
    LINE = auto()
    """Before a chunk."""
    DATA = auto()
    DATA_END = auto()
    """Behind a chunk's bytes: a line break."""
    TRAILERS = auto()
    DONE = auto()


class ChunkDecoder:
    """Decodes one body.

    Args:
        seal: of the request, where chunks are signed; None where they are not.
        has_trailers: whether trailing headers were announced, which are then signed if the chunks are.
    """

    def __init__(self, seal: Seal | None, *, has_trailers: bool) -> None:
        self.trailers: dict[str, str] = {}
        """Names in small letters; complete after `finish`."""
        self._seal = seal
        self._has_trailers = has_trailers
        self._previous = seal.signature if seal else ""
        self._state = _State.LINE
        self._line = bytearray()
        self._left = 0
        self._is_last = False
        self._claimed = ""
        self._hash = hashlib.sha256()
        self._trailer_signature: str | None = None

    def feed(self, data: bytes) -> Iterator[memoryview]:
        """The body's own bytes among these.

        Raises:
            S3Refusal: IncompleteBody, SignatureDoesNotMatch, MalformedTrailerError.
        """
        view, at = memoryview(data), 0
        while at < len(data):
            match self._state:
                case _State.DATA:
                    piece = view[at : at + self._left]
                    at += len(piece)
                    self._left -= len(piece)
                    if self._seal is not None:
                        self._hash.update(piece)
                    yield piece
                    if self._left == 0:
                        self._end_chunk()
                case _State.DONE:
                    raise _malformed("something follows its end")
                case _:
                    end = data.find(b"\n", at)
                    taken = data[at : end + 1 if end >= 0 else len(data)]
                    at += len(taken)
                    self._line += taken
                    limit = MAX_TRAILER_LINE if self._state is _State.TRAILERS else MAX_LINE
                    if len(self._line) > limit:
                        raise _malformed("a line is too long")
                    if end >= 0:
                        line = bytes(self._line[:-1]).removesuffix(b"\r")
                        self._line.clear()
                        self._take(line)

    def finish(self) -> None:
        """The body has ended.

        Raises:
            S3Refusal: IncompleteBody, MalformedTrailerError: it has not.
        """
        if self._state is _State.TRAILERS and not self._line and not self._has_trailers and not self.trailers:
            return  # some clients leave out the very last line break
        if self._state is not _State.DONE:
            raise S3Refusal("IncompleteBody", "The body ended before its last chunk.")
        if self._seal is not None and self._has_trailers and self._trailer_signature is None:
            raise S3Refusal("MalformedTrailerError", "The signature of the trailing headers is missing.")

    def _take(self, line: bytes) -> None:
        match self._state:
            case _State.LINE:
                self._begin_chunk(line)
            case _State.DATA_END:
                if line:
                    raise _malformed("a chunk is longer than it says")
                self._state = _State.LINE
            case _:
                self._take_trailer(line)

    def _begin_chunk(self, line: bytes) -> None:
        size, *extensions = line.split(b";")
        if _SIZE.fullmatch(size.strip()) is None:
            raise _malformed("a chunk has no length")
        self._left = int(size.strip(), 16)
        self._is_last = self._left == 0
        if self._seal is not None:
            given = [part.strip().removeprefix(b"chunk-signature=") for part in extensions]
            if len(given) != 1 or _SIGNATURE.fullmatch(given[0]) is None:
                raise S3Refusal("SignatureDoesNotMatch", "A chunk has no signature.", 403)
            self._claimed = given[0].decode()
            self._hash = hashlib.sha256()
        self._state = _State.DATA
        if self._is_last:
            self._end_chunk()

    def _end_chunk(self) -> None:
        if self._seal is not None:
            self._check("AWS4-HMAC-SHA256-PAYLOAD", f"{_EMPTY_HASH}\n{self._hash.hexdigest()}", self._claimed)
        self._state = _State.TRAILERS if self._is_last else _State.DATA_END

    def _take_trailer(self, line: bytes) -> None:
        is_signed = self._seal is not None and self._has_trailers
        if not line:
            # One client's own example has an empty line before the signature of the trailing headers.
            if not is_signed or self._trailer_signature is not None:
                self._state = _State.DONE
            return
        name, colon, value = line.decode("latin-1").partition(":")
        name, value = name.strip().lower(), value.strip()
        if not self._has_trailers or not colon or _NAME.fullmatch(name) is None or not value.isprintable():
            raise S3Refusal("MalformedTrailerError", "The trailing headers are malformed, or were not announced.")
        if name == "x-amz-trailer-signature":
            if not is_signed:
                return  # nothing that it could be held against
            if self._trailer_signature is not None:
                raise S3Refusal("MalformedTrailerError", "The trailing headers are signed twice.")
            self._check("AWS4-HMAC-SHA256-TRAILER", sha256_of_headers(sorted(self.trailers.items())), value)
            self._trailer_signature = value
            return
        if name in self.trailers or len(self.trailers) >= MAX_TRAILERS or self._trailer_signature is not None:
            raise S3Refusal("MalformedTrailerError", "The trailing headers are too many, or one stands there twice.")
        self.trailers[name] = value

    def _check(self, kind: str, hashes: str, claimed: str) -> None:
        assert self._seal is not None
        text = "\n".join((kind, self._seal.stamp, self._seal.scope, self._previous, hashes))
        expected = hmac.digest(self._seal.key, text.encode(), hashlib.sha256).hex()
        if not hmac.compare_digest(expected.encode(), claimed.encode("utf-8", "replace")):
            raise S3Refusal("SignatureDoesNotMatch", "The signature of a chunk does not match.", 403)
        self._previous = expected


def _malformed(why: str) -> S3Refusal:
    return S3Refusal("IncompleteBody", f"The chunked body is malformed: {why}.")
