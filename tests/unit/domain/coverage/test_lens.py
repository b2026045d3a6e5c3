"""The seven sources of a focal length, which lens it was, and what is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.coverage.cameras import Kind
from ofh.domain.coverage.inputs import PhotoFacts
from ofh.domain.coverage.lens import Distortion, Intrinsics, kind_of, lens_of, payload_type_of

DIAGONAL = float(np.hypot(36, 24))
DEWARP = "2022-06-08;3713.29,3713.29,7.02,-8.72,-0.11257524,0.01487443,-0.00008572,0.0000001,-0.02706411"


def photo(model: str = "FC9999", width: int = 4000, height: int = 3000, **more: Any) -> PhotoFacts:
    """A photo; names that begin with `x_` are of its XMP, `callback` and `file_name` are themselves, others EXIF."""
    beside = {name: more.pop(name) for name in ("callback", "file_name") if name in more}
    xmp = {name[2:]: more.pop(name) for name in list(more) if name.startswith("x_")}
    exif = {"Make": "DJI", "Model": model, "ExifImageWidth": width, "ExifImageHeight": height, **more}
    return PhotoFacts(exif=exif, xmp=xmp, **beside)


def focal(facts: PhotoFacts) -> float | None:
    found = lens_of(facts)
    return None if found is None else found.fx


# Step 1


def test_dewarp_data_come_first_and_count_from_the_middle() -> None:
    lens = lens_of(
        photo("M3E", 5280, 3956, x_DewarpData=DEWARP, x_CalibratedFocalLength="3725", FocalLengthIn35mmFilm=24)
    )
    assert lens is not None
    assert (lens.fx, lens.cx, lens.cy) == (3713.29, pytest.approx(2647.02), pytest.approx(1969.28))
    assert lens.distortion is not None
    assert (lens.distortion.k1, lens.distortion.p1, lens.distortion.k3) == (-0.11257524, -0.00008572, -0.02706411)


def test_dewarp_data_of_the_full_size_hold_for_smaller_pictures_of_its_shape_alone() -> None:
    half = lens_of(photo("M3E", 2640, 1978, x_DewarpData=DEWARP, x_ImageSource="WideCamera"))
    assert half is not None
    assert (half.fx, half.cx, half.cy) == pytest.approx((3713.29 / 2, 1320 + 3.51, 989 - 4.36))
    wide = lens_of(photo("M3E", 5280, 2970, x_DewarpData=DEWARP, x_ImageSource="WideCamera"))
    assert wide is not None
    assert wide.source == "camera table, calibrated"


def test_a_straightened_picture_has_the_same_lens_without_distortion() -> None:
    lens = lens_of(photo("M3E", 5280, 3956, x_DewarpData=DEWARP, x_DewarpFlag="1"))
    assert lens is not None
    assert (lens.fx, lens.distortion) == (3713.29, None)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "2022-06-08;",
        "2022-06-08;1,2,3",
        "2022-06-08;nan,nan,0,0,0,0,0,0,0",
        "2022-06-08;inf,3713,0,0,0,0,0,0,0",
        "2022-06-08;0,0,0,0,0,0,0,0,0",
        "2022-06-08;-3713,-3713,0,0,0,0,0,0,0",
        "2022-06-08;10,10,0,0,0,0,0,0,0",
        "2022-06-08;900000,900000,0,0,0,0,0,0,0",
        "2022-06-08;3713,3713,0,0,-9,0,0,0,0",  # folds within the picture
        "2022-06-08;3713,3713,9000,0,0,0,0,0,0",
        "9" * 100_000,
    ],
)
def test_dewarp_data_that_make_no_sense_are_passed_over(said: str) -> None:
    lens = lens_of(photo(x_DewarpData=said, FocalLengthIn35mmFilm=24))
    assert lens is not None
    assert lens.source == "35 mm equivalent"


# Step 2


def test_the_calibrated_length_has_its_optical_centre_or_the_middle() -> None:
    lens = lens_of(
        photo(x_CalibratedFocalLength="2800", x_CalibratedOpticalCenterX="2010", x_CalibratedOpticalCenterY="1490")
    )
    assert lens is not None
    assert (lens.fx, lens.cx, lens.cy) == (2800, 2010, 1490)
    lens = lens_of(photo(x_CalibratedFocalLength="2800"))
    assert lens is not None
    assert (lens.cx, lens.cy) == (2000, 1500)


@pytest.mark.parametrize(
    ("length", "centre", "is_taken"),
    [
        ("2800", "2390", True),
        ("2800", "2410", False),
        ("2800", "1610", True),
        ("2800", "1590", False),
        ("2220", "2000", True),
        ("2218", "2000", False),
        ("3327", "2000", True),
        ("3329", "2000", False),
        ("nan", "2000", False),
        ("0", "2000", False),
    ],
)
def test_the_calibrated_length_of_another_lens_is_refused(length: str, centre: str, is_taken: bool) -> None:
    facts = photo(
        x_CalibratedFocalLength=length, x_CalibratedOpticalCenterX=centre, FocalLengthIn35mmFilm=24
    )  # 24 mm are 2773.5 px
    lens = lens_of(facts)
    assert lens is not None
    assert (lens.source == "calibrated focal length") is is_taken


# Step 3


def test_what_was_calibrated_for_a_model_is_scaled_by_width() -> None:
    assert focal(photo("M30T", 640, 512, x_ImageSource="InfraredCamera", FocalLengthIn35mmFilm=40)) == 758.3
    assert focal(photo("M30T", 1280, 1024, FocalLengthIn35mmFilm=40)) == pytest.approx(1516.6)
    assert focal(photo("DJI M3T", 4000, 3000, file_name="DJI_20240614101112_0007_V.JPG")) == 2737
    assert focal(photo("M3T", 3000, 4000, file_name="DJI_20240614101112_0007_V.JPG")) == 2737


def test_lenses_of_one_kind_are_told_apart_by_the_nearest_focal_length() -> None:
    assert focal(photo("ZenmuseP1", 8192, 5460, FocalLength=35.0)) == 8233
    assert focal(photo("ZH20N", 640, 512, FocalLength=12.5)) == 1000
    assert focal(photo("ZH20N", 640, 512, FocalLength=(445, 10))) == 3708.3
    assert focal(photo("ZH20N", 640, 512)) is None


def test_a_lens_whose_length_is_not_published_is_told_by_its_equivalent() -> None:
    """The two long lenses of one payload: dewarp data hold for the full picture of the lens that took it."""
    said = {"x_ImageSource": "ZoomCamera", "x_DewarpData": "2025-01-01;39800,39800,10,-10,0,0,0,0,0"}
    long = {"FocalLength": 47.0, "FocalLengthIn35mmFilm": 168}
    assert focal(photo("M4E", 8192, 6144, **said, **long)) == 39_800
    assert focal(photo("M4E", 4096, 3072, **said, **long)) == 19_900
    medium = {"FocalLength": 19.4, "FocalLengthIn35mmFilm": 70}
    assert focal(photo("M4E", 4032, 3024, **said, **medium)) == 19_900


# Step 4


@pytest.mark.parametrize(
    ("model", "width", "height", "diagonal"),
    [
        ("FC9999", 4000, 3000, 5000.0),
        ("FC9999", 5472, 3648, float(np.hypot(5472, 3648))),
        ("FC9999", 4000, 2250, 5000.0),  # 16:9 of a model that is not known is of 4:3
        ("FC9999", 4000, 2000, float(np.hypot(4000, 2000))),
        ("EP600", 5472, 3078, 5472 * 1.2019),  # 16:9 of 3:2
        ("M30", 4000, 2250, 5000.0),
        ("ZH20N", 1920, 1080, float(np.hypot(1920, 1080))),  # whose full picture is 16:9
        ("M30", 3000, 4000, 5000.0),
    ],
)
def test_an_equivalent_is_by_the_diagonal_of_the_full_picture(
    model: str, width: int, height: int, diagonal: float
) -> None:
    facts = photo(model, width, height, FocalLengthIn35mmFilm=24, x_ImageSource="WideCamera")
    assert focal(facts) == pytest.approx(24 * diagonal / DIAGONAL, rel=1e-4)


def test_a_zoom_is_as_long_as_its_picture_says() -> None:
    assert focal(photo("M30T", 8000, 6000, FocalLengthIn35mmFilm=250, x_ImageSource="ZoomCamera")) == pytest.approx(
        250 * 10_000 / DIAGONAL
    )
    # by millimetres: 21 mm of this lens are 26117.1 px
    assert focal(photo("M30T", 8000, 6000, FocalLength=42.0, x_ImageSource="ZoomCamera")) == pytest.approx(52_234.2)
    assert focal(photo("M30T", 8000, 6000, x_ImageSource="ZoomCamera")) is None
    assert focal(photo("M30T", 8000, 6000, FocalLength=0, FocalLengthIn35mmFilm=0, x_ImageSource="ZoomCamera")) is None


# Step 5


def test_millimetres_need_the_width_of_the_sensor() -> None:
    assert focal(photo("EP600", 5472, 3648, FocalLength=8.8)) == pytest.approx(5472 * 8.8 / 13.2)
    plane = {"FocalLength": 8.8, "FocalPlaneXResolution": (5472 * 10, 132)}
    assert focal(photo(width=5472, height=3648, **plane, FocalPlaneResolutionUnit=4)) == pytest.approx(
        5472 * 8.8 / 13.2
    )
    inch = {**plane, "FocalPlaneXResolution": 5472 / 13.2 * 25.4}
    assert focal(photo(width=5472, height=3648, **inch)) == pytest.approx(5472 * 8.8 / 13.2)
    assert focal(photo(FocalLength=8.8)) is None


def test_a_picture_tells_the_width_of_a_sensor_that_the_table_does_not() -> None:
    said = {"x_ImageSource": "ZoomCamera", "FocalLength": 42.0}
    assert focal(photo("M30T", 8000, 6000, **said)) == pytest.approx(2 * 26_117.1)
    plane = {"FocalPlaneXResolution": 12_000, "FocalPlaneResolutionUnit": 3}
    assert focal(photo("M30T", 8000, 6000, **said, **plane)) == pytest.approx(42 * 1_200)
    absurd = {"FocalPlaneXResolution": 1, "FocalPlaneResolutionUnit": 3}
    assert focal(photo("M30T", 8000, 6000, **said, **absurd)) == pytest.approx(2 * 26_117.1)


# Step 6


def video(key: str, name: str, width: int = 3840, height: int = 2160, **more: Any) -> PhotoFacts:
    ext = {"payload_model_key": key} if key.startswith("1-") else {"payload_index": key}
    return PhotoFacts(callback={"ext": ext, "name": name, "video": {"width": width, "height": height}}, **more)


def test_a_payload_type_tells_the_lens_of_a_video_but_not_a_zoom() -> None:
    assert focal(video("1-53-0", "DJI_20240614101112_0007_W.MP4")) == pytest.approx(2662.56)
    assert focal(video("53-0-0", "DJI_20240614101112_0007_W.MP4")) == pytest.approx(2662.56)
    assert focal(video("1-53-0", "DJI_20240614101112_0007_T.MP4", 640, 512)) == 758.3
    assert focal(video("1-53-0", "DJI_20240614101112_0007_T.MP4", 1280, 1024)) == pytest.approx(1516.6)
    assert focal(video("1-53-0", "DJI_20240614101112_0007_Z.MP4")) is None
    assert focal(video("1-66-0", "DJI_20240614101112_0007_Z.MP4")) is None
    assert focal(video("1-90742-0", "DJI_20240614101112_0007.MP4", 5472, 3078)) == 3648  # its only lens
    assert focal(video("1-53-0", "DJI_20240614101112_0007.MP4")) is None
    assert focal(video("0-67-1", "DJI_20240614101112_0007_W.MP4")) is None


@pytest.mark.parametrize("key", ["", "1-53", "1-x-0", "1--0", "1-53-0-0", "1-²-0", "1-" + "9" * 5_000 + "-0"])
def test_a_payload_key_that_is_none_tells_nothing(key: str) -> None:
    found = payload_type_of(PhotoFacts(callback={"ext": {"payload_model_key": key}}))
    assert found is None or found == 999_999_999


# Digital zoom, views that no lens has, and sizes


def test_digital_zoom_magnifies_what_is_computed_of_the_picture() -> None:
    assert focal(photo(FocalLengthIn35mmFilm=24, DigitalZoomRatio=2.0)) == pytest.approx(2 * 2773.5, rel=1e-4)
    assert focal(photo(FocalLengthIn35mmFilm=24, DigitalZoomRatio=0)) == pytest.approx(2773.5, rel=1e-4)
    assert (
        focal(photo("M3T", FocalLengthIn35mmFilm=24, DigitalZoomRatio="3/2", x_ImageSource="WideCamera")) == 2737 * 1.5
    )
    # the design value of the lens is that of a picture that is not magnified
    facts = photo(FocalLengthIn35mmFilm=24, DigitalZoomRatio=2, x_CalibratedFocalLength="2780")
    assert focal(facts) == pytest.approx(2 * 2773.5, rel=1e-4)


@pytest.mark.parametrize("film", [-24, 0, 2, 9_000, float("nan"), float("inf"), "24 mm", (24, 0), None, b"\0", [], {}])
def test_no_lens_has_an_absurd_view(film: object) -> None:
    assert lens_of(photo(FocalLengthIn35mmFilm=film)) is None


def test_without_a_size_there_is_no_lens() -> None:
    assert lens_of(PhotoFacts(exif={"Model": "M30T", "FocalLengthIn35mmFilm": 24})) is None
    assert lens_of(PhotoFacts(exif={"FocalLengthIn35mmFilm": 24}, width=4000, height=0)) is None
    found = lens_of(PhotoFacts(exif={"FocalLengthIn35mmFilm": 24, "ExifImageWidth": 1}, width=4000, height=3000))
    assert found is not None
    assert found.width == 4000


# Which lens


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        (photo("M30T", x_ImageSource="WideCamera", file_name="DJI_20240614101112_0007_T.JPG"), Kind.WIDE),
        (photo("M30T", x_ImageSource="ZoomCamera"), Kind.ZOOM),
        (photo("M30T", x_ImageSource="InfraredCamera"), Kind.THERMAL),
        (photo("M3T", x_ImageSource="VisibleCamera"), Kind.WIDE),
        (
            photo("M3M", x_ImageSource="DefaultCamera", file_name="DJI_20240614101112_0007_MS_NIR.TIF"),
            Kind.MULTISPECTRAL,
        ),
        (photo("M3M", file_name="DJI_20240614101112_0007_D.JPG"), Kind.WIDE),
        (photo("M30T", file_name="DJI_20240614101112_0007_Z_Waypoint4.JPG"), Kind.ZOOM),
        (photo("M30T", 640, 512), Kind.THERMAL),
        (photo("M30T", 1280, 1024), Kind.THERMAL),
        (photo("M30T"), None),
        (photo("FC6310"), Kind.WIDE),
        (photo("FC9999"), None),
    ],
)
def test_which_lens_took_it(facts: PhotoFacts, kind: Kind | None) -> None:
    assert kind_of(facts) is kind


@pytest.mark.parametrize("model", ["ZenmuseH20T", "zenmuse h20t", "DJI Zenmuse H20T", "ZH20T", "dji zh20t\0"])
def test_models_are_compared_without_case_spaces_and_maker(model: str) -> None:
    assert focal(photo(model, 640, 512)) == 1125


# Distortion


@given(st.floats(-0.8, 0.8), st.floats(-0.6, 0.6))
def test_undistorting_undoes_distorting(x: float, y: float) -> None:
    lens = Distortion(k1=-0.11257524, k2=0.01487443, p1=-0.00008572, p2=1e-7, k3=-0.02706411)
    found = lens.undistort(*lens.distort(np.array([x]), np.array([y])))
    assert np.allclose(np.concatenate(found), [x, y], atol=1e-9)


def test_what_no_direction_is_seen_at_has_none() -> None:
    lens = Intrinsics(
        width=100, height=100, fx=10, fy=10, cx=50, cy=50, distortion=Distortion(k1=-1, k2=0, p1=0, p2=0, k3=0)
    )
    x, y = lens.directions(np.array([50.0, 100.0]), np.array([50.0, 100.0]))
    assert (x[0], y[0]) == (0, 0)
    assert np.isnan(x[1])
    assert np.isnan(y[1])
