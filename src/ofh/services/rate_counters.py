"""Where it is counted how often something was tried: in Redis, so that all processes count together, or in memory.

The counters in memory are our own: those of `limits` walk over all of their keys at each hit.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from limits.aio.storage import RedisStorage

MAX_KEYS = 100_000
"""Counters held in memory; beyond it those that end first are let go."""
REDIS_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many in a second in the long run, and so many at once after a quiet time."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Count:
    """The state of a counter."""

    hits: int
    left_s: float
    """Seconds until it begins anew."""


class Counters(Protocol):
    """Where counts are kept."""

    async def add(self, key: str, window_s: int, amount: int = 1) -> Count:
        """Count up; a window begins with its first hit."""

    async def read(self, key: str) -> Count:
        """The count without a hit."""

    async def clear(self, key: str) -> None:
        """Begin anew."""

    async def take(self, key: str, rate: Rate) -> float:
        """Take one from a bucket: 0 where there was one, else the seconds until there is."""

    async def close(self) -> None:
        """Let go of the connection."""


class MemoryCounters:
    """Counters of one process.

    Args:
        now: seconds that only go forward.
        max_keys: counters held at the most.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic, max_keys: int = MAX_KEYS) -> None:
        self._now = now
        self._max_keys = max_keys
        self._counts: dict[str, tuple[int, float]] = {}
        """Key → hits and the end of the window."""
        self._buckets: dict[str, tuple[float, float]] = {}
        """Key → when the bucket is full again, and when it was last used."""

    async def add(self, key: str, window_s: int, amount: int = 1) -> Count:
        """See `Counters.add`."""
        now = self._now()
        hits, end = self._counts.pop(key, (0, 0.0))
        if end <= now:
            hits, end = 0, now + window_s
        self._counts[key] = (hits + amount, end)
        if len(self._counts) > self._max_keys:
            self._counts = _newest_half({k: v for k, v in self._counts.items() if v[1] > now}, self._max_keys)
        return Count(hits + amount, end - now)

    async def read(self, key: str) -> Count:
        """See `Counters.read`."""
        hits, end = self._counts.get(key, (0, 0.0))
        left_s = end - self._now()
        return Count(hits, left_s) if left_s > 0 else Count(0, 0.0)

    async def clear(self, key: str) -> None:
        """See `Counters.clear`."""
        self._counts.pop(key, None)

    async def take(self, key: str, rate: Rate) -> float:
        """See `Counters.take`. One number says it all: the moment at which the bucket will be full again."""
        now = self._now()
        full_at = max(self._buckets.get(key, (now, now))[0], now) + 1 / rate.per_second
        wait_s = full_at - now - rate.burst / rate.per_second
        if wait_s > 1e-9:
            return wait_s
        self._buckets[key] = (full_at, now)
        if len(self._buckets) > self._max_keys:
            self._buckets = _newest_half({k: v for k, v in self._buckets.items() if v[0] > now}, self._max_keys)
        return 0.0

    async def close(self) -> None:
        """Nothing to let go of."""


def _newest_half(kept: dict[str, tuple[int, float]] | dict[str, tuple[float, float]], limit: int) -> dict[str, Any]:
    """What remains when there are too many keys: those that are in force, and of these the half that end last."""
    if len(kept) <= limit // 2:
        return dict(kept)
    return dict(sorted(kept.items(), key=lambda item: item[1])[-(limit // 2) :])


class RedisCounters:
    """Counters that all processes share.

    Args:
        url: `redis://…`, `rediss://…` or `unix://…`.
        prefix: begins every key.
    """

    def __init__(self, url: str, *, prefix: str = "ofh:limits") -> None:
        self._storage = RedisStorage(
            f"async+redis+{url}" if url.startswith("unix:") else f"async+{url}",
            implementation="redispy",
            key_prefix=prefix,
            socket_timeout=REDIS_PATIENCE_S,
            socket_connect_timeout=REDIS_PATIENCE_S,
        )

    async def add(self, key: str, window_s: int, amount: int = 1) -> Count:
        """See `Counters.add`."""
        hits = await self._storage.incr(key, window_s, amount)
        return Count(hits, await self._left_s(key))

    async def read(self, key: str) -> Count:
        """See `Counters.read`."""
        hits = await self._storage.get(key)
        return Count(hits, await self._left_s(key)) if hits else Count(0, 0.0)

    async def clear(self, key: str) -> None:
        """See `Counters.clear`."""
        await self._storage.clear(key)

    async def take(self, key: str, rate: Rate) -> float:
        """See `Counters.take`. A sliding window as long as the bucket takes to fill lets through the same in the long
        run.
        """
        window_s = max(1, round(rate.burst / rate.per_second))
        allowed = round(rate.per_second * window_s)
        if await self._storage.acquire_sliding_window_entry(key, allowed, window_s):
            return 0.0
        return max(1 / rate.per_second, 0.001)

    async def close(self) -> None:
        """Let go of the connection."""
        bridge: Any = self._storage.bridge
        await bridge.get_connection().aclose()

    async def _left_s(self, key: str) -> float:
        return max(await self._storage.get_expiry(key) - time.time(), 0.0)
