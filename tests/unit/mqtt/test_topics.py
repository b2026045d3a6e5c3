"""Topic rules as tables, and the tree against the plain definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.mqtt.topics import SubscriptionTree, is_filter, is_topic, matches, split_share


@pytest.mark.parametrize("name", ["a", "/", "a//b", " ", "thing/product/1ZN/osd", "$SYS/uptime", "ä/日"])
def test_topic_names(name: str) -> None:
    assert is_topic(name)


@pytest.mark.parametrize("name", ["", "+", "a/#", "a/+/b", "a\0b", "/".join("x" * 200)])
def test_what_is_no_topic_name(name: str) -> None:
    assert not is_topic(name)


@pytest.mark.parametrize("topic_filter", ["a", "#", "+", "a/#", "+/+/#", "/", "/+", "$SYS/#", "$share/g/a/#"])
def test_filters(topic_filter: str) -> None:
    assert is_filter(topic_filter)


@pytest.mark.parametrize(
    "topic_filter",
    ["", "a#", "#/a", "a/#/b", "a+", "+a/b", "a/b+/c", "$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a",
     "$share/g#/a", "$share/g/a#", "a\0", "/".join("x" * 200)],
)  # fmt: skip
def test_what_is_no_filter(topic_filter: str) -> None:
    assert not is_filter(topic_filter)


def test_depth_is_limited() -> None:
    assert is_topic("a/b/c", max_levels=3)
    assert not is_topic("a/b/c/d", max_levels=3)
    assert is_filter("$share/g/a/b/c", max_levels=3)
    assert not is_filter("a/b/c/#", max_levels=3)


@pytest.mark.parametrize(
    ("topic_filter", "group", "inner"),
    [
        ("a/b", None, "a/b"),
        ("$share/g/a/+", "g", "a/+"),
        ("$share/g//x", "g", "/x"),
        ("$shared/g/a", None, "$shared/g/a"),
    ],
)
def test_share_is_split_off(topic_filter: str, group: str | None, inner: str) -> None:
    assert split_share(topic_filter) == (group, inner)


MATCHES = [
    ("a/b", "a/b", True),
    ("a/b", "a/B", False),
    ("a/+", "a/b", True),
    ("a/+", "a/", True),
    ("a/+", "a", False),
    ("a/+", "a/b/c", False),
    ("+/b", "a/b", True),
    ("+/+", "/b", True),
    ("/+", "/b", True),
    ("+", "/b", False),
    ("a/#", "a", True),
    ("a/#", "a/b/c", True),
    ("a/#", "ab", False),
    ("#", "a/b", True),
    ("#", "/", True),
    ("+/b/#", "a/b", True),
    ("a/+/c/#", "a/b/c/d/e", True),
    ("#", "$SYS/x", False),
    ("+/x", "$SYS/x", False),
    ("$SYS/#", "$SYS/x", True),
    ("$SYS/+", "$SYS/x", True),
    ("a/+", "a/$x", True),
    ("a", "a/", False),
]


@pytest.mark.parametrize(("topic_filter", "topic", "expected"), MATCHES)
def test_matching(topic_filter: str, topic: str, expected: bool) -> None:
    assert matches(topic_filter, topic) is expected
    tree: SubscriptionTree[str, list[str]] = SubscriptionTree(list)
    tree.add(topic_filter, "x")
    assert tree.match(topic) == ["x"] * expected


LEVELS = st.sampled_from(["a", "b", "", "$x"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join).filter(is_topic)
FILTERS = (
    st.lists(st.one_of(LEVELS, st.just("+")), min_size=1, max_size=4)
    .flatmap(lambda levels: st.sampled_from(["/".join(levels), "/".join([*levels, "#"]), "#"]))
    .filter(is_filter)
)


@given(
    changes=st.lists(st.tuples(st.booleans(), FILTERS, st.integers(0, 2)), max_size=30),
    topics=st.lists(TOPICS, max_size=5),
)
def test_the_tree_finds_what_the_definition_says(changes: list[tuple[bool, str, int]], topics: list[str]) -> None:
    tree: SubscriptionTree[int, list[int]] = SubscriptionTree(sorted, max_cached=2)
    held: set[tuple[str, int]] = set()
    for adds, topic_filter, item in changes:
        if adds:
            tree.add(topic_filter, item)
            held.add((topic_filter, item))
        else:
            tree.remove(topic_filter, item)
            held.discard((topic_filter, item))
        for topic in topics:
            assert tree.match(topic) == sorted(item for own, item in held if matches(own, topic))
    for topic_filter, item in held:
        tree.remove(topic_filter, item)
    assert not tree._root.children  # nothing is left behind


def test_answers_are_remembered_until_a_change() -> None:
    combined = []

    def combine(found: list[int]) -> list[int]:
        combined.append(found)
        return found

    tree: SubscriptionTree[int, list[int]] = SubscriptionTree(combine, max_cached=2)
    tree.add("a", 1)
    assert tree.match("a") is tree.match("a")
    tree.add("#", 2)
    assert sorted(tree.match("a")) == [1, 2]
    assert len(combined) == 2
    for topic in ("b", "c", "d"):
        tree.match(topic)
    assert len(tree._cache) <= 2
