"""The ways in for watching.

Each checks once who asks and yields one `Join`: all who watch the same with the same rights share one execution per
event (`fanout.py`). A resolver therefore makes nothing of its reader but the sight of the workspace, which is part of
the scope that is shared.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import strawberry

from ofh.domain.actors import Role
from ofh.domain.errors import gone
from ofh.domain.events import EventKind
from ofh.domain.feed import Delivery
from ofh.domain.traffic import Box, Sighting
from ofh.edges.ids import number
from ofh.services.media_watch import Uploaded, analysed, uploads
from ofh.services.pages import read_feed_cursor
from ofh.services.steering import steering_name

from .arguments import Area, choice_of, chosen, within
from .fanout import Join, Watch
from .fields import subscription
from .follows import Follow, Place
from .past import ReplaySubscriptions
from .types.doctor import ConnectionDoctor
from .types.events import FleetEvent, shown_event
from .types.fleet import DroneBattery, DronePosition, RemoteControllerPosition
from .types.media import Media
from .types.traffic import TrafficAircraft
from .visibility import Info, OfWorkspace, Sight, look_or_gone

POSITIONS_INTERVAL_MS = 250
BATTERIES_INTERVAL_MS = 1_000
INTERVAL_LIMIT_MS = 3_600_000
"""An hour."""

WorkspaceId = Annotated[strawberry.ID, strawberry.argument(description="The workspace's id.")]
DroneId = Annotated[strawberry.ID, strawberry.argument(description="The drone's id.")]


@strawberry.type(
    description="What can be watched. Ends with `FORBIDDEN` as soon as the caller loses the right to it; what does not "
    "exist and what the caller may not see is `GONE` alike."
)
class Subscription(ReplaySubscriptions):
    @subscription("The last known position at once, then every new one.")
    async def drone_position(self, info: Info, drone_id: DroneId) -> AsyncGenerator[DronePosition, None]:
        sight, found = await _drone(info, drone_id)
        feed = info.context.services.feed
        yield _join(DronePosition, sight, ("dronePosition", found), lambda: feed.drone_position(found), per_item=True)

    @subscription("The last known charge at once, then every new one.")
    async def drone_battery(self, info: Info, drone_id: DroneId) -> AsyncGenerator[DroneBattery, None]:
        sight, found = await _drone(info, drone_id)
        feed = info.context.services.feed
        yield _join(DroneBattery, sight, ("droneBattery", found), lambda: feed.drone_battery(found), per_item=True)

    @subscription("The last known position at once, then every new one.")
    async def remote_controller_position(
        self,
        info: Info,
        remote_controller_id: Annotated[strawberry.ID, strawberry.argument(description="The remote controller's id.")],
    ) -> AsyncGenerator[RemoteControllerPosition, None]:
        actor = info.context.require_actor()
        found = number(remote_controller_id, "remoteControllerId")
        row = await info.context.services.fleet.remote_controller(actor, found)
        if row is None:
            raise gone("remote controller")
        sight = await look_or_gone(info, row.workspace_id, "remote controller")
        feed = info.context.services.feed
        key = ("remoteControllerPosition", found)
        yield _join(RemoteControllerPosition, sight, key, lambda: feed.remote_controller_position(found), per_item=True)

    @subscription(
        "The positions of all drones of a workspace, or of those inside an area. The first message holds "
        "every drone's last known position; each further one holds what has changed since, the newest position per "
        "drone."
    )
    async def workspace_positions(
        self,
        info: Info,
        workspace_id: WorkspaceId,
        area: Annotated[
            Area | None, strawberry.argument(description="Only drones inside of it; everywhere if left out.")
        ] = strawberry.UNSET,
        interval: Annotated[
            int | None,
            strawberry.argument(
                description="At most one message per so many milliseconds, up to 3,600,000. 0: each report at once, "
                "in a list of one."
            ),
        ] = POSITIONS_INTERVAL_MS,
    ) -> AsyncGenerator[list[DronePosition], None]:
        info.context.require_actor()
        found = number(workspace_id, "workspaceId")
        inside = area.checked("area") if area else None
        every = _interval(interval, POSITIONS_INTERVAL_MS)
        sight = await look_or_gone(info, found, "workspace")
        feed = info.context.services.feed
        key = ("workspacePositions", found, inside, every)
        yield _join(DronePosition, sight, key, lambda: feed.workspace_positions(found, inside, every), per_item=False)

    @subscription(
        "The charges of all drones of a workspace. The first message holds every drone's last known "
        "charge; each further one holds what has changed since, the newest per drone."
    )
    async def workspace_batteries(
        self,
        info: Info,
        workspace_id: WorkspaceId,
        interval: Annotated[
            int | None,
            strawberry.argument(
                description="At most one message per so many milliseconds, up to 3,600,000. 0: each report at once, "
                "in a list of one."
            ),
        ] = BATTERIES_INTERVAL_MS,
    ) -> AsyncGenerator[list[DroneBattery], None]:
        info.context.require_actor()
        found = number(workspace_id, "workspaceId")
        every = _interval(interval, BATTERIES_INTERVAL_MS)
        sight = await look_or_gone(info, found, "workspace")
        feed = info.context.services.feed
        key = ("workspaceBatteries", found, every)
        yield _join(DroneBattery, sight, key, lambda: feed.workspace_batteries(found, every), per_item=False)

    @subscription(
        "What the caller may do in a workspace: at once, then whenever it has become another role. It tells of nobody "
        "else."
    )
    async def workspace_role(self, info: Info, workspace_id: WorkspaceId) -> AsyncGenerator[Role, None]:
        info.context.require_actor()
        found = number(workspace_id, "workspaceId")
        sight = await look_or_gone(info, found, "workspace")
        join: Any = Join(
            key=("workspaceRole", found),
            open=lambda: nullcontext(_Held(sight.role)),
            per_item=True,
            scope=(sight.workspace_id, sight.role),  # with another role it begins anew, and so tells that one
            workspace_id=sight.workspace_id,
        )
        yield join

    @subscription("Every photo, video and side file as soon as it is here.")
    async def media_uploaded(
        self,
        info: Info,
        workspace_id: WorkspaceId,
        drone_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Only what this drone took; any drone of the workspace if left out."),
        ] = strawberry.UNSET,
    ) -> AsyncGenerator[Media, None]:
        sight, found, drone = await _media_of(info, workspace_id, drone_id)
        feed = info.context.services.feed
        key = ("mediaUploaded", found, drone)
        yield _join(_uploaded, sight, key, lambda: uploads(feed, found, drone), per_item=True)

    @subscription(
        "Every photo, video and side file as soon as the hub has looked into it: with its thumbnail, if there is one, "
        "and what its file says of itself."
    )
    async def media_analysed(
        self,
        info: Info,
        workspace_id: WorkspaceId,
        drone_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Only what this drone took; any drone of the workspace if left out."),
        ] = strawberry.UNSET,
    ) -> AsyncGenerator[Media, None]:
        sight, found, drone = await _media_of(info, workspace_id, drone_id)
        feed = info.context.services.feed
        key = ("mediaAnalysed", found, drone)
        yield _join(_uploaded, sight, key, lambda: analysed(feed, found, drone), per_item=True)

    @subscription(
        "Aircraft of others inside an area: those that receivers of ADS-B hear, and drones of workspaces that share "
        "where they are, but for the caller's own. The first message holds what is known, each further one what is "
        "newer, at most one a second; of more than 1,000 aircraft the nearest to the area's middle. What was not heard "
        "of for a minute is gone, and nothing tells of it."
    )
    async def traffic(
        self, info: Info, area: Annotated[Area, strawberry.argument(description="Only aircraft inside of it.")]
    ) -> AsyncGenerator[list[TrafficAircraft], None]:
        actor = info.context.require_actor()
        inside, services = area.checked("area"), info.context.services

        async def shown(batch: list[Sighting]) -> list[TrafficAircraft]:
            is_shared = any(item.workspace_id is not None for item in batch)
            own = set(await services.access.workspace_ids(actor)) if is_shared else set()
            return [TrafficAircraft.of(item) for item in batch if item.workspace_id not in own]

        async with services.traffic.watch(Box(area=inside)) as watch:
            yield await shown(watch.current())
            async for batch in watch.changes():
                if found := await shown(batch):
                    yield found

    @subscription(
        "Everything that happens in a workspace, in the order in which it became visible. A new subscriber gets a "
        "Snapshot, then what follows. With `after`, first all that came since that cursor, then CaughtUp, then what "
        "follows; so whoever keeps the cursor of the last event misses nothing, however long it was away. Where "
        "continuity cannot be proven (what came behind the cursor is not kept any longer) a Gap says so, followed by a "
        "fresh Snapshot. An event about something that was deleted before it could be told is left out."
    )
    async def fleet(
        self,
        info: Info,
        workspace_id: WorkspaceId,
        after: Annotated[
            str | None,
            strawberry.argument(description="The cursor of the last event that was received; null: begin anew."),
        ] = strawberry.UNSET,
        delivery: Annotated[
            Delivery | None,
            strawberry.argument(description="Whether positions and charges may be conflated; `LATEST` if null."),
        ] = Delivery.LATEST,
        interval: Annotated[
            int | None,
            strawberry.argument(
                description="With `LATEST`: at most one position and one charge of each device in so many "
                "milliseconds, up to 3,600,000. 0: each as it comes, and conflated only for a reader who lags."
            ),
        ] = POSITIONS_INTERVAL_MS,
        kinds: Annotated[
            list[EventKind] | None,
            strawberry.argument(
                description="Only these kinds of events; all if left out. Snapshot, Gap, CaughtUp and Passed come "
                "all the same."
            ),
        ] = strawberry.UNSET,
        area: Annotated[
            Area | None,
            strawberry.argument(
                description="Only positions inside of it, and the one by which something left it; in the Snapshot only "
                "what is there. What has no place, such as an alert, always comes."
            ),
        ] = strawberry.UNSET,
        view: Annotated[
            str | None,
            strawberry.argument(
                description="A name, 1 to 64 characters, by which `moveViewport` moves the area while this goes on."
            ),
        ] = strawberry.UNSET,
    ) -> AsyncGenerator[FleetEvent, None]:
        actor = info.context.require_actor()
        found = number(workspace_id, "workspaceId")
        cursor, name = chosen(after, None), chosen(view, None)
        place = Place()
        if cursor is not None:
            place = Place(seq=read_feed_cursor(cursor, found), is_claim=True, tells_caught_up=True)
        choice = choice_of(kinds, area)
        how, every = chosen(delivery, Delivery.LATEST), _interval(interval, POSITIONS_INTERVAL_MS)
        if name is not None:
            steering_name(name, "view")
        sight = await look_or_gone(info, found, "workspace")
        if name is not None:
            info.context.services.steering.check_room("view", actor.user_id, name)
        feed = info.context.services.feed
        follow: Any = Follow(
            key=("fleet", found),
            open=lambda: feed.follow(found),
            scope=(sight.workspace_id, sight.role),
            workspace_id=sight.workspace_id,
            show=lambda event: shown_event(event, sight),
            choice=choice,
            delivery=how,
            interval=every if how is Delivery.LATEST else timedelta(0),
            place=place,
            view=name,
        )
        yield follow

    @subscription("How a controller's way into the hub stands: at once, then on every change.")
    async def connection_doctor(
        self,
        info: Info,
        connection_id: Annotated[strawberry.ID, strawberry.argument(description="The connection's id.")],
    ) -> AsyncGenerator[ConnectionDoctor, None]:
        actor = info.context.require_actor()
        found = number(connection_id, "connectionId")
        row = await info.context.services.connections.get(actor, found)
        if row is None:
            raise gone("connection")
        sight = await look_or_gone(info, row.workspace_id, "connection")
        doctor = info.context.services.doctor
        key = ("connectionDoctor", found)
        yield _join(ConnectionDoctor, sight, key, lambda: doctor.watch(row.workspace_id, found), per_item=True)


@dataclass(frozen=True, slots=True)
class _Held:
    """Something to watch that stays as it is for as long as it is watched."""

    item: Any

    def current(self) -> list[Any]:
        return [self.item]

    async def changes(self) -> AsyncIterator[list[Any]]:
        await asyncio.Event().wait()
        yield []


async def _drone(info: Info, drone_id: str) -> tuple[Sight, int]:
    """The sight of a drone's workspace, and the drone's number.

    Raises:
        HubError: UNAUTHENTICATED; BAD_INPUT, a malformed id; GONE, no such drone or none of the caller's.
    """
    actor = info.context.require_actor()
    found = number(drone_id, "droneId")
    row = await info.context.services.fleet.drone(actor, found)
    if row is None:
        raise gone("drone")
    return await look_or_gone(info, row.workspace_id, "drone"), found


async def _media_of(info: Info, workspace_id: str, drone_id: str | None) -> tuple[Sight, int, int | None]:
    """The sight of a workspace, its number, and that of the one drone whose media are wanted.

    Raises:
        HubError: UNAUTHENTICATED; BAD_INPUT, a malformed id; GONE, no such workspace or drone, or none of the caller's.
    """
    actor = info.context.require_actor()
    found, wanted = number(workspace_id, "workspaceId"), chosen(drone_id, None)
    drone = None if wanted is None else number(wanted, "droneId")
    sight = await look_or_gone(info, found, "workspace")
    if drone is not None:
        row = await info.context.services.fleet.drone(actor, drone)
        if row is None or row.workspace_id != found:
            raise gone("drone")
    return sight, found, drone


def _uploaded(event: Uploaded, sight: Sight) -> Media:
    return Media(row=event.row, sight=sight)


def _interval(value: int | None, default: int) -> timedelta:
    return timedelta(milliseconds=within(chosen(value, default), 0, INTERVAL_LIMIT_MS, "interval"))


def _join(
    kind: Callable[..., OfWorkspace],
    sight: Sight,
    key: Hashable,
    watch: Callable[[], AbstractAsyncContextManager[Watch]],
    *,
    per_item: bool,
) -> Any:
    """What a resolver yields in the place of items; each item passes the gate of `visibility.py` before it is shown."""
    return Join(
        key=key,
        open=watch,
        per_item=per_item,
        scope=(sight.workspace_id, sight.role),
        workspace_id=sight.workspace_id,
        show=lambda event: kind(event=event, sight=sight),
    )
