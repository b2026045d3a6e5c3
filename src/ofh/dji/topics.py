"""The topics of DJI's thing model: what a topic is about, and what an account may do with it.

A device's account speaks for the serial numbers bound to it, its controller's and its aircraft's. It may publish what
devices publish and read what is addressed to them, each under these serial numbers only. The exception is the
topology (`…/status`) and its reply: a serial number is bound by the first topology that names it, so everybody may try,
and the hub decides. Nothing is ever allowed by a pattern: a filter with a wildcard is refused.

Source: DJI Cloud API 1.11.3, Pilot to Cloud, MQTT, topic definition; captures of an M30T (events on the aircraft's
topic).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from .errors import DecodeError, Reason


class TopicKind(StrEnum):
    """What a device says on a topic; the value is the topic's ending."""

    STATUS = "status"
    """The topology: who is linked to the controller. Wants an answer."""
    OSD = "osd"
    """Properties pushed at a rate."""
    STATE = "state"
    """Properties pushed on change."""
    EVENTS = "events"
    """Wants an answer where the message says so."""
    REQUESTS = "requests"
    """A question to the cloud. Wants an answer."""
    SERVICES_REPLY = "services_reply"
    PROPERTY_SET_REPLY = "property/set_reply"
    DRC_UP = "drc/up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic that a device published on."""

    kind: TopicKind
    serial: str
    """Of the device that speaks: a controller, or for osd, state, events and some more an aircraft."""
    text: str
    """The topic as it came."""


SUBSCRIPTIONS = (
    "sys/product/+/status",
    "thing/product/+/status",
    "thing/product/+/osd",
    "thing/product/+/state",
    "thing/product/+/events",
    "thing/product/+/requests",
    "thing/product/+/services_reply",
    "thing/product/+/property/set_reply",
)
"""What the hub reads. All that devices publish but `drc/up`: the hub opens no live flight control."""

_REPLIED = frozenset({TopicKind.STATUS, TopicKind.EVENTS, TopicKind.REQUESTS})
_UP = {kind.value: kind for kind in TopicKind}
_STATUS_REPLY = "status_reply"
_DOWN = frozenset(
    {_STATUS_REPLY, "services", "events_reply", "requests_reply", "property/set", "drc/down"},
)
_SERIAL = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_serial(text: str) -> bool:
    """Whether the text can be a serial number: 1 to 64 of A-Z, a-z, 0-9, hyphen and underscore."""
    return _SERIAL.fullmatch(text) is not None


def parse(topic: str) -> Topic:
    """Read the topic of a message that a device published.

    Raises:
        DecodeError: BAD_TOPIC, devices do not publish there, or the serial number is none.
    """
    family, serial, ending = _split(topic)
    kind = _UP.get(ending)
    if kind is None or (family == "sys" and kind is not TopicKind.STATUS):
        raise DecodeError(Reason.BAD_TOPIC, "devices do not publish there")
    return Topic(kind=kind, serial=serial, text=topic)


def reply_topic(topic: Topic) -> str:
    """Where the answer goes: beside the topic that the message came on, whichever of its forms that was.

    Raises:
        ValueError: nothing on this topic is ever answered.
    """
    if topic.kind not in _REPLIED:
        raise ValueError(f"nothing is answered on {topic.kind}")
    return topic.text + "_reply"


def may_publish(topic: str, serials: Collection[str]) -> bool:
    """Whether an account that speaks for these serial numbers may publish there."""
    try:
        parsed = parse(topic)
    except DecodeError:
        return False
    return parsed.kind is TopicKind.STATUS or parsed.serial in serials


def may_subscribe(filter_: str, serials: Collection[str]) -> bool:
    """Whether an account that speaks for these serial numbers may subscribe.

    Only plain topics, no wildcards and no shared subscriptions. The topology's reply may be subscribed to before its
    serial number is bound, since clients subscribe first and announce themselves second; `may_read` has to be asked
    at each delivery.
    """
    try:
        family, serial, ending = _split(filter_)
    except DecodeError:
        return False
    if ending == _STATUS_REPLY:
        return True
    return family == "thing" and ending in _DOWN and serial in serials


def may_read(topic: str, serials: Collection[str]) -> bool:
    """Whether a message on this topic may be delivered to an account that speaks for these serial numbers."""
    try:
        family, serial, ending = _split(topic)
    except DecodeError:
        return False
    return serial in serials and (ending == _STATUS_REPLY or (family == "thing" and ending in _DOWN))


def _split(topic: str) -> tuple[str, str, str]:
    """`thing` or `sys`, the serial number, and the ending. A wildcard is no serial number, so none passes."""
    parts = topic.split("/", 3)
    if len(parts) != 4 or parts[1] != "product" or parts[0] not in ("thing", "sys"):
        raise DecodeError(Reason.BAD_TOPIC, "not a topic of a device")
    family, _, serial, ending = parts
    if _SERIAL.fullmatch(serial) is None:
        raise DecodeError(Reason.BAD_TOPIC, "not a serial number")
    return family, serial, ending
