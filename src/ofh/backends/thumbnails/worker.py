"""The process that decodes one picture of a stranger, and then ends (security.md, section 10).

It is started as a script, with nothing of the hub's in its environment or memory: the picture is its standard input,
the thumbnail its standard output. Before the first byte of the picture is read it gives up, for good, all that decoding
does not need: memory beyond a limit, time, further processes, and with the right to open any file also every way into a
network. So this module imports nothing of the package.

    worker.py PACKAGES picture FORMAT ORIENTATION LENGTH MEMORY CPU_S WALL_S WRITTEN
    worker.py PACKAGES video PROGRAM FILE - MEMORY CPU_S WALL_S WRITTEN

`video` turns into a program that takes out a video's first frame, under the same limits; since that has to open files,
the kernel refuses it every socket (Linux alone can). Exit codes: see `Exit`; standard error says why, in a line.
"""

import ctypes
import os
import platform
import resource
import signal
import sys
from enum import IntEnum
from io import BytesIO
from typing import Any

SIDE = 512
"""Pixels of a thumbnail's longer side at the most."""
MAX_PIXELS = 60_000_000
MAX_SIDE = 20_000
QUALITY = 82
NICE = 5
"""The live picture of a fleet goes first."""
MOST_FILES = 64
"""That the program for videos may have open."""


class Exit(IntEnum):
    """How it ends, where nothing kills it."""

    DONE = 0
    NO_THUMBNAIL = 3
    """Of this picture none is to be had."""
    NOT_CONFINED = 4
    """This system cannot take the network away from a program."""


class NoThumbnail(Exception):
    """None is to be had; the text says why."""


def main(arguments: list[str]) -> Exit:
    """Do what the arguments say."""
    packages, what, first, second, length, *numbers = arguments
    memory, cpu_s, wall_s, written = (int(number) for number in numbers)
    limits = (memory, cpu_s, wall_s, written)
    if what == "video":
        if not confine(*limits, files=MOST_FILES, processes=None):
            return Exit.NOT_CONFINED
        os.execv(first, [first, *ffmpeg_arguments(second)])  # noqa: S606, the program of the settings
    sys.path.append(packages)
    decoders = plugins()
    _forbid_bombs()
    confine(*limits, files=3, processes=0)
    try:
        content = sys.stdin.buffer.read(int(length))
        sys.stdout.buffer.write(thumbnail(decoders[first], content, int(second)))
        sys.stdout.buffer.flush()
    except NoThumbnail as error:
        print(error, file=sys.stderr)
        return Exit.NO_THUMBNAIL
    return Exit.DONE


def ffmpeg_arguments(path: str) -> list[str]:
    """What makes ffmpeg give the first frame of an MP4 or QuickTime file as a JPEG, and touch nothing else.

    Formats, codecs and protocols are named: of the many decoders that it has, no other is ever reached.
    """
    return [
        *("-hide_banner", "-loglevel", "error", "-nostdin", "-threads", "1"),
        *("-protocol_whitelist", "file,pipe", "-format_whitelist", "mov,mp4,m4a,3gp,3g2,mj2"),
        *("-codec_whitelist", "h264,hevc,mpeg4,prores", "-f", "mov", "-i", f"file:{path}"),
        *("-map", "0:v:0", "-frames:v", "1", "-an", "-sn", "-dn", "-map_metadata", "-1"),
        *("-vf", f"scale=w={2 * SIDE}:h={2 * SIDE}:force_original_aspect_ratio=decrease"),
        *("-c:v", "mjpeg", "-q:v", "3", "-strict", "unofficial", "-threads", "1", "-f", "image2pipe", "pipe:1"),
    ]


# Limits


def confine(memory: int, cpu_s: int, wall_s: int, written: int, *, files: int, processes: int | None) -> bool:
    """Give up what is not needed, for good; whether the network is taken away by the kernel itself.

    Args:
        memory: bytes of address space.
        written: bytes of a file that is written.
        files: that may be open at a time. With no more than are open already, nothing can be opened, sockets included.
        processes: that the user may have; it does not hold for root.
    """
    signal.setitimer(signal.ITIMER_REAL, wall_s)  # whoever started this looks at the clock as well
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
    if processes is not None:
        resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    is_cut_off = _forbid_sockets()
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    return is_cut_off


class _Instruction(ctypes.Structure):
    """Of the kernel's filter language (linux/filter.h)."""

    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction)))


_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # the latter: EPERM
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_ANOTHER_ABI = 0x40000000
_IO_URING_SETUP = 425
_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""The kernel's number of the architecture, and of the call `socket` on it."""
_DIE_WITH_PARENT, _NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 1, 38, 22, 2


def _forbid_sockets() -> bool:
    """Have the kernel refuse every new socket to this process and what it becomes; False where it does not."""
    machine = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None or sys.maxsize < 2**32:
        return False
    architecture, socket = machine
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_IF_EQUAL, 0, 5, architecture),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_IF_AT_LEAST, 3, 0, _ANOTHER_ABI),
        (_IF_EQUAL, 2, 0, socket),
        (_IF_EQUAL, 1, 0, _IO_URING_SETUP),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    filters = (_Instruction * len(steps))(*(_Instruction(*step) for step in steps))
    program = _Program(len(steps), filters)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    return bool(prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0)


# Decoding


def plugins() -> dict[str, Any]:
    """The decoders that may be used, by the name of the format; no other is asked."""
    from PIL import Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

    Image.preinit()  # what writing a JPEG would load later, when nothing can be opened any more
    return {
        "jpeg": JpegImagePlugin.JpegImageFile,
        "png": PngImagePlugin.PngImageFile,
        "tiff": TiffImagePlugin.TiffImageFile,
        "webp": WebPImagePlugin.WebPImageFile,
    }


def _forbid_bombs() -> None:
    """Pillow's own limit, as an error: it also looks at what a picture holds within."""
    import warnings

    from PIL import Image

    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def thumbnail(plugin: Any, content: bytes, orientation: int) -> bytes:
    """A JPEG of at most SIDE pixels that holds nothing but the picture, upright.

    Args:
        orientation: EXIF's 1 to 8; 0: as the picture itself says.
    Raises:
        NoThumbnail: it is too large, or cannot be decoded.
    """
    from PIL import Image

    try:
        with plugin(BytesIO(content)) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
                raise NoThumbnail(f"{width} x {height} pixels are too many")
            turned = orientation or picture.getexif().get(_ORIENTATION, 1)
            if plugin.format == "TIFF" and orientation:
                picture.tag_v2.pop(_ORIENTATION, None)  # or it would be turned when it is read
            elif plugin.format == "TIFF":
                turned = 1
            picture.draft("RGB", (2 * SIDE, 2 * SIDE))
            small = _plain(picture)
            small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
            if turned in _TURNS:
                small = small.transpose(Image.Transpose[_TURNS[turned]])
            # Pixels alone: what a decoder has found beside them stays behind.
            clean = Image.new("RGB", small.size)
            clean.paste(small)
            out = BytesIO()
            clean.save(out, "JPEG", quality=QUALITY)
            return out.getvalue()
    except NoThumbnail:
        raise
    except MemoryError:
        raise NoThumbnail("it needs too much memory") from None
    except Exception as error:  # noqa: BLE001 - decoders raise whatever a stranger's bytes lead them to
        raise NoThumbnail(type(error).__name__) from None


_ORIENTATION = 0x0112
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""EXIF's orientation → how the stored picture becomes upright."""


def _plain(picture: Any) -> Any:
    """In eight bits of red, green and blue; what is transparent is white, and what has more bits is stretched."""
    from PIL import Image

    if picture.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        wide = picture.convert("F") if picture.mode != "F" else picture
        wide.load()
        factor = max(1, max(wide.size) // (2 * SIDE))
        wide = wide.reduce(factor)
        low, high = wide.getextrema()
        scale = 255.0 / (high - low) if high > low else 0.0
        return wide.point(lambda value: value * scale - low * scale).convert("L").convert("RGB")
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
