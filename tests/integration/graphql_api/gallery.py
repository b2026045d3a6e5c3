"""Those who watch, and how they come to: as the websocket edge does it, without a socket."""

import asyncio
import json
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from graphql import ExecutionResult, GraphQLError

from ofh.domain.actors import Actor
from ofh.domain.errors import HubError
from ofh.edges.errors import present, to_graphql_error
from ofh.edges.graphql.fanout import Fanout, Join
from ofh.edges.graphql.follows import Follow
from ofh.edges.graphql.hub_schema import Asked, FanoutExecutor, Operation
from ofh.edges.graphql.members import Member
from ofh.edges.graphql.replaying import Play
from ofh.edges.outlet import PlainOutlet
from tests.integration.graphql_api.world import Api

PATIENCE_S = 10


class Reader:
    """One who watches."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.messages: asyncio.Queue[Any] = asyncio.Queue()

    async def take(self, message: MutableMapping[str, Any]) -> None:
        """Take what is sent."""
        if message["type"] == "websocket.send":
            await self.messages.put(json.loads(message["text"]))

    def member_ended(self, member: Member, error: Any) -> None:
        """Take the end."""
        self.messages.put_nowait(error)

    async def next(self) -> Any:
        """The data of the next message."""
        message = await asyncio.wait_for(self.messages.get(), PATIENCE_S)
        assert message["type"] == "next"
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]


@dataclass
class Gallery:
    """All who watch."""

    fanout: Fanout
    outlets: list[PlainOutlet] = field(default_factory=list)

    def enrol(self, reader: Reader, operation: Operation, executor: FanoutExecutor, join: Join | Follow | Play) -> None:
        """Let somebody watch, as the websocket edge does."""
        outlet = PlainOutlet(reader.take, lambda: None)
        self.outlets.append(outlet)
        self.fanout.enrol(Member(reader, outlet, "1"), join, operation, executor)

    async def stand(self) -> None:
        """Returns once all that is watched has begun: what happens from then on is shown."""
        async with asyncio.timeout(PATIENCE_S):
            while any(getattr(group, "_watch", group) is None for group in self.fanout._groups.values()):
                await asyncio.sleep(0.01)


async def opened(
    api: Api, actor: Actor | None, document: str, **variables: Any
) -> tuple[Operation, FanoutExecutor, Join | Follow | Play | GraphQLError]:
    """Run a subscription's resolver."""
    operation = api.schema.prepare(Asked(query=document, variables=variables))
    assert isinstance(operation, Operation), operation
    executor = api.schema.executor(operation, api.contexts.of(actor))
    assert isinstance(executor, FanoutExecutor), executor
    stream = await api.schema.open(executor)
    if isinstance(stream, ExecutionResult):
        [error] = stream.errors or []
        return operation, executor, error
    try:
        return operation, executor, await anext(aiter(stream))
    except HubError as error:
        return operation, executor, to_graphql_error(error)


async def watch(api: Api, gallery: Gallery, actor: Actor, document: str, **variables: Any) -> Reader:
    """Subscribe."""
    operation, executor, join = await opened(api, actor, document, **variables)
    assert isinstance(join, Join | Follow | Play), join
    reader = Reader(actor)
    gallery.enrol(reader, operation, executor, join)
    return reader


async def refusal(api: Api, actor: Actor | None, document: str, **variables: Any) -> dict[str, Any]:
    """Why one may not watch, without its place in the document."""
    _, _, error = await opened(api, actor, document, **variables)
    assert isinstance(error, GraphQLError), error
    shown = present(error, "test")
    return {"message": shown["message"], **shown["extensions"]}
