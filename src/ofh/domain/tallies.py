"""How many there are of each, without a trace of those of which there are none: keys are others' to choose."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

K = TypeVar("K")


def give_back(tally: Counter[K], key: K) -> None:
    """One less."""
    tally[key] -= 1
    if tally[key] <= 0:
        del tally[key]


@contextmanager
def one_more(tally: Counter[K], key: K) -> Iterator[None]:
    """One more within."""
    tally[key] += 1
    try:
        yield
    finally:
        give_back(tally, key)
