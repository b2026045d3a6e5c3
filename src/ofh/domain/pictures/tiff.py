"""The directories of a TIFF: what a TIFF, a DNG and the EXIF of any picture keep their tags in (TIFF 6.0; EXIF 2.32).

Nothing here is believed: offsets may point anywhere, counts may be anything, directories may refer to each other in
circles. What cannot be read is left out, and how much is read is bounded. Pixels are never touched.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

Read = Callable[[int, int], bytes]
"""Offset and length → so many bytes of the file, or fewer where it ends before."""
Value = int | float | str | bytes | tuple[int | float, ...]

MAX_DIRECTORIES = 32
MAX_ENTRIES = 512
"""Of one directory; DJI's have some fifty."""
MAX_NUMBERS = 4_096
"""Values of one tag; a strip of a picture has one each."""
MAX_BYTES = 1024 * 1024
"""Of the value of one tag: the largest that is wanted is an XMP packet."""

IMAGE_WIDTH, IMAGE_LENGTH = 0x0100, 0x0101
COMPRESSION, PHOTOMETRIC = 0x0103, 0x0106
STRIP_OFFSETS, STRIP_BYTES = 0x0111, 0x0117
SUBFILE_TYPE, SUB_DIRECTORIES = 0x00FE, 0x014A
JPEG_OFFSET, JPEG_BYTES = 0x0201, 0x0202
XMP_PACKET, EXIF_DIRECTORY, GPS_DIRECTORY = 0x02BC, 0x8769, 0x8825

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Type of a value → its bytes."""
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}
_ASCII, _RATIONAL, _OPAQUE, _SIGNED_RATIONAL = 2, 5, 7, 10


class NoTiff(Exception):
    """Not a TIFF, or none that can be read."""


@dataclass(frozen=True, slots=True)
class _Entry:
    type: int
    count: int
    at: int
    """Where its value stands in the file."""


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory, whose values are read when they are asked for.

    Args:
        order: `<` or `>`.
    """

    read: Read
    order: str
    entries: dict[int, _Entry]

    def value(self, tag: int) -> Value | None:
        """The value of a tag: a number, several, a text or bytes; None where it is missing or cannot be read.

        A fraction with a zero denominator is what DJI writes for 'not used', and no number.
        """
        entry = self.entries.get(tag)
        if entry is None:
            return None
        length = _SIZES[entry.type] * entry.count
        if length > MAX_BYTES or (entry.type not in (_ASCII, _OPAQUE) and entry.count > MAX_NUMBERS):
            return None
        raw = self.read(entry.at, length)
        if len(raw) < length:
            return None
        if entry.type == _ASCII:
            return raw.partition(b"\0")[0].decode("utf-8", "replace").strip()
        if entry.type == _OPAQUE:
            return raw
        numbers = self._numbers(entry, raw)
        if numbers is None:
            return None
        return numbers[0] if len(numbers) == 1 else numbers

    def number(self, tag: int) -> int | None:
        """A whole number; None where it is none."""
        found = self.value(tag)
        return found if isinstance(found, int) else None

    def numbers(self, tag: int) -> tuple[int, ...]:
        """All whole numbers of a tag; none where they are something else."""
        found = self.value(tag)
        values = found if isinstance(found, tuple) else (found,)
        return tuple(value for value in values if isinstance(value, int))

    def octets(self, tag: int) -> bytes:
        """The bytes of a tag, whatever it calls them."""
        entry = self.entries.get(tag)
        if entry is None or (length := _SIZES[entry.type] * entry.count) > MAX_BYTES:
            return b""
        return self.read(entry.at, length)

    def _numbers(self, entry: _Entry, raw: bytes) -> tuple[int | float, ...] | None:
        if not entry.count:
            return None
        if entry.type in _CODES:
            return struct.unpack(f"{self.order}{entry.count}{_CODES[entry.type]}", raw)
        code = "I" if entry.type == _RATIONAL else "i"
        parts = struct.unpack(f"{self.order}{2 * entry.count}{code}", raw)
        pairs = list(zip(parts[::2], parts[1::2], strict=True))
        if any(under == 0 for _, under in pairs):
            return None
        return tuple(float(Fraction(over, under)) for over, under in pairs)


@dataclass(slots=True)
class Tiff:
    """A TIFF: its directories, found as they are asked for."""

    read: Read
    order: str
    first: int
    _left: int = field(default=MAX_DIRECTORIES)

    @classmethod
    def of(cls, read: Read) -> "Tiff":
        """Open one.

        Raises:
            NoTiff: it does not begin like one. BigTIFF is none of those that cameras write.
        """
        head = read(0, 8)
        order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
        if order is None or len(head) < 8:
            raise NoTiff
        (first,) = struct.unpack(f"{order}I", head[4:])
        return cls(read, order, first)

    def directory(self, at: int) -> Directory | None:
        """The directory at this place; None where there is none, or enough have been read."""
        found = self._directory(at)
        return None if found is None else found[0]

    def chain(self) -> Iterator[Directory]:
        """The main directory and those that follow it."""
        at, seen = self.first, set[int]()
        while at and at not in seen:
            seen.add(at)
            found = self._directory(at)
            if found is None:
                return
            yield found[0]
            at = found[1]

    def below(self, directory: Directory) -> Iterator[Directory]:
        """The directories that one names as its own, pictures in other sizes above all."""
        for at in directory.numbers(SUB_DIRECTORIES):
            if (found := self.directory(at)) is not None:
                yield found

    def _directory(self, at: int) -> tuple[Directory, int] | None:
        """The directory, and where the next one is."""
        if self._left <= 0 or at < 8:
            return None
        self._left -= 1
        raw = self.read(at, 2)
        if len(raw) < 2:
            return None
        (count,) = struct.unpack(f"{self.order}H", raw)
        body = self.read(at + 2, 12 * count + 4)
        entries: dict[int, _Entry] = {}
        for index in range(min(count, len(body) // 12, MAX_ENTRIES)):
            tag, kind, number = struct.unpack_from(f"{self.order}HHI", body, 12 * index)
            if kind not in _SIZES:
                continue
            place = at + 2 + 12 * index + 8
            if _SIZES[kind] * number > 4:
                (place,) = struct.unpack_from(f"{self.order}I", body, 12 * index + 8)
            entries.setdefault(tag, _Entry(kind, number, place))
        following = body[12 * count : 12 * count + 4]
        (behind,) = struct.unpack(f"{self.order}I", following) if len(following) == 4 else (0,)
        return Directory(self.read, self.order, entries), behind
