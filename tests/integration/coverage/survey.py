"""Photos whose coverages are rectangles: where they are and how large can be told beforehand."""

from dataclasses import dataclass
from typing import Any

from ofh.domain.covered_ground import shape_of
from ofh.domain.geodesy import offset
from ofh.services.covered_ground import CoveredGround
from ofh.store.models import Coverage, Drone, File, Flight, Media
from tests.support.media import NOW, MediaBench, Place

ORIGIN = (9.93, 50.0)


def rectangle(
    east_m: float, north_m: float, width_m: float, height_m: float, origin: tuple[float, float] = ORIGIN
) -> list[tuple[float, float]]:
    """A closed ring whose south-western corner lies so far from a place."""
    ring = []
    for x, y in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)):
        longitude, latitude = offset(*origin, east_m=east_m + x * width_m, north_m=north_m + y * height_m)
        ring.append((origin[0] + (longitude - origin[0] + 540) % 360 - 180, latitude))
    return ring


@dataclass
class Survey:
    """A workspace with a drone."""

    bench: MediaBench
    place: Place
    drone: Drone
    ground: CoveredGround
    number: int = 0

    @classmethod
    async def of(cls, bench: MediaBench, place: Place | None = None) -> "Survey":
        place = place or await bench.place()
        return cls(bench, place, await cls._drone(place), cls.fresh(bench))

    @staticmethod
    def fresh(bench: MediaBench) -> CoveredGround:
        """The service as another process has it."""
        return CoveredGround(bench.database, bench.access, bench.media)

    @staticmethod
    async def _drone(place: Place) -> Drone:
        return await Drone.create(workspace_id=place.id, serial_number="SN1", type=67, created_at=NOW)

    async def elsewhere(self) -> "Survey":
        """Another workspace, seen by the same services."""
        place = await self.bench.place("South")
        return Survey(self.bench, place, await self._drone(place), self.ground)

    async def photo(
        self,
        ring: list[tuple[float, float]] | None = None,
        *holes: list[tuple[float, float]],
        is_unknown: bool = False,
        **values: Any,
    ) -> Media:
        """A photo that shows what is in a ring; without one it has not been looked at."""
        self.number += 1
        file = await File.create(
            workspace_id=self.place.id,
            name=f"DJI_{self.number:04}_W.JPG",
            object_key=f"photo/{self.place.id}/{self.number}",
            size=4,
            content_type="image/jpeg",
            etag="e",
            created_at=NOW,
        )
        row = await Media.create(
            **{
                "workspace_id": self.place.id,
                "file_id": file.id,
                "drone_id": self.drone.id,
                "type": "PHOTO",
                "created_at": NOW,
                **values,
            }
        )
        if ring is not None or is_unknown:
            await self.look(row, ring, *holes)
        return row

    async def look(
        self, row: Media, ring: list[tuple[float, float]] | None, *holes: list[tuple[float, float]]
    ) -> Coverage:
        """What it shows is known from now on, or known not to be known."""
        await Coverage.filter(media_id=row.id).delete()
        kept = None if ring is None else shape_of(ring, holes)
        sides = {} if kept is None else dict(zip(("west", "south", "east", "north"), kept[1], strict=True))
        return await Coverage.create(
            workspace_id=row.workspace_id,
            media_id=row.id,
            version=1,
            surface="flat",
            missing={"lens": "not known"} if kept is None else None,
            shape=None if kept is None else kept[0],
            created_at=NOW,
            **sides,
        )

    async def flight(self) -> Flight:
        return await Flight.create(
            workspace_id=self.place.id, drone_id=self.drone.id, phase="ended", started_at=NOW, last_at=NOW
        )

    async def area_m2(self, flight: Flight | None = None, ground: CoveredGround | None = None) -> int:
        """Of what a flight or all of the workspace shows, to a hundred square metres."""
        service = ground or self.ground
        found = await (
            service.of_workspace(self.place.member, self.place.id)
            if flight is None
            else service.of_flight(self.place.member, flight.id)
        )
        return round(found.covered.area_m2, -2)  # type: ignore[return-value]
