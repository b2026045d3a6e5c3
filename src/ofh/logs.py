"""Logs: events with fields, one a line, on standard error.

Nothing secret is logged at any level, and what people and devices wrote is cut and escaped (security.md, L1, L2).
"""

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO

import structlog

SECRET_WORDS = frozenset({"password", "token", "secret", "signature", "cookie", "cookies", "authorization"})
"""A field is hidden where its name is one of these or ends with one, as `x-auth-token` does."""
SECRET_NAMES = frozenset({"code", "key", "login_code", "reset_code", "secret_key"})
"""Further fields, by their whole name."""
MAX_TEXT = 200
MAX_EVENT = 1_000
"""Of the event itself, whose words are ours or a library's."""


def configure(level: str, form: Literal["json", "console"]) -> None:
    """Set up logging for this process, the libraries' included.

    Tracebacks come without the values of variables: a fault during a log-in would else log the password.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _hide_secrets,
        _tame_text,
    ]
    if form == "json":
        frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        render: list[Any] = [structlog.processors.ExceptionRenderer(frames), structlog.processors.JSONRenderer()]
    else:
        render = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_write_traceback)]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # uvicorn's own logger shows handshakes with their query strings at info, and whole frames at debug.
    for noisy in ("tortoise", "aiosqlite", "asyncio", "uvicorn", "uvicorn.error", "websockets", "httpx2", "paho"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    # The ORM logs every statement with its values at debug: secrets' digests, addresses, positions.
    logging.getLogger("tortoise.db_client").setLevel(logging.ERROR)


def _hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        event[name] = _without_secrets(name, value)
    return event


def _without_secrets(name: Any, value: Any) -> Any:
    if isinstance(name, str) and _is_secret(name.lower()):
        return "(hidden)"
    if isinstance(value, Mapping):
        return {inner: _without_secrets(inner, held) for inner, held in value.items()}
    if isinstance(value, list):
        return [_without_secrets(None, held) for held in value]
    return value


def _is_secret(name: str) -> bool:
    return name in SECRET_NAMES or re.split(r"[-_.]", name)[-1] in SECRET_WORDS


def _tame_text(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No line breaks or terminal codes from outside, no endless lines."""
    for name, value in event.items():
        event[name] = _tamed(value, MAX_EVENT if name == "event" else MAX_TEXT)
    return event


def _tamed(value: Any, length: int) -> Any:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return _escaped(value if len(value) <= length else value[:length] + "…")
    if isinstance(value, dict):
        return {_tamed(name, length): _tamed(held, length) for name, held in value.items()}
    if isinstance(value, list):
        return [_tamed(held, length) for held in value]
    return value


def _escaped(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _write_traceback(out: TextIO, exc_info: Any) -> None:
    """A traceback as the console shows it: indented, so that no line of it passes for an event of its own."""
    lines = "".join(traceback.format_exception(*exc_info)).split("\n")
    out.write("".join(f"\n    {_escaped(line)}" for line in lines if line))
