"""`ofh export`: files out of the database, beside a hub or without one."""

import asyncio
import csv
import io
import json
import os
import sys
from datetime import UTC, datetime, timedelta

import gpxpy
import pytest

from ofh.domain.tracks import TrackPoint
from ofh.store.database import Database
from tests.integration.cli.commands import Place
from tests.integration.exports.place import ALL, FLOWN, build
from tests.support.history import history_row, store

SPAN = ("--from", "2026-05-01T00:00:00Z", "--to", "2026-05-01T18:00:00+02:00")


@pytest.fixture
async def flown(migrated: Place) -> Place:
    """A data folder with a drone, number 1, and its flight, number 1."""
    database = Database(f"sqlite://{migrated.folder / 'data' / 'hub.db'}")
    await database.open()
    async with build(database) as built:
        assert (built.drone.id, built.flight.id) == (1, 1)
    await database.close()
    return migrated


def times(text: str) -> list[str]:
    return [row["time_utc"] for row in csv.DictReader(io.StringIO(text, newline=""), strict=True)]


def written(points: list[TrackPoint]) -> list[str]:
    return [point.time.isoformat().replace("+00:00", "Z") for point in points]


async def test_the_track_goes_to_standard_output_and_nothing_else_does(flown: Place) -> None:
    flight, drone = await asyncio.gather(
        flown.ofh("export", "flight", "1", "--format", "csv"),
        flown.ofh("export", "drone", "1", *SPAN, "--format", "CSV"),
    )
    assert (flight.code, flight.err) == (drone.code, drone.err) == (0, "")
    assert times(flight.out) == written(FLOWN)
    assert times(drone.out) == written(ALL)


async def test_without_a_format_it_is_geojson_and_a_file_says_by_its_name(flown: Place) -> None:
    plain, gpx = await asyncio.gather(
        flown.ofh("export", "flight", "1"),
        flown.ofh("export", "flight", "1", "-o", "flight.gpx"),
    )
    assert json.loads(plain.out)["type"] == "FeatureCollection"
    assert (gpx.code, gpx.out, gpx.err) == (0, "", "")
    (track,) = gpxpy.parse((flown.folder / "flight.gpx").read_text("utf-8")).tracks
    assert sum(len(segment.points) for segment in track.segments) == len(FLOWN)


async def test_a_file_that_is_there_stays_unless_it_is_said_otherwise(flown: Place) -> None:
    path = flown.folder / "track.kml"
    path.write_text("mine")
    refused = await flown.ofh("export", "flight", "1", "--output", "track.kml")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "Error: track.kml is there already. Write over it with --force.\n"
    assert path.read_text() == "mine"
    forced = await flown.ofh("export", "flight", "1", "--output", "track.kml", "--force")
    assert (forced.code, forced.err) == (0, "")
    assert "<gx:MultiTrack>" in path.read_text("utf-8")


async def test_what_goes_wrong_leaves_no_file_behind(flown: Place) -> None:
    missing, nowhere = await asyncio.gather(
        flown.ofh("export", "flight", "77", "--output", "new.gpx"),
        flown.ofh("export", "flight", "1", "--output", "no/such/folder/new.gpx"),
    )
    assert (missing.code, missing.out, missing.err) == (1, "", "Error: There is no such flight.\n")
    assert (nowhere.code, nowhere.out, nowhere.err.count("\n")) == (1, "", 1)
    assert [path for path in flown.folder.iterdir() if path.is_file()] == []


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("flight", "1", "--format", "shp"), "--format"),
        (("flight", "1", "--output", "track"), "--format"),
        (("flight", "x"), "ID"),
        (("flight", "0"), "ID"),
        (("flight",), "ID"),
        (("drone", "1"), "--from"),
        (("drone", "1", "--from", "yesterday"), "--from"),
        (("drone", "1", "--from", "2026-05-01T00:00:00"), "--from"),
        (("drone", "1", "--from", "2026-05-01T00:00:00Z", "--to", "noon"), "--to"),
    ],
)
async def test_a_wrong_call_names_what_is_wrong_with_it(place: Place, words: tuple[str, ...], named: str) -> None:
    ended = await place.ofh("export", *words)
    assert (ended.code, ended.out) == (2, "")
    assert named in ended.err
    assert not (place.folder / "data").exists(), "nothing was touched"


async def test_a_span_that_no_history_can_have_is_one_line_and_exit_code_1(flown: Place) -> None:
    ended = await flown.ofh("export", "drone", "1", "--from", "2026-05-02T00:00:00Z", "--to", "2026-05-01T00:00:00Z")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "Error: Must not be before 'from'.\n"


async def test_a_reader_that_has_had_enough_ends_it_without_a_word(flown: Place) -> None:
    process = await flown.start("export", "drone", "1", *SPAN, "--format", "csv")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout._transport.close()  # type: ignore[attr-defined]
    async with asyncio.timeout(60):
        err = await process.stderr.read()
        assert await process.wait() == 1
    assert err == b""


async def test_people_see_how_far_a_file_is(flown: Place) -> None:
    ours, theirs = os.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ofh.cli.main", "export", "flight", "1", "--output", "flight.csv"),
            cwd=flown.folder,
            env={**flown.environment, "TERM": "xterm"},
            stdout=asyncio.subprocess.PIPE,
            stderr=theirs,
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        shown = os.read(ours, 65_536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert (process.returncode, out) == (0, b"")
    assert "Käfer/1 =2+2, flight 1" in shown
    assert f"{len(FLOWN)} points" in shown


async def test_it_works_beside_a_running_hub(flown: Place) -> None:
    """With fixes of the last hour: the hub thins what is old."""
    start = datetime.now(UTC) - timedelta(hours=1)
    rows = [history_row(start + timedelta(seconds=second), drone_id=1) for second in range(100)]
    database = Database(f"sqlite://{flown.folder / 'data' / 'hub.db'}")
    await database.open()
    await store(database, rows)
    await database.close()
    async with flown.running("serve") as hub:
        await hub.says("OpenFlightHub is at (http://[^ \n]+)")
        ended = await flown.ofh("export", "drone", "1", "--from", start.isoformat(), "--format", "csv")
    assert (ended.code, ended.err) == (0, "")
    assert [datetime.fromisoformat(text) for text in times(ended.out)] == [row.reported_at for row in rows]


async def test_help_says_the_formats_and_what_is_assumed(place: Place) -> None:
    told = await place.ofh("export", "drone", "--help")
    assert told.code == 0
    text = " ".join(told.out.split())
    for word in ("geojson, gpx, kml, csv", "[default: now]", "[default: standard output]", "--force"):
        assert word in text
