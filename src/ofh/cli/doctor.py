"""`ofh doctor`: tries every configured backend and says what is wrong and how to mend it."""

import asyncio
import json
import secrets
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from ofh import logs
from ofh.backends.ports import Message
from ofh.domain.errors import HubError
from ofh.domain.link_steps import HINTS, LinkStepName
from ofh.settings import Settings, redacted
from ofh.store.database import Database, away
from ofh.store.migrate import pending

from .common import settings_of

PATIENCE_S = 15.0
RECEIVER_S = 10.0
"""How long a receiver of ADS-B is waited for."""
LITTLE_DISK_BYTES = 1_000_000_000
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6360000000020001"
    "48afa4710000000049454e44ae426082"
)
"""A PNG of one pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found."""

    name: str
    ok: bool
    text: str
    """What is so; where it is not well, also what to do."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    data: Annotated[str | None, typer.Option("--data", metavar="DIR", help="The hub's data folder.")] = None,
    show_settings: Annotated[bool, typer.Option("--settings", help="Also show the settings, without secrets.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
) -> None:
    """Try every configured backend and say what is wrong and how to mend it. Exit code 1 where something is."""
    settings = settings_of(data=data)
    logs.configure("error", settings.log_format)
    findings = asyncio.run(examine(settings))
    healthy = all(finding.ok for finding in findings)
    if as_json:
        report = {
            "ok": healthy,
            "checks": [{"name": f.name, "ok": f.ok, "text": f.text} for f in findings],
            "settings": dict(redacted(settings)) if show_settings else None,
        }
        typer.echo(json.dumps({key: value for key, value in report.items() if value is not None}))
    else:
        for finding in findings:
            typer.echo(f"{'ok ' if finding.ok else 'BAD'}  {finding.name}: {finding.text}")
        if show_settings:
            typer.echo("")
            for name, value in redacted(settings).items():
                typer.echo(f"OFH_{name.upper()}={value}")
    if not healthy:
        raise typer.Exit(1)


async def examine(settings: Settings) -> list[Finding]:
    """Every check, in the order in which a hub needs what they look at; at once, since some wait for an answer."""
    checks: list[tuple[str, Callable[[], Awaitable[str]]]] = [
        ("data folder", lambda: _data_folder(settings)),
        ("database", lambda: _database(settings)),
        ("bus", lambda: _bus(settings)),
        ("broker", lambda: _broker(settings)),
        ("storage", lambda: _storage(settings)),
        ("thumbnails", lambda: _thumbnails(settings)),
    ]
    if settings.adsb_urls:
        checks.append(("receivers of ADS-B", lambda: _receivers(settings)))
    findings = await asyncio.gather(*(_try(name, check) for name, check in checks))
    return [*findings, _public_url(settings), _controllers(settings)]


async def _try(name: str, check: Callable[[], Awaitable[str]]) -> Finding:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return Finding(name=name, ok=True, text=await check())
    except _Ill as error:
        return Finding(name=name, ok=False, text=str(error))
    except Exception as error:  # noqa: BLE001 - whatever a backend throws is a finding
        known = error if isinstance(error, HubError) else away(error)
        text = known.message if known is not None else f"{type(error).__name__}: {error}"
        return Finding(name=name, ok=False, text=f"{text} {_REMEDY[name]}")


class _Ill(Exception):
    """Not well, and the text says what to do."""


_SQLITE_REMEDY = "Put a backup in its place, or name another folder with OFH_DATA or --data."
_REMEDY = {
    "data folder": "Make it writable for this user, or name another one with OFH_DATA or --data.",
    "database": "Check that OFH_DATABASE_URL names a running PostgreSQL, its user, password and database.",
    "bus": "Check that OFH_REDIS_URL names a running Redis and its password.",
    "broker": "Check that OFH_MQTT_URL names a running Mosquitto with the shipped configuration and the hub's account.",
    "storage": "Check that OFH_STORAGE_URL names a running S3 server, a bucket that exists, and a key that may write.",
    "thumbnails": "Uploads are fine without them.",
    "receivers of ADS-B": "Everything but the traffic is fine without them.",
}


async def _data_folder(settings: Settings) -> str:
    folder = settings.data
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".doctor"
    probe.write_bytes(b"")
    probe.unlink()
    free = shutil.disk_usage(folder).free
    if free < LITTLE_DISK_BYTES:
        raise _Ill(f"{folder} has only {free / 1e6:.0f} MB left. Make room or name another folder with OFH_DATA.")
    return f"{folder} is writable, {free / 1e9:.0f} GB free"


async def _database(settings: Settings) -> str:
    database = Database(settings.database, pool_size=2)
    try:
        await database.open()
        await database.close()
        names = await pending(database)
    except Exception as error:  # noqa: BLE001 - as above
        reason = _first_cause(error)
        if database.dialect == "sqlite":
            raise _Ill(f"{database.path} cannot be used: {reason}. {_SQLITE_REMEDY}") from None
        raise _Ill(f"PostgreSQL does not answer as it should: {reason}. {_REMEDY['database']}") from None
    found = "SQLite" if database.dialect == "sqlite" else "PostgreSQL answers"
    if names and names[0].startswith("0001_"):
        return f"{found}, empty as before a first start"
    if names:
        raise _Ill(f"migrations are missing: {', '.join(names)}. Run: ofh migrate")
    return found


def _first_cause(error: BaseException) -> str:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return str(error).strip().rstrip(".") or type(error).__name__


async def _bus(settings: Settings) -> str:
    if settings.redis_url is None:
        return "within the process"
    from ofh.backends.bus_redis import RedisBus

    bus = RedisBus(settings.redis_url, prefix=settings.redis_prefix, start_timeout_s=5)
    await bus.start()
    try:
        async with bus.subscribe("doctor") as messages:
            await bus.publish("doctor", b"ping")
            heard = await anext(messages)
    finally:
        await bus.stop()
    if heard != b"ping":
        raise _Ill("a message did not come back. Check that no proxy stands before OFH_REDIS_URL.")
    return "Redis answers, a message came back"


async def _broker(settings: Settings) -> str:
    if settings.mqtt_url is None:
        return "inside the hub"
    from ofh.choices import outside_broker

    broker = outside_broker(settings)
    assert broker is not None
    await broker.start(_no_message, lambda _session: None)
    try:
        await broker.check()
    except HubError as error:
        raise _Ill(f"{broker.away_reason or error.message}. {_REMEDY['broker']}") from None
    finally:
        await broker.stop()
    return "Mosquitto answers, its accounts can be administered"


async def _no_message(_message: Message) -> None:
    """This client subscribes to nothing that devices publish."""


async def _storage(settings: Settings) -> str:
    """Store a small object, find it, read it back and delete it."""
    from ofh.choices import object_store, upload_roles

    store = object_store(settings)
    key, content = f"doctor/{secrets.token_hex(8)}/probe", b"a probe of ofh doctor"
    folder = settings.data / "incoming"
    await store.start()
    try:
        await store.check()
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        source = folder / secrets.token_hex(16)
        await asyncio.to_thread(source.write_bytes, content)
        try:
            await store.put(key, source, content_type="text/plain")
            found = await store.stat(key)
            read = b"".join([piece async for piece in store.read(key)])
        finally:
            await asyncio.to_thread(source.unlink, missing_ok=True)
            await store.delete(key)
        if found is None or found.size_bytes != len(content) or read != content or await store.stat(key) is not None:
            raise _Ill(f"an object did not come back as it was stored. {_REMEDY['storage']}")
    finally:
        await store.stop()
    roles = upload_roles(settings)
    if roles is not None:
        try:
            await roles.issue("doctor/probe", timedelta(minutes=15))
        except HubError as error:
            raise _Ill(f"{error.message} Check OFH_STORAGE_STS and OFH_STORAGE_STS_URL, or leave them out.") from None
        return "the bucket stores and gives back, its STS issues credentials"
    return "a folder of the data folder" if settings.storage_url is None else "the bucket stores and gives back"


async def _thumbnails(settings: Settings) -> str:
    """Make one of a tiny picture, as it is made of photos: by a process that may do nothing else."""
    from ofh.backends.thumbnails.pool import NoThumbnail, ThumbnailPool

    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "probe"
        await asyncio.to_thread(picture.write_bytes, PICTURE)
        try:
            await ThumbnailPool().of_picture(picture, "image/png")
        except NoThumbnail as error:
            raise _Ill(f"none can be made here: {error}. Uploads are fine without them.") from None
    doer = "hubs" if settings.jobs else "ofh worker alone (OFH_JOBS is false)"
    if shutil.which(settings.ffmpeg) is None:
        return f"of pictures, made by {doer}; of videos none: install ffmpeg, or name it with OFH_FFMPEG"
    return f"of pictures and, with ffmpeg, of videos, made by {doer}"


async def _receivers(settings: Settings) -> str:
    from ofh.backends.adsb import Receiver

    receivers = [Receiver(url, lambda _: None, lambda: datetime.now(UTC)) for url in settings.adsb_urls]
    tasks = [asyncio.create_task(receiver.run()) for receiver in receivers]
    try:
        async with asyncio.timeout(RECEIVER_S):
            await asyncio.gather(*(receiver.connected.wait() for receiver in receivers))
    except TimeoutError:
        missing = ", ".join(receiver.name for receiver in receivers if not receiver.connected.is_set())
        raise _Ill(
            f"{missing} does not answer as a receiver does. Check OFH_ADSB_URLS; everything but the traffic is fine"
            " without it."
        ) from None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return f"{', '.join(receiver.name for receiver in receivers)} answers"


def _public_url(settings: Settings) -> Finding:
    name = "public URL"
    if settings.public_url is None:
        return Finding(
            name=name,
            ok=True,
            text="not set: only browsers and controllers on this machine can use the hub. Set OFH_PUBLIC_URL for"
            " others.",
        )
    host = urlsplit(settings.public_url).hostname or ""
    if host in ("localhost", "127.0.0.1", "::1"):
        return Finding(
            name=name,
            ok=False,
            text=f"{settings.public_url} means this machine only, for a controller itself. Set OFH_PUBLIC_URL to a name"
            " or address that controllers reach.",
        )
    return Finding(name=name, ok=True, text=settings.public_url)


def _controllers(settings: Settings) -> Finding:
    """What controllers are handed beside the public URL; how each of them fares: `ofh connection doctor`."""
    name = "controllers"
    if settings.public_url is None:
        return Finding(name=name, ok=True, text="none but on this machine, without a public URL")
    from ofh.choices import handed_to_controllers
    from ofh.services.handed import findings_of

    handed = handed_to_controllers(settings, settings.public_url)
    found = [item for item in findings_of(handed) if item.step in (LinkStepName.MQTT_LOGIN, LinkStepName.FIRST_OBJECT)]
    told = [f"{item.detail}: {HINTS[item.problem]}" for item in found if item.detail]
    ill = [item for item in found if item.is_certain]
    if not handed.has_licence:
        told.append("Without OFH_DJI_APP_ID Pilot 2 cannot log in; the simulator can.")
    return Finding(name=name, ok=not ill, text=" ".join(told) or f"MQTT at {handed.mqtt_url}")
