"""A selection of media in a URL: written for links, read by downloads. Names are those of the GraphQL filter."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import TypeVar

from ofh.domain.areas import Area
from ofh.domain.errors import HubError, bad_input
from ofh.domain.media import Lens, MediaType
from ofh.domain.times import read_time
from ofh.edges.ids import number
from ofh.services.media import MediaFilter

E = TypeVar("E", MediaType, Lens)

NAMES = ("droneId", "flightId", "type", "from", "to", "area", "lens", "ids")

_LOST_PLUS = re.compile(r".*\d \d\d:?\d\d", re.ASCII)


def write(wanted: MediaFilter, ids: Sequence[int] | None) -> dict[str, str]:
    """The parameters that say it."""
    area = wanted.area
    said = {
        "droneId": wanted.drone_id,
        "flightId": wanted.flight_id,
        "type": None if wanted.type is None else wanted.type.value,
        "from": None if wanted.start is None else write_time(wanted.start),
        "to": None if wanted.end is None else write_time(wanted.end),
        "area": None
        if area is None
        else ",".join(repr(side) for side in (area.west_deg, area.south_deg, area.east_deg, area.north_deg)),
        "lens": None if wanted.lens is None else wanted.lens.value,
        "ids": None if ids is None else ",".join(str(number) for number in ids),
    }
    return {name: str(value) for name, value in said.items() if value is not None}


def read(given: Mapping[str, str]) -> tuple[MediaFilter, list[int] | None]:
    """What parameters with these names say.

    Raises:
        HubError: BAD_INPUT.
    """
    ids = [number(part, "ids") for part in given["ids"].split(",")] if "ids" in given else None
    wanted = MediaFilter(
        drone_id=number(given["droneId"], "droneId") if "droneId" in given else None,
        flight_id=number(given["flightId"], "flightId") if "flightId" in given else None,
        type=_one_of("type", given["type"], MediaType) if "type" in given else None,
        start=time_of("from", given["from"]) if "from" in given else None,
        end=time_of("to", given["to"]) if "to" in given else None,
        area=_area(given["area"]) if "area" in given else None,
        lens=_one_of("lens", given["lens"], Lens) if "lens" in given else None,
    )
    return wanted, ids


def write_time(at: datetime) -> str:
    """With `Z` for UTC: a `+` would have to be escaped, and is easily lost when people copy it."""
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def time_of(name: str, text: str) -> datetime:
    """An aware UTC time of its text.

    Raises:
        HubError: BAD_INPUT.
    """
    at = read_time(text)
    if at is not None:
        return at
    if _LOST_PLUS.fullmatch(text):
        raise bad_input(name, "Write the + of an offset as %2B in a URL, or give the time in UTC with Z.")
    raise bad_input(name, "This is no time in ISO 8601 with an offset, such as 2026-05-01T12:00:00Z.")


def _one_of(name: str, text: str, kinds: type[E]) -> E:
    try:
        return kinds(text)
    except ValueError:
        raise bad_input(name, f"Choose one of {', '.join(kinds)}.") from None


def _area(text: str) -> Area:
    parts = text.split(",")
    try:
        west, south, east, north = (float(part) for part in parts)
    except ValueError:
        raise _no_area() from None
    if not all(map(isfinite, (west, south, east, north))):
        raise _no_area()
    if max(abs(west), abs(east)) > 180 or max(abs(south), abs(north)) > 90 or south > north:
        raise _no_area()
    return Area(west_deg=west, south_deg=south, east_deg=east, north_deg=north)


def _no_area() -> HubError:
    return bad_input("area", "An area is its western, southern, eastern and northern side in degrees, with commas.")
