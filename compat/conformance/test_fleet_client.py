"""The hub's own client of `fleet`, in Node and on a page: whatever becomes of the line, each event once, in order."""

import json
import os
import random
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.support.npm import install
from tests.support.ports import free_port
from tests.support.services import missing, program

from .client import Client
from .hubs import HOST, PATIENCE_S, Hub, running
from .lines import line
from .seeds import Party, osd, topology, until

FOLDER = Path(__file__).resolve().parents[1] / "clients" / "fleet"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "fleet.md"
CONTROLLER, AIRCRAFT = "5XTESTRCP00010", ("1581XTESTM30T0010", "1581XTESTM30T0011")
REPORTS_PER_S = 120


@pytest.mark.npm
def test_the_client_has_the_types_that_it_claims() -> None:
    """By the types of npm `graphql-ws`."""
    tsc = install(FOLDER) / "typescript" / "bin" / "tsc"
    done = subprocess.run([program("node"), tsc, "-p", "."], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.npm
def test_the_client_bears_every_end_of_a_line(hub: Hub, tmp_path: Path) -> None:
    """Against a hub that does on purpose what real ones do rarely (`helper.test.mjs`)."""
    install(FOLDER)
    module = tmp_path / "fleet.mjs"
    module.write_bytes(httpx2.get(f"{hub.url}/graphql/client/fleet.js", timeout=PATIENCE_S).content)
    done = subprocess.run(
        [program("node"), "--test", "--test-timeout=60000", "helper.test.mjs"],
        cwd=FOLDER,
        env={**os.environ, "FLEET_JS": str(module)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture
def chromium() -> str:
    """The browser's program."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return found if found is not None else missing("chromium")


@contextmanager
def followed(chromium: str, line_url: str, hub: Hub, us: Party) -> Iterator[Client]:
    """Both followers, at work."""
    install(FOLDER)
    command = [program("node"), "play.mjs", chromium, line_url, hub.url, us.token, str(us.ids["workspace_id"])]
    with subprocess.Popen(command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), "the driver has died"
            yield Client(process)
        except BaseException:
            process.kill()
            raise
        process.communicate(timeout=PATIENCE_S)


@contextmanager
def asleep(client: Client) -> Iterator[None]:
    """The page sleeps; Node does not."""
    client.do("sleep")
    try:
        yield
    finally:
        client.do("wake")


def example(url: str, us: Party) -> str:
    """The page of docs/fleet.md, for a hub and somebody."""
    text = DOCUMENT.read_text("utf-8")
    (html,) = re.findall(r"^```html\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for name, value in (("HUB", url), ("TOKEN", us.token), ("WORKSPACE", str(us.ids["workspace_id"]))):
        html = re.sub(rf'\b{name} = "[^"]*"', f'{name} = "{value}"', html)
    assert isinstance(html, str)
    return html


def somebody(hub: Hub) -> Party:
    """Somebody with a workspace and a controller's connection, and nothing else."""
    email = "us@example.org"
    hub.ofh("user", "create", email)
    us = Party(hub, email, hub.ofh("token", "create", email, "fleet")["token"], {}, "", "", "")
    us.ids["workspace_id"] = us.rest("POST", "/workspace", {"name": "us"})["id"]
    made = us.rest("POST", f"/workspace/{us.ids['workspace_id']}/connections", {"name": "RC"})
    us.connection, us.secret = made["connection_id"], made["secret"]
    return us


@contextmanager
def load(us: Party) -> Iterator[None]:
    """A controller with two aircraft that report all the time, and send again what a hub did not acknowledge."""
    ending = threading.Event()
    sent: list[int] = []
    acknowledged: list[int] = []
    with us.controller() as mqtt:
        mqtt.client.reconnect_delay_set(1, 1)
        mqtt.client.on_publish = lambda _client, _data, mid, _reason, _properties: acknowledged.append(mid)
        mqtt.say(f"sys/product/{CONTROLLER}/status", topology(*AIRCRAFT))

        def report() -> None:
            for number in range(1_000_000):
                message = osd(CONTROLLER, longitude=round(9 + number * 1e-5, 5), height=500 + number % 7)
                topic = f"thing/product/{AIRCRAFT[number % 2]}/osd"
                sent.append(mqtt.client.publish(topic, json.dumps(message), qos=1).mid)
                if ending.wait(1 / REPORTS_PER_S):
                    return

        reporting = threading.Thread(target=report)
        reporting.start()
        try:
            yield
        finally:
            ending.set()
            reporting.join()
        until(lambda: True if set(sent) <= set(acknowledged) else None)


@pytest.mark.npm
@pytest.mark.browser
def test_over_cuts_sleep_a_dead_line_and_a_killed_hub_each_event_comes_once(chromium: str, tmp_path: Path) -> None:
    data, chance = tmp_path / "hub", random.Random()
    with ExitStack() as stack, ExitStack() as life:
        port, mqtt_port = free_port(), free_port()
        between = stack.enter_context(line(port))
        line_url = f"http://{HOST}:{between.own_port}"
        hub = life.enter_context(running(data, ports=(port, mqtt_port), OFH_PUBLIC_URL=line_url))
        us = somebody(hub)
        client = stack.enter_context(followed(chromium, line_url, hub, us))
        with load(us):
            client.do("events", count=20)
            for _ in range(5):
                between.cut()
                time.sleep(chance.uniform(0, 0.3))
            client.do("lost", like="waiting")
            client.do("live")

            with asleep(client):
                hub.process.kill()
                life.close()
                life.enter_context(running(data, ports=(port, mqtt_port), OFH_PUBLIC_URL=line_url))
            client.do("lost", like="waiting")
            client.do("live")

            with between.silence():
                client.do("lost", like="waiting 4499")
            client.do("live")
        told = client.do("told")
        begun = {who: told[who]["events"][0] for who in ("node", "page")}
        stored = {who: client.do("stored", after=begun[who]["cursor"]) for who in begun}
        assert stored["node"][-1] == stored["page"][-1]
        client.do("reached", cursor=stored["node"][-1]["cursor"])
        told = client.do("told")
        for who, first in begun.items():
            assert first["__typename"] == "Snapshot"
            events = [event for event in told[who]["events"][1:] if event["__typename"] != "CaughtUp"]
            assert events == stored[who], (who, told[who]["states"])
            assert len(events) > 100
        client.do("move", area={"west": 170, "south": -10, "east": -170, "north": 10})
        shown = client.do("example", html=example(line_url, us))
        assert [re.fullmatch(r".+: (online|offline) 9\.\d+, 50\.49", drone) is not None for drone in shown] == [
            True,
            True,
        ]
        told = client.do("told")
        assert [told[who]["events"][-1]["__typename"] for who in begun] == ["Snapshot", "Snapshot"]
        assert told["faults"] == []
