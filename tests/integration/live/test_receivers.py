"""Receivers of ADS-B, played by servers of the test: what they tell is taken, and nothing that they do does harm."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from ofh.backends import adsb
from ofh.backends.adsb import Receiver
from ofh.cli import doctor
from ofh.domain.traffic import Sighting
from ofh.settings import load, redacted

PATIENCE_S = 30
AT = datetime(2026, 6, 1, 8, tzinfo=UTC)
LINE = b"MSG,3,1,1,%s,1,d,t,d,t,,37000,,,50.49,2.0,,,0,0,0,0\r\n"
CRAFT = {"hex": "3c6444", "lat": 50.49, "lon": 2.0, "alt_geom": 1000, "seen_pos": 1}

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[int]:
    """A TCP server; its port."""
    tasks: set[asyncio.Task[Any]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    listening = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Listening:
    """A receiver that is listened to."""

    def __init__(self, url: str, **more: Any) -> None:
        self.heard: list[Sighting] = []
        self.receiver = Receiver(url, self.heard.extend, lambda: AT, retry_s=0.02, poll_s=0.02, **more)

    async def __aenter__(self) -> "Listening":
        self._task = asyncio.create_task(self.receiver.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert not self._task.done(), "it goes on whatever happens"
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def until(self, holds: Callable[["Listening"], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds(self):
                await asyncio.sleep(0.01)


def ids(listening: Listening) -> set[str]:
    return {sighting.id for sighting in listening.heard}


async def test_lines_are_read_between_rubbish_and_after_the_line_broke() -> None:
    calls = 0

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        writer.write(b"\xff\xfe\0garbage\n" + b"x" * 200_000 + b"\n" + LINE % (b"00000%d" % calls))
        writer.write(b"MSG,3,1,1,ABCDE")  # and no end
        await writer.drain()

    async with server(serve) as port, Listening(f"sbs://127.0.0.1:{port}") as listening:
        await listening.until(lambda found: {"000001", "000002", "000003"} <= ids(found))
        assert listening.receiver.counts()["lost"] >= 2
        assert all(sighting.at == AT and sighting.height_m is None for sighting in listening.heard)


async def test_a_flood_of_lines_leaves_others_their_turn() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(LINE % b"3C6444" * 5_000)
            await writer.drain()

    async with server(serve) as port, Listening(f"sbs://127.0.0.1:{port}") as listening:
        await listening.until(lambda found: len(found.heard) > 20_000)


async def test_a_receiver_that_says_nothing_is_left_and_called_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adsb, "SILENCE_S", 0.1)
    calls = 0

    async def serve(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(PATIENCE_S)

    async with server(serve) as port, Listening(f"sbs://127.0.0.1:{port}") as listening:
        await listening.until(lambda _: calls >= 2)


async def test_a_receiver_that_is_not_there_is_tried_again() -> None:
    async with Listening("sbs://127.0.0.1:1") as listening:
        await listening.until(lambda found: found.receiver.counts()["lost"] >= 2)
    async with Listening("http://127.0.0.1:1/aircraft.json") as listening:
        await listening.until(lambda found: found.receiver.counts()["lost"] >= 2)


def answering(*answers: tuple[int, bytes, str]) -> Serve:
    """An HTTP server that gives these answers in turn, the last one for ever; its clock runs."""
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        while True:
            await reader.readuntil(b"\r\n\r\n")
            status, body, more = answers[min(asked, len(answers) - 1)]
            asked += 1
            body = body.replace(b'"now": 0', b'"now": %d' % (1_000 + asked))
            head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{more}\r\n"
            writer.write(head.encode() + body)
            await writer.drain()

    return serve


def document(*aircraft: Any) -> bytes:
    return json.dumps({"now": 0, "aircraft": aircraft}).encode()


async def test_aircraft_are_fetched_again_and_again() -> None:
    second = {**CRAFT, "hex": "4ca2d6"}
    serve = answering((200, document(CRAFT), ""), (200, document("x", {}, CRAFT, second), ""))
    async with server(serve) as port, Listening(f"http://127.0.0.1:{port}/data/aircraft.json") as listening:
        await listening.until(lambda found: ids(found) == {"3c6444", "4ca2d6"})
        assert listening.heard[0].height_m == pytest.approx(304.8)
        assert listening.receiver.counts()["lost"] == 0


@pytest.mark.parametrize(
    "bad",
    [
        (200, b"<html>", ""),
        (200, b"[" * 100_000, ""),
        (404, document(CRAFT), ""),
        (301, b"", "location: http://127.0.0.1:1/\r\n"),
        (200, b"\x1f\x8b" + b"x" * 100, "content-encoding: gzip\r\n"),
        (200, b" " * (adsb.ANSWER_BYTES + 1), ""),
    ],
    ids=["no JSON", "deep", "404", "elsewhere", "packed", "endless"],
)
async def test_an_answer_that_is_none_is_borne(bad: tuple[int, bytes, str]) -> None:
    async with (
        server(answering(bad, (200, document(CRAFT), ""))) as port,
        Listening(f"http://127.0.0.1:{port}/aircraft.json") as listening,
    ):
        await listening.until(lambda found: ids(found) == {"3c6444"})
        assert listening.receiver.counts()["lost"] == 1


async def test_the_doctor_says_which_receiver_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(PATIENCE_S)

    async with server(serve) as port, server(answering((200, document(), ""))) as web:
        good = f"sbs://127.0.0.1:{port},http://u:marker@127.0.0.1:{web}/aircraft.json"
        settings = load(adsb_urls=good)
        assert await doctor._receivers(settings) == "sbs://127.0.0.1, http://127.0.0.1 answers"
        assert "marker" not in redacted(settings)["adsb_urls"]
        monkeypatch.setattr(doctor, "RECEIVER_S", 0.5)
        with pytest.raises(doctor._Ill, match="sbs://localhost does not answer"):
            await doctor._receivers(load(adsb_urls=f"{good},sbs://localhost:1"))
