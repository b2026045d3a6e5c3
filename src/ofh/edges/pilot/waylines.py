"""The library of waylines as Pilot's module `mission` asks for it (dji-pilot-2.md, 7.3). The hub keeps none.

Its own page does not load that module. A page of others may, and would show an error in place of an empty list.
"""

from collections.abc import Mapping

from starlette.routing import BaseRoute

from .endpoint import Answer, Ask, PilotEndpoints

PAGE_SIZE = 10
_MOST = 1_000_000


def routes(endpoints: PilotEndpoints) -> list[BaseRoute]:
    """The route of the list."""

    async def waylines(ask: Ask) -> Answer:
        query = dict(ask.query)
        page, size = _number(query, "page", 1), _number(query, "page_size", PAGE_SIZE)
        return Answer(data={"list": [], "pagination": {"page": page, "page_size": size, "total": 0}})

    return [
        endpoints.route("/wayline/api/v1/workspaces/{workspace_uuid}/waylines", {"GET": waylines}, body="none"),
    ]


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and 0 < int(text[:8]) <= _MOST else default
