"""How a connection stands, as members ask for it and watch it."""

import pytest

from ofh.domain.actors import Role
from ofh.domain.link_steps import LinkProblem, LinkStepName
from ofh.services.connections import Connections
from tests.integration.graphql_api.gallery import Gallery, refusal, watch
from tests.integration.graphql_api.test_queries import MALFORMED, MISSING
from tests.integration.graphql_api.test_statements import statements
from tests.integration.graphql_api.world import Api, World, make_connection

DOCTOR = """query ($id: ID!) { connection(id: $id) { doctor {
    connectionId state summary steps { name state at problem detail hint } } } }"""
ALL = "query ($id: ID!) { workspace(id: $id) { connections { doctor { state steps { name state } } } } }"
WATCH = """subscription ($id: ID!) { connectionDoctor(connectionId: $id) {
    connectionId state summary steps { name state problem } } }"""


async def test_every_step_is_there_in_order(api: Api, world: World) -> None:
    answer = await api.ask(world.member, DOCTOR, id=str(world.connection.id))
    assert answer.errors == []
    doctor = answer.data["connection"]["doctor"]
    assert [step["name"] for step in doctor["steps"]] == [name.value for name in LinkStepName]
    assert {(step["state"], step["at"], step["problem"]) for step in doctor["steps"]} == {("WAITING", None, None)}
    assert (doctor["state"], doctor["connectionId"]) == ("WAITING", str(world.connection.id))
    assert doctor["summary"].startswith("Nothing has been heard of this controller yet.")


@pytest.mark.parametrize("role", list(Role))
async def test_every_member_sees_what_is_wrong(api: Api, world: World, role: Role) -> None:
    api.services.doctor.note(world.connection.public_id, LinkStepName.CREDENTIALS, LinkProblem.WRONG_SECRET)
    await api.services.doctor.write()
    answer = await api.ask(world.people[role], DOCTOR, id=str(world.connection.id))
    [step] = [step for step in answer.data["connection"]["doctor"]["steps"] if step["name"] == "CREDENTIALS"]
    assert (step["state"], step["problem"], step["at"]) == ("FAILED", "WRONG_SECRET", "2026-05-01T12:00:00+00:00")
    assert step["hint"].startswith("The connection id is right, the secret is not.")
    assert world.connection.public_id not in str(answer.data)


async def test_a_stranger_sees_nothing(api: Api, world: World) -> None:
    answer = await api.ask(world.stranger, DOCTOR, id=str(world.connection.id))
    assert (answer.data, answer.errors) == ({"connection": None}, [])


async def test_many_connections_take_the_statements_of_one(
    api: Api, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    few = await statements(api, world, caplog, ALL, id=str(world.workspace.id))
    for number in range(40):
        row = await make_connection(world.workspace, f"Van {number}")
        api.services.doctor.note(row.id, LinkStepName.WEBSOCKET)
    await api.services.doctor.write()
    assert await statements(api, world, caplog, ALL, id=str(world.workspace.id)) == few


async def test_who_watches_gets_the_present_at_once_and_then_every_change(
    api: Api, world: World, gallery: Gallery
) -> None:
    doctor = api.services.doctor
    first = await watch(api, gallery, world.member, WATCH, id=str(world.connection.id))
    assert (await first.next())["connectionDoctor"]["state"] == "WAITING"
    doctor.note(world.connection.id, LinkStepName.CREDENTIALS, LinkProblem.WRONG_SECRET)
    await doctor.write()
    told = (await first.next())["connectionDoctor"]
    assert told["state"] == "FAILED"
    assert told["steps"][1] == {"name": "CREDENTIALS", "state": "FAILED", "problem": "WRONG_SECRET"}
    viewer = await watch(api, gallery, world.people[Role.VIEWER], WATCH, id=str(world.connection.id))
    assert (await viewer.next())["connectionDoctor"] == told


async def test_another_connections_changes_are_not_shown(api: Api, world: World, gallery: Gallery) -> None:
    other = await make_connection(world.workspace, "Van 2")
    doctor = api.services.doctor
    reader = await watch(api, gallery, world.member, WATCH, id=str(world.connection.id))
    await reader.next()
    doctor.note(other.id, LinkStepName.CREDENTIALS, LinkProblem.WRONG_SECRET)
    await doctor.write()
    doctor.note(world.connection.id, LinkStepName.PAGE_FETCHED)
    await doctor.write()
    told = (await reader.next())["connectionDoctor"]
    assert [step["state"] for step in told["steps"]] == ["OK", *["WAITING"] * 8]


async def test_who_may_not_watch_learns_nothing(api: Api, world: World) -> None:
    hidden = await refusal(api, world.stranger, WATCH, id=str(world.connection.id))
    missing = await refusal(api, world.stranger, WATCH, id=MISSING)
    assert hidden == missing
    assert hidden["code"] == "GONE"
    assert (await refusal(api, None, WATCH, id="x"))["code"] == "UNAUTHENTICATED"
    for text in MALFORMED:
        assert (await refusal(api, world.member, WATCH, id=text))["code"] == "BAD_INPUT"


async def test_no_detail_shows_what_was_typed(api: Api, world: World) -> None:
    """Whoever types a secret into the field of the connection id has not told it to every member."""
    connections: Connections = api.services.connections
    made = await connections.create(world.owner, world.workspace.id, "Van 3")
    api.services.doctor.note(made.secret, LinkStepName.CREDENTIALS, LinkProblem.WRONG_SECRET)
    api.services.doctor.note(made.connection.public_id.swapcase(), LinkStepName.MQTT_LOGIN, LinkProblem.WRONG_SECRET)
    await api.services.doctor.write()
    answer = await api.ask(world.owner, DOCTOR, id=str(made.connection.id))
    assert answer.data["connection"]["doctor"]["steps"][3]["problem"] == "UNKNOWN_ID"
    assert made.secret not in str(answer.data)
    assert made.connection.public_id.swapcase() not in str(answer.data)
