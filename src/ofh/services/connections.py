"""Connections: the pairings of controllers with workspaces, and their accounts at the broker.

A secret is 256 random bits, shown once; its digest is stored. The database is changed first and the broker told after
the commit: a broker that is away then does not undo what the caller asked for, but is mended by `reconcile` and, since
it needs the secret, at the controller's next log-in.
"""

import builtins
import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from ofh.backends.ports import Broker, BrokerAccount
from ofh.domain.actors import Action, Actor
from ofh.domain.errors import HubError, gone
from ofh.domain.events import Table
from ofh.store.database import Database
from ofh.store.devices import shown_ids_of
from ofh.store.models import Binding, Connection, Drone, LinkToken, RemoteController, Workspace

from .access import Access
from .announcing import RowNews
from .audit import Audit, Event
from .codes import digest, new_token
from .control import Control
from .names import check_id, check_name, is_id, is_public_id

PUBLIC_ID_BYTES = 12
MAX_SECRET_LENGTH = 256

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedConnection:
    """A connection and the secret that was just made for it."""

    connection: Connection
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicesOf:
    """The ids of the devices to show for a connection; None where none came in by it."""

    remote_controller_id: int | None
    drone_id: int | None


class Connections:
    """Makes, changes and checks connections.

    Args:
        broker: None at the command line, where the running hub sees to it.
        news: None there too.
        clock: the hub's time, UTC.
    """

    def __init__(
        self,
        *,
        database: Database,
        access: Access,
        audit: Audit,
        control: Control,
        broker: Broker | None = None,
        news: RowNews | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._news = news
        self._database = database
        self._access = access
        self._audit = audit
        self._control = control
        self._broker = broker
        self._clock = clock
        self._no_digest = digest(new_token())

    async def list(self, actor: Actor, workspace_id: int) -> builtins.list[Connection]:
        """A workspace's connections, oldest first.

        Raises:
            HubError: GONE.
        """
        await self._access.require(actor, Action.VIEW, workspace_id)
        return await Connection.filter(workspace_id=workspace_id).order_by("id")

    async def get(self, actor: Actor, connection_id: int) -> Connection | None:
        """A connection; None where there is none that the actor may see."""
        if not is_id(connection_id):
            return None
        row = await Connection.get_or_none(id=connection_id)
        if row is None or await self._access.role(actor, row.workspace_id) is None:
            return None
        return row

    async def devices_of(self, rows: Iterable[Connection]) -> builtins.list[DevicesOf]:
        """The devices of connections that the caller may see, by two statements however many."""
        ids = [row.id for row in rows]
        controllers, drones = await shown_ids_of(RemoteController, ids), await shown_ids_of(Drone, ids)
        return [DevicesOf(remote_controller_id=controllers.get(id), drone_id=drones.get(id)) for id in ids]

    async def create(self, actor: Actor, workspace_id: int, name: str) -> CreatedConnection:
        """Make a connection.

        Raises:
            HubError: BAD_INPUT, GONE, FORBIDDEN.
        """
        name = check_name(name)
        await self._access.require(actor, Action.MANAGE_CONNECTIONS, workspace_id)
        secret = new_token()
        async with self._database.transaction():
            # Holding the row keeps the workspace from being deleted in between.
            if await Workspace.living().filter(id=workspace_id).select_for_update().get_or_none() is None:
                raise gone("workspace")
            row = await Connection.create(
                public_id=f"c-{secrets.token_urlsafe(PUBLIC_ID_BYTES)}",
                workspace_id=workspace_id,
                name=name,
                secret_digest=digest(secret),
                created_at=self._clock(),
            )
            await self._record(actor, Event.CONNECTION_CREATED, row)
            await self._record(actor, Event.SECRET_SHOWN, row)
        await self._put_account(row, secret)
        await self._publish(row, "created")
        return CreatedConnection(connection=row, secret=secret)

    async def delete(self, actor: Actor, connection_id: int) -> None:
        """Delete a connection: its controller is cut off and cannot come back.

        Raises:
            HubError: GONE, FORBIDDEN.
        """
        row = await self._managed(actor, connection_id)
        async with self._database.transaction():
            # In the order in which the recorder takes them: the deletion, which touches both, would take drones first.
            await RemoteController.filter(connection_id=row.id).order_by("id").select_for_update(no_key=True)
            await Drone.filter(connection_id=row.id).order_by("id").select_for_update(no_key=True)
            if not await Connection.filter(id=row.id).delete():
                raise gone("connection")
            await self._record(actor, Event.CONNECTION_DELETED, row)
        await dismiss(self._broker, row.public_id)
        await self._publish(row, "deleted")

    async def rotate_secret(self, actor: Actor, connection_id: int) -> CreatedConnection:
        """Give a connection a new secret; the old one ends at once, and so do sessions by it.

        Raises:
            HubError: GONE, FORBIDDEN.
        """
        row = await self._managed(actor, connection_id)
        secret = new_token()
        async with self._database.transaction():
            if not await Connection.filter(id=row.id).update(secret_digest=digest(secret)):
                raise gone("connection")
            row.secret_digest = digest(secret)
            await LinkToken.filter(connection_id=row.id).delete()
            await self._record(actor, Event.SECRET_ROTATED, row)
            await self._record(actor, Event.SECRET_SHOWN, row)
        await self._put_account(row, secret)
        if self._broker is not None:
            try:
                await self._broker.end_sessions(row.public_id)
            except HubError as error:
                log.warning("broker away, sessions not ended", connection=row.id, reason=error.message)
        await self._publish(row, "rotated")
        return CreatedConnection(connection=row, secret=secret)

    async def restore_account(self, row: Connection, secret: str) -> None:
        """Make the account again where the broker lost it, now that its secret is at hand; changes nothing else."""
        await self._put_account(row, secret)

    async def accounts_for_broker(self) -> builtins.list[BrokerAccount]:
        """Every connection as the broker should know it, for comparison with what it holds."""
        serials: dict[int, set[str]] = {}
        for connection_id, serial in await Binding.all().values_list("connection_id", "serial_number"):
            serials.setdefault(connection_id, set()).add(serial)
        return [_account(row, serials.get(row.id, ())) for row in await Connection.all().order_by("id")]

    async def account_for_broker(self, connection: Connection, secret: str | None = None) -> BrokerAccount:
        """One connection as the broker should know it.

        Args:
            secret: where it is at hand.
        """
        serials = await Binding.filter(connection_id=connection.id).values_list("serial_number", flat=True)
        return _account(connection, [str(serial) for serial in serials], secret)

    async def check_credentials(self, public_id: str, secret: str | bytes) -> Connection | None:
        """The connection that these belong to; None where they do not. Unknown ids take as long as wrong secrets."""
        try:
            given = secret.encode() if isinstance(secret, str) else bytes(secret)
            text = given.decode()
        except UnicodeError:
            return None
        if len(text) > MAX_SECRET_LENGTH:
            return None
        row = await Connection.get_or_none(public_id=public_id) if is_public_id(public_id) else None
        expected = self._no_digest if row is None else row.secret_digest
        return row if hmac.compare_digest(digest(text), expected) else None

    async def _managed(self, actor: Actor, connection_id: int) -> Connection:
        row = await self.get(actor, check_id(connection_id, "connection"))
        if row is None:
            raise gone("connection")
        await self._access.require(actor, Action.MANAGE_CONNECTIONS, row.workspace_id, what="connection")
        return row

    async def _record(self, actor: Actor, event: Event, row: Connection) -> None:
        await self._audit.by(actor, event, workspace_id=row.workspace_id, object=f"connection:{row.id}")

    async def _publish(self, row: Connection, change: str) -> None:
        await self._control.publish(
            "connection",
            workspace_id=row.workspace_id,
            connection_id=row.id,
            public_id=row.public_id,
            change=change,
        )
        if self._news is not None:
            await self._news.changed(row.workspace_id, (Table.CONNECTION, row.id))

    async def _put_account(self, row: Connection, secret: str) -> None:
        if self._broker is None:
            return
        try:
            await self._broker.put_account(await self.account_for_broker(row, secret))
        except HubError as error:
            log.warning("broker away, account not made", connection=row.id, reason=error.message)


async def dismiss(broker: Broker | None, public_id: str) -> None:
    """End an account at the broker; one that is away is mended later by `reconcile`."""
    if broker is None:
        return
    try:
        await broker.delete_account(public_id)
    except HubError as error:
        log.warning("broker away, account not deleted", account=public_id, reason=error.message)


def _account(row: Connection, serials: Iterable[str], secret: str | None = None) -> BrokerAccount:
    return BrokerAccount(
        name=row.public_id,
        secret=secret,
        secret_digest=bytes.fromhex(row.secret_digest),
        serials=frozenset(serials),
    )
