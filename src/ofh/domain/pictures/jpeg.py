"""The segments of a JPEG up to where its pixels begin (ITU T.81, annex B; EXIF 2.32, 4.7; XMP, part 3)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from .tiff import Read

MAX_SEGMENTS = 4_096
"""A thermal picture keeps its temperatures in some hundreds."""
MAX_XMP_BYTES = 1024 * 1024
"""Of a packet with its extension."""

_EXIF = b"Exif\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_PACKET = b"<x:xmpmeta"
_GUID_BYTES = 32
_APP1, _SCAN, _END = 0xE1, 0xDA, 0xD9
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers that tell the picture's size; the three are tables."""
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a segment."""


@dataclass(slots=True)
class JpegHeader:
    """What stands before the pixels."""

    width: int | None = None
    """Pixels, as the picture is stored."""
    height: int | None = None
    exif: bytes | None = None
    """A TIFF."""
    packets: list[bytes] = field(default_factory=list)
    """XMP, each as it stands in its segment."""
    extensions: dict[bytes, bytes] = field(default_factory=dict)
    """Extended XMP by the digest that the packet names it with, where all of it is here."""


def read_header(read: Read) -> JpegHeader:
    """Read the segments; where something is broken, what stands before it."""
    header = JpegHeader()
    parts: dict[bytes, _Extension] = {}
    for marker, at, length in _segments(read):
        if marker == _APP1:
            _take(header, parts, read(at, length))
        elif marker in _FRAMES and header.width is None:
            frame = read(at, 5)
            if len(frame) == 5:
                header.height, header.width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    header.extensions = {guid: bytes(part.content) for guid, part in parts.items() if part.is_whole}
    return header


@dataclass(slots=True)
class _Extension:
    """A packet that comes in pieces."""

    content: bytearray
    missing: int

    @property
    def is_whole(self) -> bool:
        return self.missing == 0


def _segments(read: Read) -> Iterator[tuple[int, int, int]]:
    """Marker, place and length of each segment's content."""
    if read(0, 2) != b"\xff\xd8":
        return
    at = 2
    for _ in range(MAX_SEGMENTS):
        head = read(at, 4)
        if len(head) < 4 or head[0] != 0xFF:
            return
        marker = head[1]
        if marker == 0xFF:  # a filling byte
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker in (_SCAN, _END):
            return
        else:
            length = int.from_bytes(head[2:])
            if length < 2:
                return
            yield marker, at + 4, length - 2
            at += 2 + length


def _take(header: JpegHeader, parts: dict[bytes, _Extension], content: bytes) -> None:
    """One APP1 segment: EXIF, XMP, a piece of extended XMP, or something else."""
    if content.startswith(_EXIF):
        if header.exif is None:
            header.exif = content[len(_EXIF) + 1 :]
    elif content.startswith(_XMP_EXTENSION):
        _take_piece(parts, content[len(_XMP_EXTENSION) :])
    elif content.startswith(_XMP):
        _keep(header, content[len(_XMP) :])
    elif (start := content.find(_PACKET)) >= 0:
        _keep(header, content[start:])


def _keep(header: JpegHeader, packet: bytes) -> None:
    if sum(map(len, header.packets)) + len(packet) <= MAX_XMP_BYTES:
        header.packets.append(packet)


def _take_piece(parts: dict[bytes, _Extension], content: bytes) -> None:
    guid, rest = content[:_GUID_BYTES], content[_GUID_BYTES:]
    if len(rest) < 8:
        return
    length, offset, data = int.from_bytes(rest[:4]), int.from_bytes(rest[4:8]), rest[8:]
    if length > MAX_XMP_BYTES or offset + len(data) > length or (guid not in parts and len(parts) >= 4):
        return
    part = parts.setdefault(guid, _Extension(bytearray(length), length))
    if len(part.content) == length and part.missing >= len(data):
        part.content[offset : offset + len(data)] = data
        part.missing -= len(data)
