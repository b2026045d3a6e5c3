"""Which path leads where: pages for browsers, what watches the hub, and what is not there."""

import re
import shutil
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ofh.settings import load
from tests.integration.app.hubs import client, get, hub, served

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def settings(tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """An embedded hub on a database that is migrated already."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(migrated_sqlite, tmp_path / "hub.db")
    return {"data": tmp_path}


# What watches the hub


async def test_a_living_process_says_ok_and_nothing_more(settings: dict[str, Any]) -> None:
    async with hub(**settings) as (_, asking):
        answer = await asking.get("/healthz")
        assert (answer.status_code, answer.text) == (200, "ok")
        assert (await asking.head("/healthz")).status_code == 200


async def test_a_ready_hub_names_its_backends_without_addresses(settings: dict[str, Any]) -> None:
    async with hub(**settings) as (_, asking):
        answer = await asking.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "backends": dict.fromkeys(("database", "bus", "broker", "storage"), "ok")}


async def test_metrics_are_for_this_machine_and_configured_networks_alone(settings: dict[str, Any]) -> None:
    """security.md, D5."""
    async with served(load(**settings, mqtt_port=0)) as (_, app):
        for address, status in (("127.0.0.1", 200), ("::1", 200), ("192.0.2.7", 403), ("2001:db8::1", 403)):
            async with client(app, address=address) as asking:
                answer = await asking.get("/metrics")
                assert answer.status_code == status, address
                assert ("ofh_reports_stored_total" in answer.text) is (status == 200)
                assert (await asking.get("/healthz")).status_code == 200


async def test_metrics_can_be_opened_to_a_network(settings: dict[str, Any]) -> None:
    async with served(load(**settings, mqtt_port=0, metrics_networks="192.0.2.0/24")) as (_, app):
        for address, status in (("192.0.2.7", 200), ("127.0.0.1", 403)):
            async with client(app, address=address) as asking:
                assert (await asking.get("/metrics")).status_code == status


async def test_a_proxy_does_not_open_metrics_to_those_behind_it(settings: dict[str, Any]) -> None:
    async with hub(**settings, trusted_proxies="127.0.0.1") as (_, asking):
        answer = await asking.get("/metrics", headers={"x-forwarded-for": "203.0.113.9"})
        assert answer.status_code == 403
        assert (await asking.get("/metrics")).status_code == 200


async def test_metrics_are_prometheus_text_and_show_what_hangs_on_the_application(settings: dict[str, Any]) -> None:
    async with hub(**settings) as (started, asking):
        started.metrics.dropped("malformed")
        answer = await asking.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    for line in ('ofh_dropped_total{reason="malformed"} 1.0', "ofh_sockets 0.0", "ofh_subscription_groups 0.0"):
        assert f"\n{line}\n" in answer.text


# Pages


@pytest.mark.parametrize("path", ["/", "/graphql"])
async def test_browsers_get_a_page_that_speaks_to_nobody_but_the_hub(path: str, settings: dict[str, Any]) -> None:
    async with hub(**settings) as (_, asking):
        page = await asking.get(path, headers=BROWSER)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
        scripts = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", page.text)
        digests = "".join(f" 'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in scripts)
        assert (policy["default-src"], policy["connect-src"]) == ("'none'", "'self'")
        assert policy["script-src"] == f"'self'{digests}"
        assert (policy["frame-ancestors"], policy["base-uri"], policy["form-action"]) == ("'none'",) * 3
        assert page.headers["x-content-type-options"] == "nosniff"
        assert not re.findall(r"(?:src|href)=\"(?:[a-z]+:)?//", page.text), "all that it loads is ours"
        assert not re.findall(r"<script(?! type=\"importmap\")(?![^>]*\bsrc=)|\son[a-z]+=", page.text), (
            "no script in it"
        )
        loaded = re.findall(r"(?:src|href)=\"(/[^\"]+)\"", page.text) + re.findall(
            r"\"(/[^\"]+\.m?js)\"", "".join(scripts)
        )
        assert len(loaded) > 5
        for name in loaded:
            part = await asking.get(name)
            assert part.status_code == 200, name
            assert part.headers["content-type"].startswith(("text/css", "text/javascript", "image/svg+xml"))
            assert part.headers["x-content-type-options"] == "nosniff"


async def test_what_the_dashboard_loads_changes_its_address_with_its_content_and_is_kept_for_good(
    settings: dict[str, Any],
) -> None:
    async with hub(**settings) as (_, asking):
        page = await asking.get("/")
        assert page.headers["cache-control"] == "no-cache"
        (prefix,) = set(re.findall(r"/dashboard/[0-9a-f]{16}/", page.text))
        for name, kind in (("app.js", "text/javascript; charset=utf-8"), ("vendor/world.json", "application/json")):
            plain = await asking.get(prefix + name, headers={"accept-encoding": "identity"})
            packed = await asking.get(prefix + name, headers={"accept-encoding": "gzip"})
            assert (plain.status_code, plain.headers["content-type"]) == (200, kind)
            assert packed.content == plain.content
            assert int(packed.headers["content-length"]) < len(plain.content)
            for answer in (plain, packed):
                assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
                assert answer.headers["vary"] == "Accept-Encoding"
        for path in (f"{prefix}nothing.js", f"{prefix}..%2fpage.py", f"{prefix}index.html", "/dashboard/0/app.js"):
            gone = await asking.get(path)
            assert (gone.status_code, gone.headers["cache-control"]) == (404, "no-store"), path


async def test_the_ide_holds_a_subscription_ready_to_run(settings: dict[str, Any]) -> None:
    async with hub(**settings) as (_, asking):
        assert "workspacePositions(workspaceId: $workspaceId" in (await asking.get("/graphql", headers=BROWSER)).text


async def test_the_client_of_fleet_is_served_as_a_module_and_asked_for_again_in_few_bytes(
    settings: dict[str, Any],
) -> None:
    path = "/graphql/client/fleet.js"
    async with hub(**settings, ide=False) as (_, asking):
        module = await asking.get(path)
        assert (module.status_code, module.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
        assert "export function followFleet(" in module.text
        assert module.headers["cache-control"] == "no-cache"
        etag = module.headers["etag"]
        head = await asking.head(path)
        assert (head.content, head.headers["etag"]) == (b"", etag)
        assert head.headers["content-length"] == str(len(module.content))
        for known, status in ((etag, 304), (f'"other", W/{etag}', 304), ("*", 304), ('"other"', 200)):
            again = await asking.get(path, headers={"if-none-match": known})
            assert (again.status_code, again.headers["etag"]) == (status, etag)
            assert again.content == (b"" if status == 304 else module.content)


async def test_programs_get_the_api_where_browsers_get_the_page(settings: dict[str, Any]) -> None:
    async with hub(**settings) as (_, asking):
        answer = await asking.post("/graphql", json={"query": "{ server { name apiVersion } }"})
        assert answer.json() == {"data": {"server": {"name": "OpenFlightHub", "apiVersion": "0.11.0"}}}
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


async def test_the_ide_can_be_switched_off_and_all_else_stays(settings: dict[str, Any]) -> None:
    async with hub(**settings, ide=False) as (_, asking):
        assert 'data-graphql-page=""' in (await asking.get("/")).text
        assert (await asking.get("/graphql/ide/ide.js")).status_code == 404
        assert "html" not in (await asking.get("/graphql", headers=BROWSER)).headers["content-type"]
        assert (await asking.post("/graphql", json={"query": "{ __typename }"})).status_code == 200


# What is not there


@pytest.mark.parametrize(
    "path",
    [
        *("/nothing", "/healthz/", "/readyz/", "/metrics/", "/graphql/", "/Healthz", "/GRAPHQL", "//healthz"),
        *("/graphql/ide/", "/graphql/ide/nothing.js", "/graphql/ide/../page.py", "/./healthz", "/graphql/../healthz"),
        *("/graphql/ide/page.py", "/graphql/ide/\x00", "/healthz\n", "", "*", "/api/live", "/" + "x" * 5_000),
    ],
)
async def test_a_path_is_matched_exactly_or_is_not_there(path: str, settings: dict[str, Any]) -> None:
    async with served(load(**settings, mqtt_port=0)) as (_, app):
        status, headers = await get(app, path)
    assert status == 404
    assert "location" not in headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "x-request-id" in headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/healthz", {"GET", "HEAD"}),
        ("DELETE", "/readyz", {"GET", "HEAD"}),
        ("PUT", "/metrics", {"GET", "HEAD"}),
        ("POST", "/", {"GET", "HEAD"}),
        ("DELETE", "/graphql", {"GET", "POST"}),
        ("POST", "/graphql/ide/ide.js", {"GET", "HEAD"}),
        ("POST", "/graphql/client/fleet.js", {"GET", "HEAD"}),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    method: str, path: str, allowed: set[str], settings: dict[str, Any]
) -> None:
    async with hub(**settings) as (_, asking):
        answer = await asking.request(method, path)
        assert answer.status_code == 405
        assert {word.strip() for word in answer.headers["allow"].split(",")} == allowed
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_only_an_https_hub_tells_browsers_to_stay_with_it(settings: dict[str, Any]) -> None:
    async with hub(**settings, public_url="https://hub.example.org") as (_, asking):
        for path in ("/", "/healthz", "/nothing", "/graphql"):
            assert (await asking.get(path)).headers["strict-transport-security"] == "max-age=31536000"


async def test_a_plain_hub_does_not(settings: dict[str, Any]) -> None:
    async with hub(**settings) as (_, asking):
        assert "strict-transport-security" not in (await asking.get("/")).headers


async def test_a_host_of_somebody_elses_choice_is_in_no_answer(settings: dict[str, Any]) -> None:
    async with hub(**settings) as (_, asking):
        for path in ("/", "/graphql", "/nothing", "/graphql/", "/readyz"):
            answer = await asking.get(path, headers={"host": "evil.example", **BROWSER})
            assert "evil.example" not in answer.text + str(answer.headers)
