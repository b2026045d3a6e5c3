"""Who is connected by websocket: by user and by address, and how much each may have (security.md, section 6)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from ofh.domain.actors import Actor
from ofh.domain.tallies import give_back

from .ways import Way, check_room


class Visitor(Protocol):
    """A socket, as far as it counts here."""

    address: str
    known: Actor | None
    """Who it has shown to be."""
    counted: int | None
    """The user by whom it is counted; None: by its address. The crowd's alone to change."""

    def ways(self) -> Iterator[Way]:
        """The ways in which it watches."""


V = TypeVar("V", bound=Visitor)


class Crowd(Generic[V]):
    """The open sockets of this process.

    Args:
        users: sockets by user, where other edges count theirs too.
        per_user: sockets of one user.
        per_address: sockets of one address that have not shown who they are.
        documents: different documents by which one user watches the same thing, on all sockets together.
        ways: the same with different variables.
    """

    def __init__(self, users: Counter[int], *, per_user: int, per_address: int, documents: int, ways: int) -> None:
        self._users = users
        self._per_user = per_user
        self._per_address = per_address
        self._documents = documents
        self._ways = ways
        self._all: set[V] = set()
        self._of_users: defaultdict[int, set[V]] = defaultdict(set)
        self._strangers: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[V]:
        return iter(list(self._all))

    def of(self, wanted: Callable[[Actor], bool]) -> list[V]:
        """The sockets of certain people."""
        return [socket for socket in self._all if socket.known is not None and wanted(socket.known)]

    def has_room(self, actor: Actor | None, address: str) -> bool:
        """Whether one more may come, of a user or of an address."""
        if actor is None:
            return self._strangers[address] < self._per_address
        return self._users[actor.user_id] < self._per_user

    def enter(self, socket: V) -> None:
        """Count a socket that opens."""
        self._all.add(socket)
        self._begin(socket)

    def leave(self, socket: V) -> None:
        """Count it no longer."""
        self._end(socket)
        self._all.discard(socket)

    def show(self, socket: V, actor: Actor) -> bool:
        """A socket has shown who it is; false where that user has too many."""
        if socket.counted == actor.user_id:
            return True
        if not self.has_room(actor, socket.address):
            return False
        self._end(socket)
        socket.counted = actor.user_id
        self._begin(socket)
        return True

    def check_ways(self, user_id: int, way: Way) -> None:
        """See whether a user may watch in one more way.

        Raises:
            HubError: RATE_LIMITED.
        """
        held = (way for socket in self._of_users.get(user_id, ()) for way in socket.ways())
        check_room(held, way, documents=self._documents, ways=self._ways)

    def _begin(self, socket: V) -> None:
        if socket.counted is None:
            self._strangers[socket.address] += 1
        else:
            self._users[socket.counted] += 1
            self._of_users[socket.counted].add(socket)

    def _end(self, socket: V) -> None:
        if socket.counted is None:
            give_back(self._strangers, socket.address)
            return
        give_back(self._users, socket.counted)
        self._of_users[socket.counted].discard(socket)
        if not self._of_users[socket.counted]:
            del self._of_users[socket.counted]
