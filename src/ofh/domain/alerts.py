"""What a workspace may be warned of, and when a warning stands.

An alert is a state, not a moment: for each rule and drone (each pair of drones for PROXIMITY) it stands or does not.
`holds` and `holds_between` say which, from what is measured now and from whether it stood before: between the
threshold and the margin behind it nothing changes (hysteresis), and so it is where nothing can be known, as of a drone
whose link is lost. Nothing here remembers or looks at a clock, so any process may judge next.

Units: percent for charges, metres for heights and distances.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import hypot, isfinite
from typing import Any

from .devices import Battery, Fix
from .errors import bad_input
from .flights import Phase
from .geodesy import distance_m
from .outlines import Outline
from .reasons import Reason


class AlertKind(StrEnum):
    """What is warned of."""

    LOW_BATTERY = "LOW_BATTERY"
    LINK_LOST = "LINK_LOST"
    AREA = "AREA"
    HEIGHT = "HEIGHT"
    PROXIMITY = "PROXIMITY"


IN_FLIGHT = frozenset({Phase.AIRBORNE, Phase.LOST})

FRESH = timedelta(seconds=60)
"""An older charge or position says nothing about now: batteries are exchanged while a drone is off."""
SAME_MOMENT = timedelta(seconds=10)
"""How far apart in time the fixes of two drones may be for a distance between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One condition that a workspace wants to be warned of."""

    id: int
    workspace_id: int
    kind: AlertKind
    name: str
    threshold: float | None
    """LOW_BATTERY: percent, at or below it is low. HEIGHT: metres above take-off, more is too high. PROXIMITY: metres
    between two drones, less is too close. None for the others."""
    margin: float | None
    """How far back beyond the threshold clears again, in its unit; AREA: metres back over the outline. None for
    LINK_LOST."""
    outline: Outline | None = None
    """For AREA."""
    on_enter: bool = False
    """For AREA: whether being inside is what to warn of (a no-fly zone); else being outside (a geofence)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A drone at the moment it is judged."""

    drone_id: int
    workspace_id: int
    name: str
    """What people call it, else its serial number."""
    at: datetime
    """Time of its newest report, or of the sweep."""
    fix: Fix | None
    """The newest."""
    fix_at: datetime | None
    elevation_m: float | None
    """Above take-off."""
    battery: Battery | None
    phase: str
    """A `Phase`."""
    flight_id: int | None
    """Its open flight."""
    battery_at: datetime | None = None
    """When the charge was reported; None: with what it is judged for."""
    online: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What a number of a rule may be."""

    default: float
    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a kind of rule is made of."""

    threshold: Range | None = None
    margin: Range | None = None
    has_area: bool = False


TERMS: Mapping[AlertKind, Terms] = {
    AlertKind.LOW_BATTERY: Terms(
        threshold=Range(default=25, least=1, most=99), margin=Range(default=5, least=0, most=99)
    ),
    AlertKind.LINK_LOST: Terms(),
    AlertKind.AREA: Terms(margin=Range(default=10, least=0, most=1_000), has_area=True),
    AlertKind.HEIGHT: Terms(
        # The limit of the European Union's open category: Implementing Regulation (EU) 2019/947, UAS.OPEN.010.
        threshold=Range(default=120, least=1, most=10_000),
        margin=Range(default=5, least=0, most=1_000),
    ),
    AlertKind.PROXIMITY: Terms(
        threshold=Range(default=20, least=1, most=1_000), margin=Range(default=10, least=0, most=1_000)
    ),
}

DEFAULTS: Mapping[AlertKind, str] = {
    AlertKind.LOW_BATTERY: "Low battery",
    AlertKind.LINK_LOST: "Link lost in flight",
    AlertKind.HEIGHT: "Height limit",
    AlertKind.PROXIMITY: "Drones too close",
}
"""The rules that a new workspace has, with their names; their numbers are those of `TERMS`."""
DEFAULTS_ELSEWHERE: Mapping[str, Mapping[AlertKind, str]] = {
    "de": {
        AlertKind.LOW_BATTERY: "Akku schwach",
        AlertKind.LINK_LOST: "Verbindung im Flug verloren",
        AlertKind.HEIGHT: "Höhengrenze",
        AlertKind.PROXIMITY: "Fluggeräte zu nah beieinander",
    },
}
"""Their names in other languages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The numbers of a rule, and which way round its area counts."""

    threshold: float | None
    margin: float | None
    on_enter: bool | None


def defaults_in(locale: str | None) -> Mapping[AlertKind, str]:
    """The rules that a new workspace has, named in a language (BCP 47), or in English."""
    return DEFAULTS_ELSEWHERE.get((locale or "").partition("-")[0].lower(), DEFAULTS)


def check_values(kind: AlertKind, values: Values, *, has_area: bool) -> Values:
    """The values of a rule, with the defaults of its kind for the numbers that are None.

    Raises:
        HubError: BAD_INPUT: out of range, together without sense, missing, or nothing that this kind of rule has.
    """
    terms = TERMS[kind]
    threshold = _in_range("threshold", terms.threshold, values.threshold)
    margin = _in_range("margin", terms.margin, values.margin)
    if terms.has_area != has_area:
        raise bad_input("area", _needs(terms.has_area))
    if terms.has_area != (values.on_enter is not None):
        raise bad_input("on_enter", _needs(terms.has_area))
    if threshold is not None and margin is not None:
        if kind is AlertKind.LOW_BATTERY and threshold + margin > 100:
            raise bad_input("margin", Reason.BATTERY_OVER_FULL)
        if kind is AlertKind.HEIGHT and margin > threshold:
            raise bad_input("margin", Reason.MARGIN_OVER_THRESHOLD)
    return Values(threshold=threshold, margin=margin, on_enter=values.on_enter)


def holds(rule: Rule, subject: Subject, *, was_open: bool) -> bool:
    """Whether an alert about one drone stands now, for every kind but PROXIMITY.

    Args:
        was_open: whether it stood until now.
    """
    match rule.kind:
        case AlertKind.LOW_BATTERY:
            return _is_low(rule, subject, was_open)
        case AlertKind.LINK_LOST:
            return subject.phase == Phase.LOST
        case AlertKind.HEIGHT:
            return _is_high(rule, subject, was_open)
        case AlertKind.AREA:
            return _is_astray(rule, subject, was_open)
        case AlertKind.PROXIMITY:
            raise ValueError("this rule is about two drones")


def holds_between(rule: Rule, one: Subject, other: Subject, *, was_open: bool) -> bool:
    """Whether a PROXIMITY alert about two drones stands now."""
    assert rule.threshold is not None
    assert rule.margin is not None
    if one.phase not in IN_FLIGHT or other.phase not in IN_FLIGHT:
        return False
    distance = distance_between(one, other)
    if one.phase == Phase.LOST or other.phase == Phase.LOST or distance is None:
        return was_open
    return distance < rule.threshold + (rule.margin if was_open else 0)


def distance_between(one: Subject, other: Subject) -> float | None:
    """Metres through the air between two drones; None where their fixes are not of the same moment."""
    if one.fix is None or other.fix is None or one.fix_at is None or other.fix_at is None:
        return None
    if abs(one.fix_at - other.fix_at) > SAME_MOMENT:
        return None
    ground = distance_m(one.fix.longitude_deg, one.fix.latitude_deg, other.fix.longitude_deg, other.fix.latitude_deg)
    return hypot(ground, one.fix.height_m - other.fix.height_m)


def open_key(rule_id: int, *drone_ids: int) -> str:
    """What stands once at most: the rule and the drones, in the order of their ids."""
    return ":".join(str(number) for number in (rule_id, *sorted(drone_ids)))


def message(rule: Rule, subject: Subject, other: Subject | None = None) -> str:
    """What is wrong, in one sentence."""
    name = _short(subject.name)
    match rule.kind:
        case AlertKind.LOW_BATTERY:
            charge = subject.battery.capacity_percent if subject.battery else 0.0
            return f"The battery of {name} is down to {_number(charge)} % (threshold {_number(rule.threshold)} %)."
        case AlertKind.LINK_LOST:
            return f"The link to {name} was lost in flight."
        case AlertKind.HEIGHT:
            elevation = _number(subject.elevation_m)
            return f"{name} is {elevation} m above its take-off point (limit {_number(rule.threshold)} m)."
        case AlertKind.AREA:
            return f"{name} is {'inside' if rule.on_enter else 'outside'} the area {_short(rule.name)}."
        case AlertKind.PROXIMITY:
            assert other is not None
            distance = _number(distance_between(subject, other))
            return f"{name} and {_short(other.name)} are {distance} m apart (limit {_number(rule.threshold)} m)."


def evidence(rule: Rule, subject: Subject, other: Subject | None = None) -> dict[str, Any]:
    """What was measured, and what the rule said, as JSON; spelt as in the API, with its units."""
    found: dict[str, Any] = {
        "at": subject.at.isoformat(),
        "drone": _measured(subject),
        "rule": {
            "id": str(rule.id),
            "kind": rule.kind.value,
            "name": rule.name,
            "threshold": rule.threshold,
            "margin": rule.margin,
        },
    }
    if rule.outline is not None:
        corners = [{"longitude": longitude, "latitude": latitude} for longitude, latitude in rule.outline.corners]
        found["rule"] |= {"area": corners, "onEnter": rule.on_enter}
    if other is not None:
        found["otherDrone"] = _measured(other)
        found["distance"] = distance_between(subject, other)
    return found


_SHORT = 80
"""Characters of a name that a message shows; two of them and the words around fit into its column."""


def _is_low(rule: Rule, subject: Subject, was_open: bool) -> bool:
    """On the ground too, as long as the drone is on: whoever is about to take off wants to know."""
    if not subject.online and subject.phase not in IN_FLIGHT:
        return False
    battery = subject.battery
    if battery is None or (subject.battery_at is not None and subject.at - subject.battery_at > FRESH):
        return was_open
    assert rule.threshold is not None
    assert rule.margin is not None
    if battery.capacity_percent <= rule.threshold:
        return True
    return was_open and battery.capacity_percent < rule.threshold + rule.margin


def _is_high(rule: Rule, subject: Subject, was_open: bool) -> bool:
    if subject.phase not in IN_FLIGHT:
        return False
    if subject.phase == Phase.LOST or subject.elevation_m is None:
        return was_open
    assert rule.threshold is not None
    assert rule.margin is not None
    return subject.elevation_m > rule.threshold - (rule.margin if was_open else 0)


def _is_astray(rule: Rule, subject: Subject, was_open: bool) -> bool:
    if subject.phase not in IN_FLIGHT:
        return False
    fix, at = subject.fix, subject.fix_at
    if subject.phase == Phase.LOST or fix is None or at is None or subject.at - at > FRESH:
        return was_open
    assert rule.outline is not None
    assert rule.margin is not None
    if rule.outline.contains(fix) == rule.on_enter:
        return True
    return was_open and rule.outline.distance_m(fix) < rule.margin


def _in_range(field: str, taken: Range | None, value: float | None) -> float | None:
    if taken is None:
        if value is not None:
            raise bad_input(field, f"This kind of rule has no {field}.")
        return None
    if value is None:
        return taken.default
    if not isfinite(value) or not taken.least <= value <= taken.most:
        raise bad_input(field, Reason.OUT_OF_RANGE, least=taken.least, most=taken.most)
    return value


def _needs(has_area: bool) -> str:
    if has_area:
        return "A rule of the kind AREA needs an area, and whether entering it is what to warn of."
    return "Only a rule of the kind AREA has this."


def _measured(subject: Subject) -> dict[str, Any]:
    """What was known of a drone."""
    position = charge = None
    if (fix := subject.fix) is not None:
        position = {
            "longitude": fix.longitude_deg,
            "latitude": fix.latitude_deg,
            "height": fix.height_m,
            "reportedAt": subject.fix_at and subject.fix_at.isoformat(),
        }
    if (battery := subject.battery) is not None:
        charge = {
            "capacityPercentLeft": battery.capacity_percent,
            "reportedAt": subject.battery_at and subject.battery_at.isoformat(),
        }
    return {
        "id": str(subject.drone_id),
        "name": subject.name,
        "phase": str(subject.phase),
        "position": position,
        "elevation": subject.elevation_m,
        "battery": charge,
    }


def _short(name: str) -> str:
    return name if len(name) <= _SHORT else name[: _SHORT - 1] + "…"


def _number(value: float | None) -> str:
    """To one decimal, without a zero behind the point."""
    return f"{value or 0.0:.1f}".removesuffix(".0")
