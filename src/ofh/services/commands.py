"""Commands to controllers over MQTT, and their answers, whichever process of the hub these come to.

Nothing here decides who may command: whoever calls has asked and records it (security.md, M11).
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from ofh.backends.ports import Broker
from ofh.dji import live
from ofh.dji.envelope import Envelope
from ofh.domain.errors import Code, HubError

from .control import Control
from .counters import Counters

MAX_WAITING = 1_000
_Key = tuple[str, str, str]
"""The controller's serial number, tid and bid."""


class Commands:
    """Sends commands and waits for what comes of them.

    Args:
        clock: the hub's time, UTC.
    """

    def __init__(self, broker: Broker, control: Control, counters: Counters, clock: Callable[[], datetime]) -> None:
        self._broker = broker
        self._control = control
        self._counters = counters
        self._clock = clock
        self._waiting: dict[_Key, asyncio.Future[int]] = {}

    async def send(self, gateway: str, method: str, data: Mapping[str, Any], *, within_s: float) -> int | None:
        """Give a controller a command.

        Returns:
            DJI's code, 0 where it was done; None where no answer came in time.
        Raises:
            HubError: UNAVAILABLE, the broker is away, or too many commands wait.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise HubError(Code.UNAVAILABLE, "Too many commands wait for their answers. Try again soon.")
        tid, bid = _id(), _id()
        key = (gateway, tid, bid)
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[key] = answer
        try:
            payload = live.command(method, data, tid=tid, bid=bid, at=self._clock())
            await self._broker.publish(live.services_topic(gateway), payload, qos=1)
            async with asyncio.timeout(within_s):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._waiting[key]

    async def answered(self, gateway: str, envelope: Envelope) -> None:
        """An answer came in from the controller itself.

        Raises:
            DecodeError: it is none.
        """
        result = live.result_of(envelope)
        if not self._take((gateway, envelope.tid, envelope.bid), result):
            await self._control.publish("answer", gateway=gateway, tid=envelope.tid, bid=envelope.bid, result=result)

    def told(self, message: Mapping[str, Any]) -> None:
        """Word from another process; for `Control.subscribe`."""
        if message["kind"] == "answer":
            key = (message["gateway"], message["tid"], message["bid"])
            self._take(key, message["result"])

    def _take(self, key: _Key, result: int) -> bool:
        answer = self._waiting.get(key)
        if answer is None:
            return False
        if not answer.done():
            answer.set_result(result)
        return True


def _id() -> str:
    return str(UUID(bytes=secrets.token_bytes(16), version=4))
