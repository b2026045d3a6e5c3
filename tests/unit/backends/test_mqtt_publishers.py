"""Who published what, behind a broker that does not say so."""

import pytest

from ofh.backends.mqtt_publishers import Publishers, notice
from ofh.backends.ports import BrokerAccount


def account(name: str, *serials: str) -> BrokerAccount:
    return BrokerAccount(name=name, secret=None, secret_digest=bytes(32), serials=frozenset(serials))


@pytest.fixture
def publishers() -> Publishers:
    return Publishers(window_s=2, evidence_s=0)


def test_a_serial_number_of_several_accounts_proves_none_of_them(publishers: Publishers) -> None:
    publishers.bind("one", frozenset({"RC1", "DRONE"}))
    publishers.bind("two", frozenset({"RC2", "DRONE"}))
    assert [publishers.of(serial) for serial in ("RC1", "RC2", "DRONE", "RC3")] == ["one", "two", None, None]
    assert "DRONE" in publishers
    assert "RC3" not in publishers
    publishers.forget("two")
    assert publishers.of("DRONE") == "one"


def test_what_changed_while_the_accounts_were_read_is_not_undone(publishers: Publishers) -> None:
    publishers.bind("one", frozenset({"NEW"}))
    publishers.bind("two", frozenset({"OLD"}))
    publishers.replace([account("one", "BEFORE"), account("three", "RC3")], spared={"one"})
    assert [publishers.of(serial) for serial in ("NEW", "BEFORE", "OLD", "RC3")] == ["one", None, None, "three"]


def test_another_process_is_believed_and_nonsense_is_not(publishers: Publishers) -> None:
    publishers.noticed(notice("one", frozenset({"RC1"})))
    for nonsense in (b"", b"[]", b"{}", b'{"account": "one", "serials": 7}', b"\xff"):
        publishers.noticed(nonsense)
    assert publishers.of("RC1") == "one"


async def test_without_evidence_in_time_nobody_is_named(publishers: Publishers) -> None:
    assert await publishers.evidence("RC1") is None
    publishers.bind("one", frozenset({"RC1"}))
    assert await publishers.evidence("RC1") == "one"
