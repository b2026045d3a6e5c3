"""What Pilot says of files: is this one here, this one is up, so many of a group are.

Pilot's dialects differ by year and by who wrote the client: texts for numbers, two spellings of one member, bare lists,
objects inside of texts. Only what a statement cannot do without makes it worthless; anything else that makes no sense
reads as absent. The statement is kept as it came, up to a size, so that what is unknown today can be read later.

Source: DJI Cloud API 1.11.3, pilot-to-cloud/https/media-management; the editions of 2022 and of docks; captures.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import orjson

from ofh.domain.media import is_file_name
from ofh.domain.times import read_time

from .errors import DecodeError, Reason
from .products import AIRCRAFT
from .readers import bad_value, code, plausible
from .topics import is_serial
from .topology import UNKNOWN_TYPE

T = TypeVar("T")

MAX_TEXT_BYTES = 255
MAX_KEY_BYTES = 512
MAX_KEPT_BYTES = 16_384
"""Of a statement that is kept."""
MAX_TINY = 50_000
"""Tiny fingerprints in one question: more than a card holds files."""

_MODEL_KEY = re.compile(r"(\d{1,6})-(\d{1,9})-(\d{1,9})", re.ASCII)
_OFFSET_WITHOUT_COLON = re.compile(r"([+-]\d\d)(\d\d)$", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileNamed:
    """Which file a statement is about. What Pilot did not say is None or empty."""

    fingerprint: str | None
    """Opaque, in lower case."""
    tiny: str | None
    """The tiny fingerprint, as it came."""
    is_original: bool
    """False for a preview; true where it is not said."""
    name: str | None
    folder: str
    """The wayline's folder; empty for what was taken by hand."""
    serial: str | None
    """Of the aircraft."""
    aircraft: tuple[int, int]
    """The aircraft's type and sub-type; (-1, 0) where they are not said."""
    payload_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """A file is up, or is not."""

    file: FileNamed
    object_key: str | None
    """None only where it is not up."""
    is_up: bool
    is_panorama: bool
    group: str | None
    """What the controller names the task that the file belongs to."""
    captured_at: datetime | None
    """None also where the time came without an offset: the camera's local time somewhere is no moment."""
    longitude: float | None
    latitude: float | None
    absolute_altitude: float | None
    """Metres, of a datum that is not documented."""
    relative_altitude: float | None
    """Metres above the take-off point."""
    gimbal_yaw: float | None
    """Degrees from true north, -180 to 180."""
    kept: Mapping[str, Any]
    """The statement as it came, without its largest members where it was beyond `MAX_KEPT_BYTES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupUploaded:
    """How far a controller is with the files of a task."""

    group: str | None
    file_count: int | None
    uploaded_count: int | None


def decode_file_named(body: Any) -> FileNamed:
    """Read the body of `fast-upload`.

    Raises:
        DecodeError: no object, or one of the texts that name the file is none.
    """
    data = _checked(body)
    return _file(data, _struct(data, "ext"))


def decode_tiny_fingerprints(body: Any) -> list[str]:
    """Read the body of `files/tiny-fingerprints`, an object or a bare list; each text once, in its order.

    Raises:
        DecodeError: neither of the two, or too many.
    """
    _check_texts(body)
    listed = body
    if type(body) is dict:
        listed = body.get("tiny_fingerprints", body.get("tinny_fingerprints"))
        if isinstance(listed, str):  # from a form
            listed = _parsed(listed, list) or [listed]
        listed = [] if listed is None else listed
    if type(listed) is not list:
        raise bad_value("tiny_fingerprints", "is not a list")
    if len(listed) > MAX_TINY:
        raise bad_value("tiny_fingerprints", "has too many members")
    texts = (item for item in listed if type(item) is str and item and len(item.encode()) <= MAX_TEXT_BYTES)
    return list(dict.fromkeys(texts))


def decode_uploaded(body: Any) -> Uploaded:
    """Read the body of `upload-callback`.

    Raises:
        DecodeError: no object; one of the texts that name the file is none; a file that is up has no key, or neither
            name nor key tell what it is called.
    """
    data = _checked(body)
    ext, metadata = _struct(data, "ext"), _struct(data, "metadata")
    file = _file(data, ext)
    key = _text(data, "object_key", MAX_KEY_BYTES)
    result = code(data, "result")
    is_up = result in {None, 0}
    if is_up and key is None:
        raise bad_value("object_key", "is missing")
    if is_up and file.name is None and not is_file_name((key or "").rpartition("/")[2]):
        raise bad_value("name", "is missing")
    longitude, latitude = _position(_struct(metadata, "shoot_position"))
    return Uploaded(
        file=file,
        object_key=key,
        is_up=is_up,
        is_panorama=_if_any(code, data, "sub_file_type") == 1,
        group=_if_any(_text, ext, "file_group_id", 64),
        captured_at=_time(metadata),
        longitude=longitude,
        latitude=latitude,
        absolute_altitude=_if_any(plausible, metadata, "absolute_altitude", -100_000, 100_000),
        relative_altitude=_if_any(plausible, metadata, "relative_altitude", -100_000, 100_000),
        gimbal_yaw=_if_any(plausible, metadata, "gimbal_yaw_degree", -360, 360),
        kept=_kept(data),
    )


def decode_group_uploaded(body: Any) -> GroupUploaded:
    """Read the body of `group-upload-callback`.

    Raises:
        DecodeError: no object.
    """
    data = _checked(body)
    return GroupUploaded(
        group=_if_any(_text, data, "file_group_id", 64),
        file_count=_count(data, "file_count"),
        uploaded_count=_count(data, "file_uploaded_count"),
    )


def _file(data: Mapping[str, Any], ext: Mapping[str, Any]) -> FileNamed:
    name = _text(data, "name")
    if name is not None and not is_file_name(name):
        raise bad_value("name", "is no file name")
    fingerprint = _text(data, "fingerprint")
    serial = _if_any(_text, ext, "sn")
    is_original = _if_any(code, ext, "is_original")
    return FileNamed(
        fingerprint=None if fingerprint is None else _lower(fingerprint),
        tiny=_if_any(_text, ext, "tinny_fingerprint") or _if_any(_text, ext, "tiny_fingerprint"),
        is_original=is_original != 0,
        name=name,
        folder=_if_any(_text, data, "path") or "",
        serial=serial if serial is not None and is_serial(serial) else None,
        aircraft=_model(_if_any(_text, ext, "drone_model_key")),
        payload_key=_if_any(_text, ext, "payload_model_key", 64) or "",
    )


def _lower(text: str) -> str:
    """In lower case, where that does not lengthen it beyond what is held."""
    lowered = text.lower()
    return lowered if len(lowered.encode()) <= MAX_TEXT_BYTES else text


def _model(key: str | None) -> tuple[int, int]:
    found = _MODEL_KEY.fullmatch(key or "")
    if found is None or int(found[1]) != AIRCRAFT:
        return UNKNOWN_TYPE, 0
    return int(found[2]), int(found[3])


def _position(data: Mapping[str, Any]) -> tuple[float, float] | tuple[None, None]:
    """Longitude and latitude; (0, 0) is how a camera without a fix says so."""
    longitude = _if_any(plausible, data, "lng", -180, 180)
    latitude = _if_any(plausible, data, "lat", -90, 90)
    if longitude is None or latitude is None or (longitude, latitude) == (0, 0):
        return None, None
    return longitude, latitude


def _time(metadata: Mapping[str, Any]) -> datetime | None:
    for name in ("created_time", "create_time"):
        text = _if_any(_text, metadata, name)
        if text is not None:
            return read_time(_OFFSET_WITHOUT_COLON.sub(r"\1:\2", text.strip().upper()))
    return None


def _count(data: Mapping[str, Any], key: str) -> int | None:
    found = _if_any(code, data, key)
    return found if found is not None and found >= 0 else None


def _if_any(read: Callable[..., T | None], data: Mapping[str, Any], key: str, *more: Any) -> T | None:
    """What a reader finds; None also where it finds nonsense."""
    try:
        return read(data, key, *more)
    except DecodeError:
        return None


def _text(data: Mapping[str, Any], key: str, limit: int = MAX_TEXT_BYTES) -> str | None:
    value = data.get(key)
    if type(value) is int or type(value) is float:
        value = str(value)
    if value is None or value == "":
        return None
    if type(value) is not str:
        raise bad_value(key, "is not a text")
    if len(value.encode()) > limit:
        raise bad_value(key, "is too long")
    return value


def _struct(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A nested object, also where a form has it as text; empty where there is none."""
    value = data.get(key)
    if type(value) is str:
        value = _parsed(value, dict)
    return value if type(value) is dict else {}


def _parsed(text: str, kind: type[T]) -> T | None:
    try:
        value = orjson.loads(text)
        _check_texts(value)
    except (orjson.JSONDecodeError, DecodeError):
        return None
    return value if type(value) is kind else None


def _checked(body: Any) -> dict[str, Any]:
    if type(body) is not dict:
        raise DecodeError(Reason.NOT_AN_OBJECT, "the body is not an object")
    _check_texts(body)
    return body


def _check_texts(value: Any) -> None:
    """Refuse texts that no database can hold (security.md, A4)."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is dict:
            waiting.extend(item)
            waiting.extend(item.values())
        elif type(item) is list:
            waiting.extend(item)
        elif type(item) is str and ("\0" in item or not _is_utf8(item)):
            raise DecodeError(Reason.BAD_TEXT, "a text has U+0000 or a lone surrogate")


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kept(data: dict[str, Any]) -> dict[str, Any]:
    """The statement, but for its largest members where it is too large."""
    sizes = {name: len(name.encode()) + len(json.dumps(value)) for name, value in data.items()}
    if sum(sizes.values()) <= MAX_KEPT_BYTES:
        return data
    kept, room = {}, MAX_KEPT_BYTES
    for name in sorted(data, key=sizes.__getitem__):
        room -= sizes[name]
        if room < 0:
            break
        kept[name] = data[name]
    return kept
