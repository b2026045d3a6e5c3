"""What clients send, checked where only this edge can: ids, what was left out, areas (security.md, A3, G8).

The length and content of texts is the services' matter, for every edge alike.

A resolver asks who is there first and reads its arguments second, so that a stranger learns nothing from them.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import strawberry

from ofh.domain import areas
from ofh.domain.errors import bad_input
from ofh.domain.events import EventKind
from ofh.domain.feed import Choice

T = TypeVar("T")


def given(*, clearable: frozenset[str] = frozenset(), **values: Any) -> dict[str, Any]:
    """Those of a mutation's arguments that were not left out.

    Args:
        clearable: the names of those that null clears; elsewhere null is refused.

    Raises:
        HubError: BAD_INPUT, null where it clears nothing.
    """
    kept = {name: value for name, value in values.items() if value is not strawberry.UNSET}
    for name, value in kept.items():
        if value is None and name not in clearable:
            raise bad_input(name, "This cannot be null. Leave it out to keep it as it is.")
    return kept


def chosen(value: T | None, default: T) -> T:
    """An argument, or the default where it was left out or is null."""
    return default if value is None or value is strawberry.UNSET else value


def within(value: int, least: int, most: int, field: str) -> int:
    """A whole number in a range.

    Raises:
        HubError: BAD_INPUT, outside of it.
    """
    if not least <= value <= most:
        raise bad_input(field, f"This must be from {least} to {most}.")
    return value


@strawberry.type(
    description="A rectangle on the map, as it was asked for. Where west is greater than east it reaches across the "
    "antimeridian."
)
class Bounds:
    west: float = strawberry.field(description="Its western side, in degrees east of Greenwich (WGS 84).")
    south: float = strawberry.field(description="Its southern side, in degrees north of the equator.")
    east: float = strawberry.field(description="Its eastern side, in degrees east of Greenwich (WGS 84).")
    north: float = strawberry.field(description="Its northern side, in degrees north of the equator.")

    @classmethod
    def of(cls, area: areas.Area) -> "Bounds":
        """An area as the API shows it."""
        return cls(west=area.west_deg, south=area.south_deg, east=area.east_deg, north=area.north_deg)


@strawberry.input(
    description="A rectangle on the map. Where west is greater than east it reaches across the antimeridian."
)
class Area:
    west: float = strawberry.field(description="Its western side, in degrees east of Greenwich (WGS 84), -180 to 180.")
    south: float = strawberry.field(description="Its southern side, in degrees north of the equator, -90 to 90.")
    east: float = strawberry.field(description="Its eastern side, in degrees east of Greenwich (WGS 84), -180 to 180.")
    north: float = strawberry.field(description="Its northern side, in degrees north of the equator, -90 to 90.")

    def checked(self, field: str) -> areas.Area:
        """The area as the feed takes it.

        Raises:
            HubError: BAD_INPUT, a side that is not on the globe, or south above north.
        """
        for side, limit in (("west", 180), ("south", 90), ("east", 180), ("north", 90)):
            if not -limit <= getattr(self, side) <= limit:
                raise bad_input(f"{field}.{side}", f"This must be from -{limit} to {limit} degrees.")
        if self.south > self.north:
            raise bad_input(f"{field}.south", "South must not lie above north.")
        return areas.Area(west_deg=self.west, south_deg=self.south, east_deg=self.east, north_deg=self.north)


def choice_of(kinds: Sequence[EventKind] | None, area: Area | None) -> Choice:
    """Which events of a feed `kinds` and `area` ask for, each left out, null or given.

    Raises:
        HubError: BAD_INPUT, no area on the globe.
    """
    wanted = chosen(kinds, None)
    return Choice(kinds=None if wanted is None else frozenset(wanted), area=area.checked("area") if area else None)
