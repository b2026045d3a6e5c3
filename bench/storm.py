"""A storm of reconnects: very many subscribers of `fleet` come back with their cursor at the same time.

    python bench/storm.py [--subscribers 10000] [--seconds 10] [--users 500] [--drones 20] [--missed 40]
        [--quick]

One hub process, embedded, on loopback; SQL statements are counted inside of it. Nothing is asserted. See
`bench/README.md`.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench._counting import counted  # noqa: E402
from bench._hub import RAISED, Hub, cookie, feed, hub  # noqa: E402
from bench._native import compiled, subscribers  # noqa: E402
from bench._processes import cpu_s, machine, raise_files, rss_kib  # noqa: E402

QUERY = (
    "subscription Storm($w: ID!, $after: String) { fleet(workspaceId: $w, after: $after, delivery: ALL, "
    "kinds: [POSITION_REPORTED]) { __typename cursor ... on PositionReported { position { droneId "
    "position { longitude latitude height reportedAt } telemetry { heading horizontalSpeed elevation } } } } }"
)


def message(id: str, hub: Hub, after: str | None) -> str:
    """A `subscribe` message."""
    payload = {"query": QUERY, "variables": {"w": str(hub.workspace_id), "after": after}}
    return json.dumps({"id": id, "type": "subscribe", "payload": payload}, separators=(",", ":"))


@contextmanager
def watcher(hub: Hub) -> Iterator[Any]:
    """One subscriber that is there from the beginning: yields what reads its next event."""
    from websockets.sync.client import connect

    with connect(
        f"ws://127.0.0.1:{hub.port}/graphql",
        subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
        additional_headers=[tuple(cookie(0).split(": "))],  # type: ignore[list-item]
        compression=None,
        max_size=None,
    ) as client:
        client.send('{"type":"connection_init"}')
        client.recv(timeout=10)
        client.send(message("first", hub, None))

        def event() -> dict[str, Any]:
            told = json.loads(client.recv(timeout=10))
            if told["type"] != "next" or told["payload"].get("errors"):
                raise SystemExit(f"no event: {told}")
            found: dict[str, Any] = told["payload"]["data"]["fleet"]
            return found

        yield event


def storm(asked: argparse.Namespace, native: dict[str, Path], folder: Path) -> None:
    """Let them come, and print what that took."""
    numbers = folder / "statements"
    program = [str(ROOT / "bench" / "_counting.py"), str(numbers)]
    with (
        hub(folder / "hub", asked.drones, users=asked.users, program=program) as served,
        feed("hub", served.mqtt_port, asked.drones) as fed,
    ):
        with watcher(served) as event:
            cursors = [event()["cursor"]]
            fed.run(asked.missed, 200, asked.drones)
            cursors += [event()["cursor"] for _ in range(asked.missed)]
        time.sleep(2)
        statements, began = counted(numbers), time.monotonic()
        time.sleep(asked.seconds)
        idle_per_s = (counted(numbers) - statements) / (time.monotonic() - began)

        places = [n % asked.missed for n in range(asked.subscribers)]
        those = [
            f"{cookie(n % asked.users)}\t{message(f's{n:05}', served, cursors[place])}"
            for n, place in enumerate(places)
        ]
        expected = sum(asked.missed - place + 1 for place in places)  # and CaughtUp
        statements, began = counted(numbers), time.monotonic()
        cpu, memory = cpu_s(served.pid), rss_kib(served.pid)
        with subscribers(
            native["subscribers"],
            served.port,
            those,
            per_second=asked.subscribers / asked.seconds,
            mark='"CaughtUp"',
        ) as came:
            came.until("marks", asked.subscribers, 120)
            took = time.monotonic() - began
            spent = counted(numbers) - statements
            used, grown = cpu_s(served.pid) - cpu, rss_kib(served.pid) - memory
            found = came.stat()
            came.reset()
            began = time.monotonic()
            fed.run(1, 1, asked.drones)
            came.until("some", asked.subscribers, 30)
            after = came.stat()
        lines = {
            "subscribers": (
                asked.subscribers,
                f"of {asked.users} users, in {asked.seconds:g} s; {asked.drones} drones",
            ),
            "refused": (found["failed"], f"cut off {found['gone']}, errors {found['errors']}"),
            "caught up": (found["marks"], f"{took:.1f} s after the first came"),
            "ms from connect until caught up, median": (
                round(found["mark_p50"]),
                f"p99 {found['mark_p99']:,.0f}, worst {found['mark_worst']:,.0f}",
            ),
            "missed messages, and CaughtUp": (found["frames"], f"of {expected:,}"),
            "SQL statements meanwhile": (
                spent,
                f"{spent / asked.subscribers:.3f} a subscriber; the hub's own in that time: {idle_per_s * took:,.0f}",
            ),
            "CPU ms of the hub": (round(used * 1e3), f"{used / asked.subscribers * 1e3:.2f} a subscriber"),
            "MiB of memory": (round(grown / 1024), f"{grown / 1024 / asked.subscribers * 1000:.1f} per 1,000"),
            "then one report, to": (after["some"], f"p50 {after['p50']:.0f} ms, p99 {after['p99']:.0f} ms"),
        }
        for name, (number, further) in lines.items():
            print(f"{name:42}{number:10,}   {further}")


def main() -> None:
    """Run what was asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="in which they come")
    parser.add_argument("--users", type=int, default=500, help="whose they are")
    parser.add_argument("--drones", type=int, default=20)
    parser.add_argument("--missed", type=int, default=40, help="events since the oldest of their cursors")
    parser.add_argument("--quick", action="store_true", help="a few of them: shows only that it runs")
    asked = parser.parse_args()
    if asked.quick:
        asked.subscribers, asked.seconds, asked.users, asked.drones, asked.missed = 20, 0.5, 2, 3, 6
    files = raise_files()
    print(f"{datetime.now(UTC):%Y-%m-%d}, SQLite, one process")
    print(f"Raised: {', '.join(f'{name}={value}' for name, value in RAISED.items())}; open files {files:,}\n")
    if files < asked.subscribers + 500:
        asked.subscribers = files - 500
        print(f"This system allows {files:,} open files, so there are {asked.subscribers:,} subscribers.")
    with compiled("subscribers") as native, tempfile.TemporaryDirectory() as folder:
        storm(asked, native, Path(folder))
    print(machine())


if __name__ == "__main__":
    main()
