"""`ofh worker` as a process of its own: killed in the midst of a job, stopped, and beside others."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ofh.store.database import Database
from ofh.store.models import File, Job, StoredEvent
from tests.support.hubs import base_environment
from tests.support.media import MediaBench, callback
from tests.support.pictures import corners, jpeg
from tests.support.services import free_port

PATIENCE_S = 240
"""Several processes are started one after the other."""
VIDEO = b"\0\0\0\x14ftypmp42\0\0\0\0mp42" + bytes(1_000)


class Worker:
    """Runs it on a bench's database and folder."""

    def __init__(self, bench: MediaBench) -> None:
        self.bench = bench

    async def start(self, *words: str, ffmpeg: Path, log_to: Any = None) -> asyncio.subprocess.Process:
        environment = {
            **base_environment(self.bench.folder),
            "OFH_DATABASE_URL": self.bench.database.url,
            "OFH_SECRET_KEY": "s" * 40,
            "OFH_FFMPEG": str(ffmpeg),
        }
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ofh.cli.main", "worker", *words),
            env=environment,
            cwd=self.bench.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=log_to,
        )

    async def once(self, ffmpeg: Path) -> str:
        """Do all that is due; what it says of it."""
        process = await self.start("--once", ffmpeg=ffmpeg)
        async with asyncio.timeout(PATIENCE_S):
            out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode().strip()


def program(folder: Path, name: str, code: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o700)
    return path


@pytest.fixture
def programs(tmp_path: Path) -> tuple[Path, Path, Path]:
    """In the place of ffmpeg: one that never ends, and one that gives a frame; and what the first one makes."""
    begun, frame = tmp_path / "begun", tmp_path / "frame.jpg"
    frame.write_bytes(jpeg(corners()))
    return (
        program(tmp_path, "slow", f"echo $$ > {begun}; exec sleep 3600"),
        program(tmp_path, "quick", f"cat {frame}"),
        begun,
    )


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.02)


async def test_what_a_killed_worker_was_at_is_done_by_another_once(
    database: Database, tmp_path: Path, programs: tuple[Path, Path, Path]
) -> None:
    slow, quick, begun = programs
    async with MediaBench(database, tmp_path).running() as bench:
        place = await bench.place()
        body = callback("photo-wide", name="DJI_0001.MP4", object_key=f"{place.row.uuid}/a/DJI_0001.MP4")
        assert await bench.register(place, body, VIDEO) == "taken"
        worker = Worker(bench)

        first = await worker.start(ffmpeg=slow, log_to=asyncio.subprocess.DEVNULL)
        await until(lambda: begun.exists() and begun.read_text().strip())
        first.send_signal(signal.SIGKILL)
        await first.wait()
        # What it had begun has ended with it, and nobody takes the job before its lease has run out.
        child = Path("/proc") / begun.read_text().strip()
        await until(lambda: not child.exists() or " Z " in (child / "stat").read_text())
        assert await worker.once(quick) == "0 jobs done."
        assert await File.filter(analysed_at=None).count() == 1

        await Job.all().update(due_at=bench.now)  # the time has come
        assert (await worker.once(quick)).split()[0] in ("1", "2")  # and what follows from it

        file = await File.get()
        assert file.thumbnail_key is not None
        assert sorted(bench.store.keys()) == sorted([file.object_key, file.thumbnail_key])
        assert await StoredEvent.filter(kind="MEDIA_ANALYSED").count() == 1
        assert await Job.filter(kind="analysis").count() == 0


async def test_a_worker_that_is_stopped_leaves_its_job_to_others_at_once(
    database: Database, tmp_path: Path, programs: tuple[Path, Path, Path]
) -> None:
    slow, quick, begun = programs
    async with MediaBench(database, tmp_path).running() as bench:
        await bench.upload(await bench.place(), "a.mp4", VIDEO)
        worker = Worker(bench)

        first = await worker.start(ffmpeg=slow, log_to=asyncio.subprocess.DEVNULL)
        await until(lambda: begun.exists() and begun.read_text().strip())
        first.send_signal(signal.SIGTERM)
        assert await first.wait() == 0

        assert await worker.once(quick) == "1 jobs done."
        assert (await File.get()).thumbnail_key is not None


@pytest.mark.parametrize("database_url", ["embedded"], indirect=True)
async def test_numbers_of_a_worker(database: Database, tmp_path: Path, programs: tuple[Path, Path, Path]) -> None:
    port = free_port()
    async with MediaBench(database, tmp_path).running() as bench:
        await bench.upload(await bench.place(), "a.mp4", VIDEO)
        worker = Worker(bench)
        process = await worker.start("--metrics-port", str(port), ffmpeg=programs[1], log_to=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(PATIENCE_S), httpx2.AsyncClient() as client:
            text = ""
            while 'ofh_jobs_done_total{kind="analysis"} 1.0' not in text:
                await asyncio.sleep(0.1)
                with contextlib.suppress(httpx2.TransportError):
                    text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0

    assert 'ofh_job_outcomes_total{outcome="done"} 1.0' in text
    assert 'ofh_thumbnails_total{outcome="made"} 1.0' in text
    for name in ("waiting", "running", "failed", "waited_seconds"):
        assert f"ofh_jobs_{name} 0.0" in text
    assert 'ofh_jobs_seconds_total{kind="analysis"}' in text
