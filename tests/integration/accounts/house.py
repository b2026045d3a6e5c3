"""The account services put together as the hub does it, with a clock that tests set and letters that they read."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from ofh.backends.ports import Broker, BrokerAccount
from ofh.domain.actors import Actor, Role
from ofh.domain.errors import Code, HubError
from ofh.services.access import Access
from ofh.services.access_tokens import AccessTokens
from ofh.services.accounts import Accounts
from ofh.services.audit import Audit
from ofh.services.audit_record import AuditRecord
from ofh.services.codes import Codes
from ofh.services.connections import Connections
from ofh.services.control import Control
from ofh.services.mail import Letter, Letters, PostOffice
from ofh.services.passwords import Passwords
from ofh.services.rate_counters import Counters, MemoryCounters
from ofh.services.ratelimits import RateLimits, Rules
from ofh.services.sessions import Login, SessionEnded, Sessions
from ofh.services.stream_tokens import StreamTokens
from ofh.services.workspaces import Workspaces
from ofh.store.database import Database
from ofh.store.models import AuditEntry, Membership, User, Workspace

PASSWORD = "a quiet lake at dawn"
OTHER_PASSWORD = "eleven grey herons"


class Clock:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def advance(self, **kwargs: float) -> None:
        self.now += timedelta(**kwargs)


class KeptMail(PostOffice):
    """Keeps the letters for the test to read."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[Letter] = []
        self.is_configured = True

    async def deliver(self, letter: Letter) -> None:
        self.letters.append(letter)

    async def read(self) -> list[Letter]:
        """All letters since the last call."""
        await self.settle()
        found, self.letters = self.letters, []
        return found

    async def code(self, to: str) -> str:
        """The code in the one letter with a link that came for somebody."""
        (found,) = [
            match[1]
            for letter in await self.read()
            if letter.to == to
            if (match := re.search(r"=([\w-]{43})", letter.body))
        ]
        return found


class RecordingBroker:
    """Writes down what the services ask of the broker; may be away."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.is_away = False

    def _note(self, what: str, about: Any) -> None:
        if self.is_away:
            raise HubError(Code.UNAVAILABLE, "The broker is away.")
        self.calls.append((what, about))

    async def put_account(self, account: BrokerAccount) -> None:
        self._note("put", account)

    async def delete_account(self, name: str) -> None:
        self._note("delete", name)

    async def end_sessions(self, name: str) -> None:
        self._note("end", name)


@dataclass
class House:
    database: Database
    clock: Clock = field(default_factory=Clock)
    counters: Counters | None = None
    rules: Rules = field(default_factory=Rules)
    at_once: int = 2

    def __post_init__(self) -> None:
        database, clock = self.database, self.clock
        self.mail = KeptMail()
        self.broker = RecordingBroker()
        self.audit = Audit(clock=clock)
        self.access = Access(self.audit)
        self.audit_record = AuditRecord(self.access)
        self.control = Control(None)
        self.codes = Codes(database, clock=clock)
        self.passwords = Passwords(memory_kib=64, at_once=self.at_once)
        self.limits = RateLimits(self.counters or MemoryCounters(now=clock.seconds), rules=self.rules)
        letters = Letters("https://hub.example")
        self.sessions = Sessions(
            database=database,
            passwords=self.passwords,
            codes=self.codes,
            limits=self.limits,
            audit=self.audit,
            control=self.control,
            clock=clock,
        )
        self.accounts = Accounts(
            database=database,
            passwords=self.passwords,
            codes=self.codes,
            sessions=self.sessions,
            limits=self.limits,
            audit=self.audit,
            control=self.control,
            mail=self.mail,
            letters=letters,
            clock=clock,
        )
        self.access_tokens = AccessTokens(database=database, sessions=self.sessions, audit=self.audit, clock=clock)
        self.stream_tokens = StreamTokens(key=b"k" * 32, clock=clock)
        self.workspaces = Workspaces(
            database=database,
            access=self.access,
            audit=self.audit,
            control=self.control,
            codes=self.codes,
            limits=self.limits,
            mail=self.mail,
            letters=letters,
            broker=cast(Broker, self.broker),
            clock=clock,
        )
        self.connections = Connections(
            database=database,
            access=self.access,
            audit=self.audit,
            control=self.control,
            broker=cast(Broker, self.broker),
            clock=clock,
        )
        self.ended: list[SessionEnded] = []
        self.sessions.on_end(self.ended.append)

    async def close(self) -> None:
        self.passwords.close()
        await self.limits.close()

    async def user(self, name: str, password: str | None = PASSWORD) -> User:
        return await self.accounts.create_user(f"{name}@example.org", name, password)

    async def login(self, user: User, password: str = PASSWORD, address: str = "192.0.2.1") -> Login:
        return await self.sessions.login(user.email, password, address=address)

    async def actor(self, user: User) -> Actor:
        """The user, logged in."""
        login = await self.sessions.login_with_token(await self.sessions.issue_login_token(user.id))
        found = await self.sessions.authenticate_session(login.token, "192.0.2.1")
        assert found is not None
        return found

    async def person(self, name: str) -> Actor:
        """A new user, logged in."""
        return await self.actor(await self.user(name, None))

    async def join(self, workspace: Workspace, name: str, role: Role) -> Actor:
        """A new user, logged in and a member."""
        actor = await self.person(name)
        await Membership.create(workspace=workspace, user_id=actor.user_id, role=role.value, since=self.clock())
        return actor

    async def audit_rows(self) -> list[AuditEntry]:
        return await AuditEntry.all().order_by("id")

    async def recorded(self, action: str) -> list[AuditEntry]:
        return await AuditEntry.filter(action=action).order_by("id")


def code_of(error: Any) -> tuple[Code, str, dict[str, str]]:
    """All of a refusal that a client can see."""
    return error.value.code, error.value.message, error.value.fields
