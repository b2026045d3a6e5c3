"""The rights that each role consists of."""

import pytest

from ofh.backends.mosquitto_dynsec import base_acls, fence_acls, fence_of, own_acls, serials_of


def allows(acls: frozenset[tuple[str, str, bool, int]], kind: str) -> set[str]:
    return {topic for acl, topic, allowed, _ in acls if acl == kind and allowed}


def test_an_account_publishes_for_its_own_serial_numbers_alone() -> None:
    topics = allows(own_acls(["S1", "D-2_x"]), "publishClientSend")
    assert {topic.split("/")[2] for topic in topics} == {"S1", "D-2_x"}
    assert all(topic.count("+") + topic.count("#") == topic.startswith("+/product/") for topic in topics)
    assert "thing/product/S1/property/set_reply" in topics
    assert "thing/product/S1/services" not in topics


def test_an_account_subscribes_to_what_is_addressed_to_it_and_reads_no_more() -> None:
    acls = own_acls(["S1"])
    assert "sys/product/S1/status_reply" in allows(acls, "subscribeLiteral")
    assert "thing/product/S1/osd" not in allows(acls, "subscribeLiteral")
    assert allows(acls, "publishClientReceive") == {"+/product/S1/#"}


def test_the_serial_numbers_can_be_read_from_the_rights() -> None:
    assert serials_of(own_acls(["S1", "D-2_x"])) == {"S1", "D-2_x"}
    assert serials_of(own_acls([])) == frozenset()


def test_without_serial_numbers_there_are_no_rights() -> None:
    assert own_acls([]) == frozenset()


def test_whoever_only_claims_reads_nothing() -> None:
    assert allows(base_acls(), "publishClientReceive") == set()
    assert ("publishClientReceive", "#", False, 0) in base_acls()
    assert allows(base_acls(), "publishClientSend") == {"sys/product/+/status", "thing/product/+/status"}


def test_each_pattern_that_may_be_subscribed_denies_its_own_wildcard_first() -> None:
    for topic in allows(base_acls(), "subscribePattern"):
        assert ("subscribeLiteral", topic, False, 1) in base_acls()


def test_a_fence_denies_and_allows_nothing() -> None:
    assert all(not allowed for _, _, allowed, _ in fence_acls("S1"))


@pytest.mark.parametrize("serial", ["S1", "1581F5BKD228Q00A1234", "x"])
def test_a_serial_number_has_always_the_same_fence(serial: str) -> None:
    assert fence_of(serial) == fence_of(serial)
    assert fence_of(serial).startswith("ofh-fence-")
