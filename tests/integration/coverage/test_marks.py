"""The ground coverage that a hub computes contains exactly the marks that the pictures show.

Real photos of the simulator are uploaded to a running hub as a controller does it, and read, looked into and answered
for as any others. Then, mark by mark: one that is whole in a picture lies in that picture's polygon, one that is not in
it at all lies outside. Left out are the marks that the picture's border cuts, and what is farther than the range.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from math import cos, pi, sin
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import httpx2
import pytest
import shapely  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from PIL import Image

from ofh.domain.geodesy import distance_m, local_offset, offset
from ofh.simulator.ground import MARK_RADIUS_M, Mark, marks
from ofh.simulator.models import AIRCRAFT_MODELS
from ofh.simulator.photos import Photo, camera_time, fingerprint, photos_of
from tests.support.faults import Crew, crew
from tests.support.hubs import HubProcess, Way, base_environment, hub_process
from tests.support.services import free_port
from tests.unit.simulator.test_photos import shot

PLACE = (9.9539, 50.498)
SEED = 1
PATIENCE_S = 240.0
RANGE_M = 700.0
"""The hub's, so that it ends within the field of marks."""
FAR_PX = 250
"""No mark reaches so far from its middle, in any of these pictures."""
MARGIN_M = 0.35
"""Within so much of the border of what it sees a picture may show a mark's edge or not."""


@dataclass(frozen=True)
class Case:
    """How an aircraft and its camera stood."""

    model: int
    east_m: float
    north_m: float
    elevation_m: float
    heading_deg: float
    pitch_deg: float


CASES = [
    Case(0, 0, 0, 60, 0, -90),
    Case(0, 40, -30, 90, 137, -90),
    Case(1, -120, 60, 80, -75, -60),
    Case(2, 200, -180, 110, 33, -45),
    Case(0, -60, -240, 70, -10, -25),
    Case(0, 10, 20, 45, 170, -5),
]


def shots() -> Iterator[Photo]:
    """All lenses of all cases."""
    began = datetime(2025, 6, 14, 9, 21, tzinfo=UTC)
    for number, case in enumerate(CASES, 1):
        longitude, latitude = offset(*PLACE, east_m=case.east_m, north_m=case.north_m)
        yield from photos_of(
            shot(
                number=number,
                longitude_deg=longitude,
                latitude_deg=latitude,
                elevation_m=case.elevation_m,
                height_m=996.4 + case.elevation_m,
                heading_deg=case.heading_deg,
                gimbal_pitch_deg=case.pitch_deg,
            ),
            serial="1581SIM000000001",
            model=AIRCRAFT_MODELS[case.model],
            taken_at=camera_time(began, PLACE[0]),
            flight_began_at=camera_time(began, PLACE[0]),
            place=PLACE,
            seed=SEED,
        )


@pytest.fixture
def way(tmp_path: Path) -> Way:
    port = free_port()
    environment = {
        **base_environment(tmp_path),
        "OFH_MQTT_PORT": str(port),
        "OFH_COVERAGE_RANGE_M": str(RANGE_M),
    }
    return Way("embedded", environment, port, tmp_path)


async def test_each_polygon_has_exactly_the_marks_that_its_picture_shows(way: Way) -> None:
    taken = list(shots())
    async with hub_process(way) as hub:
        owner = await crew(way, hub, controllers=1)
        contents = {photo.name: await asyncio.to_thread(photo.content) for photo in taken}
        await asyncio.to_thread(upload, hub, owner, taken, contents)
        found = await looked_at(hub, owner, len(taken))
    seen_in_all = 0
    for photo in taken:
        polygon = shapely.Polygon(*found[photo.name])
        seen = check(photo, polygon)
        assert seen
        check_picture(photo, contents[photo.name], seen)
        seen_in_all += len(seen)
    assert len(taken) > len(CASES), "thermal pictures too"
    assert seen_in_all > 300


def check(photo: Photo, polygon: Any) -> list[Mark]:
    """Every mark against the polygon; those that are whole in the picture."""
    pose, seen, outside = photo.pose, [], 0
    shapely.prepare(polygon)
    for mark in marks(PLACE, SEED):
        point = shapely.Point(mark.longitude_deg, mark.latitude_deg)
        away = distance_m(pose.longitude_deg, pose.latitude_deg, mark.longitude_deg, mark.latitude_deg)
        if abs(away - RANGE_M) < MARK_RADIUS_M + 1:
            continue
        east, north = local_offset(pose.longitude_deg, pose.latitude_deg, mark.longitude_deg, mark.latitude_deg)
        middle = pose.project(east, north)
        if middle is None or not (
            -FAR_PX < middle[0] < pose.width + FAR_PX and -FAR_PX < middle[1] < pose.height + FAR_PX
        ):
            assert not polygon.intersects(point), f"{photo.name} does not show {mark.number}"
            outside += 1
            continue
        rim = [pose.locate(*there) for there in around(mark, MARK_RADIUS_M + MARGIN_M)]
        is_shown = pose.locate(mark.longitude_deg, mark.latitude_deg) is not None
        if is_shown and all(rim) and away < RANGE_M:
            assert polygon.contains(point), f"{photo.name} shows {mark.number}"
            assert all(polygon.contains(shapely.Point(*there)) for there in around(mark, MARK_RADIUS_M)), mark.number
            seen.append(mark)
        elif away > RANGE_M or not (is_shown or any(rim)):
            assert not polygon.intersects(point), f"{photo.name} does not show {mark.number}"
            outside += 1
    assert outside
    return seen


def check_picture(photo: Photo, content: bytes, seen: list[Mark]) -> None:
    """The picture itself shows those: between number and rim it has the mark's colour, where that is large enough."""
    if photo.lens.is_thermal:
        return
    pose, looked_at = photo.pose, 0
    with Image.open(BytesIO(content)) as picture:
        for mark in seen:
            east, north = local_offset(pose.longitude_deg, pose.latitude_deg, mark.longitude_deg, mark.latitude_deg)
            below = pose.project(east, north - 0.55 * MARK_RADIUS_M)
            middle = pose.locate(mark.longitude_deg, mark.latitude_deg)
            if below is None or middle is None or abs(below[0] - middle[0]) + abs(below[1] - middle[1]) < 12:
                continue
            if not (2 < below[0] < pose.width - 2 and 2 < below[1] < pose.height - 2):
                continue
            shown = picture.crop((*(round(at) - 1 for at in below), *(round(at) + 2 for at in below))).resize(
                (1, 1), Image.Resampling.BOX
            )
            colour = shown.getpixel((0, 0))
            assert isinstance(colour, tuple)
            assert all(abs(a - b) < 80 for a, b in zip(colour, mark.colour, strict=True)), (photo.name, mark, colour)
            looked_at += 1
    assert looked_at or photo.shot.gimbal_pitch_deg > -30


def around(mark: Mark, radius_m: float) -> Iterator[tuple[float, float]]:
    """Points on the rim."""
    for step in range(12):
        angle = step * pi / 6
        yield offset(mark.longitude_deg, mark.latitude_deg, east_m=radius_m * cos(angle), north_m=radius_m * sin(angle))


def upload(hub: HubProcess, owner: Crew, taken: list[Photo], contents: dict[str, bytes]) -> None:
    """As the controller does it."""
    headers = {"x-auth-token": owner.accounts[0].secret}
    with httpx2.Client(base_url=hub.url, headers=headers, timeout=PATIENCE_S) as client:
        uuid = client.post(
            "/graphql",
            json={"query": "query($w:ID!){workspace(id:$w){uuid}}", "variables": {"w": owner.workspace}},
            headers={"authorization": f"Bearer {owner.token}"},
        ).json()["data"]["workspace"]["uuid"]
        grant = client.post(f"/storage/api/v1/workspaces/{uuid}/sts", json={}).json()["data"]
        credentials = grant["credentials"]
        storage = boto3.client(
            "s3",
            endpoint_url=hub.url,
            region_name=grant["region"],
            aws_access_key_id=credentials["access_key_id"],
            aws_secret_access_key=credentials["access_key_secret"],
            aws_session_token=credentials["security_token"],
            config=Config(s3={"addressing_style": "path"}),
        )
        for photo in taken:
            key = f"{grant['object_key_prefix']}/{photo.name}"
            storage.put_object(Bucket=grant["bucket"], Key=key, Body=contents[photo.name])
            told = {
                "result": 0,
                "object_key": key,
                "name": photo.name,
                "path": photo.folder,
                "fingerprint": fingerprint(contents[photo.name]),
                "sub_file_type": 0,
                "ext": {
                    "sn": photo.serial,
                    "drone_model_key": photo.model.key,
                    "payload_model_key": photo.payload_key,
                    "is_original": True,
                    "tinny_fingerprint": photo.tiny_fingerprint,
                },
                "metadata": photo.metadata,
            }
            answer = client.post(f"/media/api/v1/workspaces/{uuid}/upload-callback", json=told).json()
            assert answer["code"] == 0, answer


async def looked_at(hub: HubProcess, owner: Crew, number: int) -> dict[str, tuple[list[Any], list[list[Any]]]]:
    """The rings of all photos, by name, from REST; once the jobs have come to all of them."""
    query = """query($w:ID!){workspace(id:$w){ coverage{area mediaCount pendingCount unknownCount}
        media(first:200){edges{node{id fileName}}} events(first:200,kinds:[COVERAGE_CHANGED]){totalCount} }}"""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            shown = (await hub.graphql(owner.token, query, w=owner.workspace))["data"]["workspace"]
            if (shown["coverage"]["mediaCount"], shown["coverage"]["pendingCount"]) == (number, 0):
                break
            await asyncio.sleep(0.2)
    assert shown["coverage"]["unknownCount"] == 0
    assert shown["events"]["totalCount"] == number
    found = {}
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {owner.token}"}, timeout=PATIENCE_S) as client:
        for edge in shown["media"]["edges"]:
            answer = await client.get(f"{hub.url}/api/media/ground-coverage/{edge['node']['id']}")
            coverage = answer.raise_for_status().json()["coverage"]
            rings = [
                [(point["position"]["longitude"], point["position"]["latitude"]) for point in ring]
                for ring in (coverage["outer"], *coverage["holes"])
            ]
            found[edge["node"]["fileName"]] = (rings[0], rings[1:])
    return found
