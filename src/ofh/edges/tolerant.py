"""Paths as Pilot may ask for them: a host that is configured with a slash at its end gives two (security.md, A7)."""

import re
from collections.abc import MutableMapping
from typing import Any

from starlette.routing import Match, Route

_SLASHES = re.compile(r"^/{2,}")


class TolerantRoute(Route):
    """A route that takes a trailing slash, and doubled ones behind the host, as if they were not there."""

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        """See `Route.matches`."""
        path = _SLASHES.sub("/", scope["path"])
        if len(path) > 1 and path.endswith("/"):
            path = path[:-1]
        return super().matches({**scope, "path": path})
