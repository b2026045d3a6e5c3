"""What a process that is the only one holds of sessions: for a moment, and no longer than they last."""

import logging
from collections.abc import Awaitable, Callable

import pytest

from ofh.services.sessions import SessionEnded, Sessions
from ofh.store import lookups
from ofh.store.models import UserSession
from tests.integration.accounts.house import House


@pytest.fixture
def held(house: House) -> Sessions:
    """Sessions as the hub makes them with a bus of its own."""
    return Sessions(
        database=house.database,
        passwords=house.passwords,
        codes=house.codes,
        limits=house.limits,
        audit=house.audit,
        control=house.control,
        held_s=1.0,
        clock=house.clock,
        monotonic=house.clock.seconds,
    )


async def looks(caplog: pytest.LogCaptureFixture, work: Callable[[], Awaitable[object]]) -> int:
    """How often the database was asked."""
    caplog.clear()
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        await work()
    return sum(record.name == "tortoise.db_client" for record in caplog.records)


async def test_what_was_read_is_held_for_a_second(
    house: House, held: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    token = (await house.login(await house.user("ada"))).token
    first = await held.authenticate_session(token)
    assert first is not None
    assert await looks(caplog, lambda: held.authenticate_session(token)) == 0
    house.clock.advance(seconds=1)
    assert await looks(caplog, lambda: held.authenticate_session(token)) == 1
    assert await looks(caplog, lambda: house.sessions.authenticate_session(token)) == 1, "nothing is held unless asked"
    assert (await held.authenticate_session(token, "192.0.2.7")) != first, "the address is that of the request"


async def test_whoever_logs_out_or_is_logged_out_is_a_stranger_at_once(house: House, held: Sessions) -> None:
    user = await house.user("ada")
    token = (await house.login(user)).token
    actor = await held.authenticate_session(token)
    assert actor is not None
    await held.logout(actor)
    assert await held.authenticate_session(token) is None
    token = (await house.login(user)).token
    assert await held.authenticate_session(token) is not None
    await house.sessions.announce(await house.sessions.end_sessions(user.id))
    assert await held.authenticate_session(token) is None


async def test_what_another_process_ended_is_noticed_with_its_word(house: House, held: Sessions) -> None:
    token = (await house.login(await house.user("ada"))).token
    assert await held.authenticate_session(token) is not None
    await UserSession.all().delete()
    await house.control.publish("interrupted")
    assert await held.authenticate_session(token) is None


async def test_what_was_being_read_when_a_session_ended_is_not_held(
    house: House, held: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await house.user("ada")
    token = (await house.login(user)).token
    session_of = lookups.session_of

    async def and_it_ends(digest: str) -> UserSession | None:
        row = await session_of(digest)
        await UserSession.all().delete()
        await held.announce(SessionEnded(user_id=user.id))
        return row

    with monkeypatch.context() as patch:
        patch.setattr(lookups, "session_of", and_it_ends)
        assert await held.authenticate_session(token) is not None
    assert await held.authenticate_session(token) is None


async def test_a_session_that_expires_while_it_is_held_is_dead(house: House, held: Sessions) -> None:
    token = (await house.login(await house.user("ada"))).token
    held._held._seconds = 10**9
    assert await held.authenticate_session(token) is not None
    house.clock.advance(days=14)
    assert await held.authenticate_session(token) is None
