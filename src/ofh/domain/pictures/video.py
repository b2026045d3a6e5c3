"""The size of a video's frames, from the boxes of an MP4 or QuickTime file (ISO/IEC 14496-12).

The file may be here in part only, its beginning and its end: the index stands in one of the two, the frames between.
"""

from collections.abc import Iterator

from .tiff import Read

MAX_BOXES = 1_024
_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_VISUAL_SIZE = 24
"""Where width and height stand in a visual sample entry, behind its own head (14496-12, 12.1.3)."""


def frame_size(read: Read, size: int) -> tuple[int, int] | None:
    """Width and height of the first video track, in pixels as they are stored; None where it is not found.

    Args:
        size: of the whole file, bytes.
    """
    left = [MAX_BOXES]
    for at, end in _inside(read, 0, size, _CONTAINERS, left):
        for name, start, stop in _boxes(read, at, end, left):
            # A full box: version, number of entries, then the entries, each a box by itself.
            if name == b"stsd" and stop - start > 8 + 8 + _VISUAL_SIZE + 4:
                numbers = read(start + 8 + 8 + _VISUAL_SIZE, 4)
                width, height = int.from_bytes(numbers[:2]), int.from_bytes(numbers[2:])
                if _is_visual(read(start + 8 + 4, 4)) and width and height:
                    return width, height
    return None


def _is_visual(code: bytes) -> bool:
    return code in (b"avc1", b"avc3", b"hvc1", b"hev1", b"mp4v", b"apch", b"apcn", b"apcs", b"apco", b"ap4h", b"av01")


def _inside(read: Read, at: int, end: int, names: tuple[bytes, ...], left: list[int]) -> Iterator[tuple[int, int]]:
    """The content of each box that is reached through these, from the outermost in."""
    if not names:
        yield at, end
        return
    for name, start, stop in _boxes(read, at, end, left):
        if name == names[0]:
            yield from _inside(read, start, stop, names[1:], left)


def _boxes(read: Read, at: int, end: int, left: list[int]) -> Iterator[tuple[bytes, int, int]]:
    """Name, and where the content begins and ends, of each box."""
    while at + 8 <= end and left[0] > 0:
        left[0] -= 1
        head = read(at, 16)
        if len(head) < 8:
            return
        length, name, begins = int.from_bytes(head[:4]), head[4:8], at + 8
        if length == 1 and len(head) == 16:
            length, begins = int.from_bytes(head[8:]), at + 16
        elif length == 0:
            length = end - at
        if length < begins - at:
            return
        yield name, begins, min(at + length, end)
        at += length
