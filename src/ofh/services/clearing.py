"""What deleted workspaces leave: it goes in small steps, behind everybody's back.

Deleting a workspace marks its row and takes its members and connections away, in one short transaction: from then on
nobody sees it (`workspaces.py`). What it had, up to millions of rows, is deleted here in many short transactions with
pauses in between, so others are recorded meanwhile. The row goes last: whatever a killed process has left over, the
next look of any process finds.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import structlog

from ofh.store import clearing
from ofh.store.bulk import hold_devices_of
from ofh.store.database import Database, away
from ofh.store.feed_keeping import delete_feed
from ofh.store.history import delete_history
from ofh.store.media import discard_all
from ofh.store.models import Drone, Workspace

log = structlog.get_logger(__name__)

LOOK_S = 60.0
"""How often it is looked for what nobody told of."""
PAUSE_S = 0.01
"""Between two transactions."""


class Clearing:
    """Deletes what deleted workspaces leave.

    Args:
        clock: the hub's time, UTC.
    """

    def __init__(
        self, database: Database, clock: Callable[[], datetime], *, look_s: float = LOOK_S, pause_s: float = PAUSE_S
    ) -> None:
        self._database = database
        self._clock = clock
        self._look_s = look_s
        self._pause_s = pause_s
        self._told = asyncio.Event()

    def told(self, message: Mapping[str, Any]) -> None:
        """Word from this or another process (`control.py`)."""
        if message["kind"] == "workspace" and message["deleted"]:
            self._told.set()

    async def run(self) -> None:
        """Clear until cancelled."""
        while True:
            self._told.clear()
            await self.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_s):
                    await self._told.wait()

    async def clear(self) -> int:
        """Delete all that is left of deleted workspaces; how many those were.

        Raises:
            HubError: UNAVAILABLE, the database is away.
        """
        total = 0
        for (workspace_id,) in await Workspace.filter(deleted_at__not_isnull=True).order_by("id").values_list("id"):
            try:
                total += await self._clear(int(workspace_id))
            except Exception as error:
                if away(error) is not None:
                    raise
                # Others are not to wait behind one that cannot be cleared; it is looked at again.
                log.exception("a deleted workspace cannot be cleared", workspace=workspace_id)
        return total

    async def _clear(self, workspace_id: int) -> bool:
        """Delete all that is left of one; False where another process has come first."""
        for table in clearing.TABLES:
            await self._repeat(clearing.drop_rows, table, workspace_id)
        await self._repeat(clearing.drop_files, workspace_id, self._clock())
        await self._repeat(clearing.drop_events_of_feed, workspace_id)
        await self._repeat(clearing.drop_states_of_feed, workspace_id)
        for drone in await Drone.filter(workspace_id=workspace_id).order_by("id").only("id"):
            await self._repeat(clearing.drop_history, drone.id)
        for table in clearing.LAST_TABLES:
            await self._repeat(clearing.drop_rows, table, workspace_id)
        return await self._end(workspace_id)

    async def _end(self, workspace_id: int) -> bool:
        """Delete the row, and what was written about the workspace meanwhile."""
        async with self._turn() as client:
            await hold_devices_of(self._database, client, workspace_id)
            row = await Workspace.filter(id=workspace_id).select_for_update().get_or_none()
            if row is None:
                return False
            await delete_history(self._database, client, workspace_id)
            await delete_feed(self._database, client, workspace_id)
            await discard_all(self._database, client, workspace_id, self._clock())
            await row.delete()
        log.info("nothing is left of a deleted workspace", workspace=workspace_id)
        return True

    async def _repeat(self, step: Callable[..., Awaitable[int]], *arguments: Any) -> None:
        """A step that deletes some, until there are none."""
        found = 1
        while found:
            async with self._turn() as client:
                found = await step(self._database, client, *arguments)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[Any]:
        """A small transaction, one process at a time, and a pause behind it."""
        async with self._database.transaction() as client:
            await clearing.take_turn(self._database, client)
            yield client
        await asyncio.sleep(self._pause_s)
