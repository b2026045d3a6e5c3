"""Logging in and out and passwords by REST: statuses, shapes and cookies as the contract has them."""

from typing import Any

from ofh.domain.actors import Role
from ofh.services.codes import Purpose
from ofh.services.ratelimits import Rules
from ofh.store.models import User, UserSession
from tests.integration.accounts.house import OTHER_PASSWORD, PASSWORD
from tests.integration.rest.door import HUB, Door

DEAD = "dead"


async def with_password(door: Door, who: Role = Role.MEMBER) -> User:
    """The member, who has a password now."""
    answer = await door.ask("POST", "/auth/password-set-initial", {"new_password": PASSWORD}, who=who)
    assert (answer.status_code, answer.content) == (200, b"")
    user = await User.get(id=door.place.people[who].user_id)
    user.email = user.email.lower()  # as every way to make an account does
    await user.save(update_fields=["email"])
    return user


async def log_in(door: Door, username: Any, password: Any, **headers: str) -> Any:
    return await door.ask("POST", "/auth/login", {"username": username, "password": password}, who=None, **headers)


async def test_a_login_answers_with_the_id_and_a_new_cookie(door: Door) -> None:
    user = await with_password(door)
    for brought in (None, Role.VIEWER):
        body = {"username": f" {user.email.upper()} ", "password": PASSWORD, "remember": True}
        answer = await door.ask("POST", "/auth/login", body, who=brought)
        assert (answer.status_code, answer.json()) == (200, {"id": user.id})
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        name, _, token = answer.headers["set-cookie"].partition("=")
        assert name == "user-auth"
        assert token not in door.tokens.values()
        door.tokens["new"] = token
        checked = await door.ask("GET", "/auth/check", who="new")
        assert (checked.status_code, checked.json()) == (200, {"id": user.id})


async def test_p3_wrong_passwords_and_unknown_addresses_are_401_alike_and_locked_alike(door: Door) -> None:
    known = await with_password(door)
    stories = []
    for name in (known.email, "nobody@example.org", "no address"):
        story = []
        for _ in range(Rules().failures_per_account):
            answer = await log_in(door, name, "wrong")
            assert "set-cookie" not in answer.headers
            story.append((answer.status_code, answer.json()["code"], answer.content))
        answer = await log_in(door, name, PASSWORD)
        assert answer.json()["code"] == "rate_limited"
        assert 0 < int(answer.headers["retry-after"]) <= 30
        story.append((answer.status_code, "", b""))
        stories.append(story)
    assert stories[0] == stories[1] == stories[2]
    assert [status for status, _, _ in stories[0]] == [401] * 10 + [429]
    assert (await door.ask("GET", "/auth/check")).status_code == 200, "a lock ends no session"


WRONG: list[tuple[str, dict[str, Any], set[str]]] = [
    ("login", {}, {"username", "password"}),
    ("login", {"username": None, "password": "x"}, {"username"}),
    ("login", {"username": "a@b", "password": 8}, {"password"}),
    ("login", {"username": "a@b", "password": "x" * 73}, {"password"}),
    ("login", {"username": "a\0@b", "password": "x"}, {"username"}),
    ("login-with-token", {}, {"token"}),
    ("login-with-token", {"token": "\0"}, {"token"}),
    ("password-reset", {"username": ["a@b"]}, {"username"}),
    ("password-reset", {"username": "no address"}, {"username"}),
    ("password-set-new", {"new_password": 1, "code": {}}, {"new_password", "code"}),
    ("password-set-new", {"new_password": "short", "code": "x"}, {"new_password"}),
    ("password-set-new", {"new_password": PASSWORD, "code": "x"}, {"code"}),
    ("register", {}, {"email"}),
    ("register", {"email": "no address"}, {"email"}),
    ("register", {"email": "a@b", "password": None}, {"password"}),
    ("register", {"email": "a@b", "password": "ä" * 37}, {"password"}),
    ("password-change", {"current_password": 1}, {"current_password", "new_password"}),
    ("password-change", {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}, {"current_password"}),
    ("password-set-initial", {"new_password": "password"}, {"new_password"}),
    ("password-set-initial", {"new_password": None}, {"new_password"}),
]


async def test_what_is_wrong_with_a_body_is_named_for_each_property(door: Door) -> None:
    for path, body, wrong in WRONG:
        answer = await door.ask("POST", f"/auth/{path}", body)
        told = answer.json()
        assert (answer.status_code, told["code"], told["fields"].keys()) == (400, "bad_input", wrong), (path, body)
        assert told.keys() == {"error", "code", "fields"}
        if path in ("password-change", "password-set-initial"):
            assert (await door.ask("POST", f"/auth/{path}", body, who=None)).status_code == 401


async def test_p4_a_login_token_works_once_and_for_its_purpose_alone(door: Door) -> None:
    actor = door.place.people[Role.ADMIN]
    sessions = door.services.sessions
    token = await sessions.issue_login_token(actor.user_id)
    other = await door.bench.codes.issue(actor.user_id, Purpose.RESET)
    for wrong in (other, "x", "", "ü" * 500):
        answer = await door.ask("POST", "/auth/login-with-token", {"token": wrong}, who=None)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert (await door.ask("POST", "/auth/password-set-new", {"new_password": PASSWORD, "code": token})).json()[
        "fields"
    ].keys() == {"code"}
    answer = await door.ask("POST", "/auth/login-with-token", {"token": token}, who=None)
    assert (answer.status_code, answer.json()) == (200, {"id": actor.user_id})
    door.tokens["new"] = answer.headers["set-cookie"].partition("=")[2]
    assert (await door.ask("GET", "/auth/check", who="new")).json() == {"id": actor.user_id}
    again = await door.ask("POST", "/auth/login-with-token", {"token": token}, who=None)
    assert (again.status_code, "set-cookie" in again.headers) == (401, False)


async def test_section_7_tried_codes_are_429_in_the_end(door: Door) -> None:
    told = [
        (await door.ask("POST", path, {"token": "x", "code": "x", "new_password": PASSWORD}, who=None)).status_code
        for path in ["/auth/login-with-token"] * 6 + ["/auth/password-set-new"] * 6
    ]
    assert told == [401] * 6 + [400] * 4 + [429] * 2


async def test_a_first_password_is_set_once_and_changed_by_who_knows_it(door: Door) -> None:
    user = await with_password(door)
    answer = await door.ask("POST", "/auth/password-set-initial", {"new_password": OTHER_PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    change = {"current_password": OTHER_PASSWORD, "new_password": OTHER_PASSWORD}
    answer = await door.ask("POST", "/auth/password-change", change)
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"current_password"})
    login = await log_in(door, user.email, PASSWORD)
    door.tokens["other"] = login.headers["set-cookie"].partition("=")[2]
    change["current_password"] = PASSWORD
    answer = await door.ask("POST", "/auth/password-change", change)
    assert (answer.status_code, answer.content, "content-type" in answer.headers) == (200, b"", False)
    assert (await door.ask("GET", "/auth/check")).status_code == 200, "the session that changed it goes on"
    assert (await door.ask("GET", "/auth/check", who="other")).status_code == 401, "all others end"
    assert (await log_in(door, user.email, PASSWORD)).status_code == 401
    assert (await log_in(door, user.email, OTHER_PASSWORD)).status_code == 200


async def test_p5_a_reset_is_asked_for_with_one_answer_and_ends_all_sessions(door: Door) -> None:
    user = await with_password(door)
    told = [
        await door.ask("POST", "/auth/password-reset", {"username": name}, who=None)
        for name in (user.email, "nobody@example.org")
    ]
    assert {(answer.status_code, answer.content, "content-type" in answer.headers) for answer in told} == {
        (200, b"", False)
    }
    (letter,) = await door.mail.read()
    assert letter.to == user.email
    code = letter.body.partition("#reset=")[2].split()[0]
    body = {"new_password": OTHER_PASSWORD, "code": code}
    assert (await door.ask("POST", "/auth/password-set-new", body, who=None)).content == b""
    assert (await door.ask("POST", "/auth/password-set-new", body, who=None)).json()["fields"].keys() == {"code"}
    assert (await door.ask("GET", "/auth/check")).status_code == 401
    assert (await log_in(door, user.email, OTHER_PASSWORD)).status_code == 200


async def test_a_logout_ends_the_session_at_the_server_and_always_takes_the_cookie(door: Door) -> None:
    kept = await UserSession.all().count()
    for who, left in ((Role.MEMBER, kept - 1), (Role.MEMBER, kept - 1), (None, kept - 1)):
        answer = await door.ask("POST", "/auth/logout", who=who)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["set-cookie"] == "user-auth=ended"
        assert await UserSession.all().count() == left
    assert (await door.ask("GET", "/auth/check")).status_code == 401
    for headers in ({"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}):
        refused = await door.ask("POST", "/auth/logout", who=Role.ADMIN, **headers)
        assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)
    assert (await door.ask("POST", "/auth/logout", who=Role.ADMIN, authorization="Bearer x")).status_code == 200
    assert (await door.ask("GET", "/auth/check", who=Role.ADMIN)).status_code == 200, "a bearer token alone counts"


async def test_c5_c6_no_foreign_page_logs_anybody_in(door: Door) -> None:
    user = await with_password(door)
    foreign = ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"})
    for headers in foreign:
        answer = await log_in(door, user.email, PASSWORD, **headers)
        assert (answer.status_code, answer.json()["code"], "set-cookie" in answer.headers) == (403, "forbidden", False)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = await log_in(door, user.email, PASSWORD, content_type=kind)
        assert (answer.status_code, "set-cookie" in answer.headers) == (400, False)
    assert (await log_in(door, user.email, PASSWORD, origin=HUB)).status_code == 200


async def test_a_stream_token_is_a_text_for_who_has_logged_in(door: Door) -> None:
    answer = await door.ask("GET", "/auth/stream-token", who=Role.VIEWER)
    assert answer.json().keys() == {"token"}
    viewer = door.services.stream_tokens.viewer(answer.json()["token"])
    assert viewer == door.place.people[Role.VIEWER].user_id
    door.tokens[DEAD] = "dead"
    for who in (None, DEAD):
        answer = await door.ask("GET", "/auth/stream-token", who=who)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_strangers_and_people_are_counted_and_too_many_are_429(door: Door) -> None:
    member = door.place.people[Role.MEMBER].user_id
    for who in (None, Role.MEMBER):
        await door.ask("POST", "/auth/password-reset", {"username": "nobody@example.org"}, who=who)
    assert door.throttled == [None, member]
    door.is_limited = True
    for path in ("login", "login-with-token", "password-reset", "password-set-new", "register", "logout"):
        answer = await door.ask("POST", f"/auth/{path}", {}, who=None)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
        assert "set-cookie" not in answer.headers
