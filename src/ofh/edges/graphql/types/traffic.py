"""Aircraft of others: what anybody may know of them, and nothing of any workspace."""

from datetime import datetime

import strawberry

from ofh.domain.traffic import Sighting


@strawberry.type(description="An aircraft of others, where it was last seen.")
class TrafficAircraft:
    id: strawberry.ID = strawberry.field(
        description="Its ICAO address in hexadecimal, with `~` before it where it is none of ICAO's; of a shared drone "
        "a name that is another one every day and tells nothing of it."
    )
    longitude: float = strawberry.field(description="Degrees east of Greenwich (WGS 84), -180 to 180.")
    latitude: float = strawberry.field(description="Degrees north of the equator, -90 to 90.")
    height: float | None = strawberry.field(
        description="Metres above the WGS 84 ellipsoid; null where only a pressure altitude is known, or nothing."
    )
    reported_at: datetime = strawberry.field(description="When it was there.")

    @classmethod
    def of(cls, sighting: Sighting) -> "TrafficAircraft":
        """What of a sighting goes out: all but whose drone it is."""
        return cls(
            id=strawberry.ID(sighting.id),
            longitude=sighting.longitude_deg,
            latitude=sighting.latitude_deg,
            height=sighting.height_m,
            reported_at=sighting.at,
        )
