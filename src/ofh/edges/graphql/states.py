"""The state that who joins a group is given, and what of later batches is in it already."""

from collections.abc import Hashable, Sequence
from typing import Any


class State:
    """What was handed out; tells which items of a later batch are in it already."""

    def __init__(self, items: Sequence[Any]) -> None:
        self._items = items
        self._known: dict[Hashable, Any] | None = None

    def without(self, batch: list[Any]) -> list[Any]:
        """What of the batch is newer than this state; the same list where all is."""
        if self._known is None:
            self._known = {item.key: item.at for item in self._items if hasattr(item, "key")}
        newer = [item for item in batch if not self._holds(item)]
        return batch if len(newer) == len(batch) else newer

    def _holds(self, item: Any) -> bool:
        if self._known is None or not hasattr(item, "key"):
            return item in self._items
        at = self._known.get(item.key)
        return at is not None and bool(item.at <= at)
