"""How often something may be tried (security.md, section 7).

Counters live in Redis where there is one, so that all processes count together, and else in memory
(`rate_counters.py`). While Redis is away, logins are refused and everything else is let through.
"""

import ipaddress
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import structlog
from redis.exceptions import RedisError

from ofh.domain.errors import Code, HubError

from .gates import Gate
from .rate_counters import Count, Counters, Rate

QUARTER_HOUR_S = 900
HOUR_S = 3_600

Account = Literal["user", "password", "connection"]
"""Whose secret is guessed: a person's at the log-in, a person's at a change of password, a controller's."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The numbers; each is a setting."""

    failures_per_account: int = 10
    """Wrong log-ins in 15 minutes until the account is locked."""
    first_lock_s: int = 30
    """Doubled by every further failure."""
    longest_lock_s: int = QUARTER_HOUR_S
    failures_per_address: int = 100
    """Wrong log-ins in 15 minutes."""
    codes_per_address: int = 10
    """Wrong reset, invitation and log-in codes in 15 minutes."""
    resets_per_account: int = 3
    """Password resets asked for in an hour."""
    resets_per_address: int = 20
    registrations_per_account: int = 3
    """Letters in an hour to an address that somebody registers."""
    registrations_per_address: int = 20
    """Accounts registered in an hour, or tried to."""
    invitations_per_user: int = 100
    """Invitations sent in an hour."""
    session: Rate = field(default_factory=lambda: Rate(per_second=50, burst=200))
    """Requests of one session or access token."""
    files: Rate = field(default_factory=lambda: Rate(per_second=300, burst=1_000))
    """Requests of one session for the bytes of files and thumbnails."""
    anonymous: Rate = field(default_factory=lambda: Rate(per_second=20, burst=60))
    """Requests of one address that come without a session."""


class RateLimits:
    """The rules of security.md, section 7.

    Args:
        counters: where counts are kept.
        rules: the numbers.
    """

    def __init__(self, counters: Counters, *, rules: Rules | None = None) -> None:
        self._counters = counters
        self._rules = rules or Rules()
        self._gates: dict[str, Gate] = {}

    async def close(self) -> None:
        """Let go of the connection."""
        await self._counters.close()

    @asynccontextmanager
    async def login(self, kind: Account, account: str, address: str) -> AsyncIterator["Attempt"]:
        """One attempt to log in; say inside how it went. Fails closed.

        An account has no more attempts under way than it has failures left, so guesses sent all at once count like
        guesses sent one by one (in each process: with several, that many times more may be under way).

        Args:
            account: any text that names it, whether or not it exists.
        Raises:
            HubError: RATE_LIMITED, locked; UNAVAILABLE, the counters are away or too many attempts wait.
        """
        key = f"{kind}:{account}"
        async with self._gate(key) as gate:
            async with _closed():
                await self._check_login(key, address)
                if not gate.is_set:
                    gate.allow(self._left((await self._counters.read(f"fail:{key}")).hits))
            async with gate.turn():
                async with _closed():
                    await self._check_login(key, address)
                yield Attempt(self, gate, key, address)

    async def check_code(self, address: str, *, is_login: bool) -> None:
        """Refuse where too many wrong codes came from an address.

        Args:
            is_login: fail closed.
        Raises:
            HubError: RATE_LIMITED, UNAVAILABLE.
        """
        key = f"code:{network_of(address)}"
        async with _closed() if is_login else _open():
            _refuse_if_over(await self._counters.read(key), self._rules.codes_per_address)

    async def code_failed(self, address: str) -> None:
        """Count a wrong code."""
        async with _open():
            await self._counters.add(f"code:{network_of(address)}", QUARTER_HOUR_S)

    async def may_reset(self, account: str, address: str) -> bool:
        """Count a request for a password reset; whether a letter may be sent for it."""
        by_address = by_account = Count(0, 0.0)
        async with _open():
            by_address = await self._counters.add(f"reset:address:{network_of(address)}", HOUR_S)
            by_account = await self._counters.add(f"reset:account:{account}", HOUR_S)
        return by_address.hits <= self._rules.resets_per_address and by_account.hits <= self._rules.resets_per_account

    async def may_register(self, account: str, address: str) -> bool:
        """Count a registration; whether a letter may be sent for it. Known and unknown accounts count alike.

        Raises:
            HubError: RATE_LIMITED, too many from this address.
        """
        by_account = Count(0, 0.0)
        async with _open():
            by_address = await self._counters.add(f"register:address:{network_of(address)}", HOUR_S)
            _refuse_if_over(by_address, self._rules.registrations_per_address + 1)
            by_account = await self._counters.add(f"register:account:{account}", HOUR_S)
        return by_account.hits <= self._rules.registrations_per_account

    async def invitation(self, user_id: int) -> None:
        """Count an invitation.

        Raises:
            HubError: RATE_LIMITED.
        """
        async with _open():
            count = await self._counters.add(f"invite:{user_id}", HOUR_S)
            _refuse_if_over(count, self._rules.invitations_per_user + 1)

    async def request(self, session: str) -> None:
        """Count a REST or GraphQL request.

        Args:
            session: names the session or access token, as `credential:id`.
        Raises:
            HubError: RATE_LIMITED.
        """
        await self._take(f"session:{session}", self._rules.session)

    async def file_request(self, session: str) -> None:
        """Count a request for the bytes of a file or a thumbnail.

        Raises:
            HubError: RATE_LIMITED.
        """
        await self._take(f"files:{session}", self._rules.files)

    async def anonymous(self, address: str) -> None:
        """Count a request that came without a session.

        Raises:
            HubError: RATE_LIMITED.
        """
        await self._take(f"anonymous:{network_of(address)}", self._rules.anonymous)

    async def _take(self, key: str, rate: Rate) -> None:
        async with _open():
            if wait_s := await self._counters.take(key, rate):
                raise limited(wait_s)

    async def _check_login(self, key: str, address: str) -> None:
        lock = await self._counters.read(f"lock:{key}")
        if lock.hits:
            raise limited(lock.left_s)
        _refuse_if_over(
            await self._counters.read(f"fail:address:{network_of(address)}"), self._rules.failures_per_address
        )

    def _left(self, failures: int) -> int:
        """How many attempts on an account may be under way after so many failures."""
        return max(1, self._rules.failures_per_account - failures)

    async def _failed(self, gate: Gate, key: str, address: str) -> bool:
        """Count a failure; whether it locked the account."""
        async with _closed():
            await self._counters.add(f"fail:address:{network_of(address)}", QUARTER_HOUR_S)
            failures = await self._counters.add(f"fail:{key}", QUARTER_HOUR_S)
            gate.allow(self._left(failures.hits))
            strikes = (await self._counters.read(f"strikes:{key}")).hits
            if not strikes and failures.hits < self._rules.failures_per_account:
                return False
            lock_s = min(self._rules.first_lock_s * 2 ** min(strikes, 20), self._rules.longest_lock_s)
            # The strikes outlast the lock by the time in which failures count, so that quiet alone begins anew.
            await self._renew(f"strikes:{key}", lock_s + QUARTER_HOUR_S, strikes + 1)
            await self._renew(f"lock:{key}", lock_s, 1)
            return True

    async def _succeeded(self, gate: Gate, key: str) -> None:
        gate.allow(self._left(0))
        async with _open():
            await self._counters.clear(f"fail:{key}")
            await self._counters.clear(f"strikes:{key}")

    async def _renew(self, key: str, window_s: int, hits: int) -> None:
        await self._counters.clear(key)
        await self._counters.add(key, window_s, hits)

    @asynccontextmanager
    async def _gate(self, key: str) -> AsyncIterator[Gate]:
        gate = self._gates.setdefault(key, Gate())
        gate.users += 1
        try:
            yield gate
        finally:
            gate.users -= 1
            if not gate.users:
                self._gates.pop(key, None)


class Attempt:
    """One attempt to log in that is under way."""

    def __init__(self, limits: RateLimits, gate: Gate, key: str, address: str) -> None:
        self._limits = limits
        self._gate = gate
        self._key = key
        self._address = address

    async def failed(self) -> bool:
        """The secret was wrong; returns whether the account is locked by that."""
        return await self._limits._failed(self._gate, self._key, self._address)

    async def succeeded(self) -> None:
        """The secret was right: what failed before no longer counts against the account."""
        await self._limits._succeeded(self._gate, self._key)


def network_of(address: str) -> str:
    """What counts as one address: an IPv6 network of 64 bits, an IPv4 address also where it is written as IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False).network_address) + "/64"
    return str(parsed)


def limited(wait_s: float) -> HubError:
    """The refusal of one attempt too many."""
    return HubError(
        Code.RATE_LIMITED, "Too many attempts. Try again later.", retry_after_s=max(1, math.ceil(wait_s - 1e-6))
    )


def _refuse_if_over(count: Count, limit: int) -> None:
    if count.hits >= limit:
        raise limited(count.left_s)


@asynccontextmanager
async def _closed() -> AsyncIterator[None]:
    """Refuse while the counters are away."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        log.warning("rate limits away, log-in refused", error=type(error).__name__)
        raise HubError(
            Code.UNAVAILABLE, "Logging in is not possible at the moment. Try again soon.", retry_after_s=2
        ) from error


@asynccontextmanager
async def _open() -> AsyncIterator[None]:
    """Let through while the counters are away."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        log.warning("rate limits away, not counted", error=type(error).__name__)
