"""A controller's link to the broker, as lean as can be: what was acknowledged is counted, what was not is sent again.

MQTT 3.1.1 with a session that is kept. Every report has a time of its own, in milliseconds, so each row that it becomes
can be told from all others. The aircraft is on the ground for `GROUND_S` and in the air for `AIR_S`, in turn, by the
times of its reports; so it is known how many flights there have to be.
"""

import asyncio
import json
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

from tests.captures.reader import capture
from tests.support.faults import PATIENCE_S, Account

GROUND_S, AIR_S = 2, 4
WINDOW = 400
"""Reports that may be without their acknowledgement; more wait to be sent."""
TICK_S = 0.02
TRY_AGAIN_S = 0.1


@dataclass
class Publisher:
    """One connection with one aircraft.

    Args:
        number: makes its serial numbers.
        per_s: reports in a second while it reports.
    """

    account: Account
    port: int
    number: int
    per_s: float
    acknowledged: dict[int, float] = field(default_factory=dict)
    """Time of the report → when its acknowledgement came, on the monotonic clock; in the order of coming."""
    sent: dict[int, bool] = field(default_factory=dict)
    """Time of the report → whether it says that the aircraft is in the air."""
    links: int = 0
    """How often the broker has let it in."""
    refused: int = 0
    """How often the broker did not."""

    def __post_init__(self) -> None:
        self.gateway = f"5XFAULTRC{self.number:05}"
        self.aircraft = f"1581XFAULT{self.number:07}"
        self.is_answered = asyncio.Event()
        """The hub has answered the topology."""
        self.has_landed = False
        """It takes off no more."""
        self._waiting: deque[int] = deque()
        self._open: dict[int, int] = {}
        """Packet id → time of the report, in the order of sending."""
        self._id = 0
        self._writer: asyncio.StreamWriter | None = None
        self._last_ms = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._reporting: asyncio.Task[None] | None = None

    @property
    def unacknowledged(self) -> int:
        """Reports whose acknowledgement has not come."""
        return len(self._open) + len(self._waiting)

    async def start(self) -> None:
        """Connect, and tell the topology until the hub answers."""
        self._tasks = [asyncio.create_task(self._stay_connected(), name=f"link {self.number}")]
        for _ in range(PATIENCE_S * 4):
            if self._writer is not None:
                self._writer.write(_publish(f"sys/product/{self.gateway}/status", self._topology(), 0))
            with suppress(TimeoutError):
                async with asyncio.timeout(0.25):
                    await self.is_answered.wait()
                    return
        raise AssertionError(f"the topology of {self.gateway} was never answered")

    async def stop(self) -> None:
        """Break the link."""
        await self.rest()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def report(self) -> None:
        """Begin to report."""
        self._reporting = asyncio.create_task(self._report(), name=f"reports {self.number}")

    async def rest(self) -> None:
        """Report no more; what was reported is sent and waited for."""
        if self._reporting is not None:
            self._reporting.cancel()
            await asyncio.gather(self._reporting, return_exceptions=True)
            self._reporting = None

    def flights(self) -> int:
        """How many times the reports show it taking off."""
        flies = list(self.sent.values())
        return sum(now and not before for before, now in zip([False, *flies], flies, strict=False))

    async def _report(self) -> None:
        """Whatever holds this process up, the times of the reports are evenly spaced."""
        began, made = time.monotonic(), 0
        first_ms = max(int(time.time() * 1000), self._last_ms + 1)
        while True:
            for _ in range(int((time.monotonic() - began) * self.per_s) - made):
                at_ms = self._last_ms = first_ms + int(made * 1000 / self.per_s)
                round_s = len(self.sent) / self.per_s % (GROUND_S + AIR_S)
                self.sent[at_ms] = round_s >= GROUND_S and not self.has_landed
                self._waiting.append(at_ms)
                made += 1
            self._send()
            await asyncio.sleep(TICK_S)

    def _send(self) -> None:
        if self._writer is None:
            return
        packets = []
        while self._waiting and len(self._open) < WINDOW:
            at_ms = self._waiting.popleft()
            self._id = self._id % 65_535 + 1
            self._open[self._id] = at_ms
            packets.append(self._packet(self._id, at_ms))
        if packets:
            self._writer.write(b"".join(packets))

    def _packet(self, id: int, at_ms: int, *, is_again: bool = False) -> bytes:
        flies = self.sent[at_ms]
        message = {
            "tid": "t",
            "bid": "b",
            "timestamp": at_ms,
            "gateway": self.gateway,
            "data": {
                "longitude": round(8 + at_ms % 1_000_000 / 1e6, 6),
                "latitude": 50.5,
                "height": 812.25,
                "elevation": 57.2 if flies else 0,
                "horizontal_speed": 7.9 if flies else 0,
                "vertical_speed": 0.1,
                "mode_code": 5 if flies else 0,
                "battery": {"capacity_percent": 70},
            },
        }
        return _publish(f"thing/product/{self.aircraft}/osd", json.dumps(message).encode(), id, is_again=is_again)

    def _topology(self) -> bytes:
        message = capture("mqtt-status-online-rc-plus-m30t")["payload"]
        message["data"]["sub_devices"][0]["sn"] = self.aircraft
        message["timestamp"] = int(time.time() * 1000)
        return json.dumps(message).encode()

    async def _stay_connected(self) -> None:
        while True:
            writer = None
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(_connect(self.account))
                answer = await reader.readexactly(4)
                if answer[3]:
                    self.refused += 1
                else:
                    self.links += 1
                    writer.write(_subscribe(f"sys/product/{self.gateway}/status_reply"))
                    for id, at_ms in self._open.items():
                        writer.write(self._packet(id, at_ms, is_again=True))
                    self._writer = writer
                    self._send()
                    await self._read(reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                self._writer = None
                if writer is not None:
                    writer.close()
            await asyncio.sleep(TRY_AGAIN_S)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            first = (await reader.readexactly(1))[0]
            body = await reader.readexactly(await _length(reader))
            match first >> 4:
                case 4:  # PUBACK
                    at_ms = self._open.pop(int.from_bytes(body[:2], "big"), None)
                    if at_ms is not None:
                        self.acknowledged[at_ms] = time.monotonic()
                        if self._waiting:
                            self._send()
                case 3:  # PUBLISH: the answer to the topology
                    self.is_answered.set()


async def _length(reader: asyncio.StreamReader) -> int:
    value = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        value |= (byte & 127) << shift
        if byte < 128:
            return value
        shift += 7


def _text(value: str) -> bytes:
    return len(value).to_bytes(2, "big") + value.encode()


def _framed(first: int, body: bytes) -> bytes:
    length, left = b"", len(body)
    while True:
        left, digit = left // 128, left % 128
        length += bytes([digit | 128 if left else digit])
        if not left:
            return bytes([first]) + length + body


def _connect(account: Account) -> bytes:
    """A session that is kept, with user name and password, and a minute to be heard of."""
    credentials = _text(account.public_id) + _text(account.public_id) + _text(account.secret)
    return _framed(0x10, _text("MQTT") + bytes([4, 0xC0]) + (60).to_bytes(2, "big") + credentials)


def _subscribe(topic: str) -> bytes:
    return _framed(0x82, (1).to_bytes(2, "big") + _text(topic) + b"\0")


def _publish(topic: str, payload: bytes, id: int, *, is_again: bool = False) -> bytes:
    """QoS 1, or QoS 0 where the packet id is 0."""
    if not id:
        return _framed(0x30, _text(topic) + payload)
    return _framed(0x3A if is_again else 0x32, _text(topic) + id.to_bytes(2, "big") + payload)
