"""docker-compose.yml and Dockerfile: valid, without known passwords, and with settings that the hub starts with."""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]

from ofh.edges.media_server.endpoint import PATH
from ofh.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = Path(__file__).with_name("compose-spec.json")
PLACEHOLDER = re.compile(r"\$\$|\$\{(?P<name>\w+)(?:(?P<how>:-|:\?)(?P<rest>[^}]*))?\}|\$(?P<bare>\w+)")
SECRET = re.compile(r"PASSWORD|SECRET|_KEY|TOKEN")
OPTIONAL = {"OFH_DJI_APP_KEY"}
"""Secrets that a hub can do without; empty is all that they may be by default."""
BIND = "${OFH_BIND:-127.0.0.1}:"


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "docker-compose.yml").read_text("utf-8")


@pytest.fixture(scope="module")
def compose(text: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def placeholders(text: str) -> Iterator[re.Match[str]]:
    """Every `${…}` outside comments."""
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            yield from (found for found in PLACEHOLDER.finditer(line) if found[0] != "$$")


def interpolated(text: str, environment: Mapping[str, str]) -> str:
    """A text as Compose reads it."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        given = environment.get(found["name"], "")
        if found["how"] == ":?" and not given:
            raise KeyError(found["name"])
        return given or (found["rest"] if found["how"] == ":-" else "")

    return PLACEHOLDER.sub(value, text)


def test_the_schema_is_the_published_one() -> None:
    digest = hashlib.sha256(SCHEMA.read_bytes()).hexdigest()
    assert digest in SCHEMA.with_name("README.md").read_text("utf-8")


def test_the_file_is_valid_compose(compose: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_bytes())).validate(compose)


def test_the_schema_would_see_a_mistake(compose: dict[str, Any]) -> None:
    wrong = {**compose, "services": {"hub": {**compose["services"]["hub"], "helthcheck": {}}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json.loads(SCHEMA.read_bytes())).validate(wrong)


def test_no_secret_has_a_default(text: str) -> None:
    names = {found["name"] for found in placeholders(text) if found["name"] and SECRET.search(found["name"])}
    assert {"OFH_SECRET_KEY", "OFH_POSTGRES_PASSWORD", "OFH_REDIS_PASSWORD", "OFH_MQTT_PASSWORD"} <= names
    for found in placeholders(text):
        assert found["bare"] is None, f"{found[0]}: write it with braces"
        if found["name"] in OPTIONAL:
            assert (found["how"], found["rest"]) == (":-", "")
        elif SECRET.search(found["name"]):
            assert found["how"] == ":?", f"{found[0]} must not have a default"
            assert found["rest"], f"{found[0]} says nothing to whoever forgot it"
        else:
            assert found["how"] == ":-", f"{found[0]} needs a default, or :? and a sentence"


def test_no_secret_is_written_down(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable) or variable == "REDISCLI_AUTH" or variable.endswith("_URL"):
                fixed = PLACEHOLDER.sub("", value)
                assert not re.search(r"//[^/@]*:[^/@]+@", fixed), f"{name}: {variable} holds a password"
                if SECRET.search(variable):
                    assert fixed == "", f"{name}: {variable} is written down"


def test_every_image_is_pinned(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        tag = service["image"].partition(":")[2]
        assert re.fullmatch(r"\d+\.\d+(\.\d+)?", tag), f"{name}: {service['image']}"
    for image in re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE):
        assert re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+-slim", image)


def test_mosquitto_is_one_with_its_holes_mended(compose: dict[str, Any]) -> None:
    version = tuple(int(part) for part in compose["services"]["mosquitto"]["image"].partition(":")[2].split("."))
    assert (2, 0, 18) <= version < (2, 1)


def test_the_image_has_the_packages_version(compose: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert compose["services"]["hub"]["image"] == f"openflighthub:{project['version']}"


def test_ports_are_published_on_this_machine_alone(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published.pop("video") == [
        f"{BIND}{port}" for port in ("1935:1935", "8888:8888", "8889:8889", "8189:8189/udp")
    ]
    assert published == {"hub": [f"{BIND}8000:8000"], "mosquitto": [f"{BIND}1883:1883"]}


def test_what_holds_data_is_not_reachable_from_outside(compose: dict[str, Any]) -> None:
    assert compose["networks"]["back"]["internal"] is True
    for name in ("postgres", "redis", "store"):
        assert compose["services"][name]["networks"] == ["back"]


def test_networks_and_volumes_are_declared_and_used(compose: dict[str, Any]) -> None:
    services = compose["services"].values()
    networks = {network for service in services for network in service["networks"]}
    volumes = {mount.split(":")[0] for service in services for mount in service.get("volumes", [])}
    files = {mount for mount in volumes if mount.startswith(".")}
    assert networks == set(compose["networks"])
    assert volumes - files == set(compose["volumes"])
    for file in files:
        assert (ROOT / file).is_file()


def test_the_hub_waits_until_what_it_needs_is_healthy(compose: dict[str, Any]) -> None:
    for name, how in compose["services"]["hub"]["depends_on"].items():
        assert how == {"condition": "service_healthy"}
        assert compose["services"][name]["healthcheck"]["test"]
    assert set(compose["services"]["hub"]["depends_on"]) == {"postgres", "redis", "mosquitto"}


def test_the_hub_has_no_right_that_it_does_not_need(compose: dict[str, Any]) -> None:
    """security.md, D4."""
    hub = compose["services"]["hub"]
    assert hub["read_only"] is True
    assert hub["user"] == "10001:10001"
    assert hub["cap_drop"] == ["ALL"]
    assert hub["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in hub


def test_every_service_is_bounded_and_comes_back(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["restart"] == "unless-stopped", name
        assert service["mem_limit"], name
        assert service["logging"]["options"]["max-size"], name


def test_the_store_is_started_on_request_only(compose: dict[str, Any]) -> None:
    assert compose["services"]["store"]["profiles"] == ["media"]
    assert compose["services"]["video"]["profiles"] == ["video"]
    assert compose["services"]["worker"]["profiles"] == ["worker"]
    optional = [name for name, service in compose["services"].items() if "profiles" in service]
    assert optional == ["worker", "store", "video"]


def test_the_media_server_asks_the_hub_with_the_hubs_secret(compose: dict[str, Any]) -> None:
    video, hub = compose["services"]["video"]["environment"], compose["services"]["hub"]["environment"]
    address, _, secret = video["MTX_AUTHHTTPADDRESS"].partition("?secret=")
    assert (video["MTX_AUTHMETHOD"], address) == ("http", f"http://hub:8000{PATH}/mediamtx")
    assert secret == hub["OFH_MEDIA_SERVER_SECRET"]
    assert set(compose["services"]["video"]["networks"]) & set(compose["services"]["hub"]["networks"])


def test_the_hub_starts_with_these_settings(
    text: str, compose: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    required = {found["name"] for found in placeholders(text) if found["how"] == ":?"}
    environment = {name: format(number, "064x") for number, name in enumerate(sorted(required), 1)}
    for name in [name for name in os.environ if name.startswith("OFH_")]:
        monkeypatch.delenv(name)
    for name, value in compose["services"]["hub"]["environment"].items():
        assert name.removeprefix("OFH_").lower() in Settings.model_fields, f"{name} is no setting"
        monkeypatch.setenv(name, interpolated(str(value), environment))
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    assert settings.workers == 2
    assert settings.database_url is not None
    assert settings.database_url.startswith("postgresql://ofh:0")
    assert settings.mqtt_url is not None
    assert settings.mqtt_url.endswith("@mosquitto:1884")


def test_a_forgotten_password_is_named(text: str) -> None:
    with pytest.raises(KeyError, match="OFH_SECRET_KEY"):
        interpolated(text, {})


def test_the_script_makes_every_password_once(text: str, tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    script = shutil.copy(ROOT / "deploy/make-env.sh", tmp_path / "deploy")
    (tmp_path / ".env").write_text("OFH_MQTT_PASSWORD=kept\nOFH_PUBLIC_URL=https://hub.example.org\n")
    for _ in range(2):
        subprocess.run(["/bin/sh", script], check=True, capture_output=True, cwd=tmp_path)
        lines = (tmp_path / ".env").read_text().splitlines()
        values = dict(line.split("=", 1) for line in lines)
        assert len(lines) == len(values)
    required = {found["name"] for found in placeholders(text) if found["how"] == ":?"}
    assert set(values) == required | {"OFH_PUBLIC_URL"}
    assert values.pop("OFH_MQTT_PASSWORD") == "kept"
    values.pop("OFH_PUBLIC_URL")
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in values.values())
    assert len(set(values.values())) == len(values)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


# The image


def test_the_image_runs_without_root() -> None:
    users = re.findall(r"^USER (\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert users == ["10001:10001"]


def test_the_image_copies_what_is_there_and_not_ignored() -> None:
    lines = re.findall(r"^COPY (?!--)(.+) \S+$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for source in " ".join(lines).split():
        assert (ROOT / source).exists()
        assert f"!{source.split('/')[0]}" in ignored


def locked(path: str) -> dict[str, str]:
    """The blocks of a lock file, by package."""
    blocks = re.split(r"\n(?=\S)", (ROOT / path).read_text("utf-8").strip())
    return {re.split(r"[=\[ ;]", block)[0]: block for block in blocks}


def test_the_images_lock_is_a_part_of_the_lock() -> None:
    everything, image = locked("requirements.lock"), locked("deploy/requirements.lock")
    assert image.items() <= everything.items()
    assert all("--hash=sha256:" in block for block in everything.values())


def test_the_images_lock_has_what_the_hub_needs_and_no_tools() -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[^A-Za-z0-9_.-]", item)[0].lower() for item in requirements}

    image = set(locked("deploy/requirements.lock"))
    assert names(document["project"]["dependencies"]) <= image
    assert not names(document["dependency-groups"]["dev"]) & image
