"""What is seen on one bearing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sector:
    """The visible ground on one bearing, as intervals of distance, nearest to farthest."""

    bearing: float
    """Radians clockwise from true north."""
    visible: list[tuple[float, float]]
    """Metres from and to, in order and apart."""

    @property
    def first(self) -> float:
        return self.visible[0][0]

    @property
    def last(self) -> float:
        return self.visible[-1][1]

    @property
    def gaps(self) -> list[tuple[float, float]]:
        """What is hidden between visible parts."""
        return [(one[1], other[0]) for one, other in zip(self.visible, self.visible[1:], strict=False)]
