"""A track as KML, read back by fastkml, and held against the schemas of OGC and Google that fastkml brings along."""

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import fastkml
import pytest
from fastkml.gx import MultiTrack
from lxml import etree

from ofh.domain.exports.kml import GOOGLE, QUANTITIES, KmlWriter
from ofh.domain.tracks import TrackPoint
from tests.unit.domain.exports.made import ABOUT, FLOWN, LINES, long_track, written

SCHEMAS = Path(fastkml.__file__).parent / "schema"
SCHEMA = etree.XMLSchema(etree.parse(SCHEMAS / "kml22gx.xsd"))
"""Google's extensions, which bring in KML 2.2 itself."""


def document(points: Sequence[TrackPoint], *, longest: int = 20_000) -> bytes:
    """A document that the schemas take."""
    text = written(KmlWriter(ABOUT, longest=longest), points)
    SCHEMA.assertValid(etree.fromstring(text))
    return text


def placemark(text: bytes) -> fastkml.Placemark:
    (found,) = fastkml.KML.parse(io.BytesIO(text)).features
    assert isinstance(found, fastkml.Document)
    (place,) = found.features
    assert isinstance(place, fastkml.Placemark)
    return place


def tracks(text: bytes) -> list[list[TrackPoint]]:
    """What fastkml has read as the points that it came from."""
    shape = placemark(text).kml_geometry
    if shape is None:
        return []
    assert isinstance(shape, MultiTrack)
    assert not shape.interpolate
    assert shape.altitude_mode is not None
    assert shape.altitude_mode.value == "absolute"
    found = []
    for track in shape.tracks:
        assert track.altitude_mode is not None
        assert track.altitude_mode.value == "absolute"
        assert track.extended_data is not None
        (data,) = track.extended_data.elements
        columns = {column.name: column.data for column in data.array_data}
        assert list(columns) == list(QUANTITIES)
        known = zip(*([float(text) if text else None for text in column] for column in columns.values()), strict=True)
        found.append(
            [
                TrackPoint(
                    time=when.dt,
                    longitude=place[0],
                    latitude=place[1],
                    height=place[2],
                    elevation=quantities[0],
                    heading=quantities[1],
                    horizontal_speed=quantities[2],
                    vertical_speed=quantities[3],
                    battery_percent=quantities[4],
                )
                for when, place, quantities in zip(track.whens, track.coords, known, strict=True)
            ]
        )
    return found


def test_what_is_read_back_is_what_was_written_a_track_for_each_line() -> None:
    assert tracks(document(FLOWN)) == LINES


def test_a_track_without_points_is_a_place_without_geometry() -> None:
    assert tracks(document([])) == []


def test_a_long_line_goes_on_in_another_track_from_where_it_ended() -> None:
    points = long_track(25)
    found = tracks(document(points, longest=10))
    assert all(before[-1] == after[0] for before, after in pairwise(found))
    assert [found[0][0], *(fix for line in found for fix in line[1:])] == points
    assert max(map(len, found)) == 10


def test_names_stand_as_people_wrote_them_and_never_where_viewers_take_html() -> None:
    text = document(FLOWN)
    place = placemark(text)
    assert place.name == 'Kestrel <b>"=1+1"</b> & Söhne, flight 17'
    assert place.description is not None
    assert "above the WGS 84 ellipsoid" in place.description
    assert "<" not in place.description
    assert place.extended_data is not None
    facts = {item.name: item.value for item in place.extended_data.elements}
    assert not any("Kestrel" in str(value) for value in facts.values())
    assert (facts["flightId"], facts["startedAt"], facts["distance"]) == ("17", "2026-05-01T12:00:00Z", "1234.5")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"<when>2026-05-01T12:00:00Z</when>", b"<when>12 o'clock</when>"),
        (b"<altitudeMode>absolute</altitudeMode>", b"<altitudeMode>high</altitudeMode>"),
        (b"<styleUrl>#line</styleUrl>", b"<gx:styleUrl>#line</gx:styleUrl>"),
        (b"<name>", b"<title/><name>"),
        (f'xmlns:gx="{GOOGLE}"'.encode(), b'xmlns:gx="urn:other"'),
    ],
)
def test_the_schemas_would_notice(right: bytes, wrong: bytes) -> None:
    text = document(FLOWN)
    assert right in text
    assert not SCHEMA.validate(etree.fromstring(text.replace(right, wrong, 1)))
