"""`ofh worker`: does the jobs of a hub (thumbnails, metadata, coverage) in a process of its own, beside any hubs."""

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from ofh import logs
from ofh.settings import Settings

from .common import Data, fail, run, settings_of

if TYPE_CHECKING:
    from ofh.metrics import Metrics
    from ofh.workshop import Workshop

log = structlog.get_logger(__name__)

REFRESH_S = 5.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("worker")(worker)


def worker(
    data: Data = None,
    once: Annotated[bool, typer.Option("--once", help="Do all that is due now, then end.")] = False,
    again: Annotated[bool, typer.Option("--again", help="First take up again what had been given up.")] = False,
    metrics_port: Annotated[
        int | None,
        typer.Option("--metrics-port", min=1, max=65535, help="Show metrics at http://OFH_HOST:PORT/metrics."),
    ] = None,
) -> None:
    """Look into photos and files as they come: thumbnails, metadata, coverage. Any number may run, on any machine.

    With the hub's settings (database, bus, storage; the data folder where the storage is one). Hubs do this work
    themselves as well, unless OFH_JOBS is false for them. OFH_JOBS_AT_ONCE says how many files at a time.
    """
    settings = settings_of(data=data)
    logs.configure(settings.log_level, settings.log_format)
    done = run(_work(settings, once=once, again=again, metrics_port=metrics_port))
    if once:
        typer.echo(f"{done} jobs done.")


async def _work(settings: Settings, *, once: bool, again: bool, metrics_port: int | None) -> int:
    """Work until told to stop; how many jobs were done."""
    from ofh.metrics import Metrics
    from ofh.worker import worker_parts

    metrics = Metrics()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with worker_parts(settings, metrics) as workshop:
        if again:
            log.info("jobs taken up again", number=await workshop.queue.again())
        if metrics_port is not None:
            _show(settings, metrics, metrics_port)
        working = asyncio.create_task(workshop.runner.run_due() if once else _serve(workshop, metrics))
        told = asyncio.create_task(stopping.wait())
        log.info("worker ready")
        await asyncio.wait([working, told], return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        return workshop.runner.done.total()


async def _serve(workshop: "Workshop", metrics: "Metrics") -> int:
    """Do jobs, and keep the numbers up to date, until cancelled."""
    from ofh.supervision import supervise

    async def refresh() -> None:
        while True:
            await workshop.queue.look()
            metrics.refresh()
            await asyncio.sleep(REFRESH_S)

    async with asyncio.TaskGroup() as group:
        group.create_task(supervise("jobs", workshop.run))
        group.create_task(supervise("numbers of jobs", refresh))
    return 0


def _show(settings: Settings, metrics: "Metrics", port: int) -> None:
    from prometheus_client import start_http_server

    try:
        start_http_server(port, settings.host, metrics.registry)
    except OSError as error:
        fail(f"Cannot show metrics on {settings.host}:{port} (OFH_HOST, --metrics-port): {error.strerror}.")
