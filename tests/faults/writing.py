"""People who change things and controllers that upload photos, one after the other, and what they were answered.

Whoever gets no answer, or a refusal, goes on with the next thing: what was not answered with success may have happened
or not, but never twice.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx2

from ofh.simulator.accounts import Account as Login
from ofh.simulator.chaos import Chaos
from ofh.simulator.errors import SimulatorError, UploadFailed
from ofh.simulator.media_api import MediaApi
from ofh.simulator.object_store import Clients, ObjectStore
from ofh.simulator.pilot import log_in, new_http_client
from tests.support.faults import Account

TIMEOUT_S = 20
RENAME = "mutation($drone: ID!, $name: String!) { renameDrone(id: $drone, name: $name) { name } }"
CONNECT = (
    "mutation($workspace: ID!, $name: String!)"
    " { createConnection(workspaceId: $workspace, name: $name) { connection { id } } }"
)


class Office:
    """Somebody who renames a drone and makes connections.

    Args:
        url: of the hub, without a path.
    """

    def __init__(self, url: str, token: str, workspace: str, drone: str) -> None:
        self.connections: dict[str, str | None] = {}
        """Name → id, None where the answer did not say that it was made."""
        self.names: list[str] = []
        """What the drone was to be called, in order."""
        self.named = 0
        """So many of them were tried when the last one of them was answered with success."""
        self.renamed = 0
        """Renamings that were answered with success."""
        self._number = 0
        self._url, self._token, self._workspace, self._drone = url, token, workspace, drone

    @property
    def answered(self) -> int:
        """Changes that were answered with success."""
        return sum(id is not None for id in self.connections.values()) + self.renamed

    async def run(self, pause_s: float) -> None:
        """Change something, over and over until cancelled."""
        async with httpx2.AsyncClient(timeout=TIMEOUT_S) as http:
            while True:
                self._number += 1
                name = f"made {self._number}"
                if self._number % 3:
                    self.names.append(name)
                    tried = len(self.names)
                    if await self._ask(http, RENAME, drone=self._drone, name=name):
                        self.named, self.renamed = tried, self.renamed + 1
                else:
                    self.connections[name] = None
                    if made := await self._ask(http, CONNECT, workspace=self._workspace, name=name):
                        self.connections[name] = made["createConnection"]["connection"]["id"]
                await asyncio.sleep(pause_s)

    async def _ask(self, http: httpx2.AsyncClient, query: str, **variables: Any) -> Mapping[str, Any] | None:
        try:
            answer = await http.post(
                f"{self._url}/graphql",
                json={"query": query, "variables": variables},
                headers={"authorization": f"Bearer {self._token}"},
            )
            found = answer.json()
        except (httpx2.TransportError, json.JSONDecodeError):
            return None
        if "errors" in found:
            codes = {error["extensions"]["code"] for error in found["errors"]}
            assert codes <= {"UNAVAILABLE"}, found
            return None
        data: Mapping[str, Any] = found["data"]
        return data


class Camera:
    """A controller that uploads photos as Pilot does: credentials, the object, and the callback, twice."""

    def __init__(self, url: str, account: Account, aircraft: str) -> None:
        self.photos: dict[str, bool] = {}
        """Name → whether the callback was answered with success."""
        self._number = 0
        self._url, self._account, self._aircraft = url, account, aircraft

    @property
    def answered(self) -> int:
        """Callbacks that were answered with success."""
        return sum(self.photos.values())

    async def run(self, pause_s: float) -> None:
        """Take photos and upload them, over and over until cancelled."""
        clients = Clients()
        async with new_http_client(self._url) as http:
            config = None
            while config is None or config.cloud is None:
                with suppress(SimulatorError):
                    config = await log_in(
                        http, Login(connection_id=self._account.public_id, secret=self._account.secret)
                    )
            api = MediaApi(http, config.cloud, Chaos())
            store: ObjectStore | None = None
            while True:
                self._number += 1
                try:
                    if store is None:
                        grant = await api.grant()
                        store = ObjectStore(grant, clients)
                    await self._upload(http, api, grant.prefix, store, f"DJI_20250614102107_{self._number:04}_W.JPG")
                except UploadFailed:
                    pass  # `SignedOut` is not let pass: Pilot would leave the cloud
                await asyncio.sleep(pause_s)

    async def _upload(
        self, http: httpx2.AsyncClient, api: MediaApi, prefix: str, store: ObjectStore, name: str
    ) -> None:
        content = b"\xff\xd8\xff\xe0\0\x10JFIF" + name.encode() + bytes(2_000)
        await store.put(f"{prefix}/{name}", content)
        self.photos[name] = False
        body = {
            "ext": {
                "drone_model_key": "0-67-1",
                "is_original": True,
                "payload_model_key": "1-53-0",
                "sn": self._aircraft,
            },
            "fingerprint": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            "metadata": {"created_time": "2025-06-14T10:21:07+02:00", "shoot_position": {"lat": 50.5, "lng": 8.5}},
            "name": name,
            "object_key": f"{prefix}/{name}",
            "path": "",
            "result": 0,
            "sub_file_type": 0,
        }
        path = f"/media/api/v1/workspaces/{api.access.workspace_uuid}/upload-callback"
        for _ in range(2):  # a controller that has missed the answer says it again
            with suppress(httpx2.TransportError, json.JSONDecodeError):
                answer = await http.post(self._url + path, json=body, headers={"x-auth-token": api.access.token})
                if answer.status_code == 200 and answer.json().get("code") == 0:
                    self.photos[name] = True
