"""What a process and its children use, from Linux's own books. No benchmark, hence the underscore."""

import os
import resource
from pathlib import Path

PROC = Path("/proc")


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has just ended
            continue
        parents.setdefault(parent, []).append(int(folder.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, its threads and its children, to microseconds; what ended meanwhile is not in it."""
    spent = 0
    for one in family(pid):
        for task in PROC.glob(f"{one}/task/*/schedstat"):
            try:
                spent += int(task.read_text().split()[0])
            except OSError:
                continue
    return spent / 1e9


def rss_kib(pid: int) -> int:
    """Resident memory of a process and its children."""
    pages = 0
    for one in family(pid):
        try:
            pages += int((PROC / str(one) / "statm").read_text().split()[1])
        except OSError:
            continue
    return pages * resource.getpagesize() // 1024


def raise_files() -> int:
    """Let this process, and what it starts, open as many files as the system allows; how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def machine() -> str:
    """How busy the machine is, to stand below a table."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
