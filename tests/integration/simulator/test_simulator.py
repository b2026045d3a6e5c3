"""The simulator against a real Mosquitto: what it says, in which order, and what it does when the broker goes away."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from ofh.dji import envelope, topics
from ofh.domain.geodesy import distance_m
from ofh.simulator import controller
from ofh.simulator.accounts import Account
from ofh.simulator.chaos import Chaos
from ofh.simulator.controller import Stats
from ofh.simulator.errors import SimulatorError
from ofh.simulator.fleet import make_fleet
from ofh.simulator.run import run_fleet
from tests.support.services import Daemon, folder_for, free_port, program, unprivileged

pytestmark = pytest.mark.services

ACCOUNTS = [Account(connection_id=f"c{number}", secret=f"s{number}") for number in range(3)]
PLACE = (9.9539, 50.498)
PATIENCE_S = 30.0
"""How long to wait before calling a test failed; nothing here is expected to take as long."""


@contextmanager
def run_broker(*settings: str) -> Iterator[Daemon]:
    """A Mosquitto of the test's own, open to everybody unless the settings say otherwise."""
    user = unprivileged("mosquitto")
    with folder_for(user) as folder:
        port = free_port()
        config = folder / "mosquitto.conf"
        config.write_text("\n".join([f"listener {port} 127.0.0.1", *(settings or ["allow_anonymous true"])]) + "\n")
        config.chmod(0o644)
        daemon = Daemon([program("mosquitto"), "-c", str(config)], port, folder, user)
        daemon.start()
        try:
            yield daemon
        finally:
            daemon.stop()


@pytest.fixture
def broker() -> Iterator[Daemon]:
    with run_broker() as daemon:
        yield daemon


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repetitions that a test waits for come soon."""
    monkeypatch.setattr(controller, "REPEAT_TOPOLOGY_S", 0.3)
    monkeypatch.setattr(controller, "EVENT_EVERY_S", (0.2, 0.4))


class Hub:
    """Reads all that devices publish, and answers what asks for an answer."""

    def __init__(self, *, ignores: int = 0, result: int = 0) -> None:
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.result = result
        self._ignores = ignores
        self._news = asyncio.Event()

    def about(self, ending: str, *, serial: str = "") -> list[dict[str, Any]]:
        """The messages of topics that end so."""
        return [body for topic, body in self.received if topic.endswith(f"/{ending}") and serial in topic]

    async def until(self, reached: Callable[[], object]) -> None:
        """Wait for something to be true of what was received."""
        async with asyncio.timeout(PATIENCE_S):
            while not reached():
                self._news.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.1)

    async def serve(self, port: int, ready: asyncio.Event) -> None:
        while True:
            with suppress(aiomqtt.MqttError):
                async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client:
                    await client.subscribe([("sys/#", 1), ("thing/#", 1)])
                    ready.set()
                    async for message in client.messages:
                        await self._take(client, str(message.topic), bytes(message.payload))
            await asyncio.sleep(0.1)

    async def _take(self, client: aiomqtt.Client, topic: str, payload: bytes) -> None:
        asked = envelope.decode(payload)  # every message is one that the hub understands
        if topic.endswith("_reply"):
            return
        self.received.append((topic, json.loads(payload)))
        self._news.set()
        parsed = topics.parse(topic)
        if topic.endswith("/status") or asked.need_reply:
            if topic.endswith("/status") and self._ignores:
                self._ignores -= 1
                return
            reply = {"tid": asked.tid, "bid": asked.bid, "timestamp": 1, "method": asked.method}
            await client.publish(
                topics.reply_topic(parsed), json.dumps({**reply, "data": {"result": self.result}}), qos=1
            )


@asynccontextmanager
async def a_hub(port: int, **options: int) -> AsyncIterator[Hub]:
    hub, ready = Hub(**options), asyncio.Event()
    serving = asyncio.create_task(hub.serve(port, ready))
    try:
        await asyncio.wait_for(ready.wait(), PATIENCE_S)
        yield hub
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


class Simulation:
    """A fleet that runs beside the test."""

    def __init__(self, port: int, **options: Any) -> None:
        self.stats, self.stop, self.notices = Stats(), asyncio.Event(), list[str]()
        arguments = {"drones": 1, "rate_hz": 10.0, "seed": 1, "place": PLACE, "accounts": ACCOUNTS[:1], **options}
        self._work: Awaitable[None] = asyncio.ensure_future(
            run_fleet(
                f"mqtt://127.0.0.1:{port}",
                arguments.pop("accounts"),
                stop=self.stop,
                stats=self.stats,
                notice=self.notices.append,
                **arguments,
            )
        )

    async def end(self) -> None:
        self.stop.set()
        await asyncio.wait_for(self._work, PATIENCE_S)


@asynccontextmanager
async def simulated(port: int, **options: Any) -> AsyncIterator[Simulation]:
    simulation = Simulation(port, **options)
    try:
        yield simulation
    finally:
        await simulation.end()


async def test_topology_is_repeated_until_it_is_accepted_and_only_then_comes_telemetry(broker: Daemon) -> None:
    async with a_hub(broker.port, ignores=2) as hub, simulated(broker.port):
        await hub.until(lambda: len(hub.about("osd")) > 5)
    kinds = [topic.rsplit("/", 1)[1] for topic, _ in hub.received]
    assert kinds[:3] == ["status"] * 3
    assert kinds.count("status") == 3
    assert "osd" in kinds[3:]


async def test_refused_topology_is_told_and_repeated(broker: Daemon) -> None:
    async with a_hub(broker.port, result=1) as hub, simulated(broker.port) as simulation:
        await hub.until(lambda: len(hub.about("status")) >= 2)
        assert not hub.about("osd")
        assert any("refuses the topology" in notice for notice in simulation.notices)
        hub.result = 0
        await hub.until(lambda: hub.about("osd"))


async def test_devices_report_state_once_and_osd_at_the_rate(broker: Daemon) -> None:
    async with a_hub(broker.port) as hub, simulated(broker.port, drones=3) as simulation:
        (crew,) = make_fleet(ACCOUNTS[:1], drones=3, seed=1, place=PLACE)
        serials = [aircraft.serial for aircraft in crew.aircraft]
        await hub.until(lambda: all(len(hub.about("osd", serial=serial)) > 10 for serial in serials))
        await hub.until(lambda: hub.about("osd", serial=crew.serial))
        await hub.until(lambda: simulation.stats.sent >= len(hub.received))  # counted once it is acknowledged
    assert simulation.stats.connected == 0
    assert {body["gateway"] for body in hub.about("osd")} == {crew.serial}
    assert [device["sn"] for device in hub.about("status")[0]["data"]["sub_devices"]] == serials
    assert {"firmware_version", "live_capacity"} == {
        name for b in hub.about("state", serial=crew.serial) for name in b["data"]
    }
    for serial in serials:
        first, *others = hub.about("state", serial=serial)
        assert {"firmware_version", "payloads", "mode_code_reason"} <= first["data"].keys()
        assert all("firmware_version" not in body["data"] for body in others)
        times = [body["timestamp"] for body in hub.about("osd", serial=serial)]
        assert times == sorted(times)


async def test_a_whole_sortie_passes_at_high_speed(broker: Daemon) -> None:
    async with a_hub(broker.port) as hub, simulated(broker.port, speed=60.0, rate_hz=20.0):
        (crew,) = make_fleet(ACCOUNTS[:1], drones=1, seed=1, place=PLACE)
        serial = crew.aircraft[0].serial

        def modes() -> list[int]:
            seen = [body["data"]["mode_code"] for body in hub.about("osd", serial=serial)]
            return [mode for number, mode in enumerate(seen) if number == 0 or seen[number - 1] != mode]

        await hub.until(lambda: {9, 10} <= set(modes()) and modes()[-1] == 0)
    osd = [body["data"] for body in hub.about("osd", serial=serial)]
    far_m = max(distance_m(*PLACE, data["longitude"], data["latitude"]) for data in osd)
    assert 50 < far_m < 1500
    changed = [body["data"] for body in hub.about("state", serial=serial)]
    assert any("home_longitude" in data for data in changed)
    assert {12} <= {data["mode_code_reason"] for data in changed if "mode_code_reason" in data}


async def test_an_aircraft_out_of_reach_leaves_the_topology_and_comes_back(broker: Daemon) -> None:
    seed = first_seed_that_loses_the_link()
    async with a_hub(broker.port) as hub, simulated(broker.port, speed=30.0, rate_hz=10.0, seed=seed):
        await hub.until(lambda: len(hub.about("status")) >= 3)
        count = len(hub.received)
        await hub.until(lambda: any(topic.endswith("/osd") and "1581" in topic for topic, _ in hub.received[count:]))
    sizes = [len(body["data"]["sub_devices"]) for body in hub.about("status")]
    assert sizes[:3] == [1, 0, 1]
    gone, back = (number for number, (topic, _) in enumerate(hub.received) if topic.endswith("/status") and number)
    assert not any("1581" in topic for topic, _ in hub.received[gone + 1 : back])


def first_seed_that_loses_the_link() -> int:
    for seed in range(1, 200):
        (crew,) = make_fleet(ACCOUNTS[:1], drones=1, seed=seed, place=PLACE)
        aircraft = crew.aircraft[0]
        aircraft.advance(150)
        if not aircraft.is_linked:
            return seed
    raise AssertionError("no seed loses the link early")


async def test_events_that_want_an_answer_wait_for_it(broker: Daemon) -> None:
    async with a_hub(broker.port) as hub, simulated(broker.port) as simulation:
        await hub.until(lambda: simulation.stats.answered_events >= 2)
        await hub.until(lambda: len({"1581" in topic for topic, _ in hub.received if topic.endswith("/events")}) == 2)
    wanting = [body for body in hub.about("events") if body.get("need_reply") == 1]
    assert wanting
    assert all(body["method"] == "hms" for body in wanting)
    assert simulation.stats.unanswered_events == 0


async def test_every_connection_is_a_controller_of_its_own(broker: Daemon) -> None:
    async with a_hub(broker.port) as hub, simulated(broker.port, drones=3, accounts=ACCOUNTS) as simulation:
        await hub.until(lambda: len({body["gateway"] for body in hub.about("osd")}) == 3)
        assert simulation.stats.connected == 3


async def test_comes_back_after_the_broker_was_restarted(broker: Daemon) -> None:
    async with a_hub(broker.port) as hub, simulated(broker.port) as simulation:
        await hub.until(lambda: hub.about("osd"))
        await asyncio.to_thread(broker.restart)
        hub.received.clear()
        await hub.until(lambda: hub.about("osd", serial="1581"))
        kinds = [topic.rsplit("/", 1)[1] for topic, _ in hub.received]
        assert kinds[0] == "status"
        assert "firmware_version" in hub.about("state", serial="1581")[0]["data"]
        assert simulation.stats.reconnects == 1
        assert any("next attempt" in notice for notice in simulation.notices)


async def test_ends_while_the_broker_is_away() -> None:
    async with simulated(free_port()) as simulation:
        async with asyncio.timeout(PATIENCE_S):
            while not simulation.notices:
                await asyncio.sleep(0.05)
    assert simulation.stats.connected == 0


async def test_refused_credentials_name_the_remedy() -> None:
    with run_broker("allow_anonymous false") as broker:
        simulation = Simulation(broker.port, drones=2, accounts=ACCOUNTS[:2])
        with pytest.raises(SimulatorError, match="ofh connection create"):
            await asyncio.wait_for(simulation._work, PATIENCE_S)
    assert len(simulation.notices) == 2
    assert not any(account.secret in notice.split() for notice in simulation.notices for account in ACCOUNTS)


# The command


@asynccontextmanager
async def a_web_server(config: dict[str, str] | None) -> AsyncIterator[str]:
    """The hub's two login endpoints: with a configuration, or absent. Yields its URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
        status = b"200 OK" if config is not None else b"404 Not Found"
        body = json.dumps(config).encode()
        writer.write(b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def start_command(*arguments: str) -> asyncio.subprocess.Process:
    """`ofh simulate` as a process of its own."""
    program_text = "import typer; from ofh.cli.simulate import simulate; typer.run(simulate)"
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program_text,
        *arguments,
        env={**os.environ, "OFH_CONNECTION_SECRET": "s0"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def end_of(process: asyncio.subprocess.Process) -> str:
    """What it printed on standard error; it must end well and leave standard output alone."""
    output, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0, errors
    assert output == b""
    return " ".join(errors.decode().split())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_command_ends_cleanly_on_a_signal(broker: Daemon, number: signal.Signals) -> None:
    async with a_hub(broker.port) as hub, a_web_server(None) as url:
        process = await start_command(
            "--url", url, "--connection-id", "c0", "--mqtt-url", f"mqtt://127.0.0.1:{broker.port}", "--rate", "10"
        )
        await hub.until(lambda: hub.about("osd", serial="1581"))
        process.send_signal(number)
        told = await end_of(process)
    assert len(hub.about("status")[0]["data"]["sub_devices"]) == 3
    assert "does not tell where its broker is" in told
    assert "messages sent" in told


async def test_command_takes_the_broker_from_the_hub_and_ends_after_its_duration(
    broker: Daemon, tmp_path: Path
) -> None:
    file = tmp_path / "connections.json"
    lines = [
        json.dumps({"id": n, "connection_id": account.connection_id, "secret": "s"})
        for n, account in enumerate(ACCOUNTS)
    ]
    file.write_text("\n".join(lines))
    config = {"mqtt_url": f"tcp://127.0.0.1:{broker.port}"}
    async with a_hub(broker.port) as hub, a_web_server(config) as url:
        process = await start_command("--url", url, "--connections", str(file), "--rate", "10", "--duration", "3")
        told = await end_of(process)
        await hub.until(lambda: len({topic for topic, _ in hub.received if topic.endswith("/status")}) == 3)
    assert "does not tell" not in told


async def test_command_says_when_a_hub_takes_no_photos(broker: Daemon) -> None:
    async with a_web_server({"mqtt_url": f"tcp://127.0.0.1:{broker.port}"}) as url:
        process = await start_command("--url", url, "--connection-id", "c0", "--photos")
        _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 1
    assert "does not tell where photos go" in " ".join(errors.decode().split())


async def test_command_in_chaos_ends_cleanly(broker: Daemon) -> None:
    async with a_hub(broker.port) as hub, a_web_server({"mqtt_url": f"tcp://127.0.0.1:{broker.port}"}) as url:
        process = await start_command("--url", url, "--connection-id", "c0", "--chaos", "--rate", "10")
        await hub.until(lambda: len(hub.about("osd", serial="1581")) > 20)
        process.send_signal(signal.SIGINT)
        assert "messages sent" in await end_of(process)


async def test_in_chaos_links_break_and_messages_repeat_but_reports_go_on(broker: Daemon) -> None:
    chaos = Chaos(1, haste=15.0)
    async with a_hub(broker.port) as hub, simulated(broker.port, chaos=chaos) as simulation:
        await hub.until(lambda: simulation.stats.reconnects >= 2)
        count = len(hub.about("osd", serial="1581"))
        await hub.until(lambda: len(hub.about("osd", serial="1581")) > count + 10)
    times = [body["timestamp"] for body in hub.about("osd", serial="1581")]
    assert len(set(times)) < len(times), "some came twice"
    assert times != sorted(times), "some came late"
