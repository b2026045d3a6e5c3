"""The schema over real services and both databases, with nothing between: what the HTTP and websocket edges run."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ofh.backends.bus_memory import MemoryBus
from ofh.backends.objects_local import LocalStore
from ofh.domain.actors import Role
from ofh.domain.coverage.coverage import CoverageOptions
from ofh.edges.export_links import ExportLinks
from ofh.edges.file_links import FileLinks
from ofh.edges.graphql.context import Contexts, ServerInfo, Services
from ofh.edges.graphql.fanout import Fanout
from ofh.services.access import Access
from ofh.services.access_tokens import AccessTokens
from ofh.services.accounts import Accounts
from ofh.services.alert_rules import AlertRules
from ofh.services.alerts import Alerts
from ofh.services.announcing import RowNews
from ofh.services.archives import Archives
from ofh.services.audit import Audit
from ofh.services.audit_record import AuditRecord
from ofh.services.codes import Codes
from ofh.services.commands import Commands
from ofh.services.connections import Connections
from ofh.services.control import Control
from ofh.services.coverage import Coverages, Surface
from ofh.services.covered_ground import CoveredGround
from ofh.services.discarding import Discarding
from ofh.services.doctor import Doctor
from ofh.services.exports import Exports
from ofh.services.feed import Feed
from ofh.services.files import Files
from ofh.services.fleet import Fleet
from ofh.services.flights import Flights
from ofh.services.handed import Handed
from ofh.services.incoming import Reception
from ofh.services.jobs import JobQueue
from ofh.services.journal import Journal
from ofh.services.mail import Letters, LogMail
from ofh.services.map_elements import MapElements
from ofh.services.media import MediaItems
from ofh.services.passwords import Passwords
from ofh.services.past import Past
from ofh.services.rate_counters import MemoryCounters
from ofh.services.ratelimits import RateLimits
from ofh.services.replays import Replays
from ofh.services.sessions import Sessions
from ofh.services.steering import Steering
from ofh.services.stream_tokens import StreamTokens
from ofh.services.streams import StreamRules, Streams
from ofh.services.traffic import Traffic, TrafficRules
from ofh.services.workspaces import Workspaces
from ofh.store.database import Database
from ofh.store.models import RemoteController
from tests.integration.graphql_api.gallery import Gallery
from tests.integration.graphql_api.world import (
    NOW,
    SCHEMA,
    Api,
    World,
    later,
    make_alert,
    make_connection,
    make_drone,
    make_person,
    make_rule,
    make_workspace,
    now,
    reported,
)
from tests.support.fleet import Counts, ListeningBroker


@pytest.fixture
async def api(database: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """All services over an empty database."""
    bus = MemoryBus()
    await bus.start()
    passwords = Passwords(memory_kib=8, at_once=2)
    audit = Audit(clock=now)
    control = Control(bus)
    codes = Codes(database, clock=now)
    limits = RateLimits(MemoryCounters())
    access = Access(audit)
    mail = LogMail(tmp_path / "outbox")
    letters = Letters("https://hub.example")
    sessions = Sessions(
        database=database,
        passwords=passwords,
        codes=codes,
        limits=limits,
        audit=audit,
        control=control,
        clock=now,
    )
    feed = Feed(bus, database)
    fleet = Fleet(database, access, now, RowNews(bus, Counts(), now))
    objects = LocalStore(tmp_path / "objects", now)
    await objects.start()
    reception = Reception(tmp_path / "incoming")
    discarding = Discarding(database, objects, now)
    jobs, media, flights = JobQueue(database, now), MediaItems(access, fleet), Flights(database, access, fleet)
    exports = Exports(database, access, fleet, flights, sessions.still_valid)
    past, steering = Past(database, access, lambda: later(1_000)), Steering(control)
    services = Services(
        access=access,
        sessions=sessions,
        accounts=Accounts(
            database=database,
            passwords=passwords,
            codes=codes,
            sessions=sessions,
            limits=limits,
            audit=audit,
            control=control,
            mail=mail,
            letters=letters,
            clock=now,
        ),
        access_tokens=AccessTokens(database=database, sessions=sessions, audit=audit, clock=now),
        stream_tokens=StreamTokens(key=b"0" * 32, clock=now),
        workspaces=Workspaces(
            database=database,
            access=access,
            audit=audit,
            control=control,
            codes=codes,
            limits=limits,
            mail=mail,
            letters=letters,
            clock=now,
        ),
        connections=Connections(database=database, access=access, audit=audit, control=control, clock=now),
        doctor=Doctor(
            database,
            bus,
            access,
            feed,
            Counts(),
            Handed(
                public_url="https://hub.example",
                mqtt_url="ssl://hub.example:8883",
                mqtt_url_setting="OFH_PUBLIC_MQTT_URL",
                has_licence=True,
            ),
            clock=now,
            monotonic=lambda: 0.0,
        ),
        streams=Streams(
            database,
            access,
            audit,
            Commands(ListeningBroker(), control, Counts(), now),
            rtmp_url="rtmp://hub.example/live",
            viewer_of=lambda _token: None,
            clock=now,
            monotonic=lambda: 0.0,
            sleep=lambda _s: asyncio.sleep(0),
            rules=StreamRules(answer_s=0.05),
        ),
        fleet=fleet,
        flights=flights,
        media=media,
        coverages=Coverages(
            database,
            bus,
            media,
            jobs,
            Counts(),
            lambda: Surface(options=CoverageOptions(), identity="flat"),
            now,
        ),
        covered_ground=CoveredGround(database, access, media),
        archives=Archives(access, media, objects, sessions.still_valid, exports.turn, now),
        files=Files(database, access, audit, objects, reception, discarding, jobs, now),
        journal=Journal(access),
        alerts=Alerts(database, bus, access, control, Counts(), clock=now),
        audit_record=AuditRecord(access),
        alert_rules=AlertRules(database, bus, access, audit, control, Counts(), clock=now),
        export_links=ExportLinks("https://hub.example"),
        file_links=FileLinks("https://hub.example"),
        map_elements=MapElements(database, bus, access, Counts(), clock=now),
        feed=feed,
        past=past,
        replays=Replays(database, past, steering, lambda: later(1_000), time.monotonic),
        steering=steering,
        traffic=Traffic(bus, feed, Counts(), now, key=b"k" * 32, rules=TrafficRules(interval_s=0.05)),
        info=ServerInfo(
            name="Test hub", version="1.2.3", api_version="0.11.0", stream_view_url="https://video.example/live"
        ),
    )
    yield Api(SCHEMA, Contexts(services), services, database, mail)
    await feed.stop()
    await objects.stop()
    reception.stop()
    await bus.stop()
    passwords.close()


@pytest.fixture
async def world(database: Database) -> World:
    """Something to ask about."""
    workspace = await make_workspace("North")
    elsewhere = await make_workspace("South")
    people = {role: await make_person(role.value.lower(), workspace, role) for role in Role}
    stranger = await make_person("stranger", elsewhere, Role.OWNER)
    connection = await make_connection(workspace, "Van 1")
    drone = await make_drone(workspace, connection, "SN1")
    rule = await make_rule(workspace)
    return World(
        workspace=workspace,
        connection=connection,
        drone=drone,
        rule=rule,
        alert=await make_alert(drone, rule),
        controller=await RemoteController.create(
            workspace_id=workspace.id,
            connection_id=connection.id,
            serial_number="RC1",
            type=119,
            online=True,
            seen_at=NOW,
            state=reported(NOW),
            created_at=NOW,
        ),
        people=people,
        stranger=stranger,
        elsewhere=elsewhere,
    )


@pytest.fixture
async def gallery(api: Api) -> AsyncIterator[Gallery]:
    """Nobody yet."""
    made = Gallery(Fanout(api.contexts, api.services.steering))
    yield made
    await made.fanout.stop()
    for outlet in made.outlets:
        await outlet.close(1000, "")
