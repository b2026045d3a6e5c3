"""The operations of the REST contract 0.11.0, a module for each kind of thing."""

from dataclasses import dataclass

from starlette.routing import BaseRoute

from ofh.services.files import Files
from ofh.services.flights import Flights

from . import files, flights
from .endpoint import RestEndpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Whom the operations call."""

    files: Files
    flights: Flights


def routes(rest: RestEndpoints, services: Services) -> list[BaseRoute]:
    """All of them; of two paths that fit, the first counts."""
    return [*files.routes(rest, services.files), *flights.routes(rest, services.flights)]
