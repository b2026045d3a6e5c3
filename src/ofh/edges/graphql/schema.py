"""The schema, put together; `schema.graphql` at the project's root is what `print_sdl` says of it."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from .hub_schema import HubSchema
from .limits import Limits
from .mutations.accounts import AccountMutations
from .mutations.alerts import AlertMutations
from .mutations.fleet import FleetMutations
from .mutations.map_elements import MapElementMutations
from .mutations.media import MediaMutations
from .mutations.steering import SteeringMutations
from .mutations.streams import StreamMutations
from .mutations.workspaces import WorkspaceMutations
from .past import ReplayMutations
from .queries import Query
from .scalars import SCALARS
from .subscriptions import Subscription
from .types import events


@strawberry.type(
    description="What can be changed. What does not exist and what the caller may not see is `GONE` alike; what their "
    "role does not allow is `FORBIDDEN`."
)
class Mutation(
    AccountMutations,
    WorkspaceMutations,
    FleetMutations,
    MediaMutations,
    AlertMutations,
    StreamMutations,
    MapElementMutations,
    SteeringMutations,
    ReplayMutations,
):
    pass


def build_schema(*, limits: Limits | None = None, introspection: bool = True) -> HubSchema:
    """The schema of the hub's API.

    Args:
        introspection: off also hides the 'did you mean' hints.
    """
    return HubSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=events.TYPES,
        config=StrawberryConfig(scalar_map=SCALARS),
        limits=limits,
        introspection=introspection,
    )


def print_sdl() -> str:
    """The schema in GraphQL's own language, as it is checked in."""
    sdl: str = build_schema().as_str()
    return sdl + "\n"
