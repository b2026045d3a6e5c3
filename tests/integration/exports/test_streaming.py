"""A file is made while it is taken: no faster, no further, and never so that a part looks like the whole."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import uvicorn

from ofh.domain.errors import Code, HubError
from ofh.domain.exports.about import MAX_LINE, ExportFormat
from ofh.domain.tracks import TrackPoint
from ofh.services import exports
from ofh.services.exports import CHUNK, PIECE, READERS, ExportRules
from ofh.store.database import Database
from ofh.store.models import Membership
from tests.integration.exports.place import ALL, PATIENCE_S, START, Place, Sender, build, fix, store

DAY = "from=2026-05-01T00:00:00Z&to=2026-05-02T00:00:00Z"


class History:
    """Stands for the table: as many chunks as are asked for."""

    def __init__(self, chunks: int | None = None, then: Callable[[], Any] | None = None) -> None:
        self._chunks = chunks
        self._then = then
        self.asked = 0
        self.ended = 0
        """How many readers have come to their end, whichever."""
        self.reading = 0
        self.most_reading = 0

    async def __call__(self, *_: Any, size: int) -> AsyncIterator[list[TrackPoint]]:
        try:
            number = 0
            while self._chunks is None or number < self._chunks:
                self.asked += 1
                self.reading += 1
                self.most_reading = max(self.most_reading, self.reading)
                try:
                    await asyncio.sleep(0)
                finally:
                    self.reading -= 1
                yield [fix((number * size + place) / 100) for place in range(size)]
                number += 1
            if self._then is not None:
                await self._then()
        finally:
            self.ended += 1


async def broken() -> None:
    raise HubError(Code.UNAVAILABLE, "The database is away. Try again soon.")


async def silent() -> None:
    await asyncio.Event().wait()


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> History:
    """An endless one."""
    found = History()
    monkeypatch.setattr(exports, "chunks", found)
    return found


@asynccontextmanager
async def asked(place: Place, format: str, sender: Sender) -> AsyncIterator[asyncio.Task[None]]:
    """A download under way."""
    scope = place.scope(f"/export/drone/{place.drone.id}.{format}", DAY)
    task = asyncio.create_task(place.app(scope, sender.receive, sender.send))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0)


async def turns(number: int = 500) -> None:
    """So many chances for whatever wants to go on."""
    for _ in range(number):
        await asyncio.sleep(0)


@pytest.mark.parametrize("format", ["csv", "gpx"])
async def test_what_nobody_takes_is_not_read(place: Place, history: History, format: str) -> None:
    sender = Sender()
    async with asked(place, format, sender):
        await until(lambda: len(sender.messages) > 2)
        sender.taking.clear()
        await until(sender.waiting.is_set)
        before = history.asked
        await turns()
        assert history.asked == before
        pieces = sum("body" in message for message in sender.messages)
        assert before <= pieces * PIECE / CHUNK + 1


@pytest.mark.parametrize("format", ["geojson", "kml"])
async def test_what_needs_a_line_as_a_whole_reads_no_further_than_one(
    place: Place, history: History, format: str
) -> None:
    sender = Sender()
    async with asked(place, format, sender):
        await until(lambda: len(sender.messages) > 1)
        sender.taking.clear()
        await until(sender.waiting.is_set)
        before = history.asked
        await turns()
        assert history.asked == before <= MAX_LINE / CHUNK + 1


@pytest.mark.parametrize("format", [format.suffix for format in ExportFormat])
async def test_no_piece_is_too_long_for_a_slow_line(place: Place, history: History, format: str) -> None:
    sender = Sender()
    async with asked(place, format, sender):
        await until(lambda: history.asked > 3 * MAX_LINE / CHUNK)
    assert max(len(message.get("body", b"")) for message in sender.messages) <= 65_536


async def test_others_have_a_turn_between_two_pieces(place: Place, history: History) -> None:
    sender, ticks = Sender(), 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    async with asked(place, "csv", sender):
        await until(lambda: len(sender.messages) > 100)
    ticking.cancel()
    assert ticks >= 100


async def test_a_client_that_leaves_ends_the_work(place: Place, history: History) -> None:
    sender = Sender()
    async with asked(place, "csv", sender) as task:
        await until(lambda: len(sender.messages) > 5)
        sender.leaves.set()
        async with asyncio.timeout(PATIENCE_S):
            await task
    assert history.ended == 1
    assert not sender.is_complete


async def test_a_client_that_leaves_ends_a_query_under_way(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(1, then=silent)
    monkeypatch.setattr(exports, "chunks", history)
    sender = Sender()
    async with asked(place, "csv", sender) as task:
        await until(lambda: len(sender.messages) > CHUNK / PIECE)
        sender.leaves.set()
        async with asyncio.timeout(PATIENCE_S):
            await task
    assert history.ended == 1


async def test_a_client_that_takes_nothing_is_left(database: Database, history: History) -> None:
    async with build(database, stuck_s=0.05, rules=ExportRules(per_user=1)) as place:
        sender = Sender()
        async with asked(place, "csv", sender) as task:
            await until(lambda: len(sender.messages) > 2)
            sender.taking.clear()
            async with asyncio.timeout(PATIENCE_S):
                await task
        assert history.ended == 1
        assert not sender.is_complete
        assert (await place.ask(f"{place.flight_path}.csv", method="HEAD")).status_code == 200


@pytest.mark.parametrize("format", [format.suffix for format in ExportFormat])
async def test_what_fails_on_the_way_is_no_whole_file(
    place: Place, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    monkeypatch.setattr(exports, "chunks", History(2, then=broken))
    sender = Sender()
    async with asked(place, format, sender) as task:
        with pytest.raises(HubError, match="database is away"):
            await task
    assert sender.messages[0]["status"] == 200
    assert not sender.is_complete


async def test_a_right_that_ends_ends_the_file(place: Place, history: History) -> None:
    sender = Sender()
    async with asked(place, "csv", sender) as task:
        await until(lambda: len(sender.messages) > 5)
        await Membership.filter(user_id=place.users["viewer"].id).delete()
        with pytest.raises(HubError, match="no such drone"):
            await task
    assert not sender.is_complete


async def test_a_session_that_ends_ends_the_file(place: Place, history: History) -> None:
    sender = Sender()
    async with asked(place, "csv", sender) as task:
        await until(lambda: len(sender.messages) > 5)
        await place.sessions.end_sessions(place.users["viewer"].id)
        with pytest.raises(HubError, match="session has ended"):
            await task
    assert not sender.is_complete


# How many at once


async def test_a_user_has_so_many_exports_at_once_and_no_more(database: Database, history: History) -> None:
    async with build(database, rules=ExportRules(in_all=3, per_user=2)) as place:
        senders = [Sender(), Sender()]
        async with asked(place, "csv", senders[0]) as first, asked(place, "gpx", senders[1]):
            await until(lambda: all(len(sender.messages) > 1 for sender in senders))
            refused = await place.ask(f"{place.flight_path}.csv")
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            assert int(refused.headers["retry-after"]) > 0
            assert (await place.ask(f"{place.flight_path}.csv", "owner", "HEAD")).status_code == 200
            senders[0].leaves.set()
            await first
            assert (await place.ask(f"{place.flight_path}.csv", method="HEAD")).status_code == 200


async def test_a_process_has_so_many_exports_at_once_and_no_more(database: Database, history: History) -> None:
    async with build(database, rules=ExportRules(in_all=1, per_user=2)) as place:
        sender = Sender()
        async with asked(place, "csv", sender):
            await until(lambda: len(sender.messages) > 1)
            assert (await place.ask(f"{place.flight_path}.csv", "owner", "HEAD")).status_code == 429
        assert (await place.ask(f"{place.flight_path}.csv", "owner", "HEAD")).status_code == 200


async def test_reading_takes_turns_and_a_slow_client_holds_none(place: Place, history: History) -> None:
    slow = [Sender() for _ in range(READERS + 1)]
    for sender in slow:
        sender.taking.clear()
    fast = Sender()
    async with asked(place, "csv", slow[0]), asked(place, "gpx", slow[1]), asked(place, "kml", slow[2]):
        await until(lambda: all(sender.waiting.is_set() for sender in slow))
        async with asked(place, "csv", fast):
            await until(lambda: len(fast.messages) > 5 * CHUNK / PIECE)
    assert history.most_reading <= READERS


# Over a line


@asynccontextmanager
async def served(place: Place) -> AsyncIterator[str]:
    """The downloads behind a real server."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(place.app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=3)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        async with asyncio.timeout(PATIENCE_S):
            await task
        listener.close()


async def test_a_client_notices_that_its_file_is_not_whole(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"/export/drone/{place.drone.id}.csv?{DAY}"
    cookies = {"cookie": f"user-auth={place.tokens['viewer']}"}
    async with served(place) as base, httpx2.AsyncClient(base_url=base, headers=cookies, timeout=PATIENCE_S) as client:
        whole = await client.get(url)
        assert whole.headers["transfer-encoding"] == "chunked"
        assert whole.text.count("\r\n") == 1 + len(ALL)
        head = await client.head(url)
        assert (head.status_code, head.content) == (200, b"")
        monkeypatch.setattr(exports, "chunks", History(2, then=broken))
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get(url)


async def test_a_line_that_is_cut_ends_the_work(place: Place, history: History) -> None:
    cookies = {"cookie": f"user-auth={place.tokens['viewer']}"}
    async with served(place) as base:
        async with (
            httpx2.AsyncClient(base_url=base, headers=cookies, timeout=PATIENCE_S) as client,
            client.stream("GET", f"/export/drone/{place.drone.id}.csv?{DAY}") as answer,
        ):
            async for text in answer.aiter_text():
                assert text.startswith("time_utc,longitude_deg")
                break
        async with asyncio.timeout(PATIENCE_S):
            while not history.ended:
                await asyncio.sleep(0.01)


async def test_a_long_track_comes_whole_from_the_database(place: Place) -> None:

    points = [fix(at, battery_percent=None) for at in range(1_000, 1_000 + 2 * CHUNK + 7)]
    await store(place.database, place.drone.id, points)
    start, end = (f"{point.time.isoformat()}".replace("+00:00", "Z") for point in (points[0], points[-1]))
    lines = (await place.ask(place.drone_path("csv", start, end))).text.splitlines()
    assert len(lines) == 1 + len(points)
    assert points[0].time > START
    assert [line.partition(",")[0] for line in lines[1:]] == [
        point.time.isoformat().replace("+00:00", "Z") for point in points
    ]
