"""What is seen on one bearing."""

from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Sector:
    """The visible ground on one bearing, as intervals of distance, nearest to farthest."""

    bearing: float
    """Radians clockwise from true north."""
    visible: list[tuple[float, float]]
    """Metres from and to, in order and apart."""
    outside: list[tuple[float, float]] = field(default_factory=list)
    """What between visible parts is not in the picture's frame, whose sides a lens' distortion may bend inwards."""

    @property
    def first(self) -> float:
        return self.visible[0][0]

    @property
    def last(self) -> float:
        return self.visible[-1][1]

    @property
    def gaps(self) -> list[tuple[float, float]]:
        """What is hidden between visible parts."""
        found = [(one[1], other[0]) for one, other in pairwise(self.visible)]
        return [gap for gap in found if gap not in self.outside] if self.outside else found


def outside_of(openings: list[list[tuple[float, float]]]) -> list[tuple[float, float]]:
    """What is outside of the frame between what is seen through each of its openings on a bearing, in order."""
    seen = [visible for visible in openings if visible]
    return [(one[-1][1], other[0][0]) for one, other in pairwise(seen) if one[-1][1] < other[0][0]]
