"""What controllers draw on the map that they share: points, lines and polygons as GeoJSON features.

What they send is passed on to the other controllers, so it is checked here: one of the three geometries, finite, on the
globe. Numbers that came as text leave as numbers, since controllers are strict about what they receive; what else a
feature has is kept as it is.

Source: DJI Cloud API 1.11.3, Pilot to Cloud, HTTPS, map elements; RFC 7946.
"""

import math
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from .errors import HubError, bad_input

MAX_POSITIONS = 4_000
"""Of one element."""
MAX_HEIGHT_M = 100_000.0
_FIELD = "content"


class ElementType(IntEnum):
    """DJI's number of a geometry."""

    POINT = 0
    LINE = 1
    POLYGON = 2


class GroupType(IntEnum):
    """DJI's number of a layer's kind."""

    CUSTOM = 0
    DEFAULT = 1
    SHARED = 2
    """Shared with Pilot: without one of these, Pilot cannot draw anything."""


_GEOMETRIES = {"Point": ElementType.POINT, "LineString": ElementType.LINE, "Polygon": ElementType.POLYGON}


def check_feature(value: Any) -> tuple[ElementType, dict[str, Any]]:
    """A feature as it may be kept and passed on, and the type of its geometry.

    Raises:
        HubError: BAD_INPUT.
    """
    if not isinstance(value, Mapping):
        raise bad_input(_FIELD, "This is no GeoJSON feature.")
    if value.get("type", "Feature") != "Feature":
        raise bad_input(_FIELD, "This is no GeoJSON feature: its type is another.")
    geometry, properties = value.get("geometry"), value.get("properties")
    if not isinstance(geometry, Mapping):
        raise bad_input(_FIELD, "This feature has no geometry.")
    if not isinstance(properties, Mapping | None):
        raise bad_input(_FIELD, "The properties of this feature are no object.")
    name = geometry.get("type")
    kind = _GEOMETRIES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise bad_input(_FIELD, "The geometry is none of Point, LineString and Polygon.")
    coordinates = _coordinates(kind, geometry.get("coordinates"))
    if _has_null(value):
        raise bad_input(_FIELD, "A text in this feature has the character U+0000.")
    return kind, {
        **value,
        "type": "Feature",
        "properties": dict(properties or {}),
        "geometry": {**geometry, "coordinates": coordinates},
    }


def _has_null(value: Any) -> bool:
    """Whether any text in it has U+0000, which not every database can keep."""
    match value:
        case str():
            return "\0" in value
        case Mapping():
            return any(_has_null(name) or _has_null(item) for name, item in value.items())
        case list():
            return any(_has_null(item) for item in value)
        case _:
            return False


def _coordinates(kind: ElementType, value: Any) -> list[Any]:
    match kind:
        case ElementType.POINT:
            return _position(value)
        case ElementType.LINE:
            return _positions(value, 2)
        case ElementType.POLYGON:
            if not isinstance(value, list) or not value:
                raise bad_input(_FIELD, "A polygon is a list of rings.")
            if sum(len(ring) for ring in value if isinstance(ring, list)) > MAX_POSITIONS:
                raise _too_many()
            # Pilot is not known to close its rings, so three positions will do.
            return [_positions(ring, 3) for ring in value]


def _positions(value: Any, least: int) -> list[list[float]]:
    if not isinstance(value, list) or len(value) < least:
        raise bad_input(_FIELD, f"At least {least} positions are needed.")
    if len(value) > MAX_POSITIONS:
        raise _too_many()
    return [_position(item) for item in value]


def _position(value: Any) -> list[float]:
    if not isinstance(value, list) or len(value) not in (2, 3):
        raise bad_input(_FIELD, "A position is a list of longitude, latitude and, if known, height.")
    return [_number(item, limit) for item, limit in zip(value, (180.0, 90.0, MAX_HEIGHT_M), strict=False)]


def _number(value: Any, limit: float) -> float:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        raise bad_input(_FIELD, "A coordinate is no number.") from None
    if not math.isfinite(number) or abs(number) > limit:
        raise bad_input(_FIELD, "A position is not on the globe.")
    return number


def _too_many() -> HubError:
    return bad_input(_FIELD, f"An element has at most {MAX_POSITIONS} positions.")
