"""What a request asks for: key, parameters and the headers that change what is done, read and held to bounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from ofh.domain.objects import MAX_KEY_BYTES, key_fault
from ofh.services.grants import Bearer

from . import signature
from .refusals import S3Refusal
from .signature import Request, Seal

MAX_TYPE = 255

_IGNORED = frozenset({"x-id"})
"""Parameters that some clients add and that change nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request from a proven bearer."""

    request: Request
    bearer: Bearer
    claim: signature.Claim
    seal: Seal
    key: str
    """Empty: the bucket."""
    parameters: Mapping[str, str]

    def number(self, name: str, default: int | None, most: int) -> int:
        """A parameter that is a number; None as default: it has to be there."""
        text = self.parameters.get(name)
        if text is None and default is not None:
            return default
        if text is None or not (text.isascii() and text.isdigit() and len(text) <= 10) or int(text) > most:
            raise S3Refusal("InvalidArgument", f"{name} must be an integer up to {most}.")
        return int(text)

    def is_encoded(self) -> bool:
        """Whether keys in the answer are to be percent-encoded."""
        kind = self.parameters.get("encoding-type")
        if kind not in (None, "url"):
            raise S3Refusal("InvalidArgument", "Invalid Encoding Method specified in Request")
        return kind == "url"

    def only_new(self) -> bool:
        """Whether nothing may be there under this key so far."""
        given = self.request.header("if-none-match")
        if given not in (None, "*"):
            raise S3Refusal("NotImplemented", "If-None-Match is implemented with * alone.", 501)
        return given == "*"

    def content_type(self) -> str:
        """What the object is said to be."""
        given = self.request.header("content-type") or "binary/octet-stream"
        if len(given) > MAX_TYPE or not given.isascii() or not given.isprintable():
            raise S3Refusal("InvalidArgument", "Content-Type is too long, or has characters that it cannot have.")
        return given


def request_of(scope: Mapping[str, Any]) -> Request:
    """The request as it was sent, which is what was signed."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return Request(
        method=scope["method"],
        path=raw.decode("latin-1"),
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
    )


def host_of(scope: Mapping[str, Any]) -> str:
    """Whom it was sent to, in small letters; empty where nothing says so."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return str(host.decode("latin-1").lower())


def key_of(path: str) -> str:
    """The key of a path below the bucket; empty for the bucket itself.

    Raises:
        S3Refusal: it is none.
    """
    try:
        key = unquote_to_bytes(path.removeprefix("/")).decode()
    except UnicodeDecodeError:
        raise S3Refusal("InvalidURI", "The path is not UTF-8.") from None
    if not key:
        return ""
    if len(key.encode()) > MAX_KEY_BYTES:
        raise S3Refusal("KeyTooLongError", "Your key is too long")
    if (fault := key_fault(key)) is not None:
        raise S3Refusal("InvalidURI", fault)
    return key


def parameters_of(request: Request) -> dict[str, str]:
    """Those that say what is asked for; the signature's own stand apart."""
    found: dict[str, str] = {}
    for name, value in request.parameters():
        if name.startswith("X-Amz-") or name in _IGNORED:
            continue
        if name in found:
            raise S3Refusal("InvalidArgument", "A parameter stands twice in the query string.")
        found[name] = value
    return found
