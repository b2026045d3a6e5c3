"""Logging in and out (security.md, sections 4, 7 and 11)."""

import asyncio
from datetime import timedelta
from typing import Literal

import pytest
from argon2 import PasswordHasher

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError
from ofh.services.audit import Event
from ofh.services.codes import Purpose, digest
from ofh.services.passwords import Passwords
from ofh.store.models import AccessToken, OneTimeToken, User, UserSession
from tests.integration.accounts.house import OTHER_PASSWORD, PASSWORD, House, code_of


async def test_a_login_makes_a_session_of_which_only_a_digest_is_stored(house: House) -> None:
    """security.md, C1 and C2."""
    user = await house.user("ada")
    login = await house.sessions.login(" ADA@Example.org ", PASSWORD, address="192.0.2.1")
    assert login.user.id == user.id
    assert len(login.token) >= 43
    row = await UserSession.get(id=login.session_id)
    assert row.digest == digest(login.token)
    assert await house.sessions.authenticate_session(login.token, "192.0.2.9") == Actor(
        user_id=user.id, credential="session", credential_id=login.session_id, address="192.0.2.9"
    )
    (entry,) = await house.recorded(Event.LOGIN)
    assert (entry.outcome, entry.user_id, entry.address) == ("ok", user.id, "192.0.2.1")


async def test_every_login_makes_a_new_token(house: House) -> None:
    """security.md, C3."""
    user = await house.user("ada")
    assert (await house.login(user)).token != (await house.login(user)).token


async def test_unknown_account_wrong_password_and_no_password_are_answered_alike(house: House) -> None:
    await house.user("ada")
    await house.user("bob", None)
    seen = set()
    for name, password in [("ada", OTHER_PASSWORD), ("bob", OTHER_PASSWORD), ("nobody", OTHER_PASSWORD), ("ada", "")]:
        with pytest.raises(HubError) as refusal:
            await house.sessions.login(f"{name}@example.org", password, address="192.0.2.1")
        seen.add(str(code_of(refusal)))
    assert len(seen) == 1
    assert "UNAUTHENTICATED" in seen.pop()


async def test_what_an_account_is_compared_with_costs_the_same_when_it_does_not_exist(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P3: the mechanism; medians are measured in bench/."""
    await house.user("ada")
    await house.user("bob", None)
    compared: list[str] = []

    class Spy(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            compared.append(str(hash).rsplit("$", 2)[0])
            return super().verify(hash, password)

    monkeypatch.setattr(house.passwords, "_hasher", Spy(time_cost=1, memory_cost=64, parallelism=1))
    for name in ("ada", "bob", "nobody"):
        with pytest.raises(HubError):
            await house.sessions.login(f"{name}@example.org", OTHER_PASSWORD)
    assert len(compared) == 3
    assert len(set(compared)) == 1  # same algorithm, same parameters


@pytest.mark.parametrize("password", ["x" * 73, "é" * 37, "a\0b", "\ud800"])
async def test_what_can_be_no_password_is_bad_input(house: House, password: str) -> None:
    await house.user("ada")
    for name in ("ada", "nobody"):
        with pytest.raises(HubError) as refusal:
            await house.sessions.login(f"{name}@example.org", password)
        assert refusal.value.code is Code.BAD_INPUT
        assert "password" in refusal.value.fields


@pytest.mark.parametrize("username", ["a\0@example.org", "\udfff"])
async def test_what_is_no_text_is_bad_input_as_a_name(house: House, username: str) -> None:
    with pytest.raises(HubError) as refusal:
        await house.sessions.login(username, PASSWORD)
    assert refusal.value.code is Code.BAD_INPUT


async def test_a_hash_with_old_parameters_is_renewed_at_login(house: House) -> None:
    user = await house.user("ada")
    old = Passwords(memory_kib=32, at_once=1)
    await User.filter(id=user.id).update(password_hash=await old.hash(PASSWORD))
    old.close()
    await house.login(user)
    renewed = (await User.get(id=user.id)).password_hash
    assert renewed is not None
    assert "m=64," in renewed
    await house.login(user)


async def test_a_login_with_a_password_that_is_changed_meanwhile_fails(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await house.user("ada")
    verify = house.passwords.verify

    async def changed_meanwhile(stored: str | None, password: str) -> bool:
        result = await verify(stored, password)
        await house.accounts.force_password(user.id, OTHER_PASSWORD)
        return result

    monkeypatch.setattr(house.passwords, "verify", changed_meanwhile)
    with pytest.raises(HubError) as refusal:
        await house.login(user)
    assert refusal.value.code is Code.UNAUTHENTICATED
    assert await UserSession.all().count() == 0


async def test_a_session_ends_when_it_is_not_used(house: House) -> None:
    """security.md, C3."""
    login = await house.login(await house.user("ada"))
    for _ in range(3):
        house.clock.advance(days=13)
        assert await house.sessions.authenticate_session(login.token) is not None
    house.clock.advance(days=14)
    assert await house.sessions.authenticate_session(login.token) is None


async def test_a_session_ends_after_ninety_days_whatever_its_use(house: House) -> None:
    login = await house.login(await house.user("ada"))
    for _ in range(9):
        assert await house.sessions.authenticate_session(login.token) is not None
        house.clock.advance(days=10)
    assert await house.sessions.authenticate_session(login.token) is None
    assert login.lifetime == timedelta(days=90)


async def test_use_is_written_at_most_once_a_minute(house: House) -> None:
    login = await house.login(await house.user("ada"))
    began = house.clock.now
    house.clock.advance(seconds=59)
    await house.sessions.authenticate_session(login.token)
    assert (await UserSession.get(id=login.session_id)).last_used_at == began
    house.clock.advance(seconds=1)
    await house.sessions.authenticate_session(login.token)
    assert (await UserSession.get(id=login.session_id)).last_used_at == house.clock.now


@pytest.mark.parametrize("token", ["", "x", "x" * 10_000, "\0", "\ud800", "é"])
async def test_no_text_is_a_token_by_accident(house: House, token: str) -> None:
    await house.login(await house.user("ada"))
    assert await house.sessions.authenticate_session(token) is None
    assert await house.sessions.authenticate_bearer(token) is None


async def test_logging_out_ends_the_session_at_once_and_tells_the_sockets(house: House) -> None:
    user = await house.user("ada")
    login, other = await house.login(user), await house.login(user)
    actor = await house.sessions.authenticate_session(login.token)
    left = await house.sessions.authenticate_session(other.token)
    assert actor is not None
    assert left is not None
    assert await house.sessions.still_valid(actor)
    await house.sessions.logout(actor)
    assert await house.sessions.authenticate_session(login.token) is None
    assert not await house.sessions.still_valid(actor)
    assert await house.sessions.still_valid(left)
    (ended,) = house.ended
    assert ended.concerns(actor)
    assert not ended.concerns(left)
    await house.sessions.logout(actor)  # again: no harm
    assert len(await house.recorded(Event.LOGOUT)) == 1


async def test_a_login_token_works_once_even_when_two_use_it_at_once(house: House) -> None:
    """security.md, P4."""
    user = await house.user("ada", None)
    token = await house.sessions.issue_login_token(user.id)
    results = await asyncio.gather(*(house.sessions.login_with_token(token) for _ in range(4)), return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    assert {r.code for r in results if isinstance(r, HubError)} == {Code.UNAUTHENTICATED}
    assert await UserSession.all().count() == 1


async def test_a_login_token_lasts_ten_minutes(house: House) -> None:
    user = await house.user("ada", None)
    token = await house.sessions.issue_login_token(user.id)
    house.clock.advance(minutes=10)
    with pytest.raises(HubError) as refusal:
        await house.sessions.login_with_token(token)
    assert refusal.value.code is Code.UNAUTHENTICATED


async def test_a_new_login_token_ends_the_one_before(house: House) -> None:
    user = await house.user("ada", None)
    first = await house.sessions.issue_login_token(user.id)
    second = await house.sessions.issue_login_token(user.id)
    with pytest.raises(HubError):
        await house.sessions.login_with_token(first)
    assert (await house.sessions.login_with_token(second)).user.id == user.id


async def test_tokens_issued_at_once_leave_one_that_works(house: House) -> None:
    user = await house.user("ada", None)
    await asyncio.gather(*(house.sessions.issue_login_token(user.id) for _ in range(5)))
    assert await OneTimeToken.filter(user_id=user.id, purpose="login").count() == 1


async def test_a_reset_code_or_an_address_confirmation_is_no_login_token(house: House) -> None:
    user = await house.user("ada")
    for purpose in (Purpose.RESET, Purpose.EMAIL):
        code = await house.codes.issue(user.id, purpose)
        assert code is not None
        with pytest.raises(HubError) as refusal:
            await house.sessions.login_with_token(code)
        assert refusal.value.code is Code.UNAUTHENTICATED


async def test_nobody_gets_a_login_token_who_is_not_there(house: House) -> None:
    for user_id in (1, 0, 2**70):
        with pytest.raises(HubError) as refusal:
            await house.sessions.issue_login_token(user_id)
        assert refusal.value.code is Code.GONE


async def test_ten_failures_lock_the_account_and_the_delay_doubles_to_a_quarter_of_an_hour(house: House) -> None:
    user = await house.user("ada")
    for _ in range(10):
        with pytest.raises(HubError) as refusal:
            await house.login(user, OTHER_PASSWORD)
        assert refusal.value.code is Code.UNAUTHENTICATED
    delays = []
    for _ in range(7):
        with pytest.raises(HubError) as refusal:
            await house.login(user)  # the right one is refused as well
        assert refusal.value.code is Code.RATE_LIMITED
        assert refusal.value.retry_after_s is not None
        delays.append(refusal.value.retry_after_s)
        house.clock.advance(seconds=refusal.value.retry_after_s)
        with pytest.raises(HubError) as refusal:
            await house.login(user, OTHER_PASSWORD)
        assert refusal.value.code is Code.UNAUTHENTICATED
    assert delays == [30, 60, 120, 240, 480, 900, 900]
    house.clock.advance(minutes=15)
    assert (await house.login(user)).user.id == user.id
    with pytest.raises(HubError) as refusal:
        await house.login(user, OTHER_PASSWORD)
    assert refusal.value.code is Code.UNAUTHENTICATED
    assert (await house.login(user)).user.id == user.id  # success has begun anew
    assert len(await house.recorded(Event.LOCKOUT)) == 8


async def test_accounts_that_do_not_exist_are_locked_alike(house: House) -> None:
    answers = []
    await house.user("ada")
    for name in ("ada", "nobody"):
        for _ in range(11):
            with pytest.raises(HubError) as refusal:
                await house.sessions.login(f"{name}@example.org", OTHER_PASSWORD, address="192.0.2.1")
        answers.append((code_of(refusal), refusal.value.retry_after_s))
    assert answers[0] == answers[1]


async def test_guesses_sent_all_at_once_count_like_guesses_one_by_one(house: House) -> None:
    user = await house.user("ada")
    results = await asyncio.gather(*(house.login(user, OTHER_PASSWORD) for _ in range(30)), return_exceptions=True)
    codes = [result.code for result in results if isinstance(result, HubError)]
    assert codes.count(Code.UNAUTHENTICATED) == 10
    assert codes.count(Code.RATE_LIMITED) == 20


async def test_right_logins_sent_all_at_once_all_work(house: House) -> None:
    user = await house.user("ada")
    logins = await asyncio.gather(*(house.login(user) for _ in range(30)))
    assert len({login.token for login in logins}) == 30


async def test_a_lock_leaves_live_sessions_other_accounts_and_resets_alone(house: House) -> None:
    user, other = await house.user("ada"), await house.user("bob")
    login = await house.login(user)
    for _ in range(11):
        with pytest.raises(HubError):
            await house.login(user, OTHER_PASSWORD)
    assert await house.sessions.authenticate_session(login.token) is not None
    assert await house.login(other)
    code = await house.codes.issue(user.id, Purpose.RESET)
    assert code is not None
    await house.accounts.set_new_password(OTHER_PASSWORD, code)


async def test_a_hundred_failures_lock_an_address(house: House) -> None:
    user = await house.user("ada")
    for number in range(100):
        with pytest.raises(HubError) as refusal:
            await house.sessions.login(f"{number // 5}@example.org", OTHER_PASSWORD, address=f"2001:db8::{number:x}")
        assert refusal.value.code is Code.UNAUTHENTICATED
    with pytest.raises(HubError) as refusal:
        await house.login(user, address="2001:db8::ffff")
    assert refusal.value.code is Code.RATE_LIMITED
    assert await house.login(user, address="2001:db8:0:1::1")


async def test_ten_wrong_codes_lock_an_address(house: House) -> None:
    user = await house.user("ada")
    token = await house.sessions.issue_login_token(user.id)
    for _ in range(10):
        with pytest.raises(HubError) as refusal:
            await house.sessions.login_with_token("wrong", address="192.0.2.1")
        assert refusal.value.code is Code.UNAUTHENTICATED
    with pytest.raises(HubError) as refusal:
        await house.sessions.login_with_token(token, address="192.0.2.1")
    assert refusal.value.code is Code.RATE_LIMITED
    assert await house.sessions.login_with_token(token, address="192.0.2.2")


async def test_an_access_token_works_until_it_expires_and_its_use_is_noted(house: House) -> None:
    actor = await house.person("ada")
    row, token = await house.access_tokens.create(actor, "script", house.clock.now + timedelta(days=1))
    assert token.startswith("ofh_pat_")
    found = await house.sessions.authenticate_bearer(token, "192.0.2.7")
    assert found == Actor(user_id=actor.user_id, credential="token", credential_id=row.id, address="192.0.2.7")
    assert (await AccessToken.get(id=row.id)).last_used_at == house.clock.now
    assert await house.sessions.authenticate_session(token) is None
    assert await house.sessions.still_valid(found)
    await house.sessions.logout(found)  # no session to end
    assert await house.sessions.still_valid(found)
    house.clock.advance(days=1)
    assert await house.sessions.authenticate_bearer(token) is None
    assert not await house.sessions.still_valid(found)


async def test_a_session_is_no_access_token(house: House) -> None:
    login = await house.login(await house.user("ada"))
    assert await house.sessions.authenticate_bearer(login.token) is None


async def test_an_open_socket_keeps_its_session_in_use(house: House) -> None:
    actor = await house.person("ada")
    for _ in range(20):
        house.clock.advance(days=1)
        assert await house.sessions.still_valid(actor)
    house.clock.advance(days=14)
    assert not await house.sessions.still_valid(actor)


async def test_what_has_expired_is_pruned(house: House) -> None:
    user = await house.user("ada")
    await house.login(user)
    await house.sessions.issue_login_token(user.id)
    assert await house.sessions.prune() == 0
    house.clock.advance(days=14)
    assert await house.sessions.prune() == 2
    assert await UserSession.all().count() + await OneTimeToken.all().count() == 0
