"""Something to ask about, and somebody to ask as."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from ofh.domain.actors import Actor, Role
from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report
from ofh.edges.errors import present
from ofh.edges.graphql.context import Context, Contexts, Services
from ofh.edges.graphql.hub_schema import HubSchema
from ofh.edges.graphql.schema import build_schema
from ofh.services.mail import LogMail
from ofh.store.database import Database
from ofh.store.models import Alert, AlertRule, Connection, Drone, Membership, RemoteController, User, Workspace

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADDRESS = "203.0.113.7"
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

    async def ask(self, actor: Actor | None, document: str, **variables: Any) -> Answer:
        """Run a query or a mutation over HTTP."""
        return await self._run(self.contexts.of(actor, address=ADDRESS, cookies=self.cookies), document, variables)

    async def ask_by_socket(self, actor: Actor | None, document: str, **variables: Any) -> Answer:
        """Run a query or a mutation over a websocket, where no cookie can be set."""
        return await self._run(self.contexts.of(actor, address=ADDRESS), document, variables)

    async def _run(self, context: Context, document: str, variables: dict[str, Any]) -> Answer:
        result = await self.schema.execute(document, variable_values=variables, context_value=context)
        return Answer(result.data, [present(error, "test") for error in result.errors or []])


@dataclass(frozen=True)
class World:
    """One workspace with a person in each role, a connection with its devices, and a stranger with their own."""

    workspace: Workspace
    connection: Connection
    drone: Drone
    controller: RemoteController
    rule: AlertRule
    alert: Alert
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


async def make_person(name: str, workspace: Workspace, role: Role) -> Actor:
    """A member without a password."""
    user = await User.create(email=f"{name}@example.com", name=name.title(), locale="de-CH", created_at=NOW)
    await Membership.create(workspace_id=workspace.id, user_id=user.id, role=role.value, since=NOW)
    return Actor(user_id=user.id, credential="session", credential_id=user.id, address=ADDRESS)


async def make_workspace(name: str) -> Workspace:
    """An empty workspace."""
    return await Workspace.create(uuid=uuid4(), name=name, created_at=NOW)


async def make_connection(workspace: Workspace, name: str) -> Connection:
    """A connection that nothing has come in by."""
    return await Connection.create(
        public_id=f"c-{uuid4()}", workspace_id=workspace.id, name=name, secret_digest="0" * 64, created_at=NOW
    )


async def make_rule(workspace: Workspace, **values: Any) -> AlertRule:
    """A rule about batteries."""
    given: dict[str, Any] = {"kind": "LOW_BATTERY", "name": "Low", "threshold": 70, "margin": 5}
    return await AlertRule.create(workspace_id=workspace.id, created_at=NOW, **{**given, **values})


async def make_alert(drone: Drone, rule: AlertRule, **values: Any) -> Alert:
    """An alert that stands, as the hub would have raised it."""
    given: dict[str, Any] = {
        "kind": rule.kind,
        "open_key": f"{rule.id}:{drone.id}",
        "message": "The battery of SN1 is down to 61.5 % (threshold 70 %).",
        "evidence": {"at": NOW.isoformat(), "rule": {"threshold": 70}},
        "raised_at": NOW,
    }
    return await Alert.create(
        workspace_id=drone.workspace_id, drone_id=drone.id, rule_id=rule.id, **{**given, **values}
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


def now() -> datetime:
    """The hub's clock."""
    return NOW
