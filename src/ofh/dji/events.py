"""Events: what a device says happened. This hub keeps none of it yet; those that want an answer get one.

Older Pilots put an event's name and its body inside `data`: `{"event": "hms", "method": "hms", "output": {…}}`.

Source: DJI Cloud API 1.11.3, topic definition; captures of an M30T (events on the aircraft's topic) and an M3M.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .envelope import Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEvent:
    """One event, in whichever form it came."""

    name: str | None
    """`hms`, `status_code` and the like; None where the message does not say."""
    body: Mapping[str, Any]
    """Foreign JSON: `data`, or `data.output` of the older form."""
    wants_reply: bool
    """Answer with `envelope.events_reply` then, and only then."""


def decode_event(envelope: Envelope) -> DeviceEvent:
    """Read a message of an events topic. Total: there is no event that is not taken."""
    data = envelope.data
    name, body = envelope.method, data
    old_name, output = data.get("event"), data.get("output")
    if type(old_name) is str and type(output) is dict:
        name, body = name or old_name[:255], output
    return DeviceEvent(name=name, body=body, wants_reply=envelope.need_reply)
