"""Where a camera was and how it looked: sources, refusals, and what some models do."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.coverage.cameras import Kind
from ofh.domain.coverage.coverage import CoverageOptions, coverage_of
from ofh.domain.coverage.ground import FlatGround
from ofh.domain.coverage.inputs import NoCoverage, PhotoFacts, TakeOff, Telemetry, number
from ofh.domain.coverage.photo import coverage_of_photo
from ofh.domain.coverage.pose import CameraPose, camera_of, pose_of
from tests.support.coverage import Formula

XMP = {
    "GpsLatitude": "+47.000000",
    "GpsLongitude": "+10.000000",
    "AbsoluteAltitude": "+650.00",
    "RelativeAltitude": "+100.00",
    "GimbalYawDegree": "+20.00",
    "GimbalPitchDegree": "-30.00",
    "GimbalRollDegree": "+0.00",
}
EXIF = {"Model": "FC9999", "ExifImageWidth": 4000, "ExifImageHeight": 3000, "FocalLengthIn35mmFilm": 24}
STATEMENT = {
    "name": "DJI_20240614101112_0007_W.JPG",
    "ext": {"payload_model_key": "1-53-0"},
    "metadata": {
        "absolute_altitude": "650",
        "relative_altitude": 100,
        "gimbal_yaw_degree": "45.0",
        "shoot_position": {"lat": 47.0, "lng": 10.0},
        "photoed_position": {"lat": 47.001, "lng": 10.0015},
        "created_time": "2024-06-14T10:11:12+02:00",
    },
}


def photo(exif: dict[str, Any] | None = None, *, without: tuple[str, ...] = (), **xmp: str) -> PhotoFacts:
    said = {name: value for name, value in (XMP | xmp).items() if name not in without}
    return PhotoFacts(exif=EXIF | (exif or {}), xmp=said)


def told(**metadata: Any) -> PhotoFacts:
    """A photo whose file says no more than its size."""
    said = {**STATEMENT["metadata"], **metadata}  # type: ignore[dict-item]
    return PhotoFacts(callback={**STATEMENT, "metadata": said}, width=4000, height=3000)


def refused(facts: PhotoFacts, *fields: str) -> NoCoverage:
    with pytest.raises(NoCoverage) as caught:
        coverage_of_photo(facts)
    assert set(caught.value.fields) == set(fields)
    return caught.value


def place(facts: PhotoFacts) -> tuple[float | None, float | None]:
    found = camera_of(facts)
    return found.longitude, found.latitude


# Position


def test_the_files_position_comes_before_exif_and_the_controllers() -> None:
    gps = {"GPSLatitude": (46, 30, 36.0), "GPSLatitudeRef": "N", "GPSLongitude": ((9, 1), (0, 1), (0, 1))}
    gps |= {"GPSLongitudeRef": "W"}
    assert place(photo(gps)) == (10, 47)
    assert place(photo(gps, without=("GpsLatitude",))) == (-9, pytest.approx(46.51))
    assert place(PhotoFacts(exif=EXIF, callback=STATEMENT)) == (10, 47)
    assert place(photo({"GPSLatitude": (46, 30, 0), "GPSLongitude": (9, 0, 0)}, without=("GpsLatitude",))) == (
        None,
        None,
    )


@pytest.mark.parametrize(
    ("without", "more"),
    [
        (("GpsLongitude",), {"GpsLongtitude": "11"}),
        (("GpsLongitude", "GpsLatitude"), {"Longitude": "11", "Latitude": "47"}),
    ],
)
def test_older_and_misspelt_names_are_understood(without: tuple[str, ...], more: dict[str, str]) -> None:
    assert place(photo(without=without, **more)) == (11, 47)


def test_names_may_have_their_prefix() -> None:
    assert place(PhotoFacts(xmp={f"drone-dji:{name}": value for name, value in XMP.items()})) == (10, 47)


@pytest.mark.parametrize(
    "said",
    [
        {"GpsLatitude": "0.0", "GpsLongitude": "0.0"},
        {"GpsLatitude": "nan"},
        {"GpsLatitude": "inf"},
        {"GpsLatitude": "90.1"},
        {"GpsLongitude": "-180.5"},
        {"GpsLatitude": "47,5"},
        {"GpsLatitude": "1/0"},
        {"GpsLatitude": ""},
        {"GpsStatus": "Invalid"},
        {"GpsLatitude": "89.95"},
        {"GpsLatitude": "9" * 100_000},
    ],
)
def test_a_position_that_is_none_is_refused(said: dict[str, str]) -> None:
    error = refused(photo(**said), "position")
    assert "position" in error.reason


# Heights


def test_the_shape_needs_the_height_above_take_off_alone() -> None:
    found = coverage_of_photo(photo(without=("AbsoluteAltitude",))).coverage
    assert found.outer[0].elevation == 0
    assert "no absolute altitude" in (found.outer[0].debug or "")
    assert coverage_of_photo(photo()).coverage.outer[0].elevation == 550
    refused(photo(without=("RelativeAltitude",)), "relative_altitude")
    refused(photo(RelativeAltitude="nan"), "relative_altitude")


def test_heights_come_from_the_statement_and_telemetry_where_the_file_has_none() -> None:
    bare = photo(without=("RelativeAltitude", "AbsoluteAltitude"))
    stated = PhotoFacts(exif=bare.exif, xmp=bare.xmp, callback=STATEMENT)
    assert (pose_of(stated).absolute_altitude, pose_of(stated).relative_altitude) == (650, 100)
    heard = PhotoFacts(
        exif={**bare.exif, "GPSAltitude": (300, 1), "GPSAltitudeRef": b"\1"},
        xmp=bare.xmp,
        telemetry=Telemetry(elevation=80),
    )
    assert (pose_of(heard).absolute_altitude, pose_of(heard).relative_altitude) == (-300, 80)


@pytest.mark.parametrize("height", ["0.49", "0.0", "-3.0"])
def test_a_camera_that_is_not_above_the_ground_shows_nothing_that_is_known(height: str) -> None:
    error = refused(photo(RelativeAltitude=height), "height")
    assert error.fields == {"height": "camera not above the ground"}


def test_a_given_ground_needs_no_height_above_take_off() -> None:
    ground = FlatGround(500)
    found = coverage_of(pose_of(photo(without=("RelativeAltitude",)), ground), ground)
    assert found.outer[0].elevation == 500


# Direction


@pytest.mark.parametrize("name", ["Yaw", "Pitch", "Roll"])
def test_no_angle_is_guessed(name: str) -> None:
    refused(photo(without=(f"Gimbal{name}Degree",)), f"gimbal_{name.lower()}")
    refused(photo(**{f"Gimbal{name}Degree": "nan"}), f"gimbal_{name.lower()}")


def test_angles_that_were_never_set_are_none() -> None:
    never = {"GimbalYawDegree": "0.0", "GimbalPitchDegree": "0.0", "GimbalRollDegree": "+0.00"}
    refused(photo(**never, RelativeAltitude="1.9"), "gimbal_yaw", "gimbal_pitch", "gimbal_roll")
    assert pose_of(photo(**never, RelativeAltitude="2.1")).pitch == 0


def test_absurd_angles_are_refused_and_odd_ones_are_turns() -> None:
    refused(photo(GimbalPitchDegree="-180.1"), "gimbal_pitch")
    assert pose_of(photo(GimbalPitchDegree="-120")).pitch == -120
    assert pose_of(photo(GimbalPitchDegree="-90", GimbalRollDegree="180")).roll == 180
    one, other = (coverage_of(pose_of(photo(GimbalYawDegree=yaw))) for yaw in ("20", "740"))
    assert len(one.outer) == len(other.outer)


def test_telemetry_fills_what_the_file_lacks() -> None:
    bare = photo(without=("GimbalPitchDegree", "GimbalRollDegree"))
    facts = PhotoFacts(
        exif=bare.exif, xmp=bare.xmp, telemetry=Telemetry(gimbal_yaw=99, gimbal_pitch=-40, gimbal_roll=1)
    )
    found = pose_of(facts)
    assert (found.yaw, found.pitch, found.roll) == (20, -40, 1)
    assert "direction from telemetry" in found.notes


def test_a_picture_that_is_stored_upright_has_no_roll() -> None:
    upright = {"ExifImageWidth": 3000, "ExifImageHeight": 4000}
    assert pose_of(photo(upright, GimbalRollDegree="-90")).roll == 0
    assert pose_of(photo(upright, GimbalRollDegree="79")).roll == 79
    assert pose_of(photo(GimbalRollDegree="-90")).roll == -90


@pytest.mark.parametrize(
    ("model", "said", "yaw"),
    [
        ("FC3411", {"FlightYawDegree": "60"}, 60),
        ("FC3411", {"FlightYawDegree": "50"}, 20),
        ("FC8284", {"FlightYawDegree": "-20"}, -20),
        ("L1D-20c", {"FlightYawDegree": "-170", "GimbalYawDegree": "170"}, 170),
        ("M3E", {"FlightYawDegree": "60"}, 20),
        ("FC8282", {}, 20),
        ("FC8282", {"FlightYawDegree": "-160", "GimbalPitchDegree": "-90", "GimbalRollDegree": "180"}, 20),
        ("FC8282", {"FlightYawDegree": "100", "GimbalPitchDegree": "-90", "GimbalRollDegree": "0"}, 100),
    ],
)
def test_a_yaw_that_its_gimbal_cannot_have_is_the_aircrafts(model: str, said: dict[str, str], yaw: float) -> None:
    found = pose_of(photo({"Model": model}, **said))
    assert found.yaw == yaw
    assert any("gimbal's is known to err" in note for note in found.notes) is (yaw not in {20, 170})


# The controller's statement alone


def test_what_was_photographed_tells_the_direction() -> None:
    facts = told()
    found = pose_of(facts)
    assert (found.yaw, found.roll) == (pytest.approx(45.7, abs=0.2), 0)
    assert found.pitch == pytest.approx(-float(np.degrees(np.arctan(100 / 159.3))), abs=0.2)
    middle = coverage_of(found).corners.center
    assert middle is not None
    assert (middle.latitude, middle.longitude) == (pytest.approx(47.001, abs=1e-7), pytest.approx(10.0015, abs=1e-7))


def test_what_was_photographed_is_looked_for_on_the_ground_in_use() -> None:
    place = {"type": "plane", "lon0": 10.0, "lat0": 47.0, "m_per_deg_lon": 76_000, "m_per_deg_lat": 111_170}
    ground = Formula({**place, "z0": 550, "slope_x": 0.0, "slope_y": 0.5})
    found = pose_of(told(), ground)
    assert found.pitch == pytest.approx(-float(np.degrees(np.arctan((100 - 55.6) / 159.3))), abs=0.2)


@pytest.mark.parametrize(
    ("metadata", "fields"),
    [
        ({"gimbal_yaw_degree": 66.5}, {"direction"}),
        ({"gimbal_yaw_degree": -170}, {"direction"}),
        ({"photoed_position": None}, {"gimbal_yaw", "gimbal_pitch", "gimbal_roll"}),
        ({"photoed_position": {"lat": 0, "lng": 0}}, {"gimbal_yaw", "gimbal_pitch", "gimbal_roll"}),
        ({"photoed_position": {"lat": 47.000005, "lng": 10.000005}}, {"gimbal_yaw", "gimbal_pitch", "gimbal_roll"}),
        ({"photoed_position": {"lat": "north", "lng": 10.0}}, {"gimbal_yaw", "gimbal_pitch", "gimbal_roll"}),
        ({"shoot_position": {"lat": 0.0, "lng": 0.0}}, {"position"}),
        ({"relative_altitude": None}, {"relative_altitude"}),
    ],
)
def test_a_statement_that_does_not_tell_enough_is_refused(metadata: dict[str, Any], fields: set[str]) -> None:
    refused(told(**metadata), *fields)


def test_a_statement_without_yaw_is_as_good_and_telemetry_may_stand_in() -> None:
    assert pose_of(told(gimbal_yaw_degree=None)).yaw == pytest.approx(45.7, abs=0.2)
    facts = told(photoed_position=None)
    heard = Telemetry(gimbal_yaw=10, gimbal_pitch=-45, gimbal_roll=0)
    found = pose_of(PhotoFacts(callback=facts.callback, width=4000, height=3000, telemetry=heard))
    assert (found.yaw, found.pitch) == (10, -45)


def test_a_video_is_its_first_frame() -> None:
    video = {**STATEMENT, "name": "DJI_20240614101112_0007_W.MP4", "video": {"width": 3840, "height": 2160}}
    assert "first frame" in (coverage_of_photo(PhotoFacts(callback=video)).coverage.outer[0].debug or "")


# What is no picture, and the laser


@pytest.mark.parametrize("name", ["a.SRT", "a.mrk", "a.mp3", "a.m4a", "a.log"])
def test_what_is_no_picture_shows_nothing(name: str) -> None:
    refused(PhotoFacts(exif=EXIF, xmp=XMP, file_name=name), "file")


@pytest.mark.parametrize("sub_type", [1, "1"])
def test_a_panorama_shows_more_than_one_view(sub_type: object) -> None:
    refused(PhotoFacts(exif=EXIF, xmp=XMP, callback={"sub_file_type": sub_type}), "file")
    refused(photo(**{"GPano:ProjectionType": "equirectangular"}), "file")
    assert pose_of(PhotoFacts(exif=EXIF, xmp=XMP, callback={"sub_file_type": 0}))


def test_the_laser_target_of_a_known_photo_is_where_its_gimbal_points() -> None:
    said = {
        "GpsLongitude": "13.350951205",
        "GpsLatitude": "49.726349021",
        "AbsoluteAltitude": "431.531",
        "GimbalYawDegree": "+84.10",
        "GimbalPitchDegree": "-24.50",
        "LRFStatus": "Normal",
        "LRFTargetLon": "13.3516290",
        "LRFTargetLat": "49.7263932",
        "LRFTargetAbsAlt": "409.100",
    }
    assert not [note for note in pose_of(photo(**said)).notes if "laser" in note]
    off = pose_of(photo(**{**said, "GimbalYawDegree": "+89.10"})).notes
    assert [note for note in off if note.startswith("laser target 4.")]
    assert not [
        note
        for note in pose_of(photo(**{**said, "GimbalYawDegree": "90", "LRFStatus": "TooFar"})).notes
        if "laser" in note
    ]


# Readings, and whatever comes


def test_each_quantity_is_read_for_itself() -> None:
    found = camera_of(photo({"DateTimeOriginal": "2024:06:14 10:11:12", "OffsetTimeOriginal": "+02:00"}))
    assert (found.captured_at, found.model) == (datetime(2024, 6, 14, 8, 11, 12, tzinfo=UTC), "FC9999")
    assert (found.gimbal_yaw, found.gimbal_pitch, found.gimbal_roll) == (20, -30, 0)
    assert (found.width, found.height, found.lens) == (4000, 3000, None)
    stated = camera_of(PhotoFacts(callback=STATEMENT))
    assert (stated.captured_at, stated.gimbal_yaw, stated.lens) == (
        datetime(2024, 6, 14, 8, 11, 12, tzinfo=UTC),
        45,
        Kind.WIDE,
    )
    nothing = camera_of(PhotoFacts())
    assert {getattr(nothing, name) for name in nothing.__slots__} == {None}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("+00084.10", 84.1),
        ("-0.5", -0.5),
        (" 7 ", 7),
        ("91/10", 9.1),
        ((91, 10), 9.1),
        (b"3\0", 3),
        ("1e-7", 1e-7),
        ("1_000", None),
        ("0x10", None),
        ("١٢", None),
        ("1/0", None),
        ((1, 0), None),
        ("nan", None),
        ("1e999", None),
        (float("inf"), None),
        (10**400, None),
        (True, None),
        ((1, 2, 3), None),
        ("", None),
        (None, None),
        ({}, None),
    ],
)
def test_numbers_are_read_strictly(value: object, expected: float | None) -> None:
    assert number(value) == expected


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(sorted({*XMP, "ImageSource", "DewarpData", "LRFTargetLat", "FlightYawDegree", "GpsStatus"}))
tags = st.sampled_from(["FocalLength", "FocalLengthIn35mmFilm", "GPSLatitude", "GPSLongitude", "GPSAltitude", "Model",
                        "ExifImageWidth", "DateTimeOriginal", "GPSAltitudeRef", "DigitalZoomRatio"])  # fmt: skip
parts = st.sampled_from(["metadata", "ext", "video", "name", "sub_file_type", "payload_index"])


@given(st.dictionaries(tags, anything), st.dictionaries(names, st.text(max_size=30)), st.dictionaries(parts, anything))
def test_whatever_comes_gives_an_answer_or_a_reason(
    exif: dict[str, Any], xmp: dict[str, str], callback: dict[str, Any]
) -> None:
    facts = PhotoFacts(
        exif=EXIF | exif, xmp=XMP | xmp, callback=callback, take_off=TakeOff(longitude=float("nan"), latitude=0)
    )
    camera_of(facts)
    try:
        found = pose_of(facts)
    except NoCoverage:
        return
    assert isinstance(found, CameraPose)


def test_a_pole_and_settings_that_are_out_of_bounds_are_refused() -> None:
    camera = pose_of(photo())
    with pytest.raises(NoCoverage):
        coverage_of(CameraPose(**{name: getattr(camera, name) for name in camera.__slots__} | {"latitude": -89.91}))
    for said in ({"max_range_m": 99.0}, {"max_range_m": 100_001.0}, {"refraction": 1.0}):
        with pytest.raises(ValueError, match="must be"):
            CoverageOptions(**said)
