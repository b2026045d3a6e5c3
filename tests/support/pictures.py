"""Picture files made byte by byte, as cameras are documented to write them, and as nobody should.

A tag's value is a text, a whole number, a fraction (two numbers), several fractions, or bytes. A directory is a dict of
them by the number of the tag.
"""

import struct
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from PIL import Image

Tags = Mapping[int, Any]

MAKE, MODEL, ORIENTATION = 0x010F, 0x0110, 0x0112
WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 0x0100, 0x0101, 0x0102, 0x0103, 0x0106
STRIP, SAMPLES, ROWS, STRIP_BYTES = 0x0111, 0x0115, 0x0116, 0x0117
SUBFILE, SUB_IFDS, XMP, EXIF_IFD, GPS_IFD, DNG_VERSION = 0x00FE, 0x014A, 0x02BC, 0x8769, 0x8825, 0xC612
TAKEN, TAKEN_OFFSET = 0x9003, 0x9011
FOCAL, FOCAL_35, ZOOM, EXIF_WIDTH, EXIF_HEIGHT = 0x920A, 0xA405, 0xA404, 0xA002, 0xA003
GPS_LAT_REF, GPS_LAT, GPS_LON_REF, GPS_LON, GPS_ALT_REF, GPS_ALT = 1, 2, 3, 4, 5, 6

XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
DJI = "http://www.dji.com/drone-dji/1.0/"


class Block(bytes):
    """Bytes that stand elsewhere in the file, and whose offset is the tag's value."""


class Below(dict[int, Any]):
    """A directory of its own, whose offset is the tag's value."""


def tiff(main: Tags, *, order: str = "<", behind: Sequence[Tags] = ()) -> bytes:
    """A TIFF with a main directory, and those that follow it."""
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4))
    link = 4
    for tags in (main, *behind):
        at, link_after = _directory(out, tags, order)
        out[link : link + 4] = struct.pack(f"{order}I", at)
        link = link_after
    return bytes(out)


def _directory(out: bytearray, tags: Tags, order: str) -> tuple[int, int]:
    """Write a directory: where it stands, and where the offset of the next one is to be put."""
    values = {tag: _encoded(out, value, order) for tag, value in sorted(tags.items())}
    for tag, (kind, count, raw) in values.items():
        if len(raw) > 4:
            out += bytes(len(out) % 2)
            values[tag] = (kind, count, struct.pack(f"{order}I", len(out)))
            out += raw
    out += bytes(len(out) % 2)
    at = len(out)
    out += struct.pack(f"{order}H", len(values))
    for tag, (kind, count, raw) in values.items():
        out += struct.pack(f"{order}HHI", tag, kind, count) + raw.ljust(4, b"\0")
    out += bytes(4)
    return at, len(out) - 4


def _encoded(out: bytearray, value: Any, order: str) -> tuple[int, int, bytes]:
    """Type, number of values, and the values."""
    match value:
        case Block():
            out += bytes(len(out) % 2)
            at = len(out)
            out += value
            return 4, 1, struct.pack(f"{order}I", at)
        case Below():
            at, _ = _directory(out, value, order)
            return 4, 1, struct.pack(f"{order}I", at)
        case list() if value and isinstance(value[0], Below):
            places = [_directory(out, item, order)[0] for item in value]
            return 4, len(places), struct.pack(f"{order}{len(places)}I", *places)
        case bytes():
            return 7, len(value), value
        case str():
            return 2, len(value.encode()) + 1, value.encode() + b"\0"
        case int():
            return (3, 1, struct.pack(f"{order}H", value)) if value < 65536 else (4, 1, struct.pack(f"{order}I", value))
        case (int(), int()):
            return 5, 1, struct.pack(f"{order}II", *value)
        case _:
            flat = [part for pair in value for part in pair]
            return 5, len(value), struct.pack(f"{order}{len(flat)}I", *flat)


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg(
    picture: Image.Image | None = None, *, exif: bytes | None = None, xmp: bytes | None = None, more: bytes = b""
) -> bytes:
    """A JPEG, with EXIF (a TIFF), an XMP packet, and further segments between the two."""
    out = BytesIO()
    (picture or Image.new("RGB", (64, 48), "green")).save(out, "JPEG", quality=95)
    plain = out.getvalue()
    head = b"" if exif is None else segment(0xE1, b"Exif\0\0" + exif)
    head += more + (b"" if xmp is None else segment(0xE1, XMP_HEADER + xmp))
    return plain[:2] + head + plain[2:]


def packet(attributes: Mapping[str, str], elements: Mapping[str, str] | None = None, *, around: str = "") -> bytes:
    """An XMP packet with DJI's names as attributes, as elements, or both."""
    written = "".join(f'\n   drone-dji:{name}="{value}"' for name, value in attributes.items())
    inner = "".join(f"\n   <drone-dji:{name}>{value}</drone-dji:{name}>" for name, value in (elements or {}).items())
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{around}
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="DJI Meta Data" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
   xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:drone-dji="{DJI}"
   xmp:CreateDate="2025-06-14T10:21:07+02:00" tiff:Make="DJI"{written}>{inner}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


def photo_exif(model: str, width: int, height: int, *, focal: tuple[int, int] = (450, 100), **more: Any) -> bytes:
    """The EXIF of a photo as DJI's cameras write it.

    Args:
        more: `orientation`, `order`, `gps` (a directory), `exif` (further tags).
    """
    inner = {
        TAKEN: "2025:06:14 10:21:07",
        FOCAL: focal,
        FOCAL_35: 24,
        ZOOM: (0, 0),
        EXIF_WIDTH: width,
        EXIF_HEIGHT: height,
        **more.get("exif", {}),
    }
    main = {MAKE: "DJI", MODEL: model, ORIENTATION: more.get("orientation", 1), EXIF_IFD: Below(inner)}
    if "gps" in more:
        main[GPS_IFD] = Below(more["gps"])
    return tiff(main, order=more.get("order", "<"))


def dng(
    preview: bytes, size: tuple[int, int], *, orientation: int = 1, xmp: bytes = b"", raw: Tags | None = None
) -> bytes:
    """A DNG as DJI's cameras write it: a tiny bitmap first, below it the raw picture and a JPEG to look at."""
    small = bytes(16 * 12 * 3)
    sensor = {
        SUBFILE: 0,
        WIDTH: 5280,
        LENGTH: 3956,
        BITS: 16,
        COMPRESSION: 7,
        PHOTOMETRIC: 32803,
        STRIP: Block(b"\xff\xd8\xff\xc3 lossless, and no ordinary JPEG"),
        STRIP_BYTES: 34,
        **(raw or {}),
    }
    shown = {
        SUBFILE: 1,
        WIDTH: size[0],
        LENGTH: size[1],
        COMPRESSION: 7,
        PHOTOMETRIC: 6,
        STRIP: Block(preview),
        STRIP_BYTES: len(preview),
    }
    main = {
        SUBFILE: 1,
        WIDTH: 16,
        LENGTH: 12,
        BITS: 8,
        COMPRESSION: 1,
        PHOTOMETRIC: 2,
        MAKE: "DJI",
        MODEL: "L2D-20c",
        STRIP: Block(small),
        SAMPLES: 3,
        ROWS: 12,
        STRIP_BYTES: len(small),
        ORIENTATION: orientation,
        SUB_IFDS: [Below(sensor), Below(shown)],
        EXIF_IFD: Below({FOCAL: (1229, 100), FOCAL_35: 24, TAKEN: "2025:06:14 10:21:07"}),
        DNG_VERSION: b"\x01\x04\x00\x00",
        **({XMP: xmp} if xmp else {}),
    }
    return tiff(main)


def corners(width: int = 96, height: int = 64) -> Image.Image:
    """A picture whose corners tell how it is turned: red, green, blue and white, from the top left on clockwise."""
    picture = Image.new("RGB", (width, height))
    half = (width // 2, height // 2)
    for place, colour in zip(((0, 0), (1, 0), (1, 1), (0, 1)), ("red", "lime", "blue", "white"), strict=True):
        picture.paste(Image.new("RGB", half, colour), (place[0] * half[0], place[1] * half[1]))
    return picture


UPRIGHT = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""EXIF's orientation → what makes the stored raster of an upright picture: the inverse of how it is to be turned."""


def turned(orientation: int) -> Image.Image:
    """`corners()` as a camera would store it with this orientation."""
    method = UPRIGHT[orientation]
    return corners() if method is None else corners().transpose(method)


def shown_corners(content: bytes) -> list[str]:
    """The colours of a JPEG's corners, from the top left on clockwise."""
    with Image.open(BytesIO(content)) as picture:
        width, height = picture.size
        points = ((4, 4), (width - 5, 4), (width - 5, height - 5), (4, height - 5))
        return [_named(picture.getpixel(point)) for point in points]


def _named(pixel: Any) -> str:
    strong = tuple(value > 128 for value in pixel)
    names = {(True, False, False): "red", (False, True, False): "lime", (False, False, True): "blue"}
    return names.get(strong, "white" if all(strong) else str(pixel))
