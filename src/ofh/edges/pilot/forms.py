"""Form bodies as a courtesy to clients that were written after the REST page, which lists them (dji-pilot-2.md, 2.1).

Pilot itself sends JSON. A form says the same members as text, and some of them as JSON text. Small bodies in memory
only: nothing here takes a file.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl

from ofh.edges.strict_json import BadJson, loads

JSON_MEMBERS = frozenset({"ext", "metadata", "tiny_fingerprints"})
MAX_FIELDS = 20
MAX_PART_HEADERS = 8_192
MAX_BOUNDARY = 70
"""Characters (RFC 2046)."""

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)
_NAME = re.compile(r'(?:^|[;\s])name=(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)


class BadForm(ValueError):
    """No form, or one that the hub does not take; the message says which and may be shown."""


def is_multipart(body: bytes) -> bool:
    """Whether a body is one whatever its type says: the published client calls it JSON."""
    return body.startswith(b"--")


def multipart(body: bytes, content_type: str) -> dict[str, Any]:
    """The members of a multipart form.

    Args:
        content_type: the whole header; where it names no boundary, the body's first line is taken.
    Raises:
        BadForm: not well formed, a member twice, or a file among them.
    """
    found = _BOUNDARY.search(content_type) if content_type.lower().startswith("multipart/") else None
    boundary = (found[1] or found[2]).encode("latin-1") if found else body.split(b"\r\n", 1)[0].rstrip()[2:]
    if not 0 < len(boundary) <= MAX_BOUNDARY:
        raise BadForm("This multipart body has no boundary.")
    return _members(_parts(body, b"--" + boundary))


def urlencoded(body: bytes) -> dict[str, Any]:
    """The members of a form as browsers send them by default.

    Raises:
        BadForm: not well formed, or a member twice.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        raise BadForm("This is no well-formed form.") from None
    return _members(pairs)


def _parts(body: bytes, delimiter: bytes) -> Iterator[tuple[str, str]]:
    """Name and text of each part. The first delimiter begins the body, the last one ends it."""
    first, *rest = body.split(delimiter, MAX_FIELDS + 1)
    if first or len(rest) < 2 or rest[-1].strip() != b"--":
        raise BadForm("This multipart body is not well formed, or has too many parts.")
    for part in rest[:-1]:
        head, separator, content = part.partition(b"\r\n\r\n")
        if not separator or not part.startswith(b"\r\n") or not content.endswith(b"\r\n"):
            raise BadForm("A part of this multipart body is not well formed.")
        if len(head) > MAX_PART_HEADERS:
            raise BadForm("The headers of a part are too long.")
        try:
            yield _name(head.decode()), content[:-2].decode()
        except UnicodeDecodeError:
            raise BadForm("A part of this multipart body is no UTF-8.") from None


def _name(head: str) -> str:
    for line in head.split("\r\n"):
        header, _, value = line.partition(":")
        if header.strip().lower() == "content-disposition":
            if "filename" in value.lower():
                raise BadForm("Files are not taken here.")
            if found := _NAME.search(value):
                return found[1] if found[1] is not None else found[2]
    raise BadForm("A part of this multipart body has no name.")


def _members(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in pairs:
        if name in found:
            raise BadForm("A member stands twice in this form.")
        if name in JSON_MEMBERS:
            try:
                found[name] = loads(text.encode())
            except BadJson as error:
                raise BadForm(str(error)) from None
        else:
            found[name] = text
    return found
