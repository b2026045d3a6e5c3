"""The limit, the peers and the hub side by side: what a delivery to a websocket costs, how old it is, what is lost.

    python bench/live.py [--rows one,dashboards,pairs,idle,mqtt] [--only limit,hub,…] [--rounds 5] [--seconds 2]
        [--loop asyncio|uvloop] [--quick]

Every contender is a process of its own on loopback, and all of a row are up at the same time: rounds go round, each
contender one, and the median of its rounds is shown. Nothing is asserted. See `bench/README.md` for what is compared;
`make bench-peers` installs the peers.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench._hub import RAISED, feed, hub, order  # noqa: E402
from bench._native import Subscribers, compiled, subscribers  # noqa: E402
from bench._processes import cpu_s, machine, raise_files, rss_kib  # noqa: E402

PEERS = ROOT / "bench" / "peers"
POSITION = "droneId position { longitude latitude height reportedAt } telemetry { heading horizontalSpeed elevation }"
ONE = f"subscription Live($id: ID!) {{ dronePosition(droneId: $id) {{ {POSITION} }} }}"
ALL = f"subscription Live($w: ID!) {{ workspacePositions(workspaceId: $w, interval: 0) {{ {POSITION} }} }}"
FLEET = (
    "subscription Live($w: ID!) { fleet(workspaceId: $w, delivery: ALL, kinds: [POSITION_REPORTED]) "
    f"{{ __typename ... on PositionReported {{ position {{ {POSITION} }} }} }} }}"
)
SETTLE_S = 0.4
"""After the last event of a round, for what is still on its way."""
TITLES = {
    "limit": "bare broadcast in C",
    "c-source": "the same, nobody watching",
    "frames": "bare frames, the hub's server",
    "edge": "the hub's edge, topics in memory",
    "source": "the same, nobody watching",
    "hub": "OpenFlightHub, ofh serve",
    "fleet": "OpenFlightHub, fleet(ALL)",
    "quiet": "the same, nobody watching",
    "mercurius": "Mercurius",
    "apollo": "Apollo Server, graphql-ws",
    "yoga": "GraphQL Yoga, graphql-ws",
    "stock": "stock Strawberry",
}
JAVASCRIPT = ("mercurius", "apollo", "yoga")
OURS = ("hub", "fleet", "quiet")
UNWATCHED = {"limit": "c-source", "frames": "source", "edge": "source", "hub": "quiet", "fleet": "quiet"}
"""Who does the same with no subscriber: what making or taking in the events costs anyway."""


@dataclass(frozen=True)
class Row:
    """One line of design.md's table."""

    name: str
    title: str
    drones: int
    watchers: int
    """Subscribers of each drone; of the workspace where it is watched as a whole."""
    whole: bool
    rates: dict[str, float]
    """Events a second of each contender, so that none is beyond what it can do."""
    broker: bool = False
    """All are fed over MQTT."""

    @property
    def subscribers(self) -> int:
        return self.watchers * (1 if self.whole else self.drones)

    def small(self) -> "Row":
        """The same with next to nothing to do."""
        few = {name: min(rate, 20.0) for name, rate in self.rates.items()}
        return Row(self.name, self.title, min(self.drones, 5), min(self.watchers, 5), self.whole, few, self.broker)


FAST = ("limit", "frames", "edge")
ROWS = {
    "one": Row(
        "one",
        "one drone, 1,000 subscribers of dronePosition",
        1,
        1_000,
        False,
        {**dict.fromkeys(FAST, 40.0), "hub": 40, "quiet": 40, **dict.fromkeys(JAVASCRIPT, 5.0), "stock": 1},
    ),
    "dashboards": Row(
        "dashboards",
        "1,000 drones, 50 dashboards of workspacePositions(interval: 0)",
        1_000,
        50,
        True,
        {
            **dict.fromkeys(FAST, 1_000.0),
            **dict.fromkeys(OURS, 500.0),
            **dict.fromkeys(JAVASCRIPT, 100.0),
            "stock": 20,
        },
    ),
    "pairs": Row(
        "pairs",
        "500 drones at 2 Hz, 2 subscribers each",
        500,
        2,
        False,
        {**dict.fromkeys((*FAST, *JAVASCRIPT, *UNWATCHED.values(), "hub"), 1_000.0), "stock": 500},
    ),
    "idle": Row(
        "idle",
        "5,000 idle subscribers",
        1,
        5_000,
        False,
        dict.fromkeys(("frames", "edge", "hub", *JAVASCRIPT, "stock"), 0),
    ),
    "mqtt": Row(
        "mqtt",
        "from MQTT publish to subscriber, one drone, 1,000 subscribers",
        1,
        1_000,
        False,
        {**dict.fromkeys(("limit", "hub", *JAVASCRIPT), 10.0), "stock": 1},
        broker=True,
    ),
}


@dataclass
class Contender:
    """A server that is up, and those who watch it."""

    name: str
    pid: int
    run: Callable[[int, float, int], None]
    watching: Subscribers | None
    kib: float = 0.0
    """Resident memory that each subscriber has added."""
    cpu: list[float] = field(default_factory=list)
    """CPU seconds of each event, by rounds."""
    expected: int = 0
    """Deliveries, of all rounds."""
    found: dict[str, Any] = field(default_factory=lambda: {"frames": 0, "bytes": 0, "p50": 0.0, "p99": 0.0})
    """What the subscribers counted, in all rounds: of a single one, the oldest hundredth would be one event or two."""

    def forget(self) -> None:
        """Count from here on: it is warm now."""
        self.cpu, self.expected = [], 0
        if self.watching is not None:
            self.watching.reset()


# Starting


@contextmanager
def other(name: str, native: dict[str, Path], loop: str, broker: int | None) -> Iterator[tuple[int, int, Any]]:
    """A contender that is fed by its own standard input, or by a broker: its process, its port, what runs it."""
    if name in ("limit", "c-source"):
        words = [str(native["broadcast"])]
    elif name in JAVASCRIPT:
        words = ["node", str(PEERS / f"{name}.mjs")]
    else:
        words = [sys.executable, str(ROOT / "bench" / "_serving.py"), "edge" if name == "source" else name, loop]
    words += [str(broker)] if broker else []
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=PEERS
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise SystemExit(f"{TITLES[name]} did not start: {' '.join(words)}")
        yield process.pid, int(port), lambda *asked: order(process, *asked)
    finally:
        process.kill()
        process.wait()


def messages(name: str, row: Row, workspace: int, drone_ids: Sequence[int]) -> list[str]:
    """The `subscribe` message of each subscriber."""
    if row.whole:
        query = FLEET if name == "fleet" else ALL
        variables: list[dict[str, str]] = [{"w": str(workspace)}] * row.watchers
    else:
        query = ONE
        variables = [{"id": str(drone)} for drone in drone_ids for _ in range(row.watchers)]
    return [
        json.dumps(
            {"id": f"s{n:05}", "type": "subscribe", "payload": {"query": query, "variables": asked}},
            separators=(",", ":"),
        )
        for n, asked in enumerate(variables)
    ]


def start(name: str, row: Row, stack: ExitStack, native: dict[str, Path], folder: Path, loop: str) -> Contender:
    """Start a contender, and all who watch it."""
    headers: list[str] = ["Cookie: user-auth=x"]
    workspace, drone_ids = 1, list(range(1, row.drones + 1))
    if name in OURS:
        served = stack.enter_context(hub(folder / f"{row.name}-{name}", row.drones))
        pid, port, headers = served.pid, served.port, served.headers
        workspace, drone_ids = served.workspace_id, served.drone_ids
        reporting = stack.enter_context(feed("hub", served.mqtt_port, row.drones))
        run: Any = reporting.run
    else:
        broker = stack.enter_context(mosquitto(folder)) if row.broker else None
        pid, port, run = stack.enter_context(other(name, native, loop, broker))
        if broker:
            run = stack.enter_context(feed("plain", broker, 1)).run
    made = Contender(name, pid, run, None)
    if name in UNWATCHED.values():
        return made
    before = rss_kib(pid)
    asked = messages(name, row, workspace, drone_ids)
    made.watching = stack.enter_context(subscribers(native["subscribers"], port, asked, headers=headers))
    if made.watching.failed:
        raise SystemExit(f"{TITLES[name]} refused {made.watching.failed} of {len(asked)}")
    if name in OURS:  # they begin with what is known
        made.watching.until("some", len(asked), 60)
    time.sleep(2 if row.subscribers > 10 else 0.2)
    made.kib = (rss_kib(pid) - before) / len(asked)
    return made


@contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """A broker for those that have none: its port."""
    from tests.support.services import free_port

    port = free_port()
    config = folder / f"mosquitto-{port}.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen(
        [shutil.which("mosquitto") or "mosquitto", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(0.5)
        yield port
    finally:
        process.kill()
        process.wait()


# Measuring


def measure(contender: Contender, row: Row, seconds: float) -> None:
    """One round of one contender."""
    rate = row.rates[contender.name]
    events = max(2, round(rate * seconds))
    before = cpu_s(contender.pid)
    contender.run(events, rate, row.drones)
    time.sleep(SETTLE_S)
    contender.expected += events * row.watchers
    if contender.watching is not None:
        contender.watching.until("frames", contender.expected, 10)
    contender.cpu.append((cpu_s(contender.pid) - before) / events)
    if contender.watching is not None:
        contender.found = contender.watching.stat()


def rounds(row: Row, names: Sequence[str], native: dict[str, Path], asked: argparse.Namespace) -> None:
    """A row in which events flow."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if row.broker and shutil.which("mosquitto") is None:
            print("Mosquitto is not installed, so the hub, which has a broker of its own, is alone here.")
            names = [name for name in names if name in OURS]
        contenders = []
        for name in names:
            contenders.append(start(name, row, stack, native, folder, asked.loop))
            say(f"{TITLES[name]} is up")
        for number in range(-1, asked.rounds):
            for contender in contenders:
                seconds = asked.seconds * (2 if row.broker else 1)  # there it is the age that counts
                measure(contender, row, seconds if number >= 0 else seconds / 4)
                if number < 0:
                    contender.forget()
            say(f"round {number + 1} of {asked.rounds}")
        show(row, contenders)


def show(row: Row, contenders: Sequence[Contender]) -> None:
    """Print a table."""
    by_name = {contender.name: contender for contender in contenders}
    per_event = {name: statistics.median(contender.cpu) for name, contender in by_name.items()}
    print(
        f"{'':34}{'bytes':>6}{'events/s':>10}{'deliveries':>12}{'lost':>6}{'CPU s/10k':>11}{'capacity':>10}"
        f"{'of limit':>10}{'p50 ms':>8}{'p99 ms':>8}{'KiB each':>10}"
    )
    limit = per_event.get("limit")
    anyway = statistics.median(by_name["c-source"].cpu) if "c-source" in by_name else 0.0
    for name, contender in by_name.items():
        cpu, found = per_event[name], contender.found
        if name in UNWATCHED.values():
            print(f"{TITLES[name]:34}{'':6}{row.rates[name]:10.0f}   {cpu * 1e3:.3f} CPU ms of each event")
            continue
        print(
            f"{TITLES[name]:34}{found['bytes'] / max(found['frames'], 1):6.0f}{row.rates[name]:10.0f}"
            f"{found['frames']:12,}{contender.expected - found['frames']:6}{costs(cpu, row, limit)}"
            f"{found['p50']:8.1f}{found['p99']:8.1f}{contender.kib:10.1f}"
        )
        if (unwatched := by_name.get(UNWATCHED.get(name, ""))) is not None:
            # Round by round: what the neighbours did meanwhile they did to both.
            rest = statistics.median(a - b for a, b in zip(contender.cpu, unwatched.cpu, strict=True))
            is_told = rest > per_event[unwatched.name] / 20
            shown = costs(rest, row, limit and limit - anyway) if is_told else "     too little to be told from noise"
            print(f"{'  less what events cost anyway':62}{'':6}{shown}")
    print(f"{machine()}\n", flush=True)


def costs(cpu: float, row: Row, limit: float | None) -> str:
    """What a delivery costs, and how that compares."""
    each = cpu / row.watchers * 10_000
    return f"{each:11.3f}{10_000 / each:10,.0f}{f'{limit / cpu:.1%}' if limit else '':>10}"


def idle(row: Row, names: Sequence[str], native: dict[str, Path], loop: str) -> None:
    """The row in which nothing happens."""
    print(f"{'':34}{'KiB each':>10}{'MiB per 1,000':>15}{'s to subscribe':>16}")
    for name in names:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            found = start(name, row, stack, native, folder, loop)
            assert found.watching is not None
            print(
                f"{TITLES[name]:34}{found.kib:10.1f}{found.kib * 1_000 / 1_024:15.1f}{found.watching.took_s:16.1f}",
                flush=True,
            )
    print(f"{machine()}\n", flush=True)


def say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def available(names: Sequence[str]) -> list[str]:
    """Those of the contenders that can be run here; says how to get the others."""
    absent = [name for name in names if name in JAVASCRIPT]
    if absent and (shutil.which("node") is None or not (PEERS / "node_modules").is_dir()):
        print(f"Left out: {', '.join(TITLES[name] for name in absent)}. They need Node and npm, and: make bench-peers")
        return [name for name in names if name not in JAVASCRIPT]
    return list(names)


def main() -> None:
    """Run what was asked for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--only", default=",".join(TITLES), help="which contenders, by their short names")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each contender's round")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="of frames and edge")
    parser.add_argument("--quick", action="store_true", help="a few sockets for a moment: shows only that it runs")
    asked = parser.parse_args()
    if asked.quick:
        asked.rounds, asked.seconds = 1, 0.2
    wanted = available([name for name in TITLES if name in asked.only.split(",")])
    print(f"Python {sys.version.split()[0]}, {datetime.now(UTC):%Y-%m-%d}, medians of {asked.rounds} rounds")
    print(f"Raised: {', '.join(f'{name}={value}' for name, value in RAISED.items())}; open files {raise_files():,}\n")
    with compiled("subscribers", "broadcast") as native:
        for name in asked.rows.split(","):
            row = ROWS[name].small() if asked.quick else ROWS[name]
            print(row.title)
            names = [one for one in wanted if one in row.rates]
            if name == "idle":
                idle(row, names, native, asked.loop)
            else:
                rounds(row, names, native, asked)


if __name__ == "__main__":
    main()
