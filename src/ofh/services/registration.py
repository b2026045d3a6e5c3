"""Making one's own account, where the operator lets people do that.

Whether an address has an account already is told to nobody but its owner, by mail: both get the same answer, with an id
of the same sequence (security.md, P6). A password that comes along is looked at and not kept. Were it kept, whoever
knows somebody else's address could choose the password of the account that the owner then confirms, and would learn by
logging in whether there had been one. So the owner chooses it after the letter's link has logged them in.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from tortoise.exceptions import IntegrityError

from ofh.domain.errors import Code, HubError
from ofh.store.database import Database
from ofh.store.models import User

from .audit import Audit, Event
from .codes import Codes, Purpose, digest, new_token
from .mail import Letter, Letters, Mail, Writer
from .names import UNSET, UnsetType, check_email, check_name
from .passwords import Passwords
from .ratelimits import RateLimits


class Registration:
    """Makes accounts for strangers.

    Args:
        is_open: whether it does so at all.
        clock: the hub's time, UTC.
    """

    def __init__(
        self,
        *,
        database: Database,
        passwords: Passwords,
        codes: Codes,
        limits: RateLimits,
        audit: Audit,
        mail: Mail,
        letters: Letters,
        is_open: bool,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._codes = codes
        self._limits = limits
        self._audit = audit
        self._mail = mail
        self._letters = letters
        self._is_open = is_open
        self._clock = clock

    async def register(self, email: str, password: str | UnsetType = UNSET, *, address: str = "") -> int:
        """Make an account and send its owner a token that logs them in once, within 10 minutes.

        Returns:
            The account's id; for an address that has one already, an id that is nobody's.
        Raises:
            HubError: BAD_INPUT; FORBIDDEN, nobody may; RATE_LIMITED.
        """
        email = check_email(email)
        if password is not UNSET:
            self._passwords.check_new(password, email=email, field="password")
        if not self._is_open:
            raise HubError(Code.FORBIDDEN, "Accounts are not open to everybody here. Ask to be invited.")
        may_write = await self._limits.may_register(digest(email), address)
        user_id, user = await self._made(email, address)
        if may_write:
            self._mail.post(self._known(email) if user is None else self._welcome(user))
        return user_id

    async def _made(self, email: str, address: str) -> tuple[int, User | None]:
        # Asked first: an insertion that fails uses an id up on PostgreSQL, and a gap of two would tell.
        if not await User.filter(email=email).exists():
            try:
                async with self._database.transaction():
                    user = await User.create(
                        email=email, name=check_name(email.rpartition("@")[0]), created_at=self._clock()
                    )
                    await self._audit.record(
                        Event.USER_CREATED, user_id=user.id, address=address, object=f"user:{user.id}"
                    )
            except IntegrityError:
                pass  # somebody else registered it at this very moment
            else:
                return user.id, user
        return await self._unused_id(address), None

    async def _unused_id(self, address: str) -> int:
        """The next id of the sequence, which no account will ever have; takes as long as making one."""
        async with self._database.transaction():
            user = await User.create(email=f"{new_token()}@unused.invalid", name="-", created_at=self._clock())
            await User.filter(id=user.id).delete()
            await self._audit.record(Event.USER_CREATED, outcome="failed", address=address)
        unused: int = user.id
        return unused

    def _welcome(self, user: User) -> Writer:
        async def write() -> Letter | None:
            token = await self._codes.issue(user.id, Purpose.LOGIN)
            return None if token is None else self._letters.welcome(user.email, token)

        return write

    def _known(self, email: str) -> Writer:
        async def write() -> Letter:
            return self._letters.known(email)

        return write
