"""The ASGI application: which path leads to which edge."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
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
from ofh.edges.guard import Guard, is_within, networks
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
from ofh.edges.rest import routes as rest
from ofh.edges.rest.endpoint import RestEndpoints
from ofh.edges.s3.endpoint import S3Endpoint
from ofh.hub import Hub
from ofh.services.audit_record import AuditRecord
from ofh.services.link import Pilot

log = structlog.get_logger(__name__)

PLATFORM = "OpenFlightHub"
API_VERSION = "0.11.0"
"""Of the REST contract whose shapes the hub serves."""

MIB = 1024 * 1024

COUNT_S = 5.0
"""How often the metrics follow what others count."""

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
        self._metrics_networks = networks(settings.metrics_networks)
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
            throttle=self._throttle,
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
            throttle=self._throttle,
            stuck_s=settings.socket_stuck_s,
        )
        storage = S3Endpoint(
            hub.uploads,
            hub.grants,
            address_of=_address_of,
            stranger=lambda address: self._throttle(None, address, 1),
            known=lambda access_key_id: people.limits.file_request(f"upload:{access_key_id}"),
            stuck_s=settings.upload_stuck_s,
            clock=now,
            stands=hub.grantees.require,
            note=hub.doctor.note,
        )
        pilot = PilotEndpoints(hub.links, address_of=_address_of, throttle=self._throttle_pilot)
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
            Route("/healthz", _alive),
            Route("/readyz", self._ready),
            Route("/metrics", self._metrics),
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
        self._show_numbers()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._asgi(scope, receive, send)

    async def start(self) -> None:
        """Begin to watch over sockets and their rights."""
        await self.sockets.start()
        await self.pilot_sockets.start()
        await self.live.start()
        self._counting = asyncio.create_task(self._keep_counting())
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

    async def _throttle(self, actor: Actor | None, address: str, number: int) -> None:
        limits = self._hub.people.limits
        for _ in range(number):
            if actor is None:
                await limits.anonymous(address)
            else:
                await limits.request(f"{actor.credential}:{actor.credential_id}")

    async def _throttle_bytes(self, actor: Actor | None, address: str, number: int) -> None:
        limits = self._hub.people.limits
        if actor is None:
            await limits.anonymous(address)
        else:
            await limits.file_request(f"{actor.credential}:{actor.credential_id}")

    async def _throttle_pilot(self, pilot: Pilot | None, address: str, number: int) -> None:
        limits = self._hub.people.limits
        for _ in range(number):
            if pilot is None:
                await limits.anonymous(address)
            else:
                await limits.request(f"link:{pilot.connection_id}")

    def _dashboard(self, *, has_ide: bool) -> Dashboard:
        settings = self._hub.settings
        return Dashboard(
            "/graphql" if has_ide else None,
            MapSource(style_url=settings.map_style_url, pmtiles=settings.map_pmtiles, origins=settings.map_origins),
            f"{self._hub.public_url}/pilot/",
            settings.stream_view_url,
        )

    def _media_server_routes(self) -> list[BaseRoute]:
        secret = self._hub.settings.media_server_secret
        if secret is None:
            return []
        endpoint = MediaServerEndpoint(
            self._hub.streams,
            secret=secret.get_secret_value(),
            address_of=_address_of,
            stranger=lambda address: self._throttle(None, address, 1),
        )
        return endpoint.routes()

    def _file_endpoints(self, origins: Origins) -> FileEndpoints:
        hub, settings = self._hub, self._hub.settings
        return FileEndpoints(
            hub.files,
            hub.people.sessions,
            origins,
            address_of=_address_of,
            throttle=self._throttle,
            throttle_bytes=self._throttle_bytes,
            stuck_s=settings.upload_stuck_s,
            max_bytes=settings.file_mib * MIB,
        )

    def _rest_routes(self, origins: Origins) -> list[BaseRoute]:
        hub = self._hub
        endpoints = RestEndpoints(
            hub.people.sessions,
            origins,
            address_of=_address_of,
            throttle=self._throttle,
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
            throttle=self._throttle_pilot,
        )

    def _live_sockets(self, origins: Origins, users: Counter[int]) -> LiveSockets:
        hub, settings = self._hub, self._hub.settings
        return LiveSockets(
            hub.people.sessions,
            Topics(hub.people.access, hub.fleet, hub.feed, hub.rows, hub.traffic),
            origins=origins,
            address_of=_address_of,
            throttle=self._throttle,
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
            throttle=self._throttle_pilot,
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
        await self._throttle(None, _address_of(scope), 1)

    async def _unknown(self, scope: Any, receive: Any, send: Any) -> None:
        """A path that leads nowhere; whoever tries many is slowed down."""
        is_websocket = scope["type"] == "websocket"
        try:
            await self._throttle(None, _address_of(scope), 1)
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

    def _show_numbers(self) -> None:
        """What others count, in the metrics."""
        hub, metrics = self._hub, self._hub.metrics
        metrics.gauge("ofh_processes", "Hub processes that serve at this address.", lambda: 1)
        metrics.gauge("ofh_sockets", "Open GraphQL websockets.", lambda: len(self.sockets))
        metrics.gauge("ofh_pilot_sockets", "Open websockets of controllers.", lambda: len(self.pilot_sockets))
        metrics.gauge("ofh_live_sockets", "Open websockets at /api/live.", lambda: len(self.live))
        metrics.gauge("ofh_traffic_aircraft", "Aircraft in the picture of the traffic.", lambda: len(hub.traffic))
        metrics.counts("ofh_adsb_events", "What receivers of ADS-B have counted.", "event", hub.adsb_counts)
        metrics.gauge("ofh_subscription_groups", "Distinct subscriptions executed.", lambda: len(self.fanout))
        metrics.gauge(
            "ofh_broker_locked_out",
            "Accounts that the broker does not have, or has with an older secret.",
            lambda: len(getattr(hub.broker, "locked_out", ())),
            is_shared=True,
        )
        metrics.counts("ofh_broker_events", "What the MQTT side has counted.", "event", hub.broker.counts)
        metrics.counts(
            "ofh_bus_events",
            "Messages that slow readers missed, and losses of the line.",
            "event",
            lambda: {"dropped": hub.bus.dropped, "line_lost": getattr(hub.bus, "losses", 0)},
        )
        metrics.counts("ofh_mail_events", "Letters left out.", "event", lambda: {"dropped": hub.people.mail.dropped})

        metrics.gauge("ofh_uploads_under_way", "Objects being uploaded.", lambda: hub.uploads.under_way)
        metrics.gauge("ofh_storage_used", "How full the storage is, 0 to 1.", lambda: hub.uploads.used, is_shared=True)
        metrics.gauge(
            "ofh_storage_almost_full",
            "1: the storage is nine tenths full, or has refused an object for want of room.",
            lambda: float(hub.uploads.is_almost_full),
            is_shared=True,
        )
        metrics.counts(
            "ofh_upload_events",
            "What uploads have counted.",
            "event",
            lambda: {**hub.uploads.counts(), "grants": hub.grants.given},
        )

    async def _keep_counting(self) -> None:
        """Where several processes share the metrics, each brings its own up to date; another one may be asked."""
        while True:
            await asyncio.sleep(COUNT_S)
            self._hub.metrics.refresh()

    async def _ready(self, _request: Request) -> Response:
        """Each backend by name, without addresses. A hub that is about to stop is not ready, whatever they say."""
        states = {}
        for backend in self._hub.backends:
            try:
                await backend.check()
                states[backend.name] = "ok"
            except HubError:
                states[backend.name] = "away"
        is_ready = all(state == "ok" for state in states.values()) and not self._hub.is_leaving
        status = 200 if is_ready else 503
        headers = {} if status == 200 else {"retry-after": "5"}
        return JSONResponse({"ready": is_ready, "backends": states}, status, headers)

    async def _metrics(self, request: Request) -> Response:
        if not is_within(_address_of(request.scope), self._metrics_networks):
            return PlainTextResponse("Not from this network (OFH_METRICS_NETWORKS).", 403)
        return Response(self._hub.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


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


async def _alive(_request: Request) -> Response:
    return PlainTextResponse("ok")


def _address_of(scope: Mapping[str, Any]) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def build_app(hub: Hub, *, port: int) -> HubApp:
    """The application of a started hub.

    Args:
        port: where it is served; pages of this machine on this port are its own where no public URL is configured.
    """
    return HubApp(hub, port=port)
