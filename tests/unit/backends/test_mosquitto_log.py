"""What Mosquitto's log lines prove about who published, and what they do not."""

import pytest

from ofh.backends.mosquitto_log import CLAIMS_LIMIT, NOTICE_TOPIC, SUBSCRIBE_TOPIC, LogEvent, LogWatch
from ofh.backends.ports import SessionChange

AT = "2026-11-25T00:31:33: "


def notice(watch: LogWatch, said: str, now_s: float = 0) -> LogEvent | None:
    return watch.line(NOTICE_TOPIC, AT + said, now_s)


def connect(watch: LogWatch, account: str, client: str | None = None, now_s: float = 0) -> LogEvent | None:
    said = f"New client connected from 10.0.0.7:51344 as {client or account} (p5, c1, k60, u'{account}')."
    return notice(watch, said, now_s)


def subscribe(watch: LogWatch, account: str, topic: str) -> None:
    watch.line(SUBSCRIBE_TOPIC, f"{AT}{account} 1 {topic}", 0)


@pytest.fixture
def watch() -> LogWatch:
    return LogWatch(window_s=2)


def test_a_connection_tells_account_and_address(watch: LogWatch) -> None:
    assert connect(watch, "c1") == LogEvent("c1", SessionChange.CONNECTED, "10.0.0.7")


def test_an_ipv6_address_is_kept_whole(watch: LogWatch) -> None:
    event = notice(watch, "New client connected from 2001:db8::1:51344 as c1 (p2, c0, k10, u'c1').")
    assert event == LogEvent("c1", SessionChange.CONNECTED, "2001:db8::1")


def test_clients_of_other_listeners_are_no_controllers(watch: LogWatch) -> None:
    assert connect(watch, "hub", "hub-1") is None
    assert notice(watch, "Client hub-1 closed its connection.") is None
    assert notice(watch, "New client connected from 10.0.0.7:1 as x (p5, c1, k60).") is None


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ("Client c1 disconnected.", SessionChange.LEFT),
        ("Client c1 [10.0.0.7:51344] disconnected.", SessionChange.LEFT),
        ("Client c1 closed its connection.", SessionChange.LOST),
        ("Client c1 has exceeded timeout, disconnecting.", SessionChange.LOST),
        ("Client c1 been disconnected by administrative action.", SessionChange.LOST),
        ("Client c1 disconnected due to malformed packet.", SessionChange.LOST),
        ("Client c1 [10.0.0.7:51344] disconnected: connection closed by client.", SessionChange.LOST),
    ],
)
def test_the_end_of_a_session_is_left_or_lost(watch: LogWatch, said: str, change: SessionChange) -> None:
    connect(watch, "c1")
    assert notice(watch, said) == LogEvent("c1", change)
    assert notice(watch, said) is None


def test_a_refusal_names_nobody(watch: LogWatch) -> None:
    assert notice(watch, "Client <unknown> disconnected, not authorised.") == LogEvent("", SessionChange.REFUSED)


@pytest.mark.parametrize("said", ["", "nothing of interest", "New connection from 10.0.0.7:1 on port 1883.", "Client "])
def test_other_lines_say_nothing(watch: LogWatch, said: str) -> None:
    assert notice(watch, said) is None


def test_the_only_one_connected_published(watch: LogWatch) -> None:
    assert watch.publisher("S1", 0) is None
    connect(watch, "c1")
    assert watch.publisher("S1", 0) == "c1"


def test_two_connected_prove_nothing(watch: LogWatch) -> None:
    connect(watch, "c1")
    connect(watch, "c2")
    assert watch.publisher("S1", 0) is None


def test_who_asked_for_the_replies_claimed_the_serial(watch: LogWatch) -> None:
    connect(watch, "c1")
    connect(watch, "c2")
    subscribe(watch, "c2", "sys/product/S1/status_reply")
    assert watch.publisher("S1", 0) == "c2"
    assert watch.publisher("S2", 0) is None


def test_two_claims_are_ambiguous(watch: LogWatch) -> None:
    connect(watch, "c1")
    connect(watch, "c2")
    subscribe(watch, "c1", "thing/product/S1/services")
    subscribe(watch, "c2", "sys/product/S1/status_reply")
    assert watch.publisher("S1", 0) is None


def test_endless_claims_end_the_oldest(watch: LogWatch) -> None:
    connect(watch, "c1")
    connect(watch, "c2")
    for number in range(CLAIMS_LIMIT + 1):
        subscribe(watch, "c1", f"sys/product/S{number}/status_reply")
    assert watch.publisher("S0", 0) is None
    assert watch.publisher("S1", 0) == "c1"


def test_who_just_left_may_have_published(watch: LogWatch) -> None:
    connect(watch, "c1")
    notice(watch, "Client c1 disconnected.", now_s=10)
    assert watch.publisher("S1", 11) == "c1"
    connect(watch, "c2", now_s=11)
    assert watch.publisher("S1", 11.5) is None
    assert watch.publisher("S1", 13) == "c2"


def test_a_claim_of_one_who_is_gone_does_not_count(watch: LogWatch) -> None:
    connect(watch, "c1")
    subscribe(watch, "c1", "sys/product/S1/status_reply")
    notice(watch, "Client c1 closed its connection.", now_s=0)
    connect(watch, "c2", now_s=5)
    assert watch.publisher("S1", 5) == "c2"


def test_accounts_that_no_line_told_of_may_be_connected(watch: LogWatch) -> None:
    watch.expect(["c1", "c2"])
    connect(watch, "c1")
    assert watch.publisher("S1", 0) is None
    connect(watch, "c2")
    notice(watch, "Client c2 disconnected.", now_s=0)
    watch.expect(["c1", "c2"])
    assert watch.publisher("S1", 5) == "c1"


def test_after_an_interruption_all_is_unknown_again(watch: LogWatch) -> None:
    connect(watch, "c1")
    connect(watch, "c2")
    notice(watch, "Client c2 disconnected.", now_s=0)
    watch.interrupted()
    connect(watch, "c1", now_s=10)
    assert watch.publisher("S1", 10) is None
    watch.forget("c2")
    assert watch.publisher("S1", 10) == "c1"
