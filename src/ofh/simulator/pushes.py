"""Pilot's websocket: it listens, counts what comes, and fetches the topologies when it is told that they changed.

dji-pilot-2.md, chapter 4. How soon Pilot connects again is not known; here it doubles from one second to thirty.
"""

import asyncio
import json
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException

from .chaos import Chaos
from .errors import SignedOut, UploadFailed
from .media_api import MediaApi
from .stats import Stats

CHANGES = {"device_online", "device_offline", "device_update_topo"}
LONGEST_RETRY_S = 30.0
MAX_FRAME = 1 << 20


async def listen(api: MediaApi, stats: Stats, chaos: Chaos) -> None:
    """Hold the websocket, and open it again when it breaks; until cancelled. At once over where there is none."""
    wait_s = 1.0
    while (address := api.access.socket_url) is not None:
        url = f"{address}?x-auth-token={quote(api.access.token, safe='')}"
        try:
            async with connect(url, max_size=MAX_FRAME, proxy=None) as line:
                wait_s = 1.0
                await _hold(line, api, stats, chaos)
        except InvalidURI:
            return
        except (InvalidHandshake, WebSocketException, OSError, TimeoutError):
            stats.pushes["broken"] += 1
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, LONGEST_RETRY_S)


async def _hold(line: ClientConnection, api: MediaApi, stats: Stats, chaos: Chaos) -> None:
    """Read until it ends, or until the link breaks as it does in chaos."""
    lasts_s = None if chaos.is_calm else chaos.link_lasts_s()
    try:
        async with asyncio.timeout(lasts_s):
            await _fetch_topologies(api, stats)
            async for frame in line:
                code = _code(frame)
                stats.pushes[code] += 1
                if code in CHANGES:
                    await _fetch_topologies(api, stats)
    except TimeoutError:
        line.transport.abort()


async def _fetch_topologies(api: MediaApi, stats: Stats) -> None:
    """As Pilot does for its map; what comes of it is looked at by a pilot, and counted here."""
    try:
        await api.topologies()
        stats.topologies_fetched += 1
    except (UploadFailed, SignedOut):  # the uploads notice the latter and open the page again
        pass


def _code(frame: str | bytes) -> str:
    try:
        found = json.loads(frame)
    except ValueError:
        return "unreadable"
    code = found.get("biz_code") if isinstance(found, dict) else None
    return code if isinstance(code, str) else "unknown"
