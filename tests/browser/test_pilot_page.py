"""The page that Pilot 2 opens, in a real Chromium, with a stub of the bridge and without (dji-pilot-2.md, 1)."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ofh.edges.pilot_page.page import FILES
from tests.browser.pilot import HOST, LICENCE, MQTT_URL, Driver, Site, site
from tests.captures.reader import capture
from tests.support.services import program

pytestmark = [pytest.mark.browser, pytest.mark.npm]

STATIC = Path(__file__).parents[2] / "src/ofh/edges/pilot_page/static"
CONTROLLER, AIRCRAFT = "5XTESTRCP00001", "1581XTESTM30T0001"
CONNECTED = [["step", "media", "ok"], ["step", "ws", "ok"]]
MODULES = ["api", "thing", "ws", "map", "tsa", "media"]
"""In the order in which they are loaded, by a hub without a media server."""
CODES = [615000, 615001, 615002, 615003, 615004, 615005, 615006, 615007, 615008, 615009, 615010, 615011, 615012, 615013]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture(scope="module")
def driver(chromium: str, browser_client: Path) -> Iterator[Driver]:
    started = Driver(browser_client, chromium)
    yield started
    started.close()


@pytest.fixture(scope="module")
def us(hub: Site) -> tuple[str, str]:
    """A connection that no scenario breaks."""
    return hub.connection()


def page(hub: Site) -> str:
    return f"{hub.url}/pilot/"


def clean(told: dict[str, Any]) -> dict[str, Any]:
    """What the page did, where nothing went wrong in it; a refusal by the hub is none of its faults."""
    assert "error" not in told, (told["error"], told.get("steps"), told.get("problem"))
    assert told["faults"] == []
    assert [line for line in told["console"] if "Failed to load resource" not in line] == []
    hosts = {urlsplit(asked.split(" ")[1]).hostname for asked in told["requests"] if " data:" not in asked}
    assert hosts == {HOST}
    return told


def names(told: dict[str, Any]) -> list[str]:
    return [call[0] for call in told["calls"]]


def loaded(told: dict[str, Any]) -> list[str]:
    """The modules that the page loaded, in order."""
    return [call[1] for call in told["calls"] if call[0] == "platformLoadComponent"]


def parameters(told: dict[str, Any], module: str) -> Any:
    """The second argument of `platformLoadComponent`, which is JSON text."""
    (text,) = [call[2] for call in told["calls"] if call[:2] == ["platformLoadComponent", module]]
    assert isinstance(text, str)
    return json.loads(text)


# Success


def test_the_page_is_plain_es2017_in_which_an_old_webview_finds_nothing_new(browser_client: Path) -> None:
    script = (
        "import { parse } from 'acorn'; import { readFileSync } from 'node:fs';"
        "for (const file of process.argv.slice(1))"
        " parse(readFileSync(file, 'utf8'), { ecmaVersion: 2017, sourceType: 'script' });"
    )
    files = [str(path) for path in sorted(STATIC.glob("*.js"))]
    assert {Path(file).name for file in files} == {name for name in FILES if name.endswith(".js")}
    done = subprocess.run(
        [program("node"), "--input-type=module", "-e", script, "--", *files],
        cwd=browser_client,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    together = "".join(Path(file).read_text("utf-8") for file in files)
    newer = ".finally( .flat( .flatMap( .matchAll( .at(- fromEntries globalThis structuredClone replaceAll innerHTML"
    for name in newer.split():
        assert name not in together


def test_the_calls_come_in_their_order_with_their_parameters(driver: Driver, hub: Site, us: tuple[str, str]) -> None:
    id, secret = us
    told = clean(driver.play(page(hub), ["part", "login"], ["login", id, secret], *CONNECTED, bridge={}))
    assert told["policy"].startswith("default-src 'none'; script-src 'self'")
    uuid = told["native"]["workspace"]
    token = told["native"]["token"]
    assert uuid == hub.workspace["uuid"]
    ws = hub.url.replace("http", "ws") + "/ws"
    expected = [
        ["platformVerifyLicense", "100000", "0" * 32, "ZXhhbXBsZQ=="],  # 2
        ["platformIsVerified"],  # 3
        ["platformIsComponentLoaded", "api"],  # 4
        ["platformLoadComponent", "api", {"host": hub.url, "token": token}],  # 6
        ["apiSetToken", token],
        ["platformGetRemoteControllerSN"],  # 8
        ["platformGetAircraftSN"],
        ["platformIsComponentLoaded", "thing"],  # 9
        ["platformSetInformation", "OpenFlightHub", "Mountain rescue", "Live fleet, photos and videos"],  # 10
        ["platformSetWorkspaceId", uuid],
        ["platformLoadComponent", "thing",
         {"host": MQTT_URL, "username": id, "password": secret, "connectCallback": "connectCallback"}],  # 11
        ["platformIsComponentLoaded", "ws"],
        ["platformLoadComponent", "ws", {"host": ws, "token": token, "connectCallback": "wsConnectCallback"}],  # 14
        ["platformIsComponentLoaded", "map"],
        ["platformLoadComponent", "map", {"userName": "RC Plus", "elementPreName": "HUB"}],  # 15
        ["platformIsComponentLoaded", "tsa"],
        ["platformLoadComponent", "tsa", {}],  # 16
        ["platformIsComponentLoaded", "media"],
        ["platformLoadComponent", "media",
         {"autoUploadPhoto": True, "autoUploadPhotoType": 0, "autoUploadVideo": False}],  # 17
        ["mediaSetDownloadOwner", 0],
    ]  # fmt: skip
    read = [[*call[:2], json.loads(call[2])] if call[0] == "platformLoadComponent" else call for call in told["calls"]]
    assert read == expected
    sample = capture("bridge-module-parameters")["parameters"]
    for module in MODULES:
        given = parameters(told, module)
        assert set(given) == set(sample[module])
        assert {name: type(value) for name, value in given.items()} == {
            name: type(value) for name, value in sample[module].items()
        }
    assert parameters(told, "media") == sample["media"]
    assert [state["state"] for step, state in told["steps"].items() if step != "heard"] == ["ok"] * 9
    assert told["steps"]["controller"]["text"] == f"{CONTROLLER}, aircraft {AIRCRAFT}"


def test_a_hub_with_a_media_server_has_live_video_loaded_first(driver: Driver, tmp_path: Path) -> None:
    """A Pilot that is told to stream without the module may hang (dji-pilot-2.md, 1.6)."""
    with site(tmp_path / "hub", OFH_RTMP_URL="rtmp://video.example.org/live") as own:
        told = clean(
            driver.play(
                page(own),
                ["login", *own.connection()],
                *CONNECTED,
                ["callback", "liveStatusCallback", '{"type": 2, "status": 2, "fps": 30}'],
                ["text", "#step-live", "Streaming"],
                ["callback", "liveStatusCallback", {"status": 0}],
                ["text", "#step-live", "Loaded"],
                ["callback", "liveStatusCallback", "nonsense"],
                ["click", "#step-live .reload"],
                ["idle"],
                bridge={},
            )
        )
    assert loaded(told) == ["api", "thing", "liveshare", "ws", "map", "tsa", "media", "liveshare"]
    given = json.loads(next(call[2] for call in told["calls"] if call[:2] == ["platformLoadComponent", "liveshare"]))
    sample = capture("bridge-module-parameters")["parameters"]["liveshare"]
    assert given == {**sample, "videoPublishType": "video-on-demand"}
    assert max(told["overflow"]) <= 0, "nothing has to be scrolled to"


def test_the_hub_is_told_of_the_controller_and_no_secret_is_kept_or_sent_but_in_a_body(
    driver: Driver, hub: Site
) -> None:
    id, secret = hub.connection()
    told = clean(driver.play(page(hub), ["login", id, secret], *CONNECTED, bridge={}))
    assert [path.rpartition("/")[2] for path, _ in told["asked"]] == ["login", "controller"]
    assert json.loads(told["asked"][1][1]) == {"licence_problem": "", "remote_controller_sn": CONTROLLER}
    assert told["storage"] == {"ofh.connection": id, "ofh.workspace": hub.workspace["uuid"]}
    assert told["form"]["secret"] == ""
    assert not [asked for asked in told["requests"] if secret in asked or told["native"]["token"] in asked]
    assert secret not in told["body"]
    assert told["cookies"] == [{"name": "connection-link-auth", "httpOnly": True, "sameSite": "Lax"}]


@pytest.mark.parametrize("style", ["object", "double", "nothing", "bare"])
def test_results_are_understood_however_a_build_writes_them(
    driver: Driver, hub: Site, us: tuple[str, str], style: str
) -> None:
    told = clean(driver.play(page(hub), ["login", *us], *CONNECTED, bridge={"style": style}))
    assert loaded(told) == MODULES
    assert told["steps"]["controller"]["text"] == f"{CONTROLLER}, aircraft {AIRCRAFT}"


def test_the_sampled_results_are_read_as_they_say(driver: Driver, hub: Site) -> None:
    results = capture("bridge-results")["results"]
    script = f"window.__read = {json.dumps(results)}.map((one) => OFH.bridge.read(one.call, one.returns))"
    show = "document.getElementById('login-problem').textContent = JSON.stringify(window.__read)"
    told = clean(
        driver.play(
            page(hub),
            ["part", "login"],
            ["set", script],
            ["set", f"{show}, document.getElementById('login-problem').hidden = false"],
            bridge={},
        )
    )
    for result, read in zip(results, json.loads(told["problem"]), strict=True):
        assert (read["ok"], read["value"]) == (result["ok"], result["value"]), result


@pytest.mark.parametrize("at_once", [True, False])
def test_callbacks_may_come_within_the_call_or_later(
    driver: Driver, hub: Site, us: tuple[str, str], at_once: bool
) -> None:
    told = clean(driver.play(page(hub), ["login", *us], *CONNECTED, bridge={"atOnce": at_once}))
    assert told["steps"]["mqtt"] == {"state": "ok", "text": f"Connected to {MQTT_URL}", "hint": ""}
    assert loaded(told) == MODULES


def test_connect_callback_comes_several_times_and_what_follows_happens_once(
    driver: Driver, hub: Site, us: tuple[str, str]
) -> None:
    told = clean(
        driver.play(
            page(hub),
            ["login", *us],
            ["step", "mqtt", "busy"],
            ["callback", "connectCallback", False],
            ["callback", "connectCallback", "false"],
            ["callback", "connectCallback", True],
            ["callback", "connectCallback", True],
            ["callback", "connectCallback", "true"],
            ["step", "media", "ok"],
            ["callback", "wsConnectCallback", True],
            ["step", "ws", "ok"],
            ["callback", "connectCallback", False],
            ["text", "#step-mqtt .text", "Connection lost"],
            ["callback", "connectCallback", True],
            ["step", "mqtt", "ok"],
            ["callback", "wsConnectCallback", False],
            ["text", "#step-ws .text", "Not connected"],
            bridge={"connects": False},
        )
    )
    assert loaded(told) == MODULES


def test_no_aircraft_is_not_a_failure(driver: Driver, hub: Site, us: tuple[str, str]) -> None:
    for bridge in ({"aircraft": ""}, {"returns": {"platformGetAircraftSN": '{"code":0,"data":""}'}}):
        told = clean(driver.play(page(hub), ["login", *us], *CONNECTED, bridge=bridge))
        assert told["steps"]["controller"] == {
            "state": "ok",
            "text": f"{CONTROLLER}, no aircraft linked yet",
            "hint": "",
        }


def test_what_the_hub_hears_is_shown(driver: Driver, hub: Site, tmp_path: Path) -> None:
    id, secret = hub.connection()
    online = capture("mqtt-status-online-rc-plus-m30t")
    picture = tmp_path / "page.png"
    with hub.controller(id, secret, (online["topic"], online["payload"])):
        told = clean(
            driver.play(
                page(hub),
                ["login", id, secret],
                *CONNECTED,
                ["step", "heard", "ok"],
                ["screenshot", str(picture)],
                bridge={},
            )
        )
        watched = clean(
            driver.play(page(hub), ["login", id, secret], ["part", "watch"], ["text", "#watch-table", "online"])
        )
    assert told["steps"]["heard"]["text"] == f"The hub hears aircraft {AIRCRAFT}"
    assert told["summary"] == "Connected. You can leave this page."
    assert f"{CONTROLLER}, online" in watched["body"]
    assert picture.read_bytes().startswith(b"\x89PNG")


# What goes wrong


@pytest.mark.parametrize("code", CODES)
def test_each_error_code_is_shown_in_plain_words_with_what_to_do(
    driver: Driver, hub: Site, us: tuple[str, str], code: int
) -> None:
    refusal = json.dumps({"code": code, "message": "as Pilot says it", "data": {}})
    told = clean(
        driver.play(
            page(hub),
            ["login", *us],
            ["step", "media", "ok"],
            ["set", f"window.__scenario.returns.platformLoadComponent = {json.dumps(refusal)}"],
            ["click", "#step-media .reload"],
            ["step", "media", "failed"],
            bridge={"returns": {}},
        )
    )
    shown = told["steps"]["media"]
    assert f"({code})" in shown["text"]
    assert len(shown["hint"]) > 10
    assert told["summary"] == "Stuck at “Photos and videos”."
    texts = {told["steps"][step]["text"] for step in ("mqtt", "tsa")}
    assert shown["text"] not in texts, "it is the module's own trouble"


def test_a_licence_that_pilot_refuses_stops_the_page_and_the_hub_hears_of_it(
    driver: Driver, hub: Site, us: tuple[str, str]
) -> None:
    told = clean(
        driver.play(page(hub), ["login", *us], ["step", "licence", "failed"], ["idle"], bridge={"verifies": False})
    )
    assert names(told) == ["platformVerifyLicense", "platformIsVerified"]
    assert "license verify failed" in told["steps"]["licence"]["text"]
    assert "internet" in told["steps"]["licence"]["hint"]
    assert json.loads(told["asked"][1][1]) == {"licence_problem": "615000 license verify failed"}


def test_a_hub_without_a_licence_says_so_and_calls_nothing(driver: Driver, tmp_path: Path) -> None:
    with site(tmp_path / "hub", **dict.fromkeys(LICENCE, "")) as bare:
        told = clean(driver.play(page(bare), ["login", *bare.connection()], ["step", "licence", "failed"], bridge={}))
    assert told["calls"] == []
    assert told["steps"]["licence"]["text"] == "The hub has no DJI licence."
    assert "OFH_DJI_APP_ID" in told["steps"]["licence"]["hint"]


@pytest.mark.parametrize(
    ("missing", "step"),
    [
        (["platformGetAircraftSN", "platformGetRemoteControllerSN"], None),
        (["platformSetInformation", "mediaSetDownloadOwner", "platformIsVerified"], None),
        (["apiGetToken", "apiGetHost", "apiSetToken", "wsGetConnectState", "thingGetConnectState"], None),
        (["platformLoadComponent"], "mqtt"),
        (["platformSetWorkspaceId"], "hub"),
        (["platformVerifyLicense", "platformIsVerified"], "licence"),
    ],
)
def test_functions_that_an_older_pilot_lacks_break_nothing_else(
    driver: Driver, hub: Site, us: tuple[str, str], missing: list[str], step: str | None
) -> None:
    waits = CONNECTED if step is None else [["step", step, "failed"], ["idle"]]
    told = clean(driver.play(page(hub), ["login", *us], *waits, bridge={"missing": missing}))
    if step is None:
        assert loaded(told) == MODULES
    else:
        assert "too old" in told["steps"][step]["text"] or step == "licence"
        assert told["steps"][step]["hint"]


def test_what_raises_or_says_nonsense_is_shown_with_its_words(driver: Driver, hub: Site, us: tuple[str, str]) -> None:
    for bridge, words in (
        ({"throws": ["platformLoadComponent"]}, "Java exception"),
        ({"returns": {"platformLoadComponent": "<html>no JSON"}}, "<html>no JSON"),
        ({"returns": {"platformLoadComponent": "7"}}, "unexpected: 7"),
        ({"returns": {"platformLoadComponent": False}}, "Pilot said no"),
        ({"returns": {"platformLoadComponent": '{"code":0,"data":false}'}}, "Pilot said no"),
        ({"returns": {"platformLoadComponent": '{"code":777777,"message":"new trouble"}'}}, "new trouble"),
    ):
        told = clean(driver.play(page(hub), ["login", *us], ["step", "mqtt", "failed"], ["idle"], bridge=bridge))
        assert words in told["steps"]["mqtt"]["text"], bridge


def test_a_module_that_fails_leaves_the_telemetry_alone(driver: Driver, hub: Site, us: tuple[str, str]) -> None:
    broken = '{"code":615000,"message":"no route","data":{}}'
    returns = {"platformLoadComponent": [broken, "as usual"]}
    told = clean(
        driver.play(
            page(hub), ["login", *us], ["step", "mqtt", "ok"], ["step", "media", "failed"], bridge={"returns": returns}
        )
    )
    assert told["steps"]["api"]["state"] == "failed"
    assert told["steps"]["mqtt"]["state"] == "ok"
    assert "615003" in told["steps"]["media"]["text"]
    assert "Reload API" in told["steps"]["media"]["hint"]


def test_mqtt_that_never_connects_is_explained(driver: Driver, hub: Site, us: tuple[str, str]) -> None:
    told = clean(
        driver.play(
            page(hub),
            ["login", *us],
            ["step", "mqtt", "busy"],
            *[["later", 6_000]] * 5,
            ["step", "mqtt", "failed"],
            bridge={"connects": False},
            clock=True,
        )
    )
    assert MQTT_URL in told["steps"]["mqtt"]["text"]
    assert "self-signed" in told["steps"]["mqtt"]["hint"]
    assert "thingGetConnectState" in names(told)
    assert loaded(told) == ["api", "thing"]


def test_a_missed_callback_is_made_good_by_asking(driver: Driver, hub: Site, us: tuple[str, str]) -> None:
    told = clean(
        driver.play(
            page(hub),
            ["login", *us],
            ["step", "mqtt", "busy"],
            ["set", "window.__native.connected = true"],
            ["later", 6_000],
            ["step", "media", "ok"],
            bridge={"connects": False},
            clock=True,
        )
    )
    assert loaded(told) == MODULES


def test_a_wrong_secret_is_told_and_can_be_mended(driver: Driver, hub: Site, us: tuple[str, str]) -> None:
    id, secret = us
    told = clean(
        driver.play(
            page(hub),
            ["login", id, "wrong"],
            ["text", "#login-problem", "wrong"],
            ["login", f" {id} ", f" {secret} "],
            *CONNECTED,
            bridge={},
        )
    )
    assert loaded(told) == MODULES


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "does not answer"),
        (429, "Wait a few minutes"),
        (503, "cannot answer at the moment"),
        (403, "OFH_PUBLIC_URL"),
    ],
)
def test_a_log_in_that_the_hub_refuses_says_why(
    driver: Driver, hub: Site, us: tuple[str, str], status: int, words: str
) -> None:
    body = {"error": "Name it in the setting OFH_PUBLIC_URL."}
    told = clean(
        driver.play(
            page(hub),
            ["part", "login"],
            ["refuse", "/auth/login", status, body],
            ["login", *us],
            ["text", "#login-problem", words],
            bridge={},
        )
    )
    assert told["calls"] == []


def test_a_hub_that_is_away_is_told_and_tried_again(driver: Driver, hub: Site, us: tuple[str, str]) -> None:
    told = clean(
        driver.play(
            page(hub),
            ["login", *us],
            *CONNECTED,
            ["refuse", "/auth/check", 503, {"error": "The database is away."}],
            ["click", "#again"],
            ["step", "hub", "failed"],
            ["allow", "/auth/check"],
            ["click", "#again"],
            ["step", "hub", "ok"],
            *CONNECTED,
            bridge={},
        )
    )
    assert loaded(told) == MODULES, "nothing is loaded twice"


# The reopened page


def test_a_reopened_page_finds_the_modules_running_and_loads_none(
    driver: Driver, hub: Site, us: tuple[str, str]
) -> None:
    told = clean(driver.play(page(hub), ["login", *us], *CONNECTED, ["reopen"], *CONNECTED, ["idle"], bridge={}))
    assert names(told) == [
        "platformVerifyLicense",
        "platformIsVerified",
        "platformIsComponentLoaded",  # api
        "apiGetToken",
        "apiGetHost",
        "platformGetRemoteControllerSN",
        "platformGetAircraftSN",
        "platformIsComponentLoaded",  # thing
        "thingGetConfigs",
        "platformSetInformation",
        "thingGetConnectState",
        "platformIsComponentLoaded",  # ws
        "wsGetConnectState",
        "platformIsComponentLoaded",  # map
        "platformIsComponentLoaded",  # tsa
        "platformIsComponentLoaded",  # media
        "mediaGetAutoUploadPhoto",
        "mediaGetUploadPhotoType",
        "mediaGetAutoUploadVideo",
    ]
    assert told["native"]["token"] == told["loads"][0]["native"]["token"], "the token that flies on is the page's"


def test_a_page_that_was_left_before_mqtt_was_there_loads_the_rest_when_it_is_opened_again(
    driver: Driver, hub: Site, us: tuple[str, str]
) -> None:
    told = clean(
        driver.play(
            page(hub),
            ["login", *us],
            ["step", "mqtt", "busy"],
            ["set", "sessionStorage.__native = JSON.stringify(Object.assign(window.__native, {connected: true}))"],
            ["reopen"],
            ["step", "media", "ok"],
            bridge={"connects": False},
        )
    )
    assert loaded(told) == MODULES[2:]


def changed(driver: Driver, hub: Site, us: tuple[str, str], script: str) -> dict[str, Any]:
    """A page that is reopened when Pilot holds something else than the hub says."""
    return clean(
        driver.play(page(hub), ["login", *us], *CONNECTED, ["set", script], ["reopen"], *CONNECTED, ["idle"], bridge={})
    )


@pytest.mark.parametrize(
    "script",
    [
        "localStorage.setItem('ofh.workspace', '87ffce7c-da28-49cf-9134-8db9fd87ccd1')",
        "localStorage.removeItem('ofh.workspace')",
        "__native.modules.thing.host = 'tcp://old:1883', sessionStorage.__native = JSON.stringify(__native)",
        "__native.modules.thing.username = 'c-other', sessionStorage.__native = JSON.stringify(__native)",
        "__native.modules.thing.password = 'old', sessionStorage.__native = JSON.stringify(__native)",
        "__native.modules.api.host = 'http://old.example.org', sessionStorage.__native = JSON.stringify(__native)",
    ],
)
def test_a_reopened_page_loads_anew_what_the_hub_says_otherwise(
    driver: Driver, hub: Site, us: tuple[str, str], script: str
) -> None:
    told = changed(driver, hub, us, script)
    unloaded = [call[1] for call in told["calls"] if call[0] == "platformUnloadComponent"]
    assert unloaded == MODULES[::-1]
    assert loaded(told) == MODULES
    calls = names(told)
    assert calls.index("platformSetWorkspaceId") < calls.index("mediaSetDownloadOwner")
    assert told["storage"]["ofh.workspace"] == hub.workspace["uuid"]
    assert parameters(told, "thing")["host"] == MQTT_URL


def test_a_new_workspace_id_is_taken_at_once_by_the_page_that_asked_for_it(driver: Driver, tmp_path: Path) -> None:
    with site(tmp_path / "hub") as own:
        told = clean(
            driver.play(
                page(own),
                ["login", *own.connection()],
                *CONNECTED,
                ["click", "#details-open"],
                ["click", "#new-uuid"],
                ["text", "#new-uuid", "Sure?"],
                ["idle"],
                ["click", "#new-uuid"],
                ["part", "pilot"],
                ["idle"],
                *CONNECTED,
                bridge={},
            )
        )
        new = told["native"]["workspace"]
        assert new != own.workspace["uuid"]
        assert told["storage"]["ofh.workspace"] == new
        assert loaded(told) == MODULES * 2


def test_another_token_in_pilot_is_replaced_without_reloading_the_telemetry(
    driver: Driver, hub: Site, us: tuple[str, str]
) -> None:
    told = changed(driver, hub, us, "__native.token = 'old', sessionStorage.__native = JSON.stringify(__native)")
    assert loaded(told) == ["ws", "map", "tsa"]
    assert told["native"]["token"] not in ("old", "")
    assert parameters(told, "ws")["token"] == told["native"]["token"]


def test_a_secret_that_was_renewed_leads_back_to_the_log_in(driver: Driver, hub: Site) -> None:
    id, secret = hub.connection()
    told = clean(
        driver.play(
            page(hub),
            ["login", id, secret],
            *CONNECTED,
            ["refuse", "/auth/check", 401, {"error": "Log in."}],
            ["reopen"],
            ["part", "login"],
            bridge={},
        )
    )
    assert told["calls"] == [], "no bridge is called before somebody is known"
    assert told["form"] == {"id": id, "secret": ""}


# What Pilot and the pilot press


def test_the_back_arrow_leaves_the_page_but_from_the_details(driver: Driver, hub: Site, us: tuple[str, str]) -> None:
    back = "document.title = String(window.djiBridge.onBackClick())"
    told = clean(
        driver.play(
            page(hub),
            ["login", *us],
            *CONNECTED,
            ["click", "#details-open"],
            ["part", "details"],
            ["set", back],
            ["text", "title", "true"],
            ["part", "pilot"],
            ["set", back],
            ["text", "title", "false"],
            bridge={},
        )
    )
    assert told["native"]["loaded"] == MODULES, "they stay loaded"


def test_exit_forgets_everything_and_ends_the_session(driver: Driver, hub: Site, us: tuple[str, str]) -> None:
    told = clean(
        driver.play(
            page(hub),
            ["login", *us],
            *CONNECTED,
            ["click", "#exit"],
            ["pause", 500],
            ["reopen"],
            ["part", "login"],
            bridge={},
        )
    )
    assert told["storage"] == {}
    assert "platformStopSelf" in [call[0] for call in told["loads"][0]["calls"]]
    assert [path for path, _ in told["asked"]][-1].endswith("/auth/logout")


def test_log_out_unloads_the_modules_and_asks_for_another_connection(
    driver: Driver, hub: Site, us: tuple[str, str]
) -> None:
    told = clean(driver.play(page(hub), ["login", *us], *CONNECTED, ["click", "#change"], ["part", "login"], bridge={}))
    assert told["native"]["loaded"] == []
    assert told["storage"] == {}
    assert told["form"] == {"id": "", "secret": ""}


@pytest.mark.parametrize(
    ("module", "again"),
    [
        ("api", ["api", "map", "tsa", "media"]),
        ("mqtt", ["thing", "ws", "map", "tsa", "media"]),
        ("ws", ["ws", "map", "tsa"]),
        ("map", ["map"]),
        ("tsa", ["tsa"]),
        ("media", ["media"]),
    ],
)
def test_a_module_is_reloaded_with_those_that_need_it(
    driver: Driver, hub: Site, us: tuple[str, str], module: str, again: list[str]
) -> None:
    told = clean(
        driver.play(
            page(hub),
            ["login", *us],
            *CONNECTED,
            ["click", f"#step-{module} .reload"],
            ["idle"],
            ["pause", 100],
            *CONNECTED,
            bridge={},
        )
    )
    assert [call[1] for call in told["calls"] if call[0] == "platformUnloadComponent"] == again[::-1]
    assert loaded(told) == [*MODULES, *again]
    assert sorted(told["native"]["loaded"]) == sorted(MODULES)


def test_the_upload_switches_reach_pilot_and_are_kept(driver: Driver, hub: Site, us: tuple[str, str]) -> None:
    told = clean(
        driver.play(
            page(hub),
            ["login", *us],
            *CONNECTED,
            ["click", "#switch-previews"],
            ["click", "#switch-videos"],
            ["click", "#switch-photos"],
            ["reopen"],
            *CONNECTED,
            bridge={},
        )
    )
    (first,) = told["loads"]
    assert [call for call in first["calls"] if call[0].startswith("mediaSet")] == [
        ["mediaSetDownloadOwner", 0],
        ["mediaSetUploadPhotoType", 1],
        ["mediaSetAutoUploadVideo", True],
        ["mediaSetAutoUploadPhoto", False],
    ]
    assert {name: told["storage"][f"ofh.{name}"] for name in ("photos", "previews", "videos")} == {
        "photos": "no",
        "previews": "yes",
        "videos": "yes",
    }
    assert told["native"]["media"] == {"autoUploadPhoto": False, "autoUploadPhotoType": 1, "autoUploadVideo": True}


# An ordinary browser


def test_an_ordinary_browser_is_told_what_to_type_where(driver: Driver, hub: Site) -> None:
    told = clean(driver.play(page(hub), ["part", "browser"]))
    for words in ("Cloud Service", "Open Platforms", f"{hub.url}/pilot/", "connection id"):
        assert words in told["body"]


def test_an_ordinary_browser_sees_how_the_connection_stands(driver: Driver, hub: Site) -> None:
    us = hub.connection()
    told = clean(
        driver.play(
            page(hub),
            ["login", *us],
            ["part", "watch"],
            ["reopen"],
            ["part", "watch"],
            ["text", "#watch-table", "heard"],
        )
    )
    for words in ("Mountain rescue", us[0], MQTT_URL, "never heard by this connection"):
        assert words in told["body"]
    assert us[1] not in told["body"]
    told = clean(
        driver.play(page(hub), ["login", *us], ["part", "watch"], ["click", "#watch-change"], ["part", "browser"])
    )
    assert told["cookies"] == []


def test_a_page_opened_by_another_address_says_so(driver: Driver, hub: Site) -> None:
    told = driver.play(page(hub).replace(HOST, "localhost"), ["part", "browser"])
    assert f"another address than the hub's own, {hub.url}" in told["body"]


# How it looks


@pytest.mark.parametrize("size", [(960, 540), (960, 600), (1920, 1080), (1920, 1200)])
def test_it_fits_a_controllers_screen(
    driver: Driver, hub: Site, us: tuple[str, str], size: tuple[int, int], tmp_path: Path
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    picture = tmp_path / "page.png"
    told = clean(
        driver.play(page(hub), ["login", *us], *CONNECTED, ["screenshot", str(picture)], bridge={}, viewport=viewport)
    )
    assert max(told["overflow"]) <= 0, "nothing has to be scrolled to"
    assert picture.read_bytes().startswith(b"\x89PNG")
    told = clean(driver.play(page(hub), ["part", "login"], bridge={}, viewport=viewport))
    assert max(told["overflow"]) <= 0
