"""One execution and one encoding per event for all who watch the same with the same rights.

The resolver of a broadcast subscription checks who asks and yields one `Join`. Readers whose document, operation,
`Join.key` and `Join.scope` agree, and the variables as far as they count for what is shown, form a `Group`, which opens
the watch once, executes each change once, in a context that knows of no reader, and hands the bytes to all. Should a
resolver ask for the reader after all, nothing of that execution is sent: from then on the operation's groups hold one
user each.

A reader first gets the state that is current when it joins, then what follows, neither less nor twice. One that lags
gets nothing until it has caught up, and then the current state again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, runtime_checkable
from weakref import WeakValueDictionary

from ofh.domain.errors import HubError
from ofh.edges.errors import internal
from ofh.edges.outlet import Flusher
from ofh.services.steering import Steering
from ofh.services.watching import Viewer

from .bodies import Bodies
from .context import Contexts
from .following import Following
from .follows import Follow, area_of
from .hub_schema import FanoutExecutor, Operation
from .members import Member, Shown, Turns, send, send_one
from .rendering import Renderer
from .replaying import Play, Playing
from .states import State
from .variables import below, frozen
from .ways import Way

R = TypeVar("R")

OPERATION_S = 10.0
"""How long one execution may take."""


PAINTING = 4
"""Pieces of Snapshots that are made at the same time: however many ask for one at once, the loop goes round."""


class Watch(Protocol):
    """A thing that is watched: its state, and what is new."""

    def current(self) -> list[Any]:
        """The newest item per device, from memory."""

    def changes(self) -> AsyncIterator[list[Any]]:
        """Batches of newer items, paced by the watch itself."""


@runtime_checkable
class AtOnce(Protocol):
    """A watch that can show what is new in the turn in which it comes."""

    def show_at_once(self, viewer: Viewer[Any]) -> None:
        """Show to it, item by item, what would else come by `changes`, whenever it is ready."""


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


class Group:
    """All who watch the same with the same rights."""

    __slots__ = (
        "_delivering",
        "_fanout",
        "_fresh",
        "_greeting",
        "_key",
        "_lagging",
        "_members",
        "_owed",
        "_renderer",
        "_state",
        "_state_bodies",
        "_waiting",
        "_watch",
        "join",
        "task",
    )

    def __init__(self, fanout: "Fanout", key: Hashable, join: Join, renderer: Renderer) -> None:
        self.join = join
        self._fanout = fanout
        self._key = key
        self._renderer = renderer
        self._members: dict[Member, None] = {}
        self._waiting: dict[Member, None] = {}
        self._fresh: set[Member] = set()
        self._lagging: set[Member] = set()
        self._owed: list[Any] = []
        """What those who were moved here were not shown where they were."""
        self._watch: Watch | None = None
        self._state: list[Any] | None = None
        self._state_bodies: list[bytes] = []
        self._delivering = False
        self._greeting: asyncio.Task[None] | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def workspace_id(self) -> int:
        return self.join.workspace_id

    @property
    def scope(self) -> Hashable:
        return self.join.scope

    # Members

    def standing(self, member: Member) -> None:
        """Nowhere: who begins anew gets the current state."""

    def add(self, member: Member, owed: Sequence[Any] = ()) -> None:
        """Take a member in; it gets the current state, and what it is owed, at once where that takes no waiting."""
        member.group = self
        self._owed = list(owed) or self._owed
        if (other := next(iter(self._members or self._waiting), None)) is not None:
            member.share(other)
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
                if isinstance(watch, AtOnce) and self._renderer.is_plain:
                    watch.show_at_once(self)
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
        items, owed = list(watch.current()), self._owed
        self._owed = []
        try:
            self._greet_with([*items, *State(items).without(owed)])
        except Exception as fault:  # noqa: BLE001 - whoever joins is not to pay for what the group cannot do
            self._fail(fault)

    def _greet_with(self, items: list[Any]) -> None:
        snapshot = State(items)
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

    async def _greet_later(self, snapshot: State, rendering: Awaitable[list[bytes]], members: list[Member]) -> None:
        # What had to be waited for was read from somewhere else, so it is not kept for those who come later.
        try:
            bodies = await rendering
            self._greeting = None
            self._welcome(snapshot, bodies, members)
            self._greet()
        except Exception as fault:  # noqa: BLE001 - the outermost of this task
            self._fail(fault)

    def _welcome(self, snapshot: State, bodies: list[bytes], members: list[Member] | None = None) -> None:
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
            if self._promote(batch):
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

    def is_ready(self) -> bool:
        """Whether an item can be shown in this very turn: nothing is being shown, and nobody has just come."""
        return not (self._delivering or self._fresh or self._waiting or self._greeting)

    def show(self, item: Any) -> None:
        """As `_deliver`, where it `is_ready`."""
        try:
            shown = self.join.show(item)
            body = self._renderer.plain(shown if self.join.per_item else [shown])
            if body is not None:
                if lagging := send_one(self._members, body):
                    self._lagging.update(lagging)
                return
            bodies = self._render([item])
            if isinstance(bodies, list):
                if not self._promote([item]):
                    self._send(self._members, bodies)
            else:  # this one is not plain after all; what comes next waits for it
                self._greeting = self._fanout.spawn(self._send_later(item, bodies))
        except Exception as fault:  # noqa: BLE001 - whoever tells is not to pay for what the group cannot do
            self._fail(fault)

    async def _send_later(self, item: Any, rendering: Awaitable[list[bytes]]) -> None:
        try:
            bodies = await rendering
            self._greeting = None
            if not self._promote([item]):
                self._send(self._members, bodies)
            self._greet()
        except Exception as fault:  # noqa: BLE001 - the outermost of this task
            self._fail(fault)

    def _apart(self, batch: list[Any]) -> list[tuple[list[Any], list[Member]]]:
        """Members that were given a state which holds some of the batch already, by what is new to them."""
        by_state: dict[State, list[Member]] = {}
        for member in self._fresh:
            if member.has is not None:
                by_state.setdefault(member.has, []).append(member)
        found = []
        for state, members in by_state.items():
            newer = state.without(batch)
            if newer is not batch:
                found.append((newer, members))
                continue
            for member in members:  # what it was given has all gone by
                member.has = None
                self._fresh.discard(member)
        return found

    def _send(self, members: Iterable[Member], bodies: list[bytes]) -> None:
        self._lagging.update(send(members, bodies))

    def _render(self, items: list[Any]) -> list[bytes] | Awaitable[list[bytes]]:
        """The items as bodies of messages, one each, or one for all."""
        if not items and (self.join.per_item or self._delivering):
            return []
        shown = [self.join.show(item) for item in items]
        return self._renderer.bodies(shown if self.join.per_item else [shown])

    def _promote(self, batch: Sequence[Any] = ()) -> bool:
        """Where the operation turned out to depend on who reads, move everybody to a group of their own user.

        Args:
            batch: what was to be shown, and was not.
        """
        if not self._renderer.is_personal:
            return False
        for member in self.all():
            self.remove(member)
            self._fanout.enrol(member, self.join, member.operation, self._renderer.executor, batch)
        return True


class Fanout:
    """All groups of one process. Owned by the hub.

    Args:
        contexts: makes the surroundings of shared executions.
        steering: by which users move what they look at; None: they cannot.
        operation_s: how long one execution may take.
    """

    def __init__(
        self, contexts: Contexts, steering: Steering | None = None, *, operation_s: float = OPERATION_S
    ) -> None:
        self.contexts = contexts
        self.steering = steering
        self.operation_s = operation_s
        self.flusher = Flusher()
        self.turns = Turns()
        self.painting = asyncio.Semaphore(PAINTING)
        """Who makes a piece of a Snapshot."""
        self._groups: dict[Hashable, Group | Following] = {}
        self._renderers: WeakValueDictionary[Hashable, Renderer] = WeakValueDictionary()
        self._bodies: WeakValueDictionary[Hashable, Bodies] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def stop(self) -> None:
        """End every watch; members are not told."""
        self._groups.clear()
        await asyncio.sleep(0)  # let what was just spawned begin
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._groups)

    def enrol(
        self,
        member: Member,
        join: "Join | Follow | Play",
        operation: Operation,
        executor: FanoutExecutor,
        owed: Sequence[Any] = (),
    ) -> None:
        """Put a member into the group of its like, which is made where there is none.

        Args:
            owed: items of a `Join` that it is to be shown beside the current state.
        """
        member.operation = operation
        if isinstance(join, Follow):
            self._follow(member, join, operation, executor)
            return
        if isinstance(join, Play):
            Playing(self, member, join, operation, executor)
            return
        renderer = self._renderer(member, operation, executor, join.scope, is_feed=False)
        key = (renderer, join.key)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(self, key, join, renderer)
            group.task = self.spawn(group.run())
        assert isinstance(group, Group)
        group.add(member, owed)

    @staticmethod
    def way_of(join: Join | Follow, operation: Operation, executor: FanoutExecutor) -> Way:
        """The way of watching that an operation is; what a replay costs is bounded where replays are counted."""
        key: Any = join.key
        watched = key[:2] if isinstance(key, tuple) else key
        document = (operation.document.text, operation.name)
        if isinstance(join, Follow):
            how = (below(operation, executor), join.shared_key, join.view)
            return Way(watched=watched, document=document, how=how)
        return Way(watched=watched, document=document, how=(frozen(executor.variable_values.coerced), key))

    def _follow(self, member: Member, follow: Follow, operation: Operation, executor: FanoutExecutor) -> None:
        if member.place is None:
            member.place = replace(follow.place)
        elif member.place.area is not None:
            follow = follow.moved(member.place.area)
        renderer = self._renderer(member, operation, executor, follow.scope, is_feed=True)
        key = (renderer, follow.shared_key)
        group = self._groups.get(key)
        if group is None:
            bodies = self._bodies.get(renderer)
            if bodies is None:
                bodies = self._bodies[renderer] = Bodies(renderer)
            group = self._groups[key] = Following(self, key, follow, bodies)
            group.task = self.spawn(group.run())
        assert isinstance(group, Following)
        if follow.view is not None and member.steered is None and self.steering is not None:
            self._let_move(member, follow, operation, executor)
        group.add(member)

    def _renderer(
        self, member: Member, operation: Operation, executor: FanoutExecutor, scope: Hashable, *, is_feed: bool
    ) -> Renderer:
        """What renders an operation: one for all who are shown an event alike, whatever it is that they watch."""
        document = operation.document
        reader = member.owner.actor if operation.name in document.personal else None
        user_id = None if reader is None else reader.user_id
        key = (document.text, operation.name, below(operation, executor), scope, user_id, is_feed)
        found = self._renderers.get(key)
        if found is not None and found.is_personal:
            # It turned out so by another reading of the same text.
            document.personal.add(operation.name)
            return self._renderer(member, operation, executor, scope, is_feed=is_feed)
        if found is None:
            found = self._renderers[key] = Renderer(
                self.contexts, operation, executor, reader, operation_s=self.operation_s, is_feed=is_feed
            )
        return found

    def _let_move(self, member: Member, follow: Follow, operation: Operation, executor: FanoutExecutor) -> None:
        """Have a member look at another area when its user says so."""
        assert self.steering is not None
        assert follow.view is not None

        def move(words: Mapping[str, Any]) -> None:
            area, group = area_of(words), member.group
            if area is None or group is None:
                return
            place = replace(group.standing(member), wants_snapshot=True, area=area)
            group.remove(member)
            member.place = place
            self.enrol(member, follow, operation, executor)

        member.steered = ExitStack()
        member.steered.enter_context(self.steering.hearing("view", member.owner.actor.user_id, follow.view, move))

    def spawn(self, work: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
        """A task that `stop` ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def drop(self, key: Hashable, group: Group | Following) -> None:
        """Forget a group that nobody is in, and end its watch."""
        if self._groups.get(key) is group:
            del self._groups[key]
        if group.task is not None:
            group.task.cancel()
