"""One hub process and two, side by side: what is stored and what is delivered in a second, and what it costs.

    python bench/workers.py [--rounds 5] [--reports 15000] [--sockets 1500] [--rate 600] [--seconds 3] [--quick]

Both hubs are up at the same time, `ofh serve --workers 1` and `--workers 2`, each with a Mosquitto, a database and
names on Redis of its own; PostgreSQL and Redis are one server each, as the tests start them (without durability).
Rounds go round. A round of ingest hands a burst of QoS 1 reports to Mosquitto, from four links, and waits until all are
stored. A round of fan-out reports for a while, to sockets that each watch the whole workspace, and counts what they
get: of a hub that lags the newest position of each drone. The medians are shown. Nothing is asserted.

The machine's cores are shared with everything else that is in the table, the load included: so the second process has
what the others leave, and "per CPU second" says what a machine of one's own would give.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench._hub import RAISED, cookie, fill, report  # noqa: E402
from bench._native import Subscribers, compiled, subscribers  # noqa: E402
from bench._processes import cpu_s, family, machine, raise_files, rss_kib  # noqa: E402

DRONES = 200
LINKS = 4
POSITIONS = """subscription Live($id: ID!) { workspacePositions(workspaceId: $id, interval: 0) {
  droneId position { longitude latitude height reportedAt } telemetry { heading horizontalSpeed elevation }
} }"""
"""Each report in a message of its own, unless the reader or the hub lags."""
SETTLE_S = 0.5
"""After a round, for what is still on its way."""


@dataclass
class Contender:
    """A hub with so many processes, and what its rounds gave."""

    workers: int
    pid: int
    port: int
    workspace_id: int
    feeder: "subprocess.Popen[str]"
    watched: dict[str, int]
    """What uses CPU for it: name → process id, with all that descends from it."""
    rounds: dict[str, list["Round"]] = field(default_factory=lambda: {"ingest": [], "fan-out": []})

    def stored(self) -> int:
        """Reports stored since its start, by all its processes."""
        return figure(self.port, "ofh_reports_stored_total")

    def order(self, *words: object) -> None:
        """Have the feeder publish; returns when the broker has acknowledged all."""
        assert self.feeder.stdin is not None
        assert self.feeder.stdout is not None
        self.feeder.stdin.write(" ".join(map(str, words)) + "\n")
        self.feeder.stdin.flush()
        if self.feeder.stdout.readline().strip() != "done":
            raise SystemExit("the feeder has ended")

    def sockets(self) -> list[int]:
        """How many sockets each process has open."""
        counts = []
        for pid in family(self.pid):
            links = [link for link in (Path("/proc") / str(pid) / "fd").iterdir() if link.is_symlink()]
            counts.append(sum(os.readlink(link).startswith("socket:") for link in links))
        return sorted(counts)[-self.workers :]


def figure(port: int, name: str) -> int:
    """One of the hub's own figures."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return int(next(float(line.split()[1]) for line in lines if line.startswith(f"{name} ")))


@dataclass(frozen=True)
class Round:
    """What one round gave."""

    number: int
    """Reports stored, or messages delivered."""
    wall_s: float
    cpu: dict[str, float]
    """Seconds of each that is watched."""
    ages_ms: tuple[float, float] = (0.0, 0.0)
    """Median and 99 in 100, from the report's making to its delivery."""

    @property
    def hub_s(self) -> float:
        return self.cpu["hub"]


@contextmanager
def measured(contender: Contender, spent: dict[str, float]) -> Iterator[None]:
    """What the block costs, by name, and its wall time as `wall`."""
    before = {name: cpu_s(pid) for name, pid in contender.watched.items()}
    began = time.monotonic()
    yield
    spent["wall"] = time.monotonic() - began
    spent.update({name: cpu_s(pid) - before[name] for name, pid in contender.watched.items()})


def ingest(contender: Contender, reports: int) -> None:
    """Store a burst. It is shorter than what Mosquitto queues for one process: a longer one would be cut."""
    spent: dict[str, float] = {}
    goal = contender.stored() + reports
    with measured(contender, spent):
        contender.order("burst", reports)
        while contender.stored() < goal:
            time.sleep(0.1)
    contender.rounds["ingest"].append(Round(reports, spent.pop("wall"), spent))
    time.sleep(SETTLE_S)


def fan_out(contender: Contender, load: Subscribers, pid: int, seconds: float, rate: float) -> None:
    """Deliver for a while."""
    spent: dict[str, float] = {}
    contender.watched["sockets"] = pid
    contender.order("rate", round(rate * 0.5), rate)  # in full swing before it counts
    load.reset()
    with measured(contender, spent):
        contender.order("rate", round(rate * seconds), rate)
        found = load.stat()
    del contender.watched["sockets"]
    ages = (float(found["p50"]), float(found["p99"]))
    contender.rounds["fan-out"].append(Round(int(found["frames"]), spent.pop("wall"), spent, ages))
    time.sleep(SETTLE_S)


@contextmanager
def contenders(folder: Path) -> Iterator[list[Contender]]:
    """Both hubs, ready."""
    from bench.rest import until_open
    from tests.support.hubs import base_environment
    from tests.support.services import free_port, run_mosquitto, run_postgres, run_redis

    with ExitStack() as stack:
        postgres, redis = stack.enter_context(run_postgres()), stack.enter_context(run_redis())
        made = []
        for workers in (1, 2):
            broker = stack.enter_context(run_mosquitto())
            database, data, port = postgres.create_database(), folder / f"hub-{workers}", free_port()
            data.mkdir()
            workspace_id, _ = asyncio.run(fill(database, DRONES, users=1))
            environment = {
                **base_environment(data),
                **RAISED,
                "OFH_CONNECTION_MESSAGES_PER_S": "1000000",
                "OFH_CONNECTION_BURST": "1000000",
                "OFH_DATABASE_URL": database,
                "OFH_REDIS_URL": redis.url,
                "OFH_REDIS_PREFIX": f"bench-{workers}:",
                "OFH_MQTT_URL": broker.hub_url,
                "OFH_SECRET_KEY": "s" * 40,
                "OFH_PORT": str(port),
                "OFH_WORKERS": str(workers),
                "OFH_LOG_LEVEL": "error",
            }
            hub = subprocess.Popen(
                [sys.executable, "-m", "ofh.cli.main", "serve"],
                env=environment,
                cwd=data,
                stdout=subprocess.DEVNULL,
            )
            stack.callback(hub.wait)
            stack.callback(hub.terminate)
            until_open(port, hub)
            while figure(port, "ofh_processes") < workers:
                time.sleep(0.5)
            words = [sys.executable, __file__, "--feed", str(broker.hub_port), broker.username, broker.password]
            feeder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.callback(feeder.wait)
            stack.callback(feeder.kill)
            servers = {"PostgreSQL": postgres.daemon, "Redis": redis.daemon, "Mosquitto": broker.daemon}
            watched = {"hub": hub.pid}
            for name, daemon in servers.items():
                assert daemon is not None
                assert daemon.process is not None
                watched[name] = daemon.process.pid
            watched["reporters"] = feeder.pid
            made.append(Contender(workers, hub.pid, port, workspace_id, feeder, watched))
        time.sleep(3)  # both have compared the broker's accounts
        yield made


def compare(asked: argparse.Namespace) -> list[Contender]:
    """All rounds."""
    raise_files()
    with tempfile.TemporaryDirectory() as folder, contenders(Path(folder)) as both, compiled("subscribers") as programs:
        for contender in both:
            ingest(contender, 1_000)
            contender.rounds["ingest"].clear()
        for _ in range(asked.rounds):
            for contender in both:
                ingest(contender, asked.reports)
        with ExitStack() as stack:
            loads = []
            for contender in both:
                wanted = {"query": POSITIONS, "variables": {"id": str(contender.workspace_id)}}
                message = json.dumps({"id": "1", "type": "subscribe", "payload": wanted})
                before = set(family(os.getpid()))  # PostgreSQL's processes come and go meanwhile
                load = stack.enter_context(
                    subscribers(
                        programs["subscribers"],
                        contender.port,
                        [message] * asked.sockets,
                        headers=[cookie(0)],
                    )
                )
                new = set(family(os.getpid())) - before
                [pid] = [one for one in new if Path(f"/proc/{one}/comm").read_text() == "subscribers\n"]
                print(f"  {contender.workers}: {load.live} sockets, by process {contender.sockets()}", file=sys.stderr)
                loads.append((contender, load, pid))
            for _ in range(asked.rounds):
                for contender, load, pid in loads:
                    fan_out(contender, load, pid, asked.seconds, asked.rate)
        for contender in both:
            print(f"  {contender.workers}: {rss_kib(contender.pid) // 1024} MiB", file=sys.stderr)
        return both


# The process that reports


def feed(port: int, username: str, password: str) -> None:
    """Publish what standard input says, with QoS 1; the hub's own account may publish for every drone."""
    links = [Link(port, f"bench-{number}", username, password) for number in range(LINKS)]
    count = 0
    for line in sys.stdin:
        kind, events, *pace = line.split()
        rate = float(pace[0]) if kind == "rate" else None
        began = time.monotonic()
        for n in range(int(events)):
            if rate is not None and (wait := began + n / rate - time.monotonic()) > 0:
                time.sleep(wait)
            number = n % DRONES + 1
            links[number % LINKS].publish(report(number, count))
            count += 1
        for link in links:
            link.settled()
        print("done", flush=True)


class Link:
    """A client that publishes with QoS 1 and counts what is acknowledged."""

    def __init__(self, port: int, name: str, username: str, password: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        words = b"".join(len(word).to_bytes(2, "big") + word.encode() for word in (name, username, password))
        body = b"\x00\x04MQTT\x04\xc2\x00\x00" + words
        self._socket.sendall(b"\x10" + bytes((len(body),)) + body)
        if self._socket.recv(4) != b"\x20\x02\x00\x00":
            raise SystemExit("the broker refuses the reporters")
        self._socket.settimeout(None)
        self._sent = 0
        self._acknowledged = 0
        threading.Thread(target=self._read, daemon=True).start()

    def publish(self, plain: bytes) -> None:
        """Publish what is given as a PUBLISH of QoS 0."""
        begin = 1
        while plain[begin] & 128:
            begin += 1
        body = plain[begin + 1 :]
        topic = 2 + int.from_bytes(body[:2], "big")
        self._sent += 1
        mid = (self._sent % 65_535 + 1).to_bytes(2, "big")
        size, length = len(body) + 2, bytearray()
        while size > 127:
            length.append(size & 127 | 128)
            size >>= 7
        length.append(size)
        self._socket.sendall(b"\x32" + length + body[:topic] + mid + body[topic:])

    def settled(self) -> None:
        """Wait until all is acknowledged."""
        while self._acknowledged < self._sent:
            time.sleep(0.005)

    def _read(self) -> None:
        held = 0
        while data := self._socket.recv(65_536):
            held += len(data)
            self._acknowledged = held // 4


# The table


def middle(rounds: list[Round], value: Callable[[Round], float]) -> float:
    """The median."""
    return statistics.median(map(value, rounds))


def show(both: list[Contender], kind: str, what: str) -> None:
    """A line for each contender, and one for where the CPU went."""
    head = f"{'processes':11}{what + ' per s':>22}{'':9}{'per CPU s of the hub':>22}{'':9}{'of everything':>15}"
    print(f"\n{kind}\n{head}{'p50 ms':>9}{'p99 ms':>9}" if kind == "fan-out" else f"\n{kind}\n{head}")
    first = both[0].rounds[kind]
    for contender in both:
        rounds = contender.rounds[kind]
        line = f"{contender.workers:<11}"
        for value in (lambda r: r.number / r.wall_s, lambda r: r.number / r.hub_s):
            found = middle(rounds, value)
            line += f"{found:22,.0f}{found / middle(first, value):8.2f}×"
        line += f"{middle(rounds, lambda r: r.number / sum(r.cpu.values())):15,.0f}"
        if kind == "fan-out":
            line += f"{middle(rounds, lambda r: r.ages_ms[0]):9.1f}{middle(rounds, lambda r: r.ages_ms[1]):9.1f}"
        print(line)
    for contender in both:
        rounds = contender.rounds[kind]
        cores = {name: middle(rounds, lambda r, name=name: r.cpu[name] / r.wall_s) for name in rounds[0].cpu}
        shown = ", ".join(f"{name} {value:.2f}" for name, value in cores.items())
        print(f"cores in use, {contender.workers}: {shown}; together {sum(cores.values()):.2f}")


def main() -> None:
    """Run what was asked for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--reports", type=int, default=15_000, help="in a burst; Mosquitto queues 20,000")
    parser.add_argument("--sockets", type=int, default=1_500)
    parser.add_argument("--rate", type=float, default=600, help="reports in a second of the fan-out")
    parser.add_argument("--seconds", type=float, default=3, help="of a round of the fan-out")
    parser.add_argument("--quick", action="store_true", help="next to nothing, to see that it runs")
    parser.add_argument("--feed", nargs=3, metavar=("PORT", "USER", "PASSWORD"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.feed:
        feed(int(asked.feed[0]), asked.feed[1], asked.feed[2])
        return
    if asked.quick:
        asked.rounds, asked.reports, asked.sockets, asked.rate, asked.seconds = 1, 500, 40, 50, 0.5
    both = compare(asked)
    print(f"{datetime.now(UTC):%Y-%m-%d}; {asked.reports} reports a burst; {asked.sockets} sockets, {DRONES} drones,")
    print(f"{asked.rate:g} reports/s: {asked.rate * asked.sockets:,.0f} deliveries/s are on offer")
    show(both, "ingest", "reports stored")
    show(both, "fan-out", "deliveries")
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
