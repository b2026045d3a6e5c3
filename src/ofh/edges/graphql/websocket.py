"""GraphQL over websocket: the endpoint, and all its sockets in this process (security.md, section 6).

Written for ASGI itself rather than as a subclass of Strawberry's handler: that one closes the socket on a syntax
error, takes an id or a payload of any type, keeps one context for all operations of a socket, and has no place for
limits of rate, size and time. The schema, the limits and the fan-out are the same as everywhere.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from ofh.domain.actors import Actor
from ofh.domain.errors import HubError
from ofh.edges.handshake import refuse, refuse_by
from ofh.edges.sockets import Rounds

from .context import Contexts
from .crowd import Crowd
from .fanout import Fanout
from .gate import Gate
from .hub_schema import HubSchema
from .protocol import SUBPROTOCOL
from .runner import Runner
from .socket import Socket, SocketLimits, Surroundings


class Sockets:
    """The endpoint. Owned by the hub.

    Args:
        users: sockets by user, where other edges count theirs too.
    """

    def __init__(
        self,
        schema: HubSchema,
        contexts: Contexts,
        fanout: Fanout,
        gate: Gate,
        limits: SocketLimits | None = None,
        *,
        users: Counter[int] | None = None,
    ) -> None:
        limits = limits or SocketLimits()
        self.runner = Runner(schema)
        self.crowd: Crowd[Socket] = Crowd(
            Counter() if users is None else users,
            per_user=limits.per_user,
            per_address=limits.per_address,
            documents=limits.documents,
            ways=limits.ways,
        )
        self._gate = gate
        self._surroundings = Surroundings(
            schema=schema,
            contexts=contexts,
            fanout=fanout,
            gate=gate,
            runner=self.runner,
            crowd=self.crowd,
            limits=limits,
        )
        self._rounds: Rounds[Socket] = Rounds(
            lambda: self.crowd, Socket.recheck, unread_s=limits.unread_s, recheck_s=limits.recheck_s
        )

    async def start(self) -> None:
        """Begin to watch over readers and rights."""
        self._rounds.start()

    async def stop(self) -> None:
        """Close every socket with 1001 and wait until each is gone, and for mutations under way."""
        await self._rounds.stop()
        closing = [socket.close(1001, "the hub is shutting down") for socket in self.crowd]
        await asyncio.gather(*closing, self.runner.stop())

    def __len__(self) -> int:
        return len(self.crowd)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = list(scope["headers"])
        address = self._gate.address_of(scope)
        connect = await receive()
        if connect["type"] != "websocket.connect":
            return
        try:
            self._gate.check_origin(headers)
        except HubError as error:
            await refuse_by(error, scope, send)
            return
        if SUBPROTOCOL not in scope.get("subprotocols", ()):
            await refuse(scope, send, 400, f"The subprotocol {SUBPROTOCOL} is needed.")
            return
        try:
            actor = await self._gate.actor(headers, address)
            if actor is None:
                await self._gate.throttle(None, address, 1)
        except HubError as error:
            await refuse_by(error, scope, send)
            return
        if not self.crowd.has_room(actor, address):
            await refuse(scope, send, 429, "Too many sockets.", retry_after_s=5)
            return
        del headers
        socket = Socket(self._surroundings, scope, send, address, actor)
        self.crowd.enter(socket)
        try:
            await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL, "headers": []})
            scope["headers"].clear()  # whoever called holds the scope for as long as the socket lives
            await socket.serve(receive)
        except OSError:
            pass  # the peer went during the handshake
        finally:
            self.crowd.leave(socket)

    # Ends of sessions and rights

    def end_sessions(self, concerns: Callable[[Actor], bool]) -> None:
        """Close with 4403 what hangs on credentials that have ended."""
        for socket in self.crowd.of(concerns):
            socket.closing(4403, "the session has ended")

    def end_access(self, user_id: int, workspace_id: int) -> None:
        """End with FORBIDDEN what a user watches of a workspace."""
        for socket in self.crowd.of(lambda actor: actor.user_id == user_id):
            socket.end_access(workspace_id)

    async def recheck(self, user_id: int | None) -> None:
        """Look at a user's rights again, or at everybody's: what was lost ends, what depends on a role starts anew."""
        await self._rounds.look(self.crowd.of(lambda actor: user_id is None or actor.user_id == user_id))
