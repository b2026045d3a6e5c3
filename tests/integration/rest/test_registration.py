"""Registering by REST, where the operator lets people, and where not."""

import re
from collections.abc import AsyncIterator

import pytest

from ofh.services.ratelimits import Rules
from ofh.store.models import User
from tests.integration.accounts.house import PASSWORD
from tests.integration.rest.door import Door, opened
from tests.support.media import MediaBench

REGISTER = "/auth/register"


@pytest.fixture
async def open_door(bench: MediaBench) -> AsyncIterator[Door]:
    async with opened(bench, is_registration_open=True) as made:
        yield made


async def test_it_is_closed_to_everybody_unless_the_operator_opens_it(door: Door) -> None:
    before = await User.all().count()
    known = (await User.all().first()).email  # type: ignore[union-attr]
    for email in ("new@example.org", known):
        answer = await door.ask("POST", REGISTER, {"email": email, "password": PASSWORD}, who=None)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert await User.all().count() == before
    assert await door.mail.read() == []


async def test_p6_a_known_address_gets_the_answer_of_a_new_one_and_its_owner_is_told(open_door: Door) -> None:
    door = open_door
    emails = ("one@example.org", " ONE@example.org", "two@example.org", "one@example.org", "three@example.org")
    told = [await door.ask("POST", REGISTER, {"email": email, "password": PASSWORD}, who=None) for email in emails]
    assert {answer.status_code for answer in told} == {200}
    assert {tuple(answer.json()) for answer in told} == {("id",)}
    assert len({tuple(sorted(answer.headers)) for answer in told}) == 1
    ids = [answer.json()["id"] for answer in told]
    assert ids == list(range(ids[0], ids[0] + 5)), "one sequence without a gap"
    made = await User.filter(id__in=ids).order_by("id").values_list("id", "email", "name", "password_hash")
    assert list(made) == [
        (ids[0], "one@example.org", "one", None),
        (ids[2], "two@example.org", "two", None),
        (ids[4], "three@example.org", "three", None),
    ]
    assert (await door.ask("GET", f"/user/{ids[0]}")).content == (await door.ask("GET", f"/user/{ids[1]}")).content
    letters = await door.mail.read()
    assert [(letter.to, "#login=" in letter.body) for letter in letters] == [
        ("one@example.org", True),
        ("one@example.org", False),
        ("two@example.org", True),
        ("one@example.org", False),
        ("three@example.org", True),
    ]


async def test_who_registered_is_let_in_by_the_letter_and_chooses_a_password(open_door: Door) -> None:
    door = open_door
    user_id = (await door.ask("POST", REGISTER, {"email": "new@example.org", "password": PASSWORD}, who=None)).json()[
        "id"
    ]
    early = {"username": "new@example.org", "password": PASSWORD}
    assert (await door.ask("POST", "/auth/login", early, who=None)).status_code == 401
    (letter,) = await door.mail.read()
    found = re.search(r"#login=(\S+)", letter.body)
    assert found is not None
    answer = await door.ask("POST", "/auth/login-with-token", {"token": found[1]}, who=None)
    assert answer.json() == {"id": user_id}
    door.tokens["new"] = answer.headers["set-cookie"].partition("=")[2]
    shown = (await door.ask("GET", "/user/self", who="new")).json()
    assert (shown["name"], shown["registration_incomplete"]) == ("new", True)
    await door.ask("POST", "/auth/password-set-initial", {"new_password": PASSWORD}, who="new")
    assert (await door.ask("POST", "/auth/login", early, who=None)).json() == {"id": user_id}
    assert (await door.ask("GET", "/user/self", who="new")).json()["registration_incomplete"] is False


async def test_a_flood_of_registrations_is_429_and_an_address_gets_few_letters(open_door: Door) -> None:
    rules = Rules()
    told = [
        await open_door.ask("POST", REGISTER, {"email": "one@example.org"}, who=None)
        for _ in range(rules.registrations_per_address + 1)
    ]
    assert [answer.status_code for answer in told] == [200] * rules.registrations_per_address + [429]
    assert 0 < int(told[-1].headers["retry-after"]) <= 3_600
    assert len(await open_door.mail.read()) == rules.registrations_per_account
