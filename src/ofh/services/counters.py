"""What the services count: how much was taken, and every drop with its reason.

`metrics.py` gives the one that Prometheus reads; services know this interface alone.
"""

from typing import Protocol


class Counters(Protocol):
    """Counts, all of them only ever growing."""

    def received(self, kind: str) -> None:
        """A message came in, by kind of topic."""

    def stored(self, number: int) -> None:
        """Reports that are in the database now."""

    def dropped(self, reason: str, number: int = 1) -> None:
        """Something was refused, shed or lost."""

    def retried(self, backend: str) -> None:
        """A backend was away and is tried again."""
