"""A track as GeoJSON, read back by Python's reader of JSON, and looked at by the package geojson."""

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import geojson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.exports.geojson import GeoJsonWriter
from ofh.domain.tracks import TrackPoint
from tests.unit.domain.exports.made import ABOUT, FLOWN, LINES, long_track, point, written


def refuse(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


def document(points: Sequence[TrackPoint], *, longest: int = 20_000, at_once: int = 2) -> dict[str, Any]:
    """What is read back; the package has nothing to say against it."""
    text = written(GeoJsonWriter(ABOUT, longest=longest), points, at_once=at_once).decode()
    looked_at = geojson.loads(text)
    assert isinstance(looked_at, geojson.FeatureCollection)
    assert looked_at.is_valid, looked_at.errors()
    found: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return found


def parts(feature: dict[str, Any]) -> list[list[TrackPoint]]:
    """The lines of a feature, as points."""
    shape, properties = feature["geometry"], feature["properties"]
    if shape["type"] == "Point":
        names = ("time", "elevation", "heading", "horizontalSpeed", "verticalSpeed", "batteryPercent")
        return [[read(shape["coordinates"], *(properties[name] for name in names))]]
    beside = properties["coordinateProperties"]
    names = ("times", "elevations", "headings", "horizontalSpeeds", "verticalSpeeds", "batteryPercents")
    lists = [shape["coordinates"], *(beside[name] for name in names)]
    if shape["type"] == "LineString":
        lists = [[column] for column in lists]
    return [[read(*values) for values in zip(*columns, strict=True)] for columns in zip(*lists, strict=True)]


def read(position: list[float], at: str, *quantities: float | None) -> TrackPoint:
    longitude, latitude, height = position
    elevation, heading, horizontal, vertical, battery = quantities
    return TrackPoint(
        time=datetime.fromisoformat(at),
        longitude=longitude,
        latitude=latitude,
        height=height,
        elevation=elevation,
        heading=heading,
        horizontal_speed=horizontal,
        vertical_speed=vertical,
        battery_percent=battery,
    )


def test_what_is_read_back_is_what_was_written() -> None:
    line, alone = document(FLOWN)["features"]
    assert parts(line) == [LINES[0], LINES[2]]
    assert parts(alone) == [LINES[1]]


def test_an_unbroken_flight_is_one_line_and_one_feature() -> None:
    points = long_track(500)
    (feature,) = document(points)["features"]
    assert feature["geometry"]["type"] == "LineString"
    assert parts(feature) == [points]
    assert "continues" not in feature["properties"]


def test_a_feature_says_whose_flight_it_is_and_what_heights_are() -> None:
    for feature in document(FLOWN)["features"]:
        told = feature["properties"]
        assert told["droneSerialNumber"] == ABOUT.serial_number
        assert told["droneName"] == ABOUT.name
        assert (told["droneModel"], told["flightId"], told["distance"]) == ("Matrice 30T", 17, 1234.5)
        assert (told["startedAt"], told["landedAt"]) == ("2026-05-01T12:00:00Z", "2026-05-01T12:50:00Z")
        assert "endedAt" not in told
        assert told["heightReference"] == "WGS 84 ellipsoid"


def test_a_track_without_points_is_a_collection_without_features() -> None:
    assert document([]) == {"type": "FeatureCollection", "features": []}


def test_a_single_fix_is_a_point_and_no_line() -> None:
    (feature,) = document([FLOWN[2]])["features"]
    assert feature["geometry"]["type"] == "Point"
    assert parts(feature) == [[FLOWN[2]]]


@pytest.mark.parametrize(
    ("here", "there", "latitude"),
    [(179.75, -179.25, 50.25), (-179.75, 179.25, 50.25), (180.0, -179.0, 50.0), (-180.0, 179.0, 50.0)],
)
def test_a_line_across_the_antimeridian_is_cut_there(here: float, there: float, latitude: float) -> None:
    points = [point(0, here, 50.0, height=100.0), point(8, there, 51.0, height=200.0)]
    (feature,) = document(points)["features"]
    assert feature["geometry"]["type"] == "MultiLineString"
    one, other = parts(feature)
    assert (one[0], other[-1]) == (points[0], points[1])
    edge, beyond = one[-1], other[0]
    assert edge.longitude == (180 if here > 0 else -180)
    assert beyond.longitude == -edge.longitude
    assert edge.latitude == beyond.latitude == pytest.approx(latitude)
    assert edge.height == pytest.approx(100 + 100 * (latitude - 50))
    assert (edge.time - points[0].time).total_seconds() == pytest.approx(8 * (latitude - 50))
    assert len(one) == len(other) == 2


def test_the_two_names_of_the_antimeridian_are_one_place() -> None:
    one, other = parts(document([point(0, 180.0), point(1, -180.0)])["features"][0])
    assert [found.longitude for found in one + other] == [180, 180, -180, -180]


def test_a_long_line_goes_on_in_another_feature_from_where_it_ended() -> None:
    points = long_track(25)
    features = document(points, longest=10)["features"]
    assert [feature["properties"].get("continues", False) for feature in features] == [False, True, True]
    lines = [line for feature in features for line in parts(feature)]
    assert all(before[-1] == after[0] for before, after in pairwise(lines))
    assert [lines[0][0], *(found for line in lines for found in line[1:])] == points
    assert max(map(len, lines)) == 10


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 30, 31]), st.sampled_from([-179.5, -180, 0, 179, 180])), max_size=30),
    st.integers(2, 8),
    st.integers(1, 9),
)
def test_whatever_is_flown_every_fix_is_there_once_in_order(
    steps: list[tuple[int, float]], longest: int, at_once: int
) -> None:
    at, points = 0, []
    for number, (wait, longitude) in enumerate(steps):
        at += wait
        points.append(point(at, longitude, 50 + number / 100, elevation=float(number)))
    found: dict[float, TrackPoint] = {}
    for feature in document(points, longest=longest, at_once=at_once)["features"]:
        shape = feature["geometry"]["type"]
        for line in parts(feature):
            assert (len(line) > 1) is (shape != "Point")
            assert all(abs(b.longitude - a.longitude) <= 180 for a, b in pairwise(line))
            for fix in line:
                if fix.elevation is not None:  # the others were put in where the line was cut
                    assert found.setdefault(fix.elevation, fix) == fix
    assert [found[key] for key in sorted(found)] == points
