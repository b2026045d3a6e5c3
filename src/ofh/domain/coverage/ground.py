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


def elevation_at(ground: Ground, longitude: float, latitude: float) -> float:
    """The surface's elevation at one position, metres."""
    import numpy as np

    return float(ground.elevations(np.array([longitude]), np.array([latitude]))[0])
