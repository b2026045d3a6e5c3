"""The dashboard's files: whole, in two languages, and with no library that is not what its README says."""

import json
import re
import subprocess
import sys
from pathlib import Path

from ofh.dji import live
from ofh.dji.properties import MODE_NAMES
from ofh.domain.actors import PERMISSIONS, Action, Role
from ofh.domain.link_steps import HINTS, NEXT
from ofh.edges.dashboard.page import FLEET_CLIENT, MODULES, STATIC, Dashboard
from ofh.edges.graphql.client.files import PATH
from ofh.services.audit import Event

ROOT = Path(__file__).resolve().parents[4]
SCRIPTS = [path for path in sorted(STATIC.rglob("*.js")) if "vendor" not in path.parts]
CALL = re.compile(r"\b(?:t|woven)\(\s*(?:\"([^\"]+)\"|`([^`]+)`)")
BRACES = re.compile(r"\{(\w+)\}")


OF_ACCOUNTS = {
    Event.SESSION_REVOKED,
    Event.PASSWORD_SET,
    Event.PASSWORD_CHANGED,
    Event.PASSWORD_RESET_REQUESTED,
    Event.PASSWORD_RESET,
    Event.EMAIL_CHANGE_REQUESTED,
    Event.EMAIL_CHANGED,
    Event.LOGIN_LINK_MADE,
    Event.USER_CREATED,
    Event.USER_DELETED,
    Event.ACCESS_TOKEN_CREATED,
    Event.ACCESS_TOKEN_REVOKED,
}
"""What is recorded of people, and of no workspace."""


def slug(text: str) -> str:
    """As the page makes keys of it."""
    return re.sub("[^a-z0-9]+", "_", text.lower())


def messages(language: str) -> dict[str, str | dict[str, str]]:
    found: dict[str, str | dict[str, str]] = json.loads((STATIC / "i18n" / f"{language}.json").read_text("utf-8"))
    return found


def parameters(message: str | dict[str, str]) -> set[str]:
    forms = [message] if isinstance(message, str) else message.values()
    return {name for form in forms for name in BRACES.findall(form)}


def test_the_vendored_files_are_those_that_their_readme_names() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/vendor_dashboard.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_both_languages_say_the_same_with_the_same_parameters() -> None:
    english, german = messages("en"), messages("de")
    assert list(german) == list(english)
    assert {key: parameters(message) for key, message in german.items()} == {
        key: parameters(message) for key, message in english.items()
    }
    assert "" not in english.values()
    assert "" not in german.values()


def test_every_message_that_is_said_is_there_and_every_one_there_is_said() -> None:
    """A key may be given by a template, such as `phase.${name}`: then some message has to begin like it."""
    keys = messages("en").keys()
    texts = {path: path.read_text("utf-8") for path in SCRIPTS}
    said = {(path.name, plain or template) for path, text in texts.items() for plain, template in CALL.findall(text)}
    assert len(said) > 50
    patterns = set()
    for where, key in said:
        pattern = re.compile("[a-z_0-9]+".join(re.escape(part) for part in re.split(r"\$\{[^}]*\}", key)))
        assert any(pattern.fullmatch(known) for known in keys), f"{where}: {key}"
        patterns.add(pattern)
    words = {word for text in texts.values() for word in re.findall(r"\"([a-z][a-z_.0-9]+)\"", text)}
    assert [key for key in keys if key not in words and not any(p.fullmatch(key) for p in patterns)] == []


def test_what_a_controller_answers_to_a_stream_is_worded_as_the_hub_does() -> None:
    said = {key: words for key, words in messages("en").items() if key.startswith("video.code.")}
    assert said == {f"video.code.{code}": words for code, words in live.WORDS.items()}


def test_every_module_that_is_imported_is_there() -> None:
    known = {*MODULES, "ofh/fleet.js"}
    for path in SCRIPTS:
        text = path.read_text("utf-8")
        for name in re.findall(r"(?:\bfrom|^import|\bimport\()\s*\"([^\"]+)\"", text, re.MULTILINE):
            if name.startswith("."):
                assert (path.parent / name).is_file(), (path, name)
            elif name not in known:
                folder, _, rest = name.partition("/")
                assert (STATIC / MODULES[f"{folder}/"] / rest).is_file(), (path, name)
    for place in MODULES.values():
        assert (STATIC / place).exists()


def test_no_template_sets_a_style_by_attribute_or_an_address_elsewhere() -> None:
    """The policy would refuse the former, and the page asks nobody but the hub."""
    for path in SCRIPTS:
        text = path.read_text("utf-8")
        assert not re.search(r"<[^>]*\sstyle=", text), path
        assert not re.search(r"unsafeHTML|innerHTML|document\.write|eval\(", text), path
        assert not re.search(r"\"(?:https?:)?//[a-z]", text), path


def test_the_fleets_client_is_where_the_page_imports_it_from() -> None:
    assert FLEET_CLIENT == PATH


def test_each_start_serves_the_same_prefix() -> None:
    assert Dashboard().prefix == Dashboard().prefix


def test_what_stands_in_an_audit_record_has_words_and_is_found_by_a_kind() -> None:
    """Each action that is recorded of a workspace, and each that a role does not allow."""
    keys, book = messages("en").keys(), (STATIC / "model/audit_book.js").read_text("utf-8")
    by_a_rule = {Event.WORKSPACE_SHARING_CHANGED}  # on or off
    for event in Event:
        if event in OF_ACCOUNTS:
            continue
        assert f'"{event.value}"' in book, event
        assert event in by_a_rule or f"audit.{slug(event)}" in keys, event
    assert {key for key in keys if key.startswith("audit_tried.")} == {
        f"audit_tried.{slug(action)}" for action in Action if action not in PERMISSIONS[Role.VIEWER]
    }
    assert {key for key in keys if key.startswith("audit_command.")} == {
        f"audit_command.{method}" for method in (live.START, live.STOP)
    }


def test_flight_modes_have_words_that_in_english_are_those_of_the_hub() -> None:
    assert {key: words for key, words in messages("en").items() if key.startswith("flight_mode.")} == {
        f"flight_mode.{slug(name)}": name for name in MODE_NAMES.values()
    }


def test_the_doctors_words_in_english_are_those_of_the_hub() -> None:
    """They stand in the page's messages too, beside their translations; here they are held together."""
    words = json.loads((STATIC / "i18n/en.json").read_text("utf-8"))
    problems = {f"problem.{problem.value.lower()}": hint for problem, hint in HINTS.items()}
    steps = {f"step_next.{step.value.lower()}": hint for step, hint in NEXT.items()}
    for key, hint in (problems | steps).items():
        assert words[key] == hint.replace("`", ""), key
    assert {key for key in words if key.startswith(("problem.", "step_next."))} == problems.keys() | steps.keys()
