"""`aircraft.json`, which readsb, dump1090 and tar1090 serve: all aircraft that the receiver has at present.

    {"now": 1780300800.1, "aircraft": [{"hex": "4ca2d6", "lat": 51.45, "lon": -1.02, "seen_pos": 0.4,
     "alt_baro": 37000, "alt_geom": 38125, …}, …]}

`alt_geom` is in feet above the WGS 84 ellipsoid, `alt_baro` by pressure, and `seen_pos` says how many seconds before
`now` the position was received.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from ofh.domain.traffic import Sighting

from .values import METRES_PER_FOOT, address, number, sighting

MAX_AIRCRAFT = 20_000
MAX_AGE_S = 3_600.0
MAX_TIME_S = 4e9
"""The year 2096: no clock is that wrong."""
SAME_CLOCK_S = 2.0
"""A difference of the clocks that changes by less has not changed: answers take their time."""


class NoAircraft(ValueError):
    """This is no `aircraft.json`; the message says why."""


class Reader:
    """Reads one receiver's answers, one after the other.

    Its clock need not be right: what counts is how far ours is ahead of it, and that is held to as long as it stays
    about the same. So how long an answer was on its way does not make an old position look like a newer one.
    """

    def __init__(self) -> None:
        self._told_at_s: float | None = None
        self._ahead_s = 0.0

    def read(self, data: bytes, at: datetime) -> list[Sighting]:
        """The aircraft that have a position; none where the receiver's clock stands still, as it then hears nothing.

        Args:
            at: when the answer came, by our clock.
        Raises:
            NoAircraft: it is none. A single aircraft that cannot be read is left out.
        """
        try:
            document = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise NoAircraft("it is no JSON") from None
        listed = document.get("aircraft") if isinstance(document, dict) else None
        told_at_s = number(document.get("now")) if isinstance(document, dict) else None
        if not isinstance(listed, list) or told_at_s is None or not 0 <= told_at_s <= MAX_TIME_S:
            raise NoAircraft("it has no list of aircraft with a time")
        if told_at_s == self._told_at_s:
            return []
        ahead_s = at.timestamp() - told_at_s
        if self._told_at_s is None or abs(ahead_s - self._ahead_s) > SAME_CLOCK_S:
            self._ahead_s = ahead_s
        self._told_at_s = told_at_s
        then = datetime.fromtimestamp(told_at_s, UTC) + timedelta(seconds=self._ahead_s)
        found = (_sighting(item, then) for item in listed[:MAX_AIRCRAFT])
        return [item for item in found if item is not None]


def _sighting(item: Any, then: datetime) -> Sighting | None:
    if not isinstance(item, dict):
        return None
    age_s = number(item.get("seen_pos"))
    if age_s is None or not 0 <= age_s <= MAX_AGE_S:
        return None
    feet = number(item.get("alt_geom"))
    return sighting(
        address(item.get("hex")),
        longitude_deg=number(item.get("lon")),
        latitude_deg=number(item.get("lat")),
        height_m=None if feet is None else feet * METRES_PER_FOOT,
        at=then - timedelta(seconds=age_s),
    )
