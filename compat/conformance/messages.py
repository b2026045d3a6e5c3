"""Which messages an AsyncAPI document has for an address, and whether something is one of them."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]


class Messages:
    """A document's messages.

    Args:
        action: what the hub does: "send" or "receive".
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def of(self, address: str, action: str) -> dict[str, Any]:
        """The messages that the hub sends or receives there, by their names."""
        found = {}
        for operation in self._document["operations"].values():
            channel = self._resolved(operation["channel"])
            if operation["action"] != action or not _is_at(channel["address"], address):
                continue
            wanted = [item["$ref"].rpartition("/")[2] for item in operation.get("messages", [])]
            for name in wanted or channel["messages"]:
                found[name] = self._resolved(channel["messages"][name])
        return found

    def wrong(self, address: str, action: str, payload: Any) -> str | None:
        """What is wrong with a message; None where it fits one of those that belong there."""
        candidates = self.of(address, action)
        if not candidates:
            return f"nothing is documented at {address}"
        reasons = []
        for name, message in candidates.items():
            errors = list(self.errors(message["payload"], payload))
            if not errors:
                return None
            reasons.append(f"{name}: {errors[0]}")
        return f"{address}: " + "; ".join(reasons)

    def errors(self, schema: dict[str, Any], payload: Any) -> Iterator[str]:
        """Where a payload does not fit a schema."""
        whole = {**schema, "components": self._document["components"]}
        for error in jsonschema.Draft202012Validator(whole).iter_errors(payload):
            yield f"{error.json_path} {error.message[:200]}"

    def _resolved(self, item: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in item:
            found: Any = self._document
            for part in item["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            item = found
        return item


def _is_at(pattern: str, address: str) -> bool:
    return re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(pattern)), address) is not None
