"""What the settings choose: backends for the ports, and the numbers that parts go by.

Nothing else reads both settings and backends. The hub, the command line and workers take their parts from here.
"""

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ofh.backends.bus_memory import MemoryBus
from ofh.backends.objects_local import LocalStore
from ofh.backends.places import MemoryPlaces, Places, RedisPlaces
from ofh.backends.ports import Bus, ObjectStore, StoreRoles
from ofh.domain.coverage.coverage import CoverageOptions
from ofh.domain.errors import Code, HubError
from ofh.domain.flights import FlightRules
from ofh.keys import client_id
from ofh.services.access import Access
from ofh.services.counters import Counters
from ofh.services.coverage import Coverages, Surface
from ofh.services.doctor import Doctor, DoctorRules
from ofh.services.feed import Feed
from ofh.services.fleet import Fleet
from ofh.services.grants import BUCKET, REGION, Endpoint
from ofh.services.handed import Handed
from ofh.services.jobs import JobQueue
from ofh.services.mail import LogMail, Mail, SmtpMail
from ofh.services.media import MediaItems
from ofh.services.rate_counters import Counters as RateCounters
from ofh.services.rate_counters import MemoryCounters, Rate, RedisCounters
from ofh.services.ratelimits import Rules
from ofh.services.retention import Retention, RetentionRules
from ofh.services.uploads import UploadRules
from ofh.services.workspace_feed import FeedRules
from ofh.settings import Settings, storage_place
from ofh.store.database import Database

if TYPE_CHECKING:
    from ofh.backends.broker_remote import RemoteBroker
    from ofh.backends.roster import Roster

MIB = 1024 * 1024


def now() -> datetime:
    """The hub's clock."""
    return datetime.now(UTC)


def bus_of(settings: Settings) -> Bus:
    if settings.redis_url is None:
        return MemoryBus()
    from ofh.backends.bus_redis import RedisBus

    return RedisBus(settings.redis_url, prefix=settings.redis_prefix)


def places_of(settings: Settings) -> Places:
    """Where it is counted what one user has running at the same time."""
    return (
        MemoryPlaces() if settings.redis_url is None else RedisPlaces(settings.redis_url, prefix=settings.redis_prefix)
    )


def outside_broker(
    settings: Settings, *, instance: int | None = None, on_up: Callable[[], Awaitable[None]] | None = None
) -> "RemoteBroker | None":
    """The outside broker of the settings; None where the broker is inside the hub.

    Args:
        instance: of the hub's process, which takes its share of the messages; None: for administration alone.
    """
    if settings.mqtt_url is None:
        return None
    from ofh.backends.broker_remote import RemoteBroker
    from ofh.dji.topics import SUBSCRIPTIONS

    if instance is None:
        return RemoteBroker(
            settings.mqtt_url, client_id=f"ofh-cli-{secrets.token_hex(8)}", filters=(), session_expiry_s=0
        )
    return RemoteBroker(
        settings.mqtt_url, client_id=_session_name(settings, instance), filters=SUBSCRIPTIONS, on_up=on_up
    )


def roster_of(settings: Settings, instance: int) -> "Roster | None":
    """What tells the processes of one hub of each other's share of the messages; None where there is one process."""
    if settings.redis_url is None or settings.mqtt_url is None:
        return None
    from ofh.backends.roster import Roster

    return Roster(
        settings.redis_url,
        prefix=settings.redis_prefix,
        name=_session_name(settings, instance),
        gone_s=settings.mqtt_inherit_s,
    )


def _session_name(settings: Settings, instance: int) -> str:
    return f"{client_id(settings)}-{instance}"


def object_store(settings: Settings) -> ObjectStore:
    """The store of the settings; the command line tries it beside a running hub."""
    if settings.storage_url is None:
        return LocalStore(settings.data / "objects", now)
    from ofh.backends.objects_s3 import S3Store

    return S3Store(storage_place(settings.storage_url), now)


def upload_roles(settings: Settings) -> StoreRoles | None:
    """The store's own issue of credentials; None where grants are the hub's."""
    if settings.storage_url is None or settings.storage_sts is None:
        return None
    from ofh.backends.objects_s3 import S3Roles

    return S3Roles(storage_place(settings.storage_url), settings.storage_sts, settings.storage_sts_url, now)


def upload_endpoint(settings: Settings, public_url: str) -> Endpoint:
    """Where controllers upload to: the hub's own endpoint, or the store itself where it issues the credentials."""
    if settings.storage_url is None or settings.storage_sts is None:
        return Endpoint(url=public_url, bucket=BUCKET, region=REGION, provider="minio")
    place = storage_place(settings.storage_url)
    url = settings.storage_public_url or place.endpoint or f"https://s3.{place.region}.amazonaws.com"
    is_aws = (urlsplit(url).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))
    return Endpoint(url=url, bucket=place.bucket, region=place.region, provider="aws" if is_aws else "minio")


def upload_rules(settings: Settings) -> UploadRules:
    return UploadRules(
        object_bytes=settings.upload_object_mib * MIB,
        put_bytes=settings.upload_put_mib * MIB,
        part_bytes=settings.upload_part_mib * MIB,
        parts=settings.upload_parts,
        at_once=settings.uploads,
        parts_at_once=settings.upload_parts_at_once,
        per_session=settings.uploads_per_session,
        begun=settings.uploads_begun,
    )


def rate_counters(settings: Settings) -> RateCounters:
    if settings.redis_url is None:
        return MemoryCounters()
    return RedisCounters(settings.redis_url, prefix=f"{settings.redis_prefix}limits")


def rate_rules(settings: Settings) -> Rules:
    return Rules(
        session=Rate(per_second=settings.session_requests_per_s, burst=settings.session_requests_burst),
        anonymous=Rate(per_second=settings.address_requests_per_s, burst=settings.address_requests_burst),
    )


def flight_rules(settings: Settings) -> FlightRules:
    def micros(seconds: float) -> int:
        return round(seconds * 1_000_000)

    return FlightRules(
        reorder_us=micros(settings.flight_reorder_s),
        lost_after_us=micros(settings.flight_lost_s),
        ended_after_landing_us=micros(settings.flight_landed_s),
        ended_after_loss_us=micros(settings.flight_lost_end_s),
        confirmed_after_us=micros(settings.flight_confirm_s),
        still_for_us=micros(settings.flight_still_s),
        preparing_within_us=micros(settings.flight_preparing_s),
    )


def mail_of(settings: Settings) -> Mail:
    if settings.smtp_url is None:
        return LogMail(settings.data / "outbox")
    parts = urlsplit(settings.smtp_url.get_secret_value())
    return SmtpMail(
        host=parts.hostname or "localhost",
        port=parts.port or (465 if parts.scheme == "smtps" else 587),
        sender=settings.mail_from,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        security="tls" if parts.scheme == "smtps" else "starttls",
    )


def feed_rules_of(settings: Settings) -> FeedRules:
    return FeedRules(
        memory_events=settings.feed_memory_events,
        check=timedelta(seconds=settings.feed_check_s),
        snapshot=timedelta(seconds=settings.feed_snapshot_s),
    )


def retention_of(settings: Settings, database: Database) -> Retention:
    """What prunes the history; the command line uses it beside a running hub."""
    rules = RetentionRules(
        history=timedelta(days=settings.history_days),
        full=timedelta(days=settings.history_full_days),
        feed=timedelta(days=settings.feed_days),
    )
    return Retention(database, now, rules)


def surface_of(settings: Settings) -> Surface:
    """The ground that photos are looked at on. Reads a folder's names and a file's head: not for the event loop.

    Raises:
        HubError: CONFLICT, the folder or the file of the settings is not what it has to be.
    """
    options = CoverageOptions(max_range_m=settings.coverage_range_m, refraction=settings.coverage_refraction)
    parts: list[object] = [options.max_range_m, options.refraction]
    model, geoid = None, None
    if settings.elevation_folder is not None:
        from ofh.backends.elevation import ElevationFolder

        model = ElevationFolder(settings.elevation_folder)
        parts.append(model.identity())
    if settings.geoid_file is not None:
        from ofh.backends.geoid import GeoidGrid
        from ofh.backends.geotiff import RasterError

        try:
            geoid = GeoidGrid(settings.geoid_file)
            found = settings.geoid_file.stat()
        except (RasterError, OSError) as error:
            raise HubError(Code.CONFLICT, f"OFH_GEOID_FILE: {error}") from error
        parts += [settings.geoid_file.name, found.st_size, found.st_mtime_ns]
    identity = hashlib.sha256(repr(parts).encode()).hexdigest()
    return Surface(options=options, model=model, geoid=geoid, identity=identity)


def coverages_of(
    settings: Settings, database: Database, bus: Bus, access: Access, fleet: Fleet, jobs: JobQueue, counters: Counters
) -> Coverages:
    """What finds out which ground photos show, for the hub and for `ofh worker` alike."""
    return Coverages(database, bus, MediaItems(access, fleet), jobs, counters, lambda: surface_of(settings), now)


def doctor_of(
    settings: Settings,
    database: Database,
    access: Access,
    *,
    public_url: str,
    counters: Counters,
    bus: Bus | None = None,
    feed: Feed | None = None,
    locked_out: Callable[[], Collection[str]] = frozenset,
    check_storage: Callable[[], Awaitable[None]] | None = None,
) -> Doctor:
    """The connection doctor; the command line asks it beside a running hub."""
    return Doctor(
        database,
        bus,
        access,
        feed,
        counters,
        handed_to_controllers(settings, public_url),
        clock=now,
        monotonic=time.monotonic,
        locked_out=locked_out,
        check_storage=check_storage,
        rules=DoctorRules(clock_tolerance=timedelta(seconds=settings.clock_tolerance_s)),
    )


def handed_to_controllers(settings: Settings, public_url: str) -> Handed:
    """What controllers are handed, for who looks whether they can do anything with it."""
    is_set = settings.public_url is not None
    return Handed(
        public_url=public_url,
        public_url_setting="OFH_PUBLIC_URL" if is_set else "OFH_PUBLIC_URL (not set)",
        mqtt_url=mqtt_url_for_controllers(settings, public_url),
        mqtt_url_setting="OFH_PUBLIC_MQTT_URL"
        if settings.public_mqtt_url
        else "OFH_PUBLIC_MQTT_URL (by OFH_PUBLIC_URL)",
        mqtt_listens=None if settings.mqtt_url else settings.mqtt_host,
        has_licence=settings.dji_app_id is not None,
        storage_url=upload_endpoint(settings, public_url).url if settings.storage_sts else None,
        storage_url_setting="OFH_STORAGE_PUBLIC_URL" if settings.storage_public_url else "OFH_STORAGE_URL",
    )


def mqtt_url_for_controllers(settings: Settings, public_url: str, ports: Sequence[int] = ()) -> str:
    """Where controllers reach the broker, in the form that Pilot takes.

    Args:
        ports: where the broker inside the hub listens, if it does already.
    """
    if settings.public_mqtt_url is not None:
        return settings.public_mqtt_url
    parts = urlsplit(public_url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or "localhost"
    if settings.mqtt_url is not None:
        return f"ssl://{host}:8883" if parts.scheme == "https" else f"tcp://{host}:1883"
    if settings.mqtt_tls_certificate is not None:
        return f"ssl://{host}:{settings.mqtt_tls_port}"
    return f"tcp://{host}:{ports[0] if ports else settings.mqtt_port}"
