"""The account services with connection links, on a clock that tests set."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from ofh.domain.errors import Code, HubError
from ofh.services.connections import CreatedConnection
from ofh.services.link import Links, PageSession
from ofh.store.models import Connection, RemoteController, Workspace
from tests.integration.accounts.house import House


@dataclass
class Claimed:
    """Who would bind serial numbers."""

    is_taken: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def claim(self, account: str, gateway: str, *, received_at: datetime) -> bool:
        self.asked.append((account, gateway))
        return not self.is_taken


class LinkHouse(House):
    """Everything put together, and one workspace with one connection."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.claims = Claimed()
        self.links = Links(
            database=self.database,
            connections=self.connections,
            limits=self.limits,
            audit=self.audit,
            control=self.control,
            claims=self.claims,
            key=b"k" * 32,
            clock=self.clock,
        )

    async def settle(self) -> None:
        """Make the workspace, its owner and its connection."""
        self.owner = await self.person("olga")
        self.workspace = await self.workspaces.create(self.owner, "Mountain rescue")
        self.made = await self.connection("RC Plus")

    async def connection(self, name: str, workspace: Workspace | None = None) -> CreatedConnection:
        return await self.connections.create(self.owner, (workspace or self.workspace).id, name)

    async def page(self, made: CreatedConnection | None = None) -> PageSession:
        """A page that has logged in."""
        made = made or self.made
        return await self.links.session((await self.links.login(made.connection.public_id, made.secret)).cookie)

    async def uuid(self) -> UUID:
        """The workspace's present one."""
        return (await Workspace.get(id=self.workspace.id)).uuid

    async def hear(self, connection: Connection, serial: str, at: datetime) -> None:
        """As if a controller had just reported."""
        row = await RemoteController.get_or_none(workspace_id=connection.workspace_id, serial_number=serial)
        if row is None:
            row = RemoteController(
                workspace_id=connection.workspace_id, serial_number=serial, type=119, sub_type=0, created_at=at
            )
        row.connection_id, row.seen_at = connection.id, at
        await row.save()


async def code_of(work: object) -> Code | None:
    """What a refusal is; None where there is none."""
    try:
        await work  # type: ignore[misc]
    except HubError as error:
        return error.code
    return None
