"""The lens: how a position in the picture becomes a direction.

A pinhole with optional Brown distortion. Pixels count from the outer corner of the picture's top left pixel, u to the
right and v down; directions of the camera are (1, x, y) with x to the right and y down.
"""

from dataclasses import dataclass
from math import atan, degrees, hypot, isfinite
from typing import TYPE_CHECKING

from ofh.domain import media

from .cameras import FILM_DIAGONAL_MM, Camera, Kind, cameras_of, nearest, of_payload
from .inputs import PhotoFacts, Xmp, number, struct, text
from .readings import file_name_of, model_of, size_of

if TYPE_CHECKING:
    from .ground import Floats

NARROWEST_DEG, WIDEST_DEG = 0.5, 120.0
"""Horizontal views that a lens may have."""

_THERMAL_SIZES = {(640, 512), (1280, 1024)}
_SAME_ASPECT = 0.01
_KINDS = {
    media.Lens.WIDE: Kind.WIDE,
    media.Lens.VISIBLE: Kind.WIDE,
    media.Lens.RGB: Kind.WIDE,
    media.Lens.ZOOM: Kind.ZOOM,
    media.Lens.THERMAL: Kind.THERMAL,
    media.Lens.GREEN: Kind.MULTISPECTRAL,
    media.Lens.RED: Kind.MULTISPECTRAL,
    media.Lens.RED_EDGE: Kind.MULTISPECTRAL,
    media.Lens.NEAR_INFRARED: Kind.MULTISPECTRAL,
}
_IMAGE_SOURCES = (
    ("wide", Kind.WIDE),
    ("visible", Kind.WIDE),
    ("rgb", Kind.WIDE),
    ("zoom", Kind.ZOOM),
    ("tele", Kind.ZOOM),
    ("mediumtele", Kind.ZOOM),
    ("infrared", Kind.THERMAL),
    ("thermal", Kind.THERMAL),
    ("ir", Kind.THERMAL),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distortion:
    """Brown's coefficients, in the order of a dewarp: radial k1, k2, k3, tangential p1, p2."""

    k1: float
    k2: float
    p1: float
    p2: float
    k3: float

    def distort(self, x: "Floats", y: "Floats") -> "tuple[Floats, Floats]":
        """Where the lens puts directions (1, x, y)."""
        q = x * x + y * y
        radial = 1 + q * (self.k1 + q * (self.k2 + q * self.k3))
        return (
            x * radial + 2 * self.p1 * x * y + self.p2 * (q + 2 * x * x),
            y * radial + self.p1 * (q + 2 * y * y) + 2 * self.p2 * x * y,
        )

    def undistort(self, xd: "Floats", yd: "Floats") -> "tuple[Floats, Floats]":
        """The directions that the lens puts there; NaN where there is none this side of the fold of the lens' model.

        Newton's method along the way out from the middle, so that it stays on the branch that real light takes.
        """
        import numpy as np

        x, y = np.zeros_like(xd), np.zeros_like(yd)
        for step in range(1, _PATH + 1):
            rounds = _ROUNDS if step == _PATH else 3
            for _ in range(rounds):
                at_x, at_y = self.distort(x, y)
                miss_x, miss_y = xd * (step / _PATH) - at_x, yd * (step / _PATH) - at_y
                if step == _PATH and max(np.abs(miss_x).max(initial=0), np.abs(miss_y).max(initial=0)) < _EXACT:
                    break
                a, b, d = self._slopes(x, y)
                determinant = a * d - b * b
                # beyond the fold, or far from any lens: lost, and NaN from here on
                is_lost = ~((determinant > _FOLD) & (a + d > 0) & (x * x + y * y < _FARTHEST**2))
                determinant = np.where(is_lost, np.nan, determinant)
                x = x + (d * miss_x - b * miss_y) / determinant
                y = y + (a * miss_y - b * miss_x) / determinant
        at_x, at_y = self.distort(x, y)
        is_found = np.hypot(xd - at_x, yd - at_y) < 1e-9
        return np.where(is_found, x, np.nan), np.where(is_found, y, np.nan)

    def _slopes(self, x: "Floats", y: "Floats") -> "tuple[Floats, Floats, Floats]":
        """How the distorted position changes with the direction: dxd/dx, dxd/dy (as dyd/dx), dyd/dy."""
        q = x * x + y * y
        radial = 1 + q * (self.k1 + q * (self.k2 + q * self.k3))
        growth = 2 * (self.k1 + q * (2 * self.k2 + q * 3 * self.k3))
        return (
            radial + x * x * growth + 2 * self.p1 * y + 6 * self.p2 * x,
            x * y * growth + 2 * self.p1 * x + 2 * self.p2 * y,
            radial + y * y * growth + 6 * self.p1 * y + 2 * self.p2 * x,
        )


_PATH = 4
"""Steps from the middle of the picture outwards."""
_ROUNDS = 20
_EXACT = 1e-13
_FOLD = 1e-3
"""How much a lens may shrink an area before its model counts as folding."""
_FARTHEST = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Intrinsics:
    """A picture's size, its lens' focal lengths and principal point in pixels, and its distortion."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    """From the outer corner of the top left pixel."""
    cy: float
    distortion: Distortion | None = None
    source: str = ""
    """Where the focal length is from, in a few words."""

    def directions(self, u: "Floats", v: "Floats") -> "tuple[Floats, Floats]":
        """x and y of the directions (1, x, y) seen at these positions; NaN where the distortion has none."""
        xd, yd = (u - self.cx) / self.fx, (v - self.cy) / self.fy
        return (xd, yd) if self.distortion is None else self.distortion.undistort(xd, yd)


def kind_of(facts: PhotoFacts) -> Kind | None:
    """Which of a payload's lenses took the picture: by XMP, the file's name, the size, or because there is but one."""
    said = (Xmp(facts.xmp).text("ImageSource") or "").lower()
    for beginning, kind in _IMAGE_SOURCES:
        if said.startswith(beginning):
            return kind
    by_name = media.lens_of(file_name_of(facts))
    if by_name in _KINDS:
        return _KINDS[by_name]
    if size_of(facts) in _THERMAL_SIZES:
        return Kind.THERMAL
    kinds = {camera.kind for camera in cameras_of(model=model_of(facts), payload_type=payload_type_of(facts))}
    return kinds.pop() if len(kinds) == 1 else None


def payload_type_of(facts: PhotoFacts) -> int | None:
    """The payload's type: the middle of its model key (`1-53-0`), or the first number of its index (`53-0-0`)."""
    ext = struct(facts.callback, "ext")
    key = (text(ext.get("payload_model_key")) or "").split("-")
    if len(key) == 3 and key[0] == "1" and key[1].isascii() and key[1].isdecimal():
        return int(key[1][:9])
    for holder in (ext, facts.callback or {}, struct(facts.callback, "metadata")):
        index = (text(holder.get("payload_index")) or "").split("-")
        if len(index) == 3 and index[0].isascii() and index[0].isdecimal():
            return int(index[0][:9])
    return None


def lens_of(facts: PhotoFacts) -> Intrinsics | None:
    """The lens of a picture, from the first source that gives a plausible view; None where there is none.

    Seven steps, the most exact first: see docs/coverage.md.
    """
    size = size_of(facts)
    if size is None:
        return None
    return _Steps(facts, *size).first()


class _Steps:
    """The sources of a picture's focal length, one method each."""

    def __init__(self, facts: PhotoFacts, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.exif, self.xmp = facts.exif, Xmp(facts.xmp)
        self.focal_mm = _positive(self.exif.get("FocalLength"))
        self.film_mm = _positive(self.exif.get("FocalLengthIn35mmFilm"))
        ratio = number(self.exif.get("DigitalZoomRatio"))
        self.zoom = ratio if ratio is not None and ratio > 1 else 1.0
        kind = kind_of(facts)
        payload_type = payload_type_of(facts)
        known = [c for c in cameras_of(model=model_of(facts), payload_type=payload_type) if c.kind is kind]
        self.camera = nearest(known, self.focal_mm, self.film_mm)
        by_payload = [camera for camera in of_payload(payload_type) if camera.kind is kind]
        self.payload_camera = nearest(by_payload, self.focal_mm, self.film_mm)

    def first(self) -> Intrinsics | None:
        """What the first of the steps says that says something plausible."""
        dewarped = self._from_dewarp_data()
        if dewarped is not None:
            return dewarped
        calibrated = self._from_calibrated()
        if calibrated is not None:
            return calibrated
        sources = (
            ("camera table, calibrated", self._from_table()),
            ("35 mm equivalent", self._from_film()),
            ("focal length", self._from_sensor()),
            ("camera table", self._from_payload()),
        )
        for source, focal_px in sources:
            if focal_px is not None and _is_plausible(self.width, focal_px):
                return self._centred(focal_px, source)
        return None

    def _centred(self, focal_px: float, source: str) -> Intrinsics:
        return Intrinsics(
            width=self.width,
            height=self.height,
            fx=focal_px,
            fy=focal_px,
            cx=self.width / 2,
            cy=self.height / 2,
            source=source,
        )

    def _from_dewarp_data(self) -> Intrinsics | None:
        """Step 1: the lens' own calibration, `date;fx,fy,cx,cy,k1,k2,p1,p2,k3`, principal point from the middle.

        It holds for the lens' full picture; a smaller one of the same shape is that picture made smaller.
        """
        said = self.xmp.text("DewarpData") or ""
        if len(said) > 1_000:
            return None
        values = [number(part) for part in said.rpartition(";")[2].split(",")]
        known = [value for value in values if value is not None]
        if len(values) != 9 or len(known) != 9:
            return None
        fx, fy, cx, cy, k1, k2, p1, p2, k3 = known
        scale = 1.0
        if self.camera is not None and (self.camera.width, self.camera.height) != (self.width, self.height):
            if not _is_alike(self.camera, self.width, self.height):
                return None
            scale = self.width / self.camera.width
        fx, fy, cx, cy = (value * scale for value in (fx, fy, cx, cy))
        if not (_is_plausible(self.width, fx) and _is_plausible(self.height, fy, narrowest_deg=0)):
            return None
        if abs(cx) > self.width / 2 or abs(cy) > self.height / 2:
            return None
        straightened = number(self.xmp.text("DewarpFlag")) == 1
        distortion = Distortion(k1=k1, k2=k2, p1=p1, p2=p2, k3=k3)
        found = Intrinsics(
            width=self.width,
            height=self.height,
            fx=fx,
            fy=fy,
            cx=self.width / 2 + cx,
            cy=self.height / 2 + cy,
            distortion=None if straightened or not any((k1, k2, p1, p2, k3)) else distortion,
            source="dewarp data",
        )
        return found if _sees_its_border(found) else None

    def _from_calibrated(self) -> Intrinsics | None:
        """Step 2: the design value of one of the payload's lenses, which may not be this one.

        So it has to agree with what the picture's own equivalent says, magnified as the picture is.
        """
        focal_px = _positive(self.xmp.text("CalibratedFocalLength"))
        if focal_px is None or not _is_plausible(self.width, focal_px):
            return None
        expected = self._from_film()
        if expected is not None and _is_plausible(self.width, expected) and abs(focal_px - expected) > 0.2 * expected:
            return None
        cx = self.xmp.number("CalibratedOpticalCenterX")
        cy = self.xmp.number("CalibratedOpticalCenterY")
        cx, cy = self.width / 2 if cx is None else cx, self.height / 2 if cy is None else cy
        if abs(cx - self.width / 2) > 0.1 * self.width or abs(cy - self.height / 2) > 0.1 * self.height:
            return None
        return Intrinsics(
            width=self.width,
            height=self.height,
            fx=focal_px,
            fy=focal_px,
            cx=cx,
            cy=cy,
            source="calibrated focal length",
        )

    def _from_table(self) -> float | None:
        """Step 3: what was calibrated for this model and lens."""
        if self.camera is None or not self.camera.is_calibrated:
            return None
        return self.camera.focal_px * self._scale(self.camera) * self.zoom

    def _from_film(self) -> float | None:
        """Step 4: the picture's 35 mm equivalent, which is by the diagonal of the sensor's full picture."""
        if self.film_mm is None:
            return None
        return self.film_mm * self._diagonal() / FILM_DIAGONAL_MM * self.zoom

    def _from_sensor(self) -> float | None:
        """Step 5: the focal length in millimetres and the sensor's width, of the table or of the picture.

        Where neither tells the width, the table's shortest focal length in millimetres and in pixels does.
        """
        if self.focal_mm is None:
            return None
        camera = self.camera
        if camera is not None and camera.sensor_mm is not None:
            return self._long_side() * self.focal_mm / camera.sensor_mm * self.zoom
        per_unit = _positive(self.exif.get("FocalPlaneXResolution"))
        unit_mm = {2: 25.4, 3: 10.0, 4: 1.0}.get(int(number(self.exif.get("FocalPlaneResolutionUnit")) or 2))
        if per_unit is not None and unit_mm is not None:
            focal_px = self.focal_mm * per_unit / unit_mm * self.zoom
            if _is_plausible(self.width, focal_px):
                return focal_px
        if camera is not None and camera.focal_mm is not None:
            return camera.focal_px * self._scale(camera) * self.focal_mm / camera.focal_mm * self.zoom
        return None

    def _from_payload(self) -> float | None:
        """Step 6: the published lens of a payload type: all that a video tells. A zoom may be anywhere."""
        camera = self.payload_camera
        if camera is None or camera.kind is Kind.ZOOM:
            return None
        return camera.focal_px * self._scale(camera)

    def _long_side(self) -> int:
        """The width; of a picture stored upright, what would be its width."""
        return max(self.width, self.height) if self.height > self.width else self.width

    def _scale(self, camera: Camera) -> float:
        return self._long_side() / camera.width

    def _diagonal(self) -> float:
        """Of the sensor's full picture at this picture's width, in its pixels."""
        own = hypot(self.width, self.height)
        if self.camera is not None:
            full = hypot(1, self.camera.height / self.camera.width)
            for aspect in (4 / 3, 3 / 2):
                if abs(self.camera.width / self.camera.height - aspect) < _SAME_ASPECT * aspect:
                    full = hypot(1, 1 / aspect)
            is_cropped = self.width / self.height > self.camera.width / self.camera.height * (1 + _SAME_ASPECT)
            return self.width * full if is_cropped else own
        is_wide = abs(self.width / self.height - 16 / 9) < _SAME_ASPECT * 16 / 9
        return self.width * 1.25 if is_wide else own


def _positive(value: object) -> float | None:
    found = number(value)
    return found if found is not None and found > 0 else None


def _is_plausible(width: float, focal_px: float, *, narrowest_deg: float = NARROWEST_DEG) -> bool:
    """Whether a focal length gives a view that a lens may have."""
    if not (isfinite(focal_px) and focal_px > 0):
        return False
    return narrowest_deg <= 2 * degrees(atan(width / 2 / focal_px)) <= WIDEST_DEG


def _is_alike(camera: Camera, width: int, height: int) -> bool:
    """Whether a picture has the shape of the camera's full one."""
    return abs(width / height * camera.height / camera.width - 1) < _SAME_ASPECT


def _sees_its_border(lens: Intrinsics) -> bool:
    """Whether the distortion has a direction for everything at the picture's border."""
    import numpy as np

    along = np.linspace(0, 1, 33)
    u = np.concatenate([along, along, np.zeros(33), np.ones(33)]) * lens.width
    v = np.concatenate([np.zeros(33), np.ones(33), along, along]) * lens.height
    x, y = lens.directions(u, v)
    return bool(np.isfinite(x).all() and np.isfinite(y).all())
