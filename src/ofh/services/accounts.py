"""People's accounts: making, changing and deleting them, and their passwords.

Everything that must not be guessed or told apart is decided here, so that every edge answers alike: what is wrong
with an address is never that somebody else has it, and a code is never wrong in more than one way.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from tortoise.exceptions import IntegrityError

from ofh.domain.actors import Actor, Role
from ofh.domain.errors import Code, HubError, bad_input, gone, refusal, unauthenticated
from ofh.domain.reasons import Reason
from ofh.store.database import Database
from ofh.store.models import Membership, User, Workspace

from .access import OPERATOR
from .audit import Audit, Event
from .codes import Codes, Purpose, digest
from .control import Control
from .mail import Letter, Letters, Mail
from .names import (
    UNSET,
    UnsetType,
    account_name,
    address_refused,
    check_email,
    check_id,
    check_locale,
    check_name,
    check_text,
    is_id,
)
from .passwords import Passwords
from .ratelimits import RateLimits
from .sessions import SessionEnded, Sessions

__all__ = ["UNSET", "Accounts", "UnsetType"]


class Accounts:
    """People, as they log in.

    Args:
        clock: the hub's time, UTC.
    """

    def __init__(
        self,
        *,
        database: Database,
        passwords: Passwords,
        codes: Codes,
        sessions: Sessions,
        limits: RateLimits,
        audit: Audit,
        control: Control,
        mail: Mail,
        letters: Letters,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._codes = codes
        self._sessions = sessions
        self._limits = limits
        self._audit = audit
        self._control = control
        self._mail = mail
        self._letters = letters
        self._clock = clock

    # The operator's acts

    async def create_user(
        self, email: str, name: str | None = None, password: str | None = None, *, actor: Actor = OPERATOR
    ) -> User:
        """Make an account; for the operator, whom it tells that an address is taken.

        Args:
            name: what stands before the `@` if left out.
        Raises:
            HubError: BAD_INPUT, CONFLICT.
        """
        email = check_email(email)
        name = check_name(email.rpartition("@")[0] if name is None else name)
        hashed = None
        if password is not None:
            hashed = await self._passwords.hash(self._passwords.check_new(password, email=email, field="password"))
        try:
            async with self._database.transaction():
                user = await User.create(email=email, name=name, password_hash=hashed, created_at=self._clock())
                await self._audit.by(actor, Event.USER_CREATED, object=f"user:{user.id}")
        except IntegrityError:
            raise HubError(Code.CONFLICT, "There is a user with this e-mail address already.") from None
        return user

    async def list_users(self) -> list[User]:
        """All accounts, oldest first; for the operator."""
        return await User.all().order_by("id")

    async def find(self, email: str) -> User | None:
        """The account with this address; for the operator."""
        known = account_name(email, field="email")
        return None if known is None else await User.get_or_none(email=known)

    async def delete_user(self, user_id: int, *, actor: Actor = OPERATOR) -> None:
        """Delete an account with its sessions, tokens and memberships; for the operator.

        Raises:
            HubError: GONE; CONFLICT, the user is the last owner of a workspace.
        """
        check_id(user_id, "user")
        async with self._database.transaction():
            memberships = await Membership.filter(user_id=user_id).order_by("workspace_id")
            # The workspaces' rows are the lock that every change of membership takes, in the order of their ids.
            for held in memberships:
                if held.role != Role.OWNER.value:
                    continue
                await Workspace.filter(id=held.workspace_id).select_for_update().get_or_none()
                owners = Membership.filter(workspace_id=held.workspace_id, role=Role.OWNER.value)
                if not await owners.exclude(user_id=user_id).exists():
                    raise HubError(
                        Code.CONFLICT,
                        f"This user is the last owner of workspace {held.workspace_id}. "
                        "Delete it or give it another owner.",
                    )
            if not await User.filter(id=user_id).delete():
                raise gone("user")
            await self._audit.by(actor, Event.USER_DELETED, object=f"user:{user_id}")
        await self._sessions.announce(SessionEnded(user_id=user_id))
        for held in memberships:
            await self._control.publish("membership", workspace_id=held.workspace_id, user_id=user_id)

    async def issue_reset_code(self, user_id: int, *, actor: Actor = OPERATOR) -> str:
        """A code for a new password, to be handed over by the operator.

        Raises:
            HubError: GONE.
        """
        code = await self._codes.issue(check_id(user_id, "user"), Purpose.RESET)
        if code is None:
            raise gone("user")
        await self._audit.by(actor, Event.PASSWORD_RESET_REQUESTED, object=f"user:{user_id}")
        return code

    async def force_password(self, user_id: int, password: str, *, actor: Actor = OPERATOR) -> None:
        """Set an account's password and end all of its sessions; for the operator.

        Raises:
            HubError: GONE, BAD_INPUT.
        """
        user = await User.get_or_none(id=check_id(user_id, "user"))
        if user is None:
            raise gone("user")
        hashed = await self._passwords.hash(self._passwords.check_new(password, email=user.email, field="password"))
        async with self._database.transaction():
            if await self._locked(user_id) is None:
                raise gone("user")
            ended = await self._replace_password(user_id, hashed)
            await self._audit.by(actor, Event.PASSWORD_RESET, object=f"user:{user_id}")
        await self._sessions.announce(ended)

    # Everybody's own account

    async def user(self, actor: Actor, user_id: int) -> User | None:
        """A person whom the actor may know of: themselves, and who shares a workspace with them."""
        if not is_id(user_id):
            return None
        if actor.user_id != user_id and actor.credential != "cli":
            shared = Membership.filter(user_id=actor.user_id).values_list("workspace_id", flat=True)
            ids = await shared
            if not ids or not await Membership.filter(user_id=user_id, workspace_id__in=list(ids)).exists():
                return None
        return await User.get_or_none(id=user_id)

    async def update_user(
        self,
        actor: Actor,
        user_id: int,
        *,
        name: str | UnsetType | None = UNSET,
        email: str | UnsetType | None = UNSET,
        locale: str | UnsetType | None = UNSET,
    ) -> User:
        """Change one's own account; what is left out stays.

        A new address holds at once where no mail is configured, else once it is confirmed.

        Raises:
            HubError: BAD_INPUT; GONE, no such user for the actor; FORBIDDEN, somebody else.
        """
        changes: dict[str, str | None] = {}
        if name is not UNSET:
            changes["name"] = check_name(name)
        if locale is not UNSET:
            changes["locale"] = check_locale(locale)
        new_email = None if email is UNSET else check_email(email)
        user = await self.user(actor, user_id)
        if user is None:
            raise gone("user")
        if user.id != actor.user_id:
            raise HubError(Code.FORBIDDEN, "You can change your own account only.")
        if new_email is not None and new_email != user.email:
            await self._change_email(actor, user, new_email, changes)
        elif changes or user.pending_email is not None:
            if new_email is not None:  # back to the address in force: what was asked for before no longer holds
                await self._codes.revoke(user.id, (Purpose.EMAIL,))
                changes["pending_email"] = None
            if changes:
                await User.filter(id=user.id).update(**changes)
        if changes or new_email is not None:
            await self._control.publish("user", user_id=user.id)
        return await self._myself(actor)

    async def confirm_email(self, code: str, *, address: str = "") -> None:
        """Put a new address in force by the code that was sent to it.

        Raises:
            HubError: BAD_INPUT, the code is none that works; RATE_LIMITED.
        """
        check_text(code, field="code")
        await self._limits.check_code(address, is_login=False)
        old = None
        user_id = await self._codes.peek(code, (Purpose.EMAIL,))
        try:
            async with self._database.transaction():
                user = None if user_id is None else await self._locked(user_id)
                # The user's row first, then the code's: whoever issues a code takes them in the same order.
                if user is not None and await self._codes.redeem(code, (Purpose.EMAIL,)) == user.id:
                    old = await self._put_pending_in_force(user, address)
        except IntegrityError:
            old = None  # somebody has taken the address meanwhile
        if old is None:
            await self._limits.code_failed(address)
            raise _wrong_code()
        await self._control.publish("user", user_id=user_id)
        self._post(self._letters.address_changing(old))

    async def change_password(self, actor: Actor, current: str, new: str) -> None:
        """Change one's own password; ends all other sessions.

        Raises:
            HubError: BAD_INPUT, the current one is wrong or the new one will not do; CONFLICT, there is none yet;
                RATE_LIMITED, too many wrong ones.
        """
        self._passwords.check_given(current, field="current_password")
        user = await self._myself(actor)
        self._passwords.check_new(new, email=user.email)
        stored = user.password_hash
        if stored is None:
            raise refusal(Code.CONFLICT, Reason.PASSWORD_MISSING)
        async with self._limits.login("password", str(user.id), actor.address) as attempt:
            if not await self._passwords.verify(stored, current):
                await attempt.failed()
                await self._audit.by(actor, Event.PASSWORD_CHANGED, outcome="failed", object=f"user:{user.id}")
                raise bad_input("current_password", Reason.PASSWORD_WRONG)
            await attempt.succeeded()
        hashed = await self._passwords.hash(new)
        async with self._database.transaction():
            held = await self._locked(user.id)
            if held is None or held.password_hash != stored:
                raise bad_input("current_password", Reason.PASSWORD_WRONG)
            ended = await self._replace_password(user.id, hashed, spared=actor)
            await self._audit.by(actor, Event.PASSWORD_CHANGED, object=f"user:{user.id}")
        await self._sessions.announce(ended)
        self._post(self._letters.password_changed(user.email))

    async def set_initial_password(self, actor: Actor, new: str) -> None:
        """Set one's first password; ends all other sessions.

        Raises:
            HubError: BAD_INPUT; CONFLICT, there is one already.
        """
        user = await self._myself(actor)
        self._passwords.check_new(new, email=user.email)
        if user.password_hash is not None:
            raise _has_password()
        hashed = await self._passwords.hash(new)
        async with self._database.transaction():
            held = await self._locked(user.id)
            if held is None:
                raise unauthenticated()
            if held.password_hash is not None:
                raise _has_password()
            ended = await self._replace_password(user.id, hashed, spared=actor)
            await self._audit.by(actor, Event.PASSWORD_SET, object=f"user:{user.id}")
        await self._sessions.announce(ended)

    async def request_password_reset(self, username: str, *, address: str = "") -> None:
        """Have a code sent to whoever owns the address; the same for known and unknown ones.

        Raises:
            HubError: BAD_INPUT, it is no text.
        """
        email = account_name(username)
        if not await self._limits.may_reset(digest((email or username).strip().lower()), address):
            return

        async def write() -> Letter | None:
            user = None if email is None else await User.get_or_none(email=email)
            code = None if user is None else await self._codes.issue(user.id, Purpose.RESET)
            if user is None or code is None:
                return None
            await self._audit.record(
                Event.PASSWORD_RESET_REQUESTED, user_id=user.id, address=address, object=f"user:{user.id}"
            )
            return self._letters.reset(user.email, code)

        self._mail.post(write)

    async def set_new_password(self, new: str, code: str, *, address: str = "") -> None:
        """Set a password by a reset code; ends all sessions. A password that will not do leaves the code unused.

        Raises:
            HubError: BAD_INPUT, with one and the same text for every code that does not work; RATE_LIMITED.
        """
        check_text(code, field="code")
        self._passwords.check_new(new, email="")
        await self._limits.check_code(address, is_login=False)
        user_id = await self._codes.peek(code, (Purpose.RESET,))
        user = None if user_id is None else await User.get_or_none(id=user_id)
        ended = None
        if user is not None:
            self._passwords.check_new(new, email=user.email)
            hashed = await self._passwords.hash(new)
            async with self._database.transaction():
                if await self._locked(user.id) and await self._codes.redeem(code, (Purpose.RESET,)) == user.id:
                    ended = await self._replace_password(user.id, hashed)
                    await self._audit.record(
                        Event.PASSWORD_RESET, user_id=user.id, address=address, object=f"user:{user.id}"
                    )
        if user is None or ended is None:
            await self._limits.code_failed(address)
            await self._audit.record(Event.PASSWORD_RESET, outcome="failed", address=address)
            raise _wrong_code()
        await self._sessions.announce(ended)
        self._post(self._letters.password_changed(user.email))

    # Shared steps

    async def _myself(self, actor: Actor) -> User:
        user = await User.get_or_none(id=actor.user_id)
        if user is None:
            raise unauthenticated()
        return user

    async def _locked(self, user_id: int) -> User | None:
        return await User.filter(id=user_id).select_for_update().get_or_none()

    async def _replace_password(self, user_id: int, hashed: str, *, spared: Actor | None = None) -> SessionEnded:
        """Within a transaction that holds the user's row: the password, and the end of what the old one opened.

        Codes end too, and so does an address that was not confirmed yet: whoever set a trap with the old password
        shall not come back through it. Access tokens stay; they are listed and revoked by hand.
        """
        await User.filter(id=user_id).update(password_hash=hashed, pending_email=None)
        await self._codes.revoke(user_id)
        return await self._sessions.end_sessions(user_id, spared=spared)

    async def _put_pending_in_force(self, user: User, address: str) -> str | None:
        """Within a transaction: the new address, and the end of codes sent to the old one, which is returned."""
        if user.pending_email is None:
            return None
        await User.filter(id=user.id).update(email=user.pending_email, pending_email=None)
        await self._codes.revoke(user.id)
        await self._audit.record(Event.EMAIL_CHANGED, user_id=user.id, address=address, object=f"user:{user.id}")
        return user.email

    async def _change_email(self, actor: Actor, user: User, email: str, changes: dict[str, str | None]) -> None:
        if not self._mail.is_configured:
            try:
                async with self._database.transaction():
                    await self._codes.revoke(user.id)
                    await User.filter(id=user.id).update(email=email, pending_email=None, **changes)
                    await self._audit.by(actor, Event.EMAIL_CHANGED, object=f"user:{user.id}")
            except IntegrityError:
                raise address_refused() from None
            return
        async with self._database.transaction():
            if await User.filter(email=email).exists():
                raise address_refused()
            await self._codes.revoke(user.id, (Purpose.EMAIL,))
            await User.filter(id=user.id).update(pending_email=email, **changes)
            await self._audit.by(actor, Event.EMAIL_CHANGE_REQUESTED, object=f"user:{user.id}")

        async def write() -> Letter | None:
            code = await self._codes.issue(user.id, Purpose.EMAIL)
            return None if code is None else self._letters.confirm(email, code)

        self._mail.post(write)
        self._post(self._letters.address_changing(user.email))

    def _post(self, letter: Letter) -> None:
        async def write() -> Letter:
            return letter

        self._mail.post(write)


def _wrong_code() -> HubError:
    return bad_input("code", Reason.CODE_UNUSABLE)


def _has_password() -> HubError:
    return refusal(Code.CONFLICT, Reason.PASSWORD_EXISTS)
