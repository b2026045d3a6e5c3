"""The map that the controllers of a workspace and its members share: they draw on it, and all of them see it.

Pilot makes an element's id, repeats what it is not sure of, and takes most refusals for trouble with the network. So
for a controller making and deleting what is made or deleted already is no error; changing what is not there is one.
Members are told what is not there. Whoever adds to a workspace's map waits for others who do: of two processes one
makes the shared group, and the limits hold.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson

from ofh.backends.ports import Bus
from ofh.domain.actors import Action, Actor
from ofh.domain.errors import Code, HubError, bad_input, gone
from ofh.domain.event_json import encode
from ofh.domain.events import MapChange, MapElementChanged
from ofh.domain.map_elements import ElementType, GroupType, check_feature
from ofh.store.database import Database
from ofh.store.models import MapElement, MapGroup, User, Workspace
from ofh.store.statements import fetch, lock_names

from .access import Access
from .announcing import publish
from .counters import Counters
from .names import check_name

SHARED_NAME = "Shared"
MAX_CONTENT_BYTES = 64 * 1024
"""Of one element's feature."""
MAX_ELEMENTS = 1_000
"""Of one workspace. Every controller fetches all of them."""
MAX_MAP_BYTES = 4 * 1024 * 1024
"""Of all features of one workspace together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A group with its elements, oldest first."""

    group: MapGroup
    elements: list[MapElement]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What somebody has drawn, checked."""

    name: str
    type: ElementType
    content: dict[str, Any]

    @classmethod
    def of(cls, name: Any, content: Any, *, type: Any = None) -> "Drawing":
        """Check it.

        Args:
            type: what is said that it is; None where nothing is.
        Raises:
            HubError: BAD_INPUT.
        """
        if not isinstance(name, str):
            raise bad_input("name", "This is no text.")
        found, feature = check_feature(content)
        if type is not None and str(type) != str(found.value):  # numbers may come as text
            raise bad_input("type", "The geometry is of another type.")
        try:
            size = len(orjson.dumps(feature))
        except orjson.JSONEncodeError:
            raise bad_input("content", "This has a number or a text that cannot be kept.") from None
        if size > MAX_CONTENT_BYTES:
            raise bad_input("content", f"An element has at most {MAX_CONTENT_BYTES // 1024} KiB.")
        return cls(name=check_name(name), type=found, content=feature)


class MapElements:
    """Keeps the map.

    Args:
        clock: the hub's time, UTC.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        access: Access,
        counters: Counters,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._bus = bus
        self._access = access
        self._counters = counters
        self._clock = clock

    # Members

    async def draw(self, actor: Actor, workspace_id: int, name: Any, content: Any) -> MapElement:
        """Put an element on the map, where controllers draw too.

        Raises:
            HubError: BAD_INPUT; GONE, no such workspace; FORBIDDEN; CONFLICT, the map is full.
        """
        await self._access.require(actor, Action.DRAW, workspace_id)
        drawing = Drawing.of(name, content)
        user = await User.get(id=actor.user_id)
        group = await self._shared(workspace_id)
        element_id = uuid4()
        await self.create(workspace_id, group.id, element_id, drawing, user_name=user.name)
        return await self._element(workspace_id, element_id)

    async def redraw(
        self, actor: Actor, workspace_id: int, element_id: UUID, *, name: Any = None, content: Any = None
    ) -> MapElement:
        """Change an element, whoever drew it; what is None stays.

        Raises:
            HubError: BAD_INPUT; GONE, no such workspace or element; FORBIDDEN; CONFLICT, the map is full.
        """
        await self._access.require(actor, Action.DRAW, workspace_id)
        row = await self._element(workspace_id, element_id)
        drawing = Drawing.of(row.name if name is None else name, row.content if content is None else content)
        await self.update(workspace_id, element_id, drawing)
        return await self._element(workspace_id, element_id)

    async def erase(self, actor: Actor, workspace_id: int, element_id: UUID) -> None:
        """Take an element off the map, whoever drew it.

        Raises:
            HubError: GONE, no such workspace or element; FORBIDDEN.
        """
        await self._access.require(actor, Action.DRAW, workspace_id)
        await self._element(workspace_id, element_id)
        await self.delete(workspace_id, element_id)

    # Controllers

    async def layers(self, workspace_id: int, *, group_id: UUID | None = None) -> list[Layer]:
        """Every group with its elements, or one group alone. The shared one is made where it is missing."""
        groups = await MapGroup.filter(workspace_id=workspace_id).order_by("created_at", "id")
        if not any(group.type == GroupType.SHARED for group in groups):
            groups.append(await self._shared(workspace_id))
        elements: dict[UUID, list[MapElement]] = defaultdict(list)
        for element in await MapElement.filter(workspace_id=workspace_id).order_by("id"):
            elements[element.group_id].append(element)
        return [
            Layer(group=group, elements=elements[group.id])
            for group in groups
            if group_id is None or group.id == group_id
        ]

    async def group_ids(self, workspace_id: int) -> list[str]:
        """The ids of the groups that there are."""
        found = (
            await MapGroup.filter(workspace_id=workspace_id).order_by("created_at", "id").values_list("id", flat=True)
        )
        return [str(id) for id in found]

    async def create(
        self, workspace_id: int, group_id: UUID, element_id: UUID, drawing: Drawing, *, user_name: str
    ) -> None:
        """Put an element on the map; one that is there already stays as it is.

        Raises:
            HubError: GONE, no such group; CONFLICT, the map is full.
        """
        now = self._clock()
        async with self._database.transaction() as client:
            await lock_names(self._database, client, [_name(workspace_id)])
            if not await MapGroup.filter(id=group_id, workspace_id=workspace_id).exists():
                raise gone("group")
            if await MapElement.filter(workspace_id=workspace_id, element_id=element_id).exists():
                return
            await self._check_room(client, workspace_id, drawing, before=None)
            row = await MapElement.create(
                workspace_id=workspace_id,
                element_id=element_id,
                group_id=group_id,
                name=drawing.name,
                type=drawing.type,
                user_name=user_name,
                content=drawing.content,
                created_at=now,
                updated_at=now,
            )
        await self._tell(row, MapChange.CREATED, now)

    async def update(self, workspace_id: int, element_id: UUID, drawing: Drawing) -> None:
        """Change an element.

        Raises:
            HubError: GONE, no such element; CONFLICT, the map is full.
        """
        now = self._clock()
        async with self._database.transaction() as client:
            await lock_names(self._database, client, [_name(workspace_id)])
            row = await MapElement.get_or_none(workspace_id=workspace_id, element_id=element_id)
            if row is None:
                raise gone("element")
            await self._check_room(client, workspace_id, drawing, before=row)
            row.name, row.type, row.content, row.updated_at = drawing.name, drawing.type, drawing.content, now
            await row.save(update_fields=["name", "type", "content", "updated_at"])
        await self._tell(row, MapChange.UPDATED, now)

    async def delete(self, workspace_id: int, element_id: UUID) -> None:
        """Take an element off the map; one that is not there is off it already."""
        async with self._database.transaction() as client:
            await lock_names(self._database, client, [_name(workspace_id)])
            row = await MapElement.get_or_none(workspace_id=workspace_id, element_id=element_id)
            if row is None:
                return
            await row.delete()
        await self._tell(row, MapChange.DELETED, self._clock())

    # Inside

    async def _element(self, workspace_id: int, element_id: UUID) -> MapElement:
        row = await MapElement.get_or_none(workspace_id=workspace_id, element_id=element_id)
        if row is None:
            raise gone("element")
        return row

    async def _shared(self, workspace_id: int) -> MapGroup:
        """The group that is shared with Pilot, made where it is missing.

        Raises:
            HubError: GONE, the workspace has been deleted.
        """
        async with self._database.transaction() as client:
            await lock_names(self._database, client, [_name(workspace_id)])
            found = await MapGroup.filter(workspace_id=workspace_id, type=GroupType.SHARED).first()
            if found is not None:
                return found
            if not await Workspace.living().filter(id=workspace_id).exists():
                raise gone("workspace")
            return await MapGroup.create(
                id=uuid4(),
                workspace_id=workspace_id,
                type=GroupType.SHARED,
                name=SHARED_NAME,
                created_at=self._clock(),
            )

    async def _check_room(self, client: Any, workspace_id: int, drawing: Drawing, *, before: MapElement | None) -> None:
        text = "content::text" if self._database.dialect == "postgresql" else "content"
        [held] = await fetch(
            self._database,
            client,
            f"SELECT COUNT(*) AS number, COALESCE(SUM(LENGTH({text})), 0) AS size"  # noqa: S608, ours
            " FROM map_elements WHERE workspace_id = $1 AND id <> $2",
            workspace_id,
            before.id if before is not None else 0,
        )
        size = len(orjson.dumps(drawing.content))
        if held["number"] >= MAX_ELEMENTS or held["size"] + size > MAX_MAP_BYTES:
            raise HubError(Code.CONFLICT, "The map of this workspace is full. Delete elements first.")

    async def _tell(self, row: MapElement, change: MapChange, at: datetime) -> None:
        element = None
        if change is not MapChange.DELETED:
            element = {"name": row.name, "type": row.type, "user_name": row.user_name, "content": row.content}
        event = MapElementChanged(
            workspace_id=row.workspace_id,
            element_id=str(row.element_id),
            group_id=str(row.group_id),
            change=change,
            at=at,
            element=element,
        )
        await publish(self._bus, {row.workspace_id: encode([event])}, self._counters)


def _name(workspace_id: int) -> str:
    """What those wait for each other by who change one map."""
    return f"map of workspace {workspace_id}"
