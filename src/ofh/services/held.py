"""What was just read of the sessions and access tokens in use, so that a page that asks ten things at once is looked up
once. It holds for a moment only, and for nothing as soon as anybody's session ends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

MOST = 10_000
"""Beyond it all are read anew."""


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    value: T
    until: float


class Held(Generic[T]):
    """Values by their key, for some seconds.

    Args:
        seconds: 0: nothing is held.
        monotonic: a clock that only goes forward, in seconds.
    """

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._entries: dict[str, _Entry[T]] = {}
        self._forgotten = 0

    def get(self, key: str) -> T | None:
        """What is held; None where nothing is, or not any longer."""
        entry = self._entries.get(key)
        return entry.value if entry is not None and self._monotonic() < entry.until else None

    def reading(self) -> int:
        """Ask before reading what is to be kept."""
        return self._forgotten

    def keep(self, key: str, value: T, reading: int) -> None:
        """Hold what was read, unless all was forgotten while it was being read: it may be from before."""
        if not self._seconds or reading != self._forgotten:
            return
        if len(self._entries) >= MOST:
            self._entries.clear()
        self._entries[key] = _Entry(value, self._monotonic() + self._seconds)

    def forget(self) -> None:
        """Read everything anew from now on."""
        self._forgotten += 1
        self._entries.clear()
