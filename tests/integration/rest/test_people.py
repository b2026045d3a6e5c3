"""People by REST: oneself whole, others by name, everybody else 410."""

from ofh.domain.actors import Role
from ofh.store.models import User
from tests.integration.rest.door import STRANGER, Door
from tests.support.media import NOW

MISSING = 987_654_321


def user_id(door: Door, who: Role = Role.MEMBER) -> int:
    return door.place.people[who].user_id


async def test_one_sees_oneself_whole(door: Door) -> None:
    me = await User.get(id=user_id(door))
    answer = await door.ask("GET", "/user/self")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "id": me.id,
        "name": "MEMBER",
        "email": me.email,
        "created_at": NOW.isoformat(),
        "locale": "en-US",
        "registration_incomplete": True,
    }
    assert (await door.ask("GET", "/user/self", who=None)).status_code == 401
    assert (await door.ask("GET", f"/user/{me.id}")).json() == {"id": me.id, "name": "MEMBER"}


async def test_a_user_is_seen_by_name_by_who_shares_a_workspace_and_is_410_for_others(door: Door) -> None:
    viewer = user_id(door, Role.VIEWER)
    answer = await door.ask("GET", f"/user/{viewer}")
    assert (answer.status_code, answer.json()) == (200, {"id": viewer, "name": "VIEWER"})
    for who, id in ((STRANGER, viewer), (Role.MEMBER, MISSING), (Role.MEMBER, 10**18 - 1)):
        gone = await door.ask("GET", f"/user/{id}", who=who)
        assert (gone.status_code, gone.json()["code"]) == (410, "gone")
    for malformed in ("0", "-1", "1.0", "x", "\u0661", "9" * 19, "Self"):
        assert (await door.ask("GET", f"/user/{malformed}")).status_code == 400, malformed


async def test_one_changes_what_the_body_has_and_nothing_else(door: Door) -> None:
    path = f"/user/{user_id(door)}"
    before = (await door.ask("GET", "/user/self")).json()
    assert (await door.ask("PATCH", path, {})).json() == before
    changed = await door.ask("PATCH", path, {"name": " Ada ", "locale": "de-CH", "id": 1, "created_at": None})
    assert (changed.status_code, changed.json()) == (200, before | {"name": "Ada", "locale": "de-CH"})
    door.mail.is_configured = False
    changed = await door.ask("PATCH", path, {"email": "Ada@Example.org"})
    assert changed.json()["email"] == "ada@example.org"
    for body, wrong in (
        ({"name": None, "email": 7, "locale": []}, {"name", "email", "locale"}),
        ({"name": " "}, {"name"}),
        ({"name": "x" * 256}, {"name"}),
        ({"name": "a\0b"}, {"name"}),
        ({"email": "nobody"}, {"email"}),
        ({"locale": ""}, {"locale"}),
        ({"locale": "d\ne"}, {"locale"}),
    ):
        answer = await door.ask("PATCH", path, body)
        assert (answer.status_code, answer.json()["fields"].keys()) == (400, wrong), body
    shown = (await door.ask("GET", "/user/self")).json()
    assert (shown["name"], shown["locale"]) == ("Ada", "de-CH")


async def test_a_new_address_is_shown_once_it_is_confirmed_and_a_taken_one_is_400(door: Door) -> None:
    path = f"/user/{user_id(door)}"
    before = (await door.ask("GET", "/user/self")).json()
    assert (await door.ask("PATCH", path, {"email": "new@example.org"})).json() == before
    assert {letter.to for letter in await door.mail.read()} == {before["email"], "new@example.org"}
    await User.filter(id=user_id(door, Role.OWNER)).update(email="taken@example.org")
    told = [await door.ask("PATCH", path, {"email": email}) for email in ("taken@example.org", "no address")]
    assert [answer.status_code for answer in told] == [400, 400]
    assert told[0].content == told[1].content


async def test_nobody_changes_somebody_else(door: Door) -> None:
    viewer = user_id(door, Role.VIEWER)
    for who, id, status, code in (
        (Role.OWNER, viewer, 403, "forbidden"),
        (STRANGER, viewer, 410, "gone"),
        (STRANGER, MISSING, 410, "gone"),
        (None, viewer, 401, "unauthenticated"),
    ):
        answer = await door.ask("PATCH", f"/user/{id}", {"name": "x"}, who=who)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await door.ask("PATCH", f"/user/{MISSING}", {"name": 1})).status_code == 400, "shape before visibility"
    assert (await User.get(id=viewer)).name == "VIEWER"
