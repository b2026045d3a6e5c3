"""Hashing in turns, and what a password must be (security.md, P1 to P3 and section 7)."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.errors import Code, HubError
from ofh.services.passwords import Passwords, common_passwords


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    built = Passwords(memory_kib=64, at_once=1, waiting=3, patience_s=5)
    yield built
    built.close()


def test_the_list_of_common_passwords_is_whole() -> None:
    listed = common_passwords()
    assert len(listed) == 3_000
    assert all(word == word.lower() and 8 <= len(word.encode()) <= 72 for word in listed)
    assert {"password", "12345678", "qwertyuiop", "iloveyou", "password123"} <= listed


async def test_the_parameters_are_argon2ids_of_the_settings_and_salts_differ() -> None:
    passwords = Passwords(at_once=1)
    try:
        first, second = await passwords.hash("a quiet lake"), await passwords.hash("a quiet lake")
        assert first.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
        assert first != second
        salt, tag = first.split("$")[-2:]
        assert (len(salt), len(tag)) == (22, 43)  # 16 and 32 bytes in base64
        assert passwords._dummy.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
        assert await passwords.verify(first, "a quiet lake")
    finally:
        passwords.close()


async def test_without_a_stored_hash_no_password_is_right(passwords: Passwords) -> None:
    assert not await passwords.verify(None, "")
    assert not await passwords.verify("no hash at all", "x")
    assert not await passwords.verify("", "x")


async def test_a_hash_with_other_parameters_is_outdated(passwords: Passwords) -> None:
    assert not passwords.is_outdated(await passwords.hash("a quiet lake"))
    stronger = Passwords(memory_kib=128, at_once=1)
    assert stronger.is_outdated(await passwords.hash("a quiet lake"))
    stronger.close()


@given(st.text(st.characters(codec=None), max_size=100))
def test_any_text_is_a_password_as_it_is_or_bad_input(text: str) -> None:
    passwords = Passwords(memory_kib=64, at_once=1)
    refused = None
    try:
        assert passwords.check_new(text, email="a@example.org") == text
    except HubError as refusal:
        refused = (refusal.code, list(refusal.fields))
    if refused is None:
        assert 8 <= len(text.encode()) <= 72
    else:
        assert refused == (Code.BAD_INPUT, ["new_password"])


async def test_who_finds_the_queue_full_is_sent_away(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(passwords, "_verify", lambda stored, password: release.wait())
    tasks = [asyncio.create_task(passwords.verify(None, "x")) for _ in range(4)]  # one works, three wait
    await asyncio.sleep(0)
    with pytest.raises(HubError) as refusal:
        await passwords.verify(None, "x")
    assert refusal.value.code is Code.UNAVAILABLE
    assert refusal.value.retry_after_s is not None
    release.set()
    assert await asyncio.gather(*tasks) == [True] * 4
    assert await passwords.verify(None, "x")  # the queue is free again


async def test_who_waits_too_long_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(memory_kib=64, at_once=1, patience_s=0.01)
    release = threading.Event()
    monkeypatch.setattr(passwords, "_verify", lambda stored, password: release.wait())
    working = asyncio.create_task(passwords.verify(None, "x"))
    await asyncio.sleep(0)
    with pytest.raises(HubError) as refusal:
        await passwords.verify(None, "x")
    assert refusal.value.code is Code.UNAVAILABLE
    release.set()
    assert await working
    passwords.close()


async def test_a_caller_who_goes_away_keeps_the_turn_until_the_work_is_done(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, running = threading.Event(), threading.Semaphore(0)

    def work(stored: str | None, password: str) -> bool:
        running.release()
        return release.wait()

    monkeypatch.setattr(passwords, "_verify", work)
    gone = asyncio.create_task(passwords.verify(None, "x"))
    await asyncio.to_thread(running.acquire)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert passwords._turns.locked()
    release.set()
    assert await passwords.verify(None, "x")
