"""The ASGI application: which path leads to which edge."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from typing import Any

import structlog
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route, Router, WebSocketRoute

from ofh.choices import mqtt_url_for_controllers, now
from ofh.domain.actors import Actor
from ofh.domain.errors import HubError
from ofh.domain.link_steps import LinkStepName
from ofh.edges.auth import Origins, ended_cookie, session_cookie
from ofh.edges.dashboard.map_source import MapSource
from ofh.edges.dashboard.page import Dashboard
from ofh.edges.docs.pages import Docs
from ofh.edges.errors import WIRE, retry_after_s
from ofh.edges.export_links import ExportLinks
from ofh.edges.exports.endpoint import ExportEndpoint
from ofh.edges.file_links import FileLinks
from ofh.edges.files.endpoint import FileEndpoints
from ofh.edges.graphql.client.files import PATH as CLIENT_PATH
from ofh.edges.graphql.client.files import ClientFile
from ofh.edges.graphql.context import Contexts, ServerInfo, Services
from ofh.edges.graphql.fanout import Fanout
from ofh.edges.graphql.gate import Gate
from ofh.edges.graphql.http import GraphQLHttp, HttpLimits
from ofh.edges.graphql.ide.page import Ide, IdeFiles
from ofh.edges.graphql.schema import build_schema, print_sdl
from ofh.edges.graphql.socket import SocketLimits
from ofh.edges.graphql.websocket import Sockets
from ofh.edges.guard import Guard, networks
from ofh.edges.handshake import refuse, refuse_by
from ofh.edges.link.endpoint import Addresses, LinkEndpoints
from ofh.edges.live.socket import LiveSockets
from ofh.edges.live.socket import SocketLimits as LiveSocketLimits
from ofh.edges.live.topics import Topics
from ofh.edges.media_server.endpoint import MediaServerEndpoint
from ofh.edges.mqtt.socket import MqttSocket
from ofh.edges.paths import grouped
from ofh.edges.pilot import map_elements, media, topologies, waylines
from ofh.edges.pilot.endpoint import PilotEndpoints
from ofh.edges.pilot.socket import PilotSockets, World
from ofh.edges.pilot.socket import SocketLimits as PilotSocketLimits
from ofh.edges.pilot_page.page import PilotPage
from ofh.edges.probes.endpoint import ProbeEndpoints
from ofh.edges.rest import routes as rest
from ofh.edges.rest.endpoint import RestEndpoints
from ofh.edges.s3.endpoint import S3Endpoint
from ofh.edges.throttles import Throttles
from ofh.hub import Hub
from ofh.numbers import keep_counting, show_numbers
from ofh.services.audit_record import AuditRecord

log = structlog.get_logger(__name__)

PLATFORM = "OpenFlightHub"
API_VERSION = "0.11.0"
"""Of the REST contract whose shapes the hub serves."""

MIB = 1024 * 1024

FIRST_SUBSCRIPTION = """\
# The live positions of every drone of a workspace. Press Ctrl-Enter to run it.
subscription Positions($workspaceId: ID!) {
  workspacePositions(workspaceId: $workspaceId, interval: 1000) {
    drone { name model }
    position { longitude latitude height reportedAt }
    telemetry { heading horizontalSpeed elevation flightMode }
  }
}
"""


class HubApp:
    """The application and the parts that live as long as it does."""

    def __init__(self, hub: Hub, *, port: int) -> None:
        settings, people = hub.settings, hub.people
        self._hub = hub
        self._throttles = throttles = Throttles(people.limits)
        self._is_tls = is_tls = hub.public_url.startswith("https://")
        contexts = Contexts(
            Services(
                access=people.access,
                sessions=people.sessions,
                accounts=people.accounts,
                access_tokens=people.access_tokens,
                stream_tokens=people.stream_tokens,
                workspaces=people.workspaces,
                connections=people.connections,
                doctor=hub.doctor,
                streams=hub.streams,
                fleet=hub.fleet,
                flights=hub.flights,
                media=hub.media,
                files=hub.files,
                journal=hub.journal,
                alerts=hub.alerts,
                alert_rules=hub.alert_rules,
                audit_record=AuditRecord(people.access),
                map_elements=hub.map_elements,
                feed=hub.feed,
                past=hub.past,
                replays=hub.replays,
                steering=hub.steering,
                traffic=hub.traffic,
                coverages=hub.coverages,
                covered_ground=hub.covered_ground,
                archives=hub.archives,
                export_links=ExportLinks(hub.public_url),
                file_links=FileLinks(hub.public_url),
                info=ServerInfo(
                    name=PLATFORM,
                    version=hub.version,
                    api_version=API_VERSION,
                    stream_view_url=settings.stream_view_url,
                ),
            )
        )
        origins = Origins(public_url=settings.public_url, port=port, allowed=settings.allowed_origins)
        self._gate = Gate(
            sessions=people.sessions,
            origins=origins,
            address_of=_address_of,
            scope_of=self._scope_of,
            throttle=self._throttles.person,
        )

        schema = build_schema(introspection=settings.introspection)
        self.fanout = Fanout(contexts, hub.steering, operation_s=settings.operation_s)
        users: Counter[int] = Counter()  # a user's sockets are counted together, whichever edge they are of
        self.sockets = Sockets(
            schema,
            contexts,
            self.fanout,
            self._gate,
            SocketLimits(
                operations=settings.socket_operations,
                messages_per_s=settings.socket_messages_per_s,
                messages_burst=2 * settings.socket_messages_per_s,
                per_user=settings.sockets_per_user,
                documents=settings.socket_documents,
                ways=settings.socket_ways,
                per_address=settings.sockets_per_address,
                unread_s=settings.socket_stuck_s,
                recheck_s=settings.socket_recheck_s,
                operation_s=settings.operation_s,
            ),
            users=users,
        )
        self.live = self._live_sockets(origins, users)
        ide = Ide(default_query=FIRST_SUBSCRIPTION) if settings.ide else None
        self._graphql = GraphQLHttp(
            schema,
            contexts,
            self._gate,
            cookie=self._cookie,
            ide=ide,
            limits=HttpLimits(operation_s=settings.operation_s),
        )
        exports = ExportEndpoint(
            hub.exports,
            hub.archives,
            people.sessions,
            address_of=_address_of,
            throttle=self._throttles.person,
            stuck_s=settings.socket_stuck_s,
        )
        storage = S3Endpoint(
            hub.uploads,
            hub.grants,
            address_of=_address_of,
            stranger=throttles.stranger,
            known=throttles.upload,
            stuck_s=settings.upload_stuck_s,
            clock=now,
            stands=hub.grantees.require,
            note=hub.doctor.note,
        )
        pilot = PilotEndpoints(hub.links, address_of=_address_of, throttle=self._throttles.pilot)
        self.pilot_sockets = self._pilot_sockets(origins)
        routes: list[BaseRoute] = [
            Route("/graphql", self._graphql),
            WebSocketRoute("/graphql", self.sockets),
            Route(CLIENT_PATH, ClientFile()),
            *self._dashboard(has_ide=ide is not None).routes(),
            *Docs(print_sdl if settings.introspection else None).routes(),
            *exports.routes(),
            *self._file_endpoints(origins).routes(),
            *self._rest_routes(origins),
            *storage.routes(),
            *self._link_endpoints(origins, is_tls=is_tls).routes(),
            *PilotPage(hub.public_url).routes(),
            *topologies.routes(pilot, hub.awareness),
            *map_elements.routes(pilot, hub.map_elements),
            *media.routes(pilot, hub.pilot_media, hub.grantees, hub.doctor.note),
            *waylines.routes(pilot),
            self.pilot_sockets.route(),
            self.live.route(),
            *self._media_server_routes(),
            *self._probes().routes(),
        ]
        attach = getattr(hub.broker, "attach", None)
        if attach is not None:
            routes.append(WebSocketRoute("/mqtt", MqttSocket(attach, self._check_stranger)))
        if settings.ide:
            routes.append(Route("/graphql/ide/{name}", IdeFiles()))
        self.routes = routes
        """Which path leads where; of two that fit, the first counts. The contracts are held against them."""
        # The bare router: Starlette's application would answer faults itself, before the guard can.
        router = Router(routes=grouped(routes), redirect_slashes=False, default=self._unknown)
        self._asgi = Guard(
            _ByHost(storage, router),
            proxies=networks(settings.trusted_proxies),
            is_tls=is_tls,
            other_origins=settings.allowed_origins,
        )
        self._ends: list[Any] = []
        self._background: set[asyncio.Task[None]] = set()
        self._counting: asyncio.Task[None] | None = None
        show_numbers(
            hub,
            sockets=self.sockets,
            pilot_sockets=self.pilot_sockets,
            live_sockets=self.live,
            subscription_groups=self.fanout,
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._asgi(scope, receive, send)

    async def start(self) -> None:
        """Begin to watch over sockets and their rights."""
        await self.sockets.start()
        await self.pilot_sockets.start()
        await self.live.start()
        self._counting = asyncio.create_task(keep_counting(self._hub.metrics))
        self._ends = [
            self._hub.people.sessions.on_end(lambda ended: self.sockets.end_sessions(ended.concerns)),
            self._hub.people.sessions.on_end(self.live.end_sessions),
            self._hub.people.control.subscribe(self.live.told),
            self._hub.people.control.subscribe(self._told),
            self._hub.people.control.subscribe(self.pilot_sockets.told),
        ]

    async def stop(self) -> None:
        """Close every socket, then end what they watched. Calling it twice does no harm."""
        for end in self._ends:
            end()
        self._ends = []
        if self._counting is not None:
            self._counting.cancel()
        await asyncio.gather(self.sockets.stop(), self.pilot_sockets.stop(), self.live.stop(), self._graphql.stop())
        await self.fanout.stop()

    def _told(self, message: Mapping[str, Any]) -> None:
        """Word of a changed right: who may have lost one is looked at now."""
        match message["kind"]:
            case "membership":
                self._soon(self._right_changed(message["user_id"], message["workspace_id"]))
            case "workspace" | "interrupted":
                self._soon(self.sockets.recheck(None))

    async def _right_changed(self, user_id: int, workspace_id: int) -> None:
        """End what a member who is none any more watches, also what is just about to begin; else look again."""
        if await self._hub.people.access.is_member(user_id, workspace_id):
            await self.sockets.recheck(user_id)
        else:
            self.sockets.end_access(user_id, workspace_id)

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        """In the background: whoever changed the right does not wait. What fails here, the regular look finds."""
        task = asyncio.create_task(_logged(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _scope_of(self, actor: Actor, workspace_id: int) -> tuple[int, str] | None:
        role = await self._hub.people.access.role(actor, workspace_id)
        return None if role is None else (workspace_id, role.value)

    def _cookie(self, token: str | None) -> str:
        """The `Set-Cookie` header that begins a session, or ends it."""
        if token is None:
            return ended_cookie(secure=self._is_tls)
        return session_cookie(token, lifetime=timedelta(days=self._hub.settings.session_days), secure=self._is_tls)

    def _dashboard(self, *, has_ide: bool) -> Dashboard:
        settings = self._hub.settings
        return Dashboard(
            "/graphql" if has_ide else None,
            MapSource(style_url=settings.map_style_url, pmtiles=settings.map_pmtiles, origins=settings.map_origins),
            f"{self._hub.public_url}/pilot/",
            settings.stream_view_url,
        )

    def _probes(self) -> ProbeEndpoints:
        hub = self._hub
        return ProbeEndpoints(
            hub.backends,
            is_leaving=lambda: hub.is_leaving,
            metrics=hub.metrics.text,
            metrics_networks=networks(hub.settings.metrics_networks),
            address_of=_address_of,
        )

    def _media_server_routes(self) -> list[BaseRoute]:
        secret = self._hub.settings.media_server_secret
        if secret is None:
            return []
        endpoint = MediaServerEndpoint(
            self._hub.streams,
            secret=secret.get_secret_value(),
            address_of=_address_of,
            stranger=self._throttles.stranger,
        )
        return endpoint.routes()

    def _file_endpoints(self, origins: Origins) -> FileEndpoints:
        hub, settings = self._hub, self._hub.settings
        return FileEndpoints(
            hub.files,
            hub.people.sessions,
            origins,
            address_of=_address_of,
            throttle=self._throttles.person,
            throttle_bytes=self._throttles.download,
            stuck_s=settings.upload_stuck_s,
            max_bytes=settings.file_mib * MIB,
        )

    def _rest_routes(self, origins: Origins) -> list[BaseRoute]:
        hub = self._hub
        endpoints = RestEndpoints(
            hub.people.sessions,
            origins,
            address_of=_address_of,
            throttle=self._throttles.person,
            cookie=self._cookie,
            operation_s=hub.settings.operation_s,
        )
        people = hub.people
        return rest.routes(
            endpoints,
            rest.Services(
                sessions=people.sessions,
                accounts=people.accounts,
                stream_tokens=people.stream_tokens,
                registration=people.registration,
                workspaces=people.workspaces,
                connections=people.connections,
                links=hub.links,
                fleet=hub.fleet,
                files=hub.files,
                flights=hub.flights,
                media=hub.media,
                coverages=hub.coverages,
            ),
        )

    def _link_endpoints(self, origins: Origins, *, is_tls: bool) -> LinkEndpoints:
        hub, settings = self._hub, self._hub.settings
        key, app_license = settings.dji_app_key, settings.dji_app_license
        return LinkEndpoints(
            hub.links,
            Addresses(
                platform_name=PLATFORM,
                public_url=hub.public_url,
                mqtt_url=mqtt_url_for_controllers(settings, hub.public_url, getattr(hub.broker, "ports", ())),
                rtmp_url=settings.rtmp_url or "",
                app_id=settings.dji_app_id or "",
                app_key="" if key is None else key.get_secret_value(),
                app_license="" if app_license is None else app_license.get_secret_value(),
            ),
            origins=origins,
            is_tls=is_tls,
            note=hub.doctor.note,
            address_of=_address_of,
            throttle=self._throttles.pilot,
        )

    def _live_sockets(self, origins: Origins, users: Counter[int]) -> LiveSockets:
        hub, settings = self._hub, self._hub.settings
        return LiveSockets(
            hub.people.sessions,
            Topics(hub.people.access, hub.fleet, hub.feed, hub.rows, hub.traffic),
            origins=origins,
            address_of=_address_of,
            throttle=self._throttles.person,
            users=users,
            limits=LiveSocketLimits(
                messages_per_s=settings.socket_messages_per_s,
                messages_burst=2 * settings.socket_messages_per_s,
                subscriptions=settings.live_subscriptions,
                per_user=settings.sockets_per_user,
                unread_s=settings.socket_stuck_s,
                recheck_s=settings.socket_recheck_s,
            ),
        )

    def _pilot_sockets(self, origins: Origins) -> PilotSockets:
        hub, settings = self._hub, self._hub.settings
        return PilotSockets(
            hub.links,
            World(feed=hub.feed, awareness=hub.awareness, map_elements=hub.map_elements),
            origins=origins,
            address_of=_address_of,
            throttle=self._throttles.pilot,
            opened=lambda pilot: hub.doctor.note(pilot.public_id, LinkStepName.WEBSOCKET),
            clock=now,
            limits=PilotSocketLimits(
                ping_s=settings.pilot_ping_s,
                silence_s=settings.pilot_silence_s,
                messages_per_s=settings.socket_messages_per_s,
                messages_burst=2 * settings.socket_messages_per_s,
                per_connection=settings.sockets_per_user,
                unread_s=settings.socket_stuck_s,
                recheck_s=settings.socket_recheck_s,
            ),
        )

    async def _check_stranger(self, scope: Mapping[str, Any]) -> None:
        """Whether a handshake may go on that shows nobody.

        Raises:
            HubError: FORBIDDEN, from a foreign page; RATE_LIMITED.
        """
        self._gate.check_origin(list(scope["headers"]))
        await self._throttles.stranger(_address_of(scope))

    async def _unknown(self, scope: Any, receive: Any, send: Any) -> None:
        """A path that leads nowhere; whoever tries many is slowed down."""
        is_websocket = scope["type"] == "websocket"
        try:
            await self._throttles.stranger(_address_of(scope))
        except HubError as error:
            if is_websocket:
                await refuse_by(error, scope, send)
            else:
                headers = {"retry-after": str(retry_after_s(error))}
                await PlainTextResponse(error.message, WIRE[error.code].http, headers)(scope, receive, send)
            return
        if is_websocket:
            await refuse(scope, send, 404, "Not Found")
        else:
            await PlainTextResponse("Not Found", 404)(scope, receive, send)


class _ByHost:
    """Requests whose host begins with the bucket's name are for the storage, whatever their path."""

    def __init__(self, storage: S3Endpoint, others: Router) -> None:
        self._storage = storage
        self._others = others

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await (self._storage if self._storage.is_meant(scope) else self._others)(scope, receive, send)


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except HubError as error:
        log.warning("work in the background came to nothing", reason=error.message)
    except Exception:
        log.exception("work in the background failed")


def _address_of(scope: Mapping[str, Any]) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def build_app(hub: Hub, *, port: int) -> HubApp:
    """The application of a started hub.

    Args:
        port: where it is served; pages of this machine on this port are its own where no public URL is configured.
    """
    return HubApp(hub, port=port)
