"""Workspaces and who is in them.

Whoever changes a membership holds the workspace's row: so of two last owners who leave at the same moment one stays,
and nobody acts by a role that has just been taken from them. The order of refusals is that of security.md, A1: shape,
visibility, role, state.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

from tortoise.exceptions import IntegrityError

from ofh.backends.ports import Broker
from ofh.domain.actors import Action, Actor, Role, allows
from ofh.domain.errors import Code, HubError, bad_input, gone, refusal, unauthenticated
from ofh.domain.events import Table
from ofh.domain.reasons import Reason
from ofh.store import lookups
from ofh.store.bulk import hold_devices_of
from ofh.store.database import Database
from ofh.store.journal import time_of_feed
from ofh.store.models import AuditEntry, Connection, Membership, Stream, User, Workspace

from .access import Access, forbidden
from .alert_rules import give_defaults
from .announcing import RowNews
from .audit import Audit, Event
from .codes import Codes, Purpose
from .connections import dismiss
from .control import Control
from .mail import Letter, Letters, Mail, Writer
from .names import UNSET, UnsetType, check_email, check_locale, check_name, is_id
from .ratelimits import RateLimits

MAX_HISTORY_DAYS = 36_500


class Workspaces:
    """Workspaces, memberships, invitations.

    Args:
        broker: where the accounts of a deleted workspace's connections end; None at the command line.
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
        codes: Codes,
        limits: RateLimits,
        mail: Mail,
        letters: Letters,
        broker: Broker | None = None,
        news: RowNews | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._news = news
        self._database = database
        self._access = access
        self._audit = audit
        self._control = control
        self._codes = codes
        self._limits = limits
        self._mail = mail
        self._letters = letters
        self._broker = broker
        self._clock = clock

    async def list_for(self, actor: Actor) -> list[tuple[Workspace, Role]]:
        """The actor's workspaces and their role in each, oldest first; all of them for the operator."""
        if actor.credential == "cli":
            return [(workspace, Role.OWNER) for workspace in await Workspace.living().order_by("id")]
        return [(workspace, Role(role)) for workspace, role in await lookups.workspaces_of(actor.user_id)]

    async def get(self, actor: Actor, workspace_id: int) -> tuple[Workspace, Role] | None:
        """A workspace and the actor's role in it; None where there is none that the actor may see."""
        role = await self._access.role(actor, workspace_id)
        workspace = None if role is None else await Workspace.living().get_or_none(id=workspace_id)
        return None if role is None or workspace is None else (workspace, role)

    async def create(self, actor: Actor, name: str, *, locale: str | None = None) -> Workspace:
        """Make a workspace; the actor is its owner.

        Args:
            locale: the language of what it begins with, as a BCP 47 tag; None: the actor's own.
        Raises:
            HubError: BAD_INPUT.
        """
        name = check_name(name)
        locale = check_locale(locale)
        async with self._database.transaction():
            owner = await User.get_or_none(id=actor.user_id)
            if owner is None:
                raise unauthenticated()
            workspace = await self._create(owner.id, name, locale or owner.locale)
            await self._audit.by(
                actor, Event.WORKSPACE_CREATED, workspace_id=workspace.id, object=f"workspace:{workspace.id}"
            )
        await self._control.publish("membership", workspace_id=workspace.id, user_id=actor.user_id)
        return workspace

    async def create_by_connection(self, connection_id: int, name: str, *, address: str = "") -> Workspace:
        """Make a workspace for whoever made a connection, as its controller's page asks.

        Where the audit record does not say who that was (the command line did, or it is too long ago), or they have no
        account any more, it belongs to the connection's workspace's owner of the longest standing.

        Raises:
            HubError: BAD_INPUT; UNAUTHENTICATED, the connection has gone.
        """
        name = check_name(name)
        async with self._database.transaction():
            connection = await Connection.get_or_none(id=connection_id)
            owner_id = None if connection is None else await self._answerable(connection)
            if owner_id is None:
                raise unauthenticated()
            workspace = await self._create(owner_id, name)
            await self._audit.record(
                Event.WORKSPACE_CREATED,
                user_id=owner_id,
                workspace_id=workspace.id,
                address=address,
                object=f"workspace:{workspace.id} by connection:{connection_id}",
            )
        await self._control.publish("membership", workspace_id=workspace.id, user_id=owner_id)
        return workspace

    async def update(
        self,
        actor: Actor,
        workspace_id: int,
        *,
        name: str | UnsetType | None = UNSET,
        history_days: int | UnsetType | None = UNSET,
        share_position: bool | UnsetType | None = UNSET,
    ) -> Workspace:
        """Change a workspace; what is left out stays.

        Args:
            history_days: how long its history is kept; None: as the hub's setting says.
            share_position: whether every user of the hub sees its aircraft as traffic.
        Raises:
            HubError: BAD_INPUT, GONE, FORBIDDEN.
        """
        checked = None if name is UNSET else check_name(name)
        if isinstance(history_days, int) and not 1 <= history_days <= MAX_HISTORY_DAYS:
            raise bad_input("historyDays", Reason.OUT_OF_RANGE, least=1, most=MAX_HISTORY_DAYS)
        if share_position is None:
            raise bad_input("sharePosition", "This cannot be empty.")
        shares = None
        async with self._holding(actor, Action.MANAGE_WORKSPACE, workspace_id) as workspace:
            if checked is not None and checked != workspace.name:
                workspace.name = checked
                await workspace.save(update_fields=["name"])
                await self._audit.by(
                    actor, Event.WORKSPACE_RENAMED, workspace_id=workspace.id, object=f"workspace:{workspace.id}"
                )
            if history_days is not UNSET and history_days != workspace.history_days:
                change = f"{workspace.history_days or 'default'} to {history_days or 'default'} days"
                workspace.history_days = history_days
                await workspace.save(update_fields=["history_days"])
                await self._audit.by(
                    actor,
                    Event.WORKSPACE_HISTORY_CHANGED,
                    workspace_id=workspace.id,
                    object=f"workspace:{workspace.id} {change}",
                )
            if share_position is not UNSET and share_position != workspace.share_position:
                workspace.share_position = shares = share_position
                await workspace.save(update_fields=["share_position"])
                await self._audit.by(
                    actor,
                    Event.WORKSPACE_SHARING_CHANGED,
                    workspace_id=workspace.id,
                    object=f"workspace:{workspace.id} {'shares' if shares else 'does not share'} positions",
                )
        if shares is not None:
            await self._control.publish("sharing", workspace_id=workspace.id, shares=shares)
        await self._tell(workspace)
        return workspace

    async def reset_uuid(self, actor: Actor, workspace_id: int) -> Workspace:
        """Give a workspace a new uuid; what was tied to the old one ends.

        Raises:
            HubError: GONE, FORBIDDEN.
        """
        async with self._holding(actor, Action.MANAGE_WORKSPACE, workspace_id) as workspace:
            workspace.uuid = uuid4()
            await workspace.save(update_fields=["uuid"])
            await self._audit.by(
                actor, Event.WORKSPACE_UUID_RESET, workspace_id=workspace.id, object=f"workspace:{workspace.id}"
            )
        await self._control.publish("workspace", workspace_id=workspace.id, deleted=False)
        await self._tell(workspace)
        return workspace

    async def delete(self, actor: Actor, workspace_id: int) -> None:
        """Delete a workspace with all that belongs to it.

        From then on nobody sees it, and its controllers are strangers; what it had goes by and by (`clearing.py`).

        Raises:
            HubError: GONE, FORBIDDEN.
        """
        async with self._holding(actor, Action.DELETE_WORKSPACE, workspace_id, with_devices=True) as workspace:
            accounts = await Connection.filter(workspace_id=workspace.id).values_list("public_id", flat=True)
            await Membership.filter(workspace_id=workspace.id).delete()
            await Connection.filter(workspace_id=workspace.id).delete()
            await Stream.filter(workspace_id=workspace.id).delete()
            workspace.deleted_at = self._clock()
            await workspace.save(update_fields=["deleted_at"])
            await self._audit.by(
                actor, Event.WORKSPACE_DELETED, workspace_id=workspace_id, object=f"workspace:{workspace_id}"
            )
        await self._control.publish("workspace", workspace_id=workspace_id, deleted=True)
        for account in accounts:
            await dismiss(self._broker, str(account))

    async def members(self, actor: Actor, workspace_id: int) -> list[Membership]:
        """Who is in a workspace, longest first, with their users.

        Raises:
            HubError: GONE.
        """
        await self._access.require(actor, Action.VIEW, workspace_id)
        return await Membership.filter(workspace_id=workspace_id).select_related("user").order_by("id")

    async def invite(self, actor: Actor, workspace_id: int, email: str, role: Role) -> Membership:
        """Make somebody a member at once and write to them.

        Who has no account gets one without a password, and a token by mail that logs them in once; so does who has an
        account but never chose a password. With no mail configured the operator makes a login link for them.

        Raises:
            HubError: BAD_INPUT; GONE; FORBIDDEN, also where anyone but an owner makes an owner; CONFLICT, they are a
                member already; RATE_LIMITED.
        """
        email = check_email(email)
        role = Role(role)
        needed = Action.MANAGE_OWNERS if role is Role.OWNER else Action.MANAGE_MEMBERS
        await self._access.require(actor, needed, workspace_id)
        await self._limits.invitation(actor.user_id)
        async with self._holding(actor, needed, workspace_id) as workspace:
            user = await self._user_of(email)
            if await Membership.filter(workspace_id=workspace_id, user_id=user.id).exists():
                raise refusal(Code.CONFLICT, Reason.MEMBER_ALREADY)
            row = await Membership.create(
                workspace_id=workspace_id, user_id=user.id, role=role.value, since=self._clock()
            )
            await self._audit.by(
                actor, Event.MEMBER_INVITED, workspace_id=workspace_id, object=f"user:{user.id} {role.value}"
            )
        row.user = user
        await self._control.publish("membership", workspace_id=workspace_id, user_id=user.id)
        self._mail.post(self._invitation(user, workspace.name))
        return row

    async def remove_member(self, actor: Actor, workspace_id: int, user_id: int) -> None:
        """Take somebody out of a workspace; everybody may take out themselves.

        Raises:
            HubError: GONE; FORBIDDEN, also where anyone but an owner takes out an owner; CONFLICT, the last owner.
        """
        leaves = user_id == actor.user_id
        async with self._holding_to_manage(actor, workspace_id) as workspace:
            row = await self._member(workspace.id, user_id)
            if not leaves:
                await self._may_manage(actor, workspace.id, Role(row.role))
            await self._keep_an_owner(row)
            await row.delete()
            event = Event.MEMBER_LEFT if leaves else Event.MEMBER_REMOVED
            await self._audit.by(actor, event, workspace_id=workspace.id, object=f"user:{user_id}")
        await self._control.publish("membership", workspace_id=workspace_id, user_id=user_id)

    async def change_role(self, actor: Actor, workspace_id: int, user_id: int, role: Role) -> Membership:
        """Give a member another role.

        Raises:
            HubError: GONE; FORBIDDEN, also where anyone but an owner makes or lowers an owner; CONFLICT, the last
                owner.
        """
        role = Role(role)
        async with self._holding_to_manage(actor, workspace_id) as workspace:
            row = await self._member(workspace.id, user_id)
            await self._may_manage(actor, workspace.id, Role(row.role), role)
            if role is not Role.OWNER:
                await self._keep_an_owner(row)
            if row.role != role.value:
                change = f"user:{user_id} {row.role} to {role.value}"
                row.role = role.value
                await row.save(update_fields=["role"])
                await self._audit.by(actor, Event.ROLE_CHANGED, workspace_id=workspace.id, object=change)
        await self._control.publish("membership", workspace_id=workspace_id, user_id=user_id)
        return row

    async def _create(self, owner_id: int, name: str, locale: str | None = None) -> Workspace:
        """Within a transaction."""
        now = self._clock()
        at_us = await time_of_feed(self._database, self._database.connection, now)
        workspace = await Workspace.create(uuid=uuid4(), name=name, created_at=now, event_us=at_us)
        await Membership.create(workspace_id=workspace.id, user_id=owner_id, role=Role.OWNER.value, since=now)
        await give_defaults(workspace.id, now, locale)
        return workspace

    async def _answerable(self, connection: Connection) -> int | None:
        """Who made a connection, or who stands in for them; None where the workspace has gone."""
        made = await AuditEntry.filter(
            workspace_id=connection.workspace_id,
            action=Event.CONNECTION_CREATED.value,
            object=f"connection:{connection.id}",
        ).first()
        user_id: int | None = None if made is None else made.user_id
        if user_id is not None and await User.filter(id=user_id).exists():
            return user_id
        owner = (
            await Membership.filter(workspace_id=connection.workspace_id, role=Role.OWNER.value).order_by("id").first()
        )
        return None if owner is None else owner.user_id

    async def _tell(self, workspace: Workspace) -> None:
        if self._news is not None:
            await self._news.changed(workspace.id, (Table.WORKSPACE, workspace.id))

    @asynccontextmanager
    async def _holding(
        self,
        actor: Actor,
        action: Action,
        workspace_id: int,
        *,
        attempted: Action | None = None,
        with_devices: bool = False,
    ) -> AsyncIterator[Workspace]:
        """A transaction that holds the workspace's row, for an actor who may do this while it is held.

        Args:
            attempted: what a refusal is recorded as, if not as the action.
            with_devices: hold these too, and first: whoever records reports takes them in this order.
        """
        try:
            async with self._database.transaction() as client:
                workspace = None
                if is_id(workspace_id):
                    if with_devices:
                        await self._access.require(actor, action, workspace_id, record=False)
                        await hold_devices_of(self._database, client, workspace_id)
                    workspace = await Workspace.living().filter(id=workspace_id).select_for_update().get_or_none()
                if workspace is None:
                    raise gone("workspace")
                await self._access.require(actor, action, workspace_id, record=False)
                yield workspace
        except HubError as error:
            if error.code is Code.FORBIDDEN:  # recorded here, where the transaction cannot undo it
                await self._access.denied(actor, attempted or action, workspace_id)
            raise

    def _holding_to_manage(self, actor: Actor, workspace_id: int) -> AbstractAsyncContextManager[Workspace]:
        """As `_holding`, for acts on a member: whether they are allowed depends on that member's role."""
        return self._holding(actor, Action.VIEW, workspace_id, attempted=Action.MANAGE_MEMBERS)

    async def _member(self, workspace_id: int, user_id: int) -> Membership:
        row = None
        if is_id(user_id):
            row = await Membership.filter(workspace_id=workspace_id, user_id=user_id).select_related("user").first()
        if row is None:
            raise gone("member")
        return row

    async def _may_manage(self, actor: Actor, workspace_id: int, *roles: Role) -> None:
        """Owners are made and unmade by owners, everybody else by administrators."""
        held = await self._access.role(actor, workspace_id)
        needed = Action.MANAGE_OWNERS if Role.OWNER in roles else Action.MANAGE_MEMBERS
        if held is None or not allows(held, needed):
            raise forbidden()

    async def _keep_an_owner(self, row: Membership) -> None:
        if row.role != Role.OWNER.value:
            return
        owners = Membership.filter(workspace_id=row.workspace_id, role=Role.OWNER.value)
        if not await owners.exclude(id=row.id).exists():
            raise refusal(Code.CONFLICT, Reason.LAST_OWNER)

    async def _user_of(self, email: str) -> User:
        """Within a transaction: the account with this address, made where there is none."""
        user = await User.get_or_none(email=email)
        if user is not None:
            return user
        try:
            async with self._database.transaction():  # a savepoint: the clash below must not end the outer one
                user = await User.create(email=email, name=email.rpartition("@")[0], created_at=self._clock())
                await self._audit.record(Event.USER_CREATED, object=f"user:{user.id}")
                return user
        except IntegrityError:  # made by another invitation at this very moment
            return await User.get(email=email)

    def _invitation(self, user: User, workspace: str) -> Writer:
        async def write() -> Letter | None:
            if user.password_hash is not None:
                return self._letters.added(user.email, workspace)
            token = await self._codes.issue(user.id, Purpose.INVITATION)
            return None if token is None else self._letters.invitation(user.email, workspace, token)

        return write
