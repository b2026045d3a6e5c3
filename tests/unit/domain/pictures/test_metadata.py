"""What files say of themselves: as a dozen of DJI's cameras are documented to write it, and as nobody should."""

import json
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import exifread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.coverage.inputs import PhotoFacts
from ofh.domain.coverage.pose import camera_of
from ofh.domain.pictures import jpeg as jpeg_reader
from ofh.domain.pictures.metadata import MAX_XMP_TEXT, PictureMetadata, read_metadata
from tests.support import pictures
from tests.support.pictures import (
    EXIF_IFD,
    FOCAL,
    GPS_ALT,
    GPS_ALT_REF,
    GPS_IFD,
    GPS_LAT,
    GPS_LAT_REF,
    GPS_LON,
    GPS_LON_REF,
    MAKE,
    MODEL,
    SUB_IFDS,
    TAKEN,
    TAKEN_OFFSET,
    Below,
    dng,
    jpeg,
    packet,
    photo_exif,
    segment,
    tiff,
)

JPEG, TIFF, DNG = "image/jpeg", "image/tiff", "image/x-adobe-dng"


def read(content: bytes, content_type: str = JPEG) -> PictureMetadata:
    return read_metadata(lambda at, length: content[at : at + length], len(content), content_type)


# A dozen models

POSE = {
    "GpsStatus": "RTK",
    "GpsLatitude": "+50.498312100",
    "GpsLongitude": "+9.954221800",
    "AbsoluteAltitude": "+1053.412",
    "RelativeAltitude": "+57.201",
    "GimbalRollDegree": "+0.00",
    "GimbalYawDegree": "-4.30",
    "GimbalPitchDegree": "-45.50",
    "FlightYawDegree": "-4.10",
}
PARSED = {
    "longitude": 9.9542218,
    "latitude": 50.4983121,
    "absolute_altitude": 1053.412,
    "relative_altitude": 57.201,
    "gimbal_yaw": -4.3,
    "gimbal_pitch": -45.5,
    "gimbal_roll": 0.0,
}
GPS = {
    GPS_LAT_REF: "N",
    GPS_LAT: ((50, 1), (29, 1), (5392356, 100000)),
    GPS_LON_REF: "E",
    GPS_LON: ((9, 1), (57, 1), (1519848, 100000)),
    GPS_ALT_REF: 0,
    GPS_ALT: (1053412, 1000),
}
MISSPELT = {("GpsLongtitude" if name == "GpsLongitude" else name): value for name, value in POSE.items()}
OLD = {
    {"GpsLatitude": "Latitude", "GpsLongitude": "Longitude"}.get(name, name): value
    for name, value in POSE.items()
    if name != "GpsStatus"
}
WITHOUT_PLACE = {name: value for name, value in POSE.items() if not name.startswith("Gps")}
HALF = len(POSE) // 2
FIRST, SECOND = dict(list(POSE.items())[:HALF]), dict(list(POSE.items())[HALF:])


def two_descriptions() -> bytes:
    """One packet with two descriptions, each with half of the names."""
    second = "".join(f' drone-dji:{name}="{value}"' for name, value in SECOND.items())
    end = b" </rdf:RDF>"
    extra = f' <rdf:Description rdf:about="" xmlns:drone-dji="{pictures.DJI}"{second}/>\n'.encode()
    return packet(FIRST).replace(end, extra + end)


def padded(content: bytes) -> bytes:
    """As Phantom 4 pads its packets."""
    return content + b" " * 500 + b"\0"


CASES: dict[str, tuple[str, bytes, str, str]] = {
    "M30T wide, attributes": (JPEG, jpeg(exif=photo_exif("M30T", 4000, 3000), xmp=packet(POSE)), "M30T", "attributes"),
    "M30T thermal behind its temperatures": (
        JPEG,
        jpeg(exif=photo_exif("M30T", 640, 512), xmp=packet(POSE), more=segment(0xE3, bytes(65_000)) * 11),
        "M30T",
        "APP3 before XMP",
    ),
    "M3E, elements": (JPEG, jpeg(exif=photo_exif("M3E", 5280, 3956), xmp=packet({}, POSE)), "M3E", "elements"),
    "M3M, half and half": (
        JPEG,
        jpeg(exif=photo_exif("M3M", 5280, 3956), xmp=packet(FIRST, SECOND)),
        "M3M",
        "attributes and elements",
    ),
    "M3M band, TIFF": (
        TIFF,
        tiff({0x0100: 2592, 0x0101: 1944, MAKE: "DJI", MODEL: "M3M", 0x02BC: packet(POSE)}),
        "M3M",
        "XMP in a tag",
    ),
    "H20T, two descriptions": (
        JPEG,
        jpeg(exif=photo_exif("ZH20T", 4056, 3040), xmp=two_descriptions()),
        "ZH20T",
        "two descriptions",
    ),
    "H30T, XMP before EXIF": (
        JPEG,
        jpeg()[:2]
        + segment(0xE1, pictures.XMP_HEADER + packet(POSE))
        + segment(0xE1, b"Exif\0\0" + photo_exif("H30T", 1280, 1024))
        + jpeg()[2:],
        "H30T",
        "any order",
    ),
    "P1, big-endian": (
        JPEG,
        jpeg(exif=photo_exif("ZenmuseP1", 8192, 5460, order=">"), xmp=packet(POSE)),
        "ZenmuseP1",
        "Motorola order",
    ),
    "M4E, no header before the packet": (
        JPEG,
        jpeg(exif=photo_exif("M4E", 5280, 3956), more=segment(0xE1, b"XMP\0" + packet(POSE))),
        "M4E",
        "any APP1 segment",
    ),
    "Phantom 4 Pro, misspelt and padded": (
        JPEG,
        jpeg(exif=photo_exif("FC6310", 5472, 3648), xmp=padded(packet(MISSPELT))),
        "FC6310",
        "GpsLongtitude",
    ),
    "Mavic Pro, the older names": (
        JPEG,
        jpeg(exif=photo_exif("FC220", 4000, 3000), xmp=packet(OLD)),
        "FC220",
        "Latitude, Longitude",
    ),
    "Mini 3, place in EXIF alone": (
        JPEG,
        jpeg(exif=photo_exif("FC3682", 4000, 3000, gps=GPS), xmp=packet(WITHOUT_PLACE)),
        "FC3682",
        "EXIF GPS",
    ),
    "Mavic 3, DNG": (DNG, dng(jpeg(), (960, 720), xmp=packet(POSE)), "L2D-20c", "DNG"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_documented_spelling_gives_the_same_pose(name: str) -> None:
    content_type, content, model, _ = CASES[name]
    found = read(content, content_type)

    camera = camera_of(PhotoFacts(exif=found.exif, xmp=found.xmp, width=found.width, height=found.height))

    assert camera.model == model
    assert {key: pytest.approx(getattr(camera, key), abs=1e-7) for key in PARSED} == PARSED
    assert found.faults == []
    json.dumps(found.as_json(), allow_nan=False)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[0] != TIFF])
def test_another_reader_finds_the_same_exif(name: str) -> None:
    """So that what is tried here are pictures, and not what our own reader takes for some."""
    _, content, model, _ = CASES[name]

    told = exifread.process_file(BytesIO(content), details=False)

    assert str(told["Image Model"]) == model
    assert str(told["EXIF DateTimeOriginal"]) == read(content, CASES[name][0]).exif["DateTimeOriginal"]


def test_names_and_types_are_those_of_the_documents() -> None:
    content = jpeg(
        exif=photo_exif("M3E", 5280, 3956, focal=(1229, 100), orientation=6, gps=GPS, exif={pictures.ZOOM: (2, 1)}),
        xmp=packet({**POSE, "DewarpFlag": "0", "DewarpData": "2022-06-08;3713.29,3713.29,7.02,-8.72,0,0,0,0,0"}),
    )

    assert read(content).as_json() == {
        "exif": {
            "Make": "DJI",
            "Model": "M3E",
            "Orientation": 6,
            "DateTimeOriginal": "2025:06:14 10:21:07",
            "FocalLength": 12.29,
            "ExifImageWidth": 5280,
            "ExifImageHeight": 3956,
            "DigitalZoomRatio": 2.0,
            "FocalLengthIn35mmFilm": 24,
            "GPSLatitudeRef": "N",
            "GPSLatitude": [50.0, 29.0, 53.92356],
            "GPSLongitudeRef": "E",
            "GPSLongitude": [9.0, 57.0, 15.19848],
            "GPSAltitudeRef": 0,
            "GPSAltitude": 1053.412,
        },
        "xmp": {
            **POSE,
            "DewarpFlag": "0",
            "DewarpData": "2022-06-08;3713.29,3713.29,7.02,-8.72,0,0,0,0,0",
            "xmp:CreateDate": "2025-06-14T10:21:07+02:00",
            "tiff:Make": "DJI",
        },
    }


def test_a_zoom_of_nothing_by_nothing_is_no_number() -> None:
    assert "DigitalZoomRatio" not in read(jpeg(exif=photo_exif("M30T", 4000, 3000))).exif


def test_size_is_that_of_the_stored_raster_and_of_a_dng_that_of_the_raw_picture() -> None:
    turned = read(jpeg(exif=photo_exif("M30T", 1, 1, orientation=6)))
    raw = read(dng(jpeg(), (960, 720)), DNG)

    assert (turned.width, turned.height, turned.orientation) == (64, 48, 6)
    assert (raw.width, raw.height) == (5280, 3956)


def test_the_preview_of_a_dng_is_the_smallest_that_is_large_enough() -> None:
    large, suiting, small = (jpeg() + bytes(padding) for padding in (3, 2, 1))
    others = [
        Below({0x00FE: 1, 0x0100: side, 0x0101: side, 0x0103: 7, 0x0106: 6, 0x0111: pictures.Block(item), 0x0117: 700})
        for side, item in ((4000, large), (960, suiting), (256, small))
    ]
    main = {MAKE: "DJI", 0xC612: b"\x01\x04\0\0"}

    def chosen(*among: Below) -> bytes:
        content = tiff({**main, SUB_IFDS: list(among)})
        preview = read(content, DNG).preview
        assert preview is not None
        return content[preview.offset : preview.offset + len(jpeg()) + 3]

    assert chosen(*others).startswith(suiting)
    assert chosen(others[0], others[2]).startswith(large)
    assert chosen(others[2]).startswith(small)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param({0x0111: 10**6}, id="beyond the end"),
        pytest.param({0x0117: 4 * 10**9}, id="longer than the file"),
        pytest.param({0x0103: 1}, id="not compressed"),
        pytest.param({0x0111: [(8, 1), (16, 1)], 0x0117: [(8, 1), (8, 1)]}, id="several strips"),
    ],
)
def test_what_is_no_preview_is_not_taken_for_one(raw: dict[int, Any]) -> None:
    directory = {0x0100: 900, 0x0101: 900, 0x0103: 7, 0x0106: 6, 0x0111: pictures.Block(jpeg()), 0x0117: 600, **raw}

    assert read(tiff({0xC612: b"\x01\x04\0\0", SUB_IFDS: [Below(directory)]}), DNG).preview is None


# Extended XMP


def extension(content: bytes, guid: str, *, piece: int = 100, length: int | None = None) -> bytes:
    """Segments that hold a packet in pieces."""
    header = b"http://ns.adobe.com/xmp/extension/\0" + guid.encode()
    size = len(content) if length is None else length
    return b"".join(
        segment(0xE1, header + struct.pack(">II", size, at) + content[at : at + piece])
        for at in range(0, len(content), piece)
    )


GUID = "0123456789ABCDEF0123456789ABCDEF"
NOTED = f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{GUID}" rdf:about'.encode()


def test_extended_xmp_is_put_together_and_belongs_to_its_packet_alone() -> None:
    main = packet(FIRST).replace(b"rdf:about", NOTED, 1)
    whole = extension(packet(SECOND), GUID)

    assert POSE.items() <= read(jpeg(xmp=main, more=whole)).xmp.items()
    for other in (
        extension(packet(SECOND), GUID[::-1]),  # named by no packet
        extension(packet(SECOND), GUID, length=10**6),  # a part is missing
        extension(packet(SECOND), GUID, length=2 * 1024 * 1024),
        extension(packet(SECOND)[:300], GUID),
    ):
        found = read(jpeg(xmp=main, more=other)).xmp
        assert FIRST.items() <= found.items()
        assert not SECOND.items() & found.items()


def test_of_all_packets_no_more_is_kept_than_any_camera_says() -> None:
    chatter = {f"Name{number}": "9" * 4_000 for number in range(200)}
    more = extension(packet(chatter), GUID, piece=60_000)

    found = read(jpeg(xmp=packet(POSE).replace(b"rdf:about", NOTED, 1), more=more))

    assert POSE.items() <= found.xmp.items()
    assert sum(len(name) + len(value) for name, value in found.xmp.items()) <= MAX_XMP_TEXT
    assert "Name3" in found.xmp
    assert found.faults == ["xmp"]


def test_packets_together_have_at_most_a_mebibyte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_reader, "MAX_XMP_BYTES", 2_000)
    many = segment(0xE1, pictures.XMP_HEADER + packet(FIRST) + b" " * 1_000)

    found = read(jpeg(xmp=packet(SECOND), more=many * 3)).xmp

    assert FIRST.items() <= found.items()
    assert not SECOND.items() & found.items()


# Hostile and broken


HOSTILE = {
    "entities that multiply": b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
    "a file of the machine": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    "a document type elsewhere": b'<!DOCTYPE x SYSTEM "http://203.0.113.1/x.dtd">',
    "a parameter entity": b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://203.0.113.1/x">%p;]>',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_entity_and_no_document_type_is_ever_resolved(name: str) -> None:
    content = HOSTILE[name] + packet({"GimbalYawDegree": "&a;" if b"ENTITY a" in HOSTILE[name] else "1"})[60:]

    found = read(jpeg(exif=photo_exif("M30T", 4000, 3000), xmp=b"<?xml version='1.0'?>" + content))

    assert found.xmp == {}
    assert found.faults == ["xmp"]
    assert found.exif["Model"] == "M30T"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"<a>" * 20_000, id="deep"),
        pytest.param(b"<x>" + b"<a/>" * 30_000 + b"</x>", id="wide"),
        pytest.param(b"<x:xmpmeta", id="cut off"),
        pytest.param(b"\xff\xfe<\0x\0", id="cut off in UTF-16"),
        pytest.param(b'<?xml version="1.0" encoding="no-such"?><x/>', id="an encoding that is none"),
        pytest.param(b"\0\1\2", id="no XML"),
        pytest.param(b'<x a="1" a="2"/>', id="twice the same"),
    ],
)
def test_a_packet_that_cannot_be_read_is_a_fault_and_no_more(content: bytes) -> None:
    found = read(jpeg(exif=photo_exif("M30T", 4000, 3000), xmp=content[:65_000]))

    assert (found.xmp, found.faults) == ({}, ["xmp"])
    assert found.exif["Model"] == "M30T"


def test_values_that_no_database_takes_are_cleaned_and_long_ones_left_out() -> None:
    found = read(
        jpeg(
            exif=tiff({MAKE: "D\x01J\x7fI", MODEL: "M" * 5_000, EXIF_IFD: Below({FOCAL: (1, 0)})}),
            xmp=packet({"Long": "9" * 5_000, "GimbalYawDegree": "1&#9;&#x7f;2"}),
        )
    )

    assert found.exif == {"Make": "DJI", "Model": "M" * 1_024}
    assert found.xmp["GimbalYawDegree"] == "12"
    assert "Long" not in found.xmp


@pytest.mark.parametrize(
    ("tags", "missing"),
    [
        ({MODEL: 5}, "Model"),
        ({MODEL: b"bytes"}, "Model"),
        ({0x0112: "six"}, "Orientation"),
        ({EXIF_IFD: Below({FOCAL: "12.29"})}, "FocalLength"),
        ({EXIF_IFD: Below({FOCAL: ((1, 1), (2, 1))})}, "FocalLength"),
        ({GPS_IFD: Below({GPS_LAT: (50, 1)})}, "GPSLatitude"),
        ({GPS_IFD: Below({GPS_LAT: ((50, 1), (29, 0), (0, 1))})}, "GPSLatitude"),
        ({EXIF_IFD: 4_000_000_000}, "FocalLength"),
        ({EXIF_IFD: 0}, "FocalLength"),
    ],
)
def test_a_value_of_another_type_than_its_name_promises_is_left_out(tags: dict[int, Any], missing: str) -> None:
    found = read(jpeg(exif=tiff({MAKE: "DJI", **tags})))

    assert missing not in found.exif
    assert found.exif["Make"] == "DJI"


def looping() -> Iterator[bytes]:
    """Directories that lead back to themselves."""
    for pointer in (EXIF_IFD, GPS_IFD, SUB_IFDS):
        yield tiff({MAKE: "DJI", pointer: 8})
    chain = bytearray(tiff({MAKE: "DJI", 0xC612: b"\x01\x04\0\0"}))
    chain[-4:] = chain[4:8]
    yield bytes(chain)


@pytest.mark.parametrize("content", list(looping()))
def test_directories_in_circles_come_to_an_end(content: bytes) -> None:
    asked = 0

    def counted(at: int, length: int) -> bytes:
        nonlocal asked
        asked += 1
        return content[at : at + length]

    for content_type in (TIFF, DNG):
        read_metadata(counted, len(content), content_type)

    assert asked < 200


def test_a_directory_of_thousands_that_names_thousands_is_bounded() -> None:
    many = tiff({SUB_IFDS: [Below({MAKE: "DJI"}) for _ in range(300)], 0xC612: b"\x01\x04\0\0"})
    asked: list[int] = []

    def counted(at: int, length: int) -> bytes:
        asked.append(length)
        return many[at : at + length]

    read_metadata(counted, len(many), DNG)

    assert len(asked) < 1_000
    assert max(asked) <= 1024 * 1024


BASES = [case[1] for case in CASES.values()] + [b"II*\0\x08\0\0\0", b"MM\0*", b"\xff\xd8\xff\xe1"]


@given(
    st.sampled_from(range(len(BASES))),
    st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 255)), max_size=12),
    st.integers(0, 5_000),
    st.sampled_from([JPEG, TIFF, DNG, "video/mp4", "image/png"]),
)
def test_any_picture_with_any_bytes_changed_gives_metadata_that_json_and_the_database_take(
    base: int, changes: list[tuple[int, int]], end: int, content_type: str
) -> None:
    content = bytearray(BASES[base])
    for at, value in changes:
        if at < len(content):
            content[at] = value

    found = read(bytes(content[: end or None]), content_type)

    text = json.dumps(found.as_json(), allow_nan=False)
    assert "\\u0000" not in text
    camera_of(PhotoFacts(exif=found.exif, xmp=found.xmp, width=found.width, height=found.height))


@given(st.binary(max_size=400), st.sampled_from([JPEG, TIFF, DNG, "video/quicktime"]))
def test_any_bytes_at_all_give_metadata(content: bytes, content_type: str) -> None:
    starts = {JPEG: b"\xff\xd8\xff\xe1", TIFF: b"II*\0\x08\0\0\0", DNG: b"MM\0*\0\0\0\x08"}

    read(starts.get(content_type, b"") + content, content_type)


# Times


@pytest.mark.parametrize(
    ("exif", "xmp", "taken"),
    [
        ({TAKEN: "2025:06:14 10:21:07", TAKEN_OFFSET: "+02:00"}, {}, "2025-06-14T08:21:07+00:00"),
        (
            {TAKEN: "2025:06:14 10:21:07"},
            {"UTCAtExposure": "2025:06:14 08:21:07.250000"},
            "2025-06-14T08:21:07.250000+00:00",
        ),
    ],
)
def test_when_it_was_taken(exif: dict[int, Any], xmp: dict[str, str], taken: str) -> None:
    found = read(jpeg(exif=tiff({MAKE: "DJI", EXIF_IFD: Below(exif)}), xmp=packet(xmp)))

    at = camera_of(PhotoFacts(exif=found.exif, xmp=found.xmp)).captured_at

    assert at is not None
    assert at.isoformat() == taken
