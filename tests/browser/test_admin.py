"""Administration as a person does it: a connection is made and comes online; what the hub refuses is said in words."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.dashboard import LINK, Hub, Page, hub
from tests.support.npm import install

pytestmark = [pytest.mark.browser, pytest.mark.npm]

CLIENT = Path(__file__).parents[2] / "compat/clients/dashboard"
KEPT = "JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage}) + location.href + document.cookie"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with hub(tmp_path_factory.mktemp("admin")) as made:
        yield made


@pytest.fixture(scope="module")
def page(chromium: str) -> Iterator[Page]:
    install(CLIENT)
    opened = Page(CLIENT, chromium)
    yield opened
    opened.close()


def panel(page: Page) -> str:
    """The aircraft that is shown."""
    id = page.do("run", "document.querySelector('.panel').dataset.panel")
    assert isinstance(id, str)
    return id


def shown(page: Page, name: str) -> str:
    """A value that is there to be typed elsewhere."""
    text = page.do("run", f"document.querySelector('[data-value={name}]').textContent")
    assert isinstance(text, str)
    return text


def test_a_connection_is_made_and_its_controller_comes_in_step_by_step(running: Hub, page: Page) -> None:
    page.do("open", running.says(LINK))
    page.do("fill", "Name of the workspace", "Mountain rescue")
    page.do("press", "Enter")
    page.do("click", "link", "Administration")
    page.do("see", ".nothing", "No connections yet")
    assert page.do("axe") == []
    page.do("fill", "Name of the controller", "RC Plus, team south")
    page.do("press", "Enter")
    page.do("see", "[data-step=MQTT_LOGIN]")
    assert shown(page, "url") == f"{running.url}/pilot/"
    page.do("see", ".qr-room")
    page.do("click", "button", "Copy: Secret")
    page.do("see", ".handing .toast", "Copied: Secret")
    assert page.do("axe") == []
    id, secret = shown(page, "id"), shown(page, "secret")
    assert page.do("count", "[data-state=OK]") == 0

    running.fly(id, secret, drones=1)
    for step in ("CREDENTIALS", "MQTT_LOGIN", "TOPOLOGY", "FIRST_REPORT"):
        page.do("see", f"[data-step={step}][data-state=OK]", "done")

    page.do("press", "Escape")
    page.do("see", ".handing [role=alert]", "This is not shown again.")
    page.do("click", "button", "Done")
    page.do("miss", "dialog")
    assert secret not in page.do("run", f"document.documentElement.outerHTML + {KEPT}")
    page.do("see", ".badge-online", "Online")
    assert page.do("axe") == []
    page.do("click", "link", "1581")
    page.do("see", ".panel", "1581")


def test_an_aircraft_gets_a_name_and_one_that_others_give_is_shown_at_once(page: Page) -> None:
    focused = "document.activeElement"
    page.do("click", "button", "Rename 1581")
    page.do("until", f"{focused}.name === 'name'")
    assert page.do("axe") == []
    page.do("press", "x", "Escape")
    page.do("until", f"{focused}.matches('.rename')")
    page.do("press", "Enter")
    page.do("until", f"{focused}.name === 'name' && {focused}.value.startsWith('1581')")
    page.do("run", f"{focused}.value = 'a\u0007b'")
    page.do("press", "Enter")
    page.do("see", ".panel .problem", "This must not contain control characters.")
    page.do("run", f"{focused}.value = 'Falcon'")
    page.do("press", "Enter")
    page.do("see", ".panel h2", "Falcon")
    page.do("until", f"{focused}.matches('.rename')")
    page.do("see", ".row-name", "Falcon")
    page.ask('mutation ($id: ID!) { renameDrone(id: $id, name: "Merlin") { id } }', id=panel(page))
    page.do("see", ".panel h2", "Merlin")
    page.do("see", ".row-name", "Merlin")


def test_a_rule_raises_an_alert_that_is_seen_and_clears_with_the_rule(page: Page) -> None:
    page.do("click", "link", "Alerts")
    page.do("see", ".calm", "no alert stands")
    assert page.do("axe") == []
    page.do("click", "link", "Rules")
    page.do("see", "[data-rule]", "warns above 120 m, clears at 115 m")
    assert page.do("axe") == []
    page.do("click", "link", "New rule")
    page.do("choose", "Kind", "LOW_BATTERY")
    page.do("fill", "Name", "Any battery")
    page.do("fill", "Warns at (%)", "99")
    page.do("fill", "Clears once charged by so much more (%)", "5")
    page.do("press", "Enter")
    page.do("see", ".problem", "No battery is ever charged to more than 100 %")
    page.do("fill", "Clears once charged by so much more (%)", "1")
    page.do("press", "Enter")
    page.do("see", "[data-rule]", "warns at 99 %, clears at 100 %")
    page.do("see", ".tab-count", "1")
    (workspace,) = page.ask("{ workspaces { id alerts(first: 1) { edges { node { id } } } } }")["workspaces"]
    two = 'createAlertRule(workspaceId: $id, kind: LOW_BATTERY, name: "Two", threshold: 98, margin: 1) { id }'
    second = page.ask(f"mutation ($id: ID!) {{ {two} }}", id=workspace["id"])["createAlertRule"]
    page.do("see", ".tab-count", "2")
    page.do("run", "document.querySelector('.admin-nav a').click()")
    page.do("see", "[data-stands=true] .card-name", "The battery of Merlin is down to ")
    assert page.do("axe") == []
    (alert,) = workspace["alerts"]["edges"]
    page.ask("mutation ($id: ID!) { acknowledgeAlert(id: $id) { id } }", id=alert["node"]["id"])  # by another page
    page.do("see", f"[data-stands=true][data-alert='{alert['node']['id']}']", "seen by ")
    page.do("see", ".tab-count", "1")
    page.do("click", "button", "Acknowledge")
    page.do("until", "document.querySelectorAll('[data-stands=true]').length === 2")
    page.do("miss", ".tab-count")
    page.ask("mutation ($id: ID!) { deleteAlertRule(id: $id) }", id=second["id"])
    page.do("until", "document.querySelectorAll('[data-stands=true]').length === 1")
    page.do("click", "link", "Rules")
    page.do("see", "[data-rule]", "Any battery")
    page.do("run", "document.querySelector('[role=switch][aria-label^=Any]').click()")
    page.do("run", "document.querySelector('.admin-nav a').click()")
    page.do("see", "[data-stands=false]", "seen by ")
    page.do("see", ".calm", "no alert stands")


def test_an_area_is_typed_corner_by_corner(page: Page) -> None:
    page.do("click", "link", "Rules")
    page.do("click", "link", "New rule")
    page.do("choose", "Kind", "AREA")
    page.do("fill", "Name", "Airport")
    page.do("see", ".area-map canvas")
    for number, (latitude, longitude) in enumerate([(50.5, 9.9), (50.5, 9.91), (50.51, 9.905)], start=1):
        page.do("click", "button", "Add a corner")
        page.do("fill", f"Latitude of corner {number}, in degrees", str(latitude))
        page.do("fill", f"Longitude of corner {number}, in degrees", str(longitude))
    page.do("until", "document.querySelectorAll('.area-map .corner').length === 3")
    assert page.do("axe") == []
    page.do("press", "Enter")
    page.do("see", "[data-rule]", "no-fly zone of 3 corners")


def test_a_new_secret_ends_the_old_one_and_is_shown_once(page: Page) -> None:
    page.do("click", "link", "Administration")
    page.do("click", "link", "RC Plus, team south")
    page.do("click", "button", "New secret")
    page.do("see", ".dialog", "cut off")
    page.do("run", "document.querySelector('.dialog .danger').click()")
    page.do("see", ".handing")
    secret = shown(page, "secret")
    assert secret not in page.do("run", KEPT)
    page.do("click", "button", "Done")
    page.do("see", "[data-step=MQTT_LOGIN][data-state=FAILED]", "the secret is not")
    page.do("see", ".badge-problem", "Stuck")
    assert page.do("axe") == []


def test_the_last_owner_stays_and_is_told_why(page: Page) -> None:
    page.do("click", "link", "Members")
    page.do("fill", "E-mail address", "vera@example.org")
    page.do("press", "Enter")
    page.do("see", "td", "vera@example.org")
    page.do("run", "document.querySelector('[data-leave]').click()")
    page.do("see", ".dialog", "Leave Mountain rescue?")
    page.do("run", "document.querySelector('.dialog .danger').click()")
    page.do("see", ".problem", "This is the last owner of the workspace.")
    assert page.do("axe") == []
    page.do("run", "document.querySelector('#menu input[value=de]').click()")
    page.do("see", "h1", "Mitglieder")
    page.do("run", "document.querySelector('[data-leave]').click()")
    page.do("run", "document.querySelector('.dialog .danger').click()")
    page.do("see", ".problem:not([lang])", "Das ist die letzte Person in der Leitung des Arbeitsbereichs.")
    page.do("run", "document.querySelector('#menu input[value=en]').click()")
    page.do("see", "h1", "Members")


def test_owners_read_who_did_what(page: Page) -> None:
    page.do("click", "link", "Audit record")
    page.do("see", "[data-action='secret rotated']", "made a new secret for RC Plus, team south.")
    page.do("see", "[data-action='member invited']", "invited vera, as: Member.")
    page.do("see", "[data-action='alert rule created']", "made the alert rule Any battery.")
    page.do("see", "[data-action=login]", "The controller of RC Plus, team south logged in.")
    assert page.do("axe") == []
    page.do("choose", "Kind", "workspace")
    page.do("until", "document.querySelectorAll('[data-entry]').length === 1")
    page.do("see", "[data-action='workspace created']", "made the workspace.")
    page.do("choose", "Person", "vera")
    page.do("see", ".nothing", "Nothing that is recorded fits.")
    page.do("choose", "Kind", "")
    page.do("choose", "Person", "")
    page.do("click", "link", "Any battery")
    page.do("see", "form[data-form=LOW_BATTERY]")
    page.do("click", "link", "Administration")


def test_a_token_is_shown_once_and_revoked(running: Hub, page: Page) -> None:
    page.do("click", "link", "Account")
    page.do("see", ".part", "None yet.")
    page.do("run", "document.querySelector('.part input[placeholder]').value = 'Export'")
    page.do("click", "button", "Make a token")
    page.do("see", "[data-value=token]")
    token = shown(page, "token")
    assert token not in page.do("run", KEPT)
    assert page.do("axe") == []
    page.do("click", "button", "Done")
    page.do("click", "button", "Revoke Export")
    page.do("see", ".dialog", "Revoke Export?")
    page.do("run", "document.querySelector('.dialog .danger').click()")
    page.do("see", ".part", "None yet.")
    assert page.do("axe") == []


def test_nothing_went_wrong_and_nobody_but_the_hub_was_asked(running: Hub, page: Page) -> None:
    told = page.do("told")
    assert (told["console"], told["faults"], told["loads"]) == ([], [], 1)
    asked = [url for url in [*told["requests"], *told["sockets"]] if not url.startswith(("data:", "blob:"))]
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(running.url).netloc}
