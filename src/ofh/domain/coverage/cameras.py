"""The cameras of DJI's aircraft: which lens takes pictures of which size, and how long it is in their pixels.

A lens is found by the model that a picture names or by the payload type that a controller names, and by the kind of the
lens: one model stands for all lenses of a payload. Lengths in pixels hold for the size of picture beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from math import hypot

FILM_DIAGONAL_MM = hypot(36, 24)
"""What "35 mm equivalent" refers to in DJI's numbers."""


class Kind(StrEnum):
    """What a lens of a payload is for."""

    WIDE = "wide"
    ZOOM = "zoom"
    """Also a tele lens of fixed length: several of them may share an ending of file names."""
    THERMAL = "thermal"
    MULTISPECTRAL = "multispectral"
    """Each of the lenses that take one band."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """One lens of one payload."""

    name: str
    models: frozenset[str]
    """As EXIF names them, in the form of `model_key`."""
    payload_types: frozenset[int]
    """The middle number of DJI's payload keys."""
    kind: Kind
    width: int
    """Pixels of its full picture."""
    height: int
    focal_px: float
    """Of its shortest focal length, at that width."""
    is_calibrated: bool
    """Whether that was measured, or follows from the equivalent on 35 mm film as it is published."""
    focal_mm: float | None
    """The shortest."""
    longest_mm: float | None
    """Of a lens that zooms."""
    sensor_mm: float | None
    """The width of what the full picture is taken by."""

    @property
    def film_mm(self) -> float:
        """The shortest focal length's equivalent on 35 mm film, by the diagonal of the full picture."""
        return self.focal_px * FILM_DIAGONAL_MM / hypot(self.width, self.height)


def model_key(model: str) -> str:
    """A model as it is compared: without case, spaces and the maker's name in front."""
    return "".join(model.split()).lower().removeprefix("dji")


def cameras_of(*, model: str | None, payload_type: int | None) -> list[Camera]:
    """All lenses of what a picture says it was taken by; by the payload type where the model tells nothing."""
    found = [camera for camera in _cameras() if model is not None and model_key(model) in camera.models]
    return found or [camera for camera in _cameras() if payload_type in camera.payload_types]


def of_payload(payload_type: int | None) -> list[Camera]:
    """All lenses of a payload type."""
    return [camera for camera in _cameras() if payload_type in camera.payload_types]


def nearest(cameras: Sequence[Camera], focal_mm: float | None, film_mm: float | None) -> Camera | None:
    """The one lens among these; where there are several, the one whose focal length is nearest to the picture's.

    Where not every length is published they are compared as equivalents on 35 mm film.
    """
    if len(cameras) == 1:
        return cameras[0]
    if film_mm is not None and any(camera.focal_mm is None for camera in cameras):
        return min(cameras, key=lambda camera: abs(camera.film_mm - film_mm))
    known = [camera for camera in cameras if camera.focal_mm is not None]
    if focal_mm is None or not known:
        return None
    return min(known, key=lambda camera: abs((camera.focal_mm or 0) - focal_mm))


@cache
def _cameras() -> tuple[Camera, ...]:
    return tuple(_camera(line) for line in _TABLE.strip().splitlines())


def _camera(line: str) -> Camera:
    name, models, payloads, kind, size, focal_px, focal_mm, sensor = line.split(" | ")
    width, height = size.split("x")
    shortest, _, longest = focal_mm.partition("..")
    return Camera(
        name=name,
        models=frozenset(model_key(model) for model in models.split()),
        payload_types=frozenset(int(payload) for payload in payloads.split() if payload != "-"),
        kind=Kind(kind),
        width=int(width),
        height=int(height),
        focal_px=float(focal_px.removesuffix("c")),
        is_calibrated=focal_px.endswith("c"),
        focal_mm=None if shortest == "-" else float(shortest),
        longest_mm=float(longest) if longest else None,
        sensor_mm=None if sensor == "-" else float(sensor),
    )


# name | models in EXIF | payload types | kind | full picture | focal length in px, c where it was calibrated |
# focal length in mm, shortest..longest of a zoom | width of the sensor in mm, where more than its format is known
#
# Sources: DJI's specification pages and hardware guide, FOV tables of open mission planners, Theta-Limited/DroneModels
# (Apache 2.0), calibration reports; values that were not checked on a real photo are as published.
_TABLE = """
M30 wide | M30 M30T | 52 53 | wide | 4000x3000 | 2773.5 | 4.5 | -
M30 zoom | M30 M30T | 52 53 | zoom | 8000x6000 | 26117.1 | 21..75 | -
M30T thermal | M30T | 53 | thermal | 640x512 | 758.3c | 9.1 | 7.68
H20/H20T wide | ZH20 ZH20T ZenmuseH20 ZenmuseH20T ZH20W ZenmuseH20W | 42 43 | wide | 4056x3040 | 2811.7 | 4.5 | -
H20/H20T zoom | ZH20 ZH20T ZenmuseH20 ZenmuseH20T | 42 43 | zoom | 5184x3888 | 4747.7 | 6.83..119.94 | -
H20T thermal | ZH20T ZenmuseH20T | 43 | thermal | 640x512 | 1125c | 13.5 | 7.68
H20N wide | ZH20N ZenmuseH20N | 61 | wide | 1920x1080 | 1476.5 | 4.5 | -
H20N zoom | ZH20N ZenmuseH20N | 61 | zoom | 2688x1512 | 2330.9 | 6.8..119.9 | -
H20N thermal, wide | ZH20N ZenmuseH20N | 61 | thermal | 640x512 | 1000c | 12 | 7.68
H20N thermal, tele | ZH20N ZenmuseH20N | 61 | thermal | 640x512 | 3708.3c | 44.5 | 7.68
H30/H30T wide | H30 H30T ZH30 ZH30T ZenmuseH30 ZenmuseH30T | 82 83 | wide | 8064x6048 | 5591.4 | 6.72 | -
H30/H30T zoom | H30 H30T ZH30 ZH30T ZenmuseH30 ZenmuseH30T | 82 83 | zoom | 7328x5496 | 7071.1 | 7.1..172 | -
H30T thermal | H30T ZH30T ZenmuseH30T | 83 | thermal | 1280x1024 | 2000c | 24 | 15.36
P1, DL 24 mm | ZenmuseP1 ZP1 | 50 | wide | 8192x5460 | 5460.9 | 24 | 35.9
P1, DL 35 mm | ZenmuseP1 ZP1 | 50 | wide | 8192x5460 | 8233c | 35 | 35.9
P1, DL 50 mm | ZenmuseP1 ZP1 | 50 | wide | 8192x5460 | 11376.9 | 50 | 35.9
L1 | EP600 L1 ZenmuseL1 | 90742 | wide | 5472x3648 | 3648 | 8.8 | 13.2
L2 | EP800 L2 ZenmuseL2 | 84 | wide | 5280x3956 | 3659.7 | 12.29 | 17.3
M3E wide | M3E | 66 | wide | 5280x3956 | 3713.3c | 12.29 | 17.3
M3E/M3T tele | M3E M3T M3TA | 66 67 | zoom | 4000x3000 | 18721.1 | 29.9 | -
M3T wide | M3T M3TA | 67 | wide | 4000x3000 | 2737c | 4.4 | -
M3T thermal | M3T M3TA | 67 | thermal | 640x512 | 758.3c | 9.1 | 7.68
M3M colour | M3M | 68 | wide | 5280x3956 | 3659.7 | 12.29 | 17.3
M3M multispectral | M3M | 68 | multispectral | 2592x1944 | 2170c | 4.34 | -
M3D wide | M3D | 80 | wide | 5280x3956 | 3659.7 | 12.29 | 17.3
M3TD wide | M3TD | 81 | wide | 8064x6048 | 5591.4 | 6.72 | -
M3D/M3TD tele | M3D M3TD | 80 81 | zoom | 4000x3000 | 18721.1 | 29.9 | -
M3TD thermal | M3TD | 81 | thermal | 640x512 | 758.3c | 9.1 | 7.68
M4E/M4D wide | M4E M4D | 88 98 | wide | 5280x3956 | 3713.8c | 12.29 | 17.3
M4T/M4TD wide | M4T M4TD | 89 99 | wide | 8064x6048 | 5591.4 | 6.72 | -
M4 medium tele | M4E M4T M4D M4TD | 88 89 98 99 | zoom | 8064x6048 | 16308.2 | 19.4 | -
M4 tele | M4E M4T M4D M4TD | 88 89 98 99 | zoom | 8192x6144 | 39760.9 | - | -
M4T/M4TD thermal | M4T M4TD | 89 99 | thermal | 640x512 | 1000c | 12 | 7.68
M2EA colour | MAVIC2-ENTERPRISE-ADVANCED M2EA | - | wide | 8000x6000 | 5619c | 4.5 | -
M2EA thermal | MAVIC2-ENTERPRISE-ADVANCED M2EA | - | thermal | 640x512 | 760c | 9.12 | 7.68
Mavic 3 / Mavic 3 Cine | L2D-20c | - | wide | 5280x3956 | 3880c | 12.29 | 17.3
Mavic 3 tele | FC4170 | - | zoom | 4000x3000 | 18721.1 | 29.9 | 6.4
Mavic 3 Pro medium tele | FC4382 | - | zoom | 4032x3024 | 8154.1 | 19.4 | -
Mavic 2 Pro | L1D-20c | - | wide | 5472x3648 | 4378c | 10.26 | 13.2
Mavic 2 Zoom / Enterprise Zoom | FC2204 FC2200 | - | zoom | 4000x3000 | 2773.5 | 4.386..8.6 | 6.32
Mavic Pro | FC220 | - | wide | 4000x3000 | 2990c | 4.73 | 6.33
Mavic Air | FC230 | - | wide | 4056x3040 | 2811.7 | 4.5 | 6.17
Mavic Air 2 | FC3170 | - | wide | 4000x3000 | 2718c | 4.5 | -
Air 2S | FC3411 | - | wide | 5472x3648 | 3476c | 8.38 | 13.2
Air 3 wide | FC8282 | - | wide | 8064x6048 | 5591.4 | 6.72 | -
Air 3 medium tele | FC8284 | - | zoom | 8064x6048 | 16308.2 | 19.4 | -
Mini | FC7203 | - | wide | 4000x3000 | 2730c | 4.49 | -
Mini 2 / Mini SE | FC7303 | - | wide | 4000x3000 | 2773.5 | 4.49 | -
Mini 3 | FC3682 | - | wide | 4000x3000 | 2893c | 6.7 | -
Mini 3 Pro | FC3582 | - | wide | 4032x3024 | 2814c | 6.72 | -
Mini 4 Pro | FC8482 | - | wide | 4032x3024 | 3019c | 6.72 | -
Phantom 4 Pro / Advanced / RTK | FC6310 FC6310S FC6310R | - | wide | 5472x3648 | 3666.7c | 8.8 | 13.2
Phantom 4 | FC330 | - | wide | 4000x3000 | 2311.3 | 3.61 | -
Phantom 4 Multispectral | FC6360 | - | multispectral | 1600x1300 | 1873c | 5.74 | 4.9
Spark | FC1102 | - | wide | 3968x2976 | 2866 | 4.49 | -
"""
