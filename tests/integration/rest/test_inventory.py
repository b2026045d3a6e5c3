"""Which operations there are below `/api`: those of the contract, and those beyond it that docs/rest.md names."""

import re
from pathlib import Path

import httpx2
from starlette.routing import Route

from ofh.app import HubApp
from ofh.hub import Hub
from ofh.settings import load

PAGE = Path(__file__).parents[3] / "docs" / "rest.md"
CONTRACT = """
POST /api/auth/login
POST /api/auth/login-with-token
GET /api/auth/check
POST /api/auth/password-change
POST /api/auth/password-reset
POST /api/auth/password-set-initial
POST /api/auth/password-set-new
POST /api/auth/register
POST /api/auth/logout
GET /api/auth/stream-token
GET /api/user/self
GET /api/user/{user_id}
PATCH /api/user/{user_id}
GET /api/workspace/my-workspaces
POST /api/workspace
GET /api/workspace/{workspace_id}
PATCH /api/workspace/{workspace_id}
DELETE /api/workspace/{workspace_id}
POST /api/workspace/{workspace_id}/file
PATCH /api/workspace/{workspace_id}/file/{file_id}
DELETE /api/workspace/{workspace_id}/file/{file_id}
GET /api/workspace/{workspace_id}/files
GET /api/workspace/{workspace_id}/connections
POST /api/workspace/{workspace_id}/connections
GET /api/connection/{connection_id}
DELETE /api/connection/{connection_id}
GET /api/remote-controller/{remote_controller_id}
GET /api/remote-controller/{remote_controller_id}/last-position
GET /api/drone/{drone_id}
GET /api/drone/{drone_id}/last-position
GET /api/drone/{drone_id}/last-battery
GET /api/drone/{drone_id}/media
GET /api/drone/{drone_id}/flights
GET /api/drone/{drone_id}/current-flight
GET /api/flight/{flight_id}
GET /api/flight/{flight_id}/media
GET /api/media/{media_id}
GET /api/media/ground-coverage/{media_id}
GET /api/connection-link/auth/check
POST /api/connection-link/auth/login
GET /api/connection-link/config
POST /api/connection-link/reset-workspace-uuid
GET /api/connection-link/dji-pilot-2/sdk-config
GET /api/file/{file_id}
POST /api/file/get-multiple
GET /api/file/data/{file_id}
GET /api/file/thumbnail/{file_id}
POST /media/api/v1/workspaces/{workspace_uuid}/fast-upload
POST /media/api/v1/workspaces/{workspace_uuid}/files/tiny-fingerprints
POST /storage/api/v1/workspaces/{workspace_uuid}/sts
POST /media/api/v1/workspaces/{workspace_uuid}/upload-callback
POST /media/api/v1/workspaces/{workspace_uuid}/group-upload-callback
"""
"""All of 0.11.0."""


def nameless(operation: str) -> str:
    """Without what the parameters are called."""
    return re.sub(r"{\w+}", "{}", operation)


async def served(folder: Path) -> set[str]:
    """What the hub answers to: each path is asked for its verbs."""
    app = HubApp(Hub(load(data=folder), public_url="http://localhost:8000"), port=8000)
    found = set()
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://localhost:8000") as client:
        for path in [route.path for route in app.routes if isinstance(route, Route)]:
            if not path.startswith("/api") and nameless(f"POST {path}") not in CONTRACT_NAMELESS:
                continue
            answer = await client.request("BREW", re.sub(r"{\w+}", "1", path))
            assert answer.status_code == 405, path
            found |= {nameless(f"{verb} {path}") for verb in answer.headers["allow"].split(", ") if verb != "HEAD"}
    return found


CONTRACT_NAMELESS = {nameless(operation) for operation in CONTRACT.split("\n") if operation}


async def test_every_operation_of_the_contract_is_served_and_no_other_that_the_documents_do_not_name(
    tmp_path: Path,
) -> None:
    assert len(CONTRACT_NAMELESS) == 52
    there = await served(tmp_path)
    assert there >= CONTRACT_NAMELESS
    named = {
        nameless(operation) for operation in re.findall(r"`((?:GET|POST|PATCH|DELETE) /api[^`]*)`", PAGE.read_text())
    }
    below = {operation for operation in CONTRACT_NAMELESS if " /api" in operation}
    assert below <= named
    prefixes = tuple(operation.removesuffix("…") for operation in named if operation.endswith("…"))
    beyond = {operation for operation in there - CONTRACT_NAMELESS if " /api" in operation}
    beyond = {operation for operation in beyond if not operation.startswith(prefixes)}
    assert beyond == {operation for operation in named - below if not operation.endswith("…")}
