"""SBS-1, the text that BaseStation, dump1090 and readsb serve on port 30003: a line of 22 fields for each message.

    MSG,3,1,1,4CA2D6,1,2026/06/01,08:00:00.000,2026/06/01,08:00:00.010,,37000,,,51.45735,-1.02826,,,0,0,0,0

Positions alone are read. The line's own times are in the receiver's local time, of which nobody knows the zone; so a
position is one of the moment at which it was read.
"""

from datetime import datetime

from ofh.domain.traffic import Sighting

from .values import METRES_PER_FOOT, address, number, sighting

KIND, ADDRESS, ALTITUDE, LATITUDE, LONGITUDE = 0, 4, 11, 14, 15
FIELDS = 16
"""A line with fewer has no position; later ones are of no matter."""
MAX_LINE_BYTES = 1_024


def read_line(line: bytes, at: datetime) -> Sighting | None:
    """The position that a line tells; None where it tells none, or is no such line.

    The altitude is by pressure, and so no height above the ellipsoid; where it ends in `H`, as dump1090 and readsb
    write it when they are told to (`--gnss`), it is one, in feet.
    """
    if len(line) > MAX_LINE_BYTES:
        return None
    fields = line.decode("latin-1").strip().split(",")
    if len(fields) < FIELDS or fields[KIND] != "MSG":
        return None
    altitude = fields[ALTITUDE].strip()
    feet = number(altitude[:-1]) if altitude.endswith("H") else None
    return sighting(
        address(fields[ADDRESS]),
        longitude_deg=number(fields[LONGITUDE]),
        latitude_deg=number(fields[LATITUDE]),
        height_m=None if feet is None else feet * METRES_PER_FOOT,
        at=at,
    )


class Lines:
    """Cuts what comes over a connection into lines, and never keeps more than one of them."""

    def __init__(self) -> None:
        self._rest = b""
        self._skips = False
        """Within a line that is too long: the rest of it is dropped."""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now."""
        *whole, rest = (self._rest + data).split(b"\n")
        if whole and self._skips:
            del whole[0]
            self._skips = False
        if len(rest) > MAX_LINE_BYTES or self._skips:
            rest, self._skips = b"", True
        self._rest = rest
        return whole
