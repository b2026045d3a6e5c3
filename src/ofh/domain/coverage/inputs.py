"""What is known of a photo before anything is computed: the file's own words, the controller's, and the flight's.

Everything here came from outside. Numbers are read strictly: what is no number, is not finite or is no possible value
counts as absent, and nothing absent is filled with a guess.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any


class NoCoverage(Exception):
    """What a photo shows cannot be known.

    Args:
        reason: a sentence that names what is missing.
        fields: one line for each quantity that is missing or impossible.
    """

    def __init__(self, reason: str, fields: Mapping[str, str]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fields = dict(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """What the aircraft reported within a second of the capture; None where it did not."""

    gimbal_yaw: float | None = None
    """Degrees from true north, clockwise."""
    gimbal_pitch: float | None = None
    """Degrees; 0 is level, -90 straight down."""
    gimbal_roll: float | None = None
    elevation: float | None = None
    """Metres above the take-off point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOff:
    """Where the flight began, which is where the photo's relative altitude counts from."""

    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFacts:
    """All that is known of a photo, or of a video's first frame."""

    exif: Mapping[str, object] = field(default_factory=dict)
    """By the names of the EXIF standard (`Model`, `FocalLength`, `GPSLatitude` …). Numbers may be ints, floats,
    rationals, pairs or texts."""
    xmp: Mapping[str, str] = field(default_factory=dict)
    """DJI's attributes, with or without a prefix (`GimbalYawDegree`, `drone-dji:GimbalYawDegree`)."""
    callback: Mapping[str, Any] | None = None
    """The controller's statement about the upload, as it came."""
    file_name: str | None = None
    width: int | None = None
    """Pixels, as the header of the file says; else EXIF and the statement are asked."""
    height: int | None = None
    telemetry: Telemetry | None = None
    take_off: TakeOff | None = None


# Numbers

_NUMBER = re.compile(r"[+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][+-]?\d{1,3})?", re.ASCII)


def number(value: object) -> float | None:
    """A finite number out of what a file or a controller may have for one; None for anything else.

    Takes ints, floats, texts such as `+00084.10` and `91/10`, pairs, and objects with `numerator` and `denominator`.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if isinstance(value, str):
        return _text_number(value)
    if isinstance(value, tuple | list):
        return _quotient(value[0], value[1]) if len(value) == 2 else number(value[0]) if len(value) == 1 else None
    if hasattr(value, "numerator") and hasattr(value, "denominator"):
        return _quotient(value.numerator, value.denominator)
    return _finite(value)


def _finite(value: object) -> float | None:
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return found if isfinite(found) else None


def _text_number(text: str) -> float | None:
    text = text.strip(" \t\r\n\0")
    if len(text) > 64:
        return None
    above, slash, below = text.partition("/")
    if slash:
        return _quotient(above, below) if _NUMBER.fullmatch(above) and _NUMBER.fullmatch(below) else None
    return _finite(text) if _NUMBER.fullmatch(text) else None


def _quotient(above: object, below: object) -> float | None:
    numerator, denominator = _finite(above), _finite(below)
    if numerator is None or not denominator:
        return None
    return _finite(numerator / denominator)


def bounded(value: object, low: float, high: float) -> float | None:
    """A number within bounds; None for anything else."""
    found = number(value)
    return found if found is not None and low <= found <= high else None


def text(value: object) -> str | None:
    """A text without what pads it; None for anything else, and for an empty one."""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if not isinstance(value, str):
        return None
    return value.strip(" \t\r\n\0") or None


def struct(data: Mapping[str, Any] | None, key: str) -> Mapping[str, Any]:
    """A nested object; empty where there is none."""
    found = (data or {}).get(key)
    return found if isinstance(found, Mapping) else {}


class Xmp:
    """A photo's XMP attributes by their bare names."""

    def __init__(self, attributes: Mapping[str, str]) -> None:
        self.names = frozenset(attributes)
        self._values = {name.rpartition(":")[2]: value for name, value in attributes.items()}

    def text(self, *names: str) -> str | None:
        """The first of these attributes that says something."""
        return next((found for name in names if (found := text(self._values.get(name))) is not None), None)

    def number(self, name: str, low: float = float("-inf"), high: float = float("inf")) -> float | None:
        """An attribute as a number within bounds."""
        return bounded(self._values.get(name), low, high)


def degrees_of(value: object, reference: object, limit: float) -> float | None:
    """An angle of EXIF GPS: degrees, minutes and seconds with the hemisphere's letter, or signed degrees."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) == 3:
        parts = [number(part) for part in value]
        if any(part is None or part < 0 for part in parts) or not text(reference):
            return None
        found: float | None = sum((part or 0) / 60**index for index, part in enumerate(parts))
    else:
        found = number(value)
    letter = (text(reference) or "").upper()[:1]
    if found is None or (letter and letter not in "NSEW"):
        return None
    return bounded(-abs(found) if letter in {"S", "W"} else found, -limit, limit)
