"""Logs: events with fields, one a line, on standard error.

Nothing secret is logged at any level, and what people and devices wrote is cut and escaped (security.md, L1, L2).
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

SECRET_FIELDS = frozenset(
    {"password", "token", "secret", "code", "signature", "cookie", "authorization", "x-auth-token", "key"}
)
MAX_TEXT = 200


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
        render = [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        cache_logger_on_first_use=True,
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
    for noisy in ("tortoise", "aiosqlite", "asyncio", "uvicorn.access", "websockets", "httpx2", "paho"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    # The ORM logs every statement with its values at debug: secrets' digests, addresses, positions.
    logging.getLogger("tortoise.db_client").setLevel(logging.ERROR)


def _hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in event:
        if name.lower() in SECRET_FIELDS:
            event[name] = "(hidden)"
    return event


def _tame_text(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No line breaks or terminal codes from outside, no endless lines."""
    for name, value in event.items():
        if isinstance(value, str) and name != "exception":
            cut = value if len(value) <= MAX_TEXT or name == "event" else value[:MAX_TEXT] + "…"
            event[name] = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in cut)
    return event
