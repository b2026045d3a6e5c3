"""Which processes of the hub take what devices publish, and for which the broker keeps a session; in Redis.

The broker tells neither. It is asked when a process goes: as long as another one takes messages, it leaves the shared
subscription; the last one stays subscribed, or what the broker acknowledges from then on would be given to nobody. And
a session whose process is gone for good collects its share of the messages until it is full: another process finds it
here and takes it over.

Times are Redis's, so that the clocks of several machines do not matter. While Redis is away, nobody leaves for good
and nobody inherits: that loses nothing, it waits.
"""

from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from ofh.domain.errors import Code, HubError

TIMEOUT_S = 2.0

# KEYS: those who take messages, sessions; both by the time of the last sign of life.
_NOTE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
redis.call('ZADD', KEYS[2], now, ARGV[1])
if ARGV[2] == '1' then redis.call('ZADD', KEYS[1], now, ARGV[1]) end
"""
_LEAVE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
redis.call('ZREM', KEYS[1], ARGV[1])
return redis.call('ZCOUNT', KEYS[1], now - ARGV[2], '+inf')
"""
_CLAIM = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local found = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[2], 'LIMIT', 0, 1)
if found[1] then
    redis.call('ZADD', KEYS[2], now, found[1])
    redis.call('ZREM', KEYS[1], found[1])
end
return found[1]
"""

log = structlog.get_logger(__name__)


class Roster:
    """This process's place among the others.

    Args:
        url: of Redis.
        prefix: begins every key.
        name: of this process's session at the broker; the same after its restart.
        gone_s: a process without a sign of life for so long is gone for good.
    """

    def __init__(self, url: str, *, prefix: str, name: str, gone_s: float) -> None:
        self._client: Redis = Redis.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            decode_responses=True,
        )
        self._keys = (f"{prefix}mqtt:taking", f"{prefix}mqtt:sessions")
        self._name = name
        self._gone_s = gone_s
        self.every_s = gone_s / 6
        """How often to give a sign of life."""

    async def note(self, *, is_taking: bool) -> None:
        """Give a sign of life.

        Args:
            is_taking: subscribed, and going to be: others may leave.
        Raises:
            HubError: UNAVAILABLE, Redis is away.
        """
        await self._ask(_NOTE, self._name, int(is_taking))

    async def leave(self) -> bool:
        """No longer be counted on; tells whether others take messages. Of several who leave at once, the last is told
        that nobody does.
        """
        try:
            others = int(await self._ask(_LEAVE, self._name, self._gone_s / 2))
        except HubError:
            log.warning("who else takes messages is not known: Redis is away")
            return False
        return others > 0

    async def claim(self) -> str | None:
        """The session of a process that is gone, for this process alone to take over; None where there is none. A
        claim that is not followed by `forget` ends by itself after `gone_s`.

        Raises:
            HubError: UNAVAILABLE, Redis is away.
        """
        found = await self._ask(_CLAIM, self._name, self._gone_s)
        return None if found is None else str(found)

    async def forget(self, name: str | None = None) -> None:
        """There is no such session any more; without a name, this process's own."""
        try:
            await self._client.zrem(self._keys[1], name or self._name)
        except (RedisError, OSError):
            log.info("a session that has ended stays on the roster until somebody looks at it")

    async def close(self) -> None:
        """Let go of the connection."""
        await self._client.aclose()

    async def _ask(self, script: str, *words: str | float) -> Any:
        try:
            return await self._client.eval(script, len(self._keys), *self._keys, *words)
        except (RedisError, OSError) as error:
            raise HubError(Code.UNAVAILABLE, "The event bus is away. Try again in a moment.") from error
