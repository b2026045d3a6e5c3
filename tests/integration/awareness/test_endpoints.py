"""The topologies and the shared map over HTTP, as Pilot asks for them and as it must not be asked (security.md, 15)."""

import json
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from structlog.testing import capture_logs

from ofh.store.models import MapElement
from tests.captures.reader import capture
from tests.integration.awareness.site import Site

MARKER = "marker-51d2-token"
ID = "6d5da7b4-ac39-42bf-9580-4c8a94c11989"
POINT = {
    "type": "Feature",
    "properties": {"color": "#2D8CF0", "clampToGround": True},
    "geometry": {"type": "Point", "coordinates": [9.9539114, 50.497987, 996.4]},
}
ELEMENT = {"id": ID, "name": "HUB 1", "resource": {"type": 0, "content": POINT}}


async def topologies_of(site: Site) -> str:
    return f"/manage/api/v1/workspaces/{await site.house.uuid()}/devices/topologies"


async def map_of(site: Site) -> str:
    return f"/map/api/v1/workspaces/{await site.house.uuid()}"


async def group_of(site: Site) -> str:
    [layer] = await site.elements.layers(site.house.workspace.id)
    return str(layer.group.id)


async def ways(site: Site, group: str | None = None, element: str = ID) -> list[tuple[str, str, Any]]:
    """Every endpoint with a request that is in order."""
    base = await map_of(site)
    return [
        ("GET", await topologies_of(site), None),
        ("GET", base.replace("/map/", "/wayline/") + "/waylines?page=1", None),
        ("GET", f"{base}/element-groups?is_distributed=true", None),
        ("POST", f"{base}/element-groups/{group or await group_of(site)}/elements", ELEMENT),
        ("PUT", f"{base}/elements/{element}", {"name": "HUB 2", "content": POINT}),
        ("DELETE", f"{base}/elements/{element}", None),
    ]


def data_of(answer: httpx2.Response) -> Any:
    envelope = answer.json()
    assert answer.status_code == 200
    assert (envelope["code"], envelope["message"]) == (0, "success")
    return envelope["data"]


async def draw(site: Site, **changes: Any) -> httpx2.Response:
    path = f"{await map_of(site)}/element-groups/{await group_of(site)}/elements"
    return await site.ask("POST", path, site.house.made.secret, json={**ELEMENT, **changes})


async def test_the_list_of_nobody_is_that_of_the_sample(site: Site) -> None:
    """Chapter 10: topologies: empty list."""
    answer = await site.ask("GET", await topologies_of(site), site.house.made.secret)
    assert answer.json() == capture("http-topologies-empty")["response"]["body"]


async def test_the_list_has_controllers_with_their_aircraft(site: Site) -> None:
    """Chapter 10: topologies: strings in `device_model`."""
    made = site.house.made
    await site.bench.announce(made.connection.public_id, "RC1", "AC1")
    [item] = data_of(await site.ask("GET", await topologies_of(site), made.secret))["list"]
    user = {"user_id": str(made.connection.id), "user_callsign": "RC Plus"}
    assert item == {
        "hosts": [
            {
                "sn": "AC1",
                "device_callsign": "AC1",
                "device_model": {"key": "0-67-1", "domain": "0", "type": "67", "sub_type": "1"},
                "online_status": True,
                **user,
            }
        ],
        "parents": [
            {
                "sn": "RC1",
                "device_callsign": "RC Plus",
                "device_model": {"key": "2-119-0", "domain": "2", "type": "119", "sub_type": "0"},
                "online_status": True,
                **user,
            }
        ],
    }


@pytest.mark.parametrize(("query", "page", "size"), [("", 1, 10), ("page=-1&page_size=x", 1, 10), (None, 1, 9)])
async def test_the_library_of_waylines_is_empty(site: Site, query: str | None, page: int, size: int) -> None:
    sample = capture("http-waylines-empty")
    asked = sample["request"]["path"].partition("?")[2] if query is None else query
    path = (await map_of(site)).replace("/map/", "/wayline/") + f"/waylines?{asked}"
    answer = await site.ask("GET", path, site.house.made.secret)
    wanted = sample["response"]["body"]
    assert data_of(answer) == {**wanted["data"], "pagination": {"page": page, "page_size": size, "total": 0}}


async def test_the_map_is_that_of_the_sample(site: Site) -> None:
    base, secret = await map_of(site), site.house.made.secret
    [group] = data_of(await site.ask("GET", f"{base}/element-groups?is_distributed=true", secret))
    assert data_of(await draw(site)) == {"id": ID}
    [wanted] = capture("http-map-element-groups")["response"]["body"]["data"]
    [found] = data_of(await site.ask("GET", f"{base}/element-groups?group_id={group['id']}", secret))
    [element] = found["elements"]
    assert found.keys() == wanted.keys()
    assert (found["type"], found["is_lock"], type(found["create_time"])) == (2, False, int)
    assert element.keys() == wanted["elements"][0].keys()
    assert element["resource"] == {"type": 0, "user_name": "RC Plus", "content": POINT}
    assert type(element["update_time"]) is int
    for query in (f"group_id={uuid4()}", "is_distributed=false"):
        assert data_of(await site.ask("GET", f"{base}/element-groups?{query}", secret)) == []


async def test_drawing_changing_and_deleting_may_be_repeated(site: Site) -> None:
    base, secret = await map_of(site), site.house.made.secret
    for _ in range(2):
        assert data_of(await draw(site)) == {"id": ID}
    for _ in range(2):
        changed = await site.ask("PUT", f"{base}/elements/{ID}", secret, json={"name": "HUB 2", "content": POINT})
        assert data_of(changed) == {"id": ID}
    for _ in range(2):
        assert data_of(await site.ask("DELETE", f"{base}/elements/{ID}", secret)) == {"id": ID}
    assert not await MapElement.exists()


async def test_what_is_not_there_is_410_where_it_has_to_be(site: Site) -> None:
    base, secret = await map_of(site), site.house.made.secret
    body = {"name": "HUB 2", "content": POINT}
    assert (await site.ask("PUT", f"{base}/elements/{ID}", secret, json=body)).status_code == 410
    nowhere = f"{base}/element-groups/{uuid4()}/elements"
    assert (await site.ask("POST", nowhere, secret, json=ELEMENT)).status_code == 410


@pytest.mark.parametrize("token", [None, "", MARKER])
async def test_nobody_without_a_live_token_gets_anywhere(site: Site, token: str | None) -> None:
    """Chapter 10: 401 only for dead tokens."""
    for method, path, body in [*await ways(site), *await ways(site, element="nonsense")]:
        with capture_logs() as logs:
            answer = await site.ask(method, path, token, json=body)
        assert answer.status_code == 401
        assert MARKER not in repr(logs)


async def test_a_token_of_another_workspace_is_403_and_changes_nothing(site: Site) -> None:
    """Chapter 10: foreign workspace 403."""
    elsewhere = await site.house.workspaces.create(site.house.owner, "Elsewhere")
    stranger = await site.house.connection("Stranger", elsewhere)
    await draw(site)
    for method, path, body in await ways(site):
        assert (await site.ask(method, path, stranger.secret, json=body)).status_code == 403
    assert [row.name for row in await MapElement.all()] == ["HUB 1"]


async def test_ones_own_workspace_shows_nothing_of_anothers_ids(site: Site) -> None:
    """The same answers for an id that another workspace has and for one that nobody has."""
    elsewhere = await site.house.workspaces.create(site.house.owner, "Elsewhere")
    stranger = await site.house.connection("Stranger", elsewhere)
    await draw(site)
    base, group = f"/map/api/v1/workspaces/{elsewhere.uuid}", await group_of(site)

    async def answers(group_id: str, element_id: str) -> list[tuple[int, Any]]:
        body = {"name": "HUB 2", "content": POINT}
        found = [
            await site.ask("GET", f"{base}/element-groups?group_id={group_id}", stranger.secret),
            await site.ask("POST", f"{base}/element-groups/{group_id}/elements", stranger.secret, json=ELEMENT),
            await site.ask("PUT", f"{base}/elements/{element_id}", stranger.secret, json=body),
            await site.ask("DELETE", f"{base}/elements/{element_id}", stranger.secret),
        ]
        return [(answer.status_code, answer.text.replace(element_id, "")) for answer in found]

    assert await answers(group, ID) == await answers(str(uuid4()), str(uuid4()))
    assert [row.name for row in await MapElement.all()] == ["HUB 1"]


@pytest.mark.parametrize("id", ["1", "nonsense", "6d5da7b4ac3942bf95804c8a94c11989", "{" + ID + "}", "%00", "..%2f"])
async def test_malformed_ids_are_400(site: Site, id: str) -> None:
    base, secret = await map_of(site), site.house.made.secret
    body = {"name": "HUB 2", "content": POINT}
    for method, path, said in [
        ("GET", f"/element-groups?group_id={id}", None),
        ("POST", f"/element-groups/{id}/elements", ELEMENT),
        ("PUT", f"/elements/{id}", body),
        ("DELETE", f"/elements/{id}", None),
    ]:
        assert (await site.ask(method, base + path, secret, json=said)).status_code in (400, 404)
    assert (await draw(site, id=id)).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": 5},
        {"id": [ID]},
        {"name": None},
        {"name": ""},
        {"name": "a\nb"},
        {"name": "a\0b"},
        {"name": "n" * 256},
        {"name": {"a": 1}},
        {"resource": None},
        {"resource": []},
        {"resource": {}},
        {"resource": {"type": 0, "content": None}},
        {"resource": {"type": 1, "content": POINT}},
        {"resource": {"type": 0, "content": {**POINT, "geometry": {"type": "Point", "coordinates": [500, 0]}}}},
        {"resource": {"type": 0, "content": {**POINT, "properties": {"note": "a\0b"}}}},
        {"resource": {"type": 0, "content": {**POINT, "properties": {"note": "x" * 65_536}}}},
        {"resource": {"type": 0, "content": POINT, "user_name": "a\nb"}},
    ],
)
async def test_drawings_out_of_shape_are_400_and_draw_nothing(site: Site, changes: dict[str, Any]) -> None:
    answer = await draw(site, **changes)
    assert answer.status_code == 400
    assert answer.json()["code"] != 0
    assert not await MapElement.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"5", 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (json.dumps(ELEMENT).replace("HUB 1", "\\ud800").encode(), 400),
        (json.dumps(ELEMENT).replace("9.9539114", "NaN").encode(), 400),
        (b" " * 300_000, 413),
    ],
)
async def test_bodies_that_are_none_are_refused(site: Site, body: bytes, status: int) -> None:
    path = f"{await map_of(site)}/element-groups/{await group_of(site)}/elements"
    answer = await site.ask("POST", path, site.house.made.secret, content=body)
    assert answer.status_code == status
    assert not await MapElement.exists()


async def test_texts_of_any_script_are_kept(site: Site) -> None:
    content = {**POINT, "properties": {"note": "Ωλ 山 🚁", "deep": {"a": [1, None, True]}}}
    data_of(await draw(site, name="Gipfelkreuz 山 🚁", resource={"type": "0", "content": content}))
    [row] = await MapElement.all()
    assert (row.name, row.content) == ("Gipfelkreuz 山 🚁", content)


async def test_wrong_verbs_are_405_and_rates_are_limited(site: Site) -> None:
    secret = site.house.made.secret
    assert (await site.ask("POST", await topologies_of(site), secret)).status_code == 405
    assert (await site.ask("GET", f"{await map_of(site)}/elements/{ID}", secret)).status_code == 405
    site.limited = True
    for method, path, body in await ways(site):
        answer = await site.ask(method, path, secret, json=body)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
