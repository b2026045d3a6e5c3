"""What both formats say in the same way: addresses, numbers, and whether a position is one."""

import re
from datetime import datetime
from math import isfinite
from typing import Any

from ofh.domain.traffic import Sighting

METRES_PER_FOOT = 0.3048
MAX_HEIGHT_M = 100_000.0
_ADDRESS = re.compile(r"~?[0-9a-f]{6}")
_NUMBER = re.compile(r"[+-]?\d{1,12}(\.\d{0,20})?", re.ASCII)


def address(text: Any) -> str | None:
    """A 24-bit address in lower-case hexadecimal, one that is not ICAO's with `~` before it; None for anything else."""
    if not isinstance(text, str):
        return None
    found = text.strip().lower()
    return found if _ADDRESS.fullmatch(found) else None


def number(value: Any) -> float | None:
    """A finite number, or text that is one as people write it; None for anything else."""
    if isinstance(value, str):
        text = value.strip()
        return float(text) if _NUMBER.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if isfinite(value) else None


def sighting(
    id: str | None, *, longitude_deg: float | None, latitude_deg: float | None, height_m: float | None, at: datetime
) -> Sighting | None:
    """A sighting, where it is one; an impossible height is left out, (0, 0) is no position."""
    if id is None or longitude_deg is None or latitude_deg is None or (longitude_deg, latitude_deg) == (0, 0):
        return None
    if not -180 <= longitude_deg <= 180 or not -90 <= latitude_deg <= 90:
        return None
    if height_m is not None and abs(height_m) > MAX_HEIGHT_M:
        height_m = None
    return Sighting(id=id, longitude_deg=longitude_deg, latitude_deg=latitude_deg, height_m=height_m, at=at)
