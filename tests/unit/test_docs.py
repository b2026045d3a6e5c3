"""What the documents say is so: settings, commands, links; and no trace of the machines they were written on."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

from ofh.cli.main import app
from ofh.settings import Settings, documentation

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = {".venv", "node_modules", "vendor"}
"""Folders whose documents are not ours."""
TEST_SETTINGS = {"OFH_TEST_DATABASE_URL", "OFH_TEST_REDIS_URL", "OFH_CONNECTION_SECRET", "OFH_MOSQUITTO_CONFIG"}
"""Variables that are no settings of the hub: of the tests, of `ofh simulate`, of the broker's start script."""


@cache
def tracked() -> list[Path]:
    """The files of the repository, those that are about to be added included."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = {ROOT / name.decode() for name in done.stdout.split(b"\0") if name}
    return sorted(path for path in paths if path.is_file() and not path.is_symlink())


def pages() -> list[Path]:
    """Our Markdown files."""
    return [path for path in tracked() if path.suffix == ".md" and not FOREIGN & set(path.parts)]


def named(pattern: str, paths: list[Path]) -> Iterator[tuple[str, str]]:
    """Where a pattern's first group is met: a readable place and the text."""
    for path in paths:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            for found in re.finditer(pattern, line):
                yield f"{path.relative_to(ROOT)}:{number}", found[1]


def targets() -> set[str]:
    """What `make` can do."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


# Settings


def test_the_settings_page_is_the_settings() -> None:
    """When it fails: make generated."""
    assert (ROOT / "docs/settings.md").read_text("utf-8") == documentation()


def test_every_setting_is_read_somewhere() -> None:
    """An option that nothing reads would be a promise that nobody keeps."""
    read: set[str] = set()
    for path in (ROOT / "src/ofh").rglob("*.py"):
        if path.name == "settings.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value).split(".")[-1].lstrip("_") == "settings":
                read.add(node.attr)
    for name, value in vars(Settings).items():
        if isinstance(value, property) and name in read:
            read |= set(value.fget.__code__.co_names) if value.fget else set()
    assert set(Settings.model_fields) - read == set()


def test_every_setting_that_is_mentioned_exists() -> None:
    mentioned = named(r"\b(OFH_[A-Z0-9_]+)\b(?!_?\*|…)", [*pages(), ROOT / "docker-compose.yml", ROOT / "Dockerfile"])
    compose = set(re.findall(r"\$\{(OFH_\w+)", (ROOT / "docker-compose.yml").read_text("utf-8")))
    known = {f"OFH_{name.upper()}" for name in Settings.model_fields} | compose | TEST_SETTINGS | {"OFH_MQTT_USERNAME"}
    assert [place for place in mentioned if place[1] not in known] == []


# Commands


def test_the_readme_begins_with_two_commands_that_exist() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    commands = [line.split("#")[0].strip() for line in blocks[0].splitlines()]
    assert commands == ["make demo", "make test"]
    assert {"demo", "test"} <= targets()


def test_every_make_target_that_is_mentioned_exists() -> None:
    mentioned = named(r"(?:^|`)make ([a-z][a-z-]*)", pages())
    assert [place for place in mentioned if place[1] not in targets()] == []


def test_make_explains_every_target() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    assert set(re.findall(r"^([a-z-]+):.*## \S", text, re.MULTILINE)) == targets()


def test_every_command_of_ofh_that_is_mentioned_exists() -> None:
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    mentioned = named(r"(?:^|`|\bhub )ofh ([a-z][a-z-]*)", pages())
    assert [place for place in mentioned if place[1] not in known] == []


# Links and traces


def anchor(heading: str) -> str:
    """The name that a heading gets in its page's address."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_links_within_the_repository_lead_somewhere() -> None:
    broken = []
    for place, link in named(r"\]\(([^)\s]+)\)", pages()):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        page = ROOT / place.rpartition(":")[0]
        target = (page.parent / path) if path else page
        if not target.exists():
            broken.append((place, link))
        elif fragment:
            headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
            if fragment not in {anchor(heading) for heading in headings}:
                broken.append((place, link))
    assert broken == []


TRACES = "|".join(
    [
        r"(?<![\w.~-])/(?:work|farm|root|home)/\w",
        r"/opt/(?:wheels|pypi)",
        r"(?:registry|cdn)\." r"npmjs",
        r"pythonhosted\." r"org",
        r"pypi\." r"org",
        r"deb\." r"debian",
    ]
)


@pytest.mark.parametrize(
    ("text", "is_trace"),
    [
        ("see /" + "work/main", True),
        ("/" + "home/someone/project", True),
        ("https://" + "pypi" + ".org/simple", True),
        ("var/" + "work/x", False),
        ("the /homestead", False),
        ("https://example.org/" + "root/x", False),
    ],
)
def test_a_trace_is_known_when_it_is_seen(text: str, is_trace: bool) -> None:
    assert bool(re.search(TRACES, text)) is is_trace


def test_no_file_knows_a_machine_or_a_registry() -> None:
    found = []
    for path in tracked():
        if "vendor" in path.parts or path == Path(__file__).resolve():
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in re.finditer(TRACES, text)]
    assert found == []
