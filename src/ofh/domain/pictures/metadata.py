"""What a picture's file says of itself: EXIF and XMP by name, its size, and where a DNG keeps its preview.

Only what stands before and beside the pixels is read, never the pixels. Any bytes give an answer; what is broken, of
another type than its name promises, or beyond the bounds is left out.
"""

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from . import tiff
from .jpeg import read_header
from .tiff import Directory, NoTiff, Read, Tiff
from .video import frame_size
from .xmp import EXTENSION, BadXmp, read_packet

MAX_TEXT = 1_024
"""Characters of a text of EXIF."""
MAX_XMP_TEXT = 64 * 1024
"""Characters of all names and values of XMP together: they are read along with every list of media. Cameras write a few
thousand in the namespaces that are kept."""
PREVIEW_SIDE = 512
"""Pixels of the longer side that a preview should have."""
TIFFS = frozenset({"image/tiff", "image/x-adobe-dng"})
VIDEOS = frozenset({"video/mp4", "video/quicktime"})


class _Kind(Enum):
    """What a tag's value has to be."""

    TEXT = "a text"
    WHOLE = "a whole number"
    NUMBER = "a number"
    THREE = "three numbers"


_MAIN = {
    0x010F: ("Make", _Kind.TEXT),
    0x0110: ("Model", _Kind.TEXT),
    0x0112: ("Orientation", _Kind.WHOLE),
    0x0131: ("Software", _Kind.TEXT),
    0x0132: ("DateTime", _Kind.TEXT),
    0xC614: ("UniqueCameraModel", _Kind.TEXT),
}
_EXIF = {
    0x829A: ("ExposureTime", _Kind.NUMBER),
    0x829D: ("FNumber", _Kind.NUMBER),
    0x8827: ("ISOSpeedRatings", _Kind.WHOLE),
    0x9003: ("DateTimeOriginal", _Kind.TEXT),
    0x9010: ("OffsetTime", _Kind.TEXT),
    0x9011: ("OffsetTimeOriginal", _Kind.TEXT),
    0x9291: ("SubsecTimeOriginal", _Kind.TEXT),
    0x920A: ("FocalLength", _Kind.NUMBER),
    0xA002: ("ExifImageWidth", _Kind.WHOLE),
    0xA003: ("ExifImageHeight", _Kind.WHOLE),
    0xA20E: ("FocalPlaneXResolution", _Kind.NUMBER),
    0xA20F: ("FocalPlaneYResolution", _Kind.NUMBER),
    0xA210: ("FocalPlaneResolutionUnit", _Kind.WHOLE),
    0xA404: ("DigitalZoomRatio", _Kind.NUMBER),
    0xA405: ("FocalLengthIn35mmFilm", _Kind.NUMBER),
    0xA431: ("BodySerialNumber", _Kind.TEXT),
    0xA434: ("LensModel", _Kind.TEXT),
}
_GPS = {
    0x01: ("GPSLatitudeRef", _Kind.TEXT),
    0x02: ("GPSLatitude", _Kind.THREE),
    0x03: ("GPSLongitudeRef", _Kind.TEXT),
    0x04: ("GPSLongitude", _Kind.THREE),
    0x05: ("GPSAltitudeRef", _Kind.WHOLE),
    0x06: ("GPSAltitude", _Kind.NUMBER),
    0x07: ("GPSTimeStamp", _Kind.THREE),
    0x10: ("GPSImgDirectionRef", _Kind.TEXT),
    0x11: ("GPSImgDirection", _Kind.NUMBER),
    0x1D: ("GPSDateStamp", _Kind.TEXT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A JPEG within a file."""

    offset: int
    length: int


@dataclass(slots=True, kw_only=True)
class PictureMetadata:
    """What a file says; empty where it says nothing."""

    exif: dict[str, Any] = field(default_factory=dict)
    """By EXIF's own names: numbers, texts, and lists of three numbers."""
    xmp: dict[str, str] = field(default_factory=dict)
    """DJI's names as they are, others behind a prefix and a colon; every value is text."""
    width: int | None = None
    """Pixels, as the picture is stored."""
    height: int | None = None
    preview: Preview | None = None
    """Of a DNG: the smallest that is large enough, else the largest."""
    faults: list[str] = field(default_factory=list)
    """What could not be read."""

    @property
    def orientation(self) -> int:
        """How the stored picture has to be turned, EXIF's 1 to 8; 1 where nothing sensible is said."""
        found = self.exif.get("Orientation")
        return found if isinstance(found, int) and 1 <= found <= 8 else 1

    def as_json(self) -> dict[str, Any]:
        """What is kept."""
        return {"exif": self.exif, "xmp": self.xmp}


def read_metadata(read: Read, size: int, content_type: str) -> PictureMetadata:
    """Read a file.

    Args:
        read: offset and length → bytes.
        size: of the file, bytes.
        content_type: by its content.
    """
    found = PictureMetadata()
    if content_type == "image/jpeg":
        _read_jpeg(found, read)
    elif content_type in TIFFS:
        _read_tiff(found, read, size, is_dng=content_type == "image/x-adobe-dng")
    elif content_type in VIDEOS and (frame := frame_size(read, size)) is not None:
        found.width, found.height = frame
    return found


def _read_jpeg(found: PictureMetadata, read: Read) -> None:
    header = read_header(read)
    found.width, found.height = header.width, header.height
    if header.exif is not None:
        exif = header.exif
        _read_exif(found, lambda at, length: exif[at : at + length])
    for packet in header.packets:
        _read_xmp(found, packet)
    extension = header.extensions.get(found.xmp.pop(EXTENSION, "").encode())
    if extension is not None:
        _read_xmp(found, extension)


def _read_tiff(found: PictureMetadata, read: Read, size: int, *, is_dng: bool) -> None:
    main = _read_exif(found, read)
    if main is None:
        return
    document, first = main
    _read_xmp(found, first.octets(tiff.XMP_PACKET))
    found.xmp.pop(EXTENSION, None)
    directories = [first]
    if is_dng:
        directories += [*list(document.chain())[1:], *document.below(first)]
        found.preview = _preview(directories, read, size)
    whole = [item for item in directories if not (item.number(tiff.SUBFILE_TYPE) or 0) & 1]
    sizes = [(item.number(tiff.IMAGE_WIDTH) or 0, item.number(tiff.IMAGE_LENGTH) or 0) for item in whole or directories]
    width, height = max(sizes, key=lambda item: item[0] * item[1])
    if width and height:
        found.width, found.height = width, height


def _read_exif(found: PictureMetadata, read: Read) -> tuple[Tiff, Directory] | None:
    try:
        document = Tiff.of(read)
    except NoTiff:
        found.faults.append("exif")
        return None
    main = document.directory(document.first)
    if main is None:
        found.faults.append("exif")
        return None
    _take(found.exif, main, _MAIN)
    for pointer, names in ((tiff.EXIF_DIRECTORY, _EXIF), (tiff.GPS_DIRECTORY, _GPS)):
        at = main.number(pointer)
        if at is not None and (directory := document.directory(at)) is not None:
            _take(found.exif, directory, names)
    return document, main


def _read_xmp(found: PictureMetadata, packet: bytes) -> None:
    if not packet.strip(b"\0 \t\r\n"):
        return
    try:
        properties = read_packet(packet)
    except BadXmp:
        found.faults.append("xmp")
        return
    room = MAX_XMP_TEXT - sum(len(name) + len(value) for name, value in found.xmp.items())
    for name, value in properties.items():
        if name in found.xmp:
            continue
        room -= len(name) + len(value)
        if room < 0:
            found.faults.append("xmp")
            return
        found.xmp[name] = _clean(value)


def _take(exif: dict[str, Any], directory: Directory, names: dict[int, tuple[str, _Kind]]) -> None:
    for tag, (name, kind) in names.items():
        value = directory.value(tag) if tag in directory.entries else None
        if value is not None and (fitting := _fitting(value, kind)) is not None:
            exif[name] = fitting


def _fitting(value: tiff.Value, kind: _Kind) -> Any:
    """The value in the form that is kept; None where it is something else than its name promises."""
    match kind:
        case _Kind.TEXT:
            return _clean(value)[:MAX_TEXT] or None if isinstance(value, str) else None
        case _Kind.WHOLE:
            return value if isinstance(value, int) else None
        case _Kind.NUMBER:
            return value if isinstance(value, int | float) and math.isfinite(value) else None
        case _Kind.THREE:
            is_fine = isinstance(value, tuple) and len(value) == 3 and all(math.isfinite(item) for item in value)
            return list(value) if isinstance(value, tuple) and is_fine else None


def _clean(text: str) -> str:
    """Without control characters: no database would take the first of them."""
    return "".join(character for character in text if character >= " " and character != "\x7f").strip()


def _preview(directories: list[Directory], read: Read, size: int) -> Preview | None:
    """The JPEG that a DNG carries for looking at, of the size that suits best."""
    found: list[tuple[int, Preview]] = []
    for directory in directories:
        width, height = directory.number(tiff.IMAGE_WIDTH) or 0, directory.number(tiff.IMAGE_LENGTH) or 0
        place = _jpeg_of(directory)
        if place is None or place.offset + place.length > size or read(place.offset, 3) != b"\xff\xd8\xff":
            continue
        found.append((max(width, height), place))
    large = [item for item in found if item[0] >= PREVIEW_SIDE]
    if large:
        return min(large, key=lambda item: item[0])[1]
    return max(found, key=lambda item: item[0])[1] if found else None


def _jpeg_of(directory: Directory) -> Preview | None:
    """Where a directory's picture stands, if it is an ordinary JPEG; the raw picture may be a lossless one."""
    if directory.number(tiff.COMPRESSION) not in (6, 7) or directory.number(tiff.PHOTOMETRIC) not in (2, 6, None):
        return None
    offset, length = directory.number(tiff.JPEG_OFFSET), directory.number(tiff.JPEG_BYTES)
    if offset is None or length is None:
        offset, length = directory.number(tiff.STRIP_OFFSETS), directory.number(tiff.STRIP_BYTES)
    return None if not offset or not length else Preview(offset=offset, length=length)
