"""Areas on the map."""

from dataclasses import dataclass

from .devices import Fix


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A box of longitudes and latitudes in degrees; with its west greater than its east it crosses the antimeridian."""

    west_deg: float
    south_deg: float
    east_deg: float
    north_deg: float

    def contains(self, fix: Fix) -> bool:
        """Whether a position lies in the box or on its edge."""
        if not self.south_deg <= fix.latitude_deg <= self.north_deg:
            return False
        if self.west_deg <= self.east_deg:
            return self.west_deg <= fix.longitude_deg <= self.east_deg
        return fix.longitude_deg >= self.west_deg or fix.longitude_deg <= self.east_deg
