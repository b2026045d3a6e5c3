"""A selection of media as one ZIP: whole, or not to be taken for it, and never more of it in memory than a piece."""

import asyncio
import csv
import io
import zipfile
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from ofh.backends.ports import MAX_CHUNK_BYTES
from ofh.domain.areas import Area
from ofh.domain.covered_ground import shape_of
from ofh.domain.errors import HubError
from ofh.domain.media import Lens, MediaType
from ofh.edges import media_selection
from ofh.edges.export_links import ExportLinks
from ofh.services import archives
from ofh.services.media import MediaFilter
from ofh.store.models import Coverage, File, Media, Membership
from tests.integration.exports.place import NOW, PATIENCE_S, START, Place, Sender


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "PAUSES_S", (0.0, 0.0))


async def photo(place: Place, number: int, name: str = "", content: bytes | None = None, **values: Any) -> Media:
    """A photo of 2,500 bytes; its object is there unless it is said to be none."""
    key = f"o{number}"
    whole = bytes([number]) * 2_500 if content is None else content
    file = await File.create(
        workspace_id=place.workspace.id,
        name=name or f"DJI_{number:04}_W.JPG",
        object_key=key,
        size=len(whole),
        content_type="image/jpeg",
        etag="e",
        created_at=NOW,
    )
    place.shelf.objects[key] = whole
    return await Media.create(
        **{
            "workspace_id": place.workspace.id,
            "file_id": file.id,
            "drone_id": place.drone.id,
            "type": "PHOTO",
            "lens": "WIDE",
            "captured_at": START + timedelta(seconds=number),
            "created_at": NOW + timedelta(seconds=number),
            **values,
        }
    )


def path(place: Place, query: str = "") -> str:
    return f"/export/workspace/{place.workspace.id}/media.zip{'?' if query else ''}{query}"


async def taken(place: Place, query: str = "") -> tuple[dict[str, bytes], list[dict[str, str]]]:
    """The entries of an archive, and its list."""
    answer = await place.ask(path(place, query))
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        entries = {name: archive.read(name) for name in archive.namelist()}
    assert list(entries)[-1] == "manifest.csv"
    return entries, list(csv.DictReader(io.StringIO(entries.pop("manifest.csv").decode())))


async def test_all_media_come_as_they_are_with_a_list(place: Place) -> None:
    one = await photo(place, 1, longitude=9.9, latitude=50.1)
    await photo(place, 2, folder="DJI_202605011200_001_Survey")
    await photo(place, 3, "DJI_0001_W.JPG")
    await photo(place, 4, "empty.SRT", b"")
    entries, listed = await taken(place)
    serial = place.drone.serial_number
    assert entries == {
        f"{serial}/DJI_0001_W.JPG": b"\x01" * 2_500,
        f"{serial}/DJI_202605011200_001_Survey/DJI_0002_W.JPG": b"\x02" * 2_500,
        f"{serial}/DJI_0001_W (2).JPG": b"\x03" * 2_500,
        f"{serial}/empty.SRT": b"",
    }
    assert [line["path"] for line in listed] == list(entries)
    assert listed[0] == {
        "path": f"{serial}/DJI_0001_W.JPG",
        "media_id": str(one.id),
        "file_id": str(one.file_id),
        "bytes": "2500",
        "taken_at_utc": "2026-05-01T12:00:01.250000Z",
        "drone": serial,
        "lens": "WIDE",
        "longitude": "9.9",
        "latitude": "50.1",
        "problem": "",
    }


async def test_the_answer_says_what_it_is(place: Place) -> None:
    answer = await place.ask(path(place), method="HEAD")
    assert answer.headers["content-type"] == "application/zip"
    assert 'filename="workspace-' in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content == b""


async def test_a_file_that_is_not_there_is_named_and_the_others_are(place: Place) -> None:
    rows = [await photo(place, number) for number in (1, 2, 3)]
    del place.shelf.objects["o2"]
    entries, listed = await taken(place)
    assert len(entries) == 2
    assert [(line["media_id"], line["problem"]) for line in listed] == [
        (str(rows[0].id), ""),
        (str(rows[1].id), "The file is not in the storage."),
        (str(rows[2].id), ""),
    ]
    assert listed[1]["path"] == ""


async def test_a_store_that_stumbles_is_asked_again_from_there(place: Place) -> None:
    await photo(place, 1)
    place.shelf.breaks_at["o1"] = [0, 1_000, 2_000]
    entries, _ = await taken(place)
    assert list(entries.values()) == [b"\x01" * 2_500]


@pytest.mark.parametrize("what", ["away", "short", "left the workspace", "deleted in the middle"])
async def test_what_breaks_off_is_never_taken_for_the_whole(place: Place, what: str) -> None:
    await photo(place, 1)
    second = await photo(place, 2)
    match what:
        case "away":
            place.shelf.breaks_at["o2"] = [1_000] * 9
        case "short":
            await File.filter(id=second.file_id).update(size=3_000)
        case "left the workspace":
            pass
        case _:
            place.shelf.breaks_at["o2"] = [1_000]
    sender = Sender()
    task = asyncio.create_task(place.app(place.scope(path(place)), sender.receive, sender.send))
    sender.taking.clear()
    async with asyncio.timeout(PATIENCE_S):
        await sender.waiting.wait()
    if what == "left the workspace":
        await Membership.filter(user_id=place.users["viewer"].id).delete()
    elif what == "deleted in the middle":
        del place.shelf.objects["o2"]
        place.shelf.endless.clear()
    sender.taking.set()
    if what == "deleted in the middle":  # before its first byte: it is left out, and the rest is whole
        await task
        assert sender.is_complete
        return
    with pytest.raises(HubError):
        await task
    assert not sender.is_complete


async def test_of_gibibytes_no_more_is_read_than_is_taken(place: Place) -> None:
    row = await photo(place, 1)
    await File.filter(id=row.file_id).update(size=6 * 2**30)
    place.shelf.endless.add("o1")
    sender = Sender()
    task = asyncio.create_task(place.app(place.scope(path(place)), sender.receive, sender.send))
    async with asyncio.timeout(PATIENCE_S):
        while len(sender.messages) < 100:
            await asyncio.sleep(0)
        sender.taking.clear()
        await sender.waiting.wait()
    before = place.shelf.pieces
    for _ in range(300):
        await asyncio.sleep(0)
    assert place.shelf.pieces == before <= sum(len(m.get("body", b"")) for m in sender.messages) / MAX_CHUNK_BYTES + 2
    sender.leaves.set()
    async with asyncio.timeout(PATIENCE_S):
        await task
    assert not sender.is_complete


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("type=VIDEO", {2}),
        ("lens=THERMAL", {3}),
        ("from=2026-05-01T12:00:02Z&to=2026-05-01T12:00:03Z", {2}),
        ("area=9,50,10,51", {1}),
        ("type=PHOTO&lens=WIDE", {1, 4}),
        ("ids={1},{3},987654", {1, 3}),
        ("ids={1},{2}&type=PHOTO", {1}),
    ],
)
async def test_a_selection_is_what_the_filter_leaves(place: Place, query: str, numbers: set[int]) -> None:
    rows = {
        1: await photo(place, 1, longitude=9.5, latitude=50.5),
        2: await photo(place, 2, type="VIDEO"),
        3: await photo(place, 3, lens="THERMAL"),
        4: await photo(place, 4, longitude=0.0, latitude=50.5),
    }
    for number, row in rows.items():
        query = query.replace(f"{{{number}}}", str(row.id))
    _, listed = await taken(place, query)
    assert {int(line["media_id"]) for line in listed} == {rows[number].id for number in numbers}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("droneId=x", "droneId"),
        ("ids=1,,2", "ids"),
        ("ids=" + ",".join(str(n) for n in range(1, 202)), "ids"),
        ("type=SONG", "type"),
        ("lens=FISHEYE", "lens"),
        ("area=1,2,3", "area"),
        ("area=nan,1,2,3", "area"),
        ("area=0,5,1,4", "area"),
        ("from=yesterday", "from"),
        ("from=2026-05-02T00:00:00Z&to=2026-05-01T00:00:00Z", "to"),
        ("all=1", "all"),
        ("lens=WIDE&lens=ZOOM", "lens"),
    ],
)
async def test_a_selection_of_nonsense_is_refused(place: Place, query: str, field: str) -> None:
    answer = await place.ask(path(place, query))
    assert (answer.status_code, set(answer.json()["fields"])) == (400, {field})


async def test_who_may_take_it(place: Place) -> None:
    await photo(place, 1)
    assert (await place.ask(path(place), name=None)).status_code == 401
    hidden = await place.ask(path(place), name="stranger")
    missing = await place.ask("/export/workspace/987654/media.zip", name="stranger")
    assert (hidden.status_code, hidden.content) == (missing.status_code, missing.content) == (410, missing.content)


async def test_too_many_files_are_refused_before_the_first(place: Place) -> None:
    for number in range(31):
        await photo(place, number)
    answer = await place.ask(path(place))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    measure = await place.archives.measure(place.actor("viewer"), place.workspace.id, MediaFilter(lens=Lens.WIDE))
    assert (measure.files, measure.size) == (31, 31 * 2_500)


async def test_a_link_leads_to_its_selection(place: Place) -> None:
    await photo(place, 1)
    wanted = MediaFilter(
        drone_id=place.drone.id,
        flight_id=7,
        type=MediaType.PHOTO,
        start=START,
        end=NOW,
        area=Area(west_deg=179.5, south_deg=-1.25, east_deg=-179.5, north_deg=1e-05),
        lens=Lens.NEAR_INFRARED,
    )
    url = ExportLinks("https://hub.example").media(place.workspace.id, wanted, [1, 2])
    given = dict(part.split("=") for part in urlsplit(url).query.replace("%3A", ":").split("&"))
    assert media_selection.read(given) == (wanted, [1, 2])
    parts = urlsplit(ExportLinks("https://hub.example").media(place.workspace.id, MediaFilter(), None))
    assert (parts.path, parts.query) == (path(place), "")
    assert (await place.ask(url.removeprefix("https://hub.example"))).status_code == 200


async def test_what_shows_an_area_comes_whole_however_many_lie_near_it_and_do_not(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place.archives, "_most", 2)
    slope, box = shape_of([(9.0, 50.0), (10.0, 51.0), (9.0, 51.0), (9.0, 50.0)], [])  # type: ignore[misc]
    sides = dict(zip(("west", "south", "east", "north"), box, strict=True))
    for number in (1, 2, 3, 4):
        beside = await photo(place, number)
        await Coverage.create(
            workspace_id=place.workspace.id,
            media_id=beside.id,
            version=1,
            surface="flat",
            shape=slope,
            created_at=NOW,
            **sides,
        )
    row = await photo(place, 5, longitude=9.8, latitude=50.2)
    _, listed = await taken(place, "area=9.7,50.1,9.9,50.3")
    assert [int(line["media_id"]) for line in listed] == [row.id]
