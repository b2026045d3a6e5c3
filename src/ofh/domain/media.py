"""Photos, videos and other files: what a name tells, and what the first bytes tell.

A name is a label that somebody gave; the kind of the content is decided by the content alone (security.md, U4), and
what a browser could execute is never called by its name: HTML, SVG, XML and scripts are plain bytes here.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

OCTETS = "application/octet-stream"
"""Bytes, and no more is said of them."""
SNIFFED_BYTES = 4_096
"""So much of a file's beginning is enough for `content_type_of`."""
INLINE = frozenset({"image/jpeg", "image/png", "image/webp", "video/mp4"})
"""The kinds of content that a browser may show; all others it is told to save (security.md, U5)."""
MAX_NAME_BYTES = 255
FLIGHT_TOLERANCE = timedelta(minutes=2)
"""How far a camera's clock may be from a flight and what it took still be of that flight."""


class MediaType(StrEnum):
    """What a drone took."""

    PHOTO = "PHOTO"
    VIDEO = "VIDEO"
    OTHER = "OTHER"
    """Side files: subtitles, records of the satellite receiver, and whatever else comes."""


class Lens(StrEnum):
    """What a photo or video was taken through, or which of a camera's bands it shows."""

    WIDE = "WIDE"
    ZOOM = "ZOOM"
    THERMAL = "THERMAL"
    VISIBLE = "VISIBLE"
    SCREEN = "SCREEN"
    """What the pilot's screen showed, split or not."""
    RGB = "RGB"
    """The colour picture of a multispectral camera."""
    GREEN = "GREEN"
    RED = "RED"
    RED_EDGE = "RED_EDGE"
    NEAR_INFRARED = "NEAR_INFRARED"


_LENSES = {
    "W": Lens.WIDE,
    "Z": Lens.ZOOM,
    "T": Lens.THERMAL,
    "V": Lens.VISIBLE,
    "S": Lens.SCREEN,
    "D": Lens.RGB,
}
_BANDS = {"G": Lens.GREEN, "R": Lens.RED, "RE": Lens.RED_EDGE, "NIR": Lens.NEAR_INFRARED}
_LENS = re.compile(r"_\d+_(?:MS_(NIR|RE|R|G)|([WZTVSD]))(?=[_.]|$)", re.ASCII | re.IGNORECASE)
"""Behind the camera's counter and before the waypoint's name: DJI's habit, not part of its Cloud API."""
_PANORAMA = re.compile(r"_PANO(?=[_.]|$)", re.IGNORECASE)

_TYPES = {
    **dict.fromkeys(("jpg", "jpeg", "dng", "tif", "tiff", "png", "webp"), MediaType.PHOTO),
    **dict.fromkeys(("mp4", "mov"), MediaType.VIDEO),
    **dict.fromkeys(("srt", "mrk", "obs", "nav", "rtk", "dat"), MediaType.OTHER),
}
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})


def lens_of(name: str) -> Lens | None:
    """The lens that a file's name tells; None where it tells none."""
    found = _LENS.search(name)
    if found is None:
        return None
    band, letter = found.groups()
    return _BANDS[band.upper()] if band else _LENSES[letter.upper()]


def is_panorama_name(name: str) -> bool:
    """Whether a file's name says that it is a panorama, or a frame of one."""
    return _PANORAMA.search(name) is not None


def media_type_of(name: str, content_type: str) -> MediaType:
    """What a file is: by its name's ending, and where that says nothing by its content."""
    found = _TYPES.get(name.rpartition(".")[2].lower())
    if found is not None:
        return found
    match content_type.partition("/")[0]:
        case "image":
            return MediaType.PHOTO
        case "video":
            return MediaType.VIDEO
        case _:
            return MediaType.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When a flight was."""

    flight_id: int
    start: datetime
    end: datetime | None
    """None as long as it may go on."""


def flight_at(at: datetime, windows: Iterable[Window]) -> int | None:
    """The flight during which something was taken, or the nearest one within the tolerance; of equals the later one."""

    def distance(window: Window) -> timedelta:
        if at < window.start:
            return window.start - at
        if window.end is not None and at > window.end:
            return at - window.end
        return timedelta(0)

    near = [(distance(window), window) for window in windows]
    fitting = [(away, window) for away, window in near if away <= FLIGHT_TOLERANCE]
    if not fitting:
        return None
    _, best = min(fitting, key=lambda item: (item[0], -item[1].start.timestamp()))
    return best.flight_id


def is_file_name(name: str) -> bool:
    """Whether a text may be a file's name: 1 to 255 bytes of UTF-8, no control characters, no slash or backslash, and
    not a name of a folder itself (security.md, U6).
    """
    return (
        name not in {"", ".", ".."}
        and not any(character in "/\\" or unicodedata.category(character) in _CONTROL for character in name)
        and len(name.encode()) <= MAX_NAME_BYTES
    )


def content_type_of(head: bytes) -> str:
    """The media type of a file that begins like this; `application/octet-stream` for all that is not known here.

    Args:
        head: the first `SNIFFED_BYTES` of the file, or all of it.
    """
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[:4] in _TIFF:
        return "image/x-adobe-dng" if _has_tag(head, _DNG_VERSION) else "image/tiff"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[4:8] in {b"moov", b"mdat", b"wide"}:  # QuickTime before there were brands
        return "video/quicktime"
    return OCTETS


_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
)
_TIFF = {b"II*\0": "little", b"MM\0*": "big", b"II+\0": "", b"MM\0+": ""}
"""The heads of TIFF and BigTIFF, and the order of bytes of those whose tags are read here."""
_BRANDS = {
    b"qt  ": "video/quicktime",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
    b"avif": "image/avif",
    b"M4A ": "audio/mp4",
}
_DNG_VERSION = 0xC612
"""The tag that every DNG has in its first directory (DNG 1.7, chapter 4)."""


def _has_tag(head: bytes, tag: int) -> bool:
    """Whether the first directory of a TIFF has a tag, as far as the head reaches."""
    order = _TIFF[head[:4]]
    if not order:
        return False

    def number(start: int, size: int) -> int:
        return int.from_bytes(head[start : start + size], "little" if order == "little" else "big")

    directory = number(4, 4)
    entries = min(number(directory, 2), len(head) // 12)
    return any(number(directory + 2 + 12 * index, 2) == tag for index in range(entries))
