"""Tracks by URL: who gets them, what is refused and how, and that every format holds what the history holds."""

import csv
import io
import json
from datetime import datetime
from urllib.parse import quote

import fastkml
import gpxpy
import pytest
from fastkml.gx import MultiTrack

from ofh.domain.exports.csv import HEADER
from ofh.domain.tracks import TrackPoint
from ofh.store.models import Drone, Flight, Membership
from tests.integration.exports.place import AFTER, ALL, FLOWN, Place, fix, store

FORMATS = ["geojson", "gpx", "kml", "csv"]
WHOLE_DAY = "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z"

Seen = list[list[tuple[datetime, float, float, float]]]
"""Lines of time, longitude, latitude, height."""


def seen(format: str, body: bytes) -> Seen:
    """What an independent reader makes of a file."""
    match format:
        case "geojson":
            return _of_geojson(body)
        case "gpx":
            (track,) = gpxpy.parse(body.decode()).tracks
            return [
                [(p.time, p.longitude, p.latitude, p.elevation) for p in part.points if p.time and p.elevation]
                for part in track.segments
            ]
        case "kml":
            (document,) = fastkml.KML.parse(io.BytesIO(body)).features
            assert isinstance(document, fastkml.Document)
            (placemark,) = document.features
            assert isinstance(placemark, fastkml.Placemark)
            shape = placemark.kml_geometry
            if shape is None:
                return []
            assert isinstance(shape, MultiTrack)
            return [
                [(when.dt, *place) for when, place in zip(part.whens, part.coords, strict=True)]
                for part in shape.tracks
            ]
        case _:
            rows = list(csv.reader(io.StringIO(body.decode(), newline=""), strict=True))
            assert tuple(rows[0]) == HEADER
            return [[(datetime.fromisoformat(row[0]), float(row[1]), float(row[2]), float(row[3])) for row in rows[1:]]]


def _of_geojson(body: bytes) -> Seen:
    found: Seen = []
    for feature in json.loads(body)["features"]:
        shape, told = feature["geometry"], feature["properties"]
        match shape["type"]:
            case "Point":
                found.append([(datetime.fromisoformat(told["time"]), *shape["coordinates"])])
            case "LineString":
                found.append(_line(told["coordinateProperties"]["times"], shape["coordinates"]))
            case _:
                found += map(_line, told["coordinateProperties"]["times"], shape["coordinates"])
    return found


def _line(times: list[str], positions: list[list[float]]) -> list[tuple[datetime, float, float, float]]:
    return [(datetime.fromisoformat(time), x, y, z) for time, (x, y, z) in zip(times, positions, strict=True)]


def flat(lines: Seen) -> list[tuple[datetime, float, float, float]]:
    return sorted(place for line in lines for place in line)


def places(points: list[TrackPoint]) -> list[tuple[datetime, float, float, float]]:
    return [(point.time, point.longitude, point.latitude, point.height) for point in points]


# What is in them


@pytest.mark.parametrize("format", FORMATS)
async def test_a_flight_is_its_points_from_take_off_to_landing(place: Place, format: str) -> None:
    answer = await place.ask(f"{place.flight_path}.{format}")
    assert answer.status_code == 200
    lines = seen(format, answer.content)
    assert flat(lines) == places(FLOWN)
    if format != "csv":
        assert [len(line) for line in lines] == [61, 30], "the silence breaks the line"


@pytest.mark.parametrize("format", FORMATS)
async def test_a_span_of_a_drone_is_what_the_history_holds_of_it(place: Place, format: str) -> None:
    answer = await place.ask(place.drone_path(format, *WHOLE_DAY))
    assert answer.status_code == 200
    assert flat(seen(format, answer.content)) == places(ALL)


async def test_both_ends_of_a_span_belong_to_it(place: Place) -> None:
    start, end = (quote(point.time.isoformat()) for point in (FLOWN[1], FLOWN[3]))
    answer = await place.ask(place.drone_path("csv", start, end))
    assert flat(seen("csv", answer.content)) == places(FLOWN[1:4])


@pytest.mark.parametrize("format", FORMATS)
async def test_a_span_without_points_is_a_valid_file_without_points(place: Place, format: str) -> None:
    answer = await place.ask(place.drone_path(format, "2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z"))
    assert answer.status_code == 200
    assert flat(seen(format, answer.content)) == []


async def test_a_flight_under_way_reaches_up_to_its_newest_report(place: Place) -> None:
    await Flight.filter(id=place.flight.id).update(phase="airborne", landed_at=None, ended_at=None)
    answer = await place.ask(f"{place.flight_path}.csv")
    assert flat(seen("csv", answer.content)) == places([*FLOWN, *AFTER])


async def test_a_cell_that_was_never_reported_is_empty(place: Place) -> None:
    rows = list(csv.DictReader(io.StringIO((await place.ask(f"{place.flight_path}.csv")).text, newline="")))
    assert list(rows[60].values())[4:] == [""] * 5
    assert list(rows[59].values())[4:] == ["2.95", "206.5", "8.3", "-0.1", "98.705"]


# What they are called


@pytest.mark.parametrize(
    ("format", "kind"),
    [
        ("geojson", "application/geo+json"),
        ("gpx", "application/gpx+xml; charset=utf-8"),
        ("kml", "application/vnd.google-earth.kml+xml; charset=utf-8"),
        ("csv", "text/csv; charset=utf-8; header=present"),
    ],
)
async def test_a_file_is_something_to_save_and_nothing_to_run(place: Place, format: str, kind: str) -> None:
    headers = (await place.ask(f"{place.flight_path}.{format}")).headers
    assert headers["content-type"] == kind
    name = f"-flight-{place.flight.id}.{format}"
    assert headers["content-disposition"] == (
        f"attachment; filename=\"1581F5BKD2_3{name}\"; filename*=UTF-8''K%C3%A4fer_1%20%3D2+2{name}"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert headers["cross-origin-resource-policy"] == "same-site"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "1581F5BKD2_3"),
        ("..", "1581F5BKD2_3"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ('a"b\\c', "a_b_c"),
        ("\u202egnp.exe", "_gnp.exe"),
        ("x" * 255, "x" * 100),
        ("ü; filename=evil", "%C3%BC%3B%20filename%3Devil"),
    ],
)
async def test_no_name_of_a_drone_leads_out_of_the_name_of_a_file(place: Place, name: str, shown: str) -> None:
    await Drone.filter(id=place.drone.id).update(name=name)
    told = (await place.ask(f"{place.flight_path}.csv")).headers["content-disposition"]
    plain, extended = f"1581F5BKD2_3-flight-{place.flight.id}.csv", f"{shown}-flight-{place.flight.id}.csv"
    assert told == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{extended}"


async def test_a_span_says_in_its_name_from_when_to_when(place: Place) -> None:
    answer = await place.ask(place.drone_path("gpx", *WHOLE_DAY))
    assert 'filename="1581F5BKD2_3-20260501T000000Z-20260502T000000Z.gpx"' in answer.headers["content-disposition"]


async def test_head_tells_the_same_without_the_file(place: Place) -> None:
    for path in (f"{place.flight_path}.kml", place.drone_path("kml", *WHOLE_DAY)):
        head, whole = await place.ask(path, method="HEAD"), await place.ask(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-disposition"] == whole.headers["content-disposition"]


# Who gets them


@pytest.mark.parametrize("name", ["viewer", "owner"])
async def test_whoever_may_see_the_workspace_may_take_its_tracks_away(place: Place, name: str) -> None:
    for path in (f"{place.flight_path}.gpx", place.drone_path("gpx", *WHOLE_DAY)):
        assert (await place.ask(path, name)).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_hidden_is_answered_like_the_missing(place: Place, method: str) -> None:
    for hidden, missing in (
        (f"{place.flight_path}.gpx", "/export/flight/987654321.gpx"),
        (
            place.drone_path("csv", *WHOLE_DAY),
            "/export/drone/987654321.csv?from=2026-05-01T00:00:00Z&to=2026-05-02T00:00:00Z",
        ),
        ("/export/flight/999999999999999999.kml", "/export/flight/987654321.kml"),
    ):
        one, other = await place.ask(hidden, "stranger", method), await place.ask(missing, "stranger", method)
        assert one.status_code == other.status_code == 410
        assert one.content == other.content
        same = [{k: v for k, v in answer.headers.items() if k != "x-request-id"} for answer in (one, other)]
        assert same[0] == same[1]


async def test_without_a_session_all_ids_are_alike(place: Place) -> None:
    found = {
        (answer := await place.ask(path, None)).status_code: answer.content
        for path in (
            f"{place.flight_path}.gpx",
            "/export/flight/9999.gpx",
            "/export/flight/x.gpx",
            "/export/drone/0.csv",
        )
    }
    assert list(found) == [401]
    assert json.loads(found[401]) == {"error": "Log in first.", "code": "unauthenticated"}


async def test_a_bearer_token_decides_alone(place: Place) -> None:
    answer = await place.ask(f"{place.flight_path}.gpx", "viewer", authorization="Bearer nonsense")
    assert answer.status_code == 401


async def test_who_has_left_gets_nothing_any_more(place: Place) -> None:
    await Membership.filter(user_id=place.users["viewer"].id).delete()
    assert (await place.ask(f"{place.flight_path}.gpx")).status_code == 410


async def test_every_request_is_counted_and_too_many_are_told_when_to_come_back(place: Place) -> None:
    viewer = place.users["viewer"].id
    await place.ask(f"{place.flight_path}.csv")
    await place.ask(f"{place.flight_path}.csv", None)
    await place.ask("/export/flight/x.csv", method="HEAD")
    assert place.throttled == [(viewer, 1), (None, 1), (viewer, 1)]
    place.is_busy = True
    answer = await place.ask(f"{place.flight_path}.csv")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json()["code"] == "rate_limited"


# What is refused


@pytest.mark.parametrize(
    "path",
    [
        *("/export/flight/1.shp", "/export/flight/1", "/export/flight/1.GPX", "/export/flight/.gpx", "/export/1.gpx"),
        *("/export/flight/1.gpx/", "/export/drone/1.gpx.zip", "/export/flight/1/2.gpx", "/Export/flight/1.gpx"),
    ],
)
@pytest.mark.parametrize("name", [None, "viewer"])
async def test_another_format_or_path_is_not_there(place: Place, path: str, name: str | None) -> None:
    assert (await place.ask(path, name)).status_code == 404


@pytest.mark.parametrize("id", ["0", "-1", "+1", "01", "1.0", "1e3", "x", "%20", "%D9%A1", "1" * 19, "1.geojson"])
@pytest.mark.parametrize("kind", ["flight", "drone"])
async def test_a_malformed_id_is_bad_input(place: Place, kind: str, id: str) -> None:
    answer = await place.ask(f"/export/{kind}/{id}.csv?from={WHOLE_DAY[0]}&to={WHOLE_DAY[1]}")
    assert answer.status_code == 400
    assert (answer.json()["code"], list(answer.json()["fields"])) == ("bad_input", ["id"])


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {"from", "to"}),
        ("from=2026-05-01T00:00:00Z", {"to"}),
        ("from=2026-05-01T00:00:00Z&to=", {"to"}),
        ("from=2026-05-01T00:00:00Z&to=yesterday", {"to"}),
        ("from=2026-05-01T00:00:00&to=2026-05-02T00:00:00Z", {"from"}),
        ("from=2026-05-01&to=2026-05-02T00:00:00Z", {"from"}),
        ("from=1777593600&to=2026-05-02T00:00:00Z", {"from"}),
        ("from=2026-05-01T00:00:00Z&to=2026-04-30T23:59:59Z", {"to"}),
        ("from=1999-12-31T23:59:59Z&to=2026-05-02T00:00:00Z", {"from"}),
        ("from=0001-01-01T00:00:00%2B14:00&to=2026-05-02T00:00:00Z", {"from"}),
        ("from=2026-05-01T00:00:00Z&to=2099-01-01T00:00:00Z", {"to"}),
        ("from=2026-05-01T00:00:00Z&to=9999-12-31T23:59:59-23:00", {"to"}),
        ("from=2026-05-01T00:00:00Z&from=2026-05-01T00:00:00Z&to=2026-05-02T00:00:00Z", {"from"}),
        ("from=2026-05-01T00:00:00Z&to=2026-05-02T00:00:00Z&maxPoints=5", {"maxPoints"}),
        ("from=2026-05-01T00:00:00Z%00&to=2026-05-02T00:00:00Z", {"from"}),
        ("from=%ff&to=2026-05-02T00:00:00Z", set()),
        ("from", set()),
        ("&".join(["from=x"] * 60), set()),
    ],
)
async def test_a_query_that_names_no_span_is_bad_input(place: Place, query: str, fields: set[str]) -> None:
    for id in (place.drone.id, 987654321):
        answer = await place.ask(f"/export/drone/{id}.csv?{query}")
        assert answer.status_code == 400
        assert set(answer.json().get("fields", {})) == fields
        assert answer.json()["error"]


async def test_a_plus_that_the_url_has_swallowed_is_explained(place: Place) -> None:
    answer = await place.ask(place.drone_path("csv", "2026-05-01T00:00:00+02:00", "2026-05-02T00:00:00Z"))
    assert answer.status_code == 400
    assert "%2B" in answer.json()["fields"]["from"]
    escaped = await place.ask(place.drone_path("csv", "2026-05-01T14:00:00%2B02:00", "2026-05-02T00:00:00Z"))
    assert flat(seen("csv", escaped.content)) == places([*FLOWN, *AFTER])


async def test_a_flight_takes_no_parameters(place: Place) -> None:
    answer = await place.ask(f"{place.flight_path}.csv?from=2026-05-01T00:00:00Z")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["from"])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_a_wrong_verb_is_told_the_right_ones(place: Place, method: str) -> None:
    answer = await place.ask(f"{place.flight_path}.csv", None, method)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_a_point_stored_meanwhile_and_a_doubled_time_break_nothing(place: Place) -> None:

    twice = [fix(200), fix(200, heading=1.0)]
    await store(place.database, place.drone.id, twice)
    answer = await place.ask(place.drone_path("csv", *WHOLE_DAY))
    assert flat(seen("csv", answer.content)) == places([*ALL, *twice])
