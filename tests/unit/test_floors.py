"""Imports only point down: the house plan of docs/architecture.md, read from every import in the package.

The floors are data here. Imports under `TYPE_CHECKING` and inside functions count like any other: what points up ties
two floors together, whenever it happens.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"

MAY_IMPORT: dict[str, set[str]] = {
    "domain": set(),
    "dji": {"domain"},
    "adsb": {"domain"},
    "store": {"domain", "dji"},
    "mqtt": set(),
    "backends": {"domain", "dji", "adsb", "mqtt"},
    "services": {"domain", "dji", "store", "backends"},
    "edges": {"domain", "dji", "store", "backends", "services"},
    "logs": set(),
    "metrics": {"domain", "services"},
    "settings": {"domain"},
    "keys": {"domain", "settings"},
    "choices": {"domain", "dji", "store", "backends", "services", "settings", "keys"},
    "people": {"backends", "services", "store", "settings", "choices", "keys"},
    "workshop": {"domain", "store", "backends", "services", "metrics", "settings"},
    "worker": {"services", "store", "metrics", "settings", "choices", "workshop"},
    "supervision": {"domain", "store"},
    "upkeep": {"domain", "store", "services", "choices", "people"},
    "hub": {"domain", "dji", "store", "backends", "services", "edges", "logs", "metrics", "settings"}
    | {"choices", "keys", "people", "workshop", "supervision", "upkeep"},
    "app": {"domain", "dji", "services", "edges", "logs", "metrics", "settings", "choices", "hub"} | {"numbers"},
    "numbers": {"hub", "metrics"},
    "cli": {"domain", "dji", "store", "backends", "services", "edges", "logs", "metrics", "settings", "hub", "app"}
    | {"choices", "people", "simulator", "workshop", "worker", "supervision"},
    "simulator": {"domain", "dji"},
    "migrations": set(),
}
"""What each part of the package may import, beside itself. A part that is not named here fails."""

PURE = {"domain", "dji", "adsb"}
"""No I/O, no clock, no chance: times and random numbers are arguments."""

IMPURE_MODULES = {
    "asyncio", "threading", "multiprocessing", "concurrent", "subprocess", "signal", "socket", "ssl", "select",
    "os", "io", "pathlib", "tempfile", "shutil", "sqlite3", "urllib", "http", "time", "random", "secrets", "uuid",
    "tortoise", "asyncpg", "aiosqlite", "redis", "paho", "aiomqtt", "starlette", "uvicorn", "strawberry", "graphql",
    "httpx2", "structlog", "logging",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today"}

NOT_EMPTY = {"ofh.store.models"}
"""The packages whose `__init__.py` says something; Tortoise has to find all models in one module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One imported name."""

    importer: str
    target: str
    line: int


def module_of(path: Path, source: Path = SOURCE) -> str:
    """The dotted name of a file."""
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(module: str, text: str, *, is_package: bool = False) -> Iterator[Import]:
    """Every import in a module, wherever it stands, with absolute names."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(importer=module, target=name.name, line=node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = module.split(".")
                up = node.level - 1 if is_package else node.level
                base = ".".join([*here[: len(here) - up], *([base] if base else [])])
            for name in node.names:
                yield Import(importer=module, target=f"{base}.{name.name}", line=node.lineno)


def part(module: str) -> str:
    """The floor, or the room on it: the first name below the package."""
    return module.split(".")[1] if "." in module else ""


def edge(module: str) -> str | None:
    """The folder of an edge; None for what the edges share, and for all that is no edge."""
    parts = module.split(".")
    if parts[:2] != ["ofh", "edges"] or len(parts) < 3 or not (SOURCE / "ofh/edges" / parts[2]).is_dir():
        return None
    return parts[2]


def why_not(item: Import) -> str | None:
    """What an import breaks; None where it is in order."""
    here = part(item.importer)
    if here in PURE and item.target.split(".")[0] in IMPURE_MODULES:
        return f"{here} is pure"
    if item.target.split(".")[0] != "ofh":
        return None
    there = part(item.target)
    if here != there and there not in MAY_IMPORT.get(here, set()):
        return f"{here} may not know {there or 'the whole package'}"
    if edge(item.target) is not None and here == "edges" and edge(item.target) != edge(item.importer):
        return "edges do not know each other, and what they share knows none of them"
    return None


def files() -> list[Path]:
    """All modules; the migrations are reached by a link, which only some Pythons would follow."""
    return sorted({*(SOURCE / "ofh").rglob("*.py"), *(SOURCE / "ofh/migrations").glob("*.py")})


def test_every_import_points_down() -> None:
    wrong = [
        f"{item.importer}, line {item.line}: imports {item.target}: {reason}"
        for path in files()
        for item in imports(module_of(path), path.read_text("utf-8"), is_package=path.name == "__init__.py")
        if (reason := why_not(item)) is not None
    ]
    assert wrong == []


def test_every_part_of_the_package_has_a_floor() -> None:
    parts = {part(module_of(path)) for path in files()} - {""}
    assert parts - set(MAY_IMPORT) == set()


def test_nothing_goes_round_in_circles() -> None:
    def reach(name: str, seen: frozenset[str]) -> None:
        assert name not in seen, f"{name} may import itself through {sorted(seen)}"
        for below in MAY_IMPORT[name]:
            reach(below, seen | {name})

    for name in MAY_IMPORT:
        reach(name, frozenset())


def test_the_lower_floors_ask_no_clock() -> None:
    wrong = [
        f"{module_of(path)}, line {node.lineno}: .{node.attr}"
        for path in files()
        if part(module_of(path)) in PURE
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS
    ]
    assert wrong == []


def test_only_the_top_floor_reads_the_environment() -> None:
    top = {"hub", "app", "cli", "settings", "logs", "metrics"}
    wrong = [
        f"{module_of(path)}, line {node.lineno}: {ast.unparse(node)}"
        for path in files()
        if part(module_of(path)) not in top
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    assert wrong == []


def test_init_files_are_empty() -> None:
    wrong = [
        module_of(path)
        for path in files()
        if path.name == "__init__.py" and path.read_text("utf-8").strip() and module_of(path) not in NOT_EMPTY
    ]
    assert wrong == []


# The rules themselves, on made-up modules


def first(module: str, text: str, *, is_package: bool = False) -> str | None:
    """What the first import of a module breaks."""
    return why_not(next(imports(module, text, is_package=is_package)))


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("ofh.domain.fixes", "from ofh.services.feed import Feed"),
        ("ofh.domain.fixes", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..store import models"),
        ("ofh.dji.osd", "import asyncio"),
        ("ofh.dji.osd", "from random import random"),
        ("ofh.store.bulk", "from ofh.backends.ports import Bus"),
        ("ofh.backends.bus_redis", "from ofh.store.database import Database"),
        ("ofh.services.feed", "from ofh.mqtt.server import Server"),
        ("ofh.services.feed", "from ofh import settings"),
        ("ofh.services.feed", "def f():\n    from ofh.settings import Settings"),
        ("ofh.edges.graphql.schema", "from ofh.edges.ingest.consumer import Consumer"),
        ("ofh.edges.graphql.schema", "from ..ingest import consumer"),
        ("ofh.edges.errors", "from .graphql import schema"),
        ("ofh.edges.graphql.schema", "from ofh.hub import Hub"),
        ("ofh.simulator.run", "from ofh.services.fleet import Fleet"),
        ("ofh.hub", "import ofh.cli.main"),
        ("ofh.settings", "import ofh"),
    ],
)
def test_an_import_up_or_sideways_is_seen(module: str, text: str) -> None:
    assert any(why_not(item) for item in imports(module, text))


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("ofh.backends.broker_embedded", "from ofh.dji.topics import SUBSCRIPTIONS"),
        ("ofh.backends.broker_embedded", "from ofh.mqtt import server"),
        ("ofh.edges.graphql.types.fleet", "from ..context import Context"),
        ("ofh.edges.graphql.socket", "from ofh.edges.ws_protocol import HubWebSocketProtocol"),
        ("ofh.services.feed", "from . import fleet"),
        ("ofh.cli.simulate", "from ofh.simulator.run import run_fleet"),
        ("ofh.domain.events", "from datetime import datetime"),
    ],
)
def test_an_import_down_or_next_door_is_fine(module: str, text: str) -> None:
    assert first(module, text) is None


def test_relative_imports_of_a_package_start_in_it() -> None:
    assert [item.target for item in imports("ofh.store.models", "from .fleet import Drone", is_package=True)] == [
        "ofh.store.models.fleet.Drone"
    ]
