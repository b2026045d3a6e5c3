"""Who is served by a group: one operation of one socket, and how messages are handed to many of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable, Iterable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from ofh.domain.actors import Actor
from ofh.domain.errors import HubError
from ofh.edges.errors import WIRE, present, to_graphql_error
from ofh.edges.outlet import Outlet, text_header

from .hub_schema import Operation
from .protocol import next_prefix
from .ways import Way


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


class Gathering(Protocol):
    """Members who want the same."""

    @property
    def workspace_id(self) -> int:
        """The workspace that it shows."""

    @property
    def scope(self) -> Hashable:
        """The rights that its members have in common: `(workspace_id, role)`."""

    def remove(self, member: "Member") -> None:
        """Let a member go; the last one takes the group with it."""

    def resume(self, member: "Member") -> None:
        """A member that lagged may be served again."""

    def standing(self, member: "Member") -> Any:
        """Where a member would go on that begins anew; None where it gets the current state."""


class Member:
    """One operation of one socket in a group."""

    __slots__ = ("group", "has", "id", "operation", "outlet", "owner", "place", "prefix", "size", "steered", "way")
    operation: Operation
    """What its socket asked for, with what of its variables is its own: others of its group began elsewhere, say."""

    def __init__(self, owner: Owner, outlet: Outlet, id: str, way: Way | None = None) -> None:
        self.owner = owner
        self.outlet = outlet
        self.id = id
        self.prefix = next_prefix(id)
        self.size = len(self.prefix)
        self.group: Gathering | None = None
        self.has: Any = None
        """In a group that watches: the state that it was given, until the next batch went out."""
        self.place: Any = None
        """In a group that follows a feed: where it stands there, while that is not where the group stands."""
        self.way = way
        """The way in which it watches; None where that is bounded otherwise."""
        self.steered: ExitStack | None = None
        """What ends with it, where it can be steered."""

    def share(self, other: "Member") -> None:
        """Hold what is equal to another's as one: a thousand who ask for the same keep their variables once."""
        if self.operation == other.operation:
            self.operation = other.operation
        if self.way == other.way:
            self.way = other.way

    def workspaces(self) -> set[int]:
        """The workspace that it shows."""
        return {self.group.workspace_id} if self.group is not None else set()

    def leave(self) -> None:
        """Get nothing more."""
        if self.group is not None:
            self.group.remove(self)
        self.forget()

    def forget(self) -> None:
        """Let nobody steer it any longer."""
        steered, self.steered = self.steered, None
        if steered is not None:
            steered.close()

    def resumed(self) -> None:
        """The outlet has caught up."""
        if self.group is not None:
            self.group.resume(self)


class Turns:
    """One at a time of those who share a socket, in the order in which they ask for it."""

    def __init__(self) -> None:
        self._locks: dict[Outlet, asyncio.Lock] = {}
        self._asking: Counter[Outlet] = Counter()

    @asynccontextmanager
    async def of(self, outlet: Outlet) -> AsyncIterator[None]:
        """Wait for a turn, and have it."""
        lock = self._locks.setdefault(outlet, asyncio.Lock())
        self._asking[outlet] += 1
        try:
            async with lock:
                yield
        finally:
            self._asking[outlet] -= 1
            if not self._asking[outlet]:
                del self._asking[outlet], self._locks[outlet]


async def hand(member: Member, bodies: list[bytes]) -> None:
    """Hand the ends of messages to one member as soon as its socket takes them; others of that socket may be faster."""
    await member.outlet.drain()
    while member.group is not None and send([member], bodies):
        await member.outlet.drain()


def send(members: Iterable[Member], bodies: list[bytes]) -> list[Member]:
    """Hand the ends of messages to members: shared parts around each one's own beginning, in one call per member.

    Returns:
        Those that lag, who got nothing.
    """
    if len(bodies) == 1:
        return send_one(members, bodies[0])
    lagging: list[Member] = []
    if not bodies:
        return lagging
    plans: dict[int, list[bytes]] = {}
    for member in members:
        outlet = member.outlet
        if outlet.paused:
            lagging.append(member)
            continue
        if not outlet.raw:
            for body in bodies:
                outlet.message(member.prefix + body)
            continue
        plan = plans.get(member.size)
        if plan is None:
            plan = plans[member.size] = _plan(member.size, bodies)
        outlet.put(member.prefix.join(plan))
    return lagging


def send_one(members: Iterable[Member], body: bytes) -> list[Member]:
    """As `send` where it is one message, as nearly always: by far the most that goes out does so here."""
    lagging: list[Member] = []
    size, header = -1, b""
    for member in members:
        outlet = member.outlet
        if outlet.paused:
            lagging.append(member)
        elif outlet.raw:
            if member.size != size:
                size = member.size
                header = text_header(size + len(body))
            outlet.put(header + member.prefix + body)
        else:
            outlet.message(member.prefix + body)
    return lagging


def _plan(size: int, bodies: list[bytes]) -> list[bytes]:
    """The parts between which a prefix of this size stands: header, body and header, …, body."""
    plan = [text_header(size + len(bodies[0]))]
    for body, following in pairwise(bodies):
        plan.append(body + text_header(size + len(following)))
    plan.append(bodies[-1])
    return plan
