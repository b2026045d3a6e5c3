"""Connection links: how a controller's page logs in to its connection, and what Pilot's native clients show afterwards.

Two kinds of token, both 256 random bits with a digest in the table `link_tokens`. The page's lasts like a person's
session. Pilot's, the x-auth-token, lasts 24 h from the last time that the connection was heard over MQTT, because the
page does not run during a flight and cannot renew it (dji-pilot-2.md, 2.4). That time stands with the controllers
already, so nothing is written for it while reports come in: a token past its own time is looked at once more by it.

A dead token costs a controller its telemetry. So UNAUTHENTICATED means that and nothing else; a workspace that has
another uuid by now is FORBIDDEN, and the pilot opens the page again.

The page gets back what it needs again, the secret and its x-auth-token, although the database holds their digests
alone: they travel sealed inside the cookie, readable by the hub and by nobody else.
"""

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID, uuid4

from ofh.dji.topics import is_serial
from ofh.domain.errors import Code, HubError, bad_input
from ofh.domain.link_steps import LinkProblem
from ofh.store.database import Database
from ofh.store.models import Connection, Drone, LinkToken, RemoteController, Workspace

from .audit import Audit, Event
from .codes import digest, new_token
from .connections import MAX_SECRET_LENGTH, Connections
from .control import Control
from .names import check_text, is_public_id
from .ratelimits import RateLimits
from .sealing import Seal

PILOT_LIFETIME = timedelta(hours=24)
MAX_COOKIE_LENGTH = 2_048
MAX_TOKENS = 100
"""Tokens of one kind that a connection has at the most; the oldest go. A page that is reopened keeps its own."""
MAX_AIRCRAFT = 10
"""Aircraft of a connection that its page is told of, those heard last."""
USE_IS_NOTED_EVERY = timedelta(minutes=1)
PRUNED_AT_ONCE = 1_000
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


class Purpose(StrEnum):
    """What a token is good for; neither kind is ever taken for the other."""

    PAGE = "page"
    PILOT = "pilot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pilot:
    """A controller that has shown which connection it is."""

    connection_id: int
    public_id: str
    """The connection id that it logs in with."""
    name: str
    """The connection's."""
    workspace_id: int
    workspace_uuid: UUID
    """The workspace's present one."""
    workspace_name: str
    remote_controller: str | None
    """Serial number of the controller that was last heard over this connection, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLogin:
    """A page that has just logged in."""

    cookie: str
    """The value; stored nowhere else."""
    lifetime: timedelta
    """The longest that it can be of use."""
    pilot: Pilot
    is_bound: bool | None
    """Whether the controller may report by this connection from now on; None where it did not tell who it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSession:
    """A page that logged in before."""

    id: int
    pilot: Pilot
    secret: str
    """The connection's, as the page proved it."""
    api_token: str
    """Its x-auth-token; `Links.mint` makes it good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A device that the hub has heard of over a connection."""

    serial_number: str
    is_online: bool
    silent_s: float | None
    """Seconds since the hub last heard of it; None where it never did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """What the hub knows of a connection's devices."""

    remote_controller: Heard | None
    """The one that was heard last."""
    aircraft: list[Heard]


class Claims(Protocol):
    """Who binds a serial number to a connection: `Topologies`."""

    async def claim(self, account: str, gateway: str, *, received_at: datetime) -> bool:
        """Bind a controller; False where it may not use this connection."""


class Links:
    """Logs controllers in.

    Args:
        claims: None where nobody can be bound, as at the command line.
        key: 32 bytes, for what cookies carry.
        idle: how long a page's log-in lasts without use.
        absolute: how long it lasts at all.
        refused: told of each x-auth-token that is no good any more and whose connection is known.
        clock: the hub's time, UTC.
    """

    def __init__(
        self,
        *,
        database: Database,
        connections: Connections,
        limits: RateLimits,
        audit: Audit,
        control: Control,
        claims: Claims | None,
        key: bytes,
        idle: timedelta = timedelta(days=14),
        absolute: timedelta = timedelta(days=90),
        refused: Callable[[Pilot, LinkProblem], None] = lambda _pilot, _problem: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._connections = connections
        self._limits = limits
        self._audit = audit
        self._control = control
        self._claims = claims
        self._seal = Seal(key)
        self._idle = idle
        self._absolute = absolute
        self._refused = refused
        self._clock = clock

    # The page

    async def login(
        self, connection_id: str, secret: str, *, remote_controller: str | None = None, address: str = ""
    ) -> PageLogin:
        """Begin a page's session. The connection's account at the broker is made again where it was lost.

        Args:
            connection_id: the public one.
            remote_controller: the controller's serial number, which is bound as by its first topology; a controller
                that is online in another workspace stays there.
        Raises:
            HubError: BAD_INPUT; UNAUTHENTICATED, unknown or wrong; RATE_LIMITED; UNAVAILABLE.
        """
        connection_id = check_text(connection_id, field="connection_id").strip()
        secret = check_text(secret, field="secret").strip()
        serial = _serial(remote_controller)
        async with self._limits.login("connection", digest(connection_id), address) as attempt:
            row = await self._connections.check_credentials(connection_id, secret)
            begun = None if row is None else await self._begin(row.id, secret, address)
            if row is None or begun is None:
                await self._record_failure(connection_id, address, locked=await attempt.failed())
                raise HubError(Code.UNAUTHENTICATED, "The connection id or the secret is wrong.")
            await attempt.succeeded()
        is_bound = await self._claim(row.public_id, serial)
        await self._connections.restore_account(row, secret)
        connection = await self._connection(row.id)
        if connection is None:  # deleted this very moment
            raise _unauthenticated()
        return PageLogin(
            cookie=begun, lifetime=self._absolute, pilot=(await self._pilot(connection))[0], is_bound=is_bound
        )

    async def session(self, cookie: str | None) -> PageSession:
        """Whose page this is. Counts as use.

        Raises:
            HubError: UNAUTHENTICATED.
        """
        token, _, sealed = (cookie or "").partition(".")
        if not token or not sealed or len(cookie or "") > MAX_COOKIE_LENGTH:
            raise _unauthenticated()
        now = self._clock()
        row = await LinkToken.get_or_none(
            token_digest=digest(token),
            purpose=Purpose.PAGE.value,
            expires_at__gt=now,
            created_at__gt=now - self._absolute,
        ).select_related("connection__workspace")
        opened = None if row is None else self._seal.open(sealed, about=digest(token))
        if row is None or opened is None:
            raise _unauthenticated()
        secret, api_token = json.loads(opened)
        if not hmac.compare_digest(digest(secret), row.connection.secret_digest):
            raise _unauthenticated()
        expires_at = now + self._idle
        if expires_at - row.expires_at >= USE_IS_NOTED_EVERY:
            await LinkToken.filter(id=row.id).update(expires_at=expires_at)
        pilot, _ = await self._pilot(row.connection)
        return PageSession(id=row.id, pilot=pilot, secret=secret, api_token=api_token)

    async def mint(self, session: PageSession) -> str:
        """Make the page's x-auth-token good for the workspace's present uuid, and for 24 h.

        Raises:
            HubError: UNAUTHENTICATED, the session has ended meanwhile.
        """
        now = self._clock()
        async with self._database.transaction():
            held = await self._hold(session.pilot.connection_id, session.secret)
            if held is None or not await LinkToken.filter(id=session.id).exists():
                raise _unauthenticated()
            workspace = await Workspace.get(id=held.workspace_id)
            renewed = await LinkToken.filter(
                token_digest=digest(session.api_token), purpose=Purpose.PILOT.value, connection_id=held.id
            ).update(workspace_uuid=workspace.uuid, expires_at=now + PILOT_LIFETIME)
            if not renewed:
                await self._keep(held.id, workspace.uuid, Purpose.PILOT, session.api_token, PILOT_LIFETIME)
        return session.api_token

    async def claim(self, session: PageSession, remote_controller: str) -> bool | None:
        """A page has learnt which controller it runs on; as with a log-in that tells it.

        Returns:
            Whether the controller may report by this connection.
        Raises:
            HubError: BAD_INPUT; UNAVAILABLE.
        """
        return await self._claim(session.pilot.public_id, _serial(remote_controller))

    async def presence(self, session: PageSession) -> Presence:
        """What the hub hears of the page's own connection."""
        of_connection = {"connection_id": session.pilot.connection_id, "workspace_id": session.pilot.workspace_id}
        controllers = (
            await RemoteController.filter(**of_connection, seen_at__isnull=False).order_by("-seen_at").limit(1)
        )
        aircraft = await Drone.filter(**of_connection, seen_at__isnull=False).order_by("-seen_at").limit(MAX_AIRCRAFT)
        return Presence(
            remote_controller=self._heard(controllers[0]) if controllers else None,
            aircraft=[self._heard(row) for row in aircraft],
        )

    async def logout(self, session: PageSession) -> None:
        """End a page's session and its x-auth-token, as when the pilot leaves the platform."""
        async with self._database.transaction():
            await LinkToken.filter(
                connection_id=session.pilot.connection_id, token_digest=digest(session.api_token)
            ).delete()
            if await LinkToken.filter(id=session.id).delete():
                await self._audit.record(
                    Event.LOGOUT,
                    workspace_id=session.pilot.workspace_id,
                    object=f"connection:{session.pilot.connection_id}",
                )

    async def reset_workspace_uuid(self, session: PageSession, *, address: str = "") -> UUID:
        """Give the connection's workspace a new uuid: what Pilot holds for the old one is refused until its page is
        opened again, on every controller of the workspace.

        Raises:
            HubError: UNAUTHENTICATED, the session has ended meanwhile.
        """
        pilot = session.pilot
        async with self._database.transaction():
            workspace = await Workspace.filter(id=pilot.workspace_id).select_for_update().get_or_none()
            held = await self._hold(pilot.connection_id, session.secret)
            if workspace is None or held is None:
                raise _unauthenticated()
            workspace.uuid = uuid4()
            await workspace.save(update_fields=["uuid"])
            await self._audit.record(
                Event.WORKSPACE_UUID_RESET,
                workspace_id=workspace.id,
                address=address,
                object=f"workspace:{workspace.id} by connection:{pilot.connection_id}",
            )
        await self._control.publish("workspace", workspace_id=workspace.id, deleted=False)
        return workspace.uuid

    # Pilot's native clients

    async def authenticate(self, token: str | None) -> Pilot:
        """Whose x-auth-token this is: one that was minted, or the connection's own secret.

        Raises:
            HubError: UNAUTHENTICATED, it is missing, unknown, expired or revoked, and for no other reason; FORBIDDEN,
                the workspace has got a new uuid since it was made.
        """
        if not token or len(token) > MAX_SECRET_LENGTH:
            raise _unauthenticated()
        row = await LinkToken.get_or_none(token_digest=digest(token), purpose=Purpose.PILOT.value).select_related(
            "connection__workspace"
        )
        if row is None:
            return await self._by_secret(token)
        pilot, seen_at = await self._pilot(row.connection)
        now = self._clock()
        if row.expires_at <= now:
            expires_at = None if seen_at is None else seen_at + PILOT_LIFETIME
            if expires_at is None or expires_at <= now:
                self._refused(pilot, LinkProblem.DEAD_TOKEN)
                raise _unauthenticated()
            await LinkToken.filter(id=row.id).update(expires_at=expires_at)
        if row.workspace_uuid != pilot.workspace_uuid:
            self._refused(pilot, LinkProblem.OTHER_WORKSPACE)
            raise _other_workspace()
        return pilot

    async def require(self, token: str | None, workspace_uuid: str) -> Pilot:
        """As `authenticate`, for a request that names a workspace.

        Raises:
            HubError: UNAUTHENTICATED; BAD_INPUT, it names none; FORBIDDEN, it names another one, or this one by a uuid
                that it no longer has.
        """
        pilot = await self.authenticate(token)
        if _UUID.fullmatch(workspace_uuid) is None:
            raise bad_input("workspace_uuid", "This is no UUID in its hyphenated form.")
        if UUID(workspace_uuid) != pilot.workspace_uuid:
            self._refused(pilot, LinkProblem.OTHER_WORKSPACE)
            raise _other_workspace()
        return pilot

    async def prune(self) -> int:
        """Delete tokens past their time; returns how many. Those of connections that are still heard stay."""
        deleted = 0
        now = self._clock()
        while expired := await LinkToken.filter(expires_at__lte=now).order_by("id").limit(PRUNED_AT_ONCE):
            seen: dict[int, datetime] = {}
            for connection_id, seen_at in await RemoteController.filter(
                connection_id__in={row.connection_id for row in expired}, seen_at__gt=now - PILOT_LIFETIME
            ).values_list("connection_id", "seen_at"):
                seen[connection_id] = max(seen_at, seen.get(connection_id, seen_at))
            gone = []
            for row in expired:
                if row.purpose == Purpose.PILOT.value and row.connection_id in seen:
                    await LinkToken.filter(id=row.id).update(expires_at=seen[row.connection_id] + PILOT_LIFETIME)
                else:
                    gone.append(row.id)
            deleted += await LinkToken.filter(id__in=gone, expires_at__lte=now).delete()
        return deleted

    # Inside

    async def _claim(self, public_id: str, serial: str | None) -> bool | None:
        if serial is None or self._claims is None:
            return None
        return await self._claims.claim(public_id, serial, received_at=self._clock())

    async def _begin(self, connection_id: int, secret: str, address: str) -> str | None:
        """The cookie of a new session; None where the secret was changed this very moment."""
        token, api_token = new_token(), new_token()
        async with self._database.transaction():
            held = await self._hold(connection_id, secret)
            if held is None:
                return None
            workspace = await Workspace.get(id=held.workspace_id)
            await self._keep(held.id, workspace.uuid, Purpose.PAGE, token, min(self._idle, self._absolute))
            await self._keep(held.id, workspace.uuid, Purpose.PILOT, api_token, PILOT_LIFETIME)
            await self._audit.record(
                Event.LOGIN, workspace_id=held.workspace_id, address=address, object=f"connection:{held.id}"
            )
        return f"{token}.{self._seal.close(json.dumps([secret, api_token]), about=digest(token))}"

    async def _hold(self, connection_id: int, secret: str) -> Connection | None:
        """Within a transaction: the connection's row, where this is still its secret. Whoever changes the secret takes
        the row too, and ends all tokens with it.
        """
        row = await Connection.filter(id=connection_id).select_for_update().get_or_none()
        return row if row is not None and hmac.compare_digest(digest(secret), row.secret_digest) else None

    async def _keep(
        self, connection_id: int, workspace_uuid: UUID, purpose: Purpose, token: str, lifetime: timedelta
    ) -> None:
        now = self._clock()
        await LinkToken.create(
            connection_id=connection_id,
            purpose=purpose.value,
            token_digest=digest(token),
            workspace_uuid=workspace_uuid,
            created_at=now,
            expires_at=now + lifetime,
        )
        kept = LinkToken.filter(connection_id=connection_id, purpose=purpose.value).order_by("-id")
        if too_old := await kept.offset(MAX_TOKENS).limit(PRUNED_AT_ONCE).values_list("id", flat=True):
            await LinkToken.filter(id__in=list(too_old)).delete()

    def _heard(self, row: RemoteController | Drone) -> Heard:
        silent_s = None if row.seen_at is None else max((self._clock() - row.seen_at).total_seconds(), 0.0)
        return Heard(serial_number=row.serial_number, is_online=row.online, silent_s=silent_s)

    async def _by_secret(self, secret: str) -> Pilot:
        row = await Connection.get_or_none(secret_digest=digest(secret)).select_related("workspace")
        if row is None:
            raise _unauthenticated()
        return (await self._pilot(row))[0]

    async def _connection(self, connection_id: int) -> Connection | None:
        return await Connection.get_or_none(id=connection_id).select_related("workspace")

    async def _pilot(self, row: Connection) -> tuple[Pilot, datetime | None]:
        """The pilot of a connection, loaded with its workspace, and when it was last heard over MQTT."""
        heard = (
            await RemoteController.filter(connection_id=row.id, seen_at__isnull=False)
            .order_by("-seen_at")
            .first()
            .values("serial_number", "seen_at")
        )
        pilot = Pilot(
            connection_id=row.id,
            public_id=row.public_id,
            name=row.name,
            workspace_id=row.workspace_id,
            workspace_uuid=row.workspace.uuid,
            workspace_name=row.workspace.name,
            remote_controller=heard["serial_number"] if heard else None,
        )
        return pilot, heard["seen_at"] if heard else None

    async def _record_failure(self, connection_id: str, address: str, *, locked: bool) -> None:
        row = await Connection.get_or_none(public_id=connection_id) if is_public_id(connection_id) else None
        about = "connection:unknown" if row is None else f"connection:{row.id}"
        workspace_id = None if row is None else row.workspace_id
        await self._audit.record(
            Event.LOGIN, outcome="failed", workspace_id=workspace_id, address=address, object=about
        )
        if locked:
            await self._audit.record(
                Event.LOCKOUT, outcome="denied", workspace_id=workspace_id, address=address, object=about
            )


def _serial(told: str | None) -> str | None:
    """A controller's serial number as a page told it; None where it told none.

    Raises:
        HubError: BAD_INPUT.
    """
    serial = (told or "").strip() or None
    if serial is not None and not is_serial(serial):
        raise bad_input("remote_controller_sn", "This is no serial number.")
    return serial


def _unauthenticated() -> HubError:
    return HubError(Code.UNAUTHENTICATED, "Log in on the hub's Pilot page first.")


def _other_workspace() -> HubError:
    return HubError(
        Code.FORBIDDEN,
        "This controller works for another workspace, or for this one's former uuid. Open the page again.",
    )
