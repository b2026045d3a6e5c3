"""One websocket of the GraphQL API, bounded in what it may ask, keep and leave unread (security.md, section 6)."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from graphql import ExecutionResult, GraphQLError, OperationType, map_source_to_response_event
from starlette.types import Receive, Scope, Send

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError
from ofh.edges.auth import bearer_token
from ofh.edges.errors import WIRE, hub_error, internal, note, present, to_graphql_error
from ofh.edges.sockets import Socket as AnySocket
from ofh.edges.strict_json import BadJson, loads

from . import protocol
from .context import Contexts
from .crowd import Crowd
from .fanout import Fanout, Join
from .follows import Follow
from .gate import Gate
from .hub_schema import Asked, FanoutExecutor, HubSchema, Operation
from .members import Member, Shown
from .protocol import Malformed, asked_of, id_of, object_of
from .rendering import encode
from .replaying import Play
from .runner import Runner
from .running import Running
from .ways import Way


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """The numbers of security.md, section 6; each is a setting."""

    init_s: float = 5.0
    message_bytes: int = 64 * 1024
    operations: int = 50
    """At work at the same time on one socket."""
    messages_per_s: float = 100.0
    messages_burst: float = 200.0
    per_user: int = 20
    """Sockets of one user."""
    documents: int = 8
    """Different documents by which one user watches the same thing, on all sockets together."""
    ways: int = 20
    """The same with different variables: areas, paces."""
    per_address: int = 100
    """Sockets of one address that have not shown who they are."""
    unread_s: float = 30.0
    """How long a receiver may take nothing."""
    recheck_s: float = 60.0
    """How often sessions and rights are looked at again, should word of their end be lost."""
    operation_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all sockets of a process have in common."""

    schema: HubSchema
    contexts: Contexts
    fanout: Fanout
    gate: Gate
    runner: Runner
    crowd: "Crowd[Socket]"
    limits: SocketLimits


class Socket(AnySocket):
    """One connection."""

    __slots__ = (
        "_acknowledged",
        "_around",
        "_handshake",
        "_operations",
        "_tasks",
        "actor",
        "counted",
        "known",
    )
    actor: Actor

    def __init__(self, around: Surroundings, scope: Scope, send: Send, address: str, actor: Actor | None) -> None:
        limits = around.limits
        super().__init__(
            address,
            message_bytes=limits.message_bytes,
            messages_per_s=limits.messages_per_s,
            messages_burst=limits.messages_burst,
        )
        self._around = around
        self.open_outlet(scope, send, around.fanout.flusher)
        self.known = actor
        """Who the handshake, and later `connection_init`, has shown."""
        self.counted = actor.user_id if actor else None
        """See `Visitor`."""
        self._handshake: asyncio.TimerHandle | None = None
        self._acknowledged = False
        self._operations: dict[str, Running | Member] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # In

    async def serve(self, receive: Receive) -> None:
        """Read until either side closes; afterwards nothing of the socket is left."""
        self._handshake = asyncio.get_running_loop().call_later(
            self._around.limits.init_s, self.closing, 4408, "connection_init did not come in time"
        )
        try:
            await super().serve(receive)
        finally:
            self._handshake.cancel()

    async def take(self, message: Mapping[str, Any]) -> None:
        """Do what a message asks for."""
        text = message.get("text")
        if text is None:
            self.closing(4400, "messages are text")
            return
        data = text.encode()
        if self.is_too_much(len(data)):
            return
        try:
            await self._act(loads(data))
        except (BadJson, Malformed) as error:
            self.closing(4400, str(error))
        except HubError as error:
            self.closing(WIRE[error.code].ws_close or 4403, error.message)

    async def _act(self, message: Any) -> None:
        if not isinstance(message, dict):
            raise Malformed("a message is a JSON object")
        payload = message.get("payload")
        match message.get("type"):
            case "connection_init":
                await self._init(object_of(payload))
            case "ping":
                object_of(payload)
                self.outlet.message(protocol.PONG)
            case "pong":
                object_of(payload)
            case "subscribe":
                await self._subscribe(id_of(message), payload)
            case "complete":
                self._complete(id_of(message))
            case _:
                raise Malformed("this type of message is unknown")

    async def _init(self, payload: dict[str, Any]) -> None:
        if self._handshake is None or self._handshake.cancelled():
            self.closing(4429, "connection_init came twice")
            return
        self._handshake.cancel()
        gate = self._around.gate
        offered = payload.get("authorization", payload.get("Authorization"))
        if offered is not None:
            token = bearer_token(offered) if isinstance(offered, str) else None
            self.known = await gate.bearer(token, self.address) if token else None
        if self.known is None:
            self.closing(4403, "log in first")
        elif not self._around.crowd.show(self, self.known):
            self.closing(1013, "too many sockets")
        elif not self.is_closed:
            self.actor = self.known
            self._acknowledged = True
            self.outlet.message(protocol.ACK)

    async def _subscribe(self, id: str, payload: Any) -> None:
        if not self._acknowledged:
            self.closing(4401, "connection_init comes first")
            return
        asked = asked_of(payload)
        if id in self._operations:
            self.closing(4409, f"Subscriber for {id} already exists")
            return
        if len(self._operations) >= self._around.limits.operations:
            limit = self._around.limits.operations
            error = HubError(Code.RATE_LIMITED, f"At most {limit} operations at a time on one socket.")
            note([to_graphql_error(error)], asked.operation_name)
            self._error(id, error)
            return
        self._start(id, asked)

    def _start(self, id: str, asked: Asked | Operation, place: Any = None) -> None:
        """Begin an operation.

        Args:
            asked: what a client asks for, or what was fit to run before and begins anew.
            place: where a subscription goes on that begins anew (`Gathering.standing`).
        """
        context = self._around.contexts.of(self.actor, address=self.address)
        running = Running(asked, context, place)
        self._operations[id] = running
        running.task = asyncio.create_task(self._run(id, running))
        self._tasks.add(running.task)
        running.task.add_done_callback(self._tasks.discard)

    def _complete(self, id: str) -> None:
        operation = self._operations.pop(id, None)
        if operation is not None:
            operation.leave()

    # Operations

    async def _run(self, id: str, running: "Running") -> None:
        """From the start of an operation to its end, or to its place in a group."""
        try:
            asked = running.asked
            operation = asked if isinstance(asked, Operation) else await self._read(asked)
            if isinstance(operation, list):
                note(operation, running.name)
                self._finish(id, running, [present(error, "") for error in operation])
                return
            running.asked = operation
            executor = self._around.schema.executor(operation, running.context)
            if isinstance(executor, list):
                note(executor, operation.name)
                self._finish(id, running, [present(error, "") for error in executor])
            elif operation.kind is OperationType.SUBSCRIPTION:
                await self._run_subscription(id, running, operation, executor)
            else:
                await self._run_once(id, running, operation, executor)
        except HubError as error:
            self._refused(id, running, error)
        except Exception as fault:  # noqa: BLE001 - the outermost of this task
            self._finish(id, running, [internal(fault, running.where)])

    async def _read(self, asked: Asked) -> Operation | list[GraphQLError]:
        """What is asked for, counted as a request before it is looked at, and as more where looking took long.

        Raises:
            HubError: RATE_LIMITED.
        """
        throttle, owed = self._around.gate.throttle, list[int]()
        await throttle(self.actor, self.address, 1)
        operation = self._around.schema.prepare(asked, owed.append)
        await throttle(self.actor, self.address, sum(owed))
        return operation

    async def _run_once(self, id: str, running: "Running", operation: Operation, executor: FanoutExecutor) -> None:
        result = await self._around.runner.run(
            operation,
            executor,
            whose=self.actor.session,
            within_s=self._around.limits.operation_s,
        )
        note(result.errors or (), operation.name)
        await self._next(id, running, result)
        self._finish(id, running, None)

    async def _run_subscription(
        self, id: str, running: "Running", operation: Operation, executor: FanoutExecutor
    ) -> None:
        # No limit of time: the first event of an ordinary subscription may be hours away. One that shows what is in a
        # workspace yields a `Join`: by that alone the end of a right is known to end it.
        stream = await self._around.schema.open(executor)
        if isinstance(stream, ExecutionResult):
            self._not_opened(id, running, stream.errors or [])
            return
        async with closed(aiter(stream)) as events:
            event = await anext(events, None)
            if isinstance(event, Join | Follow | Play):
                self._enrol(id, running, event, operation, executor)
                return
            way = Way(watched=None, document=operation.document.text, how=running)  # it shares nothing with anybody
            self._around.crowd.check_ways(self.actor.user_id, way)
            running.way = way
            running.is_open = True
            if event is not None:
                async with closed(map_source_to_response_event(executor, _again(event, events))) as results:
                    async for result in results:
                        await self._next(id, running, result)
        self._finish(id, running, None)

    def _enrol(
        self,
        id: str,
        running: "Running",
        join: Join | Follow | Play,
        operation: Operation,
        executor: FanoutExecutor,
    ) -> None:
        if self._operations.get(id) is not running:
            return
        way = None if isinstance(join, Play) else self._around.fanout.way_of(join, operation, executor)
        if way is not None:
            self._around.crowd.check_ways(self.actor.user_id, way)
        member = Member(self, self.outlet, id, way)
        member.place = running.place
        self._operations[id] = member
        self._around.fanout.enrol(member, join, operation, executor)

    def _not_opened(self, id: str, running: "Running", errors: list[GraphQLError]) -> None:
        refusal = hub_error(errors[0]) if errors else None
        if refusal is not None:
            self._refused(id, running, refusal)
        else:
            note(errors, running.name)
            self._finish(id, running, [present(error, running.where) for error in errors])

    async def _next(self, id: str, running: "Running", result: ExecutionResult) -> None:
        await self.outlet.drain()
        if self._operations.get(id) is running and not self.is_closed:
            body = encode(result, running.where)
            self.outlet.message(protocol.next_prefix(id) + body + b"}")

    def ways(self) -> Iterator[Way]:
        """The ways in which it watches."""
        return (operation.way for operation in self._operations.values() if operation.way is not None)

    # Ends of operations

    def _refused(self, id: str, running: "Running", error: HubError) -> None:
        """A subscription that cannot begin or go on; where a backend is away the client is to come back."""
        shown = Shown.of(error)
        note([to_graphql_error(error)], running.name)
        if shown.ws_close is not None and running.is_subscription:
            self.closing(shown.ws_close, error.message)
        else:
            self._finish(id, running, [shown.body])

    def _finish(self, id: str, running: "Running", errors: list[dict[str, Any]] | None) -> None:
        """The last word on an operation, unless the client had it."""
        if self._operations.get(id) is running and not self.is_closed:
            del self._operations[id]
            if errors is None:
                self.outlet.message(protocol.complete(id))
            else:
                self._send_errors(id, errors)

    def _error(self, id: str, error: HubError) -> None:
        self._send_errors(id, [present(to_graphql_error(error), "")])

    def _send_errors(self, id: str, errors: list[dict[str, Any]]) -> None:
        if not self.is_closed:
            self.outlet.message(protocol.error(id, errors))

    def member_ended(self, member: Member, error: Shown | None) -> None:
        """See `Owner`."""
        if self._operations.get(member.id) is not member or self.is_closed:
            return
        del self._operations[member.id]
        if error is None:
            self.outlet.message(protocol.complete(member.id))
        elif error.ws_close is not None:
            self.closing(error.ws_close, error.body["message"])
        else:
            self._send_errors(member.id, [error.body])

    def end_access(self, workspace_id: int) -> None:
        """End with FORBIDDEN what shows this workspace; what is about to begin asks again."""
        for id, operation in list(self._operations.items()):
            if isinstance(operation, Running):
                if operation.is_opening:
                    operation.leave()
                    self._start(id, operation.asked, operation.place)
            elif workspace_id in operation.workspaces():
                del self._operations[id]
                operation.leave()
                self._error(id, HubError(Code.FORBIDDEN, "You may no longer see this workspace."))

    async def recheck(self) -> None:
        """Ask again whether the session lives and what it may see.

        Raises:
            HubError: UNAVAILABLE, nobody can tell at present; nothing changes.
        """
        actor = self.known
        if actor is None or self.is_closed:
            return
        gate = self._around.gate
        if not await gate.sessions.still_valid(actor):
            self.closing(4403, "the session has ended")
            return
        members = [operation for operation in self._operations.values() if isinstance(operation, Member)]
        for workspace_id in {id for member in members for id in member.workspaces()}:
            scope = await gate.scope_of(actor, workspace_id)
            if scope is None:
                self.end_access(workspace_id)
                continue
            for id, member in list(self._operations.items()):
                if not isinstance(member, Member) or (group := member.group) is None:
                    continue
                if group.workspace_id == workspace_id and group.scope != scope:
                    place = group.standing(member)
                    member.leave()
                    self._start(id, member.operation, place)

    # Out

    def resumed(self) -> None:
        """The reader has caught up."""
        for operation in list(self._operations.values()):
            if isinstance(operation, Member):
                operation.resumed()

    def leave(self) -> None:
        """Stop what it asked for."""
        operations, self._operations = self._operations, {}
        for operation in operations.values():
            operation.leave()

    async def ended(self) -> None:
        """Wait for its operations, and until the close frame is out or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await super().ended()


@asynccontextmanager
async def closed(stream: Any) -> AsyncIterator[Any]:
    """A stream that is closed in any case, if it can be."""
    try:
        yield stream
    finally:
        aclose = getattr(stream, "aclose", None)
        if aclose is not None:
            await aclose()


async def _again(event: Any, events: Any) -> Any:
    """A stream whose first item was taken from it already."""
    yield event
    async for item in events:
        yield item
