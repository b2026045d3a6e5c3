"""What can be read, by whom, and what a stranger learns: nothing."""

from typing import Any

from ofh.domain.actors import Role
from ofh.store.models import AccessToken
from tests.integration.graphql_api.world import NOW, Api, World, later, make_connection, make_drone
from tests.support.history import history_row, store

AT = "2026-05-01T12:00:00+00:00"
MALFORMED = ["", "0", "-1", "01", "1.0", "1e3", "٣", "9" * 19, "x", " 1", "1\0"]
MISSING = "999999999999999999"

BY_ID = ["workspace", "connection", "remoteController", "drone", "alert"]


def id_of(world: World, kind: str) -> str:
    """The id of what there is of each kind."""
    rows: dict[str, Any] = {
        "workspace": world.workspace,
        "connection": world.connection,
        "remoteController": world.controller,
        "drone": world.drone,
        "alert": world.alert,
    }
    return str(rows[kind].id)


def by_id(kind: str) -> str:
    """The query for one item."""
    return f"query ($id: ID!) {{ {kind}(id: $id) {{ id }} }}"


async def test_the_server_says_what_it_is_to_everybody(api: Api) -> None:
    answer = await api.ask(None, "{ server { name version apiVersion } }")
    assert answer.errors == []
    assert answer.data == {"server": {"name": "Test hub", "version": "1.2.3", "apiVersion": "0.11.0"}}


async def test_a_stranger_is_nobody_without_an_error(api: Api) -> None:
    answer = await api.ask(None, "{ me { id } }")
    assert (answer.data, answer.errors) == ({"me": None}, [])


async def test_one_sees_all_of_oneself(api: Api, world: World) -> None:
    await AccessToken.create(
        user_id=world.member.user_id, name="Script", digest="1" * 64, created_at=NOW, expires_at=later(60)
    )
    answer = await api.ask(
        world.member,
        "{ me { id name email locale createdAt registrationIncomplete "
        "accessTokens { id name createdAt expiresAt lastUsedAt } } }",
    )
    assert answer.errors == []
    me = answer.data["me"]
    assert me["id"] == str(world.member.user_id)
    assert (me["name"], me["email"], me["locale"]) == ("Member", "member@example.com", "de-CH")
    assert (me["createdAt"], me["registrationIncomplete"]) == (AT, True)
    token = me["accessTokens"][0]
    assert (token["name"], token["createdAt"], token["lastUsedAt"]) == ("Script", AT, None)
    assert token["expiresAt"] == "2026-05-01T12:01:00+00:00"


async def test_of_others_one_sees_id_and_name_only(api: Api, world: World) -> None:
    document = """query ($id: ID!) { user(id: $id) {
        id name email locale createdAt registrationIncomplete accessTokens { id } } }"""
    answer = await api.ask(world.member, document, id=str(world.owner.user_id))
    assert answer.errors == []
    assert answer.data["user"] == {
        "id": str(world.owner.user_id),
        "name": "Owner",
        "email": None,
        "locale": None,
        "createdAt": None,
        "registrationIncomplete": None,
        "accessTokens": None,
    }


async def test_a_malformed_id_is_bad_input(api: Api, world: World) -> None:
    for kind in [*BY_ID, "user"]:
        for id in MALFORMED:
            answer = await api.ask(world.member, by_id(kind), id=id)
            assert answer.codes == ["BAD_INPUT"], (kind, id)
            assert answer.fields == {"id"}


async def test_without_a_session_every_id_is_answered_alike(api: Api, world: World) -> None:
    for kind in [*BY_ID, "user"]:
        for id in ("1", MISSING, "x"):
            answer = await api.ask(None, by_id(kind), id=id)
            assert answer.codes == ["UNAUTHENTICATED"], (kind, id)
            assert answer.data == {kind: None}


async def test_what_is_hidden_and_what_is_missing_is_null_alike(api: Api, world: World) -> None:
    for kind in BY_ID:
        hidden = await api.ask(world.stranger, by_id(kind), id=id_of(world, kind))
        missing = await api.ask(world.stranger, by_id(kind), id=MISSING)
        assert hidden == missing
        assert (hidden.data, hidden.errors) == ({kind: None}, [])


async def test_people_of_other_workspaces_are_hidden(api: Api, world: World) -> None:
    hidden = await api.ask(world.stranger, by_id("user"), id=str(world.owner.user_id))
    missing = await api.ask(world.stranger, by_id("user"), id=MISSING)
    assert hidden == missing
    assert (hidden.data, hidden.errors) == ({"user": None}, [])


async def test_every_member_may_see(api: Api, world: World) -> None:
    for kind in BY_ID:
        for actor in world.people.values():
            answer = await api.ask(actor, by_id(kind), id=id_of(world, kind))
            assert (answer.data, answer.errors) == ({kind: {"id": id_of(world, kind)}}, [])


async def test_workspaces_are_the_callers(api: Api, world: World) -> None:
    answer = await api.ask(world.people[Role.VIEWER], "{ workspaces { id uuid name role } }")
    assert answer.data["workspaces"] == [
        {"id": str(world.workspace.id), "uuid": str(world.workspace.uuid), "name": "North", "role": "VIEWER"}
    ]
    assert (await api.ask(None, "{ workspaces { id } }")).codes == ["UNAUTHENTICATED"]


async def test_members_addresses_are_for_administrators_and_oneself(api: Api, world: World) -> None:
    document = "query ($id: ID!) { workspace(id: $id) { members { user { id name email } role email since } } }"
    for role, addresses in {Role.VIEWER: 1, Role.MEMBER: 1, Role.ADMIN: 4, Role.OWNER: 4}.items():
        answer = await api.ask(world.people[role], document, id=str(world.workspace.id))
        assert answer.errors == []
        members = answer.data["workspace"]["members"]
        assert {member["role"] for member in members} == {"OWNER", "ADMIN", "MEMBER", "VIEWER"}
        assert all(member["since"] == AT for member in members)
        assert sum(member["email"] is not None for member in members) == addresses
        own = {member["user"]["id"]: member for member in members}[str(world.people[role].user_id)]
        assert own["email"] == own["user"]["email"] == f"{role.value.lower()}@example.com"
        assert sum(member["user"]["email"] is not None for member in members) == 1


async def test_a_workspace_shows_its_connections_and_devices(api: Api, world: World) -> None:
    await make_connection(world.elsewhere, "Hidden")
    answer = await api.ask(
        world.member,
        """query ($id: ID!) { workspace(id: $id) {
            connections { id name workspace { id name role } remoteController { id } drone { id } }
            drones { id } remoteControllers { id } } }""",
        id=str(world.workspace.id),
    )
    assert answer.errors == []
    assert answer.data["workspace"] == {
        "connections": [
            {
                "id": str(world.connection.id),
                "name": "Van 1",
                "workspace": {"id": str(world.workspace.id), "name": "North", "role": "MEMBER"},
                "remoteController": {"id": str(world.controller.id)},
                "drone": {"id": str(world.drone.id)},
            }
        ],
        "drones": [{"id": str(world.drone.id)}],
        "remoteControllers": [{"id": str(world.controller.id)}],
    }


async def test_a_drone_shows_what_it_last_reported(api: Api, world: World) -> None:
    answer = await api.ask(
        world.member,
        """query ($id: ID!) { drone(id: $id) { id serialNumber type model name online lastConnection { id name }
            position { longitude latitude height reportedAt } battery { capacityPercentLeft reportedAt }
            telemetry { heading horizontalSpeed satellites flightMode storageTotal reportedAt } } }""",
        id=str(world.drone.id),
    )
    assert answer.errors == []
    assert answer.data["drone"] == {
        "id": str(world.drone.id),
        "serialNumber": "SN1",
        "type": 67,
        "model": "Matrice 30T",
        "name": "SN1",
        "online": True,
        "lastConnection": {"id": str(world.connection.id), "name": "Van 1"},
        "position": {"longitude": 8.5, "latitude": 47.25, "height": 512.5, "reportedAt": AT},
        "battery": {"capacityPercentLeft": 61.5, "reportedAt": AT},
        "telemetry": {
            "heading": 271.5,
            "horizontalSpeed": None,
            "satellites": 21,
            "flightMode": "Waypoint",
            "storageTotal": 2**40,
            "reportedAt": AT,
        },
    }


async def test_a_drone_that_never_reported_shows_nulls(api: Api, world: World) -> None:
    drone = await make_drone(world.workspace, None, "SN2", state={}, type=-1, sub_type=0, name="Old", online=False)
    answer = await api.ask(
        world.member,
        """query ($id: ID!) { drone(id: $id) { type model name online lastConnection { id } position { height }
            battery { reportedAt } telemetry { heading } } }""",
        id=str(drone.id),
    )
    assert answer.errors == []
    assert answer.data["drone"] == {
        "type": -1,
        "model": None,
        "name": "Old",
        "online": False,
        "lastConnection": None,
        "position": None,
        "battery": None,
        "telemetry": None,
    }


async def test_a_controller_shows_what_it_last_reported(api: Api, world: World) -> None:
    answer = await api.ask(
        world.member,
        """query ($id: ID!) { remoteController(id: $id) { serialNumber type online
            position { longitude latitude height reportedAt } } }""",
        id=str(world.controller.id),
    )
    assert answer.data["remoteController"] == {
        "serialNumber": "RC1",
        "type": 119,
        "online": True,
        "position": {"longitude": 8.5, "latitude": 47.25, "height": 512.5, "reportedAt": AT},
    }


async def test_of_several_drones_a_connection_shows_the_one_online(api: Api, world: World) -> None:
    document = by_id("connection").replace("{ id } }", "{ drone { serialNumber } } }")
    await make_drone(world.workspace, world.connection, "SN2", online=False, seen_at=later(60))
    answer = await api.ask(world.member, document, id=str(world.connection.id))
    assert answer.data["connection"]["drone"] == {"serialNumber": "SN1"}
    await make_drone(world.workspace, world.connection, "SN3", online=True, seen_at=later(30))
    answer = await api.ask(world.member, document, id=str(world.connection.id))
    assert answer.data["connection"]["drone"] == {"serialNumber": "SN3"}


BY_SERIAL = "query ($id: ID!, $sn: String!) { workspace(id: $id) { drone(serialNumber: $sn) { id } } }"


async def test_a_drone_is_found_by_its_serial_number_in_its_workspace(api: Api, world: World) -> None:
    await make_drone(world.elsewhere, None, "SN9")
    found = await api.ask(world.member, BY_SERIAL, id=str(world.workspace.id), sn="SN1")
    assert found.data["workspace"]["drone"] == {"id": str(world.drone.id)}
    for serial in ("SN9", "nothing", "", "' OR 1=1 --", "x" * 10_000):
        answer = await api.ask(world.member, BY_SERIAL, id=str(world.workspace.id), sn=serial)
        assert (answer.data, answer.errors) == ({"workspace": {"drone": None}}, [])


async def test_a_serial_number_that_is_no_text_is_bad_input(api: Api, world: World) -> None:
    for serial in ("\0", "SN1\0", "\ud800"):
        answer = await api.ask(world.member, BY_SERIAL, id=str(world.workspace.id), sn=serial)
        assert answer.codes == ["BAD_INPUT"], repr(serial)
        assert answer.fields == {"serialNumber"}


TRACK = """query ($id: ID!, $from: DateTime!, $to: DateTime!, $max: Int) { drone(id: $id) {
    track(from: $from, to: $to, maxPoints: $max) {
        longitude latitude height elevation heading horizontalSpeed verticalSpeed time } } }"""


async def history(api: Api, world: World, count: int) -> None:
    """A straight flight north, a fix a second."""
    await store(
        api.database,
        [
            history_row(
                later(second),
                drone_id=world.drone.id,
                longitude=8.5,
                latitude=47 + second / 10_000,
                height=500.0,
                heading=0.0,
            )
            for second in range(count)
        ],
    )


def span(**more: Any) -> dict[str, Any]:
    """The variables of a track over an hour."""
    return {"from": "2026-05-01T14:00:00+02:00", "to": "2026-05-01T13:00:00Z", **more}


async def test_a_track_is_in_order_of_time_and_within_its_span(api: Api, world: World) -> None:
    await history(api, world, 5)
    answer = await api.ask(world.member, TRACK, id=str(world.drone.id), **span(to="2026-05-01T12:00:02Z"))
    assert answer.errors == []
    track = answer.data["drone"]["track"]
    assert [point["time"] for point in track] == [f"2026-05-01T12:00:0{second}+00:00" for second in range(3)]
    assert track[0] == {
        "longitude": 8.5,
        "latitude": 47.0,
        "height": 500.0,
        "elevation": None,
        "heading": 0.0,
        "horizontalSpeed": None,
        "verticalSpeed": None,
        "time": AT,
    }


async def test_a_track_is_thinned(api: Api, world: World) -> None:
    await history(api, world, 50)
    answer = await api.ask(world.member, TRACK, id=str(world.drone.id), **span(max=7))
    assert answer.errors == []
    assert 2 <= len(answer.data["drone"]["track"]) <= 7


SENSELESS: list[tuple[dict[str, Any], str]] = [
    (span(max=0), "maxPoints"),
    (span(max=-1), "maxPoints"),
    (span(max=10_001), "maxPoints"),
    (span(to="2026-05-01T11:00:00Z"), "to"),
    ({"from": "1999-12-31T23:59:59Z", "to": "2026-05-01T12:00:00Z"}, "from"),
    ({"from": "2026-05-01T12:00:00Z", "to": "2126-05-01T12:00:00Z"}, "to"),
    ({"from": "2026-05-01T12:00:00", "to": "2026-05-01T12:00:00Z"}, "from"),
    ({"from": "2026-05-01T12:00:00Z", "to": "tomorrow"}, "to"),
    ({"from": 1777636800, "to": "2026-05-01T12:00:00Z"}, "from"),
]


async def test_a_span_that_makes_no_sense_is_bad_input(api: Api, world: World) -> None:
    for variables, field in SENSELESS:
        answer = await api.ask(world.member, TRACK, id=str(world.drone.id), **variables)
        assert answer.codes == ["BAD_INPUT"], variables
        assert answer.fields == {field}
