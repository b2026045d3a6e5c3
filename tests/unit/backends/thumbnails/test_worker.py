"""What the process for pictures makes of them: pixels, orientation, sizes; and that it is let do nothing else."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ofh.backends.thumbnails import worker
from ofh.backends.thumbnails.worker import NoThumbnail, thumbnail
from tests.support.pictures import corners, jpeg, photo_exif, shown_corners, turned

PLUGINS = worker.plugins()
ORIENTATIONS = range(1, 9)
UPRIGHT = ["red", "lime", "blue", "white"]


def encoded(picture: Image.Image, kind: str, **more: Any) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def size_of(content: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(content)) as picture:
        return picture.size


# Orientation


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", ["jpeg", "tiff", "png", "webp"])
def test_a_picture_is_upright_whatever_its_orientation_says(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "jpeg":
        content = jpeg(turned(orientation), exif=photo_exif("M30T", 96, 64, orientation=orientation))
    elif kind == "tiff":
        content = encoded(turned(orientation), "TIFF", tiffinfo={0x0112: orientation})
    else:
        content = encoded(turned(orientation), kind, exif=exif, **({"lossless": True} if kind == "webp" else {}))

    found = thumbnail(PLUGINS[kind], content, 0)

    assert shown_corners(found) == UPRIGHT
    assert size_of(found) == (96, 64)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_what_is_told_of_a_preview_counts_and_not_what_it_says_itself(orientation: int) -> None:
    preview = jpeg(turned(orientation), exif=photo_exif("L2D-20c", 96, 64, orientation=3))

    assert shown_corners(thumbnail(PLUGINS["jpeg"], preview, orientation)) == UPRIGHT


# What comes out


@pytest.mark.parametrize(
    ("size", "expected"),
    [((4000, 3000), (512, 384)), ((300, 2000), (77, 512)), ((40, 30), (40, 30)), ((3000, 1), (512, 1))],
)
def test_the_longer_side_has_at_most_512_pixels_and_nothing_is_enlarged(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert size_of(thumbnail(PLUGINS["jpeg"], jpeg(Image.new("RGB", size)), 0)) == expected


def test_nothing_but_the_picture_is_in_it() -> None:
    gps = {1: "N", 2: ((50, 1), (0, 1), (0, 1))}
    noisy = encoded(
        corners(), "JPEG", exif=Image.Exif(), comment=b"a secret", icc_profile=b"a profile" * 20, dpi=(300, 300)
    )
    placed = jpeg(corners(), exif=photo_exif("M30T-SECRET", 96, 64, gps=gps), xmp=b"<x:xmpmeta/>")

    for content in (noisy, placed):
        found = thumbnail(PLUGINS["jpeg"], content, 0)
        for word in (b"secret", b"SECRET", b"profile", b"Exif", b"http", b"ICC_PROFILE"):
            assert word not in found
        with Image.open(BytesIO(found)) as picture:
            assert not picture.getexif()
            assert picture.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_what_is_transparent_is_white() -> None:
    clear = Image.new("RGBA", (40, 30), (255, 0, 0, 0))
    few = Image.new("P", (40, 30))
    few.info["transparency"] = 0

    for picture in (clear, few, Image.new("LA", (40, 30), (0, 0))):
        assert shown_corners(thumbnail(PLUGINS["png"], encoded(picture, "PNG"), 0)) == ["white"] * 4


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_a_band_of_many_bits_is_stretched_to_what_can_be_seen(mode: str) -> None:
    """As multispectral and thermal cameras store it: numbers in a narrow range, far from black and white."""
    band = Image.new("F", (2000, 1000), 20_000)
    band.paste(20_600, (1000, 0, 2000, 1000))
    picture = band if mode == "F" else band.convert("I") if mode == "I" else band.convert("I").convert("I;16")

    with Image.open(BytesIO(thumbnail(PLUGINS["tiff"], encoded(picture, "TIFF"), 0))) as found:
        dark, bright = found.getpixel((100, 100)), found.getpixel((400, 100))
    assert isinstance(dark, tuple)
    assert isinstance(bright, tuple)
    assert max(dark) < 10
    assert min(bright) > 245


@pytest.mark.parametrize("mode", ["L", "1", "CMYK", "YCbCr", "LAB"])
def test_other_kinds_of_pixels_are_shown_too(mode: str) -> None:
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "TIFF"

    found = thumbnail(PLUGINS[kind.lower()], encoded(Image.new(mode, (40, 30)), kind), 0)

    assert size_of(found) == (40, 30)


# What is refused


def header_of(width: int, height: int) -> bytes:
    """A PNG whose header promises so many pixels, and that holds few."""
    import struct
    import zlib

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("width", "height"), [(10_000, 6_100), (20_001, 1), (1, 20_001), (65_535, 65_535), (2**31 - 1, 2**31 - 1)]
)
def test_t2_the_header_tells_that_it_is_too_large_before_anything_is_decoded(width: int, height: int) -> None:
    with pytest.raises(NoThumbnail, match=r"too many|Bomb"):
        thumbnail(PLUGINS["png"], header_of(width, height), 0)


def test_t2_a_jpeg_of_61_megapixels_is_too_large_and_one_of_48_is_not() -> None:
    small = jpeg(Image.new("RGB", (64, 48)))
    at = small.index(b"\xff\xc0") + 5
    promised = small[:at] + (6100).to_bytes(2, "big") + (10_000).to_bytes(2, "big") + small[at + 4 :]

    with pytest.raises(NoThumbnail, match="10000 x 6100 pixels are too many"):
        thumbnail(PLUGINS["jpeg"], promised, 0)
    assert size_of(thumbnail(PLUGINS["jpeg"], jpeg(Image.new("L", (8064, 6048))), 0)) == (512, 384)


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "webp"])
def test_what_is_broken_has_no_thumbnail(kind: str) -> None:
    whole = encoded(Image.effect_noise((200, 200), 50), kind.upper())

    for content in (b"", whole[:20], whole[: len(whole) // 2], b"GIF89a" + bytes(100), bytes(1_000)):
        with pytest.raises(NoThumbnail):
            thumbnail(PLUGINS[kind], content, 0)


def test_t1_no_other_format_is_decoded_whatever_it_is_called() -> None:
    others = [encoded(Image.new("RGB", (8, 8)), kind) for kind in ("GIF", "BMP", "ICO", "PPM", "TGA", "JPEG2000")]

    for content in others:
        for plugin in PLUGINS.values():
            with pytest.raises(NoThumbnail):
                thumbnail(plugin, content, 0)


# The process


CONFINED = """
import sys, socket, os
sys.path.insert(0, {folder!r})
import worker
worker.plugins()
cut_off = worker.confine(512 * 2**20, 10, 20, 1_000, files={files}, processes=0)
def write(file):
    os.write(file, bytes(1_000))
    os.write(file, b"x")
told = []
for name, act in (
    ("file", lambda: open("/etc/hostname")),
    ("internet", lambda: socket.socket(socket.AF_INET)),
    ("local", lambda: socket.socket(socket.AF_UNIX)),
    ("pair", lambda: socket.socketpair()),
    ("write", lambda: write(os.open("/tmp", os.O_TMPFILE | os.O_RDWR))),
    ("memory", lambda: bytearray(600 * 2**20)),
):
    try:
        act()
        told.append(name)
    except (OSError, MemoryError):
        pass
print(cut_off, *told)
"""


@pytest.mark.parametrize(("files", "can"), [(3, []), (64, ["file", "pair"])])
def test_t3_after_the_limits_nothing_can_be_opened_and_no_network_reached(files: int, can: list[str]) -> None:
    """With the files of the program for videos the kernel itself still refuses every socket."""
    code = CONFINED.format(folder=str(Path(worker.__file__).parent), files=files)

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60).stdout

    assert told.decode().split() == ["True", *can]


def test_ffmpeg_is_told_which_formats_codecs_and_protocols_it_may_use() -> None:
    told = worker.ffmpeg_arguments("/data/incoming/x")

    def behind(name: str) -> str:
        return told[told.index(name) + 1]

    assert behind("-protocol_whitelist") == "file,pipe"
    assert behind("-f") == "mov"
    assert "h264" in behind("-codec_whitelist")
    assert behind("-i") == "file:/data/incoming/x"
