"""Whose sockets end when sessions do."""

import pytest

from ofh.domain.actors import Actor
from ofh.services.sessions import SessionEnded

SESSION = Actor(user_id=1, credential="session", credential_id=5)
TOKEN = Actor(user_id=1, credential="token", credential_id=5)
STRANGER = Actor(user_id=2, credential="session", credential_id=5)


@pytest.mark.parametrize(
    ("ended", "session", "token"),
    [
        (SessionEnded(user_id=1), True, True),
        (SessionEnded(user_id=1, credential="session"), True, False),
        (SessionEnded(user_id=1, credential="session", credential_id=5), True, False),
        (SessionEnded(user_id=1, credential="session", credential_id=6), False, False),
        (SessionEnded(user_id=1, credential="session", spared_id=5), False, False),
        (SessionEnded(user_id=1, credential="session", spared_id=6), True, False),
        (SessionEnded(user_id=1, credential="token", credential_id=5), False, True),
        (SessionEnded(user_id=1, spared_id=5), False, True),
    ],
)
def test_an_end_concerns_the_credential_that_it_names(ended: SessionEnded, session: bool, token: bool) -> None:
    assert (ended.concerns(SESSION), ended.concerns(TOKEN), ended.concerns(STRANGER)) == (session, token, False)
