"""A ZIP file in one pass, its entries as they are (not compressed), whatever the size.

What is written is out of hand at once: only the directory that stands at the end is kept until then, some hundred bytes
an entry. An entry's length and checksum are known when it has been read, so they stand behind it and in the directory.

Source: APPNOTE.TXT 6.3.10 (PKWARE): 4.3.7 local headers, 4.3.9 data descriptors, 4.3.12 the directory, 4.3.14 to 4.3.16
its end, 4.4.4 the flags, 4.5.3 ZIP64; the extended timestamp is Info-ZIP's extra field 0x5455.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from struct import pack
from zlib import crc32

_LIMIT = 0xFFFFFFFF
"""Sizes and places from here on need ZIP64."""
_ENTRIES = 0xFFFF
_MARGIN = 16 * 1024 * 1024
"""An entry that is announced to be so little smaller is written in ZIP64 all the same."""
_DESCRIPTOR_AND_UTF8 = 0x0808
_PLAIN, _ZIP64 = 20, 45
"""The versions of the format that a reader has to know."""
_UNIX = 3 << 8
_REGULAR_FILE = 0o100644 << 16
_EARLIEST, _LATEST = datetime(1980, 1, 1, tzinfo=UTC), datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC)


class TooLong(Exception):
    """An entry is much longer than it was announced to be: no place was left for its length."""


@dataclass(slots=True)
class _Entry:
    name: bytes
    at: datetime
    place: int
    is_large: bool
    size: int = 0
    checksum: int = 0


class ZipStream:
    """Gives the bytes of a ZIP file, in their order."""

    def __init__(self) -> None:
        self._written = 0
        self._directory = bytearray()
        self._entries = 0
        self._open: _Entry | None = None

    def begin(self, name: str, at: datetime, size: int) -> bytes:
        """The head of an entry.

        Args:
            name: with slashes between folders; see `names.py`.
            at: shown as the time that it was changed; aware.
            size: bytes, as far as is known: what comes may be less, or a little more.
        """
        assert self._open is None
        entry = _Entry(name.encode(), at, self._written, size >= _LIMIT - _MARGIN)
        self._open = entry
        extra = _times(at)
        if entry.is_large:  # the sizes are told behind the entry, in eight bytes each
            extra += pack("<HHQQ", 0x0001, 16, 0, 0)
        sizes = _LIMIT if entry.is_large else 0
        head = pack(
            "<4sHHHHHIIIHH",
            b"PK\x03\x04",
            _ZIP64 if entry.is_large else _PLAIN,
            _DESCRIPTOR_AND_UTF8,
            0,
            *_dos(at),
            0,
            sizes,
            sizes,
            len(entry.name),
            len(extra),
        )
        return self._out(head + entry.name + extra)

    def data(self, content: bytes) -> bytes:
        """The next bytes of the entry.

        Raises:
            TooLong
        """
        entry = self._open
        assert entry is not None
        entry.size += len(content)
        entry.checksum = crc32(content, entry.checksum)
        if entry.size >= _LIMIT and not entry.is_large:
            raise TooLong
        return self._out(content)

    def end(self) -> bytes:
        """What stands behind an entry."""
        entry, self._open = self._open, None
        assert entry is not None
        self._directory += _listed(entry)
        self._entries += 1
        kind = "<4sIQQ" if entry.is_large else "<4sIII"
        return self._out(pack(kind, b"PK\x07\x08", entry.checksum, entry.size, entry.size))

    def finish(self) -> bytes:
        """The directory, and so the end."""
        assert self._open is None
        place, size, entries = self._written, len(self._directory), self._entries
        end = b""
        if place >= _LIMIT or size >= _LIMIT or entries >= _ENTRIES:
            end = pack(
                "<4sQHHIIQQQQ", b"PK\x06\x06", 44, _UNIX | _ZIP64, _ZIP64, 0, 0, entries, entries, size, place
            ) + pack("<4sIQI", b"PK\x06\x07", 0, place + size, 1)
        shown = min(entries, _ENTRIES)
        end += pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, shown, shown, min(size, _LIMIT), min(place, _LIMIT), 0)
        return self._out(bytes(self._directory) + end)

    def _out(self, content: bytes) -> bytes:
        self._written += len(content)
        return content


def _listed(entry: _Entry) -> bytes:
    """An entry in the directory."""
    is_far = entry.place >= _LIMIT
    extra = _times(entry.at)
    large = pack("<QQ", entry.size, entry.size) if entry.is_large else b""
    large += pack("<Q", entry.place) if is_far else b""
    if large:
        extra += pack("<HH", 0x0001, len(large)) + large
    size = _LIMIT if entry.is_large else entry.size
    version = _ZIP64 if large else _PLAIN
    head = pack(
        "<4sHHHHHHIIIHHHHHII",
        b"PK\x01\x02",
        _UNIX | version,
        version,
        _DESCRIPTOR_AND_UTF8,
        0,
        *_dos(entry.at),
        entry.checksum,
        size,
        size,
        len(entry.name),
        len(extra),
        0,
        0,
        0,
        _REGULAR_FILE,
        _LIMIT if is_far else entry.place,
    )
    return head + entry.name + extra


def _dos(at: datetime) -> tuple[int, int]:
    """Time and date of MS-DOS, in UTC: two seconds are its smallest step."""
    at = min(max(at.astimezone(UTC), _EARLIEST), _LATEST)
    return (
        at.hour << 11 | at.minute << 5 | at.second // 2,
        (at.year - 1980) << 9 | at.month << 5 | at.day,
    )


def _times(at: datetime) -> bytes:
    """The same moment without a time zone's doubt, for who reads it."""
    seconds = int(at.timestamp())
    return pack("<HHBi", 0x5455, 5, 1, seconds) if -(2**31) <= seconds < 2**31 else b""
