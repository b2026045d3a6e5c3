"""`ofh serve`: the hub, in one process or in several."""

import asyncio
import errno
import gc
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from math import ceil
from typing import Annotated, Any

import structlog
import typer

from ofh import logs
from ofh.settings import Settings

from .common import clear_errors, fail, settings_of

log = structlog.get_logger(__name__)

BACKLOG = 2048
"""Connections that may wait to be accepted."""
ACCEPTED_AT_ONCE = 16
"""Of these, what one of several processes takes before the others have a turn: of a thousand dashboards that come back
at the same moment one process would else get nearly all."""
ON_THEIR_WAY_S = 0.2
"""How long a connection that was accepted may take to bring its request, once the process is to stop."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address for HTTP.  [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port for HTTP.  [default: 8000]")] = None,
    mqtt_host: Annotated[
        str | None, typer.Option("--mqtt-host", help="Address for MQTT, with the broker inside.  [default: 127.0.0.1]")
    ] = None,
    mqtt_port: Annotated[
        int | None, typer.Option("--mqtt-port", help="Port for MQTT, with the broker inside.  [default: 1883]")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="DIR", help="The data folder.  [default: ./ofh-data]")
    ] = None,
    public_url: Annotated[
        str | None, typer.Option("--public-url", metavar="URL", help="Where browsers and controllers reach the hub.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes; more than one needs PostgreSQL, Redis and a broker.")
    ] = None,
) -> None:
    """Run the hub.

    On an empty database it creates the first user and prints a link that logs in once. All settings, also those
    without a flag here: docs/settings.md, or `ofh settings`.

    SIGTERM ends it in order. With several workers SIGHUP replaces them one by one.
    """
    flags = {
        "host": host,
        "port": port,
        "mqtt_host": mqtt_host,
        "mqtt_port": mqtt_port,
        "data": data,
        "public_url": public_url,
        "workers": workers,
    }
    settings = settings_of(**flags)
    logs.configure(settings.log_level, settings.log_format)
    listener = listen(settings)
    if settings.workers == 1:
        run_process(settings, listener, 0, announce)
    else:
        from .supervisor import Supervisor

        Supervisor(flags, settings, listener).run()


def listen(settings: Settings) -> socket.socket:
    """The HTTP listener; a taken port ends the command with the setting's name."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named, or asyncio does not see that connections are TCP and leaves them without TCP_NODELAY: the
    # second part of every answer would wait up to 40 ms for the client to acknowledge the first.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            fail(f"Port {settings.port} is taken. Choose another with --port or OFH_PORT.")
        fail(f"Cannot listen on {settings.host}:{settings.port} (--host or OFH_HOST): {error.strerror}.")
    listener.listen(2048)
    listener.set_inheritable(True)
    return listener


def url_of(settings: Settings, listener: socket.socket) -> str:
    """Where people reach this hub: the configured URL, else this machine's."""
    if settings.public_url:
        return settings.public_url
    host = settings.host
    shown = "localhost" if host in ("0.0.0.0", "::", "127.0.0.1", "::1") else host  # noqa: S104, a comparison
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{listener.getsockname()[1]}"


Announce = Callable[[Any, str], Coroutine[Any, Any, None]]
"""Called with the hub and its URL once it is ready."""
Beside = Callable[[Any, str, asyncio.Event], Coroutine[Any, Any, None]]
"""Runs while the hub serves; the event is set when it is to stop."""


def run_process(
    settings: Settings,
    listener: socket.socket,
    instance: int,
    announce: Announce | None,
    *,
    beside: Beside | None = None,
    is_supervised: bool = False,
) -> None:
    """Run one hub process until it is told to stop.

    On asyncio's own loop: frames go past its transports, and uvloop makes a delivery no cheaper (bench/live.py --loop).

    Args:
        beside: see `serve_hub`.
        is_supervised: one of several (`supervisor.py`).
    """
    with clear_errors(), asyncio.Runner() as runner:
        runner.run(
            serve_hub(
                settings,
                listener,
                instance=instance,
                announce=announce,
                beside=beside,
                is_supervised=is_supervised,
            )
        )


async def serve_hub(
    settings: Settings,
    listener: socket.socket,
    *,
    instance: int = 0,
    announce: Announce | None = None,
    beside: Beside | None = None,
    is_supervised: bool = False,
) -> None:
    """Start the hub, serve HTTP on the listener, stop on SIGTERM, SIGINT or SIGHUP.

    Args:
        beside: runs while the hub serves.
        is_supervised: one of several: SIGTERM stops it at once, SIGUSR1 alone tells it to say that it is not ready.
    """
    import uvicorn

    from ofh.app import build_app
    from ofh.edges.ws_protocol import protocol_with
    from ofh.hub import Hub

    url = url_of(settings, listener)
    with _mqtt_errors(settings):
        hub = Hub(settings, public_url=url, instance=instance)
        await hub.start()
    try:
        app = build_app(hub, port=listener.getsockname()[1])
        config = uvicorn.Config(
            app,
            ws=protocol_with(settings.socket_buffer_kib * 1024),
            ws_max_size=260 * 1024,  # MQTT packets; GraphQL looks at its messages itself
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=ceil(settings.stop_s),
            backlog=ACCEPTED_AT_ONCE if is_supervised else BACKLOG,
        )
        server = _quiet_server(config)
        await app.start()
        stopping = _stopping(hub, 0 if is_supervised else settings.drain_s, is_supervised=is_supervised)
        companion = asyncio.create_task(beside(hub, url, stopping)) if beside else None
        try:
            if announce is not None:
                await announce(hub, url)
            _settle_garbage()
            await _serve(server, app, hub, listener, stopping)
        finally:
            stopping.set()
            if companion is not None:
                await asyncio.wait([companion], timeout=2)
                companion.cancel()
            await app.stop()
    finally:
        await hub.stop()


@contextmanager
def _mqtt_errors(settings: Settings) -> Iterator[None]:
    """Name the setting where the broker inside the hub cannot listen."""
    try:
        yield
    except ssl.SSLError:
        if settings.mqtt_url is None and settings.mqtt_tls_certificate is not None:
            fail("OFH_MQTT_TLS_CERTIFICATE and OFH_MQTT_TLS_KEY hold no certificate (PEM) with its key.")
        raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            if f", {settings.mqtt_tls_port})" in str(error):
                fail(f"The MQTT port {settings.mqtt_tls_port} is taken. Choose another with OFH_MQTT_TLS_PORT.")
            fail(f"The MQTT port {settings.mqtt_port} is taken. Choose another with --mqtt-port or OFH_MQTT_PORT.")
        if error.errno == errno.EADDRNOTAVAIL:
            fail(
                f"{settings.mqtt_host} is no address of this machine. Choose another with --mqtt-host or OFH_MQTT_HOST."
            )
        raise


def _stopping(hub: Any, drain_s: float, *, is_supervised: bool) -> asyncio.Event:
    """What is set once the hub is to stop. Before that it says for a while that it is not ready, unless it is told
    twice.
    """
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()

    def leave() -> None:
        hub.is_leaving = True

    def stop() -> None:
        if hub.is_leaving or not drain_s:
            stopping.set()
        else:
            loop.call_later(drain_s, stopping.set)
            log.info("the hub serves on for a while, but is not ready any more", seconds=drain_s)
        leave()

    loop.add_signal_handler(signal.SIGTERM, stopping.set if is_supervised else stop)
    if is_supervised:
        loop.add_signal_handler(signal.SIGUSR1, leave)
    else:
        loop.add_signal_handler(signal.SIGINT, stop)
        loop.add_signal_handler(signal.SIGHUP, stop)
    return stopping


def _quiet_server(config: Any) -> Any:
    """uvicorn's server, which leaves the signals to us: websockets are closed before it stops."""
    import uvicorn

    class QuietServer(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            for listener in sockets or []:
                listener.listen(BACKLOG)  # what may wait is not what is accepted at once

    return QuietServer(config)


async def _serve(server: Any, app: Any, hub: Any, listener: socket.socket, stopping: asyncio.Event) -> None:
    """Serve until told to stop. Then new connections are left to others, who find them waiting at the listener, and so
    is what devices publish; sockets are told, so that their clients come back elsewhere. Requests may end, also those
    that were on their way.
    """
    serving = asyncio.create_task(server.serve([listener]))
    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
    for accepting in getattr(server, "servers", []):
        accepting.close()
    await asyncio.gather(hub.hand_over(), app.stop(), asyncio.sleep(ON_THEIR_WAY_S))
    server.should_exit = True
    await serving
    stopped.cancel()


def _settle_garbage() -> None:
    """What start-up made stays; looking through it again and again would double the cost of a delivery."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


async def announce(hub: Any, url: str) -> None:
    """Say where the hub is; on an empty database make the first user and show how to log in."""
    typer.echo(f"OpenFlightHub is at {url}", err=True)
    token = await hub.first_login()
    if token is not None:
        typer.echo("The first user, admin@localhost, can log in once, within 10 minutes, at:", err=True)
        typer.echo(hub.people.letters.login_link(token))
