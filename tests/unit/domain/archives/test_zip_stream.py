"""What is written is a ZIP file to whoever reads one, small or beyond four gibibytes."""

import io
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.archives import zip_stream
from ofh.domain.archives.names import MAX_BYTES, Names, safe
from ofh.domain.archives.zip_stream import TooLong, ZipStream

AT = datetime(2025, 6, 14, 10, 21, 8, tzinfo=timezone(timedelta(hours=2)))


def packed(*entries: tuple[str, bytes, int]) -> bytes:
    """An archive of entries with a name, bytes and an announced size."""
    stream = ZipStream()
    parts: list[bytes] = []
    for name, content, size in entries:
        parts.append(stream.begin(name, AT, size))
        parts += [stream.data(content[first : first + 1_000]) for first in range(0, len(content), 1_000)]
        parts.append(stream.end())
    return b"".join([*parts, stream.finish()])


def test_another_reader_finds_every_entry(tmp_path: Path) -> None:
    entries = {"1581X/DJI_0001_W.JPG": bytes(range(256)) * 20, "Grüße 🚁.txt": b"", "a/b": b"x"}
    file = packed(*((name, content, len(content)) for name, content in entries.items()))
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == entries
        assert {info.date_time for info in archive.infolist()} == {(2025, 6, 14, 8, 21, 8)}
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    if shutil.which("unzip"):  # a second one, where there is one
        path = tmp_path / "some.zip"
        path.write_bytes(file)
        subprocess.run(["unzip", "-tq", path], check=True, capture_output=True, timeout=30)


def test_nothing_is_an_archive_too() -> None:
    assert zipfile.ZipFile(io.BytesIO(packed())).namelist() == []


def test_what_is_announced_large_may_be_small() -> None:
    with zipfile.ZipFile(io.BytesIO(packed(("large", b"abc", 5 * 2**30), ("small", b"d", 1)))) as archive:
        assert archive.testzip() is None
        assert archive.read("large") == b"abc"


def test_more_entries_than_the_old_format_counts() -> None:
    many = packed(*((f"{n}", b"", 0) for n in range(66_000)))
    assert b"PK\x06\x06" in many[-200:]
    assert len(zipfile.ZipFile(io.BytesIO(many)).namelist()) == 66_000


def test_five_gibibytes_are_read_back_whole() -> None:
    """Nobody keeps them: a file without its insides stands for what was streamed."""
    chunk, times = bytes(64 * 2**20), 80
    stream = ZipStream()
    sparse = Sparse()
    sparse.add(stream.begin("video.mp4", AT, len(chunk) * times))
    for _ in range(times):
        sparse.add(stream.data(chunk))
    sparse.add(stream.end())
    for name in ("behind", "last"):
        sparse.add(stream.begin(name, AT, 3) + stream.data(b"abc") + stream.end())
    sparse.add(stream.finish())
    with zipfile.ZipFile(sparse) as archive:  # type: ignore[call-overload]
        large, behind, last = archive.infolist()
        assert large.file_size == large.compress_size == len(chunk) * times > 2**32
        assert behind.header_offset > 2**32
        assert archive.read(behind) == archive.read(last) == b"abc"


class Sparse(io.RawIOBase):
    """A file whose long pieces of zeros are not kept."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, bytes | None, int]] = []
        self._size = self._place = 0

    def add(self, content: bytes) -> None:
        kept = content if len(content) < 2**20 else None
        self._parts.append((self._size, kept, len(content)))
        self._size += len(content)

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, place: int, whence: int = 0) -> int:
        self._place = place + (0, self._place, self._size)[whence]
        return self._place

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._place + size, self._size)
        found = b"".join(self._between(self._place, end))
        self._place = end
        return found

    def _between(self, start: int, end: int) -> Iterator[bytes]:
        for place, kept, length in self._parts:
            first, last = max(start - place, 0), min(end - place, length)
            if first < last:
                yield bytes(last - first) if kept is None else kept[first:last]


def test_an_entry_that_outgrows_its_announcement_is_no_silent_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_stream, "_LIMIT", 1_000)
    monkeypatch.setattr(zip_stream, "_MARGIN", 10)
    stream = ZipStream()
    stream.begin("a", AT, 5)
    with pytest.raises(TooLong):
        stream.data(bytes(1_000))


@pytest.mark.parametrize("at", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)])
def test_a_time_that_the_format_cannot_tell_is_the_nearest_it_can(at: datetime) -> None:
    stream = ZipStream()
    file = stream.begin("a", at, 0) + stream.end() + stream.finish()
    assert zipfile.ZipFile(io.BytesIO(file)).infolist()[0].date_time[0] in {1980, 2107}


# Names


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("DJI_0001_W.JPG", "DJI_0001_W.JPG"),
        ("../../etc/passwd", "_._etc_passwd"),
        ("..", "file"),
        ("", "file"),
        ("a\0b\nc.jpg", "a_b_c.jpg"),
        ("C:\\x", "C__x"),
        ("con", "_con"),
        ("NUL.jpg", "_NUL.jpg"),
        ("COM1.tar.gz", "_COM1.tar.gz"),
        ("console.jpg", "console.jpg"),
        ("trailing. ", "trailing"),
        ("\u202egpj.exe", "_gpj.exe"),
        ("e\u0301.jpg", "é.jpg"),
    ],
)
def test_a_name_becomes_one_that_leads_nowhere(name: str, found: str) -> None:
    assert safe(name, "file") == found


@given(st.text(max_size=400))
def test_any_name_is_safe_and_stays_it(name: str) -> None:
    found = safe(name, "file")
    assert found not in {"", ".", ".."}
    assert not set('/\\:*?"<>|\0\n\r') & set(found)
    assert len(found.encode()) <= MAX_BYTES + 1
    assert not found.endswith((" ", "."))
    assert safe(found, "file") == found


def test_the_ending_of_a_long_name_stays() -> None:
    found = safe("ü" * 300 + ".JPG", "file")
    assert found.endswith("ü.JPG")
    assert len(found.encode()) <= MAX_BYTES


def test_doubles_are_told_apart_whatever_their_case() -> None:
    names = Names()
    given = [names.once(name) for name in ("a/P.JPG", "a/p.jpg", "b/P.JPG", "a/P.JPG", "a/P (2).JPG", "none", "none")]
    assert given == ["a/P.JPG", "a/p (2).jpg", "b/P.JPG", "a/P (3).JPG", "a/P (2) (2).JPG", "none", "none (2)"]
    assert len({name.casefold() for name in given}) == len(given)
