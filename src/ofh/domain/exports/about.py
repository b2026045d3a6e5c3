"""What is exported, in which formats, and what every writer of a format can do.

A writer takes a track's points once, in order, a few at a time, and gives out bytes as soon as it can: how long the
track is makes no difference to the memory it needs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from ofh.domain.tracks import TrackPoint

GAP = timedelta(seconds=30)
"""A longer silence between two points breaks the line: nobody knows where the drone was meanwhile."""
MAX_LINE = 20_000
"""Points of one unbroken line in the formats whose times stand apart from the positions (GeoJSON, KML): so many are
held in memory. A longer line goes on in a further one, which begins with the last point of the one before."""
HEIGHTS = "Heights are metres above the WGS 84 ellipsoid, not above sea level."
"""Said in every file whose format would otherwise let readers think of sea level."""


Fact = str | int | float | datetime


class ExportFormat(StrEnum):
    """What a track can be written as."""

    GEOJSON = "GEOJSON"
    """RFC 7946."""
    GPX = "GPX"
    """GPX 1.1."""
    KML = "KML"
    """KML 2.2 with Google's gx:Track."""
    CSV = "CSV"
    """RFC 4180, in UTF-8, with a header."""

    @property
    def suffix(self) -> str:
        """How a file of this format ends, without the dot."""
        return self.value.lower()

    @property
    def media_type(self) -> str:
        """The registered media type, with its encoding where it takes one."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    ExportFormat.GEOJSON: "application/geo+json",
    ExportFormat.GPX: "application/gpx+xml; charset=utf-8",
    ExportFormat.KML: "application/vnd.google-earth.kml+xml; charset=utf-8",
    ExportFormat.CSV: "text/csv; charset=utf-8; header=present",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Whose track it is, and of when."""

    serial_number: str
    name: str
    """What people call the drone; empty: its serial number."""
    model: str | None
    start: datetime
    """From when on the points are, inclusive."""
    end: datetime
    """Until when they are, inclusive."""
    flight_id: int | None = None
    """None where it is a span of time, and then nothing of the following is known either."""
    started_at: datetime | None = None
    landed_at: datetime | None = None
    ended_at: datetime | None = None
    distance: float | None = None
    """Metres over ground."""

    @property
    def title(self) -> str:
        """What a map's legend says."""
        called = self.name or self.serial_number
        return called if self.flight_id is None else f"{called}, flight {self.flight_id}"

    def facts(self) -> dict[str, Fact]:
        """What is known, by the names that the API uses; what is not known is left out."""
        found: dict[str, Fact | None] = {
            "droneSerialNumber": self.serial_number,
            "droneName": self.name or self.serial_number,
            "droneModel": self.model,
            "from": self.start,
            "to": self.end,
            "flightId": self.flight_id,
            "startedAt": self.started_at,
            "landedAt": self.landed_at,
            "endedAt": self.ended_at,
            "distance": self.distance,
        }
        return {name: value for name, value in found.items() if value is not None}


class Writer(Protocol):
    """Writes one document; its methods are called in this order, `add` as often as there are points."""

    def begin(self) -> Iterator[bytes]:
        """What stands before all points."""

    def add(self, points: Sequence[TrackPoint]) -> Iterator[bytes]:
        """The next points, in order of time; some of their text may come with later ones."""

    def end(self) -> Iterator[bytes]:
        """What is left, and what stands after all points."""


def is_broken(before: TrackPoint | None, point: TrackPoint) -> bool:
    """Whether no line leads from one point to the next."""
    return before is None or point.time - before.time > GAP
