"""Live video: what a controller says it can stream, and the commands to do so.

A camera is named by its place below the aircraft: `53-0-0/normal-0`, DJI's camera index and video index. What
controllers say is foreign JSON of any shape; what does not look like a camera is left out.

Source: DJI Cloud API 1.11.3, rc-plus, live; the codes from its edition of April 2023.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from ofh.domain.devices import micros

from .envelope import Envelope
from .readers import code
from .topics import is_serial

START, STOP = "live_start_push", "live_stop_push"
RTMP = 1
"""`url_type`."""
QUALITIES = range(5)
"""0 adaptive, 1 to 4 from 960×540 to 1920×1080."""
MAX_CAMERAS = 64

DONE = 0
ALREADY = frozenset({613003})
"""What was asked for is so already."""
NOT_STREAMING = 613011
TRY_AGAIN = frozenset({613008, 613009, 613010, 613099})
"""The first start after a change of topology often fails with one of these."""
WORDS: Mapping[int, str] = {
    613001: "The controller has no aircraft at present.",
    613002: "The aircraft has no such camera.",
    613003: "The camera is streaming already.",
    613004: "The aircraft cannot stream.",
    613005: "The camera does not stream in this quality.",
    613006: "Pilot 2 is not in the camera view. Ask the pilot to open it, then start again.",
    613007: "The controller does not have control over the aircraft.",
    613008: "The camera gives no picture yet.",
    613009: "The controller is still busy with the request before.",
    613010: "The stream did not start. Look whether the controller reaches the media server.",
    613011: "Nothing is streaming.",
    613012: "Another camera is streaming. Stop that first.",
    613013: "The controller does not stream by RTMP.",
    613014: "The controller does not take the media server's address.",
    613099: "The controller failed and does not say why.",
}
_PART = re.compile(r"[A-Za-z0-9_-]{1,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Something that can be streamed."""

    serial: str
    """Of the aircraft."""
    name: str
    """Camera index and video index."""
    lenses: tuple[str, ...] = ()
    """What the picture can be switched to."""


def cameras_of(capacity: Any) -> list[Camera]:
    """The cameras of a controller's `live_capacity`; total."""
    found = []
    for device in _objects(capacity, "device_list"):
        serial = device.get("sn")
        if not isinstance(serial, str) or not is_serial(serial):
            continue
        for camera in _objects(device, "camera_list"):
            for video in _objects(camera, "video_list"):
                parts = (camera.get("camera_index"), video.get("video_index"))
                if not all(isinstance(part, str) and _PART.fullmatch(part) for part in parts):
                    continue
                lenses = video.get("switchable_video_types")
                found.append(
                    Camera(
                        serial=serial,
                        name="/".join(str(part) for part in parts),
                        lenses=tuple(lens for lens in lenses if isinstance(lens, str) and _PART.fullmatch(lens))
                        if isinstance(lenses, list)
                        else (),
                    )
                )
    return found[:MAX_CAMERAS]


def is_off(status: Any, serial: str, name: str) -> bool:
    """Whether a controller's `live_status` says that a camera does not stream; total, false where it says nothing."""
    for item in _items(status):
        if item.get("video_id") == f"{serial}/{name}":
            return item.get("status") in (0, "0")
    return False


def is_camera(name: str) -> bool:
    """Whether a camera could have this name."""
    parts = name.split("/")
    return len(parts) == 2 and all(_PART.fullmatch(part) for part in parts)


def start(camera: Camera, url: str, quality: int) -> dict[str, Any]:
    """The data of the command to stream to an address."""
    return {"url_type": RTMP, "url": url, "video_id": f"{camera.serial}/{camera.name}", "video_quality": quality}


def stop(serial: str, name: str) -> dict[str, Any]:
    """The data of the command to end a stream."""
    return {"video_id": f"{serial}/{name}"}


def services_topic(gateway: str) -> str:
    """Where commands for a controller and its aircraft go."""
    return f"thing/product/{gateway}/services"


def command(method: str, data: Mapping[str, Any], *, tid: str, bid: str, at: datetime) -> bytes:
    """A command as it travels."""
    return orjson.dumps({"tid": tid, "bid": bid, "timestamp": micros(at) // 1000, "method": method, "data": dict(data)})


def result_of(envelope: Envelope) -> int:
    """What came of a command; 613099 where the answer does not say.

    Raises:
        DecodeError: the result is no number.
    """
    found = code(envelope.data, "result")
    return 613099 if found is None else found


def words_of(result: int) -> str:
    """The result for people."""
    return WORDS.get(result, f"The controller refuses (DJI's code {result}).")


def _objects(holder: Any, key: str) -> list[Mapping[str, Any]]:
    return _items(holder.get(key)) if isinstance(holder, dict) else []


def _items(held: Any) -> list[Mapping[str, Any]]:
    return [item for item in held[:MAX_CAMERAS] if isinstance(item, dict)] if isinstance(held, list) else []
