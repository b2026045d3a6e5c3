"""What a simulated fleet has done so far."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stats:
    """Counts of a whole fleet, for whoever shows progress."""

    controllers: int = 0
    connected: int = 0
    aircraft: int = 0
    airborne: int = 0
    sent: int = 0
    left_out: int = 0
    """osd samples that were not sent since too many waited for their acknowledgement."""
    accepted_topologies: int = 0
    answered_events: int = 0
    unanswered_events: int = 0
    reconnects: int = 0
    photos_taken: int = 0
    """Files, one for each lens of a shot."""
    photos_uploaded: int = 0
    """…that the hub has, whether it was sent now or had it before."""
    photos_left_out: int = 0
    """…that found no room on a controller."""
    upload_failures: int = 0
    """Steps that had to be begun again."""
    groups_told: int = 0
    """Wayline tasks whose files are through."""
    topologies_fetched: int = 0
    pushes: Counter[str] = field(default_factory=Counter)
    """What came over Pilot's websockets, by its `biz_code`."""
