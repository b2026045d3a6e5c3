"""The ground that a photo, or a video's first frame, shows."""

from typing import Any

import orjson
from starlette.routing import BaseRoute

from ofh.services.coverage import Coverages

from .endpoint import Ask, RestEndpoints


def routes(rest: RestEndpoints, coverages: Coverages) -> list[BaseRoute]:
    """A route for each path."""

    async def of_media(ask: Ask) -> dict[str, Any]:
        return {"coverage": orjson.Fragment(await coverages.of_media(ask.actor, ask.id("media_id")))}

    return [rest.route("/api/media/ground-coverage/{media_id}", GET=of_media)]
