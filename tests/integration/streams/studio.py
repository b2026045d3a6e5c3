"""A drone whose controller can stream, somebody who may start it, and a controller that answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ofh.domain.actors import Actor, Role
from ofh.domain.errors import Code, HubError
from ofh.services.access import Access
from ofh.services.streams import StreamRules, Streams
from ofh.store.database import Database
from ofh.store.models import Drone, Membership, User
from tests.captures.reader import capture
from tests.support.fleet import FleetBench

GATEWAY, AIRCRAFT, ACCOUNT = "5XTESTRCP00001", "1581XTESTM30T0001", "c-1"
CAMERA, OTHER_CAMERA = "53-0-0/normal-0", "39-0-7/normal-0"
RTMP = "rtmp://video.example.org/live"


@dataclass
class Studio:
    """Everything at hand."""

    bench: FleetBench
    workspace_id: int
    elsewhere: int
    drone_id: int
    streams: Streams
    answers: list[int | None] = field(default_factory=list)
    """What the controller answers next; None: nothing. At the end of the list: 0."""
    commands: list[dict[str, Any]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    tokens: dict[str, int] = field(default_factory=dict)
    """Stream tokens that can begin a viewing, and their users."""
    ticks: float = 0

    async def member(self, role: Role, *, workspace_id: int | None = None) -> Actor:
        """Somebody in a role."""
        user = await User.create(name=role.value, email=f"{role.value}{workspace_id}@x.org", created_at=self.bench.now)
        await Membership.create(
            workspace_id=workspace_id or self.workspace_id, user_id=user.id, role=role.value, since=self.bench.now
        )
        return Actor(user_id=user.id, credential="session", credential_id=user.id)

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """A command on its way to the controller, which answers in a moment."""
        assert topic == f"thing/product/{GATEWAY}/services"
        command = json.loads(payload)
        self.commands.append(command)
        result = self.answers.pop(0) if self.answers else 0
        if result is not None:
            body = {
                "tid": command["tid"],
                "bid": command["bid"],
                "method": command["method"],
                "data": {"result": result},
            }
            self._answering = asyncio.ensure_future(self.answer(body))

    async def answer(self, body: dict[str, Any], *, account: str = ACCOUNT, serial: str = GATEWAY) -> bool:
        """A message on the topic of answers."""
        payload = json.dumps({"timestamp": 1749889300000, **body}).encode()
        return await self.bench.message(f"thing/product/{serial}/services_reply", payload, account)

    async def sleep(self, seconds: float) -> None:
        """Time that a test need not wait for."""
        self.pauses.append(seconds)

    def address(self) -> tuple[str, str]:
        """Name and key of the last command's address."""
        parts = urlsplit(self.commands[-1]["data"]["url"])
        return parts.path.rpartition("/")[2], parse_qs(parts.query)["key"][0]


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Studio]:
    """A studio."""
    async with FleetBench(database).running() as bench:
        workspace_id, elsewhere = await bench.workspace("ours"), await bench.workspace("theirs")
        await bench.connection(workspace_id, ACCOUNT)
        await bench.connection(elsewhere, "x-1")
        assert await bench.announce(ACCOUNT, GATEWAY, AIRCRAFT)
        drone = await Drone.get(serial_number=AIRCRAFT)
        studio = Studio(bench, workspace_id, elsewhere, drone.id, None)  # type: ignore[arg-type]
        studio.streams = Streams(
            database,
            Access(bench.audit),
            bench.audit,
            bench.commands,
            rtmp_url=RTMP,
            viewer_of=studio.tokens.get,
            clock=lambda: bench.now,
            monotonic=lambda: studio.ticks,
            sleep=studio.sleep,
            rules=StreamRules(answer_s=0.2),
        )
        bench.broker.publish = studio.publish  # type: ignore[method-assign]
        state = capture("mqtt-state-rc-live-capacity")
        await bench.message(state["topic"], json.dumps(state["payload"]).encode(), ACCOUNT)
        yield studio


async def refusal(work: Any) -> HubError:
    """Why something was refused."""
    try:
        await work
    except HubError as error:
        return error
    raise AssertionError("it was not refused")


__all__ = ["ACCOUNT", "AIRCRAFT", "CAMERA", "GATEWAY", "OTHER_CAMERA", "RTMP", "Code", "Studio", "opened", "refusal"]
