"""How fast the past goes by: which of its moments is reached when.

Times of now are seconds of a clock that only ever grows; moments of the past are microseconds since 1970. What is due
is always counted from one anchor, so that however many waits lie between, none adds to another.
"""

from math import inf


class Pace:
    """The pace of one replay.

    Args:
        at_us: the moment that it begins with.
        now_s: when it does.
        speed: how many seconds of the past go by in one of now; 0: no moment is waited for.
    """

    def __init__(self, at_us: int, now_s: float, speed: float, *, is_paused: bool = False) -> None:
        self._at_us = at_us
        self._since_s = now_s
        self.speed = speed
        self.is_paused = is_paused

    def position(self, now_s: float) -> int:
        """The moment that it has come to. Where no moment is waited for: the last that was told of."""
        if self.is_paused or not self.speed:
            return self._at_us
        return self._at_us + round((now_s - self._since_s) * self.speed * 1_000_000)

    def due(self, at_us: int) -> float:
        """When a moment is reached; infinite while it is paused."""
        if self.is_paused:
            return inf
        if not self.speed:
            return -inf
        return self._since_s + (at_us - self._at_us) / 1_000_000 / self.speed

    def told(self, at_us: int) -> None:
        """All of a moment has been told."""
        if not self.speed:
            self._at_us = max(self._at_us, at_us)

    def pause(self, now_s: float, *, is_paused: bool) -> None:
        """Stand still, or go on from where it stands."""
        self.jump(self.position(now_s), now_s)
        self.is_paused = is_paused

    def go(self, speed: float, now_s: float) -> None:
        """Go on at another speed."""
        self.jump(self.position(now_s), now_s)
        self.speed = speed

    def jump(self, at_us: int, now_s: float) -> None:
        """Be at another moment."""
        self._at_us, self._since_s = at_us, now_s
