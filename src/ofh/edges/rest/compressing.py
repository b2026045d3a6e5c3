"""Long answers travel compressed where the client takes that: a track of a megabyte comes over a mobile network within
the ten seconds that the published client waits.

Compression gives secrets away where a stranger can put text of theirs beside one and watch the length (BREACH). No
operation has both: what is long is tracks and lists, and secrets and tokens stand in short bodies of their own.
"""

import asyncio
import gzip

from ofh.edges.rest_errors import Headers

FROM_BYTES = 65_536
"""Shorter ones come in a few packets anyway."""
VARY = (b"vary", b"accept-encoding")


async def compressed(body: bytes, accepted: str) -> tuple[bytes, Headers]:
    """The body as it travels, and the headers that say so.

    Args:
        accepted: the client's `Accept-Encoding`.
    """
    if len(body) < FROM_BYTES:
        return body, []
    if not takes_gzip(accepted):
        return body, [VARY]
    # The quickest level: a track takes a seventh of the best one's time, and is an eighth longer.
    return await asyncio.to_thread(gzip.compress, body, 1, mtime=0), [VARY, (b"content-encoding", b"gzip")]


def takes_gzip(accepted: str) -> bool:
    """Whether an `Accept-Encoding` names gzip, with any weight but 0. A bare `*` is not taken for consent."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "").rstrip("0") not in ("q=", "q=0.")
    return False
