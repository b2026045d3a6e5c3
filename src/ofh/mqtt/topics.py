"""Topic names and topic filters: what is valid, what matches, and who subscribed to what.

Pure. A filter that begins with a wildcard never matches a topic that begins with `$`.
Source: OASIS MQTT 5.0, sections 4.7 (names and filters) and 4.8.2 (shared subscriptions).
"""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

SHARE: Final = "$share/"
T = TypeVar("T")
R = TypeVar("R")


def is_topic(name: str, *, max_levels: int = 128) -> bool:
    """Whether a message can be published under `name`. Length in bytes is the codec's limit (65,535)."""
    return bool(name) and "+" not in name and "#" not in name and "\0" not in name and name.count("/") < max_levels


def is_filter(topic_filter: str, *, max_levels: int = 128) -> bool:
    """Whether `topic_filter` can be subscribed to, `$share/group/` in front allowed."""
    if topic_filter.startswith(SHARE):
        group, slash, topic_filter = topic_filter.removeprefix(SHARE).partition("/")
        if not slash or not group or "+" in group or "#" in group:
            return False
    if not topic_filter or "\0" in topic_filter or topic_filter.count("/") >= max_levels:
        return False
    if "+" not in topic_filter and "#" not in topic_filter:
        return True
    levels = topic_filter.split("/")
    if "#" in levels[:-1]:
        return False
    return all(level in ("+", "#") or ("+" not in level and "#" not in level) for level in levels)


def split_share(topic_filter: str) -> tuple[str | None, str]:
    """Group name (None where the subscription is not shared) and the filter itself, of a valid filter."""
    if not topic_filter.startswith(SHARE):
        return None, topic_filter
    group, _, inner = topic_filter.removeprefix(SHARE).partition("/")
    return group, inner


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a valid filter, without `$share`, covers a valid topic name."""
    if topic.startswith("$") and topic_filter[0] in "+#":
        return False
    wanted, found = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(found) or level not in ("+", found[index]):
            return False
    return len(wanted) == len(found)


class _Node(Generic[T]):
    __slots__ = ("children", "items")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.items: dict[T, None] = {}


class SubscriptionTree(Generic[T, R]):
    """Filters, level by level, with the items that wait there; finds all items whose filter matches a topic.

    The cost of a search grows with the levels of the topic and the wildcards on its way, not with the number of
    filters. `match` remembers its answers until the next change.
    """

    def __init__(self, combine: Callable[[list[T]], R], *, max_cached: int = 4096) -> None:
        """`combine` turns the items found, one per matching filter and in no promised order, into the answer."""
        self._combine = combine
        self._root: _Node[T] = _Node()
        self._cache: dict[str, R] = {}
        self._max_cached = max_cached

    def add(self, topic_filter: str, item: T) -> None:
        node = self._root
        for level in topic_filter.split("/"):
            child = node.children.get(level)
            if child is None:
                child = node.children[level] = _Node()
            node = child
        node.items[item] = None
        self._cache.clear()

    def remove(self, topic_filter: str, item: T) -> None:
        """Branches that hold nothing any more go too; an item that is not there is no error."""
        node, path = self._root, []
        for level in topic_filter.split("/"):
            child = node.children.get(level)
            if child is None:
                return
            path.append((node, level))
            node = child
        node.items.pop(item, None)
        for parent, level in reversed(path):
            child = parent.children[level]
            if child.items or child.children:
                break
            del parent.children[level]
        self._cache.clear()

    def match(self, topic: str) -> R:
        found = self._cache.get(topic)
        if found is None:
            if len(self._cache) >= self._max_cached:
                # Emptied as a whole: whoever invents topics to fill it must not make the rest pay for bookkeeping.
                self._cache.clear()
            found = self._cache[topic] = self._combine(self._search(topic))
        return found

    def _search(self, topic: str) -> list[T]:
        found: list[T] = []
        here = [self._root]
        for index, level in enumerate(topic.split("/")):
            wildcards = index > 0 or not topic.startswith("$")
            below: list[_Node[T]] = []
            for node in here:
                children = node.children
                if (child := children.get(level)) is not None:
                    below.append(child)
                if wildcards:
                    if (child := children.get("+")) is not None:
                        below.append(child)
                    if (child := children.get("#")) is not None:
                        found += child.items
            here = below
            if not here:
                break
        for node in here:
            found += node.items
            if (child := node.children.get("#")) is not None:  # `a/#` covers `a` itself
                found += child.items
        return found
