"""PostgreSQL, Redis and Mosquitto for the tests: those that the environment names, else private ones.

`OFH_TEST_DATABASE_URL` and `OFH_TEST_REDIS_URL` name servers that run already; else they are started from the installed
packages. Mosquitto is always started here, since it needs our configuration: it runs with `deploy/mosquitto/`, only
ports and paths replaced. What is neither named nor installed skips its tests on a desk and fails them where `CI=true`.
Everything that was started ends with the session, also when it is killed.

Isolation: `postgres_url` is a new database for each test; on Redis and Mosquitto tests share a server and take names of
their own (`unique`). A test which stops or restarts a server takes a private one (`private_redis`,
`private_mosquitto`).
"""

import asyncio
import contextlib
import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.support.ports import free_port as free_port

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 30.0
"""How long a server may take to answer; a bound for broken machines, not an expectation."""


def missing(what: str) -> NoReturn:
    """Skip on a desk, fail in CI: there a skipped test would be a hole that nobody sees."""
    if os.environ.get("CI", "").lower() in {"true", "1"}:
        pytest.fail(f"{what} is not installed, and CI must not skip")
    pytest.skip(f"{what} is not installed")


def program(name: str, *folders: str) -> str:
    """The path of an installed program, also where it is not in PATH."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *folders, "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(name, path=path)
    return found if found is not None else missing(name)


def unique(prefix: str = "t") -> str:
    """A name that no other test uses."""
    return f"{prefix}{secrets.token_hex(6)}"


def in_thread(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end, whether or not a loop runs here already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@dataclass
class Daemon:
    """A server process of ours with a folder of its own, run as an unprivileged user where we are root."""

    command: list[str]
    port: int
    folder: Path
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until the port answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                preexec_fn=_dies_with_us(self.stop_signal),  # noqa: PLW1509 - one prctl, no lock is taken
                **_as_user(self.user),
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)
        log_text = self.log()
        self.stop()
        raise RuntimeError(f"{self.command[0]} did not start:\n{log_text[-4000:]}")

    def stop(self) -> None:
        """End the process in an orderly way; by force where it does not heed."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End the process as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Stop and start again on the same port with the same data."""
        self.stop()
        self.start()

    def log(self) -> str:
        """What the server has printed so far."""
        return (self.folder / "log").read_text(errors="replace")


def _dies_with_us(how: signal.Signals) -> Callable[[], None]:
    """Linux: the child gets a signal when the test session dies without cleaning up (prctl 1 is PR_SET_PDEATHSIG)."""
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(1, int(how)) if hasattr(libc, "prctl") else None


def _as_user(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def unprivileged(*preferred: str) -> str | None:
    """The user to run a server as: None where we are not root, else the first of these that exists, else nobody."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in preferred if name in known), "nobody")


@contextlib.contextmanager
def folder_for(user: str | None, under: Path | None = None) -> Iterator[Path]:
    """A temporary folder which belongs to that user. What a killed session left behind goes, too."""
    for left in Path(tempfile.gettempdir()).glob("ofh-test-*-*"):
        owner = left.name.split("-")[2]
        if owner.isdigit() and not is_alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    path = Path(tempfile.mkdtemp(prefix=f"ofh-test-{os.getpid()}-", dir=under))
    try:
        if user is not None:
            shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


# PostgreSQL


@dataclass
class PostgresServer:
    """A PostgreSQL server; `daemon` is None where the environment named it."""

    url: str
    """A maintenance database; its user may create databases."""
    daemon: Daemon | None = None

    def create_database(self, *, template: str | None = None) -> str:
        """Make a database, empty or like the one at `template`, and tell its URL."""
        name = unique("ofh_")
        like = f' TEMPLATE "{urlsplit(template).path.lstrip("/")}"' if template else ""
        in_thread(self._execute(f'CREATE DATABASE "{name}"{like}'))
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def drop_database(self, url: str) -> None:
        """Remove it, whoever is still connected."""
        name = urlsplit(url).path.removeprefix("/")
        in_thread(self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextlib.contextmanager
def run_postgres(*, is_durable: bool = False, under: Path | None = None) -> Iterator[PostgresServer]:
    """A private server for as long as the block lasts.

    Args:
        is_durable: what it has committed outlives its being killed; else it is quicker.
        under: where its folder is made; None: where temporary files are.
    """
    folders = sorted((str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    initdb, postgres = program("initdb", *folders), program("postgres", *folders)
    user = unprivileged("postgres")
    with folder_for(user, under) as folder:
        subprocess.run(
            [initdb, "-D", str(folder / "data"), "-U", "ofh", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=folder,
            **_as_user(user),
        )
        port = free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "shared_buffers": "32MB",
            "max_connections": "60",
        }
        if not is_durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [postgres, "-D", str(folder / "data"), *settings]
        daemon = Daemon(command, port, folder, user, stop_signal=signal.SIGINT)
        server = PostgresServer(f"postgres://ofh@127.0.0.1:{port}/postgres", daemon)
        try:
            daemon.start()
            in_thread(postgres_answers(server.url))
            yield server
        finally:
            daemon.stop()


async def postgres_answers(url: str) -> None:
    """The port is open a moment before the server lets anybody in."""
    for _ in range(600):
        try:
            connection = await asyncpg.connect(url)
        except asyncpg.CannotConnectNowError:
            await asyncio.sleep(0.05)
        else:
            await connection.close()
            return
    raise RuntimeError("PostgreSQL does not let anybody in")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server that all tests share."""
    if url := os.environ.get("OFH_TEST_DATABASE_URL"):
        yield PostgresServer(url)
        return
    with run_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A new, empty database for this test, `postgres://…`."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


# Redis


@dataclass
class RedisServer:
    """A Redis server; `daemon` is None where the environment named it."""

    url: str
    daemon: Daemon | None = None


@contextlib.contextmanager
def run_redis() -> Iterator[RedisServer]:
    """A private server that keeps nothing, for as long as the block lasts."""
    redis = program("redis-server")
    user = unprivileged("redis")
    with folder_for(user) as folder:
        port = free_port()
        command = [redis, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        daemon = Daemon([*command, "--dir", str(folder)], port, folder, user)
        try:
            daemon.start()
            yield RedisServer(f"redis://127.0.0.1:{port}/0", daemon)
        finally:
            daemon.stop()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The server that all tests share."""
    if url := os.environ.get("OFH_TEST_REDIS_URL"):
        yield RedisServer(url)
        return
    with run_redis() as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(redis_server: RedisServer) -> str:
    """The shared server; take `redis_prefix` for keys and channels."""
    return redis_server.url


@pytest.fixture
def redis_prefix() -> str:
    """A prefix for keys and channels that no other test uses."""
    return unique("ofh-test-") + ":"


@pytest.fixture
def private_redis() -> Iterator[RedisServer]:
    """A server of this test's own, to be stopped and started."""
    with run_redis() as server:
        assert server.daemon is not None
        yield server


# Mosquitto


@dataclass
class Mosquitto:
    """A Mosquitto with our configuration: dynamic security, one port for controllers, one for the hub."""

    daemon: Daemon
    device_port: int
    hub_port: int
    username: str
    password: str
    accounts_file: Path

    @property
    def hub_url(self) -> str:
        """Where the hub connects, with its account."""
        return f"mqtt://{self.username}:{self.password}@127.0.0.1:{self.hub_port}"


@contextlib.contextmanager
def run_mosquitto() -> Iterator[Mosquitto]:
    """A private broker with the files of `deploy/mosquitto/`, for as long as the block lasts."""
    broker, _ = program("mosquitto"), program("mosquitto_ctrl")
    plugins = sorted(Path("/usr/lib").glob("**/mosquitto_dynamic_security.so"))
    plugin = plugins[0] if plugins else missing("mosquitto_dynamic_security.so")
    user = unprivileged("mosquitto")
    with folder_for(user) as folder:
        device_port, hub_port = free_port(), free_port()
        accounts = folder / "dynamic-security.json"
        replaced = {
            "/usr/lib/mosquitto_dynamic_security.so": str(plugin),
            "/mosquitto/data/dynamic-security.json": str(accounts),
            "/mosquitto/data/": f"{folder}/",
            "listener 1883": f"listener {device_port} 127.0.0.1",
            "listener 1884": f"listener {hub_port} 127.0.0.1",
        }
        text = (ROOT / "deploy/mosquitto/mosquitto.conf").read_text()
        for old, new in replaced.items():
            assert old in text, f"deploy/mosquitto/mosquitto.conf no longer says {old!r}"
            text = text.replace(old, new)
        config = folder / "mosquitto.conf"
        config.write_text(text)
        password = secrets.token_urlsafe(24)
        environment = {
            "OFH_MQTT_USERNAME": "hub",
            "OFH_MQTT_PASSWORD": password,
            "OFH_MOSQUITTO_CONFIG": str(config),
            "PATH": f"{Path(broker).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }
        # The script is copied: the checkout may be in a folder that the unprivileged user cannot enter.
        script = shutil.copy(ROOT / "deploy/mosquitto/start.sh", folder / "start.sh")
        config.chmod(0o644)
        daemon = Daemon(["/bin/sh", str(script)], device_port, folder, user, environment=environment)
        try:
            daemon.start()
            yield Mosquitto(daemon, device_port, hub_port, "hub", password, accounts)
        finally:
            daemon.stop()


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[Mosquitto]:
    """The broker that tests share; take serial numbers and account names from `unique`."""
    with run_mosquitto() as broker:
        yield broker


@pytest.fixture
def private_mosquitto() -> Iterator[Mosquitto]:
    """A broker of this test's own, to be stopped, started and emptied."""
    with run_mosquitto() as broker:
        yield broker
