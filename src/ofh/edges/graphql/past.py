"""The ways in to the past: how a workspace stood, what happened once more, and the knobs of that."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Annotated, Any

import strawberry

from ofh.domain.events import EventKind
from ofh.edges.ids import number
from ofh.services.steering import steering_name

from .arguments import Area, choice_of, chosen, given, within
from .fields import field, subscription
from .mutations.base import mutation
from .replaying import Play
from .types.events import FleetEvent, Snapshot, shown_event
from .visibility import Info, look, look_or_gone

WorkspaceId = Annotated[strawberry.ID, strawberry.argument(description="The workspace's id.")]
INTERVAL_LIMIT_MS = 60_000
SPEED = "How many seconds of the past go by in one of now, up to 100,000; 0: as fast as can be read."


@strawberry.type
class PastQueries:
    @field(
        "How a workspace stood at a moment: the state that all events which had become visible by then come to. Of "
        "each drone and remote controller `online`, `position`, `battery`, `telemetry` and `currentFlight` are of that "
        "moment, a flight as far as an event had told of it; all else, such as names and lists of flights, is as it is "
        "now. Devices that nobody had heard of by then are left out."
    )
    async def fleet_at(
        self,
        info: Info,
        workspace_id: WorkspaceId,
        at: Annotated[
            datetime,
            strawberry.argument(
                description="The moment, by the hub's clock. `BAD_INPUT` in the future, and where it is older than "
                "what is kept; the error says since when that is."
            ),
        ],
    ) -> Snapshot | None:
        actor = info.context.require_actor()
        found = await info.context.services.past.at(actor, number(workspace_id, "workspaceId"), at)
        sight = None if found is None else await look(info, found.workspace_id)
        return None if sight is None else Snapshot(event=found, sight=sight)


@strawberry.type
class ReplaySubscriptions:
    @subscription(
        "What happened in a workspace in a past time, once more: a Snapshot of how it stood at the beginning, then "
        "every event that became visible from then on, in the same order and with the same cursors, as a subscriber of "
        "`fleet` with `ALL` got it; completes at the end. Events come at the pace at which they had become visible, "
        "and wait for a reader who is slow. Where the beginning is not kept any longer, a Gap says so first, and the "
        "Snapshot is of where what is kept begins. What an event is about is shown as it is now; one about something "
        "that was deleted since is left out."
    )
    async def replay(
        self,
        info: Info,
        workspace_id: WorkspaceId,
        from_: Annotated[
            datetime, strawberry.argument(name="from", description="The beginning, inclusive, by the hub's clock.")
        ],
        to: Annotated[
            datetime, strawberry.argument(description="The end, exclusive; what lies in the future is taken for now.")
        ],
        speed: Annotated[float | None, strawberry.argument(description=f"{SPEED} 1 if null.")] = 1.0,
        kinds: Annotated[
            list[EventKind] | None,
            strawberry.argument(
                description="Only these kinds of events; all if left out. Snapshot and Gap always come."
            ),
        ] = strawberry.UNSET,
        area: Annotated[
            Area | None,
            strawberry.argument(
                description="Only positions inside of it, and the one by which something left it; in the Snapshot only "
                "what was there. What has no place, such as an alert, always comes."
            ),
        ] = strawberry.UNSET,
        name: Annotated[
            str | None,
            strawberry.argument(description="A name, 1 to 64 characters, by which `controlReplay` reaches it."),
        ] = strawberry.UNSET,
        interval: Annotated[
            int | None,
            strawberry.argument(
                description="Of positions and charges only the newest of each device, once in so many milliseconds of "
                "now, up to 60,000, and then a Passed that says how far it is, by `at`: for whoever shows many devices "
                "fast. 0: all of them, and no Passed. Where `speed` is 0 it changes nothing."
            ),
        ] = 0,
    ) -> AsyncGenerator[FleetEvent, None]:
        actor = info.context.require_actor()
        found, called = number(workspace_id, "workspaceId"), chosen(name, None)
        choice = choice_of(kinds, area)
        if called is not None:
            steering_name(called)
        replays = info.context.services.replays
        every = timedelta(milliseconds=within(chosen(interval, 0), 0, INTERVAL_LIMIT_MS, "interval"))
        span = replays.span(found, from_, to, chosen(speed, 1.0), choice, every)
        sight = await look_or_gone(info, found, "workspace")
        play: Any = Play(
            open=lambda progress: replays.open(actor, span, called, progress),
            scope=(sight.workspace_id, sight.role),
            workspace_id=sight.workspace_id,
            show=lambda event: shown_event(event, sight),
        )
        yield play


@strawberry.type
class ReplayMutations:
    @mutation(
        "Pause the caller's own replays of a name, have them go on, at another speed, or jump; whichever process of "
        "the hub they run in. After a jump a new Snapshot comes. True whether or not there are any."
    )
    async def control_replay(
        self,
        info: Info,
        name: Annotated[str, strawberry.argument(description="The name that they were begun with.")],
        paused: Annotated[bool | None, strawberry.argument(description="Whether they stand still.")] = strawberry.UNSET,
        speed: Annotated[float | None, strawberry.argument(description=SPEED)] = strawberry.UNSET,
        position: Annotated[
            datetime | None,
            strawberry.argument(
                description="The moment to jump to; one outside of a replay's time is taken for its beginning or end."
            ),
        ] = strawberry.UNSET,
    ) -> bool:
        actor = info.context.require_actor()
        values = given(paused=paused, speed=speed, position=position)
        await info.context.services.replays.control(actor, name, **values)
        return True
