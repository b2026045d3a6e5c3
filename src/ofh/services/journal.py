"""The journal as members read it: what happened in a workspace, in the order in which it became visible."""

from collections.abc import Collection

from ofh.domain.actors import Action, Actor
from ofh.domain.events import EventKind
from ofh.store.models import StoredEvent

from .access import Access
from .pages import Page, page_of, page_size, read_feed_cursor


class Journal:
    """Reads the journal."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def of_workspace(
        self,
        actor: Actor,
        workspace_id: int,
        kinds: Collection[EventKind] | None,
        *,
        first: int | None,
        after: str | None,
    ) -> Page[StoredEvent]:
        """A page of a workspace's events, the oldest first, so that whoever has read all goes on behind the last.

        Raises:
            HubError: GONE; BAD_INPUT, no page of such a size or no such cursor.
        """
        await self._access.require(actor, Action.VIEW, workspace_id)
        size = page_size(first)
        key = None if after is None else [read_feed_cursor(after, workspace_id)]
        events = StoredEvent.filter(workspace_id=workspace_id)
        if kinds is not None:
            events = events.filter(kind__in=[kind.value for kind in kinds])
        behind = events if key is None else events.filter(seq__gt=key[0])
        found = await behind.order_by("seq").limit(size + 1)

        async def count() -> int:
            return await events.count()

        return page_of(found, size, key, lambda row: (row.workspace_id, row.seq), count)
