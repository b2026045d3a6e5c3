"""DJI's products by the numbers that devices name themselves with.

A model key is `domain-type-sub_type`: domain 0 is an aircraft, 1 a payload, 2 a remote controller, 3 a dock. What
stands in no table is shown as its key: a new model is no reason to refuse anything.

Source: DJI Cloud API 1.16.1, overview/product-support; Mavic 3M, P1 and L1 from DJI's Java demo.
"""

AIRCRAFT = 0
PAYLOAD = 1
CONTROLLER = 2
DOCK = 3

_MODELS: dict[tuple[int, int, int], str] = {
    (AIRCRAFT, 60, 0): "Matrice 300 RTK",
    (AIRCRAFT, 67, 0): "Matrice 30",
    (AIRCRAFT, 67, 1): "Matrice 30T",
    (AIRCRAFT, 77, 0): "Mavic 3E",
    (AIRCRAFT, 77, 1): "Mavic 3T",
    (AIRCRAFT, 77, 2): "Mavic 3M",
    (AIRCRAFT, 77, 3): "Mavic 3TA",
    (AIRCRAFT, 89, 0): "Matrice 350 RTK",
    (AIRCRAFT, 91, 0): "Matrice 3D",
    (AIRCRAFT, 91, 1): "Matrice 3TD",
    (AIRCRAFT, 99, 0): "Matrice 4E",
    (AIRCRAFT, 99, 1): "Matrice 4T",
    (AIRCRAFT, 100, 0): "Matrice 4D",
    (AIRCRAFT, 100, 1): "Matrice 4TD",
    (AIRCRAFT, 103, 0): "Matrice 400",
    (CONTROLLER, 56, 0): "Smart Controller Enterprise",
    (CONTROLLER, 119, 0): "RC Plus",
    (CONTROLLER, 144, 0): "RC Pro Enterprise",
    (CONTROLLER, 174, 0): "RC Plus 2",
    (DOCK, 1, 0): "Dock",
    (DOCK, 2, 0): "Dock 2",
    (DOCK, 3, 0): "Dock 3",
}

_PAYLOADS: dict[tuple[int, int], str] = {
    (20, 0): "Zenmuse Z30",
    (26, 0): "Zenmuse XT2",
    (39, 0): "FPV camera",
    (41, 0): "Zenmuse XT S",
    (42, 0): "Zenmuse H20",
    (43, 0): "Zenmuse H20T",
    (50, 65535): "Zenmuse P1",
    (52, 0): "Matrice 30 camera",
    (53, 0): "Matrice 30T camera",
    (61, 0): "Zenmuse H20N",
    (66, 0): "Mavic 3E camera",
    (67, 0): "Mavic 3T camera",
    (68, 0): "Mavic 3M camera",
    (80, 0): "Matrice 3D camera",
    (81, 0): "Matrice 3TD camera",
    (82, 0): "Zenmuse H30",
    (83, 0): "Zenmuse H30T",
    (88, 0): "Matrice 4E camera",
    (89, 0): "Matrice 4T camera",
    (98, 0): "Matrice 4D camera",
    (99, 0): "Matrice 4TD camera",
    (129, 0): "Mavic 3TA camera",
    (165, 0): "dock camera",
    (176, 0): "auxiliary camera",
    (90742, 0): "Zenmuse L1",
}

_CONTROLLER_TYPES = frozenset(type_ for domain, type_, _ in _MODELS if domain == CONTROLLER)

FIXED_CAMERA_TYPES = frozenset({39, 165, 176})
"""Payloads that no gimbal turns."""


def model_name(domain: int, type_: int, sub_type: int) -> str | None:
    """What people call the model; None where it stands in no table."""
    return _MODELS.get((domain, type_, sub_type))


def model_key(domain: int, type_: int, sub_type: int) -> str:
    """The model as its key, `0-67-1`."""
    return f"{domain}-{type_}-{sub_type}"


def payload_name(type_: int, sub_type: int) -> str | None:
    """What people call the payload; None where it stands in no table."""
    return _PAYLOADS.get((type_, sub_type))


def payload_of(key: str) -> str | None:
    """What people call the payload with this model key, `1-53-0`; None where it stands in no table."""
    domain, _, rest = key.partition("-")
    type_, _, sub_type = rest.partition("-")
    if domain != str(PAYLOAD) or not (type_.isdecimal() and sub_type.isdecimal()):
        return None
    return payload_name(int(type_), int(sub_type))


def payload_at(place: str) -> str | None:
    """What people call the payload at a place below an aircraft, `53-0-0` and what follows a `/`; None where it stands
    in no table. The third number is its mount.
    """
    type_, _, rest = place.partition("/")[0].partition("-")
    return payload_of(f"{PAYLOAD}-{type_}-{rest.partition('-')[0]}")


def is_controller_type(type_: int) -> bool:
    """Whether a gateway of this type is a known remote controller, whatever domain it names."""
    return type_ in _CONTROLLER_TYPES
