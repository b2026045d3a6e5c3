"""Who is there: logging in and out, and what proves it afterwards (security.md, sections 4 and 11).

A session is a row; its token's digest alone is stored. Ending a session deletes the row, which every process sees at
its next look, and is told on the control channel, so that sockets end within seconds. A process that is the only one
may hold what it read for a moment: it forgets it before whoever ends a session is answered.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

from tortoise.expressions import Q

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError
from ofh.store import lookups
from ofh.store.database import Database
from ofh.store.models import AccessToken, User, UserSession
from ofh.store.together import Together

from .audit import Audit, Event
from .codes import MAX_TOKEN_LENGTH, Codes, Purpose, digest, new_token
from .control import Control
from .held import Held
from .names import account_name, check_text
from .passwords import Passwords
from .ratelimits import RateLimits

USE_IS_NOTED_EVERY = timedelta(minutes=1)
SOCKET_USE_IS_NOTED_EVERY = timedelta(hours=1)
"""An open socket keeps its session from idling out; that needs no precision."""
Credential = Literal["session", "token"]
R = TypeVar("R", UserSession, AccessToken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A new session."""

    token: str
    """For the cookie; stored nowhere else."""
    user: User
    session_id: int
    lifetime: timedelta
    """The longest that the cookie can be of use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded:
    """That sessions, or access tokens, are good no longer."""

    user_id: int
    credential: Credential | None = None
    """None: both kinds."""
    credential_id: int | None = None
    """None: all of that kind."""
    spared_id: int | None = None
    """All but this one."""

    def concerns(self, actor: Actor) -> bool:
        """Whether this actor's own credential has ended."""
        return (
            actor.user_id == self.user_id
            and self.credential in (None, actor.credential)
            and self.credential_id in (None, actor.credential_id)
            and (actor.credential, actor.credential_id) != ("session", self.spared_id)
        )


class Sessions:
    """Logs people in and out.

    Args:
        idle: how long a session lasts without use.
        absolute: how long it lasts at all.
        held_s: seconds that what was read is held; for a process that is the only one, or 0.
        clock: the hub's time, UTC.
        monotonic: a clock that only goes forward, in seconds.
    """

    def __init__(
        self,
        *,
        database: Database,
        passwords: Passwords,
        codes: Codes,
        limits: RateLimits,
        audit: Audit,
        control: Control,
        idle: timedelta = timedelta(days=14),
        absolute: timedelta = timedelta(days=90),
        held_s: float = 0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._codes = codes
        self._limits = limits
        self._audit = audit
        self._control = control
        self._idle = idle
        self._absolute = absolute
        self._clock = clock
        self._held: Held[UserSession] = Held(held_s, monotonic)
        self._held_tokens: Held[AccessToken] = Held(held_s, monotonic)
        self._used: Together[int, None] = Together(self._note_used)
        self._used_tokens: Together[int, None] = Together(self._note_used_tokens)
        control.subscribe(self._told)

    async def login(self, username: str, password: str, *, address: str = "") -> Login:
        """Begin a session with a password.

        Unknown account, wrong password and account without a password cost the same time and get the same answer.

        Raises:
            HubError: BAD_INPUT, what was entered can be no name or password; UNAUTHENTICATED, it is the wrong one;
                RATE_LIMITED; UNAVAILABLE.
        """
        email = account_name(username)
        self._passwords.check_given(password)
        async with self._limits.login("user", digest((email or username).strip().lower()), address) as attempt:
            user = None if email is None else await User.get_or_none(email=email)
            stored = None if user is None else user.password_hash
            login = None
            if await self._passwords.verify(stored, password) and user is not None and stored is not None:
                renewed = await self._passwords.hash(password) if self._passwords.is_outdated(stored) else stored
                login = await self._begin_with(user.id, stored, renewed, address)
            if login is not None:
                await attempt.succeeded()
                return login
            await self._record_failure(user, address, locked=await attempt.failed())
        raise HubError(Code.UNAUTHENTICATED, "The e-mail address or the password is wrong.")

    async def login_with_token(self, token: str, *, address: str = "") -> Login:
        """Begin a session with the token of a login link or of an invitation; it works once.

        Raises:
            HubError: BAD_INPUT, it is no text; UNAUTHENTICATED, it is none that works; RATE_LIMITED; UNAVAILABLE.
        """
        check_text(token, field="token")
        await self._limits.check_code(address, is_login=True)
        purposes = (Purpose.LOGIN, Purpose.INVITATION)
        if (user_id := await self._codes.peek(token, purposes)) is not None:
            async with self._database.transaction():
                # The user's row first, then the code's: whoever issues a code takes them in the same order.
                user = await User.filter(id=user_id).select_for_update().get_or_none()
                if user is not None and await self._codes.redeem(token, purposes) == user.id:
                    return await self._begin(user, address, how="token")
        await self._limits.code_failed(address)
        await self._audit.record(Event.LOGIN, outcome="failed", address=address, object="login:token")
        raise HubError(Code.UNAUTHENTICATED, "This login token does not work, or not any longer.")

    async def issue_login_token(self, user_id: int) -> str:
        """A token that logs the account in once, within 10 minutes.

        Raises:
            HubError: GONE, there is no such account.
        """
        token = await self._codes.issue(user_id, Purpose.LOGIN)
        if token is None:
            raise HubError(Code.GONE, "There is no such user.")
        await self._audit.record(Event.LOGIN_LINK_MADE, object=f"user:{user_id}")
        return token

    async def authenticate_session(self, token: str, address: str = "") -> Actor | None:
        """Who a cookie belongs to; None where it is of no use. Counts as use of the session."""
        row = await self._session(token)
        if row is None:
            return None
        await self._note_use(row, USE_IS_NOTED_EVERY)
        return Actor(user_id=row.user_id, credential="session", credential_id=row.id, address=address)

    async def authenticate_bearer(self, token: str, address: str = "") -> Actor | None:
        """Who a personal access token belongs to; None where it is of no use."""
        if not token or len(token) > MAX_TOKEN_LENGTH:
            return None
        row = await self._read(self._held_tokens, token, lookups.token_of)
        if row is None or not self._token_is_live(row):
            return None
        await self._note_token_use(row, USE_IS_NOTED_EVERY)
        return Actor(user_id=row.user_id, credential="token", credential_id=row.id, address=address)

    async def still_valid(self, actor: Actor) -> bool:
        """Whether what an actor came in by is still good; for sockets, from time to time. Counts as use."""
        match actor.credential:
            case "session":
                session = await lookups.session_numbered(actor.credential_id)
                if session is None or session.user_id != actor.user_id or not self._session_is_live(session):
                    return False
                await self._note_use(session, SOCKET_USE_IS_NOTED_EVERY)
                return True
            case "token":
                token = await lookups.token_numbered(actor.credential_id)
                if token is None or token.user_id != actor.user_id or not self._token_is_live(token):
                    return False
                await self._note_token_use(token, SOCKET_USE_IS_NOTED_EVERY)
                return True
            case "cli":
                return True

    async def logout(self, actor: Actor) -> None:
        """End the session that the actor came in by. An access token is no session and stays."""
        if actor.credential != "session":
            return
        async with self._database.transaction():
            ended = await UserSession.filter(id=actor.credential_id, user_id=actor.user_id).delete()
            if ended:
                await self._audit.by(actor, Event.LOGOUT, object=f"session:{actor.credential_id}")
        await self.announce(
            SessionEnded(user_id=actor.user_id, credential="session", credential_id=actor.credential_id)
        )

    async def end_sessions(self, user_id: int, *, spared: Actor | None = None) -> SessionEnded:
        """End the sessions of an account, but for the one that the spared actor came in by.

        For the transaction of whoever has a reason; `announce` the result once that is committed.
        """
        spared_id = spared.credential_id if spared is not None and spared.credential == "session" else None
        ended = await UserSession.filter(user_id=user_id).exclude(id=spared_id or 0).delete()
        if ended:
            address = "" if spared is None else spared.address
            object = f"user:{user_id}"
            await self._audit.record(Event.SESSION_REVOKED, user_id=user_id, address=address, object=object)
        return SessionEnded(user_id=user_id, credential="session", spared_id=spared_id)

    async def announce(self, ended: SessionEnded) -> None:
        """Tell every process that sessions have ended."""
        await self._control.publish(
            "session",
            user_id=ended.user_id,
            credential=ended.credential,
            credential_id=ended.credential_id,
            spared_id=ended.spared_id,
        )

    def on_end(self, callback: Callable[[SessionEnded], None]) -> Callable[[], None]:
        """Be told when sessions end, wherever that happened; the result ends it. The callback must not block."""

        def pick(message: Mapping[str, Any]) -> None:
            if message["kind"] == "session":
                callback(
                    SessionEnded(
                        user_id=message["user_id"],
                        credential=message.get("credential"),
                        credential_id=message.get("credential_id"),
                        spared_id=message.get("spared_id"),
                    )
                )

        return self._control.subscribe(pick)

    async def prune(self) -> int:
        """Delete sessions and codes that have expired; returns how many. Access tokens stay, shown as expired."""
        now = self._clock()
        sessions = await UserSession.filter(
            Q(created_at__lte=now - self._absolute) | Q(last_used_at__lte=now - self._idle)
        ).delete()
        return sessions + await self._codes.prune()

    async def _begin_with(self, user_id: int, stored: str, renewed: str, address: str) -> Login | None:
        """Begin a session where the password that was verified is still the account's."""
        async with self._database.transaction():
            # Under the lock that a change of password takes: whoever logs in with the old one is too late afterwards.
            user = await User.filter(id=user_id).select_for_update().get_or_none()
            if user is None or user.password_hash != stored:
                return None
            if renewed != stored:
                await User.filter(id=user_id).update(password_hash=renewed)
                user.password_hash = renewed
            return await self._begin(user, address, how="password")

    async def _begin(self, user: User, address: str, *, how: str) -> Login:
        token = new_token()
        now = self._clock()
        row = await UserSession.create(user_id=user.id, digest=digest(token), created_at=now, last_used_at=now)
        await self._audit.record(Event.LOGIN, user_id=user.id, address=address, object=f"login:{how}")
        return Login(token=token, user=user, session_id=row.id, lifetime=self._absolute)

    async def _record_failure(self, user: User | None, address: str, *, locked: bool) -> None:
        user_id = None if user is None else user.id
        await self._audit.record(
            Event.LOGIN, outcome="failed", user_id=user_id, address=address, object="login:password"
        )
        if locked:
            await self._audit.record(Event.LOCKOUT, outcome="denied", user_id=user_id, address=address)

    async def _session(self, token: str) -> UserSession | None:
        if not token or len(token) > MAX_TOKEN_LENGTH:
            return None
        row = await self._read(self._held, token, lookups.session_of)
        return row if row is not None and self._session_is_live(row) else None

    async def _read(self, held: Held[R], token: str, look_up: Callable[[str], Awaitable[R | None]]) -> R | None:
        key = digest(token)
        if (row := held.get(key)) is not None:
            return row
        reading = held.reading()
        if (row := await look_up(key)) is not None:
            held.keep(key, row, reading)
        return row

    def _told(self, message: Mapping[str, Any]) -> None:
        if message["kind"] in ("session", "interrupted"):
            self._held.forget()
            self._held_tokens.forget()

    def _session_is_live(self, row: UserSession) -> bool:
        now = self._clock()
        return row.created_at > now - self._absolute and row.last_used_at > now - self._idle

    def _token_is_live(self, row: AccessToken) -> bool:
        return row.expires_at is None or row.expires_at > self._clock()

    async def _note_use(self, row: UserSession, every: timedelta) -> None:
        now = self._clock()
        if now - row.last_used_at >= every:
            await self._used.get(row.id)
            row.last_used_at = now

    async def _note_token_use(self, row: AccessToken, every: timedelta) -> None:
        now = self._clock()
        if row.last_used_at is None or now - row.last_used_at >= every:
            await self._used_tokens.get(row.id)
            row.last_used_at = now

    async def _note_used(self, ids: Sequence[int]) -> Mapping[int, None]:
        """Of all who are noted at the same time, in one statement."""
        now = self._clock()
        await UserSession.filter(id__in=ids, last_used_at__lt=now).update(last_used_at=now)
        return {}

    async def _note_used_tokens(self, ids: Sequence[int]) -> Mapping[int, None]:
        await AccessToken.filter(id__in=ids).update(last_used_at=self._clock())
        return {}
