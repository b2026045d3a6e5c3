"""Replays on their way to their subscribers: each has one, and waits for it.

Events are rendered by the same code as those that happen now (`rendering.py`), and each looks as it does there.
"""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from ofh.domain.errors import Code, HubError
from ofh.domain.feed import Gap
from ofh.edges.errors import internal
from ofh.services.replay import Item, Progress, Replay
from ofh.services.snapshots import Snapshot

from .bodies import portions
from .hub_schema import FanoutExecutor, Operation
from .members import Member, Shown, hand
from .presenting import RETRY_S, shown_snapshot
from .rendering import GONE, NotNow, Renderer

if TYPE_CHECKING:
    from .fanout import Fanout


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What the resolver of `replay` yields, once, in the place of events."""

    open: Callable[[Progress | None], AbstractAsyncContextManager[Replay]]
    """Begins the replay, or goes on with it."""
    scope: Hashable
    """The rights that it was begun with: `(workspace_id, role)`."""
    workspace_id: int
    """It ends with the right to this workspace."""
    show: Callable[[Any], Any]
    """Turns an event into what the schema's type is resolved from."""


class Playing:
    """A replay and the member that it is for."""

    def __init__(
        self, fanout: "Fanout", member: Member, play: Play, operation: Operation, executor: FanoutExecutor
    ) -> None:
        self._play = play
        self._member = member
        self._renderer = Renderer(
            fanout.contexts, operation, executor, member.owner.actor, operation_s=fanout.operation_s, is_feed=True
        )
        self._painting = fanout.painting
        self._begun: Progress | None = member.place
        self._sent = None if self._begun is None else self._begun.seq
        """The number of the last event that went out; None until a Snapshot has, and after each jump."""
        self._replay: Replay | None = None
        member.group = self
        self._task = fanout.spawn(self._run())

    @property
    def workspace_id(self) -> int:
        return self._play.workspace_id

    @property
    def scope(self) -> Hashable:
        return self._play.scope

    def remove(self, member: Member) -> None:
        """Let the member go, and the replay with it."""
        member.group = None
        if self._task is not asyncio.current_task():
            self._task.cancel()

    def resume(self, member: Member) -> None:
        """Nothing: the replay waits for the socket by itself."""

    def standing(self, member: Member) -> Progress | None:
        """Where the replay goes on that begins anew."""
        if self._replay is None:
            return self._begun
        progress = self._replay.progress()
        if self._sent is None or progress.seq is None:
            return replace(progress, seq=None)
        return replace(progress, seq=max(progress.seq, self._sent))

    async def _run(self) -> None:
        error = None
        try:
            async with self._play.open(self._begun) as replay:
                self._replay = replay
                async with aclosing(replay.items()) as batches:
                    async for batch in batches:
                        step = self._renderer.at_once
                        for start in range(0, len(batch), step):
                            await self._tell(batch[start : start + step])
        except HubError as refusal:
            error = Shown.of(refusal)
        except Exception as fault:  # noqa: BLE001 - the outermost of this task
            error = Shown(internal(fault, f"replay of workspace {self.workspace_id}"), None)
        member = self._member
        if member.group is self:
            self.remove(member)
            member.owner.member_ended(member, error)

    async def _tell(self, items: Sequence[Item]) -> None:
        """Hand items to the member, as fast as its socket takes them."""
        is_new = isinstance(items[0], Snapshot | Gap)
        if is_new:
            self._sent = None
        bodies = (
            [body for item in items for body in await self._bodies([item])] if is_new else await self._bodies(items)
        )
        found = [(item.seq, body) for item, body in zip(items, bodies, strict=True) if body != GONE]
        for portion in portions(found):
            await hand(self._member, [body for _, body in portion])
            self._sent = portion[-1][0]
        await asyncio.sleep(0)  # where no moment is waited for, others have a turn as well

    async def _bodies(self, items: Sequence[Item]) -> list[bytes]:
        """The ends of messages that show items, however long a backend stays away."""
        if isinstance(items[0], Snapshot):
            wanted = self._painting, self._renderer, items[0], None, self._play.show
            return [await shown_snapshot(*wanted, is_wanted=lambda: self._member.group is self)]
        while True:
            try:
                bodies = self._renderer.bodies([self._play.show(item) for item in items])
                return await bodies if isawaitable(bodies) else bodies
            except HubError as refusal:
                if refusal.code is not Code.UNAVAILABLE:
                    raise
                if isinstance(refusal, NotNow) and await self._renderer.tried(refusal.events):
                    continue
                await asyncio.sleep(RETRY_S)
