"""What CPU a PostgreSQL server has used, from Linux's own books. No benchmark, hence the underscore."""

import os
from pathlib import Path

from tests.support.services import PostgresServer


def server_seconds(server: PostgresServer | None) -> float:
    """CPU seconds of a server that was started here, with all its processes; 0 without one."""
    if server is None or server.daemon is None or server.daemon.process is None:
        return 0.0
    pid, ticks = server.daemon.process.pid, 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended; its parent has its time
            continue
        if pid in (int(folder.name), int(fields[1])):
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")
