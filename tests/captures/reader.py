"""Reads the captures of this folder."""

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent


def names(prefix: str = "mqtt-") -> list[str]:
    """The captures whose names begin like this, without `.json`."""
    return sorted(path.stem for path in _FOLDER.glob(f"{prefix}*.json"))


def capture(name: str) -> dict[str, Any]:
    """One capture: the whole object of the file, new each time."""
    result: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text("utf-8"))
    return result


def messages(name: str) -> list[dict[str, Any]]:
    """The messages of a capture, `topic` and `payload` each; one unless it is a sequence."""
    whole = capture(name)
    found: list[dict[str, Any]] = whole.get("messages", [whole])
    return found
