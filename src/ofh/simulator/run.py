"""Run a simulated fleet against a broker."""

import asyncio
from collections.abc import Callable, Sequence

from .accounts import Account
from .broker import parse_mqtt_url
from .controller import Controller, Stats
from .errors import SimulatorError
from .fleet import PLACE, make_fleet

CONNECTS_PER_S = 25.0
"""How fast a fleet's controllers come online."""


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
