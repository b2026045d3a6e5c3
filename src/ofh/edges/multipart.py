"""Multipart forms as they come in, piece by piece (RFC 7578): bytes in, events out, no I/O.

For forms with a file in them, which are never held as a whole. Stricter than RFC 2046 where its leniency only serves
attackers: nothing stands before the first boundary or behind the last one. Any input gives events or `BadMultipart`,
and the same ones however it is cut.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import unquote

MAX_BOUNDARY = 70
"""Characters (RFC 2046, 5.1.1)."""
MAX_HEADERS = 8_192
"""Bytes of one part's headers."""
MAX_PARTS = 21
"""A file and twenty fields."""

_BOUNDARY_IN_TYPE = re.compile(r'(?:^|;)\s*boundary=(?:"([^"\\]{1,70})"|([^\s;",]{1,70}))\s*(?:;|$)', re.IGNORECASE)
_BOUNDARY = re.compile(rb"[A-Za-z0-9'()+_,\-./:=? ]{0,69}[A-Za-z0-9'()+_,\-./:=?]")
_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_PARAMETER = re.compile(rf';\s*({_WORD})=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))\s*')


class BadMultipart(ValueError):
    """No well-formed form, or one beyond the limits; the message says which and may be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartBegin:
    """A part begins."""

    name: str
    file_name: str | None
    """What the sender calls the file; None for a field."""


@dataclass(frozen=True, slots=True)
class PartData:
    """The next bytes of the part."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part is here."""


MultipartEvent = PartBegin | PartData | PartEnd


class _State(Enum):
    START = auto()
    HEADERS = auto()
    DATA = auto()
    BEHIND = auto()
    """Behind a boundary: another part, or the end."""
    END = auto()


def boundary_of(content_type: str) -> bytes | None:
    """The boundary that a `multipart/form-data` header names; None for another type, or without one."""
    media, _, parameters = content_type.partition(";")
    if media.strip().lower() != "multipart/form-data":
        return None
    found = _BOUNDARY_IN_TYPE.search(f";{parameters}")
    return (found[1] or found[2]).encode("latin-1") if found else None


class MultipartReader:
    """Reads one form.

    Args:
        boundary: of the header; None: it is read from the body's first line, for clients whose header has none.
    """

    def __init__(self, boundary: bytes | None) -> None:
        self._delimiter = b"" if boundary is None else b"\r\n--" + boundary
        self._buffer = bytearray()
        self._state = _State.START
        self._parts = 0

    @property
    def is_complete(self) -> bool:
        """Whether the last boundary is here."""
        return self._state is _State.END

    def feed(self, data: bytes) -> Iterator[MultipartEvent]:
        """Take the next bytes; to be read to its end.

        Raises:
            BadMultipart.
        """
        self._buffer += data
        while True:
            match self._state:
                case _State.START:
                    if not self._start():
                        return
                case _State.BEHIND:
                    if len(self._buffer) < 2:
                        return
                    self._behind()
                case _State.HEADERS:
                    begin = self._headers()
                    if begin is None:
                        return
                    yield begin
                case _State.DATA:
                    found = self._buffer.find(self._delimiter)
                    # What may be the beginning of a boundary waits for the rest of it.
                    size = len(self._buffer) - len(self._delimiter) + 1 if found < 0 else found
                    if size > 0:
                        yield PartData(bytes(self._buffer[:size]))
                        del self._buffer[:size]
                    if found < 0:
                        return
                    del self._buffer[: len(self._delimiter)]
                    self._state = _State.BEHIND
                    yield PartEnd()
                case _State.END:
                    if not b"\r\n".startswith(self._buffer):
                        raise BadMultipart("Something stands behind the last boundary.")
                    return

    def finish(self) -> None:
        """No more bytes come.

        Raises:
            BadMultipart: the form is not complete.
        """
        if not self.is_complete:
            raise BadMultipart("The form is cut off: its last boundary is missing.")

    def _start(self) -> bool:
        """Read the first boundary; False where it is not all here."""
        if not self._delimiter:
            line, end, _ = bytes(self._buffer[: MAX_BOUNDARY + 5]).partition(b"\r\n")
            if not end and len(self._buffer) < MAX_BOUNDARY + 5:
                return False
            if not end or not line.startswith(b"--") or _BOUNDARY.fullmatch(line[2:]) is None:
                raise BadMultipart("The body's first line is no boundary.")
            self._delimiter = b"\r\n" + line
        first = self._delimiter[2:]
        if not self._buffer.startswith(first[: len(self._buffer)]):
            raise BadMultipart("The body does not begin with the boundary.")
        if len(self._buffer) < len(first):
            return False
        del self._buffer[: len(first)]
        self._state = _State.BEHIND
        return True

    def _behind(self) -> None:
        tail = bytes(self._buffer[:2])
        del self._buffer[:2]
        if tail == b"--":
            self._state = _State.END
        elif tail == b"\r\n":
            self._parts += 1
            if self._parts > MAX_PARTS:
                raise BadMultipart(f"A form has at most {MAX_PARTS} parts.")
            self._state = _State.HEADERS
        else:
            raise BadMultipart("A boundary does not end as it should.")

    def _headers(self) -> PartBegin | None:
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEADERS + 4)
        if end < 0:
            if len(self._buffer) >= MAX_HEADERS + 4:
                raise BadMultipart("The headers of a part are too long.")
            return None
        begin = _read_headers(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        self._state = _State.DATA
        return begin


def _read_headers(head: bytes) -> PartBegin:
    try:
        lines = head.decode().split("\r\n")
    except UnicodeDecodeError:
        raise BadMultipart("The headers of a part are not UTF-8.") from None
    found: PartBegin | None = None
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(_WORD, name):
            raise BadMultipart("A header of a part is malformed.")
        match name.lower():
            case "content-disposition":
                if found is not None:
                    raise BadMultipart("A part has two Content-Disposition headers.")
                found = _disposition(value.strip())
            case "content-transfer-encoding":
                if value.strip().lower() not in ("7bit", "8bit", "binary"):
                    raise BadMultipart("Parts in a transfer encoding are not taken.")
    if found is None:
        raise BadMultipart("A part has no Content-Disposition header.")
    return found


def _disposition(value: str) -> PartBegin:
    kind, semicolon, rest = value.partition(";")
    parameters: dict[str, str] = {}
    rest, place = semicolon + rest, 0
    while place < len(rest):
        found = _PARAMETER.match(rest, place)
        if found is None:
            raise BadMultipart("A Content-Disposition header is malformed.")
        name = found[1].lower()
        if name in parameters:
            raise BadMultipart("A parameter stands twice in a Content-Disposition header.")
        parameters[name] = found[3] if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
        place = found.end()
    if kind.strip().lower() != "form-data" or not parameters.get("name"):
        raise BadMultipart("A part is not that of a form, or has no name.")
    file_name = parameters.get("filename")
    if "filename*" in parameters:
        file_name = unquote(parameters["filename*"].rpartition("'")[2])
    return PartBegin(name=parameters["name"], file_name=file_name)
