"""How often something is pushed: by a clock that is an argument, seconds that only ever grow."""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

FORGOTTEN_AT = 1_000
"""So many keys are remembered before those are looked for that need not be."""


class Pace(Generic[K, T]):
    """At most one item of each key in an interval: the first at once, of those that follow meanwhile the newest."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._waiting: dict[K, T] = {}
        self._sent_s: dict[K, float] = {}
        self._forget_at = FORGOTTEN_AT

    def put(self, key: K, item: T) -> None:
        """An item to push; it takes the place of one that waits."""
        self._waiting[key] = item

    def due(self, now_s: float) -> list[T]:
        """What may go out now; it counts as gone."""
        found = [key for key in self._waiting if self._left_s(key, now_s) <= 0]
        for key in found:
            self._sent_s[key] = now_s
        items = [self._waiting.pop(key) for key in found]
        if len(self._sent_s) > self._forget_at:
            self._sent_s = {key: at for key, at in self._sent_s.items() if now_s - at < self._interval_s}
            self._forget_at = max(FORGOTTEN_AT, 2 * len(self._sent_s))
        return items

    def wait_s(self, now_s: float) -> float | None:
        """How long until something is due; None: nothing waits."""
        return min((max(0.0, self._left_s(key, now_s)) for key in self._waiting), default=None)

    def _left_s(self, key: K, now_s: float) -> float:
        sent_s = self._sent_s.get(key)
        return 0.0 if sent_s is None else sent_s + self._interval_s - now_s


class Turns(Generic[K]):
    """At most one of all keys in an interval: each that was asked for gets its turn, once."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._waiting: dict[K, None] = {}
        self._sent_s: float | None = None

    def put(self, key: K) -> None:
        """A key that is to have its turn."""
        self._waiting[key] = None

    def due(self, now_s: float) -> K | None:
        """Whose turn it is now; it counts as gone."""
        if not self._waiting or self.wait_s(now_s):
            return None
        self._sent_s = now_s
        key = next(iter(self._waiting))
        del self._waiting[key]
        return key

    def wait_s(self, now_s: float) -> float | None:
        """How long until somebody's turn; None: nobody waits."""
        if not self._waiting:
            return None
        return 0.0 if self._sent_s is None else max(0.0, self._sent_s + self._interval_s - now_s)
