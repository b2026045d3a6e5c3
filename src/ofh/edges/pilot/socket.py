"""`/ws`: the websocket on which controllers learn of each other (dji-pilot-2.md, 4.2; limits: security.md, section 6).

The token alone says who connects, in the query as Pilot gives it, or in a header; no cookie counts. Pilot has nothing
to say: whatever it sends is read and forgotten. Several sockets of one controller at once are normal while it
reconnects.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import structlog
from starlette.routing import Match, WebSocketRoute
from starlette.types import Receive, Scope, Send

from ofh.backends.mailbox import Mailbox
from ofh.backends.ports import Interrupted
from ofh.domain.errors import Code, HubError
from ofh.domain.events import Event
from ofh.domain.tallies import give_back
from ofh.edges.auth import Origins
from ofh.edges.handshake import refuse, refuse_by
from ofh.edges.outlet import Flusher
from ofh.edges.sockets import Rounds
from ofh.edges.sockets import Socket as AnySocket
from ofh.edges.ws_protocol import EXTENSION
from ofh.services.awareness import Awareness, Group
from ofh.services.feed import Feed
from ofh.services.link import Links, Pilot
from ofh.services.map_elements import MapElements

from .admission import Throttle, admitted
from .room import KINDS, Member, Room

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

PATH = "/ws"
LISTENING_WITHIN_S = 2.0
"""How long a handshake waits until nothing can be missed any more; longer where the bus is away would help nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """The numbers of dji-pilot-2.md 4.2 and security.md, section 6; each is a setting."""

    ping_s: float = 30.0
    silence_s: float = 90.0
    """A peer of which nothing was heard for so long is cut off."""
    message_bytes: int = 64 * 1024
    messages_per_s: float = 100.0
    messages_burst: float = 200.0
    per_connection: int = 20
    """Sockets of one controller."""
    unread_s: float = 30.0
    """How long a receiver may take nothing."""
    recheck_s: float = 60.0
    """How often tokens are looked at again, should word of their end be lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where rooms learn what happens."""

    feed: Feed
    awareness: Awareness
    map_elements: MapElements

    def events(self, workspace_id: int) -> AbstractAsyncContextManager[Mailbox[Event | Interrupted]]:
        """The events that rooms look at, from now on."""
        return self.feed.events(workspace_id, kinds=KINDS)

    async def groups(self, workspace_id: int) -> list[Group]:
        """Who is there."""
        return await self.awareness.groups(workspace_id)

    async def map_group_ids(self, workspace_id: int) -> list[str]:
        """The groups of the shared map."""
        return await self.map_elements.group_ids(workspace_id)


@dataclass(slots=True)
class _Open:
    """A room, the task that keeps it, and how many sockets are in it or about to enter."""

    room: Room
    task: "asyncio.Task[None]"
    sockets: int = 0


class PilotSockets:
    """The ASGI endpoint, and all sockets of controllers in this process.

    Args:
        origins: whose pages may connect; a client that is no browser names none, or the very host that it calls.
        address_of: ASGI scope → the client's address.
        opened: told of each socket that was let in.
        clock: the hub's time, UTC.
    """

    def __init__(
        self,
        links: Links,
        world: World,
        *,
        origins: Origins,
        address_of: Callable[[Mapping[str, Any]], str],
        throttle: Throttle,
        opened: Callable[[Pilot], None],
        clock: Callable[[], datetime],
        limits: SocketLimits | None = None,
    ) -> None:
        self._links = links
        self._world = world
        self._origins = origins
        self._address_of = address_of
        self._throttle = throttle
        self._opened = opened
        self._clock = clock
        self.limits = limits or SocketLimits()
        self._flusher = Flusher()
        self._sockets: set[Socket] = set()
        self._of_connection: Counter[int] = Counter()
        self._rooms: dict[int, _Open] = {}
        self._changes = 0
        """Words of changes so far: one that comes during a handshake must not be overlooked."""
        self._rounds: Rounds[Socket] = Rounds(
            lambda: self._sockets, self._look_again, unread_s=self.limits.unread_s, recheck_s=self.limits.recheck_s
        )

    def __len__(self) -> int:
        return len(self._sockets)

    def route(self) -> WebSocketRoute:
        """Where Pilot connects."""
        return _TolerantRoute(PATH, self)

    async def start(self) -> None:
        """Begin to watch over readers and tokens."""
        self._rounds.start()

    async def stop(self) -> None:
        """Close every socket with 1001, and end what they watched. Calling it twice does no harm."""
        await self._rounds.stop()
        await asyncio.gather(*(socket.close(1001, "the hub is shutting down") for socket in list(self._sockets)))
        rooms, self._rooms = self._rooms, {}
        for held in rooms.values():
            held.task.cancel()
        await asyncio.gather(*(held.task for held in rooms.values()), return_exceptions=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        token, scope["query_string"] = _token(scope), b""  # whoever logs the scope logs no token
        changes, address = self._changes, self._address_of(scope)
        try:
            self._check_origin(scope)
            pilot = await admitted(self._links, self._throttle, token, address)
        except HubError as error:
            await refuse_by(error, scope, send)
            return
        if self._of_connection[pilot.connection_id] >= self.limits.per_connection:
            await refuse(scope, send, 429, "Too many sockets of this controller.", retry_after_s=5)
            return
        self._of_connection[pilot.connection_id] += 1
        held = self._enter(pilot.workspace_id)
        try:
            await _listening(held.room)
            raw = scope.get("extensions", {}).get(EXTENSION)
            if raw is not None:
                raw.keep_alive(ping_s=self.limits.ping_s, silence_s=self.limits.silence_s)
            await send({"type": "websocket.accept", "headers": []})
            socket = Socket(self.limits, pilot, token or "", address)
            socket.open_outlet(scope, send, self._flusher)
            await self._serve(socket, held, changes, receive)
        except OSError:
            pass  # the peer went during the handshake
        finally:
            self._leave(pilot, held)

    async def _serve(self, socket: "Socket", held: _Open, changes: int, receive: Receive) -> None:
        """Push to a socket until it ends."""
        self._sockets.add(socket)
        socket.join(held.room)
        try:
            if self._changes != changes:  # its token may have ended while it was shaking hands
                self._rounds.look_soon([socket])
            self._opened(socket.pilot)
            await socket.serve(receive)
        finally:
            self._sockets.discard(socket)
            socket.leave()

    def _check_origin(self, scope: Scope) -> None:
        """Refuse the pages of others.

        Raises:
            HubError: FORBIDDEN.
        """
        headers = scope["headers"]
        hosts = [value.decode("latin-1").lower() for name, value in headers if name == b"host"]
        named = [value.decode("latin-1").strip().lower() for name, value in headers if name == b"origin"]
        if len(named) == 1 and urlsplit(named[0]).netloc in hosts:
            return
        self._origins.check_headers(headers)

    def _enter(self, workspace_id: int) -> _Open:
        held = self._rooms.get(workspace_id)
        if held is None:
            room = Room(self._world, workspace_id, self._clock)
            task = asyncio.create_task(_kept(room), name=f"pushes to controllers {workspace_id}")
            held = self._rooms[workspace_id] = _Open(room, task)
        held.sockets += 1
        return held

    def _leave(self, pilot: Pilot, held: _Open) -> None:
        """The last one out of a room ends it."""
        give_back(self._of_connection, pilot.connection_id)
        held.sockets -= 1
        if not held.sockets:
            held.task.cancel()
            if self._rooms.get(pilot.workspace_id) is held:
                del self._rooms[pilot.workspace_id]

    # Ends of tokens

    def told(self, message: Mapping[str, Any]) -> None:
        """Word of this or another process: tokens that may have ended are looked at now."""
        self._changes += 1
        match message["kind"]:
            case "connection":
                id = message["connection_id"]
                self._rounds.look_soon([socket for socket in self._sockets if socket.pilot.connection_id == id])
            case "workspace":
                id = message["workspace_id"]
                self._rounds.look_soon([socket for socket in self._sockets if socket.pilot.workspace_id == id])
            case "interrupted":
                self._rounds.look_soon(self._sockets)

    async def _look_again(self, socket: "Socket") -> None:
        """Close a socket whose token has ended."""
        try:
            pilot = await self._links.authenticate(socket.token)
            has_ended = pilot.workspace_id != socket.pilot.workspace_id
        except HubError as error:
            if error.code not in (Code.UNAUTHENTICATED, Code.FORBIDDEN):
                raise
            has_ended = True
        if has_ended:
            socket.closing(4403, "the token has ended")


class Socket(AnySocket):
    """One connection of a controller."""

    def __init__(self, limits: SocketLimits, pilot: Pilot, token: str, address: str) -> None:
        super().__init__(
            address,
            message_bytes=limits.message_bytes,
            messages_per_s=limits.messages_per_s,
            messages_burst=limits.messages_burst,
        )
        self.pilot = pilot
        self.token = token
        self._room: Room | None = None
        self._member: Member | None = None

    def join(self, room: Room) -> None:
        """Be pushed what happens from now on."""
        self._room, self._member = room, room.join(self.pilot.connection_id, self.outlet)

    def leave(self) -> None:
        """Be pushed nothing more."""
        if self._room is not None and self._member is not None:
            self._room.leave(self._member)

    async def take(self, message: Mapping[str, Any]) -> None:
        """Forget what Pilot says, as long as it is not too much."""
        said = message.get("text")
        self.is_too_much(len(said.encode()) if said is not None else len(message.get("bytes") or b""))

    def resumed(self) -> None:
        """The reader has caught up."""
        if self._member is not None:
            self._member.resumed()


async def _kept(room: Room) -> None:
    """A room that goes on whatever happens in it."""
    while True:
        try:
            await room.run()
        except Exception:
            log.exception("pushes to controllers failed")
            await asyncio.sleep(1)


async def _listening(room: Room) -> None:
    """Wait a while until the room hears what happens; if not, it goes on trying, and tells its members once it does."""
    try:
        async with asyncio.timeout(LISTENING_WITHIN_S):
            await room.listening.wait()
    except TimeoutError:
        pass


def _token(scope: Scope) -> str | None:
    """The token that a handshake brings along."""
    pairs: list[tuple[str, str]] = []
    try:
        pairs = parse_qsl(scope["query_string"].decode("ascii"), max_num_fields=20)
    except ValueError:
        pass  # no query that could be read: perhaps there is a header
    for name, text in pairs:
        if name == "x-auth-token":
            return text
    for name, value in scope["headers"]:
        if name == b"x-auth-token":
            header: str = value.decode("latin-1")
            return header
    return None


class _TolerantRoute(WebSocketRoute):
    """A route that takes a trailing slash, and doubled ones behind the host, as if they were not there (A7)."""

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        return super().matches({**scope, "path": "/" + scope["path"].lstrip("/").removesuffix("/")})
