"""Events as JSON: how they travel on the bus and how the feed keeps them.

The numbered events of one transaction are encoded once, as a *body*: the same bytes go into the feed's rows and into
the message on the bus. An event in a body has no number of its own, the first one's is told beside it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from .devices import Battery, DeviceState, Fix, Property, from_micros, micros, value_from_json, value_to_json
from .events import (
    AlertChanged,
    AlertRuleChanged,
    BatteryReported,
    ControllerPositioned,
    ControllerPresenceChanged,
    CoverageChanged,
    DronePositioned,
    DroneRenamed,
    Event,
    EventKind,
    FeedEvent,
    FlightChanged,
    LinkStepChanged,
    MapChange,
    MapElementChanged,
    MediaAnalysed,
    MediaDeleted,
    MediaUploaded,
    PresenceChanged,
    RowChanged,
    Table,
    TopologyChanged,
)

EMPTY = b"[]"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one transaction made happen in one workspace, as it travels on the bus."""

    first: int = 0
    """The number of its first numbered event; 0 where there are none."""
    last: int = 0
    """That of its last one. In between lie those of kinds that this version does not know, too."""
    at: datetime = NEVER
    """When the numbered ones became visible; never before those of a lower number."""
    numbered: Sequence[FeedEvent] = ()
    others: Sequence[Event] = ()
    """Events that stand in no feed, and so have no number."""

    @property
    def events(self) -> list[Event]:
        """All of them."""
        return [*self.numbered, *self.others]


def encode(events: Iterable[Event]) -> bytes:
    """A message of events that have no number."""
    return compose(0, NEVER, EMPTY, list(events))


def compose(
    first: int, at: datetime, body: bytes, others: Sequence[Event] = (), *, of: Sequence[FeedEvent] = ()
) -> bytes:
    """A message of a body that was made already, and of events without a number.

    Args:
        of: what the body was made of, so that nobody in this process need decode it.
    """
    data = b"[%d,%d,%b,%b]" % (first, micros(at), body, to_body(others))
    return Encoded.of(data, first, at, of, others) if of else data


class Encoded(bytes):
    """The bytes of a message, which still know what they say: a bus within the process hands them on as they are."""

    first: int
    at: datetime
    events: Sequence[FeedEvent]
    others: Sequence[Event]

    @classmethod
    def of(
        cls, data: bytes, first: int, at: datetime, events: Sequence[FeedEvent], others: Sequence[Event]
    ) -> "Encoded":
        """The bytes of these, whose numbers begin with `first`."""
        encoded = cls(data)
        encoded.first, encoded.at, encoded.events, encoded.others = first, at, events, others
        return encoded

    def message(self) -> Message:
        """What they say."""
        numbered = [replace(event, seq=seq) for seq, event in enumerate(self.events, self.first)]
        last = self.first + len(numbered) - 1
        return Message(first=self.first, last=last, at=self.at, numbered=numbered, others=self.others)


def decode(data: bytes) -> Message:
    """The inverse of `compose`. Kinds that this version does not know are left out: processes may differ in version.

    Raises:
        ValueError, TypeError, KeyError, IndexError: this is no message.
    """
    if isinstance(data, Encoded):
        return data.message()
    first, at, numbered, others = orjson.loads(data)
    return Message(
        first=first,
        last=first + len(numbered) - 1 if numbered else 0,
        at=from_micros(at),
        numbered=_numbered(numbered, first),
        others=[event for item in others if (event := _from_json(item)) is not None],
    )


def to_body(events: Iterable[Event]) -> bytes:
    """Events as a body."""
    return orjson.dumps([_to_json(event) for event in events])


def joined(bodies: Sequence[bytes]) -> bytes:
    """The events of several bodies as one; none of them is empty."""
    return bodies[0] if len(bodies) == 1 else b"[%b]" % b",".join(body[1:-1] for body in bodies)


def from_body(body: bytes, first: int, since: int = 0, upto: int | None = None) -> list[FeedEvent]:
    """The inverse of `to_body`, for events of the feed.

    Args:
        first: the number of the body's first event.
        since: events of lower numbers are left out.
        upto: so are those of higher ones; None: there is no end.
    """
    items, begin = orjson.loads(body), max(since - first, 0)
    return _numbered(items[begin : None if upto is None else max(upto + 1 - first, 0)], first + begin)


class Newest:
    """As `conflated` of all events of bodies of the feed, which makes none that another one stands for."""

    def __init__(self) -> None:
        self._items: dict[object, tuple[int, Any]] = {}

    def add(self, body: bytes, first: int, since: int = 0) -> None:
        """Take the events of a body, which come behind those that were taken before.

        Args:
            first, since: see `from_body`.
        """
        begin = max(since - first, 0)
        for seq, item in enumerate(orjson.loads(body)[begin:], first + begin):
            key = (item[0], item[3]) if item and item[0] in _CONFLATED else seq
            self._items.pop(key, None)
            self._items[key] = seq, item

    def events(self) -> list[FeedEvent]:
        """They, in their order."""
        found = (_from_json(item, seq) for seq, item in self._items.values())
        return [event for event in found if isinstance(event, FeedEvent)]


_CONFLATED = ("position", "battery", "controller")
"""What `conflated` keeps the newest of, of each device; as it is called in JSON."""


def _numbered(items: Sequence[Any], first: int) -> list[FeedEvent]:
    events: list[FeedEvent] = []
    for seq, item in enumerate(items, first):
        event = _from_json(item, seq)
        if isinstance(event, FeedEvent):
            events.append(event)
    return events


def _to_json(event: Event) -> list[Any]:
    match event:
        case DronePositioned():
            known = [event.state.to_json(), _place(event.came_from)]
            return ["position", event.workspace_id, micros(event.at), event.drone_id, known]
        case BatteryReported():
            battery = value_to_json(event.battery)
            return ["battery", event.workspace_id, micros(event.at), event.drone_id, battery]
        case ControllerPositioned():
            places = [value_to_json(event.fix), _place(event.came_from)]
            return ["controller", event.workspace_id, micros(event.at), event.remote_controller_id, places]
        case ControllerPresenceChanged():
            controller = event.remote_controller_id
            return ["controller_presence", event.workspace_id, micros(event.at), controller, event.online]
        case TopologyChanged():
            return ["topology", event.workspace_id, micros(event.at), event.gateway_serial, None]
        case MapElementChanged():
            drawn = [event.group_id, event.change, event.element]
            return ["map", event.workspace_id, micros(event.at), event.element_id, drawn]
        case LinkStepChanged():
            return ["link_step", event.workspace_id, micros(event.at), event.connection_id, None]
        case RowChanged():
            return ["row", event.workspace_id, micros(event.at), event.row_id, event.table]
        case PresenceChanged():
            return ["presence", event.workspace_id, micros(event.at), event.drone_id, event.online]
        case DroneRenamed():
            return ["renamed", event.workspace_id, micros(event.at), event.drone_id, None]
        case FlightChanged():
            return ["flight", event.workspace_id, micros(event.at), event.drone_id, [event.flight_id, event.kind]]
        case AlertChanged():
            return ["alert", event.workspace_id, micros(event.at), event.drone_id, [event.alert_id, event.kind]]
        case MediaUploaded():
            return ["media", event.workspace_id, micros(event.at), event.drone_id, [event.media_id, event.flight_id]]
        case MediaAnalysed():
            return ["analysed", event.workspace_id, micros(event.at), event.drone_id, event.media_id]
        case AlertRuleChanged():
            return ["alert_rule", event.workspace_id, micros(event.at), event.rule_id, None]
        case MediaDeleted():
            gone = [event.media_id, event.flight_id]
            return ["media_deleted", event.workspace_id, micros(event.at), event.drone_id, gone]
        case CoverageChanged():
            return ["coverage", event.workspace_id, micros(event.at), event.drone_id, event.media_id]


def _from_json(item: list[Any], seq: int = 0) -> Event | None:
    read = _READ.get(item[0]) if item else None
    if read is None:
        return None
    _, workspace_id, at, subject, body, *_ = item
    return read({"workspace_id": workspace_id, "at": from_micros(at)}, subject, body, seq)


def _position(common: dict[str, Any], drone_id: Any, body: Any, seq: int) -> DronePositioned | None:
    state = DeviceState.from_json(body[0])
    held = state.get(Property.FIX)
    if held is None or not isinstance(held.value, Fix):
        return None
    return DronePositioned(**common, drone_id=drone_id, fix=held.value, state=state, came_from=_fix(body[1]), seq=seq)


def _place(fix: Fix | None) -> Any:
    return None if fix is None else value_to_json(fix)


def _fix(place: Any) -> Fix | None:
    if place is None:
        return None
    fix = value_from_json(Property.FIX, place)
    assert isinstance(fix, Fix)
    return fix


def _battery(body: Any) -> Battery:
    battery = value_from_json(Property.BATTERY, body)
    assert isinstance(battery, Battery)
    return battery


def _controller(common: dict[str, Any], subject: Any, body: Any, seq: int) -> ControllerPositioned:
    fix = _fix(body[0])
    assert fix is not None
    return ControllerPositioned(**common, remote_controller_id=subject, fix=fix, came_from=_fix(body[1]), seq=seq)


def _map(common: dict[str, Any], subject: Any, body: Any, _: int) -> MapElementChanged:
    group_id, change, element = body
    return MapElementChanged(**common, element_id=subject, group_id=group_id, change=MapChange(change), element=element)


def _flight(common: dict[str, Any], drone_id: Any, body: Any, seq: int) -> FlightChanged:
    return FlightChanged(**common, drone_id=drone_id, flight_id=body[0], kind=EventKind(body[1]), seq=seq)


def _alert(common: dict[str, Any], drone_id: Any, body: Any, seq: int) -> AlertChanged:
    return AlertChanged(**common, drone_id=drone_id, alert_id=body[0], kind=EventKind(body[1]), seq=seq)


_READ: dict[str, Callable[[dict[str, Any], Any, Any, int], Event | None]] = {
    "position": _position,
    "battery": lambda common, subject, body, seq: BatteryReported(
        **common, drone_id=subject, battery=_battery(body), seq=seq
    ),
    "controller": _controller,
    "controller_presence": lambda common, subject, body, seq: ControllerPresenceChanged(
        **common, remote_controller_id=subject, online=body, seq=seq
    ),
    "topology": lambda common, subject, body, seq: TopologyChanged(**common, gateway_serial=subject),
    "map": _map,
    "link_step": lambda common, subject, body, seq: LinkStepChanged(**common, connection_id=subject),
    "row": lambda common, subject, body, seq: RowChanged(**common, table=Table(body), row_id=subject),
    "presence": lambda common, subject, body, seq: PresenceChanged(**common, drone_id=subject, online=body, seq=seq),
    "renamed": lambda common, subject, body, seq: DroneRenamed(**common, drone_id=subject, seq=seq),
    "flight": _flight,
    "alert": _alert,
    "media": lambda common, subject, body, seq: MediaUploaded(
        **common, drone_id=subject, media_id=body[0], flight_id=body[1], seq=seq
    ),
    "alert_rule": lambda common, subject, body, seq: AlertRuleChanged(**common, rule_id=subject, seq=seq),
    "media_deleted": lambda common, subject, body, seq: MediaDeleted(
        **common, drone_id=subject, media_id=body[0], flight_id=body[1], seq=seq
    ),
    "analysed": lambda common, subject, body, seq: MediaAnalysed(**common, drone_id=subject, media_id=body, seq=seq),
    "coverage": lambda common, subject, body, seq: CoverageChanged(**common, drone_id=subject, media_id=body, seq=seq),
}
"""How each kind is read, by its name in JSON: what all have, whom it is about, what it says, its number."""
