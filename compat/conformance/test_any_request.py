"""Schemathesis over the OpenAPI documents, with all of its checks: no server error, no answer that is not documented.

Ids in paths are often those of things that are there. What a DELETE names is somebody else's than what the others need,
whichever number it comes upon. Few examples are tried here; `make conformance EXAMPLES=200` looks longer.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from .hubs import PATIENCE_S, Hub
from .seeds import Party, party

EXAMPLES = int(os.environ.get("CONFORMANCE_EXAMPLES", "10"))
LIMIT_S = 3_600
SEED = "1"
GONE = '["2xx", "3xx", "401", "403", "404", "409", "410", "413", "429", "5xx"]'
"""What may become of well-formed data: among others 410, since the ids of a document say nothing of what is there."""
WRONG_TEXT = '["2xx", "3xx", "400", "401", "403", "404", "409", "410", "413", "429", "5xx"]'
"""The same of operations that refuse well-formed texts with 400: passwords and codes that are not the right ones, and
addresses, passwords and times that JSON Schema cannot tell from those that may be used; a type that the geometry has
not."""


CHOOSY = (
    "post_auth_password_change",
    "post_auth_password_set_initial",
    "post_auth_password_set_new",
    "post_auth_register",
    "patch_user_user_id",
    "export_drone",
    "export_media",
    "get_connection_connection_id",  # what made a connection tells its public id, which is taken for this one
    "delete_connection_connection_id",
    "post_map_api_v1_workspaces_workspace_uuid_element_groups_group_id_elements",
)
STREAMED = '["400", "401", "403", "404", "405", "409", "410", "413", "415", "429", "5xx"]'
"""What may become of a malformed upload: a workspace that is not there is told before the body is read."""


LENIENT = '["200", "400", "401", "403", "404", "405", "409", "410", "413", "415", "429", "5xx"]'
"""What may become of malformed data of controllers: they leave things out and write other types, and are served."""


def configuration(security: Mapping[str, str], *, malformed: str | None = None) -> str:
    """What Schemathesis is told: credentials, and which status may follow which data."""
    lines = ["[generation]", "deterministic = true", "database = 'none'", "allow-x00 = false"]
    for name, line in security.items():
        lines += [f"[auth.openapi.{name}]", line]
    lines += ["[checks]", "max_response_time = 3600", f"positive_data_acceptance.expected-statuses = {GONE}"]
    if malformed is not None:
        lines.append(f"negative_data_rejection.expected-statuses = {malformed}")
    for operation in CHOOSY:
        lines += _operation(operation, f"positive_data_acceptance.expected-statuses = {WRONG_TEXT}")
    lines += _operation("post_workspace_workspace_id_file", f"negative_data_rejection.expected-statuses = {STREAMED}")
    return "\n".join(lines)


def _operation(name: str, check: str) -> list[str]:
    return ["[[operations]]", f'include-operation-id = "{name}"', f"checks.{check}"]


def with_ids(document: dict[str, Any], ids: Mapping[str, Any]) -> dict[str, Any]:
    """The document, its path parameters taking what is there one time in two."""
    made: dict[str, Any] = json.loads(json.dumps(document))
    for item in made["paths"].values():
        if "parameters" in item:
            item["parameters"] = [_with_id(made, parameter, ids) for parameter in item["parameters"]]
    return made


def _with_id(document: dict[str, Any], parameter: dict[str, Any], ids: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in parameter:
        parameter = document["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
    if parameter["in"] != "path" or parameter["name"] not in ids:
        return parameter
    value = ids[parameter["name"]]
    return {**parameter, "example": value, "schema": {"anyOf": [{"enum": [value]}, parameter["schema"]]}}


def run(folder: Path, hub: Hub, document: dict[str, Any], told: str, *words: str) -> None:
    """Play a document against a hub; fails with what was found."""
    (folder / "document.json").write_text(json.dumps(document))
    (folder / "schemathesis.toml").write_text(told)
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "--no-color"),
            *("--config-file", "schemathesis.toml", "run", "document.json", "--url", hub.url),
            *("--checks", "all", "--max-examples", str(EXAMPLES), "--seed", SEED, "--request-timeout", str(PATIENCE_S)),
            *("--continue-on-failure", "--no-shrink", "--warnings", "off", *words),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def spare(hub: Hub) -> Party:
    """What may be taken away."""
    return party(hub, "spare", controller="5XTESTRCP00002", aircraft="1581XTESTM30T0002")


@pytest.fixture(scope="module")
def somebody(hub: Hub) -> Party:
    """Who makes things and takes them away again."""
    return party(hub, "somebody", controller="5XTESTRCP00003", aircraft="1581XTESTM30T0003")


@pytest.fixture(autouse=True)
def all_are_there(us: Party, spare: Party, somebody: Party) -> None:
    """Before the first request of any kind."""


def rest_security(party: Party, link: Party) -> dict[str, str]:
    """A member's token, and the cookie of a controller's page."""
    return {"access_token": f'bearer = "{party.token}"', "connection_link_auth": f'api_key = "{link.page}"'}


def test_rest(hub: Hub, us: Party, spare: Party, tmp_path: Path) -> None:
    document = with_ids(hub.document("openapi.json"), us.ids)
    told = configuration(rest_security(us, spare))
    run(tmp_path, hub, document, told, "--exclude-method", "DELETE", "--phases", "examples,coverage,fuzzing")


def test_rest_deletes(hub: Hub, spare: Party, tmp_path: Path) -> None:
    document = with_ids(hub.document("openapi.json"), spare.ids)
    told = configuration(rest_security(spare, spare))
    run(tmp_path, hub, document, told, "--include-method", "DELETE", "--phases", "examples,coverage,fuzzing")


def test_what_follows_from_what(hub: Hub, somebody: Party, tmp_path: Path) -> None:
    """What one operation made is used by the next ones, and is not there once it was deleted."""
    document = with_ids(hub.document("openapi.json"), somebody.ids)
    run(tmp_path, hub, document, configuration(rest_security(somebody, somebody)), "--phases", "stateful")


def test_pilot(hub: Hub, us: Party, tmp_path: Path) -> None:
    ids = {"workspace_uuid": us.uuid, "group_id": us.pilot_get("map/element-groups")["data"][0]["id"]}
    document = with_ids(hub.document("openapi-pilot.json"), ids)
    told = configuration({"dji_pilot_2_api": f'api_key = "{us.secret}"'}, malformed=LENIENT)
    run(tmp_path, hub, document, told, "--phases", "examples,coverage,fuzzing")
