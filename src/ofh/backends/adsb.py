"""Receivers of ADS-B: SBS-1 over TCP (`sbs://host:30003`) and `aircraft.json` by HTTP (`http://host/…/aircraft.json`).

A receiver is somebody else's program: what it sends is bounded, and what cannot be read is counted and left. One that
is away is tried again, less and less often.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from ofh.adsb.aircraft_json import NoAircraft, Reader
from ofh.adsb.sbs import Lines, read_line
from ofh.domain.traffic import Sighting

if TYPE_CHECKING:
    import httpx2

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

SBS_PORT = 30_003
CHUNK_BYTES = 64 * 1024
SILENCE_S = 120.0
"""A receiver hears something all the time, or its line is dead."""
CONNECT_S = 10.0
POLL_S = 1.0
ANSWER_S = 5.0
ANSWER_BYTES = 8 * 1024 * 1024
FIRST_RETRY_S, LONGEST_RETRY_S = 1.0, 60.0
STEADY_S = 30.0
"""A line that held for so long is begun again at once."""

Take = Callable[[Sequence[Sighting]], None]


class Receiver:
    """One receiver, listened to for as long as `run` runs.

    Args:
        url: as in the module's first line.
        take: is given what it hears, as it comes.
        clock: the hub's time, UTC.
        poll_s: how often `aircraft.json` is fetched.
        retry_s: the first pause before a receiver that is away is tried again; it doubles up to a minute.
    """

    def __init__(
        self,
        url: str,
        take: Take,
        clock: Callable[[], datetime],
        *,
        poll_s: float = POLL_S,
        retry_s: float = FIRST_RETRY_S,
    ) -> None:
        self._url = url
        self._take = take
        self._clock = clock
        self._poll_s = poll_s
        self._retry_s = retry_s
        self._counts: Counter[str] = Counter()
        parts = urlsplit(url)
        self.name = f"{parts.scheme}://{parts.hostname}"
        """As it may be shown: without what an address can hold of secrets."""
        self.connected = asyncio.Event()
        """It has answered as a receiver does, at some time."""
        self._is_sbs = parts.scheme == "sbs"

    def counts(self) -> Mapping[str, int]:
        """What has happened since the start, by name; only ever grows."""
        return self._counts

    async def run(self) -> None:
        """Listen until cancelled."""
        listen: Callable[[], Awaitable[None]] = self._read_lines if self._is_sbs else self._poll
        wait_s = self._retry_s
        while True:
            started_s = time.monotonic()
            try:
                await listen()
            except (OSError, TimeoutError, NoAircraft) as error:
                self._counts["lost"] += 1
                log.warning("receiver of ADS-B is away", receiver=self.name, why=type(error).__name__)
            if time.monotonic() - started_s >= STEADY_S:
                wait_s = self._retry_s
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_RETRY_S)

    async def _read_lines(self) -> None:
        parts = urlsplit(self._url)
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or SBS_PORT)
        self.connected.set()
        try:
            lines = Lines()
            while True:
                async with asyncio.timeout(SILENCE_S):
                    data = await reader.read(CHUNK_BYTES)
                if not data:
                    raise ConnectionResetError
                at = self._clock()
                self._heard([read_line(line, at) for line in lines.feed(data)])
                await asyncio.sleep(0)  # a receiver that floods us is not to keep everybody else from their turn
        finally:
            writer.close()

    def _heard(self, found: Sequence[Sighting | None]) -> None:
        sightings = [sighting for sighting in found if sighting is not None]
        self._counts["without_position"] += len(found) - len(sightings)
        self._counts["positions"] += len(sightings)
        if sightings:
            self._take(sightings)

    async def _poll(self) -> None:
        import httpx2

        reader = Reader()
        async with httpx2.AsyncClient(timeout=ANSWER_S, follow_redirects=False, trust_env=False) as client:
            while True:
                started_s = time.monotonic()
                try:
                    async with asyncio.timeout(ANSWER_S):
                        data = await _fetch(client, self._url)
                except httpx2.HTTPError as error:
                    raise ConnectionError from error
                # In a thread, as megabytes take a while to read.
                found = await asyncio.to_thread(reader.read, data, self._clock())
                self.connected.set()
                self._heard(found)
                await asyncio.sleep(max(0.0, started_s + self._poll_s - time.monotonic()))


async def _fetch(client: "httpx2.AsyncClient", url: str) -> bytes:
    """The body of a good answer.

    Raises:
        NoAircraft: it is no good answer, or too long.
        httpx2.HTTPError: there is none.
    """
    headers = {"accept": "application/json", "accept-encoding": "identity"}
    async with client.stream("GET", url, headers=headers) as answer:
        if answer.status_code != 200:
            raise NoAircraft(f"it answers {answer.status_code}")
        data = bytearray()
        async for chunk in answer.aiter_raw():
            data += chunk
            if len(data) > ANSWER_BYTES:
                raise NoAircraft("its answer is too long")
    return bytes(data)
