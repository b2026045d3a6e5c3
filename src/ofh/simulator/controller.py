"""A simulated remote controller: it holds the MQTT link, announces its aircraft and passes on what they say.

As Pilot 2 does (dji-pilot-2.md, sections 5 and 6.2): after each connect the topology, repeated until the hub accepts
it; only then all state once and osd at a rate; a new topology whenever the set of linked aircraft changes.

Status, state and events go with QoS 1. So does the aircraft's osd, although what devices choose is not documented: it
makes the hub's promise "acknowledged means stored" hold for the track as well, and lets a slow hub be felt, namely by
samples that are left out (and counted) while `WINDOW` messages wait for their acknowledgement. The controller's own osd
has QoS 0.
"""

import asyncio
import itertools
import random
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf, sin
from typing import Any

import aiomqtt
import orjson
from paho.mqtt.subscribeoptions import SubscribeOptions

from ofh.dji.topology import UPDATE_TOPO
from ofh.domain.geodesy import offset

from . import messages
from .accounts import Account
from .aircraft import Aircraft, Base
from .broker import BrokerAddress, is_refusal
from .chaos import Chaos
from .errors import refused
from .models import ControllerModel
from .stats import Stats
from .uploads import Uploads

WINDOW = 200
"""QoS 1 messages of one controller that may wait for their acknowledgement; further osd is left out."""
REPEAT_TOPOLOGY_S = 3.0
"""An unanswered `update_topo` is sent again after this."""
OWN_OSD_EVERY_S = 2.0
REPLY_TIMEOUT_S = 10.0
EVENT_ATTEMPTS = 3
EVENT_EVERY_S = (40.0, 120.0)
"""Between two events of a controller, at random."""
REFUSALS_BEFORE_GIVING_UP = 5
"""In a row, once a connection has worked: a broker which restarts may not know its accounts at once."""
STABLE_AFTER_S = 30.0
"""A link that held this long makes the next wait short again."""
LONGEST_ADVANCE_S = 600.0
"""Simulated time does not go on for longer than this while the program itself was asleep."""


@dataclass(kw_only=True)
class Controller:
    """One controller with its aircraft.

    `run` ends only by cancellation, or with `SimulatorError` where the broker refuses the connection for good.
    """

    account: Account
    broker: BrokerAddress
    model: ControllerModel
    serial: str
    base: Base
    """Where the pilot stands."""
    fleet: Sequence[Aircraft]
    rate_hz: float
    """Of the aircraft's osd, per aircraft."""
    speed: float = 1.0
    """Simulated seconds per second."""
    stats: Stats = field(default_factory=Stats)
    notice: Callable[[str], None] = lambda text: None
    """Tells the operator something, in a sentence."""
    uploads: Uploads | None = None
    """Takes the aircraft's photos; None: they stay where they are."""
    chaos: Chaos = field(default_factory=Chaos)

    def __post_init__(self) -> None:
        self._random = random.Random(self.serial)  # noqa: S311 - nothing here is a secret
        self._charge_percent = self._random.uniform(60, 95)
        self._started = time.monotonic()
        self._advanced = {aircraft.serial: self._started for aircraft in self.fleet}
        self._refusals = 0
        self._has_connected = False
        self._is_leaving = False
        self._retry_delays = self._new_delays()
        self._notices: set[str] = set()

    # The link

    def leave(self) -> None:
        """Not to connect again: to be called before `run` is cancelled.

        A cancellation alone may get lost, namely when the link breaks at the same moment and its error takes the place.
        """
        self._is_leaving = True

    async def run(self) -> None:
        """Connect, report, and connect again when the link breaks."""
        while True:
            lost: BaseException | None = None
            connected_at = inf
            try:
                async with self.broker.client(self.account, client_id=self.serial) as client:
                    connected_at = time.monotonic()
                    self._on_connected()
                    try:
                        await _Session(self, client).run()
                    finally:
                        self.stats.connected -= 1
            except* aiomqtt.MqttError as group:
                lost = _first(group)
            if self._is_leaving:
                return
            if time.monotonic() - connected_at > STABLE_AFTER_S:
                self._retry_delays = self._new_delays()
            await self._wait_to_reconnect(lost)

    def _on_connected(self) -> None:
        self.stats.connected += 1
        if self._has_connected:
            self.stats.reconnects += 1
            self.notice(f"Controller {self.serial} is connected again.")
        self._has_connected = True
        self._refusals = 0

    async def _wait_to_reconnect(self, lost: BaseException | None) -> None:
        if lost is not None and is_refusal(lost):
            self._refusals += 1
            if not self._has_connected or self._refusals >= REFUSALS_BEFORE_GIVING_UP:
                raise refused(self.account.connection_id, "broker")
        delay_s = next(self._retry_delays)
        reason = str(lost) if lost is not None else "closed"
        self.notice(
            f"Controller {self.serial} has no link to {self.broker.host}:{self.broker.port} ({reason}); "
            f"next attempt in {delay_s:.0f} s."
        )
        await asyncio.sleep(delay_s)

    def _new_delays(self) -> Iterator[float]:
        """Seconds before each attempt: doubling from 1 to 30, spread so that a fleet does not come back as one."""
        return (min(2.0**attempt, 30.0) * self._random.uniform(0.75, 1.25) for attempt in itertools.count())

    def notice_once(self, text: str) -> None:
        """Say something at its first occurrence only."""
        if text not in self._notices:
            self._notices.add(text)
            self.notice(text)

    # The devices

    async def catch_up(self, aircraft: Aircraft) -> None:
        """Bring an aircraft to the present; in slices, so that a long pause does not stop the loop."""
        now = time.monotonic()
        ahead_s = min(now - self._advanced[aircraft.serial], LONGEST_ADVANCE_S) * self.speed
        self._advanced[aircraft.serial] = now
        was_airborne = aircraft.is_airborne
        while ahead_s > 0:
            slice_s = min(ahead_s, 20.0)
            aircraft.advance(slice_s)
            ahead_s -= slice_s
            if ahead_s > 0:
                await asyncio.sleep(0)
        self.stats.airborne += aircraft.is_airborne - was_airborne
        if self.uploads is None:
            aircraft.fetch_shots()
        elif aircraft.is_linked:
            self.uploads.collect(aircraft, now=datetime.now(UTC), speed=self.speed)

    def linked(self) -> list[Aircraft]:
        """The aircraft that it hears."""
        return [aircraft for aircraft in self.fleet if aircraft.is_linked]

    def own_osd(self) -> dict[str, Any]:
        """Its position, which the pilot's steps move a little, and its battery."""
        seconds = time.monotonic() - self._started
        longitude_deg, latitude_deg = offset(
            self.base.longitude_deg,
            self.base.latitude_deg,
            east_m=0.8 * sin(seconds / 31),
            north_m=0.8 * sin(seconds / 43),
        )
        charge = self._charge_percent - seconds / 240
        return messages.controller_osd(
            self.model,
            longitude_deg=longitude_deg,
            latitude_deg=latitude_deg,
            height_m=self.base.height_m + 1.2,
            charge_percent=round(max(charge, 15)),
        )

    def until_next_event_s(self) -> float:
        """A random pause."""
        return self._random.uniform(*EVENT_EVERY_S)

    def phase_s(self, period_s: float) -> float:
        """A random moment within a period, so that devices do not report in step."""
        return self._random.uniform(0, period_s)


class _Session:
    """One MQTT connection of a controller, from CONNACK to its end."""

    def __init__(self, controller: Controller, client: aiomqtt.Client) -> None:
        self._controller = controller
        self._client = client
        self._gateway = controller.serial
        self._status_topic = f"sys/product/{self._gateway}/status"
        self._event_topic = f"thing/product/{self._gateway}/events"
        self._wanted = [f"{self._status_topic}_reply", f"{self._event_topic}_reply"]
        self._replies: dict[str, asyncio.Future[int]] = {}
        self._announced: frozenset[str] = frozenset()
        self._changed = asyncio.Event()
        self._unacknowledged = 0
        self._said: dict[str, dict[str, messages.Json]] = {}
        """Per aircraft, the state groups as they were last sent."""

    async def run(self) -> None:
        """Until the link breaks, which ends the group with `MqttError`, or until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            self._tasks.create_task(self._listen())
            if not self._controller.chaos.is_calm:
                self._tasks.create_task(self._break_off())
            await self._announce()
            self._tasks.create_task(self._keep_announced())
            self._tasks.create_task(self._report_itself())
            self._tasks.create_task(self._tell_events())
            for aircraft in self._controller.fleet:
                self._tasks.create_task(self._report(aircraft))

    async def _listen(self) -> None:
        """Hand each reply to whoever waits for it; nothing else that comes is for a device of ours."""
        async for message in self._client.messages:
            topic = message.topic.value
            if topic not in {f"{self._status_topic}_reply", f"{self._event_topic}_reply"}:
                continue
            tid, result = _read_reply(message.payload)
            if (waiting := self._replies.get(tid)) is not None and not waiting.done():
                waiting.set_result(result)

    async def _break_off(self) -> None:
        """Lose the link after a while, with no DISCONNECT."""
        await asyncio.sleep(self._controller.chaos.link_lasts_s())
        line = self._client._client.socket()  # aiomqtt itself has only the polite way
        if isinstance(line, socket.socket):
            with suppress(OSError):  # it was lost already
                line.shutdown(socket.SHUT_RDWR)

    async def _subscribe(self) -> None:
        """Subscribe to what is still missing.

        A hub may allow it only once the serial number is bound to the connection, thus after the first topology.
        """
        asked = list(self._wanted)  # somebody else may be asking as well
        if not asked:
            return
        codes = await self._client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in asked])
        granted = [code if isinstance(code, int) else code.value for code in codes]
        have = {topic for topic, code in zip(asked, granted, strict=True) if code < 0x80}
        self._wanted = [topic for topic in self._wanted if topic not in have]

    # Topology

    async def _announce(self) -> None:
        """Say which aircraft are linked, again and again until the hub accepts it."""
        controller = self._controller
        for attempt in itertools.count(1):
            await self._subscribe()
            linked = controller.linked()
            data = messages.topology(controller.model, linked)
            result = await self._ask(self._status_topic, UPDATE_TOPO, data, timeout_s=REPEAT_TOPOLOGY_S)
            if result == 0:
                controller.stats.accepted_topologies += 1
                self._announced = frozenset(aircraft.serial for aircraft in linked)
                self._say_own_state(linked)
                return
            if result is not None:
                controller.notice_once(
                    f"The hub refuses the topology of controller {self._gateway} (result {result}): one of its "
                    "serial numbers may be online through another connection. Another seed gives new ones."
                )
                await asyncio.sleep(REPEAT_TOPOLOGY_S)
            elif attempt == 5:
                controller.notice_once(
                    f"The hub does not answer the topology of controller {self._gateway}, so nothing is reported. "
                    "It is repeated. Does the hub run and use this broker? Are its serial numbers used elsewhere?"
                )

    async def _keep_announced(self) -> None:
        while True:
            await self._changed.wait()
            await self._announce()
            self._changed.clear()  # what changed meanwhile is found at the aircraft's next sample

    def _say_own_state(self, linked: Sequence[Aircraft]) -> None:
        for data in messages.controller_state(self._controller.model, linked):
            self._publish(f"thing/product/{self._gateway}/state", self._message(data))

    # Telemetry

    async def _report(self, aircraft: Aircraft) -> None:
        """osd at the rate, state when it changes, for as long as the aircraft is linked."""
        controller = self._controller
        period_s = 1 / controller.rate_hz
        due = time.monotonic() + controller.phase_s(min(period_s, 2.0))
        while True:
            await asyncio.sleep(max(due - time.monotonic(), 0))
            due = max(due + period_s, time.monotonic())
            await controller.catch_up(aircraft)
            if aircraft.is_linked != (aircraft.serial in self._announced):
                self._said.pop(aircraft.serial, None)
                self._changed.set()
            elif aircraft.is_linked:
                self._say_state(aircraft)
                self._publish(
                    f"thing/product/{aircraft.serial}/osd",
                    self._message(messages.aircraft_osd(aircraft)),
                    may_be_left_out=True,
                )

    def _say_state(self, aircraft: Aircraft) -> None:
        """All state properties in one message after the link came up, then what changed."""
        topic = f"thing/product/{aircraft.serial}/state"
        groups, said = messages.aircraft_state(aircraft), self._said.get(aircraft.serial)
        self._said[aircraft.serial] = groups
        if said is None:
            self._publish(topic, self._message({name: v for group in groups.values() for name, v in group.items()}))
            return
        for name, group in groups.items():
            if group != said.get(name):
                self._publish(topic, self._message(group))

    async def _report_itself(self) -> None:
        await asyncio.sleep(self._controller.phase_s(1.0))
        while True:
            data = self._controller.own_osd()
            self._publish(f"thing/product/{self._gateway}/osd", self._message(data), qos=0)
            await asyncio.sleep(OWN_OSD_EVERY_S)

    # Events

    async def _tell_events(self) -> None:
        """Now and then a health notice: in the present form, which wants an answer, or in the older, which does not."""
        controller = self._controller
        for number in itertools.count():
            await asyncio.sleep(controller.until_next_event_s())
            linked = [aircraft for aircraft in controller.linked() if aircraft.serial in self._announced]
            if not linked:
                continue
            aircraft = linked[number % len(linked)]
            if number % 3 == 2:
                topic = f"thing/product/{aircraft.serial}/events"
                self._publish(topic, self._message(messages.health_event_2023()))
                continue
            await self._subscribe()
            await self._tell(messages.health_event(aircraft))

    async def _tell(self, data: messages.Json) -> None:
        for _ in range(EVENT_ATTEMPTS):
            if await self._ask(self._event_topic, "hms", data, timeout_s=REPLY_TIMEOUT_S, need_reply=1) is not None:
                self._controller.stats.answered_events += 1
                return
        self._controller.stats.unanswered_events += 1

    # Messages

    async def _ask(
        self, topic: str, method: str, data: messages.Json, *, timeout_s: float, need_reply: int | None = None
    ) -> int | None:
        """Send and wait for the reply's `result`; None where none comes in time."""
        tid = str(uuid.uuid4())
        waiting: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._replies[tid] = waiting
        message = messages.envelope(
            data=data,
            timestamp_ms=_now_ms(),
            method=method,
            tid=tid,
            bid=str(uuid.uuid4()),
            gateway=self._gateway if need_reply is not None else None,
            need_reply=need_reply,
        )
        try:
            self._publish(topic, message)
            async with asyncio.timeout(timeout_s):
                return await waiting
        except TimeoutError:
            return None
        finally:
            del self._replies[tid]

    def _message(self, data: messages.Json) -> messages.Json:
        return messages.envelope(data=data, timestamp_ms=_now_ms(), gateway=self._gateway)

    def _publish(self, topic: str, message: messages.Json, *, qos: int = 1, may_be_left_out: bool = False) -> None:
        """Send without waiting for the acknowledgement; the order of calls is the order on the wire."""
        if may_be_left_out and self._unacknowledged >= WINDOW:
            self._controller.stats.left_out += 1
            return
        self._unacknowledged += 1
        self._tasks.create_task(self._send(topic, orjson.dumps(message), qos))

    async def _send(self, topic: str, payload: bytes, qos: int) -> None:
        chaos = self._controller.chaos
        try:
            await chaos.dawdle()
            for _ in range(2 if chaos.repeats() else 1):
                await self._client.publish(topic, payload, qos=qos, timeout=inf)
        finally:
            self._unacknowledged -= 1
        self._controller.stats.sent += 1


def _read_reply(payload: Any) -> tuple[str, int]:
    """`tid` and `data.result` of a reply; what is no reply has an empty tid, and what has no proper result failed."""
    try:
        reply = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return "", -1
    if not isinstance(reply, dict):
        return "", -1
    data = reply.get("data")
    result = data.get("result") if isinstance(data, dict) else None
    return str(reply.get("tid", "")), result if isinstance(result, int) else -1


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in a group of groups."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
