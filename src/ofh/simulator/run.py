"""Run a simulated fleet against a broker, and where it takes photos against a hub's other endpoints."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx2

from .accounts import Account
from .broker import parse_mqtt_url
from .chaos import Chaos
from .controller import Controller
from .errors import SimulatorError, UploadFailed
from .fleet import PLACE, Crew, make_fleet
from .media_api import MediaApi
from .object_store import Clients
from .pilot import REQUEST_TIMEOUT_S, CloudAccess, LinkConfig, log_in, new_http_client
from .pushes import listen
from .stats import Stats
from .uploads import Darkroom, Uploads

CONNECTS_PER_S = 25.0
"""How fast a fleet's controllers come online."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A hub as its page describes it: where photos go, and who pushes."""

    url: str
    """The hub's, where the page is opened again."""
    access: Mapping[str, CloudAccess]
    """By connection id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """What came of logging in a fleet's connections."""

    mqtt_url: str | None
    """None where the hub does not tell; the accounts are then those that were given."""
    accounts: Sequence[Account]
    cloud: Cloud | None
    """None where the hub does not tell, or not all of them."""


async def log_in_all(url: str, accounts: Sequence[Account]) -> LoggedIn:
    """Log in each connection as the page does.

    Raises:
        SimulatorError: no hub answers, or it refuses a connection.
    """
    found: list[LinkConfig] = []
    for account in accounts:
        async with new_http_client(url) as http:
            config = await log_in(http, account)
        if config is None:
            return LoggedIn(mqtt_url=None, accounts=accounts, cloud=None)
        found.append(config)
    access = {config.account.connection_id: config.cloud for config in found if config.cloud is not None}
    return LoggedIn(
        mqtt_url=found[-1].mqtt_url,
        accounts=[config.account for config in found],
        cloud=Cloud(url=url, access=access) if len(access) == len(accounts) else None,
    )


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
    cloud: Cloud | None = None,
    chaos: Chaos | None = None,
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
        cloud: the aircraft's photos are uploaded, and the controllers hold Pilot's websocket; None: neither.
        chaos: what goes wrong; None: nothing.

    Raises:
        SimulatorError: the URL is wrong, or the broker refuses every connection.
    """
    stats = stats if stats is not None else Stats()
    broker = await asyncio.to_thread(parse_mqtt_url, mqtt_url)
    chaos, darkroom, clients = chaos or Chaos(), Darkroom(), Clients()
    http = httpx2.AsyncClient(timeout=REQUEST_TIMEOUT_S)
    controllers = []
    for crew in make_fleet(accounts, drones=drones, seed=seed, place=place):
        luck = chaos.of(crew.serial)
        uploads = None
        if cloud is not None:
            uploads = Uploads(
                api=MediaApi(http, cloud.access[crew.account.connection_id], luck),
                reopen=_page_of(cloud, crew),
                darkroom=darkroom,
                clients=clients,
                place=place,
                seed=seed,
                stats=stats,
                chaos=luck,
                notice=notice,
            )
        controllers.append(
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
                uploads=uploads,
                chaos=luck,
            )
        )
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

    async with http, asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(keep_running(controller, index / CONNECTS_PER_S))
            for index, controller in enumerate(controllers)
        ]
        for controller in controllers:
            if controller.uploads is not None:
                running.append(tasks.create_task(controller.uploads.run()))
                running.append(tasks.create_task(listen(controller.uploads.api, stats, controller.chaos)))
        await stop.wait()
        for controller in controllers:
            controller.leave()
        for task in running:
            task.cancel()
    if len(refusals) == len(controllers):
        raise refusals[0]


def _page_of(cloud: Cloud, crew: Crew) -> Callable[[], Awaitable[CloudAccess]]:
    """Opens the page once more."""

    async def reopen() -> CloudAccess:
        try:
            async with new_http_client(cloud.url) as http:
                config = await log_in(http, crew.account)
        except SimulatorError as error:
            raise UploadFailed(str(error)) from error
        if config is None or config.cloud is None:
            raise UploadFailed(f"the hub at {cloud.url} has no page any more")
        return config.cloud

    return reopen
