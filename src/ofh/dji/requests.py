"""Requests: questions of a device to the cloud. A device that gets no answer may wait 40 s, so each gets one.

Source: DJI Cloud API 1.11.3, dock pages (requests are documented for docks only) and faq.
"""

from dataclasses import dataclass
from enum import StrEnum

from .envelope import Envelope

UNANSWERABLE = 1
"""The result for what the hub cannot answer; any number but 0 says so."""


class RequestKind(StrEnum):
    """What is asked for."""

    STORAGE_CONFIG = "storage_config"
    """Credentials for the object storage; the answer's `output` is the caller's to give."""
    NOTHING_TO_GIVE = "nothing_to_give"
    """A list that this hub keeps none of: an answer without output lets the device go on."""
    UNKNOWN = "unknown"


_KINDS = {
    "storage_config_get": RequestKind.STORAGE_CONFIG,
    "flight_areas_get": RequestKind.NOTHING_TO_GIVE,
    "offline_map_get": RequestKind.NOTHING_TO_GIVE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A question that wants an answer by `envelope.requests_reply`."""

    kind: RequestKind
    result: int
    """What to answer where there is no output to give."""


def decode_request(envelope: Envelope) -> Request:
    """Read a message of a requests topic. Total: what nobody knows is answered with a refusal."""
    kind = _KINDS.get(envelope.method or "", RequestKind.UNKNOWN)
    return Request(kind=kind, result=0 if kind is RequestKind.NOTHING_TO_GIVE else UNANSWERABLE)
