"""Rows as the JSON of 0.11.0: names and types of the contract, and what is not known left out."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

from ofh.domain.devices import Battery, DeviceState, Fix, Property, Stamped
from ofh.domain.media import MediaType
from ofh.domain.tracks import PathPoint, TrackPoint
from ofh.services.connections import DevicesOf
from ofh.store.models import Connection, Drone, File, Flight, Media, RemoteController, User, Workspace

MEDIA_TYPES = {MediaType.PHOTO.value: 0, MediaType.VIDEO.value: 1, MediaType.OTHER.value: 2}


LOCALE = "en-US"


def moment(at: datetime) -> str:
    """A time with its offset, which is always that of UTC."""
    return at.astimezone(UTC).isoformat()


def user(row: User) -> dict[str, Any]:
    """`User`: what one is told of oneself. A language is needed, so who has chosen none has that of the contract."""
    return {
        "id": row.id,
        "name": row.name,
        "email": row.email,
        "created_at": moment(row.created_at),
        "locale": row.locale or LOCALE,
        "registration_incomplete": row.password_hash is None,
    }


def public_user(row: User) -> dict[str, Any]:
    """`PublicUser`: what others are told."""
    return {"id": row.id, "name": row.name}


def workspace(row: Workspace) -> dict[str, Any]:
    """`Workspace`."""
    return {"id": row.id, "name": row.name}


def connection(row: Connection, devices: DevicesOf) -> dict[str, Any]:
    """`Connection`."""
    shown: dict[str, Any] = {"id": row.id, "name": row.name}
    if devices.remote_controller_id is not None:
        shown["remote_controller_id"] = devices.remote_controller_id
    if devices.drone_id is not None:
        shown["drone_id"] = devices.drone_id
    return shown


def file(row: File) -> dict[str, Any]:
    """`File`."""
    return {
        "id": row.id,
        "name": row.name,
        "created_at": moment(row.created_at),
        "has_thumbnail": row.thumbnail_key is not None,
    }


def remote_controller(row: RemoteController) -> dict[str, Any]:
    """`RemoteController`."""
    return {"id": row.id, "serial_number": row.serial_number, "type": row.type}


def drone(row: Drone) -> dict[str, Any]:
    """`Drone`; its serial number is its name until people have named it."""
    shown = {"id": row.id, "serial_number": row.serial_number, "type": row.type, "name": row.name or row.serial_number}
    if row.connection_id is not None:
        shown["last_connection_id"] = row.connection_id
    return shown


def last_position(device: Drone | RemoteController) -> dict[str, Any] | None:
    """`Position`; None where the device never told one."""
    held = _state(device, Property.FIX)
    if held is None or not isinstance(fix := held.value, Fix):
        return None
    return {
        "longitude": fix.longitude_deg,
        "latitude": fix.latitude_deg,
        "height": fix.height_m,
        "reported_at": moment(held.at),
    }


def last_battery(device: Drone) -> dict[str, Any] | None:
    """`Battery`; None where the drone never told its charge."""
    held = _state(device, Property.BATTERY)
    if held is None or not isinstance(battery := held.value, Battery):
        return None
    return {"capacity_percent_left": battery.capacity_percent, "reported_at": moment(held.at)}


def _state(device: Drone | RemoteController, name: Property) -> Stamped | None:
    """One property of a state; decoding all of them would take longer than the rest of the request."""
    stored = device.state.get(name.value)
    return None if stored is None else DeviceState.from_json({name.value: stored}).get(name)


def media(row: Media) -> dict[str, Any]:
    """`Media`, of a row that has its file.

    `received_at` is what clients after 0.11.0 read in the place of `created_at`.
    """
    at = moment(row.created_at)
    shown = {
        "id": row.id,
        "drone_id": row.drone_id,
        "flight_id": row.flight_id or 0,
        "type": MEDIA_TYPES[row.type],
        "file_id": row.file_id,
        "file_name": row.file.name,
        "created_at": at,
        "received_at": at,
    }
    if row.meta is not None:
        shown["meta"] = orjson.dumps(row.meta).decode()
    return shown


def flight(row: Flight, track: Iterable[TrackPoint | PathPoint]) -> dict[str, Any]:
    """`Flight`, with its track in order of time."""
    shown: dict[str, Any] = {"id": row.id, "drone_id": row.drone_id, "started_at": moment(row.started_at)}
    if row.landed_at is not None:
        shown["landed_at"] = moment(row.landed_at)
    if row.ended_at is not None:
        shown["ended_at"] = moment(row.ended_at)
    shown["track"] = [  # times of the history are UTC, and the encoder writes them as `moment` does
        {"longitude": fix.longitude, "latitude": fix.latitude, "height": fix.height, "time": fix.time} for fix in track
    ]
    return shown
