"""Topics, and what an account may do with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.dji.errors import DecodeError, Reason
from ofh.dji.topics import (
    SUBSCRIPTIONS,
    TopicKind,
    is_serial,
    may_publish,
    may_read,
    may_subscribe,
    parse,
    reply_topic,
)
from tests.captures.reader import messages, names

GW, AC, STRANGER = "5XTESTRCP00001", "1581XTESTM30T0001", "STRANGER"
MINE = frozenset({GW, AC})
UP = ["osd", "state", "events", "requests", "services_reply", "property/set_reply", "drc/up"]
DOWN = ["services", "events_reply", "requests_reply", "property/set", "drc/down"]
WEIRD = [
    "",
    "/",
    "#",
    "+",
    "$SYS/#",
    "$SYS/broker/uptime",
    "$share/g/thing/product/+/osd",
    f"$share/g/thing/product/{GW}/services",
    f"$CONTROL/dynamic-security/v1/{GW}",
    "thing/product//osd",
    "thing/product/+/osd",
    "thing/product/#",
    f"thing/product/{GW}",
    f"thing/product/{GW}/",
    f"thing/product/{GW}/#",
    f"thing/product/{GW}/+",
    f"thing/product/{GW}/property/+",
    f"thing/product/{GW}/osd/",
    f"thing/product/{GW}/osd/x",
    f"/thing/product/{GW}/osd",
    f"thing//{GW}/osd",
    f"thing/+/{GW}/osd",
    f"+/product/{GW}/services",
    f"THING/product/{GW}/osd",
    f"thing/product/{GW}\n/osd",
    f"thing/product/{GW}/services\n",
    f"thing/product/{GW}\0/osd",
    f"sys/product/{GW}/osd",
    f"sys/product/{GW}/services",
    "sys/product/+/status",
    "sys/product//status",
    "sys/product/a b/status",
    "sys/product/" + "x" * 65 + "/status",
]


def matches(filter_: str, topic: str) -> bool:
    """As MQTT matches filters that have `+` only."""
    levels, parts = filter_.split("/"), topic.split("/")
    return len(levels) == len(parts) and all(level in ("+", part) for level, part in zip(levels, parts, strict=True))


def up_messages() -> list[str]:
    return sorted(
        {message["topic"] for name in names() for message in messages(name) if message.get("direction", "up") == "up"}
        - {"thing/product//osd"}
    )


@pytest.mark.parametrize("topic", up_messages())
def test_every_topic_of_the_captures_is_read_and_subscribed_to(topic: str) -> None:
    parsed = parse(topic)
    assert parsed.text == topic
    assert parsed.serial == topic.split("/")[2]
    assert topic.split("/", 3)[3] == parsed.kind
    assert sum(matches(filter_, topic) for filter_ in SUBSCRIPTIONS) == 1


def test_topology_comes_in_two_forms() -> None:
    assert parse(f"sys/product/{GW}/status").kind is TopicKind.STATUS
    assert parse(f"thing/product/{GW}/status").kind is TopicKind.STATUS


@pytest.mark.parametrize(
    ("topic", "reply"),
    [
        (f"sys/product/{GW}/status", f"sys/product/{GW}/status_reply"),
        (f"thing/product/{GW}/status", f"thing/product/{GW}/status_reply"),
        (f"thing/product/{AC}/events", f"thing/product/{AC}/events_reply"),
        (f"thing/product/{GW}/requests", f"thing/product/{GW}/requests_reply"),
    ],
)
def test_the_answer_goes_beside_the_question(topic: str, reply: str) -> None:
    assert reply_topic(parse(topic)) == reply


@pytest.mark.parametrize("ending", ["osd", "state", "services_reply", "property/set_reply", "drc/up"])
def test_nothing_else_is_answered(ending: str) -> None:
    with pytest.raises(ValueError, match="nothing is answered"):
        reply_topic(parse(f"thing/product/{GW}/{ending}"))


@pytest.mark.parametrize("topic", [*WEIRD, *(f"thing/product/{GW}/{ending}" for ending in [*DOWN, "status_reply"])])
def test_what_devices_do_not_publish_on_is_refused(topic: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse(topic)
    assert caught.value.reason is Reason.BAD_TOPIC


@pytest.mark.parametrize("text", ["a", "A-b_9", "x" * 64])
def test_serial_numbers(text: str) -> None:
    assert is_serial(text)


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a/b", "+", "#", "a\n", "ä", "a.b", "a\0"])
def test_no_serial_numbers(text: str) -> None:
    assert not is_serial(text)


# What an account may do.


@pytest.mark.parametrize("serial", [GW, AC])
@pytest.mark.parametrize("ending", UP)
def test_a_device_publishes_as_itself(serial: str, ending: str) -> None:
    topic = f"thing/product/{serial}/{ending}"
    assert may_publish(topic, MINE)
    assert not may_publish(topic, ())
    assert not may_publish(topic, {STRANGER})
    assert not may_subscribe(topic, MINE)
    assert not may_read(topic, MINE)


@pytest.mark.parametrize("serial", [GW, AC])
@pytest.mark.parametrize("ending", DOWN)
def test_a_device_reads_what_is_addressed_to_it(serial: str, ending: str) -> None:
    topic = f"thing/product/{serial}/{ending}"
    assert may_subscribe(topic, MINE)
    assert may_read(topic, MINE)
    for others in ((), {STRANGER}):
        assert not may_subscribe(topic, others)
        assert not may_read(topic, others)
    assert not may_publish(topic, MINE)


@pytest.mark.parametrize("family", ["sys", "thing"])
def test_anybody_may_announce_itself_and_wait_for_the_answer_which_only_the_bound_one_gets(family: str) -> None:
    topic = f"{family}/product/{GW}/status"
    assert may_publish(topic, ())
    assert may_subscribe(topic + "_reply", ())
    assert not may_read(topic + "_reply", ())
    assert not may_read(topic + "_reply", {STRANGER})
    assert may_read(topic + "_reply", MINE)
    assert not may_publish(topic + "_reply", MINE)
    assert not may_subscribe(topic, MINE)
    assert not may_read(topic, MINE)


@pytest.mark.parametrize("topic", WEIRD)
def test_all_else_is_closed(topic: str) -> None:
    for serials in (MINE, {"+", "#", "", f"{GW}\n", "x" * 65}):
        assert not may_publish(topic, serials)
        assert not may_subscribe(topic, serials)
        assert not may_read(topic, serials)


_levels = st.sampled_from(
    ["thing", "sys", "product", GW, AC, STRANGER, "+", "#", "", "status", "status_reply", "property", "set", *UP, *DOWN]
)


@given(st.one_of(st.text(max_size=80), st.lists(_levels, max_size=6).map("/".join)), st.sets(st.sampled_from([GW, AC])))
def test_no_right_reaches_beyond_the_accounts_serial_numbers(topic: str, serials: set[str]) -> None:
    ending = topic.split("/", 3)[-1]
    named = topic.split("/")[2] if topic.count("/") >= 3 else None
    if may_read(topic, serials):
        assert named in serials
        assert may_subscribe(topic, serials)
    if may_publish(topic, serials):
        assert named in serials or ending == "status"
        assert not may_read(topic, serials)
    if may_subscribe(topic, serials):
        assert named in serials or ending == "status_reply"
        assert "+" not in topic
        assert "#" not in topic
