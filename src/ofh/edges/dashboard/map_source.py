"""What lies below the dashboard's map, where the operator wants another map than the one that comes with the hub."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

PMTILES_PATH = "/dashboard/map.pmtiles"
"""Where the hub serves an archive of its own machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSource:
    """At most one of style and archive."""

    style_url: str | None = None
    """A MapLibre style."""
    pmtiles: str | None = None
    """An archive's address, or its path on this machine."""
    origins: tuple[str, ...] = ()
    """From where else the style takes tiles, fonts and symbols."""

    @property
    def data(self) -> Mapping[str, str | None]:
        """What the page is told: addresses."""
        return {"style": self.style_url, "pmtiles": PMTILES_PATH if self._file is not None else self.pmtiles}

    @property
    def policy_sources(self) -> tuple[str, ...]:
        """The origins that the page's policy has to name, each once; all is fetched, pictures too."""
        set_urls = [
            url for url in (self.style_url, None if self._file is not None else self.pmtiles) if url is not None
        ]
        return tuple(dict.fromkeys([*map(origin_of, set_urls), *self.origins]))

    def routes(self) -> list[BaseRoute]:
        """What serves the archive, in ranges, where it lies on this machine."""
        return [] if self._file is None else [Route(PMTILES_PATH, self._archive, methods=["GET"])]

    @property
    def _file(self) -> Path | None:
        return None if self.pmtiles is None or is_url(self.pmtiles) else Path(self.pmtiles)

    async def _archive(self, request: Request) -> Response:
        assert self._file is not None
        if not self._file.is_file():  # moved away since the start, or being replaced
            return Response("Not Found", 404, {"cache-control": "no-store"}, "text/plain")
        headers: MutableMapping[str, Any] = {"cache-control": "no-cache"}
        return FileResponse(self._file, headers=headers, media_type="application/octet-stream")


def is_url(text: str) -> bool:
    """Whether an archive is named by its address; else it is a path."""
    return text.startswith(("https://", "http://"))


def origin_of(url: str) -> str:
    """Scheme, host and port, without a name and a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
