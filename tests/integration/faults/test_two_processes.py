"""What is ended at one hub process has ended at every other one."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.integration.faults.conftest import Servers
from tests.support.faults import (
    POSITIONS,
    all_acknowledged,
    answer,
    crew,
    dashboard,
    drone_ids,
    flying,
    history,
    until,
)
from tests.support.hubs import HubProcess, Way, hub_process

pytestmark = pytest.mark.services

REMOVE = "mutation($workspace: ID!, $user: ID!) { removeMember(workspaceId: $workspace, userId: $user) }"


@pytest.fixture
async def hubs(servers: Servers) -> AsyncIterator[tuple[HubProcess, HubProcess]]:
    """Two processes of one hub; a lost right must not have to wait for the regular look at all rights."""
    settings = {"OFH_SOCKET_RECHECK_S": "60"}
    async with (
        hub_process(servers.way, OFH_MQTT_CLIENT_ID="one", **settings) as one,
        hub_process(servers.way, OFH_MQTT_CLIENT_ID="two", **settings) as two,
    ):
        yield one, two


async def log_in(way: Way, hub: HubProcess, email: str) -> tuple[str, str]:
    """The cookie of a new session, and the user's id."""
    made = await way.ofh("user", "create", email)
    async with httpx2.AsyncClient() as client:
        found = await client.post(
            f"{hub.url}/graphql",
            json={
                "query": "mutation($token: String!) { loginWithToken(token: $token) { user { id } } }",
                "variables": {"token": made["login_token"]},
            },
            headers={"origin": f"http://localhost:{hub.port}"},
        )
    assert "errors" not in found.json(), found.text
    return found.headers["set-cookie"].partition(";")[0], str(made["id"])


async def test_a_session_that_ends_at_one_ends_its_sockets_at_the_other(
    servers: Servers, hubs: tuple[HubProcess, HubProcess]
) -> None:
    one, two = hubs
    cookie, _ = await log_in(servers.way, one, "bert@example.org")
    team = await crew(servers.way, one)
    token = (await servers.way.ofh("token", "create", "anna@example.org", "other"))["token"]
    async with (
        dashboard(two, cookie=cookie) as by_session,
        dashboard(two, token=token) as by_token,
        dashboard(two, token=team.token) as untouched,
    ):
        for board in (by_token, untouched):
            await board.subscribe(POSITIONS, workspace=team.workspace)
            await until(lambda board=board: board.results, "the subscription to begin")
        async with httpx2.AsyncClient() as client:
            found = await client.post(
                f"{one.url}/graphql",
                json={"query": "mutation { logout }"},
                headers={"cookie": cookie, "origin": f"http://localhost:{one.port}"},
            )
        assert found.json() == {"data": {"logout": True}}
        assert await until(lambda: by_session.close_code) == 4403
        tokens = await answer(one, team.token, "{ me { accessTokens { id name } } }")
        other = next(each["id"] for each in tokens["me"]["accessTokens"] if each["name"] == "other")
        await answer(one, team.token, "mutation($id: ID!) { revokeAccessToken(id: $id) }", id=other)
        assert await until(lambda: by_token.close_code) == 4403
        assert (untouched.close_code, untouched.errors) == (None, [])


async def test_a_member_who_is_removed_at_one_sees_nothing_more_at_the_other(
    servers: Servers, hubs: tuple[HubProcess, HubProcess]
) -> None:
    one, two = hubs
    team = await crew(servers.way, one)
    user = str((await servers.way.ofh("user", "create", "bert@example.org"))["id"])
    token = (await servers.way.ofh("token", "create", "bert@example.org", "test"))["token"]
    await answer(
        one,
        team.token,
        'mutation($id: ID!) { inviteMember(workspaceId: $id, email: "bert@example.org", role: VIEWER) { role } }',
        id=team.workspace,
    )
    async with flying(servers.way, team, per_s=20) as controllers:
        (drone,) = await drone_ids(two, team, controllers)
        async with dashboard(two, token=token) as theirs, dashboard(two, token=team.token) as ours:
            for board in (theirs, ours):
                await board.subscribe(POSITIONS, workspace=team.workspace)
                await until(lambda board=board: drone in board.longitudes, "the drone to be seen")
            await answer(one, team.token, REMOVE, workspace=team.workspace, user=user)
            await until(lambda: theirs.errors, "the subscription to end")
            assert theirs.codes() == ["FORBIDDEN"]
            assert theirs.close_code is None  # their socket stays for what else they may see
            seen = len(theirs.results)
            await all_acknowledged(controllers)
            last = controllers[0].report()
            await ours.shows(drone, last)
            assert len(theirs.results) == seen
            await theirs.subscribe(POSITIONS, workspace=team.workspace)
            await until(lambda: len(theirs.errors) == 2, "the second attempt to be refused")
            assert theirs.codes() == ["FORBIDDEN", "GONE"]


async def test_a_connection_that_is_deleted_at_one_reports_to_neither(
    servers: Servers, hubs: tuple[HubProcess, HubProcess]
) -> None:
    one, two = hubs
    team = await crew(servers.way, one, controllers=2)
    async with flying(servers.way, team, per_s=40) as controllers:
        gone, stays = controllers
        drones = await drone_ids(two, team, controllers)
        async with dashboard(two, token=team.token) as board:
            await board.subscribe(POSITIONS, workspace=team.workspace)
            await until(lambda: board.longitudes.keys() == set(drones), "both drones to be seen")
            await answer(one, team.token, "mutation($id: ID!) { deleteConnection(id: $id) }", id=gone.account.id)
            await until(lambda: gone.refused, "the broker to refuse the deleted account")
            await gone.land()
            taken = gone.acknowledged
            await all_acknowledged([stays])
            await board.shows(drones[1], stays.report())
            rows = (await history(servers.way))[gone.aircraft]
            refused = gone.refused
            for _ in range(20):
                gone.report()
            await until(lambda: gone.refused > refused + 1, "the broker to refuse the deleted account again")
            await board.shows(drones[1], stays.report())
            assert gone.acknowledged == taken
            assert (await history(servers.way))[gone.aircraft] == rows
