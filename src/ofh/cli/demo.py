"""`ofh demo`: the hub and a simulated fleet, everything at once."""

import asyncio
import errno
import socket
import tempfile
from typing import TYPE_CHECKING, Annotated

import typer

from ofh import logs
from ofh.domain.actors import Actor
from ofh.settings import Settings

from .common import fail, run, settings_of
from .serve import listen, serve_hub

if TYPE_CHECKING:
    from ofh.hub import Hub

DEMO_USER = "demo@localhost"
RATE_HZ = 2.0
"""Four times as often as real devices report, so that there is something to look at."""

_WITHIN = {"database_url": None, "redis_url": None, "mqtt_url": None, "smtp_url": None}
"""Everything is inside the demo: its fleet has no place in a database that is configured for a hub."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    drones: Annotated[int, typer.Option("--drones", min=1, max=60, help="How many aircraft fly.")] = 10,
    port: Annotated[
        int | None,
        typer.Option("--port", help="Port for HTTP; a free one is taken where it is in use.  [default: 8000]"),
    ] = None,
    mqtt_port: Annotated[
        int | None, typer.Option("--mqtt-port", help="Port for MQTT; likewise.  [default: 1883]")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="DIR", help="Keep the data in this folder. Without it: a folder that is deleted."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same flights.")] = 1,
    speed: Annotated[
        float, typer.Option("--speed", min=0.1, max=20, help="How much faster than life the fleet flies.")
    ] = 1.0,
    photos: Annotated[
        bool, typer.Option("--photos", help="The aircraft take photos, and the controllers upload them.")
    ] = False,
) -> None:
    """See it work: the hub with a fleet of simulated drones around one place.

    Prints a link that logs in once and shows the fleet live, and a subscription to paste. Nothing else has to be
    installed or configured. Ctrl-C ends it.
    """
    asked = settings_of(port=port, mqtt_port=mqtt_port, workers=1)
    with tempfile.TemporaryDirectory(prefix="ofh-demo-") as folder:
        settings = settings_of(
            data=data or folder,
            port=_free(asked.host, asked.port, "HTTP"),
            mqtt_port=_free(asked.mqtt_host, asked.mqtt_port, "MQTT"),
            mqtt_host=asked.mqtt_host,
            log_level="warning",
            workers=1,
        ).model_copy(update=_WITHIN)
        logs.configure(settings.log_level, settings.log_format)
        run(_demo(settings, drones=drones, seed=seed, speed=speed, photos=photos))


def _free(host: str, port: int, what: str) -> int:
    """The port, or a free one where it is taken, and say so."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                fail(f"Cannot listen on {host}:{port} for {what}: {error.strerror}.")
            probe.bind((host, 0))
            typer.echo(f"Port {port} for {what} is taken, so {probe.getsockname()[1]} is used.", err=True)
        found: int = probe.getsockname()[1]
        return found


async def _demo(settings: Settings, *, drones: int, seed: int, speed: float, photos: bool) -> None:
    async def fly(hub: "Hub", url: str, stop: asyncio.Event) -> None:
        from ofh.simulator.accounts import Account
        from ofh.simulator.run import log_in_all, run_fleet

        workspace_id, made = await _prepare(hub, drones)
        accounts = [Account(connection_id=name, secret=secret) for name, secret in made]
        token = await _login(hub)
        _show(url, hub.people.letters.login_link(token), workspace_id, photos=photos)
        await run_fleet(
            f"mqtt://{settings.mqtt_host}:{settings.mqtt_port}",
            accounts,
            drones=drones,
            rate_hz=RATE_HZ,
            seed=seed,
            speed=speed,
            stop=stop,
            notice=lambda text: typer.echo(text, err=True),
            cloud=(await log_in_all(url, accounts)).cloud if photos else None,
        )

    await serve_hub(settings, listen(settings), beside=fly)


async def _prepare(hub: "Hub", drones: int) -> tuple[int, list[tuple[str, str]]]:
    """A workspace of the demo user, and a connection for each aircraft; those of an earlier run get new secrets."""
    user = await hub.people.accounts.find(DEMO_USER)
    if user is None:
        user = await hub.people.accounts.create_user(DEMO_USER, name="Demo")
    actor = Actor(user_id=user.id, credential="cli", credential_id=0)
    found = await hub.people.workspaces.list_for(actor)
    workspace = found[0][0] if found else await hub.people.workspaces.create(actor, "Demo")
    held = {row.name: row for row in await hub.people.connections.list(actor, workspace.id)}
    accounts = []
    for number in range(1, drones + 1):
        name = f"Controller {number}"
        if name in held:
            made = await hub.people.connections.rotate_secret(actor, held[name].id)
        else:
            made = await hub.people.connections.create(actor, workspace.id, name)
        accounts.append((made.connection.public_id, made.secret))
    return workspace.id, accounts


async def _login(hub: "Hub") -> str:
    user = await hub.people.accounts.find(DEMO_USER)
    assert user is not None
    return await hub.people.sessions.issue_login_token(user.id)


def _show(url: str, link: str, workspace_id: int, *, photos: bool) -> None:
    typer.echo(
        f"""
OpenFlightHub is at {url}

Open this link to log in (it works once, within 10 minutes):

  {link}

It shows the fleet on a map. The API behind it has an IDE at {url}/graphql with this subscription, ready to run:

  subscription {{
    workspacePositions(workspaceId: {workspace_id}, interval: 1000) {{
      drone {{ name model }}
      position {{ longitude latitude height }}
      telemetry {{ heading horizontalSpeed elevation flightMode }}
    }}
  }}
"""
    )
    if photos:
        typer.echo(
            f"""And the photos, as they come; each `url` opens in this browser once it is logged in:

  query {{
    workspace(id: {workspace_id}) {{
      media(first: 10) {{ edges {{ node {{ fileName capturedAt drone {{ name }} file {{ url }} }} }} }}
    }}
  }}
"""
        )
    typer.echo("Ctrl-C ends the demo.\n")
