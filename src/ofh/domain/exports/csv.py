"""A track as a table (RFC 4180): a header that says the units, then a line for each point.

No cell holds text of anybody's choice, so none can be taken for a formula; an empty cell was never reported.
"""

from collections.abc import Iterator, Sequence

from ofh.domain.tracks import TrackPoint

from .about import About
from .texts import number, time

HEADER = (
    "time_utc",
    "longitude_deg",
    "latitude_deg",
    "height_m_above_wgs84_ellipsoid",
    "elevation_m_above_take_off",
    "heading_deg_from_true_north",
    "horizontal_speed_m_per_s",
    "vertical_speed_m_per_s",
    "battery_percent",
)


class CsvWriter:
    """See `Writer`."""

    def __init__(self, about: About) -> None:
        del about  # a table has no place for it

    def begin(self) -> Iterator[bytes]:
        """See `Writer.begin`."""
        yield (",".join(HEADER) + "\r\n").encode()

    def add(self, points: Sequence[TrackPoint]) -> Iterator[bytes]:
        """See `Writer.add`."""
        yield "".join(map(_line, points)).encode()

    def end(self) -> Iterator[bytes]:
        """See `Writer.end`."""
        return iter(())


def _line(point: TrackPoint) -> str:
    return (
        f"{time(point.time)},{number(point.longitude)},{number(point.latitude)},{number(point.height)},"
        f"{_cell(point.elevation)},{_cell(point.heading)},{_cell(point.horizontal_speed)},"
        f"{_cell(point.vertical_speed)},{_cell(point.battery_percent)}\r\n"
    )


def _cell(value: float | None) -> str:
    return "" if value is None else number(value)
