"""A fleet: which aircraft exist, which controller has which, where they stand. Pure.

A connection is one controller. With one connection all aircraft hang on it; with several they are dealt out in turn, so
with as many connections as aircraft each has a controller of its own.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt
from random import Random

from ofh.dji.topology import MAX_SUB_DEVICES
from ofh.domain.geodesy import destination, offset

from .accounts import Account
from .aircraft import Aircraft, Base
from .errors import SimulatorError
from .models import AIRCRAFT_MODELS, ControllerModel

PLACE = (9.9539, 50.4980)
"""Longitude and latitude of a bare hill in Germany, where simulated fleets fly by default."""
GROUND_HEIGHT_M = 996.4
"""Of that hill, above the WGS 84 ellipsoid."""
SPREAD_M = 110.0
"""Between neighbouring take-off points, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """One controller and its aircraft, before they are connected to anything."""

    account: Account
    model: ControllerModel
    serial: str
    base: Base
    aircraft: tuple[Aircraft, ...]


def make_fleet(accounts: Sequence[Account], *, drones: int, seed: int, place: tuple[float, float]) -> list[Crew]:
    """Deal out the aircraft among the connections.

    Serial numbers come of the seed and the connection, so that two simulations never claim the same one; how the
    aircraft fly comes of the seed alone.

    Raises:
        SimulatorError: more aircraft on one connection than a topology may hold.
    """
    if drones > MAX_SUB_DEVICES * len(accounts):
        raise SimulatorError(
            f"{drones} aircraft are too many for {len(accounts)} connection(s): one controller holds "
            f"{MAX_SUB_DEVICES} at most. Make more connections and give them with --connections."
        )
    dealt: list[list[Aircraft]] = [[] for _ in accounts[:drones]]
    for index in range(drones):
        account = accounts[index % len(dealt)]
        aircraft = Aircraft(
            model=AIRCRAFT_MODELS[index % len(AIRCRAFT_MODELS)],
            serial=_serial("1581SIM", seed, account, index),
            base=_base(place, seed, index),
            seed=seed,
            index=index,
        )
        dealt[index % len(dealt)].append(aircraft)
    return [_crew(account, seed, aircraft) for account, aircraft in zip(accounts, dealt, strict=False)]


def _crew(account: Account, seed: int, aircraft: Sequence[Aircraft]) -> Crew:
    first = aircraft[0]
    longitude_deg, latitude_deg = offset(first.base.longitude_deg, first.base.latitude_deg, east_m=6, north_m=-4)
    return Crew(
        account=account,
        model=first.model.controller,
        serial=_serial("5XSIM", seed, account, 0),
        base=Base(longitude_deg=longitude_deg, latitude_deg=latitude_deg, height_m=first.base.height_m),
        aircraft=tuple(aircraft),
    )


def _base(place: tuple[float, float], seed: int, index: int) -> Base:
    """Take-off points on a spiral around the place, each as far from its neighbours as the other ones."""
    random = Random(f"{seed}:{index}:base")  # noqa: S311 - nothing here is a secret
    golden_angle_deg = 180 * (3 - sqrt(5))
    longitude_deg, latitude_deg = destination(
        *place, bearing_deg=index * golden_angle_deg, distance_m=SPREAD_M * sqrt(index) * pi / 3
    )
    return Base(
        longitude_deg=longitude_deg,
        latitude_deg=latitude_deg,
        height_m=round(GROUND_HEIGHT_M + random.uniform(-4, 4), 1),
    )


def _serial(prefix: str, seed: int, account: Account, index: int) -> str:
    digest = hashlib.sha256(f"{seed}/{account.connection_id}/{index}".encode()).hexdigest()
    return prefix + digest[:9].upper()
