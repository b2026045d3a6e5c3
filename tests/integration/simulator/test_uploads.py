"""How a simulated controller uploads: the order and the bodies, and what it does when something fails."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from starlette.responses import JSONResponse, Response

from ofh.simulator import uploads as module
from ofh.simulator.aircraft import Aircraft, Base, Phase
from ofh.simulator.chaos import Chaos
from ofh.simulator.errors import GrantRefused, UploadFailed
from ofh.simulator.media_api import MediaApi
from ofh.simulator.models import AIRCRAFT_MODELS
from ofh.simulator.object_store import Clients, ObjectStore
from ofh.simulator.photos import Photo
from ofh.simulator.pilot import CloudAccess
from ofh.simulator.pushes import listen
from ofh.simulator.stats import Stats
from ofh.simulator.uploads import Darkroom, Uploads
from tests.captures.reader import capture
from tests.integration.simulator.stub_hub import StubHub, running
from tests.support.s3 import run_s3

PLACE = (9.9539, 50.498)
PATIENCE_S = 60.0
CLIENTS = Clients()
SURVEYOR, CIRCLER = 3, 0
"""Indexes of aircraft that fly a survey and an orbit, with seed 1."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repetitions come soon."""
    monkeypatch.setattr(module, "RETRY_AFTER_S", (0.02, 0.1))


class QuickDarkroom(Darkroom):
    """Files that are no pictures, for tests of their way."""

    async def develop(self, photo: Photo) -> bytes:
        return b"\xff\xd8\xff" + f"{photo.serial} {photo.name}".encode() * 200


class Controller:
    """An aircraft and the uploads of its controller, in the test's hands."""

    def __init__(self, hub: StubHub, *, index: int, model: int = 1, chaos: Chaos | None = None, **more: Any) -> None:
        base = Base(longitude_deg=PLACE[0], latitude_deg=PLACE[1], height_m=996.4)
        self.hub, self.stats, self.notices = hub, Stats(), list[str]()
        self.aircraft = Aircraft(model=AIRCRAFT_MODELS[model], serial=f"1581SIM{index}", base=base, seed=1, index=index)
        self.http = httpx2.AsyncClient(timeout=PATIENCE_S)
        self.opened = 0
        self.chaos = chaos or Chaos()
        self.uploads = Uploads(
            api=MediaApi(self.http, hub.access, self.chaos),
            reopen=self._reopen,
            darkroom=more.pop("darkroom", QuickDarkroom()),
            clients=CLIENTS,
            place=PLACE,
            seed=1,
            stats=self.stats,
            chaos=self.chaos,
            notice=self.notices.append,
        )

    async def _reopen(self) -> CloudAccess:
        self.opened += 1
        if self.opened == 1:
            raise UploadFailed("the page does not load")
        return self.hub.access

    def fly(self, until: Callable[[], bool]) -> None:
        """Let time pass for the aircraft until something is so; its photos are collected as they are taken."""
        for _ in range(20_000):
            self.aircraft.advance(0.5)
            self.uploads.collect(self.aircraft, now=datetime.now(UTC), speed=1.0)
            if until():
                return
        raise AssertionError("the aircraft never gets there")

    def fly_photos(self, number: int) -> None:
        """Until so many were taken."""
        self.fly(lambda: self.stats.photos_taken >= number)

    def fly_home(self) -> None:
        """Until it has landed after its photos."""
        self.fly_photos(self.stats.photos_taken + 1)
        self.fly(lambda: self.aircraft.phase is Phase.STANDBY)

    async def until(self, reached: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not reached():
                await asyncio.sleep(0.01)

    async def until_uploaded(self) -> None:
        await self.until(lambda: self.stats.photos_uploaded == self.stats.photos_taken - self.stats.photos_left_out)


@asynccontextmanager
async def flying(hub: StubHub | None = None, **options: Any) -> AsyncIterator[Controller]:
    """A hub and a controller whose uploads run."""
    async with running(hub or StubHub()) as served:
        controller = Controller(served, **{"index": SURVEYOR, **options})
        working = asyncio.create_task(controller.uploads.run())
        try:
            yield controller
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await controller.http.aclose()


def shape(value: Any) -> Any:
    """The structure of a JSON value: members and types, with no values."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def sample(name: str) -> Any:
    return capture(name)["request"]["body"]


async def test_a_photo_goes_the_way_of_pilot_with_pilots_bodies() -> None:
    async with flying(model=0, darkroom=Darkroom()) as controller:
        controller.fly_photos(2)  # both lenses of one shot
        await controller.until_uploaded()
    hub = controller.hub
    assert hub.kinds() == [
        *("tiny-fingerprints", "fast-upload", "sts", "put", "upload-callback"),
        *("fast-upload", "put", "upload-callback"),
    ]
    assert len(hub.bodies("tiny-fingerprints")[0]["tiny_fingerprints"]) == 2
    assert hub.bodies("sts") == [None]
    for kind, name in (
        ("fast-upload", "http-fast-upload-miss"),
        ("upload-callback", "http-upload-callback-photo-wide"),
        ("tiny-fingerprints", "http-tiny-fingerprints"),
    ):
        for body in hub.bodies(kind):
            assert shape(body) == shape(sample(name)), kind
    for body in hub.callbacks():
        content = hub.objects[body["object_key"]]
        assert content.startswith(b"\xff\xd8\xff")
        assert body["fingerprint"] == hashlib.md5(content).hexdigest().upper()
        assert body["object_key"] == f"87ffce7c-da28-49cf-9134-8db9fd87ccd1/1/{body['name']}"
        assert body["ext"]["sn"] == controller.aircraft.serial
        assert (body["ext"]["drone_model_key"], body["ext"]["payload_model_key"]) == ("0-67-1", "1-53-0")
        assert body["path"].startswith("DJI_20")
    token = capture("http-sts-minio")["response"]["body"]["data"]["credentials"]["security_token"]
    for headers in hub.puts:
        assert headers["x-amz-security-token"] == token
        assert "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLEPILOT0001/" in headers["authorization"]
        assert headers["content-type"] == "image/jpeg"


async def test_the_storage_is_one_that_checks_signatures() -> None:
    with run_s3() as store:
        bucket = store.new_bucket()
        role = store.client("sts").assume_role(RoleArn=store.role, RoleSessionName="pilot")["Credentials"]
        credentials = {
            "access_key_id": role["AccessKeyId"],
            "access_key_secret": role["SecretAccessKey"],
            "security_token": role["SessionToken"],
            "expire": 3300,
        }
        hub = StubHub(storage={"endpoint": store.endpoint, "bucket": bucket, "credentials": credentials})
        async with running(hub) as served:
            controller = Controller(served, index=SURVEYOR)
            controller.fly_photos(1)
            photo = next(job.photo for job in controller.uploads._jobs if job.photo is not None)
            content = await controller.uploads.darkroom.develop(photo)
            grant = await controller.uploads.api.grant()
            await ObjectStore(grant, CLIENTS).put(f"{grant.prefix}/{photo.name}", content)
            wrong = replace(grant, secret="another")
            with pytest.raises(GrantRefused):
                await ObjectStore(wrong, CLIENTS).put(f"{grant.prefix}/no", content)
            await controller.http.aclose()
        found = store.client().list_objects_v2(Bucket=bucket)["Contents"]
        assert [item["Key"] for item in found] == [f"{grant.prefix}/{photo.name}"]
        assert store.client().get_object(Bucket=bucket, Key=found[0]["Key"])["Body"].read() == content


async def test_what_the_hub_holds_is_not_sent() -> None:
    async with running(StubHub()) as served:
        first = Controller(served, index=SURVEYOR)
        first.fly_photos(3)
        photos = [job.photo for job in first.uploads._jobs if job.photo is not None]
        served.tiny = {photos[0].tiny_fingerprint}
        content = await first.uploads.darkroom.develop(photos[1])
        served.fingerprints = {hashlib.md5(content).hexdigest().upper()}
        working = asyncio.create_task(first.uploads.run())
        await first.until_uploaded()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await first.http.aclose()
    assert served.kinds() == [
        *("tiny-fingerprints", "fast-upload"),  # one by each of the two
        *("fast-upload", "sts", "put", "upload-callback"),
    ]
    assert [body["name"] for body in served.callbacks()] == [photos[2].name]


def envelope(code: object) -> Response:
    return JSONResponse({"code": code, "message": "not now", "data": {}})


@pytest.mark.parametrize("step", ["tiny-fingerprints", "fast-upload", "sts", "put", "upload-callback"])
@pytest.mark.parametrize("status", [500, 503, 429])
async def test_whatever_fails_begins_again_with_fast_upload(step: str, status: int) -> None:
    hub = StubHub(failures={step: [Response(status_code=status), Response(status_code=status)]})
    async with flying(hub) as controller:
        controller.fly_photos(1)
        await controller.until_uploaded()
    assert len(hub.objects) == len({body["fingerprint"] for body in hub.callbacks()}) == 1
    assert controller.stats.upload_failures == 2
    kinds = hub.kinds()
    if step == "tiny-fingerprints":
        assert kinds[:3] == [step] * 3
    else:
        assert kinds.count("fast-upload") == 3
    assert len([notice for notice in controller.notices if "repeated" in notice]) == 1


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("sts", capture("http-sts-not-configured")["response"]["body"]),
        ("sts", {"code": 0, "message": "success", "data": {"endpoint": "x"}}),
        ("upload-callback", {"code": -1, "message": "foreign key", "data": {}}),
        ("fast-upload", {"code": "0", "message": "success", "data": {}}),
        ("upload-callback", ["no envelope"]),
    ],
)
async def test_answers_that_devices_could_not_use_are_failures(step: str, answer: Any) -> None:
    hub = StubHub(failures={step: [JSONResponse(answer)]})
    async with flying(hub) as controller:
        controller.fly_photos(1)
        await controller.until_uploaded()
    assert controller.stats.upload_failures == 1
    assert len(hub.objects) == 1


async def test_an_upload_that_failed_is_told_as_such() -> None:
    hub = StubHub(failures={"put": [Response(status_code=403)]})
    async with flying(hub) as controller:
        controller.fly_photos(1)
        await controller.until_uploaded()
    told = hub.bodies("upload-callback")
    assert [body["result"] for body in told] == [1, 0]
    assert shape(told[0]) == shape(sample("http-upload-callback-failed"))
    assert hub.grants == 2, "credentials that were refused are not tried again"


async def test_a_group_is_told_when_its_last_file_is_up() -> None:
    async with flying() as controller:
        controller.fly_photos(3)
        await controller.until_uploaded()
        assert controller.hub.bodies("group-upload-callback") == []
        controller.fly_home()
        await controller.until(lambda: controller.stats.groups_told)
    hub = controller.hub
    (told,) = hub.bodies("group-upload-callback")
    assert shape(told) == shape(sample("http-group-upload-callback-complete"))
    assert told["file_count"] == told["file_uploaded_count"] == controller.stats.photos_taken == len(hub.objects)
    assert {body["ext"]["file_group_id"] for body in hub.callbacks()} == {told["file_group_id"]}
    assert hub.kinds()[-1] == "group-upload-callback"
    assert hub.grants == 1, "credentials serve many files"


async def test_two_flights_are_two_groups_in_two_folders() -> None:
    async with flying() as controller:
        for number in (1, 2):
            controller.fly_home()
            await controller.until(lambda number=number: controller.stats.groups_told == number)
    groups = {body["ext"]["file_group_id"]: body["path"] for body in controller.hub.callbacks()}
    assert len(groups) == len(set(groups.values())) == 2


async def test_photos_taken_by_hand_belong_to_no_group() -> None:
    async with flying(index=CIRCLER) as controller:
        assert controller.aircraft.mission.kind == "orbit"
        controller.fly_photos(2)
        assert controller.aircraft.mission.kind == "orbit"
        controller.fly(lambda: controller.aircraft.phase is Phase.STANDBY)
        await controller.until_uploaded()
    assert {(body["path"], body["ext"]["file_group_id"]) for body in controller.hub.callbacks()} == {("", "")}
    assert controller.hub.bodies("group-upload-callback") == []


async def test_a_full_controller_leaves_files_out_and_its_group_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 5)
    async with flying() as controller:
        controller.fly_home()  # the loop does not get a turn: nothing is sent meanwhile
        await controller.until(lambda: controller.stats.groups_told)
    (told,) = controller.hub.bodies("group-upload-callback")
    assert (told["file_uploaded_count"], len(controller.hub.objects)) == (5, 5)
    assert told["file_count"] == controller.stats.photos_taken == 5 + controller.stats.photos_left_out


async def test_photos_taken_out_of_reach_come_when_the_link_is_back() -> None:
    async with flying() as controller:
        aircraft = controller.aircraft
        while aircraft.phase is not Phase.ON_MISSION:
            aircraft.advance(1)
        aircraft.advance(120)
        await asyncio.sleep(0)
        assert controller.stats.photos_taken == 0
        controller.uploads.collect(aircraft, now=datetime.now(UTC), speed=1.0)
        await controller.until_uploaded()
    times = [datetime.fromisoformat(body["metadata"]["created_time"]) for body in controller.hub.callbacks()]
    assert len(times) > 3
    assert times == sorted(times)
    assert (times[-1] - times[0]).total_seconds() == pytest.approx(6 * (len(times) - 1), abs=2)


async def test_a_dead_token_makes_the_pilot_open_the_page_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with flying() as controller:
        hub = controller.hub
        controller.fly_photos(1)
        await controller.until_uploaded()
        hub.token = "pt_new"
        controller.fly_photos(2)
        await controller.until_uploaded()
    assert controller.opened == 2, "the first time it does not load"
    assert len(hub.objects) == 2
    assert any("leave the cloud" in notice for notice in controller.notices)
    assert not any("pt_" in notice for notice in controller.notices)


async def test_a_torn_upload_leaves_no_object_and_comes_again() -> None:
    class Tearing(Chaos):
        torn = 0

        def tears(self) -> float | None:
            self.torn += 1
            return 0.5 if self.torn <= 2 else None

    async with flying(chaos=Tearing(), darkroom=Darkroom()) as controller:
        controller.fly_photos(1)
        await controller.until_uploaded()
    hub = controller.hub
    assert hub.torn == 2
    assert hub.kinds().count("put") == len(hub.objects) == 1
    assert [body["result"] for body in hub.bodies("upload-callback")] == [1, 1, 0]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_in_chaos_every_photo_ends_up_there_once(seed: int) -> None:
    chaos = Chaos(seed, "controller", haste=200.0)
    async with flying(chaos=chaos) as controller:
        controller.fly_home()
        await controller.until(lambda: controller.stats.groups_told)
        await controller.until_uploaded()
    hub = controller.hub
    stored = {body["ext"]["tinny_fingerprint"]: body["fingerprint"] for body in hub.callbacks()}
    assert len(stored) == len(set(stored.values())) == controller.stats.photos_taken
    assert all(hashlib.md5(content).hexdigest().upper() in hub.fingerprints for content in hub.objects.values())
    assert hub.bodies("group-upload-callback")[-1]["file_uploaded_count"] == controller.stats.photos_taken
    assert controller.notices == []


class Twice(Chaos):
    """Every callback is made twice, and what came last goes first."""

    def repeats(self) -> bool:
        return True

    def pick(self, waiting: int) -> int:
        return waiting - 1


async def test_what_is_told_twice_and_out_of_order_ends_up_there_once() -> None:
    hub = StubHub()
    async with running(hub):
        controller = Controller(hub, index=SURVEYOR, chaos=Twice())
        controller.fly_photos(3)
        working = asyncio.create_task(controller.uploads.run())
        await controller.until_uploaded()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await controller.http.aclose()
    names = [body["name"] for body in hub.callbacks()]
    assert len(hub.objects) == len(set(names)) == controller.stats.photos_taken
    assert all(names.count(name) == 2 for name in names)
    assert names != sorted(names), "not in the order in which they were taken"


async def test_the_websocket_counts_what_is_pushed_and_fetches_what_changed() -> None:
    pushes = [json.dumps(capture(f"ws-{name}")["payload"]) for name in ("device-online", "device-osd-aircraft")]
    async with running(StubHub(pushes=[*pushes, "no JSON", "[]"])) as hub, httpx2.AsyncClient() as http:
        stats, chaos = Stats(), Chaos()
        listening = asyncio.create_task(listen(MediaApi(http, hub.access, chaos), stats, chaos))
        async with asyncio.timeout(PATIENCE_S):
            while stats.pushes.total() < 4 or stats.topologies_fetched < 2:
                await asyncio.sleep(0.01)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    assert stats.pushes == {"device_online": 1, "device_osd": 1, "unreadable": 1, "unknown": 1}
    assert hub.sockets == ["pt_4Zk0"]
    assert hub.kinds() == ["topologies", "topologies"], "at first, and when a device came"


async def test_a_hub_without_a_websocket_is_left_in_peace() -> None:
    async with running(StubHub()) as hub, httpx2.AsyncClient() as http:
        access = replace(hub.access, socket_url=None)
        await asyncio.wait_for(listen(MediaApi(http, access, Chaos()), Stats(), Chaos()), PATIENCE_S)
    assert hub.sockets == []


async def test_the_websocket_is_opened_again_when_it_breaks() -> None:
    async with running(StubHub(pushes=["{}"])) as hub, httpx2.AsyncClient() as http:
        chaos, stats = Chaos(1, "x", haste=1000.0), Stats()
        listening = asyncio.create_task(listen(MediaApi(http, hub.access, chaos), stats, chaos))
        async with asyncio.timeout(PATIENCE_S):
            while len(hub.sockets) < 3:
                await asyncio.sleep(0.01)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
