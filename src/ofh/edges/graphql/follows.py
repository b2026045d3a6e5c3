"""What a subscriber of a feed asks for, and where it stands."""

from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from ofh.domain.areas import Area
from ofh.domain.feed import Choice, Delivery
from ofh.services.workspace_feed import WorkspaceFeed


@dataclass(slots=True, kw_only=True)
class Place:
    """Where a reader stands, while that is not where its group does."""

    seq: int | None = None
    """It has all up to this number; None: nothing."""
    is_claim: bool = False
    """The number is a client's word."""
    told: int | None = None
    """The last number that it was told, while it is brought up; None: not one yet."""
    searches: bool = False
    """It wanted next to nothing of what was last looked through for it."""
    tells_caught_up: bool = False
    """It is to be told once it has all."""
    wants_snapshot: bool = False
    gap: str | None = None
    """Why what lies before the Snapshot may be missing."""
    area: Area | None = None
    """Where it has moved to; None: nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """What the resolver of `fleet` yields, once, in the place of events."""

    key: Hashable
    """What is followed, beside `choice` and the pace."""
    open: Callable[[], AbstractAsyncContextManager[WorkspaceFeed]]
    """Called once per group."""
    scope: Hashable
    """All that nested permissions may depend on: `(workspace_id, role)`; never the user."""
    workspace_id: int
    """The reader's part ends with the right to this workspace."""
    show: Callable[[Any], Any]
    """Turns an event into what the schema's type is resolved from."""
    choice: Choice
    delivery: Delivery
    interval: timedelta
    """With LATEST, at most one batch in this time; zero: everything at once."""
    place: Place = field(default_factory=Place)
    """Where this reader begins; its own."""
    view: str | None = None
    """The name by which this reader moves its area; its own."""

    def moved(self, area: Area) -> "Follow":
        """The same within another area."""
        return replace(self, choice=replace(self.choice, area=area))

    @property
    def shared_key(self) -> Hashable:
        """Equal for those who want the same."""
        return (self.key, self.choice, self.delivery, self.interval, self.scope)


def area_of(words: Mapping[str, Any]) -> Area | None:
    """The area that a view is moved to, out of the words by which it is steered; None where they make no sense."""
    try:
        west, south, east, north = (float(side) for side in words["area"])
    except (KeyError, TypeError, ValueError):
        return None
    return Area(west_deg=west, south_deg=south, east_deg=east, north_deg=north)
