"""Every operation of the OpenAPI documents is there, and none of their paths has a further one."""

from typing import Any

import httpx2
import pytest

from .hubs import PATIENCE_S, Hub
from .seeds import Party

DOCUMENTS = ("openapi.json", "openapi-pilot.json")
VERBS = ("get", "put", "post", "delete", "patch")
ANYTHING = {
    "workspace_uuid": "87ffce7c-da28-49cf-9134-8db9fd87ccd1",
    "group_id": "87ffce7c-da28-49cf-9134-8db9fd87ccd2",
    "element_id": "87ffce7c-da28-49cf-9134-8db9fd87ccd3",
    "format": "gpx",
}


def address(path: str) -> str:
    """A path with something in the place of each parameter."""
    for name, value in ANYTHING.items():
        path = path.replace(f"{{{name}}}", value)
    while "{" in path:
        before, _, rest = path.partition("{")
        path = before + "1" + rest.partition("}")[2]
    return path


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_documented_operation_exists_and_no_other(hub: Hub, name: str) -> None:
    """A verb that is not documented is refused with those that are; one that is gets a stranger's answer."""
    wrong = []
    with httpx2.Client(timeout=PATIENCE_S) as client:
        for path, item in hub.document(name)["paths"].items():
            verbs = {verb for verb in VERBS if verb in item}
            allowed = {verb.upper() for verb in verbs} | ({"HEAD"} if "get" in verbs else set())
            for verb in VERBS:
                answer = client.request(verb.upper(), hub.url + address(path))
                if verb in verbs:
                    if answer.status_code not in (200, 400, 401, 403):
                        wrong.append(f"{verb} {path}: {answer.status_code}")
                elif answer.status_code != 405:
                    wrong.append(f"{verb} {path} is not documented: {answer.status_code}")
                elif {word.strip() for word in answer.headers["allow"].split(",")} != allowed:
                    wrong.append(f"{path} allows {answer.headers['allow']}")
    assert wrong == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_sound(hub: Hub, name: str) -> None:
    """It fits the specification's own schema, and every reference leads somewhere."""
    import schemathesis

    document = hub.document(name)
    schemathesis.openapi.from_dict(document).validate()
    for reference in _references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def _references(value: Any) -> list[str]:
    match value:
        case dict():
            here = [item for key, item in value.items() if key == "$ref"]
            return here + [found for item in value.values() for found in _references(item)]
        case list():
            return [found for item in value for found in _references(item)]
        case _:
            return []


def test_what_is_asked_for_is_answered_in_the_documented_shape(hub: Hub, us: Party) -> None:
    """Each GET of the REST contract on something that is there: 200, or the 410 that its description promises."""
    import jsonschema  # type: ignore[import-untyped]

    document = hub.document("openapi.json")
    empty = {"/api/media/ground-coverage/{media_id}", "/api/file/thumbnail/{file_id}"}
    wrong = []
    for path, item in document["paths"].items():
        operation = item.get("get")
        if operation is None or not path.startswith("/api/") or "connection-link" in path:
            continue
        asked = path
        for name, value in us.ids.items():
            asked = asked.replace(f"{{{name}}}", str(value))
        answer = httpx2.get(hub.url + asked, headers=us.headers, timeout=PATIENCE_S)
        if answer.status_code != 200:
            if not (path in empty and answer.status_code == 410):
                wrong.append(f"{path}: {answer.status_code} {answer.text}")
            continue
        content = operation["responses"]["200"]["content"]
        if "application/json" in content:
            schema = {**content["application/json"]["schema"], "components": document["components"]}
            errors = jsonschema.Draft202012Validator(schema).iter_errors(answer.json())
            wrong += [f"{path}: {error.json_path}: {error.message}" for error in errors]
    assert wrong == []
