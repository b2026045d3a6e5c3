"""The services that work on accounts and workspaces, put together: the hub and the command line have the same ones."""

from datetime import timedelta

from ofh.backends.bus_memory import MemoryBus
from ofh.backends.ports import Broker, Bus
from ofh.choices import mail_of, now, rate_counters, rate_rules
from ofh.keys import signing_key
from ofh.services.access import Access
from ofh.services.access_tokens import AccessTokens
from ofh.services.accounts import Accounts
from ofh.services.announcing import RowNews
from ofh.services.audit import Audit
from ofh.services.codes import Codes
from ofh.services.connections import Connections
from ofh.services.control import Control
from ofh.services.mail import Letters
from ofh.services.passwords import Passwords
from ofh.services.ratelimits import RateLimits
from ofh.services.registration import Registration
from ofh.services.sessions import Sessions
from ofh.services.stream_tokens import StreamTokens
from ofh.services.workspaces import Workspaces
from ofh.settings import Settings
from ofh.store.database import Database

HELD_S = 1.0
"""How long what was read of a session is held where the bus is within the process; the command line may end one."""


class AccountServices:
    """The services that work on the database alone; the command line uses them beside a running hub.

    Args:
        bus: None at the command line: a running hub finds out by looking again.
        broker: None likewise.
        news: None likewise.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        public_url: str,
        bus: Bus | None = None,
        broker: Broker | None = None,
        news: RowNews | None = None,
    ) -> None:
        self.audit = Audit(clock=now)
        self.control = Control(bus)
        self.access = Access(self.audit)
        self.limits = RateLimits(rate_counters(settings), rules=rate_rules(settings))
        self.passwords = Passwords(memory_kib=settings.argon2_memory_kib, passes=settings.argon2_passes)
        self.codes = Codes(database, clock=now)
        self.mail = mail_of(settings)
        self.letters = Letters(public_url)
        self.sessions = Sessions(
            database=database,
            passwords=self.passwords,
            codes=self.codes,
            limits=self.limits,
            audit=self.audit,
            control=self.control,
            idle=timedelta(days=settings.session_idle_days),
            absolute=timedelta(days=settings.session_days),
            held_s=HELD_S if isinstance(bus, MemoryBus) else 0,
            clock=now,
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
            letters=self.letters,
            clock=now,
        )
        self.access_tokens = AccessTokens(database=database, sessions=self.sessions, audit=self.audit, clock=now)
        self.stream_tokens = StreamTokens(key=signing_key(settings, "stream"), clock=now)
        self.registration = Registration(
            database=database,
            passwords=self.passwords,
            codes=self.codes,
            limits=self.limits,
            audit=self.audit,
            mail=self.mail,
            letters=self.letters,
            is_open=settings.registration == "open",
            clock=now,
        )
        self.workspaces = Workspaces(
            database=database,
            access=self.access,
            audit=self.audit,
            control=self.control,
            codes=self.codes,
            limits=self.limits,
            mail=self.mail,
            letters=self.letters,
            broker=broker,
            news=news,
            clock=now,
        )
        self.connections = Connections(
            database=database,
            access=self.access,
            audit=self.audit,
            control=self.control,
            broker=broker,
            news=news,
            clock=now,
        )
