"""A simulation as the command line runs it: log in, fly, show progress on standard error, end on a signal."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.live import Live
from rich.text import Text

from .accounts import Account
from .chaos import Chaos
from .errors import SimulatorError
from .pilot import fallback_mqtt_url
from .run import LoggedIn, log_in_all, run_fleet
from .stats import Stats

T = TypeVar("T")

MAX_MESSAGES_PER_S = 100
"""What a hub takes from one connection for long (its own limit); beyond it, it keeps the newest positions only."""
QUIET_REPORT_EVERY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for, checked."""

    url: str
    accounts: Sequence[Account]
    drones: int
    rate_hz: float
    seed: int
    place: tuple[float, float]
    mqtt_url: str | None
    duration_s: float | None
    speed: float = 1.0
    """Simulated seconds per second."""
    takes_photos: bool = False
    is_chaotic: bool = False


async def simulate(order: Order, console: Console) -> None:
    """Carry out an order, until its time is up or SIGINT or SIGTERM comes.

    Raises:
        SimulatorError: no hub or broker answers, or they refuse every connection.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with _stopping_on_signals(loop, stop):
        preparing = asyncio.create_task(_log_in(order, console))
        if not await _unless_stopped(preparing, stop):
            return
        mqtt_url, found = preparing.result()
        _warn_of_limits(order, console)
        stats = Stats()
        timer = loop.call_later(order.duration_s, stop.set) if order.duration_s is not None else None
        showing = asyncio.create_task(_show(stats, console))
        try:
            await run_fleet(
                mqtt_url,
                found.accounts,
                drones=order.drones,
                rate_hz=order.rate_hz,
                seed=order.seed,
                speed=order.speed,
                place=order.place,
                stop=stop,
                stats=stats,
                notice=lambda text: console.print(Text(text)),
                cloud=found.cloud if order.takes_photos else None,
                chaos=Chaos(order.seed) if order.is_chaotic else None,
            )
        finally:
            if timer is not None:
                timer.cancel()
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
        console.print(Text(_ended(stats)))


async def _unless_stopped(task: asyncio.Task[T], stop: asyncio.Event) -> bool:
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


async def _log_in(order: Order, console: Console) -> tuple[str, LoggedIn]:
    """Log in each connection at the hub; the broker's URL beside what came of it."""
    found = await log_in_all(order.url, order.accounts)
    if order.takes_photos and found.cloud is None:
        raise SimulatorError(
            f"The hub at {order.url} does not tell where photos go. Leave out --photos, or use a hub that has the "
            "endpoints of the connection link."
        )
    mqtt_url = order.mqtt_url or found.mqtt_url or fallback_mqtt_url(order.url)
    if found.mqtt_url is None:
        console.print(
            Text(
                f"The hub at {order.url} does not tell where its broker is: connecting to {mqtt_url} with id and "
                "secret."
            )
        )
    return mqtt_url, found


def _warn_of_limits(order: Order, console: Console) -> None:
    drones, connections = order.drones, len(order.accounts)
    if drones < connections:
        console.print(f"{drones} aircraft need no more than {drones} of the {connections} connections.")
    per_connection = -(-drones // min(connections, drones)) * order.rate_hz
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
    if stats.photos_taken:
        parts.append(f"{stats.photos_uploaded} of {stats.photos_taken} photos uploaded")
    if stats.photos_left_out:
        parts.append(f"{stats.photos_left_out} photos left out, too many wait")
    if stats.unanswered_events:
        parts.append(f"{stats.unanswered_events} events unanswered")
    return Text(" · ".join(parts))


def _ended(stats: Stats) -> str:
    told = f"Ended: {stats.sent} messages sent"
    if stats.photos_taken:
        told += f", {stats.photos_uploaded} of {stats.photos_taken} photos uploaded"
    return f"{told}."


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
