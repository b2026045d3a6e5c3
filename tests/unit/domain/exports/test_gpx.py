"""A track as GPX, read back by gpxpy, and held against the schema as `gpx11.xsd` beside this has it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gpxpy
import gpxpy.gpx
import pytest
from lxml import etree

from ofh.domain.exports.gpx import GARMIN, GPX, OURS, GpxWriter
from ofh.domain.tracks import TrackPoint
from tests.unit.domain.exports.made import ABOUT, FLOWN, LINES, long_track, point, written

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).with_name("gpx11.xsd")))


def document(points: Sequence[TrackPoint]) -> bytes:
    """A document that the schema takes."""
    text = written(GpxWriter(ABOUT), points)
    SCHEMA.assertValid(etree.fromstring(text))
    return text


def read(fix: gpxpy.gpx.GPXTrackPoint) -> TrackPoint:
    """What gpxpy has read as the point that it came from."""
    known = {element.tag: element for element in fix.extensions}
    speed = known.get(f"{{{GARMIN}}}TrackPointExtension")

    def own(name: str) -> float | None:
        found: Any = known.get(f"{{{OURS}}}{name}")
        return None if found is None else float(found.text)

    assert fix.time is not None
    assert fix.elevation is not None
    return TrackPoint(
        time=fix.time,
        longitude=fix.longitude,
        latitude=fix.latitude,
        height=fix.elevation,
        elevation=own("elevation"),
        heading=own("heading"),
        horizontal_speed=None if speed is None else float(speed.findtext(f"{{{GARMIN}}}speed")),
        vertical_speed=own("verticalSpeed"),
        battery_percent=own("batteryPercent"),
    )


def segments(text: bytes) -> list[list[TrackPoint]]:
    (track,) = gpxpy.parse(text.decode()).tracks
    return [[read(fix) for fix in segment.points] for segment in track.segments]


def test_what_is_read_back_is_what_was_written_a_segment_for_each_line() -> None:
    assert segments(document(FLOWN)) == LINES


def test_a_long_track_is_one_segment() -> None:
    points = long_track(1_000)
    assert segments(document(points)) == [points]


def test_a_track_without_points_is_a_track_without_segments() -> None:
    assert segments(document([])) == []


def test_names_stand_as_people_wrote_them() -> None:
    read_back = gpxpy.parse(document(FLOWN).decode())
    assert (read_back.version, read_back.creator) == ("1.1", "OpenFlightHub")
    (track,) = read_back.tracks
    assert read_back.name == track.name == 'Kestrel <b>"=1+1"</b> & Söhne, flight 17'
    assert track.source == "Matrice 30T 1581F5BKD23200001"
    facts = {element.tag.removeprefix(f"{{{OURS}}}"): element.text for element in track.extensions}
    assert facts["droneName"] == 'Kestrel <b>"=1+1"</b> & Söhne'
    assert (facts["flightId"], facts["startedAt"], facts["distance"]) == ("17", "2026-05-01T12:00:00Z", "1234.5")
    assert "endedAt" not in facts


def test_the_height_is_said_to_be_no_height_above_the_sea() -> None:
    text = document(FLOWN)
    (track,) = gpxpy.parse(text.decode()).tracks
    assert "above the WGS 84 ellipsoid" in (track.description or "")
    assert b"geoidheight" not in text


def test_the_antimeridian_has_the_one_name_that_the_schema_knows() -> None:
    found = [fix.longitude for fix in segments(document([point(0, 180.0), point(1, -180.0), point(2, 179.9)]))[0]]
    assert found == [-180, -180, 179.9]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"<ele>1000.25</ele>", b"<ele>1e3</ele>"),
        (b' lon="9.95"', b' lon="180.0"'),
        (b' lat="50.49"', b""),
        (b"<time>2026-05-01T12:00:00Z</time>", b"<time>12 o'clock</time>"),
        (b"</ele><time>2026-05-01T12:00:00Z</time>", b"</ele><speed>1</speed>"),
        (b"<trk>", b"<trk><trkseg/>"),
        (b'version="1.1"', b'version="1.0"'),
        (f'xmlns="{GPX}"'.encode(), b""),
    ],
)
def test_the_schema_would_notice(right: bytes, wrong: bytes) -> None:
    text = document(FLOWN)
    assert right in text
    assert not SCHEMA.validate(etree.fromstring(text.replace(right, wrong, 1)))
