"""Tracks to write, and what a writer made of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ofh.domain.exports.about import About, Writer
from ofh.domain.tracks import TrackPoint

START = datetime(2026, 5, 1, 12, tzinfo=UTC)

ABOUT = About(
    serial_number="1581F5BKD23200001",
    name='Kestrel <b>"=1+1"</b> & Söhne',
    model="Matrice 30T",
    start=START,
    end=START + timedelta(hours=1),
    flight_id=17,
    started_at=START,
    landed_at=START + timedelta(minutes=50),
    distance=1234.5,
)


def point(at: float, longitude: float = 9.95, latitude: float = 50.49, **more: Any) -> TrackPoint:
    """A fix so many seconds after the start; what is not named was never reported."""
    given: dict[str, Any] = {
        "height": 1000.25,
        "elevation": None,
        "heading": None,
        "horizontal_speed": None,
        "vertical_speed": None,
        "battery_percent": None,
        **more,
    }
    return TrackPoint(time=START + timedelta(seconds=at), longitude=longitude, latitude=latitude, **given)


FLOWN = [
    point(0, 9.95, 50.49, elevation=0.0, heading=0.0, horizontal_speed=0.0, vertical_speed=0.0, battery_percent=100.0),
    point(0.5, 9.950000000000001, 50.4900123, height=-12.5, elevation=-3.5, vertical_speed=-1e-07, heading=359.9),
    point(2.123456, 9.9511, 50.4901, horizontal_speed=12.25, battery_percent=99.5),
    point(32.123456, 1e-05, -1e-06, height=0.0),  # thirty seconds later: the line goes on
    point(70, 9.96, 50.5, heading=180.0),  # alone between two silences
    point(120, 9.97, 50.51),
    point(121, 9.98, 50.52),
]
"""Three lines, of which one is a single fix; every quantity is missing somewhere."""
LINES = [FLOWN[:4], FLOWN[4:5], FLOWN[5:]]


def written(writer: Writer, points: Sequence[TrackPoint], *, at_once: int = 2) -> bytes:
    """The whole document, from points that come a few at a time."""
    pieces = list(writer.begin())
    for first in range(0, len(points), at_once):
        pieces += writer.add(points[first : first + at_once])
    pieces += writer.end()
    return b"".join(pieces)


def long_track(number: int) -> list[TrackPoint]:
    """A track of so many points without a break, a second apart."""
    return [point(at, 9 + at / 1e4, 50 + at / 1e5, height=100 + at / 10, elevation=at / 10) for at in range(number)]
