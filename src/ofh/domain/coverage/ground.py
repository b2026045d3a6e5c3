"""The surface that a photo shows: its elevation at any position, in the datum of the photo's absolute altitude."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Ground(Protocol):
    """A surface. What it does not know of the terrain it has to decide: every position has an elevation."""

    @property
    def post_m(self) -> float | None:
        """How far apart the known elevations are, metres; None where the surface is known everywhere."""
        ...

    def elevations(self, longitudes: "Floats", latitudes: "Floats") -> "Floats":
        """Metres at these positions, in degrees; arrays of one shape. Longitudes may exceed ±180."""
        ...


@dataclass(frozen=True, slots=True)
class FlatGround:
    """A surface parallel to the ellipsoid."""

    elevation: float
    """Metres."""

    @property
    def post_m(self) -> float | None:
        return None

    def elevations(self, longitudes: "Floats", latitudes: "Floats") -> "Floats":
        import numpy as np

        return np.full(np.shape(longitudes), self.elevation)


class ElevationModel(Protocol):
    """Elevations of the terrain above the geoid, where they are known."""

    def elevation(self, longitude: float, latitude: float) -> float | None:
        """Metres at one position; None where the model does not know it."""
        ...

    def around(self, longitude: float, latitude: float, radius_m: float) -> Ground | None:
        """The surface within a distance of a position, the sea being 0; None where too little of it is known."""
        ...


class Geoid(Protocol):
    """How high the geoid is above the ellipsoid."""

    def undulation(self, longitude: float, latitude: float) -> float:
        """Metres."""
        ...


@dataclass(frozen=True, slots=True)
class RaisedGround:
    """A surface in another datum."""

    ground: Ground
    offset: float
    """Metres that its elevations are raised by."""

    @property
    def post_m(self) -> float | None:
        return self.ground.post_m

    def elevations(self, longitudes: "Floats", latitudes: "Floats") -> "Floats":
        return self.ground.elevations(longitudes, latitudes) + self.offset


def elevation_at(ground: Ground, longitude: float, latitude: float) -> float:
    """The surface's elevation at one position, metres."""
    import numpy as np

    return float(ground.elevations(np.array([longitude]), np.array([latitude]))[0])
