"""The operations of the REST contract 0.11.0, a module for each kind of thing."""

from dataclasses import dataclass

from starlette.routing import BaseRoute

from ofh.services.accounts import Accounts
from ofh.services.connections import Connections
from ofh.services.coverage import Coverages
from ofh.services.files import Files
from ofh.services.fleet import Fleet
from ofh.services.flights import Flights
from ofh.services.link import Links
from ofh.services.media import MediaItems
from ofh.services.registration import Registration
from ofh.services.sessions import Sessions
from ofh.services.stream_tokens import StreamTokens
from ofh.services.workspaces import Workspaces

from . import auth, connections, coverage, drones, files, flights, media, remote_controllers, users, workspaces
from .endpoint import RestEndpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Whom the operations call."""

    sessions: Sessions
    accounts: Accounts
    stream_tokens: StreamTokens
    registration: Registration
    workspaces: Workspaces
    connections: Connections
    links: Links
    fleet: Fleet
    files: Files
    flights: Flights
    media: MediaItems
    coverages: Coverages


def routes(rest: RestEndpoints, services: Services) -> list[BaseRoute]:
    """All of them; of two paths that fit, the first counts."""
    return [
        *auth.routes(rest, services.sessions, services.accounts, services.stream_tokens, services.registration),
        *users.routes(rest, services.accounts),
        *workspaces.routes(rest, services.workspaces, services.links),
        *connections.routes(rest, services.connections),
        *remote_controllers.routes(rest, services.fleet),
        *drones.routes(rest, services.fleet),
        *flights.routes(rest, services.flights),
        *coverage.routes(rest, services.coverages),  # before what might take it for an id
        *media.routes(rest, services.media),
        *files.routes(rest, services.files),
    ]
