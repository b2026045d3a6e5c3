"""`ofh simulate`: a fleet of simulated controllers and aircraft, connected to a hub from outside."""

import asyncio
import json
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.text import Text

from ofh.simulator.accounts import Account
from ofh.simulator.errors import SimulatorError
from ofh.simulator.fleet import PLACE

DEFAULT_DRONES = 3


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
            help=f"How many aircraft fly. By default {DEFAULT_DRONES}; with --connections, one for each.",
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
    speed: Annotated[
        float, typer.Option("--speed", min=0.1, max=20, help="How much faster than life the fleet flies.", metavar="X")
    ] = 1.0,
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
    photos: Annotated[
        bool,
        typer.Option(
            "--photos",
            help="The aircraft take photos and the controllers upload them, as Pilot 2 does, and hold its websocket.",
        ),
    ] = False,
    chaos: Annotated[
        bool,
        typer.Option(
            "--chaos",
            help="Links break, messages come late, twice or not at all, uploads are cut off: all by the seed.",
        ),
    ] = False,
    duration: Annotated[
        float | None,
        typer.Option("--duration", min=0, help="Stop after so many seconds. Without it: run on.", metavar="S"),
    ] = None,
) -> None:
    """Fly a simulated fleet against a hub.

    Each connection plays a DJI remote controller, which logs in as Pilot 2 does and reports what its aircraft do.

    They fly surveys, orbits and patrols, land, change batteries and now and then lose the link. Ctrl-C ends it.
    """
    from ofh.simulator import console as simulation  # the clients of MQTT and HTTP are heavy; other commands do without

    console = Console(stderr=True, highlight=False)
    accounts = _accounts(connection_id, secret, connections)
    order = simulation.Order(
        url=_hub_url(url),
        accounts=accounts,
        drones=drones or (DEFAULT_DRONES if connections is None else len(accounts)),
        rate_hz=rate,
        seed=seed,
        speed=speed,
        place=_place(place),
        mqtt_url=mqtt_url,
        duration_s=duration,
        takes_photos=photos,
        is_chaotic=chaos,
    )
    try:
        asyncio.run(simulation.simulate(order, console))
    except SimulatorError as error:
        console.print(Text(f"Error: {error}", style="bold red"))
        raise typer.Exit(1) from None


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
