"""What names and first bytes tell of a file."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.media import (
    INLINE,
    OCTETS,
    SNIFFED_BYTES,
    Lens,
    MediaType,
    content_type_of,
    is_file_name,
    is_panorama_name,
    lens_of,
    media_type_of,
)


@pytest.mark.parametrize(
    ("name", "lens"),
    [
        ("DJI_20250614102107_0004_W_Waypoint4.JPG", Lens.WIDE),
        ("DJI_20250614102107_0004_Z_Waypoint4.JPG", Lens.ZOOM),
        ("DJI_20250614102107_0004_T_Waypoint4.JPG", Lens.THERMAL),
        ("DJI_20250614102500_0042_V.JPG", Lens.VISIBLE),
        ("DJI_20250614102500_0042_S.MP4", Lens.SCREEN),
        ("DJI_20250614105500_0003_D.JPG", Lens.RGB),
        ("DJI_20250614105500_0003_MS_G.TIF", Lens.GREEN),
        ("DJI_20250614105500_0003_MS_R.TIF", Lens.RED),
        ("DJI_20250614105500_0003_MS_RE.TIF", Lens.RED_EDGE),
        ("DJI_20250614105500_0003_MS_NIR.TIF", Lens.NEAR_INFRARED),
        ("dji_0003_w.jpg", Lens.WIDE),
        ("DJI_20250614104000_0011_PANO.JPG", None),
        ("DJI_20250614104000_0011.JPG", None),
        ("DJI_20250614104000_0011_Waypoint_T.JPG", None),
        ("notes_T.txt", None),
        ("", None),
    ],
)
def test_the_part_behind_the_counter_tells_the_lens(name: str, lens: Lens | None) -> None:
    assert lens_of(name) is lens


def test_a_panorama_is_told_by_its_name() -> None:
    assert is_panorama_name("DJI_20250614104000_0011_PANO.JPG")
    assert not is_panorama_name("DJI_20250614104000_0011_PANORAMIC.JPG")


@pytest.mark.parametrize(
    ("name", "content_type", "type_"),
    [
        ("a.JPG", OCTETS, MediaType.PHOTO),
        ("a.dng", OCTETS, MediaType.PHOTO),
        ("a.MP4", OCTETS, MediaType.VIDEO),
        ("a.MOV", OCTETS, MediaType.VIDEO),
        ("a.SRT", OCTETS, MediaType.OTHER),
        ("a.MRK", "image/jpeg", MediaType.OTHER),
        ("a.xyz", "image/jpeg", MediaType.PHOTO),
        ("a", "video/quicktime", MediaType.VIDEO),
        ("a", OCTETS, MediaType.OTHER),
        ("", OCTETS, MediaType.OTHER),
    ],
)
def test_the_ending_decides_first_and_the_content_second(name: str, content_type: str, type_: MediaType) -> None:
    assert media_type_of(name, content_type) is type_


def tiff(*tags: int, order: str = "<") -> bytes:
    head = b"II*\0" if order == "<" else b"MM\0*"
    entries = b"".join(struct.pack(f"{order}HHII", tag, 1, 4, 0) for tag in tags)
    return head + struct.pack(f"{order}IH", 8, len(tags)) + entries


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"\xff\xd8\xff\xe1\x00\x10Exif", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\0\0\0WAVEfmt ", OCTETS),
        (tiff(0x0100, 0x0101), "image/tiff"),
        (tiff(0x0100, 0x0101, order=">"), "image/tiff"),
        (tiff(0x0100, 0xC612), "image/x-adobe-dng"),
        (tiff(0x0100, 0xC612, order=">"), "image/x-adobe-dng"),
        (b"II+\0\x08\0\0\0", "image/tiff"),
        (b"\0\0\0\x18ftypmp42", "video/mp4"),
        (b"\0\0\0\x18ftypqt  ", "video/quicktime"),
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"\0\0\0\x08wide\0\0", "video/quicktime"),
        (b"%PDF-1.7", "application/pdf"),
        (b"", OCTETS),
        (b"\xff\xd8", OCTETS),
        (b"<!DOCTYPE html><script>alert(1)</script>", OCTETS),
        (b"<html>", OCTETS),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', OCTETS),
        (b"<svg onload=alert(1)>", OCTETS),
        (b"#!/bin/sh\nrm", OCTETS),
        (b"GIF89a<script>", OCTETS),
    ],
)
def test_u4_and_u5_the_content_alone_decides_and_nothing_that_runs_is_named(head: bytes, found: str) -> None:
    assert content_type_of(head) == found


@given(st.binary(max_size=SNIFFED_BYTES))
def test_any_bytes_have_a_type_that_runs_nowhere(head: bytes) -> None:
    found = content_type_of(head)
    assert found == OCTETS or not any(part in found for part in ("html", "svg", "xml", "script", "text"))


@given(st.sampled_from([b"II*\0", b"MM\0*", b"II+\0"]), st.binary(max_size=200))
def test_any_directory_of_a_tiff_is_read_to_an_end(magic: bytes, rest: bytes) -> None:
    assert content_type_of(magic + rest) in {"image/tiff", "image/x-adobe-dng"}


def test_what_browsers_may_show_is_four_kinds() -> None:
    assert sorted(INLINE) == ["image/jpeg", "image/png", "image/webp", "video/mp4"]


@pytest.mark.parametrize("name", ["a", "a.jpg", "äöü.jpg", "..a", "a..b", " a", "x" * 255, "ü" * 127])
def test_u6_names_that_are_fine(name: str) -> None:
    assert is_file_name(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "a\\b", "/etc/passwd", "a\nb", "a\0b", "a\x7fb", "\u2028", "\ud800", "x" * 256, "ü" * 128],
)
def test_u6_names_that_are_none(name: str) -> None:
    assert not is_file_name(name)
