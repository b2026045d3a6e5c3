"""A whole hub, with a controller that does everything over the wire: every edge tells the doctor what it sees."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import httpx2
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from ofh.choices import now
from ofh.domain.actors import Actor
from ofh.domain.link_steps import Diagnosis, LinkProblem, LinkStep, LinkStepName, LinkStepState
from ofh.hub import Hub
from ofh.services.access import OPERATOR
from ofh.store.models import LinkToken
from tests.captures.reader import capture
from tests.integration.app.hubs import URL, hub

Step, State, Problem = LinkStepName, LinkStepState, LinkProblem
GATEWAY, AIRCRAFT = "5XTESTRCP00001", "1581XTESTM30T0001"
PATIENCE_S = 10


@dataclass
class Visit:
    """A hub, a connection of it, and its controller's clients."""

    hub: Hub
    http: httpx2.AsyncClient
    connection_id: int
    public_id: str
    secret: str
    workspace_uuid: str

    async def diagnosis(self) -> Diagnosis:
        await self.hub.doctor.write()
        return await self.hub.doctor.examine_connection(OPERATOR, self.connection_id)

    async def step(self, name: LinkStepName) -> LinkStep:
        return next(step for step in (await self.diagnosis()).steps if step.name is name)

    async def becomes(self, name: LinkStepName, wanted: LinkStepState | LinkProblem) -> LinkStep:
        """What comes over MQTT takes a moment."""
        async with asyncio.timeout(PATIENCE_S):
            while wanted not in ((found := await self.step(name)).state, found.problem):
                await asyncio.sleep(0.02)
        return found

    async def login(self, secret: str | None = None) -> int:
        body = {"connection_id": self.public_id, "secret": secret or self.secret}
        status: int = (await self.http.post("/api/connection-link/auth/login", json=body)).status_code
        return status

    async def sdk_config(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.http.get("/api/connection-link/dji-pilot-2/sdk-config")).json()
        return found

    async def pilot(self, path: str, token: str, body: Any = None, *, workspace: str | None = None) -> httpx2.Response:
        url = path.format(workspace or self.workspace_uuid)
        return await self.http.post(url, json=body or {}, headers={"x-auth-token": token})

    def mqtt(self, secret: str | None = None) -> aiomqtt.Client:
        [port] = self.hub.broker.ports  # type: ignore[attr-defined]
        return aiomqtt.Client(
            "127.0.0.1", port, username=self.public_id, password=secret or self.secret, identifier="controller"
        )

    async def put(self, grant: dict[str, Any], name: str, *, secret: str | None = None) -> int:
        """Upload a photo as an S3 client would."""
        keys = grant["credentials"]
        url = f"{grant['endpoint']}/{grant['bucket']}/{name}"
        request = AWSRequest("PUT", url, data=b"photo", headers={"content-length": "5"})
        signer = S3SigV4Auth(
            Credentials(keys["access_key_id"], secret or keys["access_key_secret"], keys["security_token"]),
            "s3",
            grant["region"],
        )
        signer.add_auth(request)
        status: int = (await self.http.put(url, content=b"photo", headers=dict(request.headers))).status_code
        return status


@pytest.fixture
async def visit(tmp_path: Path) -> AsyncIterator[Visit]:
    licence = {"dji_app_id": "1", "dji_app_key": "k", "dji_app_license": "l"}
    async with hub(data=tmp_path, **licence) as (running, http):
        yield Visit(running, http, *await _connection(running))


async def _connection(running: Hub) -> tuple[int, str, str, str]:
    owner = await running.people.accounts.create_user("olga@example.org")
    actor = Actor(user_id=owner.id, credential="session", credential_id=1)
    workspace = await running.people.workspaces.create(actor, "Field")
    made = await running.people.connections.create(actor, workspace.id, "RC")
    return made.connection.id, made.connection.public_id, made.secret, str(workspace.uuid)


async def test_everything_goes_well(visit: Visit) -> None:
    assert await visit.login() == 200
    config = await visit.sdk_config()
    async with visit.mqtt() as controller:
        topology = capture("mqtt-status-online-rc-plus-m30t")
        await controller.publish(topology["topic"], json.dumps(topology["payload"]), qos=1)
        report = capture("mqtt-osd-m30t-wayline")
        sent = {**report["payload"], "timestamp": int(now().timestamp() * 1000)}
        await controller.publish(report["topic"], json.dumps(sent), qos=1)
        await visit.becomes(Step.FIRST_REPORT, State.OK)
    token = config["api_token"]
    answer = (await visit.pilot("/storage/api/v1/workspaces/{}/sts", token)).json()
    assert answer["code"] == 0
    grant = answer["data"]
    assert await visit.put(grant, f"{grant['object_key_prefix']}/DJI_0001.jpeg") == 200
    found = await visit.diagnosis()
    assert {step.name: step.state for step in found.steps if step.state is not State.OK} == {
        Step.WEBSOCKET: State.FAILED  # of a hub that calls itself localhost, and nobody came
    }


async def test_a_wrong_secret_is_seen_on_the_page_and_at_the_broker(visit: Visit) -> None:
    assert await visit.login("wrong") == 401
    assert (await visit.step(Step.CREDENTIALS)).problem is Problem.WRONG_SECRET
    assert await visit.login() == 200
    assert (await visit.step(Step.CREDENTIALS)).state is State.OK
    with pytest.raises(aiomqtt.MqttError):
        async with visit.mqtt("wrong"):
            pass
    await visit.becomes(Step.MQTT_LOGIN, Problem.WRONG_SECRET)
    async with visit.mqtt():
        await visit.becomes(Step.MQTT_LOGIN, State.OK)


async def test_a_report_before_any_topology_is_seen_though_the_broker_drops_it(visit: Visit) -> None:
    async with visit.mqtt() as controller:
        report = capture("mqtt-osd-m30t-wayline")
        await controller.publish(report["topic"], json.dumps(report["payload"]), qos=1)
        found = await visit.becomes(Step.TOPOLOGY, Problem.NOT_ANNOUNCED)
    assert found.detail == AIRCRAFT


async def test_uploads_that_are_refused_say_why(visit: Visit) -> None:
    await visit.login()
    token = (await visit.sdk_config())["api_token"]
    grant = (await visit.pilot("/storage/api/v1/workspaces/{}/sts", token)).json()["data"]
    inside = f"{grant['object_key_prefix']}/DJI_0001.jpeg"
    assert await visit.put(grant, inside, secret="wrong") == 403
    found = await visit.step(Step.FIRST_OBJECT)
    assert (found.problem, found.detail) == (Problem.BAD_SIGNATURE, "SignatureDoesNotMatch")
    assert await visit.put(grant, "elsewhere/DJI_0001.jpeg") == 403
    assert (await visit.step(Step.FIRST_OBJECT)).problem is Problem.OUTSIDE_GRANT
    grants, clock = visit.hub.grants, visit.hub.grants._clock
    grants._clock = lambda: clock() + timedelta(hours=13)
    assert await visit.put(grant, inside) == 400
    assert (await visit.step(Step.FIRST_OBJECT)).problem is Problem.GRANT_EXPIRED
    grants._clock = clock
    assert await visit.put(grant, inside) == 200
    assert (await visit.step(Step.FIRST_OBJECT)).state is State.OK


async def test_a_callback_with_a_foreign_key_is_told(visit: Visit) -> None:
    await visit.login()
    token = (await visit.sdk_config())["api_token"]
    told = capture("http-upload-callback-minimal")
    body = {**told["request"]["body"], "object_key": "11111111-2222-4333-8444-555555555555/abc/DJI_0001.jpeg"}
    answer = (await visit.pilot("/media/api/v1/workspaces/{}/upload-callback", token, body)).json()
    assert answer["code"] != 0
    assert (await visit.step(Step.FIRST_OBJECT)).problem is Problem.FOREIGN_KEY


async def test_dead_tokens_and_other_workspaces_are_told(visit: Visit) -> None:
    await visit.login()
    token = (await visit.sdk_config())["api_token"]
    elsewhere = "11111111-2222-4333-8444-555555555555"
    sts = "/storage/api/v1/workspaces/{}/sts"
    assert (await visit.pilot(sts, token, workspace=elsewhere)).status_code == 403
    assert (await visit.step(Step.STORAGE_CREDENTIALS)).problem is Problem.OTHER_WORKSPACE
    assert (await visit.pilot(sts, token)).status_code == 200
    assert (await visit.step(Step.STORAGE_CREDENTIALS)).state is State.OK
    await LinkToken.filter(purpose="pilot").update(expires_at=now() - timedelta(days=2))
    assert (await visit.pilot(sts, token)).status_code == 401
    for name in (Step.WEBSOCKET, Step.STORAGE_CREDENTIALS):
        assert (await visit.step(name)).problem is Problem.DEAD_TOKEN


async def test_without_a_licence_the_page_is_as_far_as_it_gets(tmp_path: Path) -> None:
    async with hub(data=tmp_path) as (running, http):
        visit = Visit(running, http, *await _connection(running))
        await visit.login()
        await visit.sdk_config()
        found = await visit.step(Step.LICENCE)
        assert (found.state, found.problem) == (State.FAILED, Problem.NO_LICENCE)


async def test_no_secret_is_ever_in_what_the_doctor_keeps(visit: Visit) -> None:
    await visit.login("MARKER-wrong-secret")
    await visit.login()
    token = (await visit.sdk_config())["api_token"]
    grant = (await visit.pilot("/storage/api/v1/workspaces/{}/sts", token)).json()["data"]
    await visit.put(grant, "elsewhere/x", secret="MARKER")
    with pytest.raises(aiomqtt.MqttError):
        async with visit.mqtt("MARKER"):
            pass
    told = repr(await visit.diagnosis())
    keys = grant["credentials"]
    for secret in ("MARKER", visit.secret, token, keys["access_key_secret"], keys["security_token"]):
        assert secret not in told
    assert URL in told, "what is wrong with the settings is told"
