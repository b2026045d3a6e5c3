"""Word of changes that end or alter rights, carried to every process of the hub.

Published after the commit, never before. A message is a hint to look again, not a proof: sockets are checked against
the database at intervals all the same, so one that is lost delays the end of a right and never prevents it.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Literal

import orjson
import structlog

from ofh.backends.ports import Bus, Interrupted
from ofh.domain.errors import HubError

CHANNEL = "control"
Kind = Literal[
    "session",
    "membership",
    "workspace",
    "sharing",
    "user",
    "connection",
    "bindings",
    "alert_rules",
    "answer",
    "steering",
    "interrupted",
]
"""`interrupted`: messages may have been lost; whoever keeps a right at hand checks it now."""
Callback = Callable[[Mapping[str, Any]], None]

log = structlog.get_logger(__name__)


class Control:
    """The line between the processes.

    Args:
        bus: None where there is one process and nobody else to tell, such as at the command line.
        retry_s: how long to wait before joining the bus again after it was away.
    """

    def __init__(self, bus: Bus | None, *, retry_s: float = 1.0) -> None:
        self._bus = bus
        self._retry_s = retry_s
        self._origin = secrets.token_hex(8)
        self._callbacks: dict[object, Callback] = {}

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Be told of every message, of this process at once and of the others as they come.

        Args:
            callback: gets `{"kind": …, ids}`; must not block.
        Returns:
            What ends it; more than one call does no harm.
        """
        key = object()
        self._callbacks[key] = callback

        def unsubscribe() -> None:
            self._callbacks.pop(key, None)

        return unsubscribe

    async def publish(self, kind: Kind, **ids: Any) -> None:
        """Tell this process at once, then the others.

        The change is committed already: a bus that is away is logged and not an error of the caller.
        """
        message = {"kind": kind, **ids}
        self._deliver(message)
        if self._bus is None:
            return
        try:
            await self._bus.publish(CHANNEL, orjson.dumps({**message, "origin": self._origin}))
        except HubError as error:
            log.warning("control message not sent", kind=kind, reason=error.message)

    async def run(self) -> None:
        """Listen to the other processes until cancelled."""
        if self._bus is None:
            return
        while True:
            try:
                async with self._bus.subscribe(CHANNEL) as messages:
                    async for item in messages:
                        self._receive(item)
                return  # the bus was stopped
            except HubError as error:
                log.warning("control channel away", reason=error.message)
                self._deliver({"kind": "interrupted"})
                await asyncio.sleep(self._retry_s)

    def _receive(self, item: bytes | Interrupted) -> None:
        if isinstance(item, Interrupted):
            self._deliver({"kind": "interrupted"})
            return
        try:
            message = orjson.loads(item)
        except orjson.JSONDecodeError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
            log.warning("control message not understood")
            return
        if message.pop("origin", None) != self._origin:
            self._deliver(message)

    def _deliver(self, message: Mapping[str, Any]) -> None:
        for callback in list(self._callbacks.values()):
            try:
                callback(message)
            except Exception:
                log.exception("a listener failed on a control message", kind=message.get("kind"))
