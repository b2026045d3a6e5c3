"""Live video: who may start it, publish it and watch it. The pictures go through a media server, never through the hub.

A stream has a name, which is its path on the media server and known to whoever watches, and a key, which whoever
publishes has to show. Both are random; the controller alone gets the key, with the command to start. A viewer shows
a stream token (`StreamTokens.create`), and their right to the stream's workspace is looked at each time.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from tortoise.exceptions import IntegrityError

from ofh.dji import live
from ofh.domain.actors import Action, Actor
from ofh.domain.errors import Code, HubError, bad_input, gone
from ofh.domain.reasons import Reason
from ofh.store.database import Database
from ofh.store.models import Drone, Stream
from ofh.store.streams import Offer, offers_of

from .access import Access
from .audit import Audit, Event
from .commands import Commands
from .names import is_id

NAME_BYTES = 12
KEY_BYTES = 16
_NAME = re.compile(r"[0-9a-f]{24}")
MAX_PROOF = 512
"""Characters of a key or a token that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRules:
    """The numbers of starting a stream; in all they stay below the time that one operation may take."""

    answer_s: float = 4.0
    """How long a controller has for one answer."""
    pauses_s: tuple[float, ...] = (0.5, 1.0, 2.0)
    """Between attempts."""
    viewing_s: float = 60.0
    """A viewing that asks again within this goes on, also when its token has become too old to begin one."""
    max_viewings: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamable:
    """A camera with its stream."""

    workspace_id: int
    drone_id: int
    camera: str
    offer: Offer | None
    """None: it cannot be started at present."""
    row: Stream | None
    """None: it was never started."""

    @property
    def live_since(self) -> datetime | None:
        """Since when it is published, by the media server, unless the controller has said since that it ended."""
        if self.row is None or not self.row.is_live or self.row.live_since is None:
            return None
        off_at = None if self.offer is None else self.offer.off_at
        return None if off_at is not None and off_at > self.row.live_since else self.row.live_since


@dataclass(slots=True)
class _Viewing:
    user_id: int
    seen_at: float


class Streams:
    """Starts, ends and guards streams.

    Args:
        rtmp_url: where controllers publish; None: there is no media server.
        viewer_of: the user whom a stream token was made for; None where it is none that can begin a viewing.
        sleep: pauses between attempts.
        clock: the hub's time, UTC.
        monotonic: seconds that only ever grow.
    """

    def __init__(
        self,
        database: Database,
        access: Access,
        audit: Audit,
        commands: Commands,
        *,
        rtmp_url: str | None,
        viewer_of: Callable[[str], int | None],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rules: StreamRules | None = None,
    ) -> None:
        self._database = database
        self._access = access
        self._audit = audit
        self._commands = commands
        self._rtmp_url = rtmp_url
        self._viewer_of = viewer_of
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._rules = rules or StreamRules()
        self._viewings: dict[tuple[str, str], _Viewing] = {}

    # Starting and ending

    @property
    def has_media_server(self) -> bool:
        """Whether there is somewhere to publish."""
        return self._rtmp_url is not None

    async def start(self, actor: Actor, drone_id: int, camera: str, *, quality: int = 0) -> Streamable:
        """Let a drone's camera stream to the media server.

        Args:
            camera: one of those that its controller says it can stream.
            quality: DJI's number, 0 adaptive to 4.
        Raises:
            HubError: BAD_INPUT; GONE; FORBIDDEN; CONFLICT, it cannot be started as things stand; UNAVAILABLE.
        """
        if quality not in live.QUALITIES:
            raise bad_input("quality", "This must be from 0 to 4.")
        drone, found = await self._commanded(actor, drone_id, camera)
        if self._rtmp_url is None:
            raise HubError(Code.CONFLICT, "The hub has no media server (OFH_RTMP_URL).")
        if found.offer is None:
            raise HubError(
                Code.CONFLICT,
                "Its controller does not say that it can stream this. Pilot 2 has to be connected with live streaming"
                " switched on.",
            )
        row = await self._row(drone, found)
        data = live.start(found.offer.camera, self.publish_url(row), quality)
        result = await self._patiently(actor, found, live.START, data)
        if result is not None and result != live.DONE and result not in live.ALREADY:
            raise _refused(result)
        if result is None:
            raise HubError(Code.UNAVAILABLE, "The controller does not answer. Is it still connected?")
        return await self._again(found)

    async def stop(self, actor: Actor, drone_id: int, camera: str) -> Streamable:
        """End the stream of a drone's camera.

        Raises:
            HubError: BAD_INPUT; GONE; FORBIDDEN; CONFLICT; UNAVAILABLE.
        """
        _, found = await self._commanded(actor, drone_id, camera)
        if found.offer is None:
            raise HubError(Code.CONFLICT, "Its controller is not connected.")
        data = live.stop(found.offer.camera.serial, camera)
        result = await self._once(actor, found, live.STOP, data)
        if result is None:
            raise HubError(Code.UNAVAILABLE, "The controller does not answer. Is it still connected?")
        if result not in (live.DONE, live.NOT_STREAMING):
            raise _refused(result)
        if found.row is not None:
            await Stream.filter(id=found.row.id).update(is_live=False, live_since=None)
        return await self._again(found)

    async def _commanded(self, actor: Actor, drone_id: int, camera: str) -> tuple[Drone, Streamable]:
        drone = await Drone.get_or_none(id=drone_id) if is_id(drone_id) else None
        if drone is None:
            raise gone("drone")
        await self._access.require(actor, Action.CONTROL_STREAMS, drone.workspace_id, what="drone")
        if not live.is_camera(camera):
            raise bad_input("camera", "This is no camera, such as 53-0-0/normal-0.")
        listed = await self.of_drone(drone)
        found = next((item for item in listed if item.camera == camera), _none(drone, camera))
        return drone, found

    async def of_drone(self, drone: Drone) -> list[Streamable]:
        """What a drone can stream, and what it streamed before."""
        offers = (await offers_of([drone.id]))[drone.id]
        return streamable(drone, offers, await Stream.filter(drone_id=drone.id).order_by("id"))

    async def _patiently(self, actor: Actor, found: Streamable, method: str, data: dict[str, object]) -> int | None:
        """Give a command again, with growing pauses, where it may go better (dji-pilot-2.md, 7.1)."""
        result = await self._once(actor, found, method, data)
        for pause_s in self._rules.pauses_s:
            if result not in live.TRY_AGAIN:
                break
            await self._sleep(pause_s)
            result = await self._once(actor, found, method, data)
        return result

    async def _once(self, actor: Actor, found: Streamable, method: str, data: dict[str, object]) -> int | None:
        assert found.offer is not None
        outcome: int | None = None
        try:
            outcome = await self._commands.send(found.offer.gateway_serial, method, data, within_s=self._rules.answer_s)
            return outcome
        finally:
            await self._audit.by(
                actor,
                Event.COMMAND_SENT,
                outcome="ok" if outcome == live.DONE else "failed",
                workspace_id=found.workspace_id,
                object=f"drone:{found.drone_id} {method}",
            )

    async def _row(self, drone: Drone, found: Streamable) -> Stream:
        assert found.offer is not None
        which = {"connection_id": found.offer.connection_id, "drone_id": drone.id, "camera": found.camera}
        row = await Stream.get_or_none(**which)
        if row is not None:
            return row
        try:
            return await Stream.create(
                workspace_id=drone.workspace_id,
                stream_key=f"{secrets.token_hex(NAME_BYTES)}.{secrets.token_hex(KEY_BYTES)}",
                created_at=self._clock(),
                **which,
            )
        except IntegrityError:  # made by somebody else a moment ago
            return await Stream.get(**which)

    async def _again(self, found: Streamable) -> Streamable:
        """With its row as it is now."""
        listed = await self.of_drone(await Drone.get(id=found.drone_id))
        return next((item for item in listed if item.camera == found.camera), found)

    def publish_url(self, row: Stream) -> str:
        """Where the controller publishes a stream, with the key."""
        name, key = _halves(row)
        return f"{self._rtmp_url}/{name}?{urlencode({'key': key})}"

    # What the media server asks and tells

    async def may_publish(self, name: str, key: str) -> bool:
        """Whether somebody who shows this key may publish; the stream is live from then on."""
        row = await self._named(name)
        wanted = _halves(row)[1] if row is not None else secrets.token_hex(KEY_BYTES)
        is_right = hmac.compare_digest(key[:MAX_PROOF].encode("utf-8", "replace"), wanted.encode())
        if row is None or not is_right:
            return False
        await Stream.filter(id=row.id).update(is_live=True, live_since=self._clock())
        return True

    async def may_view(self, name: str, token: str) -> bool:
        """Whether somebody who shows this stream token may watch: its user sees the workspace, now."""
        row = await self._named(name)
        if row is None or not token or len(token) > MAX_PROOF:
            return False
        viewing, now = (hashlib.sha256(token.encode("utf-8", "replace")).hexdigest(), name), self._monotonic()
        held = self._viewings.get(viewing)
        if held is not None and now - held.seen_at > self._rules.viewing_s:
            held = None
        user_id = self._viewer_of(token) if held is None else held.user_id
        if user_id is None or not await self._access.is_member(user_id, row.workspace_id):
            self._viewings.pop(viewing, None)
            return False
        if len(self._viewings) >= self._rules.max_viewings:
            self._viewings = {
                key: kept for key, kept in self._viewings.items() if now - kept.seen_at <= self._rules.viewing_s
            }
        if len(self._viewings) < self._rules.max_viewings:
            self._viewings[viewing] = _Viewing(user_id, now)
        return True

    async def ended(self, name: str) -> None:
        """Nobody publishes the stream any more."""
        row = await self._named(name)
        if row is not None:
            await Stream.filter(id=row.id).update(is_live=False, live_since=None)

    async def _named(self, name: str) -> Stream | None:
        if _NAME.fullmatch(name) is None:
            return None
        return await Stream.get_or_none(stream_key__startswith=f"{name}.")


def streamable(drone: Drone, offers: Sequence[Offer], rows: Sequence[Stream]) -> list[Streamable]:
    """A drone's cameras: those that can be started, and those that were."""
    by_camera = {offer.camera.name: offer for offer in offers}
    by_row: dict[str, Stream] = {}
    for row in rows:  # of a camera that had streamed by several connections the one that can be started counts
        offer = by_camera.get(row.camera)
        if row.camera not in by_row or (offer is not None and offer.connection_id == row.connection_id):
            by_row[row.camera] = row
    return [
        Streamable(
            workspace_id=drone.workspace_id,
            drone_id=drone.id,
            camera=camera,
            offer=by_camera.get(camera),
            row=by_row.get(camera),
        )
        for camera in dict.fromkeys([*by_camera, *by_row])
    ]


def name_of(row: Stream) -> str:
    """The stream's path on the media server."""
    return _halves(row)[0]


def _halves(row: Stream) -> tuple[str, str]:
    name, _, key = row.stream_key.partition(".")
    return name, key


def _refused(result: int) -> HubError:
    """What a controller answered, in words where its code has some."""
    given = {"code": result}
    return HubError(Code.CONFLICT, live.words_of(result), why=Reason.CONTROLLER_REFUSED, given=given)


def _none(drone: Drone, camera: str) -> Streamable:
    return Streamable(workspace_id=drone.workspace_id, drone_id=drone.id, camera=camera, offer=None, row=None)
