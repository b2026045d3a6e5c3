"""Rows of whose changes listeners can be told: who may know of one, and when it is not what it was.

A change says which row it is and no more: whoever wants to know reads it, by REST or GraphQL, with their rights at that
moment. Each change is told once. Where some may have been missed (the line between the processes was lost, or the
command line wrote into the database beside the hub) the row is told to have changed: reading it once too often does no
harm.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ofh.backends.mailbox import Lagged, Mailbox, MailboxClosed, Policy
from ofh.backends.ports import Interrupted
from ofh.domain.actors import Actor
from ofh.domain.events import Event, FlightChanged, MediaAnalysed, RowChanged, Table
from ofh.store.models import Media

from .accounts import Accounts
from .connections import Connections
from .control import Control
from .feed import Feed
from .files import Files
from .fleet import Fleet
from .flights import Flights
from .media import MediaItems
from .workspaces import Workspaces

WAITING = 1_000
"""Changes of one person's row that may wait; of more, one is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row that somebody may see."""

    table: Table
    id: int
    workspace_id: int | None
    """None for a person, who belongs to none."""
    media_id: int | None = None
    """Of a media item, and of its file: when that was looked into, both are other than before."""


class Rows:
    """Finds rows, and watches them."""

    def __init__(
        self,
        feed: Feed,
        control: Control,
        *,
        accounts: Accounts,
        workspaces: Workspaces,
        connections: Connections,
        fleet: Fleet,
        flights: Flights,
        media: MediaItems,
        files: Files,
    ) -> None:
        self._feed = feed
        self._control = control
        self._readers: Mapping[Table, Callable[[Actor, int], Any]] = {
            Table.CONNECTION: connections.get,
            Table.REMOTE_CONTROLLER: fleet.remote_controller,
            Table.DRONE: fleet.drone,
            Table.FLIGHT: flights.flight,
            Table.MEDIA: media.media,
            Table.FILE: files.file,
        }
        self._accounts = accounts
        self._workspaces = workspaces

    async def find(self, actor: Actor, table: Table, row_id: int) -> Row | None:
        """A row that the actor may see; None where there is none or it is hidden."""
        match table:
            case Table.USER:
                found = await self._accounts.user(actor, row_id)
                return None if found is None else Row(table=table, id=row_id, workspace_id=None)
            case Table.WORKSPACE:
                held = await self._workspaces.get(actor, row_id)
                return None if held is None else Row(table=table, id=row_id, workspace_id=row_id)
            case _:
                row = await self._readers[table](actor, row_id)
                if row is None:
                    return None
                media_id = await _media_of(table, row_id)
                return Row(table=table, id=row_id, workspace_id=row.workspace_id, media_id=media_id)

    @asynccontextmanager
    async def watch(self, row: Row) -> AsyncIterator["RowWatch"]:
        """The changes of a row from now on.

        Raises:
            HubError: UNAVAILABLE, the bus is away.
        """
        if row.workspace_id is None:
            mailbox: Mailbox[Event | Interrupted] = Mailbox(Policy.ALL, WAITING)
            with_control = self._control.subscribe(lambda message: _told(mailbox, row, message))
            try:
                yield RowWatch(mailbox, row)
            finally:
                with_control()
            return
        key = RowChanged.key_of(row.table, row.id)
        kinds = _KINDS.get(row.table, ())
        async with self._feed.events(row.workspace_id, keys=[key], kinds=kinds, policy=Policy.ALL) as mailbox:
            unsubscribe = self._control.subscribe(lambda message: _told(mailbox, row, message))
            try:
                yield RowWatch(mailbox, row)
            finally:
                unsubscribe()


class RowWatch:
    """One row, watched."""

    def __init__(self, mailbox: Mailbox[Event | Interrupted], row: Row) -> None:
        self._mailbox = mailbox
        self._row = row

    def current(self) -> list[Row]:
        """Nothing: what it is now stands in the row."""
        return []

    async def changes(self) -> AsyncIterator[list[Row]]:
        """The row, once for each change; ends when the feed does."""
        while True:
            try:
                batch = await self._mailbox.take()
            except MailboxClosed:
                return
            if changes := [self._row for event in batch if self._is_about(event)]:
                yield changes

    def _is_about(self, event: Event | Interrupted | Lagged) -> bool:
        match event:
            case Interrupted() | Lagged():
                return True
            case RowChanged():
                return (event.table, event.row_id) == (self._row.table, self._row.id)
            case FlightChanged():
                return event.flight_id == self._row.id
            case MediaAnalysed():
                return event.media_id == self._row.media_id
            case _:
                return False


_KINDS: Mapping[Table, Sequence[type]] = {
    Table.FLIGHT: (FlightChanged,),
    Table.MEDIA: (MediaAnalysed,),
    Table.FILE: (MediaAnalysed,),
}
"""What has an event of its own."""


async def _media_of(table: Table, row_id: int) -> int | None:
    if table is Table.MEDIA:
        return row_id
    found = await Media.get_or_none(file_id=row_id) if table is Table.FILE else None
    return None if found is None else int(found.id)


def _told(mailbox: Mailbox[Event | Interrupted], row: Row, message: Mapping[str, Any]) -> None:
    """Word between the processes: a person has changed, or nobody knows what has."""
    is_theirs = message["kind"] == "user" and row.table is Table.USER and message["user_id"] == row.id
    if is_theirs or message["kind"] == "interrupted":
        mailbox.put(Interrupted("read it again"))
