"""What a person can get wrong in a form of the dashboard is told by a reason, which the page has words for."""

import json
from typing import Any

import pytest

from ofh.domain.reasons import WORDS, Reason
from ofh.edges.dashboard.page import STATIC
from ofh.services import access_tokens, alert_rules
from ofh.store.models import User
from tests.integration.graphql_api.world import PASSWORD, Answer, Api, World

TRIANGLE = [(8.0, 47.0), (9.0, 47.0), (8.5, 48.0)]
RULE = """mutation ($w: ID!, $kind: AlertKind!, $threshold: Float, $margin: Float, $area: [AreaCornerInput!],
    $onEnter: Boolean) { createAlertRule(workspaceId: $w, kind: $kind, name: "R", threshold: $threshold,
    margin: $margin, area: $area, onEnter: $onEnter) { id } }"""


def reasons(answer: Answer) -> list[tuple[str, dict[str, Any]]]:
    """Why it was refused, by names, with what stands in the words."""
    return [(error["extensions"]["reason"], error["extensions"]["given"]) for error in answer.errors]


async def test_names_that_will_not_do(api: Api, world: World) -> None:
    ids = {"w": world.workspace.id, "rule": world.rule.id, "drone": world.drone.id, "me": world.owner.user_id}
    wrong = {"EMPTY": "  ", "TOO_LONG": "é" * 128, "CONTROL_CHARACTERS": "a\u0007b", "NO_TEXT": "a\0"}
    for document in (
        "createWorkspace(name: $name) { id }",
        "updateWorkspace(id: $w, name: $name) { id }",
        "createConnection(workspaceId: $w, name: $name) { secret }",
        "createAlertRule(workspaceId: $w, kind: HEIGHT, name: $name) { id }",
        "updateAlertRule(id: $rule, name: $name) { id }",
        "renameDrone(id: $drone, name: $name) { id }",
        "createAccessToken(name: $name) { token }",
        "updateUser(id: $me, name: $name) { id }",
    ):
        needed = {name: str(id) for name, id in ids.items() if f"${name}" in document.replace("$name", "")}
        types = ", ".join([*(f"${name}: ID!" for name in needed), "$name: String!"])
        for reason, name in wrong.items():
            answer = await api.ask(world.owner, f"mutation ({types}) {{ {document} }}", name=name, **needed)
            assert reasons(answer) == [(reason, {"most": 255} if reason == "TOO_LONG" else {})], document
            assert answer.fields == {"name"}


async def test_numbers_and_areas_that_will_not_do(api: Api, world: World) -> None:
    def corners(*places: tuple[float, float]) -> list[dict[str, float]]:
        return [{"longitude": longitude, "latitude": latitude} for longitude, latitude in places]

    wrong: list[tuple[dict[str, Any], str, dict[str, float]]] = [
        ({"kind": "HEIGHT", "threshold": 0, "margin": 5}, "OUT_OF_RANGE", {"least": 1, "most": 10_000}),
        ({"kind": "HEIGHT", "threshold": 9, "margin": 10}, "MARGIN_OVER_THRESHOLD", {}),
        ({"kind": "LOW_BATTERY", "threshold": 99, "margin": 5}, "BATTERY_OVER_FULL", {}),
        ({"area": corners(*TRIANGLE[:2])}, "AREA_CORNERS", {"least": 3, "most": 500}),
        ({"area": corners((8, 91), *TRIANGLE[1:])}, "AREA_OFF_THE_GLOBE", {}),
        ({"area": corners(TRIANGLE[0], *TRIANGLE)}, "AREA_SAME_PLACE", {}),
        ({"area": corners((0, 0), (180, 0), (90, 9))}, "AREA_LONG_SIDE", {}),
        ({"area": corners((-120, 80), (0, 80), (120, 80))}, "AREA_AROUND_POLE", {}),
        ({"area": corners((8, 47), (9, 48), (9, 47), (8, 48))}, "AREA_TANGLED", {}),
    ]
    for variables, reason, given in wrong:
        area = {"kind": "AREA", "margin": 10, "onEnter": True} if "area" in variables else {}
        answer = await api.ask(world.owner, RULE, w=str(world.workspace.id), **area, **variables)
        assert reasons(answer) == [(reason, given)]
    days = "mutation ($w: ID!) { updateWorkspace(id: $w, historyDays: 0) { id } }"
    answer = await api.ask(world.owner, days, w=str(world.workspace.id))
    assert reasons(answer) == [("OUT_OF_RANGE", {"least": 1, "most": 36_500})]
    span = """query ($w: ID!) { workspace(id: $w) { flights(filter: {from: "2026-05-02T00:00:00Z",
        to: "2026-05-01T00:00:00Z"}) { totalCount } } }"""
    assert reasons(await api.ask(world.owner, span, w=str(world.workspace.id))) == [("END_BEFORE_START", {})]


async def test_people_and_passwords_that_will_not_do(api: Api, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    w, me = str(world.workspace.id), str(world.owner.user_id)
    change = "mutation ($now: String!, $new: String!) { changePassword(currentPassword: $now, newPassword: $new) }"
    first = "mutation ($new: String!) { setInitialPassword(newPassword: $new) }"
    invite = (
        "mutation ($w: ID!, $email: String!) { inviteMember(workspaceId: $w, email: $email, role: VIEWER) { role } }"
    )
    leave = "mutation ($w: ID!, $me: ID!) { removeMember(workspaceId: $w, userId: $me) }"
    lower = "mutation ($w: ID!, $me: ID!) { changeMemberRole(workspaceId: $w, userId: $me, role: VIEWER) { role } }"
    reset = 'mutation ($new: String!) { setNewPassword(code: "no-such-code", newPassword: $new) }'
    token = 'mutation ($at: DateTime) { createAccessToken(name: "T", expiresAt: $at) { token } }'
    own = str((await User.get(id=world.owner.user_id)).email)
    monkeypatch.setattr(access_tokens, "MAX_TOKENS", 0)
    monkeypatch.setattr(alert_rules, "MAX_RULES", 0)
    answer = await api.ask(world.owner, change, now=PASSWORD, new="six horses and a cart")
    assert reasons(answer) == [("PASSWORD_MISSING", {})]
    assert (await api.ask(world.owner, first, new=PASSWORD)).errors == []
    wrong: list[tuple[str, dict[str, Any], str, dict[str, float]]] = [
        (invite, {"w": w, "email": "nobody"}, "ADDRESS_UNUSABLE", {}),
        (invite, {"w": w, "email": own}, "MEMBER_ALREADY", {}),
        (leave, {"w": w, "me": me}, "LAST_OWNER", {}),
        (lower, {"w": w, "me": me}, "LAST_OWNER", {}),
        (first, {"new": PASSWORD}, "PASSWORD_EXISTS", {}),
        (change, {"now": PASSWORD, "new": "short"}, "PASSWORD_LENGTH", {"least": 8, "most": 72}),
        (change, {"now": PASSWORD, "new": "password1"}, "PASSWORD_COMMON", {}),
        (change, {"now": PASSWORD, "new": own}, "PASSWORD_IS_ADDRESS", {}),
        (change, {"now": "not this one", "new": "six horses and a cart"}, "PASSWORD_WRONG", {}),
        (change, {"now": "x" * 73, "new": "six horses and a cart"}, "PASSWORD_TOO_LONG", {"most": 72}),
        (reset, {"new": "six horses and a cart"}, "CODE_UNUSABLE", {}),
        (token, {"at": "2026-04-01T00:00:00Z"}, "TIME_PASSED", {}),
        (token, {"at": None}, "TOO_MANY_TOKENS", {"most": 0}),
        (RULE, {"w": w, "kind": "HEIGHT"}, "TOO_MANY_RULES", {"most": 0}),
    ]
    for document, variables, reason, given in wrong:
        assert reasons(await api.ask(world.owner, document, **variables)) == [(reason, given)]


def test_the_page_has_words_for_each_reason_and_in_english_they_are_the_hubs() -> None:
    english, german = (json.loads((STATIC / f"i18n/{language}.json").read_text("utf-8")) for language in ("en", "de"))
    for reason in Reason:
        assert english[f"reason.{reason.value.lower()}"] == WORDS[reason]
        assert f"reason.{reason.value.lower()}" in german
    assert sum(key.startswith("reason.") for key in english) == len(Reason) == len(WORDS)
