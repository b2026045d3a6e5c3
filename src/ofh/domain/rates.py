"""How often something may happen: a token bucket on a given clock."""

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Allowance:
    """So many a second in the long run, and so many at once."""

    per_s: float
    burst: float
    _left: float = field(default=-1.0)
    _at_s: float = field(default=0.0)

    def take(self, now_s: float, number: float = 1) -> bool:
        """Whether that many more are allowed at this moment of a monotonic clock; takes them if so."""
        if self._left < 0:
            self._left, self._at_s = self.burst, now_s
        self._left = min(self.burst, self._left + max(0.0, now_s - self._at_s) * self.per_s)
        self._at_s = max(self._at_s, now_s)
        if self._left < number:
            return False
        self._left -= number
        return True
