"""Places of which there are only so many: what one user may have running at the same time, in whatever processes.

In Redis where there is one, so that all processes count together. A place there has to be taken again every few
seconds; one whose process has died is free once that has not happened for a while. While Redis is away, each process
counts by itself.
"""

from typing import Protocol

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

TIMEOUT_S = 2.0
KEPT_S = 15
"""How long a place is kept that nobody takes again."""
AGAIN_S = KEPT_S / 3
"""How often to take a place again."""

# KEYS: places by the time at which they were taken last. ARGV: a place, how many there are, for how long one is kept.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""

log = structlog.get_logger(__name__)


class Places(Protocol):
    """Where places are counted."""

    async def take(self, key: str, place: str, most: int) -> bool:
        """Take a place, or take it again; False where there are as many others.

        Args:
            place: a name that nobody else has.
        """

    async def leave(self, key: str, place: str) -> None:
        """Leave it to others."""

    async def close(self) -> None:
        """Let go of the connection."""


class MemoryPlaces:
    """Places of one process."""

    def __init__(self) -> None:
        self._taken: dict[str, set[str]] = {}

    async def take(self, key: str, place: str, most: int) -> bool:
        """See `Places.take`."""
        taken = self._taken.setdefault(key, set())
        if place not in taken and len(taken) >= most:
            return False
        taken.add(place)
        return True

    async def leave(self, key: str, place: str) -> None:
        """See `Places.leave`."""
        taken = self._taken.get(key, set())
        taken.discard(place)
        if not taken:
            self._taken.pop(key, None)

    async def close(self) -> None:
        """Nothing to let go of."""


class RedisPlaces:
    """Places that all processes share.

    Args:
        url: of Redis.
        prefix: begins every key.
    """

    def __init__(self, url: str, *, prefix: str, kept_s: float = KEPT_S) -> None:
        self._client: Redis = Redis.from_url(
            url, protocol=2, retry=Retry(NoBackoff(), 0), socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )
        self._prefix = f"{prefix}places:"
        self._kept_s = kept_s
        self._here = MemoryPlaces()

    async def take(self, key: str, place: str, most: int) -> bool:
        """See `Places.take`."""
        if not await self._here.take(key, place, most):
            return False
        try:
            if await self._client.eval(_TAKE, 1, self._prefix + key, place, most, self._kept_s):
                return True
        except (RedisError, OSError) as error:
            log.info("places are counted in this process alone: Redis is away", error=type(error).__name__)
            return True
        await self._here.leave(key, place)
        return False

    async def leave(self, key: str, place: str) -> None:
        """See `Places.leave`."""
        await self._here.leave(key, place)
        try:
            await self._client.zrem(self._prefix + key, place)
        except (RedisError, OSError):
            log.info("a place that was left is free a little later: Redis is away")

    async def close(self) -> None:
        """Let go of the connection."""
        await self._client.aclose()
