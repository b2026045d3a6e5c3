"""Every setting of the hub, once: its name, its default, what it means, and whether it is a secret.

A setting comes from a flag, from the environment (`OFH_…`), or from a file `.env` in the working directory, in this
order. What is wrong or contradictory is refused at start with the setting's name and a remedy. `docs/settings.md` is
made from this module, and a test compares the two.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ofh.domain.s3_place import S3Place


class SettingsError(Exception):
    """Settings that cannot be run with; each line names one and says what to do."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


Texts = Annotated[tuple[str, ...], NoDecode]
"""Several values, separated by commas."""

_SCHEMES = {
    "database_url": ("sqlite", "postgres", "postgresql"),
    "redis_url": ("redis", "rediss", "unix"),
    "mqtt_url": ("mqtt", "mqtts"),
    "public_url": ("http", "https"),
    "public_mqtt_url": ("tcp", "ssl", "ws", "wss"),
    "rtmp_url": ("rtmp",),
    "stream_view_url": ("http", "https"),
    "map_style_url": ("http", "https"),
    "smtp_url": ("smtp", "smtps"),
    "storage_url": ("s3",),
    "storage_sts_url": ("http", "https"),
    "storage_public_url": ("http", "https"),
}

_STYLES = ("auto", "path", "virtual")


def storage_place(text: str) -> S3Place:
    """What `OFH_STORAGE_URL` says, `s3://KEY:SECRET@host:port/bucket?region=…&tls=…&style=…`; all but the bucket may be
    left out.

    Raises:
        ValueError: with what is wrong.
    """
    parts = urlsplit(text)
    bucket = parts.path.strip("/")
    if not 3 <= len(bucket) <= 63 or not all(c.isascii() and (c.isalnum() or c in ".-") for c in bucket):
        raise ValueError("names no bucket, such as s3://KEY:SECRET@host:9000/bucket")
    if (parts.username is None) != (not parts.password):
        raise ValueError("needs both an access key id and its secret, percent-encoded, or neither")
    given = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(given)
    if len(options) != len(given) or not set(options) <= {"region", "tls", "style"}:
        raise ValueError("knows region, tls and style behind the question mark, each once")
    tls, style = options.get("tls", "true"), options.get("style", "auto")
    if tls not in ("true", "false"):
        raise ValueError("tls is true or false")
    if style not in _STYLES:
        raise ValueError(f"style is one of {', '.join(_STYLES)}")
    host = parts.netloc.rpartition("@")[2]
    return S3Place(
        bucket=bucket,
        region=options.get("region") or "us-east-1",
        endpoint=f"{'https' if tls == 'true' else 'http'}://{host}" if host else None,
        access_key_id=unquote(parts.username) if parts.username else None,
        secret=unquote(parts.password) if parts.password else None,
        style=style,
    )


_NEED_HOST = ("mqtt_url", "public_url", "smtp_url", "public_mqtt_url", "rtmp_url", "stream_view_url", "map_style_url")
_MAP_ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?")
"""It goes into the dashboard's content security policy, where a blank or a semicolon would say something else."""


class Settings(BaseSettings):
    """What the hub runs with."""

    model_config = SettingsConfigDict(
        env_prefix="OFH_",
        env_file=".env",
        env_file_encoding="utf-8",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        allow_inf_nan=False,
    )

    data: Path = Field(
        default=Path("ofh-data"),
        description="Folder for what the hub keeps itself: the SQLite database and its keys.",
    )
    host: str = Field(default="127.0.0.1", description="Address that HTTP listens on; 0.0.0.0 for every network.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port of HTTP; 0 takes a free one.")
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Hub processes to run. More than one needs PostgreSQL, Redis and OFH_MQTT_URL.",
    )
    drain_s: float = Field(
        default=0,
        ge=0,
        le=600,
        description="Seconds that a hub which was told to stop serves on while /readyz says 503, so that a load "
        "balancer sends nobody more before it stops.",
    )
    stop_s: float = Field(
        default=5,
        gt=0,
        le=600,
        description="Seconds that a process which stops gives requests under way to end, and messages that it has taken"
        " to be stored.",
    )
    public_url: str | None = Field(
        default=None,
        description="Where browsers and controllers reach the hub, such as https://hub.example.org. Links are made from"
        " it, and it is the origin that browsers may call from. Without it only this machine's names are accepted.",
    )
    allowed_origins: Texts = Field(
        default=(), description="Further origins, separated by commas, from whose pages browsers may call the API."
    )
    trusted_proxies: Texts = Field(
        default=(), description="Addresses or networks, separated by commas, whose X-Forwarded-For header is believed."
    )
    metrics_networks: Texts = Field(
        default=("127.0.0.0/8", "::1/128"), description="Networks, separated by commas, that may read /metrics."
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="Key that tokens are signed with, at least 32 characters. The embedded hub makes one in its data"
        " folder; with PostgreSQL it has to be set, since several processes share it.",
    )

    database_url: str | None = Field(
        default=None, description="postgresql://user:password@host/name. Without it: SQLite in the data folder."
    )
    database_pool: int = Field(default=10, ge=2, le=200, description="Connections to PostgreSQL per process.")
    redis_url: str | None = Field(
        default=None, description="redis://host:6379/0, for events between processes. Without it: within this process."
    )
    redis_prefix: str = Field(
        default="ofh:",
        min_length=1,
        max_length=64,
        description="What the names of our Redis channels and keys begin with.",
    )
    mqtt_url: str | None = Field(
        default=None,
        description="mqtt://user:password@host:1884 (mqtts:// with TLS) of a Mosquitto with the dynamic-security"
        " plugin, with the hub's own account. Without it: the broker inside the hub.",
    )
    mqtt_client_id: str | None = Field(
        default=None,
        max_length=64,
        description="Client id at the outside broker; the process's number is appended. Must be unique per machine and"
        " stay the same over restarts. Without it: made once and kept in the data folder.",
    )
    mqtt_inherit_s: float = Field(
        default=30,
        ge=3,
        le=1_800,
        description="Seconds without a sign of life after which another process takes over what the outside broker "
        "holds for a process. Needs Redis.",
    )
    mqtt_rights_s: float = Field(
        default=0.5,
        gt=0,
        le=60,
        description="Seconds for which the answer to a controller's topology waits, at most, until the broker holds the"
        " new rights. Pilot 2 wants an answer within a second; what it reports before its rights are held is refused.",
    )
    mqtt_host: str = Field(default="127.0.0.1", description="Address that the broker inside the hub listens on.")
    mqtt_port: int = Field(default=1883, ge=0, le=65535, description="Its port for plain MQTT; 0 takes a free one.")
    mqtt_tls_port: int = Field(default=8883, ge=1, le=65535, description="Its port for MQTT over TLS.")
    mqtt_tls_certificate: Path | None = Field(
        default=None, description="Certificate chain (PEM) of the broker inside the hub; turns its TLS port on."
    )
    mqtt_tls_key: Path | None = Field(default=None, description="The certificate's private key (PEM).")

    public_mqtt_url: str | None = Field(
        default=None,
        description="Where controllers reach the MQTT broker: tcp://host:port, or ssl://host:port with TLS. Without it:"
        " the public URL's host; of the broker inside the hub its own port, the one with TLS where it has a"
        " certificate; else port 8883 with TLS where the public URL is https, and 1883 where it is not.",
    )
    rtmp_url: str | None = Field(
        default=None,
        description="Where controllers publish live video, such as rtmp://hub.example.org/live. Without it: nowhere.",
    )
    stream_view_url: str | None = Field(
        default=None,
        description="Where live video is watched, such as https://video.example.org/live: below it come the stream's"
        " name and /whep or /index.m3u8. Without it: nowhere.",
    )
    map_style_url: str | None = Field(
        default=None,
        description="A MapLibre style that the dashboard's map shows in place of the one that comes with the hub,"
        " such as https://tiles.example.org/style.json?key=…; whoever opens the dashboard can read it. Browsers fetch"
        " it from there, and tell that server where people look.",
    )
    map_origins: Texts = Field(
        default=(),
        description="Other origins from which the style of OFH_MAP_STYLE_URL has its tiles, fonts and symbols, such as"
        " https://tiles.example.org or https://*.example.org. Browsers fetch a map from nowhere else.",
    )
    map_pmtiles: str | None = Field(
        default=None,
        min_length=1,
        description="A PMTiles archive, vector or raster, that the dashboard's map shows: a file of this machine,"
        " which the hub then serves, or a URL that takes ranges and other origins. Not together with a style.",
    )
    media_server_secret: SecretStr | None = Field(
        default=None,
        description="What the media server shows when it asks the hub who may publish and watch, at least 32 characters"
        " that need no escaping in an address. Without it the hub answers no media server.",
    )
    dji_app_id: str | None = Field(
        default=None,
        description="Id of the Cloud API app that is registered at developer.dji.com, a number. Without it Pilot 2"
        " cannot use the hub.",
    )
    dji_app_key: SecretStr | None = Field(default=None, description="That app's key.")
    dji_app_license: SecretStr | None = Field(default=None, description="That app's basic license, one long line.")

    storage_url: str | None = Field(
        default=None,
        description="s3://KEY:SECRET@host:9000/bucket?region=us-east-1&tls=false, a bucket for photos, videos and files"
        " (docs/storage.md). Without it: the folder objects of the data folder.",
    )
    storage_sts: str | None = Field(
        default=None,
        min_length=3,
        max_length=2_048,
        description="ARN of the role whose temporary credentials controllers get, to upload into the bucket of"
        " OFH_STORAGE_URL themselves. Without it they upload to the hub.",
    )
    storage_sts_url: str | None = Field(
        default=None,
        description="Where the STS of OFH_STORAGE_STS is, where that is neither AWS nor the bucket's own server.",
    )
    storage_public_url: str | None = Field(
        default=None,
        description="With OFH_STORAGE_STS: where controllers reach the bucket's server, scheme, host and port alone."
        " Without it: as OFH_STORAGE_URL has it.",
    )
    upload_object_mib: int = Field(
        default=20_480, ge=1, le=5_242_880, description="MiB that one uploaded object may have."
    )
    upload_put_mib: int = Field(
        default=5_120, ge=1, le=5_120, description="MiB that may be sent at once: an object in one piece, or a part."
    )
    upload_part_mib: int = Field(
        default=5, ge=1, le=5_120, description="MiB that every part of an object but its last has at least."
    )
    upload_parts: int = Field(default=10_000, ge=1, le=10_000, description="Parts that one object may have.")
    uploads: int = Field(default=32, ge=1, le=10_000, description="Objects being uploaded at once, in one process.")
    upload_parts_at_once: int = Field(
        default=16, ge=1, le=1_000, description="Parts of one object being uploaded at once, in one process."
    )
    upload_stuck_s: float = Field(
        default=60, gt=0, le=3_600, description="Seconds after which an upload ends of which not even a KiB has come."
    )
    file_mib: int = Field(default=2_048, ge=1, le=1_048_576, description="MiB that a file of a member may have.")
    uploads_per_session: int = Field(
        default=4, ge=1, le=1_000, description="Files that one session, access token or controller may upload at once."
    )
    uploads_begun: int = Field(
        default=1_000,
        ge=1,
        le=1_000,
        description="Uploads in parts that the controllers of a workspace may have begun and not yet completed; what"
        " they leave is dropped after a day.",
    )
    upload_untold_days: int = Field(
        default=14,
        ge=1,
        le=3_650,
        description="Days that a file waits which a controller has uploaded to the hub and not said that it has; then"
        " it is deleted.",
    )
    upload_reserve_mib: int = Field(
        default=512,
        ge=0,
        le=1_048_576,
        description="MiB that uploads leave free on the data folder's disk; beyond it they are refused.",
    )

    adsb_urls: Texts = Field(
        default=(),
        description="Receivers of ADS-B whose aircraft are shown as traffic, separated by commas: sbs://host:30003"
        " (SBS-1, BaseStation), or the address of an aircraft.json, such as http://host/tar1090/data/aircraft.json.",
    )

    smtp_url: SecretStr | None = Field(
        default=None,
        description="smtp://user:password@host:587 (STARTTLS) or smtps://…:465. Without it letters are laid into the"
        " folder outbox of the data folder, and the log says so.",
    )
    mail_from: str = Field(default="openflighthub@localhost", description="Sender of mail.")

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least serious lines that are logged."
    )
    log_format: Literal["json", "console"] = Field(
        default="console", description="One JSON object a line, or lines for people."
    )
    introspection: bool = Field(default=True, description="Whether the GraphQL schema can be asked for.")
    ide: bool = Field(default=True, description="Whether browsers get the GraphQL IDE at /graphql.")

    session_idle_days: float = Field(
        default=14, gt=0, le=36_500, description="Days without use after which a log-in ends."
    )
    session_days: float = Field(default=90, gt=0, le=36_500, description="Days after which a log-in ends in any case.")
    registration: Literal["closed", "open"] = Field(
        default="closed",
        description="Whether strangers may make accounts by /api/auth/register: closed, or open. What they register is "
        "confirmed by a letter, so it needs OFH_SMTP_URL.",
    )
    argon2_memory_kib: int = Field(
        default=47_104, ge=19_456, description="Memory of one password check (argon2id), KiB."
    )
    argon2_passes: int = Field(default=1, ge=1, le=10, description="Passes of one password check (argon2id).")
    audit_days: int = Field(default=365, ge=1, le=36_500, description="Days that the audit record is kept.")
    history_days: int = Field(
        default=400,
        ge=1,
        le=36_500,
        description="Days that tracks, flights and events are kept, where a workspace does not say otherwise.",
    )
    history_full_days: int = Field(
        default=90,
        ge=1,
        le=36_500,
        description="Days that tracks are kept whole; then one fix in 10 s stays, with the ends and the extremes.",
    )
    feed_days: int = Field(
        default=90,
        ge=1,
        le=36_500,
        description="Days that the feed is kept: how far back `replay`, `fleetAt` and the cursors of `fleet` reach. "
        "Where a workspace keeps its history for less, that counts.",
    )
    feed_pack_s: float = Field(
        default=60,
        ge=1,
        le=3_600,
        description="Seconds between two looks for parts of the feed that are a minute old and can be packed.",
    )
    replays_per_user: int = Field(
        default=5,
        ge=1,
        le=1_000,
        description="Replays of one user that run at the same time, in all processes together.",
    )

    feed_memory_events: int = Field(
        default=20_000,
        ge=1_000,
        le=10_000_000,
        description="Events of all workspaces that a process keeps in memory for subscribers of `fleet` who catch up: "
        "one takes 2 to 5 KiB. What is older is read from the database, once for all.",
    )
    feed_check_s: float = Field(
        default=1,
        ge=0.05,
        le=60,
        description="Seconds between two looks for events that were stored and that nobody told of, such as by a hub "
        "that was killed.",
    )
    feed_snapshot_s: float = Field(
        default=1,
        ge=0,
        le=60,
        description="Seconds for which one Snapshot serves all subscribers of `fleet` who come.",
    )

    clock_tolerance_s: float = Field(
        default=300,
        gt=0,
        le=86_400,
        description="Seconds that a device's clock may differ from the hub's and be believed.",
    )
    presence_silence_s: float = Field(
        default=60, gt=0, le=86_400, description="Seconds without a message after which a device is offline."
    )
    presence_lost_s: float = Field(
        default=30, ge=0, le=86_400, description="Seconds after a lost MQTT link until its devices are offline."
    )
    presence_sweep_s: float = Field(
        default=5, gt=0, le=3_600, description="Seconds between two looks for silent devices."
    )
    flight_reorder_s: float = Field(
        default=5,
        ge=0,
        le=60,
        description="Seconds that a report may come later than newer ones and still count for a flight. Events of a"
        " flight are told that much later, when nothing can undo them.",
    )
    flight_lost_s: float = Field(
        default=30, gt=0, le=3_600, description="Seconds of silence after which an airborne drone is lost."
    )
    flight_landed_s: float = Field(
        default=60,
        ge=0,
        le=3_600,
        description="Seconds on the ground after which a flight has ended; a take-off before continues it.",
    )
    flight_lost_end_s: float = Field(
        default=600, gt=0, le=86_400, description="Seconds after which the flight of a lost drone has ended."
    )
    flight_confirm_s: float = Field(
        default=1, ge=0, le=60, description="Seconds between two reports that confirm a take-off or a landing."
    )
    flight_still_s: float = Field(
        default=10,
        gt=0,
        le=600,
        description="Seconds without motion after which a drone that tells no flight mode is on the ground.",
    )
    flight_preparing_s: float = Field(
        default=10,
        ge=0,
        le=600,
        description="Seconds before a take-off within which a report of its preparation is its beginning.",
    )
    flight_sweep_s: float = Field(
        default=1, gt=0, le=60, description="Seconds between two looks for flights that time alone changes."
    )
    connection_messages_per_s: float = Field(
        default=100, gt=0, description="MQTT messages a second of one connection, in the long run; more are thinned."
    )
    connection_burst: int = Field(default=500, ge=1, description="MQTT messages of one connection at once.")
    recorder_tick_ms: int = Field(
        default=10,
        ge=0,
        le=1_000,
        description="Milliseconds from the beginning of one transaction of reports to that of the next one, at least. "
        "More costs latency where many drones report, and saves CPU; a report that comes alone does not wait.",
    )
    recorder_pending: int = Field(
        default=20_000, ge=100, description="Reports that may wait for the database before the broker has to."
    )

    socket_operations: int = Field(default=50, ge=1, description="Active operations on one websocket.")
    socket_documents: int = Field(
        default=8,
        ge=1,
        description="Different GraphQL documents by which one user watches the same thing, such as a workspace's feed, "
        "at a time and in one process: each of them costs as much as all its subscribers together.",
    )
    socket_ways: int = Field(
        default=20, ge=1, description="The same with different variables, such as areas, intervals and views."
    )
    sockets_per_user: int = Field(
        default=20, ge=1, description="Websockets of one user, or of one controller, in one process."
    )
    sockets_per_address: int = Field(
        default=100, ge=1, description="Websockets of one address that have not shown who they are, in one process."
    )
    live_subscriptions: int = Field(default=200, ge=1, description="Subscriptions on one websocket at /api/live.")
    socket_messages_per_s: float = Field(default=100, gt=0, description="Messages a second from one websocket.")
    socket_stuck_s: float = Field(
        default=30, gt=0, le=3_600, description="Seconds after which a websocket or a download that takes no data ends."
    )
    socket_buffer_kib: int = Field(
        default=192,
        ge=16,
        description="KiB waiting for one websocket beyond which it gets the newest state later instead.",
    )
    socket_recheck_s: float = Field(
        default=60, gt=0, le=60, description="Seconds between two checks of the rights behind a websocket."
    )
    pilot_ping_s: float = Field(
        default=30, gt=0, le=3_600, description="Seconds between two pings on the websocket of a controller."
    )
    pilot_silence_s: float = Field(
        default=90, gt=0, le=3_600, description="Seconds of silence after which the websocket of a controller ends."
    )
    operation_s: float = Field(
        default=10, gt=0, le=3_600, description="Seconds that one operation of GraphQL or REST may take."
    )
    session_requests_per_s: float = Field(default=50, gt=0, description="Requests a second of one session.")
    session_requests_burst: int = Field(default=200, ge=1, description="Requests of one session at once.")
    address_requests_per_s: float = Field(
        default=20, gt=0, description="Requests a second of one address that shows no session."
    )
    address_requests_burst: int = Field(default=60, ge=1, description="Such requests at once.")
    exports: int = Field(default=32, ge=1, le=1_000, description="Exports under way at once, of one process.")
    exports_per_user: int = Field(default=4, ge=1, le=1_000, description="Exports of one user under way at once.")
    coverage_range_m: float = Field(
        default=5_000,
        ge=100,
        le=50_000,
        description="Metres up to which ground counts as shown by a photo, along the ellipsoid from below the camera.",
    )
    elevation_folder: Path | None = Field(
        default=None,
        description="Folder with the elevation model on which photos are looked at: SRTM tiles (.hgt) or Copernicus"
        " GLO-30 (GeoTIFF). Without it the ground is flat, at the height of the take-off point.",
    )
    geoid_file: Path | None = Field(
        default=None,
        description="Grid of the geoid above the ellipsoid (GeographicLib's .pgm, .gtx, or GeoTIFF): ties the elevation"
        " model to the photos' heights where a flight's take-off point is not known.",
    )
    coverage_refraction: float = Field(
        default=0,
        ge=0,
        lt=1,
        description="How much of the earth's curvature the bending of light makes up for in what photos show: 0 none,"
        " 0.13 the mean by day.",
    )
    archive_files: int = Field(
        default=20_000, ge=1, le=1_000_000, description="Files of one ZIP that a selection of media is downloaded as."
    )

    jobs: bool = Field(
        default=True,
        description="Whether hub processes look into photos and files themselves (thumbnails, metadata); false where"
        " `ofh worker` does it for them.",
    )
    jobs_at_once: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Files that one process looks into at once; never more than its share of the machine's cores.",
    )
    ffmpeg: str = Field(
        default="ffmpeg",
        description="The program ffmpeg, by its name or path, for thumbnails of videos. Where it is not installed,"
        " videos have none.",
    )

    @field_validator(
        "allowed_origins", "trusted_proxies", "metrics_networks", "adsb_urls", "map_origins", mode="before"
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies", "metrics_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            try:
                ip_network(item, strict=False)
            except ValueError:
                raise ValueError(f"{item!r} is no address or network such as 192.0.2.7 or 192.0.2.0/24") from None
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            parts = urlsplit(item)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
                raise ValueError(f"{item!r} is not an origin such as https://map.example.org")
        return value

    @field_validator("map_origins")
    @classmethod
    def _map_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            if not _MAP_ORIGIN.fullmatch(item):
                raise ValueError(f"{item!r} is not an origin such as https://tiles.example.org, https://*.example.org")
        return value

    @field_validator("map_pmtiles")
    @classmethod
    def _archive(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if "://" not in value:
            if not Path(value).is_file():
                raise ValueError(f"there is no file {value}")
        elif not _MAP_ORIGIN.fullmatch("/".join(value.split("/")[:3])) or "*" in value.split("/")[2]:
            raise ValueError("is neither a file nor a URL such as https://tiles.example.org/region.pmtiles")
        return value

    @field_validator("adsb_urls")
    @classmethod
    def _receivers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            try:
                parts = urlsplit(item)
                is_one = parts.scheme in ("sbs", "http", "https") and parts.hostname and parts.port != 0
            except ValueError:
                is_one = False
            if not is_one:
                raise ValueError(f"{item!r} is no receiver such as sbs://host:30003 or http://host/data/aircraft.json")
        return value

    @field_validator(*_SCHEMES)
    @classmethod
    def _url(cls, value: Any, info: Any) -> Any:
        if value is None:
            return None
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        allowed = _SCHEMES[info.field_name]
        parts = urlsplit(text)
        if parts.scheme not in allowed:
            raise ValueError(f"must begin with one of {', '.join(f'{scheme}://' for scheme in allowed)}")
        try:
            _ = parts.port
        except ValueError:
            raise ValueError("names no port between 0 and 65535") from None
        if info.field_name in _NEED_HOST and not parts.hostname:
            raise ValueError("names no host")
        is_named = info.field_name in ("map_style_url", "stream_view_url")
        if is_named and not _MAP_ORIGIN.fullmatch(f"{parts.scheme}://{parts.netloc}"):
            raise ValueError("names a host that a content security policy cannot name; use scheme://host[:port]/…")
        if info.field_name == "public_url" and (parts.path.strip("/") or parts.query or parts.fragment):
            raise ValueError("must be scheme, host and port alone: controllers append their paths to it")
        if info.field_name == "public_mqtt_url" and (parts.port is None or parts.username is not None):
            raise ValueError("must name a port and no user, such as ssl://hub.example.org:8883")
        if info.field_name == "storage_url":
            storage_place(text)
        if info.field_name.startswith("storage_") and info.field_name != "storage_url":
            if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
                raise ValueError("must be scheme, host and port alone: clients sign the path")
            return value.rstrip("/")
        if info.field_name == "mqtt_url" and not parts.password:
            raise ValueError("must hold the hub's own user name and password")
        return value.rstrip("/") if info.field_name in ("public_url", "rtmp_url", "stream_view_url") else value

    @field_validator("secret_key", "media_server_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("must have at least 32 characters; make one with: openssl rand -hex 32")
        return value

    @field_validator("mqtt_tls_certificate", "mqtt_tls_key", "geoid_file")
    @classmethod
    def _is_there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"there is no file {value}")
        return value

    @field_validator("elevation_folder")
    @classmethod
    def _is_folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError(f"there is no folder {value}")
        return value

    @model_validator(mode="after")
    def _agree(self) -> "Settings":
        problems = []
        postgres = self.database_url is not None and not self.database_url.startswith("sqlite")
        if postgres and self.secret_key is None:
            problems.append(
                "OFH_SECRET_KEY: is needed with PostgreSQL, since several processes share it;"
                " make one with: openssl rand -hex 32"
            )
        if self.workers > 1:
            missing = [
                name
                for name, present in (
                    ("OFH_DATABASE_URL (PostgreSQL)", postgres),
                    ("OFH_REDIS_URL", self.redis_url is not None),
                    ("OFH_MQTT_URL", self.mqtt_url is not None),
                )
                if not present
            ]
            if missing:
                problems.append(f"OFH_WORKERS: more than one process needs {', '.join(missing)}; set them or use 1")
        if (self.mqtt_tls_certificate is None) != (self.mqtt_tls_key is None):
            problems.append("OFH_MQTT_TLS_CERTIFICATE and OFH_MQTT_TLS_KEY: set both or neither")
        if len({value is None for value in (self.dji_app_id, self.dji_app_key, self.dji_app_license)}) > 1:
            problems.append("OFH_DJI_APP_ID, OFH_DJI_APP_KEY and OFH_DJI_APP_LICENSE: set all of them or none")
        if self.map_style_url is not None and self.map_pmtiles is not None:
            problems.append("OFH_MAP_STYLE_URL and OFH_MAP_PMTILES: each is a whole map; set one of them")
        if self.map_origins and self.map_style_url is None:
            problems.append("OFH_MAP_ORIGINS: belongs to OFH_MAP_STYLE_URL; set both or neither")
        if self.mqtt_url is not None and self.mqtt_tls_certificate is not None:
            problems.append(
                "OFH_MQTT_TLS_CERTIFICATE: belongs to the broker inside the hub, but OFH_MQTT_URL names an outside one;"
                " configure TLS there"
            )
        if self.storage_sts is not None and self.storage_url is None:
            problems.append("OFH_STORAGE_STS: needs OFH_STORAGE_URL; the folder inside the hub has no STS of its own")
        for name in ("storage_sts_url", "storage_public_url"):
            if getattr(self, name) is not None and self.storage_sts is None:
                problems.append(f"OFH_{name.upper()}: is for OFH_STORAGE_STS; set both or neither")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def database(self) -> str:
        """The database's URL, whichever way the hub runs."""
        return self.database_url or f"sqlite://{quote(str((self.data / 'hub.db').resolve()))}"


def load(**flags: Any) -> Settings:
    """The settings of this start.

    Args:
        flags: what the command line gave; None is left to the environment.
    Raises:
        SettingsError: with a line for each setting that is wrong.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            message = problem["msg"].removeprefix("Value error, ")
            if problem["loc"]:
                lines.append(f"OFH_{str(problem['loc'][0]).upper()}: {message}")
            else:
                lines.extend(message.splitlines())
        raise SettingsError(lines) from None


SECRETS = frozenset({"secret_key", "smtp_url", "dji_app_key", "dji_app_license", "media_server_secret"})
URLS = frozenset({"database_url", "redis_url", "mqtt_url", "storage_url", "adsb_urls"})
"""Settings whose password is left out where they are shown."""


def redacted(settings: Settings) -> Mapping[str, str]:
    """The settings as they may be shown: secrets and passwords left out."""
    shown = {}
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is not None and name in SECRETS:
            shown[name] = "(set)"
        elif value is not None and name in URLS:
            shown[name] = ", ".join(_without_password(url) for url in ([value] if isinstance(value, str) else value))
        else:
            shown[name] = "" if value is None else ", ".join(value) if isinstance(value, tuple) else str(value)
    return shown


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username or ''}:***@{host}").geturl()


def documentation() -> str:
    """`docs/settings.md`."""
    lines = [
        "# Settings",
        "",
        "Made by `ofh settings` from `src/ofh/settings.py`; a test compares. Each can be given as an environment",
        "variable or in a file `.env` in the working directory; where a command has a flag for it, the flag wins.",
        "",
        "| variable | default | meaning |",
        "| --- | --- | --- |",
    ]
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = "" if default is None else ", ".join(default) if isinstance(default, tuple) else str(default)
        lines.append(f"| `OFH_{name.upper()}` | {f'`{shown}`' if shown else ''} | {field.description} |")
    return "\n".join(lines) + "\n"
