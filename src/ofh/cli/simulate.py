"""`ofh simulate`: a fleet of simulated controllers and aircraft, connected to a hub from outside."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from ofh.simulator.controller import Stats
from ofh.simulator.errors import SimulatorError
from ofh.simulator.fleet import PLACE, run_fleet
from ofh.simulator.pilot import Account, LinkConfig, fallback_mqtt_url, log_in, new_http_client

DEFAULT_DRONES = 3
MAX_MESSAGES_PER_S = 100
"""What a hub takes from one connection for long (its own limit); beyond it, it keeps the newest positions only."""
QUIET_REPORT_EVERY_S = 30.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate)


def simulate(
    url: Annotated[
        str,
        typer.Option("--url", help="The hub, for example http://localhost:8000.", metavar="URL"),
    ],
    connection_id: Annotated[
        str | None,
        typer.Option("--connection-id", help="The connection, as `ofh connection create` printed it.", metavar="ID"),
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(
            "--secret",
            envvar="OFH_CONNECTION_SECRET",
            show_envvar=True,
            help="The connection's secret. The variable keeps it out of the list of processes.",
            metavar="SECRET",
        ),
    ] = None,
    connections: Annotated[
        Path | None,
        typer.Option(
            "--connections",
            help="Instead of one connection: a file with one line of `ofh connection create --json` for each. Every "
            "connection becomes a controller, and the aircraft are dealt out among them.",
            metavar="FILE",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    drones: Annotated[
        int | None,
        typer.Option(
            "--drones",
            min=1,
            max=5000,
            help=f"How many aircraft fly.  [default: {DEFAULT_DRONES}, with --connections one for each]",
            metavar="N",
            show_default=False,
        ),
    ] = None,
    rate: Annotated[
        float,
        typer.Option(
            "--rate",
            min=0.05,
            max=50,
            help="Position reports per second and aircraft. Real ones send 0.5.",
            metavar="HZ",
        ),
    ] = 0.5,
    seed: Annotated[
        int, typer.Option("--seed", help="The same seed gives the same fleet and the same flights.", metavar="K")
    ] = 1,
    place: Annotated[
        str,
        typer.Option("--place", help="Where the fleet is: longitude and latitude in degrees.", metavar="LON,LAT"),
    ] = f"{PLACE[0]},{PLACE[1]}",
    mqtt_url: Annotated[
        str | None,
        typer.Option(
            "--mqtt-url",
            help="The broker, mqtt://host:port or mqtts://host:port. Without it: what the hub tells, else port 1883 on "
            "the host of --url.",
            metavar="URL",
        ),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option("--duration", min=0, help="Stop after so many seconds. Without it: run on.", metavar="S"),
    ] = None,
) -> None:
    """Fly a simulated fleet against a hub.

    Each connection plays a DJI remote controller that logs in as Pilot 2 does and reports the flights of its aircraft:
    surveys, orbits, patrols, with take-off, landing, batteries and now and then a lost link. Ctrl-C ends it.
    """
    console = Console(stderr=True, highlight=False)
    order = Order(
        url=_hub_url(url),
        accounts=_accounts(connection_id, secret, connections),
        drones=drones,
        rate_hz=rate,
        seed=seed,
        place=_place(place),
        mqtt_url=mqtt_url,
        duration_s=duration,
    )
    try:
        asyncio.run(_simulate(order, console))
    except SimulatorError as error:
        console.print(Text(f"Error: {error}", style="bold red"))
        raise typer.Exit(1) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for, checked."""

    url: str
    accounts: Sequence[Account]
    drones: int | None
    rate_hz: float
    seed: int
    place: tuple[float, float]
    mqtt_url: str | None
    duration_s: float | None


async def _simulate(order: Order, console: Console) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with _stopping_on_signals(loop, stop):
        preparing = asyncio.create_task(_find_broker(order, console))
        if not await _unless_stopped(preparing, stop):
            return
        mqtt_url, accounts = preparing.result()
        drones = order.drones or (DEFAULT_DRONES if len(accounts) == 1 else len(accounts))
        _warn_of_limits(order, accounts, drones, console)
        stats = Stats()
        timer = loop.call_later(order.duration_s, stop.set) if order.duration_s is not None else None
        showing = asyncio.create_task(_show(stats, console))
        try:
            await run_fleet(
                mqtt_url,
                accounts,
                drones=drones,
                rate_hz=order.rate_hz,
                seed=order.seed,
                place=order.place,
                stop=stop,
                stats=stats,
                notice=lambda text: console.print(Text(text)),
            )
        finally:
            if timer is not None:
                timer.cancel()
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
        console.print(f"Ended: {stats.sent} messages sent.")


async def _unless_stopped(task: asyncio.Task[tuple[str, list[Account]]], stop: asyncio.Event) -> bool:
    """Wait for the task; False where the signal to stop came first."""
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return False
    return True


async def _find_broker(order: Order, console: Console) -> tuple[str, list[Account]]:
    """Log in each connection at the hub; the broker's address and what the connections log in with there."""
    found: LinkConfig | None = None
    accounts: list[Account] = []
    for account in order.accounts:
        async with new_http_client(order.url) as http:
            config = await log_in(http, account)
        if config is None:
            break
        found = config
        accounts.append(config.account)
    if found is not None and len(accounts) == len(order.accounts):
        return order.mqtt_url or found.mqtt_url, accounts
    mqtt_url = order.mqtt_url or fallback_mqtt_url(order.url)
    console.print(
        Text(f"The hub at {order.url} does not tell where its broker is: connecting to {mqtt_url} with id and secret.")
    )
    return mqtt_url, list(order.accounts)


def _warn_of_limits(order: Order, accounts: Sequence[Account], drones: int, console: Console) -> None:
    if drones < len(accounts):
        console.print(f"{drones} aircraft need no more than {drones} of the {len(accounts)} connections.")
    per_connection = -(-drones // min(len(accounts), drones)) * order.rate_hz
    if per_connection > MAX_MESSAGES_PER_S:
        console.print(
            f"One connection will send {per_connection:.0f} messages per second. A hub's default limit is "
            f"{MAX_MESSAGES_PER_S}: it will skip some. Use --connections, fewer --drones or a lower --rate."
        )


async def _show(stats: Stats, console: Console) -> None:
    """Progress: one line that renews itself on a terminal, else a line now and then."""
    if not console.is_terminal:
        while True:
            await asyncio.sleep(QUIET_REPORT_EVERY_S)
            console.print(_progress(stats))
    with Live(_progress(stats), console=console, auto_refresh=False, transient=True) as live:
        while True:
            live.update(_progress(stats), refresh=True)
            await asyncio.sleep(0.5)


def _progress(stats: Stats) -> Text:
    parts = [
        f"{stats.connected} of {stats.controllers} controllers connected",
        f"{stats.airborne} of {stats.aircraft} aircraft airborne",
        f"{stats.sent} messages sent",
    ]
    if stats.left_out:
        parts.append(f"{stats.left_out} left out, the hub is slow")
    if stats.unanswered_events:
        parts.append(f"{stats.unanswered_events} events unanswered")
    return Text(" · ".join(parts))


@contextlib.contextmanager
def _stopping_on_signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> Iterator[None]:
    signals = (signal.SIGINT, signal.SIGTERM) if sys.platform != "win32" else ()
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _hub_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise typer.BadParameter("write http://host:port or https://host", param_hint="--url")
    return text


def _accounts(connection_id: str | None, secret: str | None, file: Path | None) -> list[Account]:
    if file is not None:
        if connection_id is not None:
            raise typer.BadParameter("give either --connection-id or --connections", param_hint="--connections")
        return _read_accounts(file)
    if connection_id is None:
        raise typer.BadParameter("missing; or give --connections FILE", param_hint="--connection-id")
    if secret is None:
        raise typer.BadParameter("missing; or set OFH_CONNECTION_SECRET", param_hint="--secret")
    return [Account(connection_id=connection_id, secret=secret)]


def _read_accounts(file: Path) -> list[Account]:
    accounts: dict[str, Account] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            account = Account(connection_id=str(item["connection_id"]), secret=str(item["secret"]))
        except (ValueError, KeyError, TypeError):
            raise typer.BadParameter(
                f"line {number} is no line of `ofh connection create --json`", param_hint="--connections"
            ) from None
        if account.connection_id in accounts:
            raise typer.BadParameter(
                f"line {number} repeats connection {account.connection_id}", param_hint="--connections"
            )
        accounts[account.connection_id] = account
    if not accounts:
        raise typer.BadParameter("the file holds no connection", param_hint="--connections")
    return list(accounts.values())


def _place(text: str) -> tuple[float, float]:
    try:
        longitude_deg, latitude_deg = (float(part) for part in text.split(","))
        good = abs(longitude_deg) <= 180 and abs(latitude_deg) <= 85
    except ValueError:
        good = False
    if not good:
        raise typer.BadParameter(
            "write longitude,latitude in degrees, like 9.9539,50.498 (latitude -85 to 85)", param_hint="--place"
        )
    return longitude_deg, latitude_deg
