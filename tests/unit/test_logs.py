"""Logs: nothing secret, nothing that passes for another line, nothing endless; in both forms."""

import ast
import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog

from ofh import logs

Form = Literal["json", "console"]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What `configure` changes is the process's; it is put back."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], level = before
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(params=["json", "console"])
def form(request: pytest.FixtureRequest) -> Form:
    found: Form = request.param
    return found


class Log:
    """A configured log that is read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, form: Form, level: str) -> None:
        self._out = io.StringIO()
        monkeypatch.setattr(sys, "stderr", self._out)
        logs.configure(level, form)
        self.log = structlog.get_logger("test")

    @property
    def text(self) -> str:
        return self._out.getvalue()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def entry(self) -> dict[str, Any]:
        (line,) = self.lines
        found: dict[str, Any] = json.loads(line)
        return found


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, form: Form) -> Log:
    """In either form."""
    return Log(monkeypatch, form, "info")


def in_json(monkeypatch: pytest.MonkeyPatch, level: str = "info") -> Log:
    return Log(monkeypatch, "json", level)


# Forms


def test_json_is_one_object_a_line_with_time_level_event_and_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    written = in_json(monkeypatch)
    written.log.warning("bus line lost", retry_s=0.5)
    entry = written.entry
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {"event": "bus line lost", "level": "warning", "retry_s": 0.5}


def test_the_console_shows_a_line_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Log(monkeypatch, "console", "info")
    written.log.warning("bus line lost", retry_s=0.5)
    (line,) = written.lines
    assert "[warning" in line
    assert "bus line lost" in line
    assert "retry_s=0.5" in line
    assert "\x1b" not in line, "colours are for terminals"


def test_lines_below_the_level_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    written = in_json(monkeypatch, "warning")
    written.log.info("quiet")
    logging.getLogger("library").info("quiet")
    assert written.text == ""


def test_what_libraries_log_has_the_same_form(monkeypatch: pytest.MonkeyPatch) -> None:
    written = in_json(monkeypatch)
    logging.getLogger("library").warning("connection %s lost", 7)
    assert (written.entry["event"], written.entry["level"]) == ("connection 7 lost", "warning")


def test_the_orm_never_logs_its_statements(written: Log) -> None:
    logs.configure("debug", "json")
    logging.getLogger("tortoise.db_client").debug("SELECT 'marker'")
    logging.getLogger("tortoise.db_client").warning("SELECT 'marker'")
    assert written.text == ""


def test_a_line_carries_the_request_that_it_belongs_to(monkeypatch: pytest.MonkeyPatch) -> None:
    written = in_json(monkeypatch)
    structlog.contextvars.bind_contextvars(request="r-1")
    written.log.info("refused")
    assert written.entry["request"] == "r-1"


# Secrets


@pytest.mark.parametrize(
    "name",
    [
        *("password", "Password", "new_password", "token", "login_token", "stream_token", "x-auth-token", "secret"),
        *("client_secret", "code", "reset_code", "signature", "cookie", "set-cookie", "Authorization", "key"),
        *("secret_key",),
    ],
)
def test_a_secret_field_is_hidden(name: str, written: Log) -> None:
    written.log.info("logged in", **{name: "marker"})
    assert "marker" not in written.text
    assert "(hidden)" in written.text


def test_a_secret_within_a_field_is_hidden(written: Log) -> None:
    written.log.info("asked", variables={"input": [{"password": "marker", "name": "Ada"}]})
    assert "marker" not in written.text
    assert "Ada" in written.text


def test_what_only_sounds_like_a_secret_is_shown(written: Log) -> None:
    written.log.info("ended", exit_code=-9, tokens=3, keyboard="qwertz")
    for shown in ("-9", "3", "qwertz"):
        assert shown in written.text
    assert "(hidden)" not in written.text


def test_a_traceback_shows_no_values_of_variables(written: Log) -> None:
    def log_in(password: str) -> None:
        raise LookupError("boom")

    try:
        log_in("".join(["mar", "ker"]))
    except LookupError as error:
        written.log.error("fault", exc_info=error)
        logging.getLogger("library").exception("fault")
    assert written.text.count("LookupError") >= 2
    assert written.text.count("log_in") >= 2
    assert "marker" not in written.text


# Text from outside


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nb", "a\x1b[2Jb", "a\x00b", "a\x7fb", "a\u2028b", "a\u202eb", "a\ud800b"]
)
@pytest.mark.parametrize("where", ["field", "nested", "event", "library"])
def test_control_characters_are_escaped(text: str, where: str, written: Log) -> None:
    match where:
        case "field":
            written.log.info("refused", topic=text)
        case "nested":
            written.log.info("refused", topics=[text], by={"topic": text})
        case "event":
            written.log.info(text)
        case "library":
            logging.getLogger("library").warning("refused %s", text)
    (line,) = written.lines
    assert line.isprintable()
    assert "\\x" in line


def test_bytes_are_shown_as_text_and_escaped_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    written = in_json(monkeypatch)
    written.log.info("refused", payload=b"a\n\xff")
    assert written.entry["payload"] == "a\\x0a\\xff"


def test_a_long_text_is_cut_at_200_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    written = in_json(monkeypatch)
    written.log.info("refused", exact="x" * 200, topic="y" * 5_000, nested={"a": ["z" * 5_000]})
    entry = written.entry
    assert entry["exact"] == "x" * 200
    assert entry["topic"] == "y" * 200 + "…"
    assert entry["nested"] == {"a": ["z" * 200 + "…"]}


def test_what_a_library_says_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    written = in_json(monkeypatch)
    logging.getLogger("library").warning("refused %s", "x" * 100_000)
    assert len(written.entry["event"]) == logs.MAX_EVENT + 1


def test_no_line_of_a_traceback_passes_for_a_line_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Log(monkeypatch, "console", "info")
    try:
        raise ValueError("bad\n2026-01-01T00:00:00Z [info     ] all is well\x1b[2J")
    except ValueError as error:
        written.log.error("fault", exc_info=error)
    first, *others = written.lines
    assert "fault" in first
    assert others
    assert all(line.startswith("    ") and line.isprintable() for line in others)


def test_nothing_that_is_said_goes_by_a_name_that_is_hidden() -> None:
    """It would tell nobody anything: a refusal whose reason is `(hidden)`."""
    hidden = [
        f"{path.name}:{node.lineno} {argument.arg}"
        for path in sorted(Path(logs.__file__).parent.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log.")
        for argument in node.keywords
        if argument.arg is not None and logs._is_secret(argument.arg)
    ]
    assert hidden == []
