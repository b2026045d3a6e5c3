"""What devices have published, on its way to the handler: in its order, each with the account that published it."""

import asyncio
from collections import deque
from dataclasses import replace

import structlog

from ofh.backends.mqtt_publishers import Publishers
from ofh.backends.pauses import Pauses
from ofh.backends.ports import Handler, Message
from ofh.domain.errors import Code, HubError

QUEUE_LIMIT = 10_000
"""Messages that may wait for the handler. QoS 1 stops at the receive maximum; of QoS 0 the rest is dropped."""
RETRY_S = (0.2, 2.0)
"""First and longest pause of a message that waits for a backend."""
BATCH = 50
"""Messages after which others on the loop have their turn: a handler may never have to wait."""

log = structlog.get_logger(__name__)


class Intake:
    """Hands messages to the handler one after the other, except that those of a serial number whose first status
    message still waits for evidence of its publisher stand aside until it has gone first.
    """

    def __init__(self, publishers: Publishers) -> None:
        self._publishers = publishers
        self._waiting: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._parked: dict[str, deque[Message]] = {}
        self._parking: set[asyncio.Task[None]] = set()
        self.dropped = 0
        """QoS 0 messages that did not fit into the queue."""
        self.unattributed = 0
        """Status messages of unbound serial numbers whose publisher was not proven."""
        self.failed = 0
        """Messages whose handler failed; acknowledged, so that they do not come for ever."""

    def has_room(self, qos: int) -> bool:
        """Whether a message that has come is taken; one that is not is counted."""
        if qos or len(self._waiting) < QUEUE_LIMIT:
            return True
        self.dropped += 1
        if self.dropped % 1000 == 1:
            log.warning("mqtt messages dropped, the handler is too slow", dropped=self.dropped)
        return False

    def put(self, message: Message) -> None:
        """A message has come; its account is still to be found out."""
        self._waiting.append(message)
        self._arrived.set()

    async def run(self, handler: Handler) -> None:
        """Hand on what comes, until cancelled."""
        handled = 0
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                handled += 1
                if handled % BATCH == 0:
                    await asyncio.sleep(0)
                message = self._waiting.popleft()
                serial = _serial(message.topic)
                if serial in self._parked:
                    self._parked[serial].append(message)
                elif _is_status(message) and serial not in self._publishers:
                    self._park(serial, message, handler)
                else:
                    await self._handle(message, self._publishers.of(serial), handler)

    async def stop(self) -> None:
        """Forget what still waits: it was not acknowledged, and comes again."""
        parking = list(self._parking)
        for task in parking:
            task.cancel()
        await asyncio.gather(*parking, return_exceptions=True)
        self._waiting.clear()
        self._parked.clear()

    def _park(self, serial: str, message: Message, handler: Handler) -> None:
        self._parked[serial] = deque([message])
        task = asyncio.create_task(self._release(serial, handler), name="mqtt evidence")
        self._parking.add(task)
        task.add_done_callback(self._parking.discard)

    async def _release(self, serial: str, handler: Handler) -> None:
        """Wait for evidence of who published, then hand on what stands aside for this serial number."""
        account = await self._publishers.evidence(serial)
        while self._parked[serial]:
            message = self._parked[serial].popleft()
            bound = self._publishers.of(serial)
            is_status = _is_status(message)
            if is_status and bound is None and account is None:
                self.unattributed += 1
                log.info("mqtt status message of an unknown publisher", serial=serial)
            is_proven = is_status and serial not in self._publishers
            await self._handle(message, bound or (account if is_proven else None), handler)
        del self._parked[serial]

    async def _handle(self, message: Message, account: str | None, handler: Handler) -> None:
        """Await the handler; while a backend is away, try again rather than lose the message."""
        pauses = Pauses(*RETRY_S)
        while True:
            try:
                work = handler(replace(message, account=account))
                if work is not None:
                    await work
                return
            except HubError as error:
                if error.code is not Code.UNAVAILABLE:
                    log.warning("mqtt message refused", topic=message.topic, error=error.message)
                    message.ack()
                    return
                log.warning("mqtt message waits for a backend", topic=message.topic, error=error.message)
            except Exception:
                self.failed += 1
                log.exception("mqtt message could not be handled", topic=message.topic)
                message.ack()
                return
            await pauses.wait()


def _is_status(message: Message) -> bool:
    return message.topic.endswith("/status")


def _serial(topic: str) -> str:
    levels = topic.split("/", 3)
    return levels[2] if len(levels) > 2 else ""
