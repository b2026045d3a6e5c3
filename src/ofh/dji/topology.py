"""The topology: a controller says who it is and which aircraft are linked to it.

It is always the whole state, never a difference: aircraft that are not in it are not linked.

Source: DJI Cloud API 1.11.3, rc-plus/device and topic definition; captures of an M3M (no domain, `version`) and an M4E.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import DecodeError, Reason
from .products import AIRCRAFT, CONTROLLER, is_controller_type, model_key, model_name
from .readers import bad_value, code, text
from .topics import is_serial

UPDATE_TOPO = "update_topo"
"""The method of a topology."""

MAX_SUB_DEVICES = 64
"""Real controllers have one or two."""

UNKNOWN_TYPE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceKind:
    """What a device is, in DJI's numbers."""

    domain: int
    """0 aircraft, 1 payload, 2 remote controller, 3 dock."""
    type: int
    """-1 where the device does not say."""
    sub_type: int

    @property
    def model(self) -> str | None:
        """The name that people know; None for a model that stands in no table."""
        return model_name(self.domain, self.type, self.sub_type)

    @property
    def key(self) -> str:
        """`0-67-1`: how a model without a name is shown."""
        return model_key(self.domain, self.type, self.sub_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubDevice:
    """An aircraft that is linked to the controller."""

    serial: str
    kind: DeviceKind
    index: str
    """The channel: `A`, or `B` where the controller is an aircraft's second one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The controller, whose serial number stands in the topic, and its aircraft."""

    gateway: DeviceKind
    sub_devices: tuple[SubDevice, ...]
    """Each serial number once."""


def decode_topology(data: Mapping[str, Any]) -> Topology:
    """Read the `data` of an `update_topo`.

    Versions, secrets and nonces are skipped. The documentation prints domain 3, a dock, for controllers: the type of a
    known controller outweighs it. Where no domain is named, the gateway is a controller and a sub-device an aircraft.

    Raises:
        DecodeError: a known key has the wrong type, a sub-device's serial number is none, or there are more than
            `MAX_SUB_DEVICES`.
    """
    listed = data.get("sub_devices")
    if listed is None:
        listed = []
    if type(listed) is not list:
        raise bad_value("sub_devices", "is not a list")
    if len(listed) > MAX_SUB_DEVICES:
        raise bad_value("sub_devices", "has too many members")
    found: dict[str, SubDevice] = {}
    for item in listed:
        device = _sub_device(item)
        found.setdefault(device.serial, device)
    return Topology(gateway=_gateway(data), sub_devices=tuple(found.values()))


def _gateway(data: Mapping[str, Any]) -> DeviceKind:
    kind = _kind(data, CONTROLLER)
    if kind.domain != CONTROLLER and is_controller_type(kind.type):
        return DeviceKind(domain=CONTROLLER, type=kind.type, sub_type=kind.sub_type)
    return kind


def _sub_device(item: Any) -> SubDevice:
    if type(item) is not dict:
        raise bad_value("sub_devices", "has a member that is not an object")
    serial = text(item, "sn")
    if serial is None or not is_serial(serial):
        raise DecodeError(Reason.BAD_VALUE, "a sub-device's sn is not a serial number")
    return SubDevice(serial=serial, kind=_kind(item, AIRCRAFT), index=text(item, "index") or "A")


def _kind(data: Mapping[str, Any], default_domain: int) -> DeviceKind:
    domain, type_, sub_type = (_natural(data, key) for key in ("domain", "type", "sub_type"))
    return DeviceKind(
        domain=default_domain if domain is None else domain,
        type=UNKNOWN_TYPE if type_ is None else type_,
        sub_type=0 if sub_type is None else sub_type,
    )


def _natural(data: Mapping[str, Any], key: str) -> int | None:
    value = code(data, key)
    return value if value is not None and value >= 0 else None
