"""Traffic: where other aircraft are, whoever has told of them, and the circles in which people ask for it.

Several receivers hear the same aircraft, and one that is gone is told of by nobody: so what is known of an aircraft is
its newest sighting, for as long as that is young.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import isfinite
from typing import Protocol

from .areas import Area
from .devices import Fix
from .geodesy import distance_m
from .neighbours import Grid, boxes_around

MAX_RADIUS_M = 20_037_508.0
"""Half the way around the Earth: a circle about everything."""
GRID_M = 25_000.0
"""The size of the cells in which aircraft are looked for."""
GRID_BOX_DEG = 5.0
GRID_RADIUS_M = 250_000.0
"""Of a larger circle, or box, so many cells would be looked at that it is quicker to look at all aircraft."""

SAME_MOMENT = timedelta(seconds=1)
"""Two sightings at the same place that lie no further apart may be the same one, told twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Where an aircraft was at one moment."""

    id: str
    """An ICAO address in lower-case hexadecimal (with `~` before it where it is none of ICAO's), or a shared drone's
    name, which tells nothing of it."""
    longitude_deg: float
    latitude_deg: float
    height_m: float | None
    """Above the WGS 84 ellipsoid; None where all that is known is a pressure altitude, or nothing."""
    at: datetime
    """UTC."""
    workspace_id: int | None = None
    """Whose drone it is; None for what a receiver heard. It never leaves the hub."""


class Place(Protocol):
    """Where somebody asks for traffic."""

    def covers(self, sighting: Sighting) -> bool:
        """Whether the aircraft was in it."""

    def boxes(self) -> Sequence[Area] | None:
        """Boxes around it that are quickly looked through; None: it is too large for that."""

    def nearness(self, sighting: Sighting) -> float:
        """What to sort by where there is too much: the least first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """All that is within a distance over ground of a point."""

    longitude_deg: float
    latitude_deg: float
    radius_m: float

    @property
    def is_sound(self) -> bool:
        """Whether there is such a circle."""
        return (
            -180 <= self.longitude_deg <= 180
            and -90 <= self.latitude_deg <= 90
            and isfinite(self.radius_m)
            and 0 < self.radius_m <= MAX_RADIUS_M
        )

    def covers(self, sighting: Sighting) -> bool:
        """See `Place`."""
        return self.nearness(sighting) <= self.radius_m

    def boxes(self) -> Sequence[Area] | None:
        """See `Place`."""
        if self.radius_m > GRID_RADIUS_M:
            return None
        return boxes_around(
            Fix(longitude_deg=self.longitude_deg, latitude_deg=self.latitude_deg, height_m=0.0), self.radius_m
        )

    def nearness(self, sighting: Sighting) -> float:
        """The distance over ground, metres."""
        return distance_m(self.longitude_deg, self.latitude_deg, sighting.longitude_deg, sighting.latitude_deg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """All that is within an area."""

    area: Area

    def covers(self, sighting: Sighting) -> bool:
        """See `Place`."""
        return self.area.contains(_fix(sighting))

    def boxes(self) -> Sequence[Area] | None:
        """See `Place`."""
        area = self.area
        width = (area.east_deg - area.west_deg) % 360
        if width > GRID_BOX_DEG or area.north_deg - area.south_deg > GRID_BOX_DEG:
            return None
        if area.west_deg <= area.east_deg:
            return [area]
        return [replace(area, east_deg=180.0), replace(area, west_deg=-180.0)]

    def nearness(self, sighting: Sighting) -> float:
        """The distance over ground from its middle, metres."""
        area = self.area
        middle = area.west_deg + (area.east_deg - area.west_deg) % 360 / 2
        return distance_m(
            (middle + 540) % 360 - 180,
            (area.south_deg + area.north_deg) / 2,
            sighting.longitude_deg,
            sighting.latitude_deg,
        )


def _fix(sighting: Sighting) -> Fix:
    return Fix(longitude_deg=sighting.longitude_deg, latitude_deg=sighting.latitude_deg, height_m=0.0)


class Index:
    """Sightings, to be found by place."""

    def __init__(self, sightings: Iterable[Sighting]) -> None:
        self._all = list(sightings)
        self._grid: Grid[Sighting] | None = None

    def within(self, place: Place, most: int) -> list[Sighting]:
        """What is in a place; of more than `most`, the nearest."""
        boxes = place.boxes()
        candidates = self._all if boxes is None else self._cells().inside(boxes)
        found = [sighting for sighting in candidates if place.covers(sighting)]
        if len(found) > most:
            found = sorted(found, key=place.nearness)[:most]
        return found

    def _cells(self) -> Grid[Sighting]:
        if self._grid is None:
            self._grid = Grid(GRID_M)
            for sighting in self._all:
                self._grid.add(_fix(sighting), sighting)
        return self._grid


class Picture:
    """The newest sighting of each aircraft.

    Args:
        lifetime: how long an aircraft is believed in of which nothing more is heard.
        most: aircraft that are kept; further ones are not taken.
    """

    def __init__(self, lifetime: timedelta, most: int) -> None:
        self._lifetime = lifetime
        self._most = most
        self._held: dict[str, Sighting] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Sighting]:
        return iter(self._held.values())

    def take(self, sighting: Sighting, now: datetime) -> bool:
        """Note a sighting; False where it tells nothing newer, is too old, or there is no room for one more."""
        if sighting.at <= now - self._lifetime:
            return False
        held = self._held.get(sighting.id)
        if held is None and len(self._held) >= self._most:
            return False
        if held is not None and not _is_news(sighting, held):
            return False
        self._held[sighting.id] = sighting
        return True

    def expire(self, now: datetime) -> None:
        """Forget aircraft of which nothing was heard for long."""
        earliest = now - self._lifetime
        self._held = {id: held for id, held in self._held.items() if held.at > earliest}

    def forget(self, workspace_id: int) -> None:
        """Forget the drones of a workspace."""
        self._held = {id: held for id, held in self._held.items() if held.workspace_id != workspace_id}


def _is_news(sighting: Sighting, held: Sighting) -> bool:
    """Whether it is newer: by more than clocks differ where nothing else has changed."""
    is_same = (sighting.longitude_deg, sighting.latitude_deg, sighting.height_m) == (
        held.longitude_deg,
        held.latitude_deg,
        held.height_m,
    )
    return sighting.at > held.at + (SAME_MOMENT if is_same else timedelta(0))
