"""What resolvers are given: the services, who asks, and loaders that live for one operation."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError, unauthenticated

from .loaders import Loaders

if TYPE_CHECKING:
    from ofh.edges.export_links import ExportLinks
    from ofh.edges.file_links import FileLinks
    from ofh.services.access import Access
    from ofh.services.access_tokens import AccessTokens
    from ofh.services.accounts import Accounts
    from ofh.services.alert_rules import AlertRules
    from ofh.services.alerts import Alerts
    from ofh.services.archives import Archives
    from ofh.services.audit_record import AuditRecord
    from ofh.services.connections import Connections
    from ofh.services.coverage import Coverages
    from ofh.services.covered_ground import CoveredGround
    from ofh.services.doctor import Doctor
    from ofh.services.feed import Feed
    from ofh.services.files import Files
    from ofh.services.fleet import Fleet
    from ofh.services.flights import Flights
    from ofh.services.journal import Journal
    from ofh.services.map_elements import MapElements
    from ofh.services.media import MediaItems
    from ofh.services.past import Past
    from ofh.services.replays import Replays
    from ofh.services.sessions import Sessions
    from ofh.services.steering import Steering
    from ofh.services.stream_tokens import StreamTokens
    from ofh.services.streams import Streams
    from ofh.services.traffic import Traffic
    from ofh.services.workspaces import Workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """What the hub says of itself."""

    name: str
    version: str
    api_version: str
    stream_view_url: str | None = None
    """Below which live video is watched, without a slash at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What resolvers may call."""

    access: "Access"
    sessions: "Sessions"
    accounts: "Accounts"
    access_tokens: "AccessTokens"
    stream_tokens: "StreamTokens"
    workspaces: "Workspaces"
    connections: "Connections"
    doctor: "Doctor"
    streams: "Streams"
    fleet: "Fleet"
    flights: "Flights"
    media: "MediaItems"
    coverages: "Coverages"
    covered_ground: "CoveredGround"
    archives: "Archives"
    files: "Files"
    journal: "Journal"
    alerts: "Alerts"
    alert_rules: "AlertRules"
    audit_record: "AuditRecord"
    map_elements: "MapElements"
    feed: "Feed"
    past: "Past"
    replays: "Replays"
    steering: "Steering"
    traffic: "Traffic"
    export_links: "ExportLinks"
    file_links: "FileLinks"
    info: ServerInfo


class ReaderNeeded(Exception):
    """A resolver of a shared execution asked who reads; the execution is done again per reader."""


class Context:
    """The surroundings of one operation, or of one event of a shared subscription.

    Args:
        cookies: where a session cookie to set is noted; None where there is no HTTP answer to set one on.
        shared: nobody in particular reads. Asking who does is remembered in `reader_needed` and raises.
    """

    __slots__ = ("_actor", "_cookies", "_loaders", "address", "reader_needed", "services", "shared")

    def __init__(
        self,
        services: Services,
        *,
        actor: Actor | None = None,
        address: str = "",
        cookies: list[str | None] | None = None,
        shared: bool = False,
    ) -> None:
        self.services = services
        self.address = address
        """Where the request came from; empty in a shared execution."""
        self.shared = shared
        self.reader_needed = False
        self._actor = actor
        self._cookies = cookies
        self._loaders: Loaders | None = None

    @property
    def actor(self) -> Actor | None:
        """Who asks; None for a stranger.

        Raises:
            ReaderNeeded: nobody in particular does.
        """
        if self.shared:
            self.reader_needed = True
            raise ReaderNeeded
        return self._actor

    def require_actor(self) -> Actor:
        """Who asks.

        Raises:
            HubError: UNAUTHENTICATED.
        """
        actor = self.actor
        if actor is None:
            raise unauthenticated()
        return actor

    @property
    def loaders(self) -> Loaders:
        """Made when first asked for: a shared execution often needs none."""
        if self._loaders is None:
            self._loaders = Loaders(self.services)
        return self._loaders

    def require_http(self) -> None:
        """Refuse what needs a cookie where none can be set.

        Raises:
            HubError: BAD_INPUT.
        """
        if self._cookies is None:
            raise HubError(Code.BAD_INPUT, "This sets a cookie, so it works over HTTP only, not over a websocket.")

    def set_cookie(self, token: str) -> None:
        """Give the browser a session; does nothing where there is no HTTP answer."""
        if self._cookies is not None:
            self._cookies.append(token)

    def clear_cookie(self) -> None:
        """Take the session from the browser; does nothing where there is no HTTP answer."""
        if self._cookies is not None:
            self._cookies.append(None)


class Contexts:
    """Makes contexts; the only holder of the services at this edge."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def of(self, actor: Actor | None, *, address: str = "", cookies: list[str | None] | None = None) -> Context:
        """For one operation of one reader."""
        return Context(self._services, actor=actor, address=address, cookies=cookies)

    async def database_answers(self) -> bool:
        """Whether the database gives a sign of life."""
        try:
            await self._services.feed.check_database()
        except HubError:
            return False
        return True

    def shared(self) -> Context:
        """For one event that many read."""
        return Context(self._services, shared=True)
