"""The controller's side of media: what aircraft took, on its way to the hub.

As Pilot 2 does (dji-pilot-2.md, chapter 3): files come to the controller while the aircraft is linked, and go on one by
one: which are there already (tiny fingerprints, in bulk), is this one there (fast-upload), credentials (sts), the bytes
(S3), the callback; after the last file of a wayline task the group's. Whatever fails begins again with fast-upload,
later. The controller keeps what waits over lost links and reconnects, up to `MAX_WAITING` files; more are left out.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .aircraft import Aircraft, Phase
from .chaos import Chaos
from .errors import GrantRefused, SignedOut, UploadFailed
from .media_api import Grant, MediaApi
from .object_store import Clients, ObjectStore
from .photos import Photo, camera_time, fingerprint, group_of, photos_of
from .pilot import CloudAccess
from .stats import Stats

MAX_WAITING = 500
RETRY_AFTER_S = (1.0, 30.0)
"""The first pause after a failure and the longest, doubling between them."""
TINY_IN_BULK = 100


@dataclass(slots=True, eq=False)
class _Group:
    """A wayline task's files."""

    id: str
    files: int = 0
    uploaded: int = 0
    is_over: bool = False
    """The flight has ended: no file will be added."""
    told_early: bool = False


@dataclass(slots=True, eq=False)
class _Job:
    """A file that waits, or a group whose end is to be told."""

    photo: Photo | None
    group: _Group | None
    due: float = 0.0
    failures: int = 0
    is_checked: bool = False
    """The hub was asked for its tiny fingerprint."""
    fingerprint: str | None = None
    """Once the file was made; its bytes are not kept, but made again."""


@dataclass(slots=True, eq=False)
class _Flight:
    number: int
    began_at: datetime
    group: _Group | None = None


class Darkroom:
    """Where photos are made: one at a time, off the event loop, so that a fleet's controllers do not take all CPUs.

    Always by the same thread: each further one would keep the memory of the largest picture that it has made.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="darkroom")

    async def develop(self, photo: Photo) -> bytes:
        """The file."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, photo.content)


@dataclass(kw_only=True)
class Uploads:
    """One controller's. `run` ends by cancellation only."""

    api: MediaApi
    reopen: Callable[[], Awaitable[CloudAccess]]
    """Opens the page again, as the pilot has to when Pilot has left the cloud.

    Raises:
        UploadFailed: not now.
    """
    darkroom: Darkroom
    clients: Clients
    """Of the storage; like the darkroom one for all controllers."""
    place: tuple[float, float]
    """Of the fleet: longitude and latitude; the ground in the pictures lies around it."""
    seed: int
    stats: Stats
    chaos: Chaos = field(default_factory=Chaos)
    notice: Callable[[str], None] = lambda text: None

    def __post_init__(self) -> None:
        self._jobs: list[_Job] = []
        self._flights: dict[str, _Flight] = {}
        self._stores: dict[str, tuple[Grant, ObjectStore]] = {}
        """By aircraft. Two aircraft give files the same name in the same second, and a prefix for each keeps them
        apart."""
        self._news = asyncio.Event()
        self._is_failing = False

    # From the aircraft

    def collect(self, aircraft: Aircraft, *, now: datetime, speed: float) -> None:
        """Copy what a linked aircraft took since the last time.

        Args:
            aircraft: advanced to `now`.
            now: UTC.
            speed: simulated seconds per second.
        """
        for shot in aircraft.fetch_shots():
            ago = timedelta(seconds=(aircraft.time_s - shot.at_s) / speed)
            taken_at = camera_time(now - ago, shot.longitude_deg)
            flight = self._flights.get(aircraft.serial)
            if flight is None or flight.number != shot.flight:
                self._end_flight(aircraft.serial)
                flight = self._flights[aircraft.serial] = _Flight(shot.flight, taken_at)
                if shot.is_wayline:
                    flight.group = _Group(group_of(aircraft.serial, shot.flight, taken_at))
            for photo in photos_of(
                shot,
                serial=aircraft.serial,
                model=aircraft.model,
                taken_at=taken_at,
                flight_began_at=flight.began_at,
                place=self.place,
                seed=self.seed,
            ):
                self._add(photo, flight.group)
        if aircraft.phase is Phase.STANDBY:
            self._end_flight(aircraft.serial)

    def _add(self, photo: Photo, group: _Group | None) -> None:
        self.stats.photos_taken += 1
        if group is not None:
            group.files += 1
        if len(self._jobs) >= MAX_WAITING:
            self.stats.photos_left_out += 1
            return
        self._jobs.append(_Job(photo, group))
        self._news.set()

    def _end_flight(self, serial: str) -> None:
        flight = self._flights.pop(serial, None)
        if flight is not None and flight.group is not None:
            flight.group.is_over = True
            self._tell_when_complete(flight.group)

    def _tell_when_complete(self, group: _Group) -> None:
        """The group's callback becomes a job once none of its files waits."""
        waiting = sum(1 for job in self._jobs if job.group is group)
        if group.is_over and waiting == 0:
            self._jobs.append(_Job(None, group))
            self._news.set()

    # To the hub

    async def run(self) -> None:
        """Upload what waits, as it comes."""
        while True:
            self._news.clear()
            now = time.monotonic()
            ready = [job for job in self._jobs if job.due <= now]
            if not ready:
                await self._until_news(now)
                continue
            try:
                await self._check_in_bulk()
                ready = [job for job in ready if job in self._jobs]
                if ready:
                    await self._carry_out(ready[self.chaos.pick(len(ready))])
            except UploadFailed as error:  # of the bulk question: nothing can be asked just now
                self._failed(str(error))
                await asyncio.sleep(RETRY_AFTER_S[0])
            except SignedOut as error:
                await self._sign_in_again(str(error))

    async def _until_news(self, now: float) -> None:
        timeout = min((job.due for job in self._jobs), default=now + 3600.0) - now
        try:
            async with asyncio.timeout(max(timeout, 0.0)):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _check_in_bulk(self) -> None:
        unchecked = [job for job in self._jobs if job.photo is not None and not job.is_checked][:TINY_IN_BULK]
        if not unchecked:
            return
        held = await self.api.held([job.photo.tiny_fingerprint for job in unchecked if job.photo is not None])
        for job in unchecked:
            job.is_checked = True
            if job.photo is not None and job.photo.tiny_fingerprint in held:
                self._uploaded(job)

    async def _carry_out(self, job: _Job) -> None:
        try:
            if job.photo is not None:
                await self._upload(job, job.photo)
                self._uploaded(job)
            elif job.group is not None:
                await self.api.tell_group(job.group.id, files=job.group.files, uploaded=job.group.uploaded)
                self._jobs.remove(job)
                self.stats.groups_told += 1
        except UploadFailed as error:
            self._failed(str(error))
            first, longest = RETRY_AFTER_S
            job.due = time.monotonic() + min(first * 2**job.failures, longest)
            job.failures += 1
            return
        self._is_failing = False

    async def _upload(self, job: _Job, photo: Photo) -> None:
        content = None
        if job.fingerprint is None:
            content = await self.darkroom.develop(photo)
            job.fingerprint = fingerprint(content)
        if await self.api.is_here(photo, job.fingerprint):
            return
        grant, store = await self._store_of(photo.serial)
        key = f"{grant.prefix}/{photo.name}"
        if content is None:
            content = await self.darkroom.develop(photo)
        try:
            await store.put(key, content, torn_at=self.chaos.tears())
        except UploadFailed as error:
            if isinstance(error, GrantRefused):
                self._stores.pop(photo.serial, None)
            await self.api.tell(photo, job.fingerprint, key, result=1)
            raise
        await self._hurry(job)
        await self.api.tell(photo, job.fingerprint, key)

    async def _hurry(self, job: _Job) -> None:
        """Tell a group complete although its last file's callback is still to come, where chaos wants it."""
        group = job.group
        if group is None or not group.is_over or group.told_early or not self.chaos.hurries():
            return
        if all(other is job or other.group is not group for other in self._jobs):
            group.told_early = True
            await self.api.tell_group(group.id, files=group.files, uploaded=group.uploaded + 1)

    async def _store_of(self, serial: str) -> tuple[Grant, ObjectStore]:
        held = self._stores.get(serial)
        if held is None or held[0].renew_at <= time.monotonic():
            grant = await self.api.grant()
            held = self._stores[serial] = grant, ObjectStore(grant, self.clients)
        return held

    def _uploaded(self, job: _Job) -> None:
        self._jobs.remove(job)
        self.stats.photos_uploaded += 1
        if job.group is not None:
            job.group.uploaded += 1
            self._tell_when_complete(job.group)

    async def _sign_in_again(self, reason: str) -> None:
        self.notice(f"Pilot would leave the cloud now ({reason}); the page is opened again.")
        try:
            self.api.access = await self.reopen()
        except UploadFailed as error:
            self._failed(str(error))
            await asyncio.sleep(RETRY_AFTER_S[1])
        self._stores.clear()

    def _failed(self, reason: str) -> None:
        self.stats.upload_failures += 1
        if not self._is_failing and self.chaos.is_calm:
            self.notice(f"An upload failed and will be repeated: {reason}.")
        self._is_failing = True
