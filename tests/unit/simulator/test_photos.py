"""Files of photos: their names, and their metadata as two readers that are not ours find them."""

import hashlib
import re
import subprocess
import sys
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import exifread
import pytest
from PIL import ExifTags, Image

from ofh.domain.geodesy import offset
from ofh.domain.media import Lens, lens_of
from ofh.simulator.aircraft import Aircraft, Base
from ofh.simulator.models import AIRCRAFT_MODELS
from ofh.simulator.payload import Shot
from ofh.simulator.photos import Photo, camera_time, fingerprint, group_of, photos_of

PLACE = (9.9539, 50.498)
TAKEN_AT = camera_time(datetime(2025, 6, 14, 9, 21, 7, 640_000, tzinfo=UTC), PLACE[0])


def shot(**changes: Any) -> Shot:
    longitude_deg, latitude_deg = offset(*PLACE, east_m=60.0, north_m=140.0)
    return Shot(
        **{
            "at_s": 100.0,
            "flight": 1042,
            "number": 4,
            "mission": "survey",
            "is_wayline": True,
            "longitude_deg": longitude_deg,
            "latitude_deg": latitude_deg,
            "height_m": 1053.4124,
            "elevation_m": 57.0124,
            "heading_deg": -4.304,
            "pitch_deg": -3.2,
            "roll_deg": 1.1,
            "gimbal_pitch_deg": -90.0,
            "east_mps": 1.0,
            "north_mps": 7.5,
            "climb_mps": -0.1,
            **changes,
        }
    )


def photos(taken: Shot | None = None, *, model: int = 0, place: tuple[float, float] = PLACE) -> list[Photo]:
    return photos_of(
        taken or shot(),
        serial="1581SIM000000001",
        model=AIRCRAFT_MODELS[model],
        taken_at=TAKEN_AT,
        flight_began_at=TAKEN_AT,
        place=place,
        seed=1,
    )


@pytest.fixture(scope="module")
def wide() -> tuple[Photo, bytes]:
    photo = photos()[0]
    return photo, photo.content()


def xmp_of(content: bytes) -> dict[str, str]:
    """The attributes of the only description, without their namespaces."""
    packet = Image.open(BytesIO(content)).info["xmp"]
    found = ElementTree.fromstring(packet.decode().strip()).find(".//{*}Description")
    assert found is not None
    return {name.rpartition("}")[2]: value for name, value in found.attrib.items()}


def test_names_are_as_dji_makes_them() -> None:
    wide, thermal = photos()
    assert (wide.name, thermal.name) == ("DJI_20250614102107_0004_W.JPG", "DJI_20250614102107_0004_T.JPG")
    assert wide.folder == thermal.folder == "DJI_202506141021_042_Survey"
    assert [lens_of(photo.name) for photo in (wide, thermal)] == [Lens.WIDE, Lens.THERMAL]
    assert wide.payload_key == "1-53-0"


def test_what_was_taken_by_hand_has_no_folder_and_no_group() -> None:
    by_hand = photos(shot(is_wayline=False))[0]
    assert (by_hand.folder, by_hand.group) == ("", "")
    task = {photo.group for photo in photos()}
    assert task == {group_of("1581SIM000000001", 1042, TAKEN_AT)}
    assert group_of("1581SIM000000002", 1042, TAKEN_AT) not in task
    assert group_of("1581SIM000000001", 1043, TAKEN_AT) not in task


def test_a_tiny_fingerprint_has_the_cameras_time_without_leading_zeros() -> None:
    tinies = [photo.tiny_fingerprint for photo in photos()]
    assert len(set(tinies)) == 2
    assert all(re.fullmatch(r"[0-9a-f]{32}_2025_6_14_10_21_7", tiny) for tiny in tinies)


def test_the_fingerprint_is_the_md5_in_upper_case(wide: tuple[Photo, bytes]) -> None:
    _, content = wide
    assert fingerprint(content) == hashlib.md5(content).hexdigest().upper()


def test_the_same_shot_gives_the_same_bytes(wide: tuple[Photo, bytes]) -> None:
    photo, content = wide
    assert photo.content() == content
    assert content.startswith(b"\xff\xd8\xff")
    assert 40_000 < len(content) < 600_000


def test_exif_as_pillow_reads_it(wide: tuple[Photo, bytes]) -> None:
    exif = Image.open(BytesIO(wide[1])).getexif()
    detail, gps = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert (exif[ExifTags.Base.Make], exif[ExifTags.Base.Model]) == ("DJI", "M30T")
    assert exif[ExifTags.Base.Orientation] == 1
    assert detail[ExifTags.Base.DateTimeOriginal] == "2025:06:14 10:21:07"
    assert detail[ExifTags.Base.OffsetTimeOriginal] == "+01:00"
    assert detail[ExifTags.Base.FocalLength] == 4.5
    assert detail[ExifTags.Base.FocalLengthIn35mmFilm] == 24
    assert (detail[ExifTags.Base.ExifImageWidth], detail[ExifTags.Base.ExifImageHeight]) == (1280, 960)
    width_mm = 1280 / (float(detail[ExifTags.Base.FocalPlaneXResolution]) / 10)
    assert 1280 * 4.5 / width_mm == pytest.approx(wide[0].lens.focal_px, rel=1e-4)
    assert float(gps[ExifTags.GPS.GPSAltitude]) == pytest.approx(1053.412)
    assert gps[ExifTags.GPS.GPSDateStamp] == "2025:06:14"
    assert gps[ExifTags.GPS.GPSTimeStamp] == (9, 21, 7)


def test_exif_as_exifread_reads_it(wide: tuple[Photo, bytes]) -> None:
    tags = exifread.process_file(BytesIO(wide[1]), details=False)
    assert str(tags["Image Make"]) == "DJI"
    assert str(tags["EXIF DateTimeOriginal"]) == "2025:06:14 10:21:07"
    assert str(tags["GPS GPSLatitudeRef"]) == "N"
    pose = wide[0].pose
    for name, expected in (("Latitude", pose.latitude_deg), ("Longitude", pose.longitude_deg)):
        degrees, minutes, seconds = (float(value) for value in tags[f"GPS GPS{name}"].values)
        assert degrees + minutes / 60 + seconds / 3600 == pytest.approx(expected, abs=1e-8)


def test_places_in_the_south_and_west_keep_their_signs() -> None:
    place = (-71.06, -33.0)
    content = photos(shot(longitude_deg=place[0], latitude_deg=place[1]), place=place)[1].content()
    tags = exifread.process_file(BytesIO(content), details=False)
    assert (str(tags["GPS GPSLatitudeRef"]), str(tags["GPS GPSLongitudeRef"])) == ("S", "W")
    fields = xmp_of(content)
    assert (float(fields["GpsLongitude"]), float(fields["GpsLatitude"])) == place
    assert camera_time(TAKEN_AT, place[0]).isoformat() == "2025-06-14T04:21:07-05:00"


def test_xmp_says_what_the_picture_was_drawn_with(wide: tuple[Photo, bytes]) -> None:
    photo, content = wide
    fields, pose = xmp_of(content), photo.pose
    assert float(fields["GpsLongitude"]) == pose.longitude_deg
    assert float(fields["GpsLatitude"]) == pose.latitude_deg
    assert (fields["AbsoluteAltitude"], fields["RelativeAltitude"]) == ("+1053.412", "+57.012")
    assert float(fields["RelativeAltitude"]) == pose.elevation_m
    angles = [fields[f"Gimbal{name}Degree"] for name in ("Yaw", "Pitch", "Roll")]
    assert angles == ["-4.30", "-90.00", "+0.00"]
    assert [float(angle) for angle in angles] == [pose.yaw_deg, pose.pitch_deg, pose.roll_deg]
    assert float(fields["CalibratedFocalLength"]) == pose.focal_px
    assert {"FlightYawDegree", "FlightPitchDegree", "FlightRollDegree", "GpsStatus"} <= fields.keys()


def test_a_thermal_file_tells_its_source_and_its_own_focal_length() -> None:
    photo = photos()[1]
    fields = xmp_of(photo.content())
    assert fields["ImageSource"] == "InfraredCamera"
    assert float(fields["CalibratedFocalLength"]) == pytest.approx(758.3)
    assert Image.open(BytesIO(photo.content())).size == (640, 512)


def test_what_pilot_tells_has_the_members_of_the_sample() -> None:
    told = photos()[0].metadata
    assert told["created_time"] == "2025-06-14T10:21:07+01:00"
    assert told["shoot_position"].keys() == {"lat", "lng"}
    assert told.keys() == {
        "absolute_altitude",
        "created_time",
        "gimbal_yaw_degree",
        "relative_altitude",
        "shoot_position",
    }


@pytest.mark.parametrize("number", range(len(AIRCRAFT_MODELS)))
def test_every_aircraft_leaves_a_file_for_each_lens(number: int) -> None:
    taken = photos(model=number)
    assert len({photo.name for photo in taken}) == len(taken)
    assert all(lens_of(photo.name) is not None for photo in taken)


def test_shots_are_numbered_in_their_flight_and_fetched_once() -> None:
    base = Base(longitude_deg=PLACE[0], latitude_deg=PLACE[1], height_m=996.4)
    for index in range(4):
        aircraft = Aircraft(model=AIRCRAFT_MODELS[0], serial="1581SIM1", base=base, seed=1, index=index)
        aircraft.advance(900)
        shots = aircraft.fetch_shots()
        assert aircraft.fetch_shots() == []
        assert shots, "every kind of mission takes photos"
        flights = {taken.flight for taken in shots}
        for flight in flights:
            numbers = [taken.number for taken in shots if taken.flight == flight]
            assert numbers == list(range(1, len(numbers) + 1))
        assert all(0.5 < taken.elevation_m < 130 for taken in shots)
        assert all(taken.height_m == pytest.approx(996.4 + taken.elevation_m) for taken in shots)


def test_what_photos_need_is_loaded_when_the_first_is_taken() -> None:
    code = "import sys, ofh.simulator.console; print(sorted({'PIL', 'boto3', 'botocore'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
