"""`/api/live`: the websocket of the client that was published before the hub had GraphQL (docs/live.md).

The session's cookie, or an access token, says who connects; without one the socket is closed with 4401 before anything
is said. Limits are those of security.md, section 6.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError
from ofh.domain.tallies import one_more
from ofh.edges.auth import Credentials, Origins, Throttle, actor_of, is_checked
from ofh.edges.errors import report
from ofh.edges.handshake import refuse, refuse_by
from ofh.edges.outlet import Flusher
from ofh.edges.sockets import Rounds
from ofh.edges.sockets import Socket as AnySocket
from ofh.services.sessions import SessionEnded, Sessions

from . import protocol
from .channels import Channels, Name, Subscription
from .protocol import Fault, Subscribe, Unanswerable
from .topics import Topics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

PATH = "/api/live"
LOGGED_OUT = (4000, "logout")
"""The published client shows this to its user."""
NOTHING = "There is no such event, or nothing of yours that this filter names."
"""One answer for everything that cannot be subscribed to (W6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """The numbers of security.md, section 6; each but the last two is a setting."""

    message_bytes: int = 64 * 1024
    messages_per_s: float = 100.0
    messages_burst: float = 200.0
    subscriptions: int = 200
    """Of one socket."""
    per_user: int = 20
    """Sockets of one user."""
    unread_s: float = 30.0
    """How long a receiver may take nothing."""
    recheck_s: float = 60.0
    """How often sessions and rights are looked at again, should word of their end be lost."""
    circles: int = 10
    """Of these subscriptions, those to traffic: each is work with every sighting."""
    owed_bytes: int = 24 * 1024
    """Of what can neither wait nor be left out, so much goes out to a reader who lags; more ends the socket. With the
    mark beyond which a reader lags, and what is joined into one write, 256 KiB."""


class LiveSockets:
    """The ASGI endpoint, and all its sockets in this process.

    Args:
        address_of: ASGI scope → the client's address.
        users: sockets by user, where other edges count theirs too.
    """

    def __init__(
        self,
        sessions: Sessions,
        topics: Topics,
        *,
        origins: Origins,
        address_of: Callable[[Mapping[str, Any]], str],
        throttle: Throttle,
        users: Counter[int] | None = None,
        limits: SocketLimits | None = None,
    ) -> None:
        self._sessions = sessions
        self._origins = origins
        self._address_of = address_of
        self._throttle = throttle
        self._users: Counter[int] = Counter() if users is None else users
        self._flusher = Flusher()
        self._sockets: set[Socket] = set()
        self.topics = topics
        self.channels = Channels()
        self.limits = limits or SocketLimits()
        self.changes = 0
        """Words of changed rights so far: one that comes while a right is being looked at must not be overlooked."""
        self._rounds: Rounds[Socket] = Rounds(
            lambda: self._sockets, self._look_again, unread_s=self.limits.unread_s, recheck_s=self.limits.recheck_s
        )

    def __len__(self) -> int:
        return len(self._sockets)

    def route(self) -> WebSocketRoute:
        """Where clients connect."""
        return WebSocketRoute(PATH, self)

    async def start(self) -> None:
        """Begin to watch over readers and rights."""
        self._rounds.start()

    async def stop(self) -> None:
        """Close every socket with 1001, and end what they watched. Calling it twice does no harm."""
        await self._rounds.stop()
        for socket in list(self._sockets):
            await socket.close(1001, "the hub is shutting down")
        await self.channels.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        address, changes = self._address_of(scope), self.changes
        try:
            actor = await self._admit(scope, address)
        except HubError as error:
            await refuse_by(error, scope, send)
            return
        if actor is None:
            await _turn_away(send)
            return
        if self._users[actor.user_id] >= self.limits.per_user:
            await refuse(scope, send, 429, "Too many sockets.", retry_after_s=5)
            return
        with one_more(self._users, actor.user_id), suppress(OSError):  # the peer may go during the handshake
            await send({"type": "websocket.accept", "headers": []})
            socket = Socket(self, actor, address)
            socket.open_outlet(scope, send, self._flusher)
            await self._serve(socket, receive, is_old_news=self.changes == changes)

    async def _serve(self, socket: "Socket", receive: Receive, *, is_old_news: bool) -> None:
        """Answer a socket until it ends.

        Args:
            is_old_news: no right has changed since its user was looked at.
        """
        self._sockets.add(socket)
        try:
            if not is_old_news:
                self._rounds.look_soon([socket])
            await socket.serve(receive)
        finally:
            self._sockets.discard(socket)

    async def _admit(self, scope: Scope, address: str) -> Actor | None:
        """Who connects; None: nobody that the hub knows.

        Raises:
            HubError: FORBIDDEN, a page of another origin; RATE_LIMITED; UNAVAILABLE.
        """
        headers = list(scope["headers"])
        credentials = Credentials.of(headers)
        if is_checked(method="GET", is_websocket=True, bearer=credentials.bearer):
            self._origins.check_headers(headers)
        actor = await actor_of(self._sessions, credentials, address)
        await self._throttle(actor, address, 1)
        return actor

    # Ends of sessions and rights

    def end_sessions(self, ended: SessionEnded) -> None:
        """Close what hangs on credentials that have ended."""
        self.changes += 1
        for socket in list(self._sockets):
            if ended.concerns(socket.actor):
                socket.closing(*LOGGED_OUT)

    def told(self, message: Mapping[str, Any]) -> None:
        """Word of this or another process: whose rights may have changed is looked at now."""
        match message["kind"]:
            case "membership":
                self.changes += 1
                user_id = message["user_id"]
                self._rounds.look_soon([socket for socket in self._sockets if socket.depends_on(user_id)])
            case "workspace" | "interrupted":
                self.changes += 1
                self._rounds.look_soon(self._sockets)

    async def _look_again(self, socket: "Socket") -> None:
        """Close a socket whose session has ended, and end what it may not see any more."""
        if not await self._sessions.still_valid(socket.actor):
            socket.closing(*LOGGED_OUT)
        elif not socket.is_closed:
            await socket.look_again()


class Socket(AnySocket):
    """One connection of a dashboard."""

    __slots__ = ("_live", "_number", "_owed", "_subscriptions", "actor", "own")

    def __init__(self, live: LiveSockets, actor: Actor, address: str) -> None:
        limits = live.limits
        super().__init__(
            address,
            message_bytes=limits.message_bytes,
            messages_per_s=limits.messages_per_s,
            messages_burst=limits.messages_burst,
        )
        self.actor = actor
        self.own: frozenset[int] = frozenset()
        """The user's workspaces, as of when traffic was asked for or rights were looked at."""
        self._live = live
        self._subscriptions: dict[Name, Subscription] = {}
        self._number = 0
        self._owed = 0
        """Bytes that a reader who lags was sent all the same."""

    # In

    async def take(self, message: Mapping[str, Any]) -> None:
        """Answer a message, once."""
        text = message.get("text")
        if text is None:
            self.closing(1003, "messages are text")
            return
        if self.is_too_much(len(text.encode())):
            return
        try:
            asked = protocol.read(text)
        except Fault as fault:
            self._owe(protocol.error(str(fault), self._next_number()))
            return
        match asked:
            case Subscribe():
                await self._subscribe(asked)
            case Unanswerable():
                self._refuse(asked.message_id, asked.reason)

    async def _subscribe(self, asked: Subscribe) -> None:
        try:
            refusal = await self._join(asked)
        except HubError as error:
            if error.code is Code.UNAVAILABLE:
                self.closing(1013, "a part of the hub is away")
                return
            refusal = NOTHING
        except Exception as fault:  # noqa: BLE001 - each message is answered, whatever became of it
            refusal = f"Something went wrong on our side; the log has it under {report(fault, 'live subscribe')}."
        if refusal is not None:
            self._refuse(asked.message_id, refusal)

    async def _join(self, asked: Subscribe) -> str | None:
        """Subscribe and say so; why not, where it may not be.

        Raises:
            HubError: UNAVAILABLE; GONE.
        """
        name = (asked.event, asked.filter)
        if name in self._subscriptions:
            self._confirm(asked.message_id)
            return None
        limits, topics = self._live.limits, self._live.topics
        if len(self._subscriptions) >= limits.subscriptions:
            return f"At most {limits.subscriptions} subscriptions on one socket."
        changes = self._live.changes
        topic = await topics.find(self.actor, *name)
        if topic is None:
            return NOTHING
        if topic.known is not None:
            if sum(held.topic.known is not None for held in self._subscriptions.values()) >= limits.circles:
                return f"At most {limits.circles} circles of traffic on one socket."
            self.own = await topics.workspaces(self.actor)
        subscription = await self._live.channels.join(self, name, topic)
        try:
            while changes != self._live.changes:  # the right may have ended meanwhile
                changes = self._live.changes
                if await topics.find(self.actor, *name) is None:
                    subscription.leave()
                    return NOTHING
                if topic.known is not None:
                    self.own = await topics.workspaces(self.actor)
        except BaseException:
            subscription.leave()
            raise
        if self.is_closed:
            subscription.leave()
            return None
        self._subscriptions[name] = subscription
        self._confirm(asked.message_id)
        subscription.begin()
        return None

    # Rights

    def depends_on(self, user_id: int) -> bool:
        """Whether something changes here with what this user may see, or with who may see this user."""
        return self.actor.user_id == user_id or any(
            held.topic.person_id == user_id for held in self._subscriptions.values()
        )

    async def look_again(self) -> None:
        """End what the user may not see any more.

        Raises:
            HubError: UNAVAILABLE, nobody can tell at present.
        """
        topics = self._live.topics
        self.own = own = await topics.workspaces(self.actor)
        for name, held in list(self._subscriptions.items()):
            is_theirs = held.topic.workspace_id is None or held.topic.workspace_id in own
            if (not is_theirs or not await topics.may_still(self.actor, held.topic)) and name in self._subscriptions:
                del self._subscriptions[name]
                held.leave()

    # Out

    def push(self, part: bytes) -> None:
        """See `Reader`."""
        if not self.is_closed:
            self.outlet.message(protocol.numbered(part, self._next_number()))

    def owe(self, part: bytes) -> None:
        """See `Reader`."""
        self._owe(protocol.numbered(part, self._next_number()))

    def resumed(self) -> None:
        """The reader has caught up."""
        for subscription in list(self._subscriptions.values()):
            subscription.resumed()

    def leave(self) -> None:
        """Have nothing more."""
        subscriptions, self._subscriptions = self._subscriptions, {}
        for subscription in subscriptions.values():
            subscription.leave()

    def _owe(self, text: bytes) -> None:
        """Send what can neither wait nor be left out."""
        if self.is_closed:
            return
        self._owed = self._owed + len(text) if self.outlet.paused else 0
        if self._owed > self._live.limits.owed_bytes:
            self.closing(1013, "you read too slowly")
            return
        self.outlet.message(text)

    def _confirm(self, message_id: int | float) -> None:
        self._owe(protocol.answer(message_id, success=True))

    def _refuse(self, message_id: int | float, reason: str) -> None:
        self._owe(protocol.answer(message_id, success=False, result=reason))

    def _next_number(self) -> int:
        self._number += 1
        return self._number


async def _turn_away(send: Send) -> None:
    """Whoever does not show who they are; a browser learns the code only from a socket that was open."""
    log.info("live websocket without a session")
    try:
        await send({"type": "websocket.accept", "headers": []})
        await send({"type": "websocket.close", "code": 4401, "reason": "log in first"})
    except OSError:
        pass
