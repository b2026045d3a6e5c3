"""Subscribers as good clients are: they read, come back when they were closed, and go on with their cursor.

Some of them have bad luck: their sockets break at random moments, also with half a message read, and they come back to
any process of the hub.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

from ofh.domain.events import BatteryReported, ControllerPositioned, DronePositioned, FeedEvent
from ofh.services.pages import read_feed_cursor

POSITIONS = """
subscription Positions($workspace: ID!) {
  workspacePositions(workspaceId: $workspace, interval: 0) { droneId position { reportedAt } }
}
"""
FLEET = """
subscription Fleet($workspace: ID!, $after: String, $delivery: Delivery) {
  fleet(workspaceId: $workspace, after: $after, delivery: $delivery) {
    __typename cursor
    ... on Snapshot { drones { id position { reportedAt } } }
    ... on PositionReported { position { droneId position { reportedAt } } }
    ... on Gap { from to }
  }
}
"""
TRY_AGAIN_S = 0.2
LUCK_S = (0.2, 4.0)
"""A connection of somebody with bad luck lasts for so long."""
CONFLATED = (DronePositioned, BatteryReported, ControllerPositioned)
"""What `LATEST` may leave out where something newer of the same device comes."""
ORDERLY = {1001, 1006, 1012, 1013}
"""A hub that stops, one that was killed, and one that cannot serve just now."""


@dataclass
class Watcher:
    """One websocket with one subscription, for as long as `run` runs: the positions of all drones.

    Args:
        urls: of the hub's processes.
        luck: draws when its connections break; None: never by itself.
    """

    urls: Sequence[str]
    token: str
    workspace: str
    luck: Random | None = None
    newest: dict[str, int] = field(default_factory=dict)
    """Drone → the time of its newest report that was told, milliseconds."""
    closes: Counter[int] = field(default_factory=Counter)
    """How its connections ended, but for those that broke by themselves."""
    refusals: Counter[str] = field(default_factory=Counter)
    """Codes of the errors that it was told."""
    links: int = 0
    """How often it was let in."""
    silence_s: float = 0.0
    """The longest time without any word since `listen`."""
    _heard: float | None = None

    name = "positions"
    document = POSITIONS

    def variables(self) -> dict[str, Any]:
        """Of the subscription, as it would be made now."""
        return {"workspace": self.workspace}

    def take(self, data: Mapping[str, Any]) -> None:
        """Take what one message says."""
        for item in data["workspacePositions"]:
            self._place(item["droneId"], item["position"])

    def _place(self, drone: str, position: Mapping[str, Any] | None) -> None:
        if position is not None:
            self.newest[drone] = max(_milliseconds(position), self.newest.get(drone, 0))

    def listen(self) -> None:
        """From now on there is something to be heard."""
        self.silence_s, self._heard = 0.0, time.monotonic()

    def rest(self) -> None:
        """Nothing more is to be heard."""
        self._note()
        self._heard = None

    def _note(self) -> None:
        if self._heard is not None:
            now = time.monotonic()
            self.silence_s, self._heard = max(self.silence_s, now - self._heard), now

    async def run(self) -> None:
        """Read until cancelled."""
        tries = 0
        while True:
            url = self.urls[tries % len(self.urls)] if self.luck is None else self.luck.choice(self.urls)
            tries += 1
            try:
                await self._connected(url)
            except websockets.ConnectionClosed as end:
                self.closes[end.rcvd.code if end.rcvd else 1006] += 1
            except websockets.InvalidStatus as refused:
                self.refusals[f"HTTP {refused.response.status_code}"] += 1
            except (OSError, TimeoutError, websockets.InvalidHandshake):
                pass
            await asyncio.sleep(TRY_AGAIN_S)

    async def _connected(self, url: str) -> None:
        async with websockets.connect(
            url, subprotocols=[websockets.Subprotocol("graphql-transport-ws")], max_size=None, ping_interval=None
        ) as socket:
            reading = asyncio.create_task(self._read(socket))
            try:
                if self.luck is not None:
                    await asyncio.wait([reading], timeout=self.luck.uniform(*LUCK_S))
                    if not reading.done():
                        if self.luck.random() < 0.5:  # it hangs for a while before it breaks
                            reading.cancel()
                            await asyncio.sleep(self.luck.uniform(0, 1))
                        socket.transport.abort()
                        return
                await reading
            finally:
                with suppress(websockets.ConnectionClosed):  # it was raised above, or the end is our own
                    await ended(reading)

    async def _read(self, socket: ClientConnection) -> None:
        await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {self.token}"}}))
        await socket.recv()
        self.links += 1
        payload = {"query": self.document, "variables": self.variables()}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        async for text in socket:
            message = json.loads(text)
            errors = message["payload"] if message["type"] == "error" else message.get("payload", {}).get("errors")
            if errors:
                self.refusals.update(error["extensions"]["code"] for error in errors)
            if message["type"] in ("error", "complete"):
                return
            if message["type"] == "next" and not errors:
                self._note()
                self.take(message["payload"]["data"])


@dataclass
class Follower(Watcher):
    """The same with `fleet`, from the cursor of the last event that it received.

    Args:
        delivery: `ALL` or `LATEST`.
    """

    delivery: str = "ALL"
    begun: int | None = None
    """The number of its first Snapshot."""
    told: dict[int, str] = field(default_factory=dict)
    """Number of an event → what it says (`word_of`), in the order of coming."""
    gaps: list[tuple[int, int]] = field(default_factory=list)
    """What may be missing: behind a number, up to another."""
    faults: list[str] = field(default_factory=list)
    """What was told that must not be."""
    last: int = 0
    """It has all up to this number."""
    cursor: str | None = None
    _gap: tuple[int, int] | None = None
    """One that it was told of, until the Snapshot comes."""

    document = FLEET

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"fleet {self.delivery}" + (" with bad luck" if self.luck else "")

    def variables(self) -> dict[str, Any]:
        return {"workspace": self.workspace, "after": self.cursor, "delivery": self.delivery}

    def take(self, data: Mapping[str, Any]) -> None:
        event = data["fleet"]
        self.cursor = event["cursor"]
        seq, kind = read_feed_cursor(event["cursor"], int(self.workspace)), event["__typename"]
        match kind:
            case "Snapshot":
                for drone in event["drones"]:
                    self._place(drone["id"], drone["position"])
                gap, self._gap = self._gap, None
                if gap is not None:
                    self.gaps.append(gap)
                if self.begun is None:
                    self.begun = seq
                elif seq != (self.last if gap is None else gap[1]):
                    self.faults.append(f"a Snapshot of {seq} after {self.last}")
                self.last = seq
            case "Gap":
                first, upto = (read_feed_cursor(event[end], int(self.workspace)) for end in ("from", "to"))
                if not seq == first == self.last:
                    self.faults.append(f"a Gap of {seq} behind {first} after {self.last}")
                self._gap = (first, upto)
            case "CaughtUp" | "Passed":
                if seq < self.last or (self.delivery == "ALL" and seq != self.last):
                    self.faults.append(f"caught up with {seq} after {self.last}")
                self.last = seq
            case _:
                if seq <= self.last:
                    self.faults.append(f"{kind} {seq} after {self.last}")
                if seq in self.told:
                    self.faults.append(f"{kind} {seq} twice")
                self.told[seq] = kind
                self.last = seq
                if kind == "PositionReported":
                    drone, position = event["position"]["droneId"], event["position"]["position"]
                    self.told[seq] = f"{kind} {drone} {_milliseconds(position)}"
                    self._place(drone, position)

    def missing(self, stored: Mapping[int, FeedEvent]) -> list[int]:
        """The numbers of what it ought to have been told and was not."""
        covered = {seq for first, last in self.gaps for seq in range(first + 1, last + 1)}
        return [
            seq
            for seq, event in stored.items()
            if self.begun is not None
            and seq > self.begun
            and seq not in self.told
            and seq not in covered
            and not (self.delivery == "LATEST" and isinstance(event, CONFLATED))
        ]

    def strange(self, stored: Mapping[int, FeedEvent]) -> list[str]:
        """What it was told and is not so, as far as what is stored was looked at."""
        newest = max(stored, default=0)
        return [
            f"{seq}: {told}"
            for seq, told in self.told.items()
            if seq <= newest and (seq not in stored or told != word_of(stored[seq]))
        ]


def word_of(event: FeedEvent) -> str:
    """What a follower keeps of an event."""
    name = event.kind.title().replace("_", "")
    if isinstance(event, DronePositioned):
        return f"{name} {event.drone_id} {round(event.at.timestamp() * 1000)}"
    return name


def _milliseconds(position: Mapping[str, Any]) -> int:
    return round(datetime.fromisoformat(position["reportedAt"]).timestamp() * 1000)


async def ended(task: "asyncio.Task[None]") -> None:
    """Cancel it and wait for its end; what it has failed with is raised."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (fault := task.exception()) is not None:
        raise fault
