"""Thumbnails are made by real processes, and what they do to those processes harms nobody else.

Where a picture has to behave badly on purpose, a program stands in for ffmpeg: it runs under the very limits.
"""

import asyncio
import stat
import struct
import sys
from pathlib import Path

import pytest
from PIL import Image

from ofh.backends.thumbnails.pool import MIB, NoThumbnail, ThumbnailLimits, ThumbnailPool
from ofh.domain.errors import Code, HubError
from tests.support.pictures import corners, jpeg, shown_corners, turned

UPRIGHT = ["red", "lime", "blue", "white"]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture"
    path.write_bytes(jpeg(turned(6)))
    return path


def program(tmp_path: Path, code: str) -> str:
    """A program that behaves so, whatever it is told."""
    path = tmp_path / "program"
    path.write_text(f"#!{sys.executable} -IS\n{code}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def alive(folder: Path) -> list[str]:
    """The processes that have a file of this folder among their words."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words:
            found.append(entry.parent.name)
    return found


async def test_a_picture_comes_back_small_and_upright(picture: Path) -> None:
    found = await ThumbnailPool().of_picture(picture, "image/jpeg", orientation=6)

    assert shown_corners(found) == UPRIGHT


async def test_a_preview_is_taken_out_of_the_midst_of_a_file(tmp_path: Path) -> None:
    path, preview = tmp_path / "raw", jpeg(corners())
    path.write_bytes(bytes(5_000) + preview + bytes(5_000))

    found = await ThumbnailPool().of_picture(path, "image/x-adobe-dng", offset=5_000, length=len(preview))

    assert shown_corners(found) == UPRIGHT


async def test_no_other_kind_of_file_is_ever_given_to_a_process(picture: Path) -> None:
    pool = ThumbnailPool(python="/nowhere")

    for content_type in ("image/heic", "application/pdf", "image/svg+xml", "application/octet-stream", "video/mp4"):
        assert not pool.can(content_type)
        with pytest.raises(NoThumbnail):
            await pool.of_picture(picture, content_type)
    with pytest.raises(NoThumbnail, match="ffmpeg is not installed"):
        await pool.of_video(picture)


LONG = 600
BAD = {
    "a loop": ("while True: pass", LONG, "SIGXCPU|SIGKILL"),
    "sleep": ("import time; time.sleep(3600)", 1, "SIGALRM|too long"),
    "sleep that hears nothing": (
        "import signal, time; signal.signal(signal.SIGALRM, signal.SIG_IGN); time.sleep(3600)",
        1,
        "too long|SIGALRM",
    ),
    "memory": ("x = [bytearray(2**20) for _ in range(4096)]", LONG, "MemoryError|no reason|SIG"),
    "talk": ("import sys\nwhile True: sys.stdout.write('x' * 65536)", LONG, "OSError|SIGXFSZ|too large"),
    "abuse": ("import os; os.kill(os.getpid(), 11)", LONG, "SIGSEGV"),
    "network": (
        "import socket, sys\ntry: socket.create_connection(('127.0.0.1', 9), 1)\n"
        "except PermissionError: sys.exit('no network')",
        LONG,
        "no network",
    ),
    "nothing": ("", LONG, "no frame"),
    "nonsense": ("print('no picture')", LONG, "Error"),
}


@pytest.mark.parametrize("name", BAD)
async def test_t3_whatever_a_process_does_costs_one_thumbnail(name: str, picture: Path, tmp_path: Path) -> None:
    code, wall_s, reason = BAD[name]
    limits = ThumbnailLimits(cpu_s=1 if name == "a loop" else LONG, wall_s=wall_s, memory_bytes=256 * MIB)
    pool = ThumbnailPool(limits, ffmpeg=program(tmp_path, code))

    with pytest.raises(NoThumbnail, match=reason):
        await pool.of_video(picture)

    assert alive(tmp_path) == []
    # The next has a process of its own.
    with pytest.raises(NoThumbnail, match="no frame"):
        await ThumbnailPool(ffmpeg=program(tmp_path, "")).of_video(picture)


async def test_t3_what_a_process_leaves_behind_ends_with_it(picture: Path, tmp_path: Path) -> None:
    code = f"import subprocess; subprocess.Popen(['sleep', '3600', {str(tmp_path)!r}])"
    pool = ThumbnailPool(ffmpeg=program(tmp_path, code))

    with pytest.raises(NoThumbnail):
        await pool.of_video(picture)

    assert alive(tmp_path) == []


async def test_nothing_of_the_hub_is_in_the_environment_of_a_process(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFH_SECRET_KEY", "marker-of-a-secret")
    pool = ThumbnailPool(ffmpeg=program(tmp_path, "import os, sys; sys.exit(repr(dict(os.environ)))"))

    with pytest.raises(NoThumbnail) as told:
        await pool.of_video(picture)

    assert "LC_ALL" in str(told.value)
    assert "OFH" not in str(told.value)


async def test_t3_a_picture_that_needs_more_memory_than_there_is_has_no_thumbnail(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    Image.new("RGBA", (4_000, 4_000)).save(path, "PNG", compress_level=1)
    small = ThumbnailPool(ThumbnailLimits(memory_bytes=128 * MIB))

    with pytest.raises(NoThumbnail, match="memory"):
        await small.of_picture(path, "image/png")


async def test_t3_at_most_so_many_run_and_so_many_wait(picture: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    started.mkdir()
    go = tmp_path / "go"
    code = (
        f"import os, time, pathlib\nos.open({str(started)!r}, os.O_RDONLY)\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
    )
    pool = ThumbnailPool(ThumbnailLimits(at_once=2, waiting=3), ffmpeg=program(tmp_path, code))
    tasks = [asyncio.create_task(pool.of_video(picture)) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    with pytest.raises(HubError) as told:
        await pool.of_video(picture)
    assert told.value.code is Code.UNAVAILABLE
    while len(alive(tmp_path)) < 2:
        await asyncio.sleep(0.01)
    assert len(alive(tmp_path)) == 2

    go.touch()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in ended] == [NoThumbnail] * 5


async def test_who_is_cancelled_leaves_no_process(picture: Path, tmp_path: Path) -> None:
    pool = ThumbnailPool(ffmpeg=program(tmp_path, "import time; time.sleep(3600)"))
    task = asyncio.create_task(pool.of_video(picture))
    while not alive(tmp_path):
        await asyncio.sleep(0.01)

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert alive(tmp_path) == []


async def test_the_first_frame_of_a_video_by_a_program_in_the_place_of_ffmpeg(picture: Path, tmp_path: Path) -> None:
    """It is told to write a JPEG to its standard output, and what it writes is decoded like any stranger's picture."""
    frame = tmp_path / "frame.jpg"
    frame.write_bytes(jpeg(corners(1024, 576)))
    code = (
        "import sys\nassert 'file:' + sys.argv[-1] not in sys.argv\nassert sys.argv[-1] == 'pipe:1'\n"
        f"sys.stdout.buffer.write(open({str(frame)!r}, 'rb').read())"
    )

    found = await ThumbnailPool(ffmpeg=program(tmp_path, code)).of_video(picture)

    assert shown_corners(found) == UPRIGHT


@pytest.mark.services
async def test_the_first_frame_of_a_real_video_upright(tmp_path: Path) -> None:
    """Stored on its side, as it would come from a camera that was turned, with the turn said beside it."""
    from tests.support.services import program as installed

    ffmpeg = installed("ffmpeg")
    still, video = tmp_path / "still.png", tmp_path / "DJI_0001.MP4"
    corners(640, 480).transpose(Image.Transpose.ROTATE_90).save(still)
    process = await asyncio.create_subprocess_exec(
        ffmpeg,
        *("-loglevel", "error", "-loop", "1", "-t", "0.2", "-i", str(still), "-pix_fmt", "yuv420p"),
        *("-c:v", "mpeg4", "-q:v", "2", str(video)),
    )
    assert await process.wait() == 0
    content = bytearray(video.read_bytes())
    matrix = content.index(b"tkhd") + 44  # ISO/IEC 14496-12, 8.3.2: here a quarter turn clockwise
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 480 << 16, 0, 1 << 30)
    video.write_bytes(content)

    found = await ThumbnailPool(ffmpeg=ffmpeg).of_video(video)

    assert shown_corners(found) == UPRIGHT
