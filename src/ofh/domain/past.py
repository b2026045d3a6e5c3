"""What the events of a feed come to, as of one of them.

The fold works on events as they are stored (`domain/event_json.py`), without making objects of them: to know how a
workspace stood, thousands are read and a few hundred values are kept. Folding a feed in any portions gives the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from .devices import DeviceState, Property, from_micros
from .events import EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """What of a device is of a past moment."""

    state: DeviceState
    online: bool
    flight_id: int | None = None
    """The flight that it was on, as far as events had told of it."""
    landed_at: datetime | None = None
    """When that had landed, where it had not gone on by then."""


NOTHING = Then(state=DeviceState(), online=False)
"""Of a device that was known and had not said anything."""


@dataclass(slots=True)
class PastState:
    """The devices that events have told of, and the alerts that stand. Each by its id."""

    drones: dict[int, tuple[Mapping[str, Any], bool, int | None]] = field(default_factory=dict)
    """The stored form of its `DeviceState`, whether it is online, and its flight."""
    controllers: dict[int, tuple[Mapping[str, Any], bool]] = field(default_factory=dict)
    """The stored form of its `DeviceState`, which holds a fix alone, and whether it is online."""
    alerts: dict[int, int] = field(default_factory=dict)
    """The drone of each alert that was raised and has not cleared."""
    landed: dict[int, int] = field(default_factory=dict)
    """When the flight of each drone landed whose flight has neither ended nor gone on: microseconds since 1970."""

    def take(self, items: Sequence[Sequence[Any]]) -> None:
        """Let events that come next happen, in their order; kinds that this version does not know change nothing.

        Args:
            items: as they stand in a body.
        """
        for kind, _, at_us, subject, body, *_ in items:
            match kind:
                case "position":
                    _, online, flight = self.drones.get(subject, _NEW)
                    self.drones[subject] = (body[0], online, flight)
                case "battery":
                    state, online, flight = self.drones.get(subject, _NEW)
                    self.drones[subject] = ({**state, Property.BATTERY.value: [at_us, body]}, online, flight)
                case "presence":
                    state, _, flight = self.drones.get(subject, _NEW)
                    self.drones[subject] = (state, bool(body), flight)
                case "flight":
                    state, online, _ = self.drones.get(subject, _NEW)
                    flight = None if body[1] == EventKind.FLIGHT_ENDED else body[0]
                    self.drones[subject] = (state, online, flight)
                    if body[1] == EventKind.FLIGHT_LANDED:
                        self.landed[subject] = at_us
                    else:
                        self.landed.pop(subject, None)
                case "controller":
                    _, online = self.controllers.get(subject, _NEW_CONTROLLER)
                    self.controllers[subject] = ({Property.FIX.value: [at_us, body[0]]}, online)
                case "controller_presence":
                    state, _ = self.controllers.get(subject, _NEW_CONTROLLER)
                    self.controllers[subject] = (state, bool(body))
                case "alert":
                    if body[1] == EventKind.ALERT_RAISED:
                        self.alerts[body[0]] = subject
                    elif body[1] == EventKind.ALERT_CLEARED:
                        self.alerts.pop(body[0], None)

    def take_body(self, body: bytes, begin: int, end: int) -> None:
        """Let events of a body happen: from one index to before another."""
        self.take(orjson.loads(body)[begin:end])

    def drone(self, drone_id: int) -> Then | None:
        """How a drone stood; None where nothing was known of it."""
        found = self.drones.get(drone_id)
        if found is None:
            return None
        state, online, flight = found
        at_us = self.landed.get(drone_id)
        landed_at = None if at_us is None else from_micros(at_us)
        return Then(state=DeviceState.from_json(state), online=online, flight_id=flight, landed_at=landed_at)

    def controller(self, controller_id: int) -> Then | None:
        """How a remote controller stood; None where nothing was known of it."""
        found = self.controllers.get(controller_id)
        return None if found is None else Then(state=DeviceState.from_json(found[0]), online=found[1])

    def to_json(self) -> bytes:
        """The stored form."""
        return orjson.dumps(
            [
                [[id, *held] for id, held in self.drones.items()],
                [[id, *held] for id, held in self.controllers.items()],
                list(self.alerts.items()),
                list(self.landed.items()),
            ]
        )

    @classmethod
    def from_json(cls, stored: bytes) -> "PastState":
        """The inverse of `to_json`."""
        drones, controllers, alerts, *more = orjson.loads(stored)  # of before that was told it has nothing more
        return cls(
            drones={id: (state, online, flight) for id, state, online, flight in drones},
            controllers={id: (state, online) for id, state, online in controllers},
            alerts=dict(alerts),
            landed=dict(more[0]) if more else {},
        )


_NEW: tuple[Mapping[str, Any], bool, int | None] = ({}, False, None)
_NEW_CONTROLLER: tuple[Mapping[str, Any], bool] = ({}, False)
