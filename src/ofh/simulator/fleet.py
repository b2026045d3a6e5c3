"""A fleet: which aircraft exist, which controller has which, where they stand. Then: run it.

A connection is one controller. With one connection all aircraft hang on it; with several they are dealt out in turn, so
with as many connections as aircraft each has a controller of its own.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import pi, sqrt
from random import Random

from ofh.dji.topology import MAX_SUB_DEVICES
from ofh.domain.geodesy import destination, offset

from .aircraft import Aircraft, Base
from .broker import parse_mqtt_url
from .controller import Controller, Stats
from .errors import SimulatorError
from .models import AIRCRAFT_MODELS, ControllerModel
from .pilot import Account

PLACE = (9.9539, 50.4980)
"""Longitude and latitude of a bare hill in Germany, where simulated fleets fly by default."""
GROUND_HEIGHT_M = 996.4
"""Of that hill, above the WGS 84 ellipsoid."""
SPREAD_M = 110.0
"""Between neighbouring take-off points, about."""
CONNECTS_PER_S = 25.0
"""How fast a fleet's controllers come online."""


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


async def run_fleet(
    mqtt_url: str,
    accounts: Sequence[Account],
    *,
    drones: int,
    rate_hz: float,
    seed: int,
    stop: asyncio.Event,
    place: tuple[float, float] = PLACE,
    speed: float = 1.0,
    stats: Stats | None = None,
    notice: Callable[[str], None] = lambda text: None,
) -> None:
    """Simulate a fleet until `stop` is set; every controller then leaves by a clean DISCONNECT.

    A controller which the broker refuses drops out with a notice.

    Args:
        mqtt_url: the broker, `mqtt://` or `mqtts://`.
        accounts: the connections, at least one; those beyond `drones` stay unused.
        drones: how many aircraft, at least one.
        rate_hz: osd messages per second and aircraft.
        seed: of all that is random.
        place: longitude and latitude of the middle.
        speed: simulated seconds per second.
        stats: counts, kept up to date.
        notice: tells the operator something.

    Raises:
        SimulatorError: the URL is wrong, or the broker refuses every connection.
    """
    stats = stats if stats is not None else Stats()
    broker = await asyncio.to_thread(parse_mqtt_url, mqtt_url)
    controllers = [
        Controller(
            account=crew.account,
            broker=broker,
            model=crew.model,
            serial=crew.serial,
            base=crew.base,
            fleet=crew.aircraft,
            rate_hz=rate_hz,
            speed=speed,
            stats=stats,
            notice=notice,
        )
        for crew in make_fleet(accounts, drones=drones, seed=seed, place=place)
    ]
    stats.controllers, stats.aircraft = len(controllers), drones
    refusals: list[SimulatorError] = []

    async def keep_running(controller: Controller, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        try:
            await controller.run()
        except SimulatorError as error:
            refusals.append(error)
            notice(str(error))
            if len(refusals) == len(controllers):
                stop.set()

    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(keep_running(controller, index / CONNECTS_PER_S))
            for index, controller in enumerate(controllers)
        ]
        await stop.wait()
        for controller, task in zip(controllers, running, strict=True):
            controller.leave()
            task.cancel()
    if len(refusals) == len(controllers):
        raise refusals[0]
