"""Builds, starts and stops the parts of one hub process.

The way of a report: controller → MQTT → `Broker` → `edges/ingest` decodes it → `services/telemetry` finds out whose it
is → `services/recorder` stores it with all others of the moment, publishes what it means on the `Bus`, and only then
lets the broker acknowledge it → one `services/workspace_feed` per workspace in every process puts what it is told in
order, and reads what it was not told → `edges/graphql/fanout` executes each distinct subscription once and writes the
same bytes to all who hold it.

The way of a request: `app.py` → an edge (who asks? what?) → one service method (may they? then do it, in one
transaction, told after its commit) → the edge shapes the answer.

Read `Hub.start` from top to bottom: it is the start order, and backwards the stop order. `choices.py` picks
backends by the settings.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from importlib.metadata import version
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

import structlog

from ofh.backends.adsb import Receiver
from ofh.backends.ports import Broker, Bus
from ofh.choices import (
    MIB,
    bus_of,
    coverages_of,
    doctor_of,
    feed_rules_of,
    flight_rules,
    now,
    object_store,
    outside_broker,
    places_of,
    retention_of,
    roster_of,
    upload_endpoint,
    upload_roles,
    upload_rules,
)
from ofh.dji.errors import DecodeError
from ofh.dji.topics import parse
from ofh.edges.ingest.consumer import Consumer
from ofh.edges.probes.endpoint import Readiness
from ofh.keys import alone_with, signing_key
from ofh.metrics import Metrics
from ofh.people import AccountServices
from ofh.services.alert_rules import AlertRules
from ofh.services.alerts import Alerts
from ofh.services.announcing import RowNews
from ofh.services.archives import Archives
from ofh.services.awareness import Awareness
from ofh.services.bindings import Bindings
from ofh.services.clearing import Clearing
from ofh.services.commands import Commands
from ofh.services.coverage import COVERAGE
from ofh.services.covered_ground import CoveredGround
from ofh.services.derivation import Derivation
from ofh.services.discarding import Discarding
from ofh.services.exports import ExportRules, Exports
from ofh.services.feed import Feed
from ofh.services.feed_keeping import FeedKeeping
from ofh.services.files import FileRules, Files
from ofh.services.fleet import Fleet
from ofh.services.flights import Flights
from ofh.services.grantees import Grantees
from ofh.services.grants import Grants
from ofh.services.handover import Handover
from ofh.services.incoming import Reception
from ofh.services.jobs import JobQueue
from ofh.services.journal import Journal
from ofh.services.link import Links
from ofh.services.map_elements import MapElements
from ofh.services.media import MediaItems
from ofh.services.past import Past
from ofh.services.pilot_media import PilotMedia
from ofh.services.presence import Presence, PresenceRules
from ofh.services.recorder import Recorder, RecorderRules
from ofh.services.replays import Replays
from ofh.services.rows import Rows
from ofh.services.steering import Steering
from ofh.services.streams import Streams
from ofh.services.telemetry import Telemetry, TelemetryRules
from ofh.services.topologies import Topologies
from ofh.services.traffic import Traffic
from ofh.services.uploads import Uploads
from ofh.settings import Settings
from ofh.store.database import Database
from ofh.store.models import User, UserSession
from ofh.supervision import Errands, keep_running
from ofh.upkeep import Upkeep
from ofh.workshop import Workshop

log = structlog.get_logger(__name__)

FIRST_USER = "admin@localhost"
SETTLE_S = 2.0
"""How long a stop waits for reports that are on their way into the database."""


class Hub:
    """One hub process.

    Args:
        settings: checked already.
        public_url: where people reach it.
        instance: tells the processes of one machine apart; stays the same over restarts.
    """

    def __init__(self, settings: Settings, *, public_url: str, instance: int = 0) -> None:
        self.settings = settings
        self.public_url = public_url
        self.metrics = Metrics()
        self.database = Database(settings.database, pool_size=settings.database_pool)
        self.bus: Bus = bus_of(settings)
        self.bindings = Bindings(time.monotonic)
        self.roster = roster_of(settings, instance)
        self.handover: Handover | None = None
        self.broker: Broker = self._broker(settings, instance)
        news = RowNews(self.bus, self.metrics, now)
        self.people = AccountServices(
            settings, self.database, public_url=public_url, bus=self.bus, broker=self.broker, news=news
        )
        self.objects = object_store(settings)
        self.reception = Reception(settings.data / "incoming", reserve_bytes=settings.upload_reserve_mib * MIB)
        self.discarding = Discarding(
            self.database, self.objects, now, untold=timedelta(days=settings.upload_untold_days)
        )
        self.grants = Grants(
            key=signing_key(settings, "uploads"),
            endpoint=upload_endpoint(settings, public_url),
            roles=upload_roles(settings),
            clock=now,
        )
        self.grantees = Grantees(self.grants, time.monotonic)
        self.uploads = Uploads(
            self.objects,
            self.reception,
            self.metrics,
            expect=self.discarding.expect,
            rules=upload_rules(settings),
        )
        self.fleet = Fleet(self.database, self.people.access, now, news)
        self.flights = Flights(self.database, self.people.access, self.fleet)
        self.exports = Exports(
            self.database,
            self.people.access,
            self.fleet,
            self.flights,
            self.people.sessions.still_valid,
            ExportRules(in_all=settings.exports, per_user=settings.exports_per_user),
        )
        self.journal = Journal(self.people.access)
        self.jobs = JobQueue(self.database, now)
        self.files = Files(
            self.database,
            self.people.access,
            self.people.audit,
            self.objects,
            self.reception,
            self.discarding,
            self.jobs,
            now,
            FileRules(
                max_bytes=settings.file_mib * MIB, in_all=settings.uploads, per_session=settings.uploads_per_session
            ),
            news,
        )
        self.media = MediaItems(self.people.access, self.fleet)
        self.coverages = coverages_of(
            settings, self.database, self.bus, self.people.access, self.fleet, self.jobs, self.metrics
        )
        self.covered_ground = CoveredGround(self.database, self.people.access, self.media)
        self.archives = Archives(
            self.people.access,
            self.media,
            self.objects,
            self.people.sessions.still_valid,
            self.exports.turn,
            now,
            most=settings.archive_files,
        )
        self.pilot_media = PilotMedia(
            self.database,
            self.bus,
            self.objects,
            self.discarding,
            self.jobs,
            self.people.audit,
            self.metrics,
            now,
            holds=self.grants.holds,
        )
        self.workshop = Workshop(
            settings,
            self.database,
            self.bus,
            self.objects,
            self.reception,
            self.discarding,
            self.jobs,
            self.metrics,
            now,
            processes=settings.workers,
            more={COVERAGE: self.coverages},
        )
        self.alerts = Alerts(self.database, self.bus, self.people.access, self.people.control, self.metrics, clock=now)
        self.alert_rules = AlertRules(
            self.database,
            self.bus,
            self.people.access,
            self.people.audit,
            self.people.control,
            self.metrics,
            clock=now,
        )
        self.retention = retention_of(settings, self.database)
        self.clearing = Clearing(self.database, now)
        self.feed_keeping = FeedKeeping(self.database, now, every_s=settings.feed_pack_s)
        self.feed = Feed(self.bus, self.database, feed_rules_of(settings))
        self.steering = Steering(self.people.control)
        self.past = Past(self.database, self.people.access, now)
        self.places = places_of(settings)
        self.replays = Replays(
            self.database,
            self.past,
            self.steering,
            now,
            time.monotonic,
            per_user=settings.replays_per_user,
            places=self.places,
        )
        self.rows = Rows(
            self.feed,
            self.people.control,
            accounts=self.people.accounts,
            workspaces=self.people.workspaces,
            connections=self.people.connections,
            fleet=self.fleet,
            flights=self.flights,
            media=self.media,
            files=self.files,
        )
        self.traffic = Traffic(self.bus, self.feed, self.metrics, now, key=signing_key(settings, "traffic"))
        # One process of each machine listens; the others have it from the bus.
        self.receivers = [Receiver(url, self.traffic.heard, now) for url in settings.adsb_urls] if not instance else []
        self.awareness = Awareness(self.database)
        self.map_elements = MapElements(self.database, self.bus, self.people.access, self.metrics, clock=now)
        self.doctor = doctor_of(
            settings,
            self.database,
            self.people.access,
            public_url=public_url,
            bus=self.bus,
            feed=self.feed,
            counters=self.metrics,
            locked_out=lambda: getattr(self.broker, "locked_out", frozenset()),
            check_storage=self.objects.check,
        )
        self.derivation = Derivation(
            self.database,
            self.bus,
            self.alerts,
            self.metrics,
            now,
            flight_rules(settings),
            sweep=timedelta(seconds=settings.flight_sweep_s),
        )
        self.recorder = Recorder(
            self.database,
            self.bus,
            self.derivation,
            self.metrics,
            RecorderRules(
                max_pending=settings.recorder_pending, tick=timedelta(milliseconds=settings.recorder_tick_ms)
            ),
        )
        self.telemetry = Telemetry(
            self.bindings,
            self.recorder,
            self.metrics,
            time.monotonic,
            TelemetryRules(
                clock_tolerance=timedelta(seconds=settings.clock_tolerance_s),
                messages_per_s=settings.connection_messages_per_s,
                burst=settings.connection_burst,
            ),
        )
        self.topologies = Topologies(
            self.database,
            self.bus,
            self.broker,
            self.derivation,
            self.bindings,
            self.people.control,
            self.people.audit,
            self.doctor,
            self.metrics,
            rights_wait=timedelta(seconds=settings.mqtt_rights_s),
        )
        self.links = Links(
            database=self.database,
            connections=self.people.connections,
            limits=self.people.limits,
            audit=self.people.audit,
            control=self.people.control,
            claims=self.topologies,
            key=signing_key(settings, "link"),
            idle=timedelta(days=settings.session_idle_days),
            absolute=timedelta(days=settings.session_days),
            refused=lambda pilot, problem: self.doctor.token_refused(pilot.connection_id, pilot.public_id, problem),
            clock=now,
        )
        self.presence = Presence(
            self.database,
            self.bus,
            self.derivation,
            self.metrics,
            now,
            PresenceRules(
                silence=timedelta(seconds=settings.presence_silence_s),
                lost_link=timedelta(seconds=settings.presence_lost_s),
                sweep=timedelta(seconds=settings.presence_sweep_s),
            ),
        )
        self.upkeep = Upkeep(
            self.database,
            self.people,
            self.links,
            self.retention,
            self.pilot_media,
            self.uploads,
            self.feed,
            reconcile=self._reconcile,
            audit_days=settings.audit_days,
        )
        self.commands = Commands(self.broker, self.people.control, self.metrics, now)
        self.streams = Streams(
            self.database,
            self.people.access,
            self.people.audit,
            self.commands,
            rtmp_url=settings.rtmp_url,
            viewer_of=self.people.stream_tokens.viewer,
            clock=now,
            monotonic=time.monotonic,
        )
        self.consumer = Consumer(
            self.broker,
            self.topologies,
            self.telemetry,
            self.presence,
            self.people.audit,
            self.doctor,
            self.commands,
            self.grantees,
            self.metrics,
            now,
            time.monotonic,
        )
        self.version = version("openflighthub")
        self.backends = [
            Readiness("database", self.database.check),
            Readiness("bus", self.bus.check),
            Readiness("broker", self.broker.check),
            Readiness("storage", self.objects.check),
        ]
        self.is_leaving = False
        """The hub is going to stop, all its processes on this machine; `/readyz` says so."""
        self._stack = AsyncExitStack()
        self._errands = Errands()
        """What the background still waits for when the hub stops, the next start reads."""

    async def start(self) -> None:
        """Start every part, in this order; what fails stops what was started.

        Raises:
            HubError: UNAVAILABLE, a backend that the start cannot do without is away.
            OSError: a port is taken.
        """
        async with self._stack as stack:
            if self.database.dialect == "sqlite":
                stack.callback(alone_with(self.settings.data).close)
            applied = await self.database.migrate()
            if applied:
                log.info("database migrated", migrations=applied)
            await self.database.open()
            stack.push_async_callback(self.database.close)

            await self.bus.start()
            stack.push_async_callback(self.bus.stop)
            await self.objects.start()
            stack.push_async_callback(self.objects.stop)
            stack.callback(self.reception.stop)
            stack.push_async_callback(self.people.limits.close)
            stack.push_async_callback(self.places.close)
            await self.people.mail.start()
            stack.push_async_callback(self.people.mail.stop)
            stack.push_async_callback(self._errands.stop)
            stack.callback(self.people.control.subscribe(self._told))
            stack.callback(self.people.control.subscribe(self.commands.told))
            stack.callback(self.people.control.subscribe(self.traffic.told))
            stack.callback(self.people.control.subscribe(self.grantees.told))
            stack.callback(self.people.control.subscribe(self.clearing.told))
            keep_running(stack, "control", self.people.control.run)

            keep_running(stack, "discarded objects", self.discarding.run)
            keep_running(stack, "uploads that wait", self.pilot_media.run)
            await self.bindings.load()
            stack.push_async_callback(self.feed.stop)
            stack.push_async_callback(self.traffic.stop)
            keep_running(stack, "traffic", self.traffic.run)
            for receiver in self.receivers:
                keep_running(stack, "receiver of ADS-B", receiver.run)
            keep_running(stack, "recorder", self.recorder.run)
            keep_running(stack, "telemetry", self.telemetry.run)
            keep_running(stack, "presence", self.presence.run)
            keep_running(stack, "flights", self.derivation.run)
            keep_running(stack, "connection steps", self.doctor.run)
            keep_running(stack, "connection doctor", self.doctor.look)

            await self.consumer.start()
            stack.push_async_callback(self._settle)
            stack.push_async_callback(self.consumer.stop)
            if self.roster is not None:
                stack.push_async_callback(self.roster.close)
            if self.handover is not None:
                keep_running(stack, "handover", self.handover.run)
            keep_running(stack, "broker accounts", self.upkeep.broker_accounts)
            if self.database.dialect == "sqlite":
                keep_running(stack, "database watch", self.upkeep.database)
            if self.settings.elevation_folder is not None or self.settings.geoid_file is not None:
                await self.coverages.prepare()
            keep_running(stack, "coverages", self.coverages.catch_up)
            if self.settings.jobs:
                keep_running(stack, "jobs", self.workshop.run)
            keep_running(stack, "numbers of jobs", self.jobs.keep_looking)
            keep_running(stack, "housekeeping", self.upkeep.rows)
            keep_running(stack, "feed keeping", self.feed_keeping.run)
            keep_running(stack, "deleted workspaces", self.clearing.run)
            keep_running(stack, "storage", self.upkeep.storage)
            self._stack = stack.pop_all()

    async def hand_over(self) -> None:
        """Leave what devices publish to others, and store what has been taken; people are still served."""
        if self.handover is not None:
            await _logged(self.handover.leave())

    async def stop(self) -> None:
        """Stop every part, in the reverse order."""
        await self._stack.aclose()

    def adsb_counts(self) -> Mapping[str, float]:
        """What the receivers of this process have counted together."""
        counts: Counter[str] = Counter()
        for receiver in self.receivers:
            counts.update(receiver.counts())
        return counts

    async def first_login(self) -> str | None:
        """The code that logs the first user in once, made with them on a hub without users.

        As long as nobody has ever logged in, each start gives a new one: the first may have been lost.
        """
        if await UserSession.exists() or await User.filter(password_hash__isnull=False).exists():
            return None
        users = await User.all().limit(2)
        if not users:
            users = [await self.people.accounts.create_user(FIRST_USER, name="Administrator")]
        if len(users) != 1 or users[0].email != FIRST_USER:
            return None
        return await self.people.sessions.issue_login_token(users[0].id)

    def _told(self, message: Mapping[str, Any]) -> None:
        """Word from this or another process."""
        match message["kind"]:
            case "bindings":
                serials = message["serials"]
                self._errands.run("bindings", lambda: self.bindings.refresh(serials))
            case "connection" | "workspace" | "interrupted":
                self._errands.run("bindings", self.bindings.load)

    async def _reconcile(self) -> None:
        await self.broker.reconcile(await self.people.connections.accounts_for_broker())

    async def _settle(self) -> None:
        """Store what has come in; a database that is away is not waited for, the broker delivers again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await self.recorder.settled()

    async def _authenticate(self, public_id: str, secret: str) -> bool:
        return await self.people.connections.check_credentials(public_id, secret) is not None

    def _broker(self, settings: Settings, instance: int) -> Broker:
        outside = outside_broker(settings, instance=instance, on_up=self._reconcile)
        if outside is not None:
            self.handover = Handover(outside, self.roster, leave_s=settings.stop_s, inherit_s=settings.mqtt_inherit_s)
            return outside
        from ofh.backends.broker_embedded import EmbeddedBroker

        listeners: list[tuple[str, int, SSLContext | None]] = [(settings.mqtt_host, settings.mqtt_port, None)]
        if settings.mqtt_tls_certificate is not None:
            context = SSLContext(PROTOCOL_TLS_SERVER)
            context.load_cert_chain(settings.mqtt_tls_certificate, settings.mqtt_tls_key)
            listeners.append((settings.mqtt_host, settings.mqtt_tls_port, context))
        return EmbeddedBroker(listeners, self._authenticate, self.bindings.serials, self._not_let_through)

    def _not_let_through(self, account: str, topic: str) -> None:
        """The broker inside the hub has dropped a message of a device that nobody announced."""
        with suppress(DecodeError):
            self.doctor.not_announced(account, parse(topic).serial)


async def _logged(work: Awaitable[None]) -> None:
    try:
        await work
    except Exception:
        log.exception("work in the background failed")
