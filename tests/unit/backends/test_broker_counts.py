"""What each kind of broker counts, for the metrics."""

from dataclasses import fields

from ofh.backends.broker_embedded import EmbeddedBroker
from ofh.backends.broker_remote import RemoteBroker
from ofh.mqtt.policy import Counters


async def nobody(_public_id: str, _secret: str) -> bool:
    return False


def test_the_broker_inside_tells_all_that_it_counts() -> None:
    broker = EmbeddedBroker([], nobody, lambda _account: frozenset())
    broker.server.counters.qos0_skipped = 3
    assert set(broker.counts()) == {field.name for field in fields(Counters)}
    assert broker.counts()["qos0_skipped"] == 3


def test_an_outside_broker_tells_what_could_not_be_taken_from_it() -> None:
    broker = RemoteBroker("mqtt://hub:secret@127.0.0.1", client_id="hub", filters=())
    intake = broker.intake
    intake.dropped, intake.unattributed, intake.failed, broker.refused_logins, broker.inherited = 1, 2, 3, 4, 5
    assert broker.counts() == {"dropped": 1, "unattributed": 2, "failed": 3, "refused_logins": 4, "inherited": 5}
