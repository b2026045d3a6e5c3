"""One execution and one encoding per event for all who watch the same with the same rights.

The resolver of a broadcast subscription checks who asks and yields one `Join`. Readers whose document, operation,
variables, `Join.key` and `Join.scope` agree form a `Group`, which opens the watch once, executes each change once, in
a context that knows of no reader, and hands the bytes to all. Should a resolver ask for the reader after all, nothing
of that execution is sent: from then on the operation's groups hold one user each.

A reader first gets the state that is current when it joins, then what follows, neither less nor twice. One that lags
gets nothing until it has caught up, and then the current state again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from inspect import isawaitable
from itertools import pairwise
from typing import Any, Protocol

import orjson
from graphql import ExecutionResult

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError
from ofh.edges.errors import WIRE, internal, present, to_graphql_error
from ofh.edges.outlet import Flusher, Outlet, text_header

from .context import Context, Contexts
from .hub_schema import FanoutExecutor, HubSchema, Operation
from .projection import NotPlain, project

OPERATION_S = 10.0
"""How long one execution may take."""

__all__ = ["Fanout", "Group", "HubSchema", "Join", "Member", "Watch", "encode"]


class Watch(Protocol):
    """A thing that is watched: its state, and what is new."""

    def current(self) -> list[Any]:
        """The newest item per device, from memory."""

    def changes(self) -> AsyncIterator[list[Any]]:
        """Batches of newer items, paced by the watch itself."""


def as_it_is(item: Any) -> Any:
    """The item itself."""
    return item


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """What a broadcast subscription's resolver yields, once, in the place of items.

    Items with a `key` and a time `at` are told apart by these, others by equality.
    """

    key: Hashable
    """What is watched, such as `("dronePosition", 17)`."""
    open: Callable[[], AbstractAsyncContextManager[Watch]]
    """Called once per group."""
    per_item: bool
    """True: each item is an event of its own. False: a batch is one event, a list."""
    scope: Hashable
    """All that nested permissions may depend on: `(workspace_id, role)`; never the user."""
    workspace_id: int
    """The reader's part ends with the right to this workspace."""
    show: Callable[[Any], Any] = as_it_is
    """Turns an item into what the schema's type is resolved from."""


class Owner(Protocol):
    """Whoever put a member into a group."""

    actor: Actor

    def member_ended(self, member: "Member", error: "Shown | None") -> None:
        """The group ended: `complete`, or by this error. The member has left."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An error as clients see it."""

    body: dict[str, Any]
    ws_close: int | None
    """The code to close the whole socket with, if any."""

    @classmethod
    def of(cls, error: HubError) -> "Shown":
        """A refusal."""
        return cls(present(to_graphql_error(error), ""), WIRE[error.code].ws_close)


class Member:
    """One operation of one socket in a group."""

    __slots__ = ("group", "has", "id", "outlet", "owner", "prefix", "size")

    def __init__(self, owner: Owner, outlet: Outlet, id: str) -> None:
        self.owner = owner
        self.outlet = outlet
        self.id = id
        self.prefix = b'{"id":' + orjson.dumps(id) + b',"type":"next","payload":'
        self.size = len(self.prefix)
        self.group: Group | None = None
        self.has: _Snapshot | None = None
        """The state that it was given, until the next batch went out."""

    def workspaces(self) -> set[int]:
        """The workspace that it shows."""
        return {self.group.join.workspace_id} if self.group is not None else set()

    def leave(self) -> None:
        """Get nothing more."""
        if self.group is not None:
            self.group.remove(self)

    def resumed(self) -> None:
        """The outlet has caught up."""
        if self.group is not None:
            self.group.resume(self)


class _Snapshot:
    """A state that was handed out; tells which items of a later batch are in it already."""

    def __init__(self, items: Sequence[Any]) -> None:
        self._items = items
        self._known: dict[Hashable, Any] | None = None

    def without(self, batch: list[Any]) -> list[Any]:
        """What of the batch is newer than this state; the same list where all is."""
        if self._known is None:
            self._known = {item.key: item.at for item in self._items if hasattr(item, "key")}
        newer = [item for item in batch if not self._holds(item)]
        return batch if len(newer) == len(batch) else newer

    def _holds(self, item: Any) -> bool:
        if self._known is None or not hasattr(item, "key"):
            return item in self._items
        at = self._known.get(item.key)
        return at is not None and bool(item.at <= at)


class Group:
    """All who watch the same with the same rights."""

    def __init__(
        self,
        fanout: "Fanout",
        key: Hashable,
        join: Join,
        operation: Operation,
        executor: FanoutExecutor,
        reader: Actor | None,
    ) -> None:
        self.join = join
        self.operation = operation
        self._fanout = fanout
        self._key = key
        self._executor = executor
        self._project = project(executor)
        self._reader = reader
        self._members: dict[Member, None] = {}
        self._waiting: dict[Member, None] = {}
        self._fresh: set[Member] = set()
        self._lagging: set[Member] = set()
        self._watch: Watch | None = None
        self._state: list[Any] | None = None
        self._state_bodies: list[bytes] = []
        self._delivering = False
        self._greeting: asyncio.Task[None] | None = None
        self._faults: dict[str, dict[str, Any]] = {}
        self.task: asyncio.Task[None] | None = None

    # Members

    def add(self, member: Member) -> None:
        """Take a member in; it gets the current state in this very turn where that takes no waiting."""
        member.group = self
        self._waiting[member] = None
        self._greet()

    def remove(self, member: Member) -> None:
        """Let a member go; the last one takes the group with it."""
        self._members.pop(member, None)
        self._waiting.pop(member, None)
        self._fresh.discard(member)
        self._lagging.discard(member)
        member.group = member.has = None
        if not self._members and not self._waiting:
            self._fanout.drop(self._key, self)

    def resume(self, member: Member) -> None:
        """A member that lagged may be served again."""
        if member in self._lagging:
            self._lagging.discard(member)
            del self._members[member]
            self._waiting[member] = None
            self._greet()

    def all(self) -> list[Member]:
        """Members, greeted or not."""
        return [*self._members, *self._waiting]

    # Work

    async def run(self) -> None:
        """Watch until cancelled, or until the watch ends."""
        try:
            async with self.join.open() as watch:
                self._watch = watch
                self._greet()
                async for batch in watch.changes():
                    await self._deliver(batch)
            self._end(None)
        except HubError as refusal:
            self._end(Shown.of(refusal))
        except Exception as fault:  # noqa: BLE001 - the outermost loop of this task
            self._fail(fault)

    def _fail(self, fault: Exception) -> None:
        where = f"watch {self.join.key!r}"
        self._end(Shown(internal(fault, where), None))

    def _end(self, error: Shown | None) -> None:
        for member in self.all():
            self.remove(member)
            member.owner.member_ended(member, error)

    def _greet(self) -> None:
        """Give the current state to those who wait for it; where that takes waiting, a batch waits as well."""
        watch = self._watch
        if watch is None or self._delivering or self._greeting is not None or not self._waiting:
            return
        try:
            self._greet_with(list(watch.current()))
        except Exception as fault:  # noqa: BLE001 - whoever joins is not to pay for what the group cannot do
            self._fail(fault)

    def _greet_with(self, items: list[Any]) -> None:
        snapshot = _Snapshot(items)
        if items == self._state:
            self._welcome(snapshot, self._state_bodies)
            return
        bodies = self._render(items)
        if isinstance(bodies, list):
            self._state, self._state_bodies = items, bodies
            self._welcome(snapshot, bodies)
        else:
            # Not ended with the group: coroutines of graphql-core that never began would complain.
            self._greeting = self._fanout.spawn(self._greet_later(snapshot, bodies, list(self._waiting)))

    async def _greet_later(self, snapshot: _Snapshot, rendering: Awaitable[list[bytes]], members: list[Member]) -> None:
        # What had to be waited for was read from somewhere else, so it is not kept for those who come later.
        try:
            bodies = await rendering
            self._greeting = None
            self._welcome(snapshot, bodies, members)
            self._greet()
        except Exception as fault:  # noqa: BLE001 - the outermost of this task
            self._fail(fault)

    def _welcome(self, snapshot: _Snapshot, bodies: list[bytes], members: list[Member] | None = None) -> None:
        if self._promote():
            return
        ready = [member for member in members or list(self._waiting) if member in self._waiting]
        for member in ready:
            del self._waiting[member]
            self._members[member] = None
            member.has = snapshot
            self._fresh.add(member)
        self._send(ready, bodies)

    async def _deliver(self, batch: list[Any]) -> None:
        if not batch:
            return
        self._delivering = True
        try:
            if self._greeting is not None:
                await asyncio.wait((self._greeting,))
            apart = self._apart(batch)
            bodies = self._render(batch)
            if not isinstance(bodies, list):
                bodies = await bodies
            if self._promote():
                return
            if not apart:
                self._send(self._members, bodies)
                return
            served = {member for _, members in apart for member in members}
            self._send([member for member in self._members if member not in served], bodies)
            for newer, members in apart:
                rest = self._render(newer)
                if not isinstance(rest, list):
                    rest = await rest
                self._send([member for member in members if member in self._members], rest)
        finally:
            self._delivering = False
        self._greet()

    def _apart(self, batch: list[Any]) -> list[tuple[list[Any], list[Member]]]:
        """Members that were given a state which holds some of the batch already, by what is new to them."""
        fresh, self._fresh = self._fresh, set()
        by_state: dict[_Snapshot, list[Member]] = {}
        for member in fresh:
            if member.has is not None:
                by_state.setdefault(member.has, []).append(member)
                member.has = None
        found = ((state.without(batch), members) for state, members in by_state.items())
        return [(newer, members) for newer, members in found if newer is not batch]

    def _send(self, members: Iterable[Member], bodies: list[bytes]) -> None:
        """Hand the bodies to members: shared parts around each one's own prefix, in one call per member."""
        if not bodies:
            return
        plans: dict[int, list[bytes]] = {}
        lagging = self._lagging
        for member in members:
            outlet = member.outlet
            if outlet.paused:
                lagging.add(member)
                continue
            if not outlet.raw:
                for body in bodies:
                    outlet.message(member.prefix + body)
                continue
            plan = plans.get(member.size)
            if plan is None:
                plan = plans[member.size] = _plan(member.size, bodies)
            outlet.put(member.prefix.join(plan))

    # Execution

    def _render(self, items: list[Any]) -> list[bytes] | Awaitable[list[bytes]]:
        """The items as bodies of messages, one each, or one for all."""
        if not items and (self.join.per_item or self._delivering):
            return []
        show = self.join.show
        shown = [show(item) for item in items]
        events: list[Any] = shown if self.join.per_item else [shown]
        if self._project is not None:
            with suppress(NotPlain, TypeError):
                return [orjson.dumps({"data": self._project(event)}) + b"}" for event in events]
        context = self._context()
        results = [self._execute(event, context) for event in events]
        if any(isawaitable(result) for result in results):
            return self._finish(results, context)
        return self._bodies(results, context)

    def _context(self) -> Context:
        contexts = self._fanout.contexts
        return contexts.shared() if self._reader is None else contexts.of(self._reader)

    def _execute(self, event: Any, context: Context) -> Any:
        executor = self._executor.build_per_event_executor(event)
        executor.context_value = context
        return executor.execute_operation(False)

    async def _finish(self, results: list[Any], context: Context) -> list[bytes]:
        try:
            async with asyncio.timeout(self._fanout.operation_s):
                if len(results) == 1:
                    done = [await _settled(results[0])]
                else:
                    done = await asyncio.gather(*(_settled(result) for result in results))
        except TimeoutError:
            late = HubError(Code.UNAVAILABLE, "This took too long.")
            done = [ExecutionResult(None, [to_graphql_error(late)])]
        return self._bodies(done, context)

    def _bodies(self, results: list[ExecutionResult], context: Context) -> list[bytes]:
        if context.reader_needed:
            self.operation.document.personal.add(self.operation.name)
            return []
        where = self.operation.name or "subscription"
        return [encode(result, where, self._faults) + b"}" for result in results]

    def _promote(self) -> bool:
        """Where the operation turned out to depend on who reads, move everybody to a group of their own user."""
        if self._reader is not None or self.operation.name not in self.operation.document.personal:
            return False
        for member in self.all():
            self.remove(member)
            self._fanout.enrol(member, self.join, self.operation, self._executor)
        return True


class Fanout:
    """All groups of one process. Owned by the hub.

    Args:
        contexts: makes the surroundings of shared executions.
        operation_s: how long one execution may take.
    """

    def __init__(self, contexts: Contexts, *, operation_s: float = OPERATION_S) -> None:
        self.contexts = contexts
        self.operation_s = operation_s
        self.flusher = Flusher()
        self._groups: dict[Hashable, Group] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """End every watch; members are not told."""
        self._groups.clear()
        await asyncio.sleep(0)  # let what was just spawned begin
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._groups)

    def enrol(self, member: Member, join: Join, operation: Operation, executor: FanoutExecutor) -> None:
        """Put a member into the group of its like, which is made where there is none."""
        reader = member.owner.actor if operation.name in operation.document.personal else None
        key = (
            operation.document.text,
            operation.name,
            frozen(executor.variable_values.coerced),
            join.key,
            join.scope,
            reader and reader.user_id,
        )
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(self, key, join, operation, executor, reader)
            group.task = self.spawn(group.run())
        group.add(member)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that `stop` ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def drop(self, key: Hashable, group: Group) -> None:
        """Forget a group that nobody is in, and end its watch."""
        if self._groups.get(key) is group:
            del self._groups[key]
        if group.task is not None:
            group.task.cancel()


async def _settled(result: Any) -> ExecutionResult:
    found: ExecutionResult = await result if isawaitable(result) else result
    return found


def encode(result: ExecutionResult, where: str, known: dict[str, dict[str, Any]] | None = None) -> bytes:
    """A result as JSON.

    Args:
        known: faults that were logged before, by place, and are shown again without another line in the log.
    """
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body["errors"] = [_presented(error, where, known) for error in result.errors]
    try:
        return orjson.dumps(body)
    except TypeError as fault:  # a number beyond 64 bits in foreign JSON
        return orjson.dumps({"data": None, "errors": [internal(fault, where)]})


def _presented(error: Any, where: str, known: dict[str, dict[str, Any]] | None) -> dict[str, Any]:
    if known is None:
        return present(error, where)
    place = f"{type(error.original_error).__name__} {error.path}"
    if (shown := known.get(place)) is None:
        shown = present(error, where)
        if "id" in shown["extensions"]:
            if len(known) >= 100:
                known.clear()
            known[place] = shown
    return shown


def _plan(size: int, bodies: list[bytes]) -> list[bytes]:
    """The parts between which a prefix of this size stands: header, body and header, …, body."""
    plan = [text_header(size + len(bodies[0]))]
    for body, following in pairwise(bodies):
        plan.append(body + text_header(size + len(following)))
    plan.append(bodies[-1])
    return plan


def frozen(value: Any) -> Hashable:
    """A value of coerced variables as something to compare by; 1, 1.0 and true stay apart."""
    if isinstance(value, Mapping):
        return tuple((key, frozen(item)) for key, item in sorted(value.items()))
    if isinstance(value, list | tuple):
        return ("list", *(frozen(item) for item in value))
    return (type(value), value)
