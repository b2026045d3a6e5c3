"""What a text from outside must be (security.md, A3, A4, U6)."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.errors import Code, HubError
from ofh.services import names

ANY_TEXT = st.text(st.characters(codec=None), max_size=300)


T = TypeVar("T")


def outcome(check: Callable[[str], T], text: str) -> T | HubError:
    """What a check gives, or its refusal."""
    try:
        return check(text)
    except HubError as refusal:
        return refusal


@given(ANY_TEXT)
def test_any_text_is_a_name_that_every_database_can_hold_or_bad_input(text: str) -> None:
    name = outcome(names.check_name, text)
    if isinstance(name, HubError):
        assert (name.code, list(name.fields)) == (Code.BAD_INPUT, ["name"])
        return
    assert name == text.strip()
    assert 1 <= len(name.encode()) <= 255
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in name)
    assert names.check_name(name) == name


@given(ANY_TEXT | st.emails())
def test_any_text_is_an_address_or_bad_input(text: str) -> None:
    email = outcome(names.check_email, text)
    if isinstance(email, HubError):
        assert email.fields == {"email": "This address cannot be used."}
        return
    assert email == email.lower().strip()
    assert len(email.encode()) <= 255
    assert not set(email) & set(' \t\r\n<>,;:"\\()[]\0')
    assert names.check_email(email) == email
    assert names.account_name(f" {text} ") == email


@given(st.from_regex(r"[a-z0-9.+_-]{1,20}@[a-z0-9]{1,10}(\.[a-z0-9]{1,10}){0,3}", fullmatch=True))
def test_ordinary_addresses_are_taken(email: str) -> None:
    assert names.check_email(email.upper()) == email


@pytest.mark.parametrize("email", ["jürgen@müller.example", "x@localhost", "o'brien+hub@mail.example.co.uk"])
def test_uncommon_addresses_are_taken(email: str) -> None:
    assert names.check_email(email) == email


@pytest.mark.parametrize(
    "email",
    [
        "",
        "@",
        "a@",
        "@b",
        "a b@c.de",
        "a@b@c",
        "a@b..c",
        "a@-b.c",
        "a@b-.c",
        "a@b.c\n",
        "a\r\nBcc: x@y.z",
        "a@b,c@d",
        "x" * 65 + "@b.c",
    ],
)
def test_what_is_no_address(email: str) -> None:
    if email.strip() != email:
        assert names.check_email(email) == email.strip()  # blanks around it are taken away, as for names
        return
    with pytest.raises(HubError):
        names.check_email(email)


@given(ANY_TEXT)
def test_any_text_may_be_asked_for_as_an_account(text: str) -> None:
    account = outcome(names.account_name, text)
    if isinstance(account, HubError):
        assert account.code is Code.BAD_INPUT
        return
    assert account is None or (names.is_text(account) and len(account.encode()) <= 255)


@pytest.mark.parametrize("locale", ["en", "de-CH", "zh-Hant-TW", None])
def test_language_tags(locale: str | None) -> None:
    assert names.check_locale(locale) == locale


@pytest.mark.parametrize("locale", ["", "de_CH", "-", "en-", "x" * 36, "en\n", "é"])
def test_what_is_no_language_tag(locale: str) -> None:
    with pytest.raises(HubError):
        names.check_locale(locale)


@pytest.mark.parametrize(("value", "expected"), [(1, True), (2**63 - 1, True), (0, False), (-1, False), (2**63, False)])
def test_which_numbers_a_row_can_have(value: int, expected: bool) -> None:
    assert names.is_id(value) is expected
    if not expected:
        with pytest.raises(HubError) as refusal:
            names.check_id(value, "drone")
        assert refusal.value.code is Code.GONE


@pytest.mark.parametrize("text", ["", "a#b", "a/b", "+", "é", "a\n", "x" * 65])
def test_what_is_no_public_id(text: str) -> None:
    assert not names.is_public_id(text)
