"""Alerts and their rules, as members ask for them and strangers do."""

import logging
from typing import Any

import pytest

from ofh.domain.actors import Role
from ofh.domain.alerts import DEFAULTS, DEFAULTS_ELSEWHERE
from ofh.domain.events import AlertChanged, Event, EventKind
from ofh.store import journal
from ofh.store.models import Alert, AlertRule, Flight, User
from tests.integration.graphql_api.world import NOW, Api, World, later, make_alert, make_drone, make_rule

AT = "2026-05-01T12:00:00+00:00"

ALERT = """query ($id: ID!) { alert(id: $id) { id kind message evidence raisedAt clearedAt acknowledgedAt
    acknowledgedBy { id name email } drone { serialNumber } otherDrone { serialNumber } flight { id }
    rule { id name threshold } } }"""

LIST = """query ($id: ID!, $first: Int, $after: String, $filter: AlertFilter) { workspace(id: $id) {
    alerts(first: $first, after: $after, filter: $filter) { totalCount edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""

RULES = """query ($id: ID!) { workspace(id: $id) { alertRules {
    id kind name enabled threshold margin area { longitude latitude } onEnter createdAt } } }"""

CREATE = """mutation ($w: ID!, $kind: AlertKind!, $name: String!, $enabled: Boolean, $threshold: Float, $margin: Float,
    $area: [AreaCornerInput!], $onEnter: Boolean) { createAlertRule(workspaceId: $w, kind: $kind, name: $name,
    enabled: $enabled, threshold: $threshold, margin: $margin, area: $area, onEnter: $onEnter) {
    id kind name enabled threshold margin area { longitude latitude } onEnter } }"""

UPDATE = """mutation ($id: ID!, $name: String, $enabled: Boolean, $threshold: Float, $margin: Float,
    $area: [AreaCornerInput!], $onEnter: Boolean) { updateAlertRule(id: $id, name: $name, enabled: $enabled,
    threshold: $threshold, margin: $margin, area: $area, onEnter: $onEnter) {
    name enabled threshold margin area { longitude latitude } onEnter } }"""

EVENTS = """query ($id: ID!) { workspace(id: $id) { events(kinds: [ALERT_RAISED, ALERT_CLEARED]) { edges { node {
    __typename at ... on AlertRaised { alert { id message } }
    ... on AlertCleared { alert { id clearedAt } } } } } } }"""

TRIANGLE = [
    {"longitude": 8.0, "latitude": 47.0},
    {"longitude": 9.0, "latitude": 47.0},
    {"longitude": 8.5, "latitude": 48.0},
]


async def listed(api: Api, world: World, **variables: Any) -> tuple[list[int], dict[str, Any]]:
    """The alerts of a page, and the page."""
    answer = await api.ask(world.people[Role.VIEWER], LIST, id=str(world.workspace.id), **variables)
    assert answer.errors == []
    page = answer.data["workspace"]["alerts"]
    return [int(edge["node"]["id"]) for edge in page["edges"]], page


async def test_an_alert_is_shown_with_all_that_is_known_of_it(api: Api, world: World) -> None:
    other = await make_drone(world.workspace, None, "SN2")
    flight = await Flight.create(
        workspace_id=world.workspace.id, drone_id=world.drone.id, phase="airborne", started_at=NOW, last_at=NOW
    )
    rule = await make_rule(world.workspace, kind="PROXIMITY", name="Near", threshold=20)
    alert = await make_alert(
        world.drone,
        rule,
        message="SN1 and SN2 are 12 m apart (limit 20 m).",
        other_drone_id=other.id,
        flight_id=flight.id,
        open_key=None,
        cleared_at=later(60),
        acknowledged_at=later(30),
        acknowledged_by_id=world.owner.user_id,
        evidence={"distance": 12.0, "drone": {"name": "SN1"}},
    )
    answer = await api.ask(world.people[Role.VIEWER], ALERT, id=str(alert.id))
    assert answer.errors == []
    assert answer.data["alert"] == {
        "id": str(alert.id),
        "kind": "PROXIMITY",
        "message": "SN1 and SN2 are 12 m apart (limit 20 m).",
        "evidence": {"distance": 12.0, "drone": {"name": "SN1"}},
        "raisedAt": AT,
        "clearedAt": "2026-05-01T12:01:00+00:00",
        "acknowledgedAt": "2026-05-01T12:00:30+00:00",
        "acknowledgedBy": {"id": str(world.owner.user_id), "name": "Owner", "email": None},
        "drone": {"serialNumber": "SN1"},
        "otherDrone": {"serialNumber": "SN2"},
        "flight": {"id": str(flight.id)},
        "rule": {"id": str(rule.id), "name": "Near", "threshold": 20},
    }


async def test_what_an_alert_has_not_is_null(api: Api, world: World) -> None:
    await AlertRule.filter(id=world.rule.id).delete()
    answer = await api.ask(world.member, ALERT, id=str(world.alert.id))
    assert answer.errors == []
    empty = ("clearedAt", "acknowledgedAt", "acknowledgedBy", "otherDrone", "flight", "rule")
    assert {name: answer.data["alert"][name] for name in empty} == dict.fromkeys(empty)
    assert answer.data["alert"]["evidence"]["rule"] == {"threshold": 70}


async def test_alerts_come_newest_first_a_page_at_a_time(api: Api, world: World) -> None:
    made = [world.alert.id]
    for n in range(4):
        made.append((await make_alert(world.drone, world.rule, open_key=None, raised_at=later(n // 2 + 1))).id)
    newest = made[::-1]
    found, page = await listed(api, world, first=2)
    assert found == newest[:2]
    assert page["totalCount"] == 5
    assert page["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": page["edges"][0]["cursor"],
        "endCursor": page["edges"][1]["cursor"],
    }
    await make_alert(world.drone, world.rule, open_key=None, raised_at=later(90))  # a new one moves nothing
    found, page = await listed(api, world, first=200, after=page["pageInfo"]["endCursor"])
    assert found == newest[2:]
    assert (page["pageInfo"]["hasNextPage"], page["pageInfo"]["hasPreviousPage"]) == (False, True)


async def test_alerts_are_chosen_by_a_filter(api: Api, world: World) -> None:
    other = await make_drone(world.workspace, None, "SN2")
    high = await make_rule(world.workspace, kind="HEIGHT")
    old = await make_alert(other, high, open_key=None, cleared_at=later(5), raised_at=later(1))
    chosen: list[tuple[dict[str, Any] | None, list[int]]] = [
        (None, [old.id, world.alert.id]),
        ({}, [old.id, world.alert.id]),
        ({"open": None, "kind": None, "droneId": None}, [old.id, world.alert.id]),
        ({"open": True}, [world.alert.id]),
        ({"open": False}, [old.id]),
        ({"kind": "HEIGHT"}, [old.id]),
        ({"droneId": str(other.id)}, [old.id]),
        ({"droneId": "999999999999999999"}, []),
        ({"kind": "HEIGHT", "open": True}, []),
    ]
    for wanted, expected in chosen:
        found, page = await listed(api, world, filter=wanted)
        assert (found, page["totalCount"]) == (expected, len(expected)), wanted


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({"first": 0}, "first"),
        ({"first": 201}, "first"),
        ({"after": "nonsense"}, "after"),
        ({"after": ""}, "after"),
        ({"filter": {"droneId": "x"}}, "filter.droneId"),
    ],
)
async def test_a_list_that_cannot_be_is_bad_input(
    api: Api, world: World, variables: dict[str, Any], field: str
) -> None:
    answer = await api.ask(world.member, LIST, id=str(world.workspace.id), **variables)
    assert (answer.codes, answer.fields) == (["BAD_INPUT"], {field})


async def test_a_stranger_sees_nothing_of_alerts_and_rules(api: Api, world: World) -> None:
    for document in (LIST, RULES, EVENTS):
        answer = await api.ask(world.stranger, document, id=str(world.workspace.id))
        assert (answer.data, answer.errors) == ({"workspace": None}, [])
    theirs = await api.ask(world.stranger, LIST, id=str(world.elsewhere.id), filter={"droneId": str(world.drone.id)})
    assert theirs.data["workspace"]["alerts"]["edges"] == []


async def test_a_members_acknowledgement_shows_and_the_first_stays(api: Api, world: World) -> None:
    document = """mutation ($id: ID!) { acknowledgeAlert(id: $id) {
        id acknowledgedAt acknowledgedBy { id } clearedAt } }"""
    expected = {
        "id": str(world.alert.id),
        "acknowledgedAt": AT,
        "acknowledgedBy": {"id": str(world.member.user_id)},
        "clearedAt": None,
    }
    for actor in (world.member, world.owner):
        answer = await api.ask(actor, document, id=str(world.alert.id))
        assert (answer.errors, answer.data["acknowledgeAlert"]) == ([], expected)


async def test_a_rule_is_made_changed_and_deleted(api: Api, world: World) -> None:
    admin = world.people[Role.ADMIN]
    made = await api.ask(
        admin, CREATE, w=str(world.workspace.id), kind="AREA", name="Airport", area=TRIANGLE, onEnter=True, margin=25
    )
    assert made.errors == []
    rule = made.data["createAlertRule"]
    assert rule == {
        "id": rule["id"],
        "kind": "AREA",
        "name": "Airport",
        "enabled": True,
        "threshold": None,
        "margin": 25,
        "area": TRIANGLE,
        "onEnter": True,
    }
    changed = await api.ask(admin, UPDATE, id=rule["id"], onEnter=False, enabled=False)
    assert changed.errors == []
    assert changed.data["updateAlertRule"] == {
        "name": "Airport",
        "enabled": False,
        "threshold": None,
        "margin": 25,
        "area": TRIANGLE,
        "onEnter": False,
    }
    listed = await api.ask(world.people[Role.VIEWER], RULES, id=str(world.workspace.id))
    assert [found["name"] for found in listed.data["workspace"]["alertRules"]] == ["Low", "Airport"]
    low = listed.data["workspace"]["alertRules"][0]
    assert (low["threshold"], low["margin"], low["area"], low["onEnter"], low["createdAt"]) == (70, 5, None, None, AT)
    gone = await api.ask(admin, "mutation ($id: ID!) { deleteAlertRule(id: $id) }", id=rule["id"])
    assert gone.data == {"deleteAlertRule": True}
    assert await AlertRule.filter(id=rule["id"]).count() == 0


async def test_a_deleted_rules_alerts_are_cleared_in_the_same_answer(api: Api, world: World) -> None:
    answer = await api.ask(
        world.owner,
        """mutation ($rule: ID!, $alert: ID!) { deleteAlertRule(id: $rule)
            acknowledgeAlert(id: $alert) { clearedAt rule { id } } }""",
        rule=str(world.rule.id),
        alert=str(world.alert.id),
    )
    assert answer.errors == []
    assert answer.data["acknowledgeAlert"] == {"clearedAt": AT, "rule": None}


NONSENSE: dict[str, tuple[dict[str, Any], set[str]]] = {
    "an area without corners": ({"kind": "AREA", "onEnter": True}, {"area"}),
    "an area with too few": ({"kind": "AREA", "onEnter": True, "area": TRIANGLE[:2]}, {"area"}),
    "an area that is neither": ({"kind": "AREA", "area": TRIANGLE}, {"onEnter"}),
    "an area with a threshold": ({"kind": "AREA", "area": TRIANGLE, "onEnter": True, "threshold": 5}, {"threshold"}),
    "a height with an area": ({"kind": "HEIGHT", "area": TRIANGLE}, {"area"}),
    "a height that is entered": ({"kind": "HEIGHT", "onEnter": False}, {"onEnter"}),
    "a link with a margin": ({"kind": "LINK_LOST", "margin": 5}, {"margin"}),
    "a battery beyond full": ({"kind": "LOW_BATTERY", "threshold": 101}, {"threshold"}),
    "a kind that there is not": ({"kind": "STORM"}, {"kind"}),
    "a number that is none": ({"kind": "HEIGHT", "threshold": "high"}, {"threshold"}),
    "a name too long": ({"kind": "HEIGHT", "name": "x" * 256}, {"name"}),
}


@pytest.mark.parametrize(("values", "fields"), NONSENSE.values(), ids=NONSENSE)
async def test_a_rule_without_sense_is_bad_input(
    api: Api, world: World, values: dict[str, Any], fields: set[str]
) -> None:
    answer = await api.ask(world.owner, CREATE, **{"w": str(world.workspace.id), "name": "A", **values})
    assert (answer.codes, answer.fields) == (["BAD_INPUT"], fields)
    assert await AlertRule.filter(workspace_id=world.workspace.id).count() == 1


async def test_null_is_bad_input_in_a_change_and_a_default_in_a_new_rule(api: Api, world: World) -> None:
    for name in ("name", "enabled", "threshold", "margin", "area", "onEnter"):
        answer = await api.ask(world.owner, UPDATE, id=str(world.rule.id), **{name: None})
        assert (answer.codes, answer.fields) == (["BAD_INPUT"], {name})
    made = await api.ask(
        world.owner,
        CREATE,
        w=str(world.workspace.id),
        kind="PROXIMITY",
        name="Near",
        enabled=None,
        threshold=None,
        margin=None,
        area=None,
        onEnter=None,
    )
    assert made.errors == []
    rule = made.data["createAlertRule"]
    assert (rule["enabled"], rule["threshold"], rule["margin"], rule["area"]) == (True, 20, 10, None)


async def test_a_new_workspace_has_rules_that_make_sense(api: Api, world: World) -> None:
    answer = await api.ask(
        world.member,
        'mutation { createWorkspace(name: "New", locale: "en") { alertRules { kind name enabled threshold margin } } }',
    )
    assert answer.errors == []
    assert answer.data["createWorkspace"]["alertRules"] == [
        {"kind": "LOW_BATTERY", "name": "Low battery", "enabled": True, "threshold": 25, "margin": 5},
        {"kind": "LINK_LOST", "name": "Link lost in flight", "enabled": True, "threshold": None, "margin": None},
        {"kind": "HEIGHT", "name": "Height limit", "enabled": True, "threshold": 120, "margin": 5},
        {"kind": "PROXIMITY", "name": "Drones too close", "enabled": True, "threshold": 20, "margin": 10},
    ]


async def test_the_rules_of_a_new_workspace_are_named_in_the_language_of_who_makes_it(api: Api, world: World) -> None:
    async def named(locale: str | None) -> str:
        document = (
            'mutation ($locale: String) { createWorkspace(name: "New", locale: $locale) { alertRules { name } } }'
        )
        answer = await api.ask(world.member, document, locale=locale)
        assert answer.errors == []
        name: str = answer.data["createWorkspace"]["alertRules"][2]["name"]
        return name

    for own, asked, expected in [
        (None, None, "Height limit"),
        (None, "de-CH", "Höhengrenze"),
        ("de", None, "Höhengrenze"),
        ("de", "en", "Height limit"),
        ("de", "sv", "Height limit"),
    ]:
        await User.filter(id=world.member.user_id).update(locale=own)
        assert await named(asked) == expected
    for kinds in DEFAULTS_ELSEWHERE.values():
        assert kinds.keys() == DEFAULTS.keys()


async def test_what_was_raised_and_cleared_stands_among_the_events(api: Api, world: World) -> None:
    events: list[Event] = [
        AlertChanged(
            workspace_id=world.workspace.id, drone_id=world.drone.id, alert_id=world.alert.id, kind=kind, at=later(n)
        )
        for n, kind in enumerate((EventKind.ALERT_RAISED, EventKind.ALERT_CLEARED))
    ]
    async with api.database.transaction() as client:
        await journal.append(api.database, client, {world.workspace.id: events}, later(2))
    answer = await api.ask(world.member, EVENTS, id=str(world.workspace.id))
    assert answer.errors == []
    id = str(world.alert.id)
    assert [edge["node"] for edge in answer.data["workspace"]["events"]["edges"]] == [
        {"__typename": "AlertRaised", "at": AT, "alert": {"id": id, "message": world.alert.message}},
        {"__typename": "AlertCleared", "at": later(1).isoformat(), "alert": {"id": id, "clearedAt": None}},
    ]


async def test_a_page_of_alerts_takes_the_same_statements_whatever_its_size(
    api: Api, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    document = """query ($id: ID!) { workspace(id: $id) { alertRules { id area { longitude } } alerts(first: 200) {
        totalCount edges { node { drone { name } otherDrone { name } flight { startedAt } rule { name }
        acknowledgedBy { name } } } } } }"""

    async def statements() -> int:
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
            answer = await api.ask(world.member, document, id=str(world.workspace.id))
        assert answer.errors == []
        return sum(record.name == "tortoise.db_client" for record in caplog.records)

    async def add(count: int) -> None:
        for _ in range(count):
            number = await Alert.all().count()
            drone = await make_drone(world.workspace, None, f"GROWN{number}")
            flight = await Flight.create(
                workspace_id=world.workspace.id, drone_id=drone.id, phase="ended", started_at=NOW, last_at=NOW
            )
            rule = await make_rule(world.workspace)
            await make_alert(
                drone,
                rule,
                flight_id=flight.id,
                other_drone_id=world.drone.id,
                acknowledged_by_id=world.owner.user_id,
            )

    await add(1)
    few = await statements()
    await add(20)
    assert await statements() == few
    assert 0 < few < 12
