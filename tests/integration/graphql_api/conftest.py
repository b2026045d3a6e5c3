"""The schema over real services and both databases, with nothing between: what the HTTP and websocket edges run."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ofh.backends.bus_memory import MemoryBus
from ofh.domain.actors import Actor, Role
from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report
from ofh.edges.errors import present
from ofh.edges.graphql.context import Contexts, ServerInfo, Services
from ofh.edges.graphql.hub_schema import HubSchema
from ofh.edges.graphql.schema import build_schema
from ofh.services.access import Access
from ofh.services.accounts import Accounts
from ofh.services.audit import Audit
from ofh.services.codes import Codes
from ofh.services.connections import Connections
from ofh.services.control import Control
from ofh.services.feed import Feed
from ofh.services.fleet import Fleet
from ofh.services.mail import Letters, LogMail
from ofh.services.passwords import Passwords
from ofh.services.ratelimits import MemoryCounters, RateLimits
from ofh.services.sessions import Sessions
from ofh.services.workspaces import Workspaces
from ofh.store.database import Database
from ofh.store.models import Connection, Drone, Membership, RemoteController, User, Workspace

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PASSWORD = "four horses and a cart"
SCHEMA = build_schema()


@dataclass(frozen=True)
class Answer:
    """What a client would read."""

    data: Any
    errors: list[dict[str, Any]]

    @property
    def codes(self) -> list[str]:
        """The kinds of refusal."""
        return [error["extensions"]["code"] for error in self.errors]

    @property
    def fields(self) -> set[str]:
        """The arguments that a refusal names."""
        return {name for error in self.errors for name in error["extensions"].get("fields", {})}


@dataclass
class Api:
    """The schema, asked as somebody."""

    schema: HubSchema
    contexts: Contexts
    services: Services
    database: Database
    letters: LogMail
    cookies: list[str | None] = field(default_factory=list)

    async def ask(self, actor: Actor | None, document: str, *, over_http: bool = True, **variables: Any) -> Answer:
        """Run a query or a mutation."""
        context = self.contexts.of(actor, address="203.0.113.7", cookies=self.cookies if over_http else None)
        result = await self.schema.execute(document, variable_values=variables, context_value=context)
        return Answer(result.data, [present(error, "test") for error in result.errors or []])


@pytest.fixture
async def api(database: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """All services over an empty database."""
    bus = MemoryBus()
    await bus.start()
    passwords = Passwords(memory_kib=8, at_once=2)
    audit = Audit(clock=_now)
    control = Control(bus)
    codes = Codes(database, clock=_now)
    limits = RateLimits(MemoryCounters())
    access = Access(audit)
    mail = LogMail(tmp_path / "outbox")
    letters = Letters("https://hub.example")
    sessions = Sessions(
        database=database,
        passwords=passwords,
        codes=codes,
        limits=limits,
        audit=audit,
        control=control,
        clock=_now,
    )
    feed = Feed(bus)
    services = Services(
        access=access,
        sessions=sessions,
        accounts=Accounts(
            database=database,
            passwords=passwords,
            codes=codes,
            sessions=sessions,
            limits=limits,
            audit=audit,
            control=control,
            mail=mail,
            letters=letters,
            stream_key=b"0" * 32,
            clock=_now,
        ),
        workspaces=Workspaces(
            database=database,
            access=access,
            audit=audit,
            control=control,
            codes=codes,
            limits=limits,
            mail=mail,
            letters=letters,
            clock=_now,
        ),
        connections=Connections(database=database, access=access, audit=audit, control=control, clock=_now),
        fleet=Fleet(database, access, _now),
        feed=feed,
        audit=audit,
        info=ServerInfo(name="Test hub", version="1.2.3", api_version="0.11.0"),
    )
    yield Api(SCHEMA, Contexts(services), services, database, mail)
    await feed.stop()
    await bus.stop()
    passwords.close()


@dataclass(frozen=True)
class World:
    """One workspace with a person in each role, a connection with its devices, and a stranger with their own."""

    workspace: Workspace
    connection: Connection
    drone: Drone
    controller: RemoteController
    people: dict[Role, Actor]
    stranger: Actor
    elsewhere: Workspace

    @property
    def member(self) -> Actor:
        """Somebody with an ordinary role."""
        return self.people[Role.MEMBER]

    @property
    def owner(self) -> Actor:
        """The only owner."""
        return self.people[Role.OWNER]


@pytest.fixture
async def world(database: Database) -> World:
    """Something to ask about."""
    workspace = await make_workspace("North")
    elsewhere = await make_workspace("South")
    people = {role: await make_person(role.value.lower(), workspace, role) for role in Role}
    stranger = await make_person("stranger", elsewhere, Role.OWNER)
    connection = await make_connection(workspace, "Van 1")
    return World(
        workspace=workspace,
        connection=connection,
        drone=await make_drone(workspace, connection, "SN1"),
        controller=await RemoteController.create(
            workspace_id=workspace.id,
            connection_id=connection.id,
            serial_number="RC1",
            type=119,
            online=True,
            seen_at=NOW,
            state=reported(NOW),
            created_at=NOW,
        ),
        people=people,
        stranger=stranger,
        elsewhere=elsewhere,
    )


async def make_person(name: str, workspace: Workspace, role: Role) -> Actor:
    """A member without a password."""
    user = await User.create(email=f"{name}@example.com", name=name.title(), locale="de-CH", created_at=NOW)
    await Membership.create(workspace_id=workspace.id, user_id=user.id, role=role.value, since=NOW)
    return Actor(user_id=user.id, credential="session", credential_id=user.id, address="203.0.113.7")


async def make_workspace(name: str) -> Workspace:
    """An empty workspace."""
    return await Workspace.create(uuid=uuid4(), name=name, created_at=NOW)


async def make_connection(workspace: Workspace, name: str) -> Connection:
    """A connection that nothing has come in by."""
    return await Connection.create(
        public_id=f"c-{uuid4()}", workspace_id=workspace.id, name=name, secret_digest="0" * 64, created_at=NOW
    )


async def make_drone(workspace: Workspace, connection: Connection | None, serial_number: str, **more: Any) -> Drone:
    """A drone that has reported."""
    values: dict[str, Any] = {"state": reported(NOW), "seen_at": NOW, "type": 67, "sub_type": 1, "online": True}
    return await Drone.create(
        workspace_id=workspace.id,
        connection_id=connection.id if connection else None,
        serial_number=serial_number,
        created_at=NOW,
        **{**values, **more},
    )


def reported(at: datetime) -> dict[str, Any]:
    """The stored state of a device that told its position, its charge and a little more."""
    report = Report(
        at=at,
        values={
            Property.FIX: Fix(longitude_deg=8.5, latitude_deg=47.25, height_m=512.5),
            Property.BATTERY: Battery(capacity_percent=61.5),
            Property.HEADING: 271.5,
            Property.SATELLITES: 21,
            Property.FLIGHT_MODE: "Waypoint",
            Property.STORAGE_TOTAL: 2**40,
        },
    )
    return DeviceState().merge(report).to_json()


def later(seconds: float) -> datetime:
    """So much after now."""
    return NOW + timedelta(seconds=seconds)


async def settled() -> None:
    """Let tasks run that are due."""
    for _ in range(20):
        await asyncio.sleep(0)


def _now() -> datetime:
    return NOW
