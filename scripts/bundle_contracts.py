"""Make each contract of `compat/` one document, as the hub serves it: `python scripts/bundle_contracts.py [FOLDER]`.

A reference to another file, `schemas.yaml#/Drone`, becomes one within the document, `#/components/schemas/Drone`, and
what it leads to is taken along. Path items stand where they are referred to. What `x-everywhere` holds is an answer of
every operation that has no other for the same status, what `x-with-parameters` holds of those with parameters in their
path.
"""

import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[1]
COMPAT = ROOT / "compat"
FOLDER = ROOT / "src" / "ofh" / "edges" / "docs" / "contracts"
SOURCES = {
    "openapi.json": "rest/openapi.yaml",
    "openapi-pilot.json": "pilot/openapi.yaml",
    "asyncapi.json": "live/asyncapi.yaml",
    "asyncapi-pilot.json": "pilot/asyncapi.yaml",
    "asyncapi-mqtt.json": "mqtt/asyncapi.yaml",
}
SECTIONS = {"parameters.yaml": "parameters", "responses.yaml": "responses"}
"""Which section of the components a file's entries belong to; all others hold schemas."""
VERBS = {"get", "put", "post", "delete", "patch", "head", "options"}


def main(folder: Path) -> None:
    """Write all documents."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents().items():
        (folder / name).write_text(text(document), "utf-8")


def text(document: Any) -> str:
    """As it is written: a line for each thing, so that a change can be read."""
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def documents() -> dict[str, Any]:
    """Every document by its name."""
    made = {name: bundle(COMPAT / source) for name, source in SOURCES.items()}
    made["mqtt.schema.json"] = json_schema(made["asyncapi-mqtt.json"])
    return made


def bundle(path: Path) -> dict[str, Any]:
    """A document with all that it refers to in other files."""
    return _Bundle(path).document


def json_schema(document: dict[str, Any]) -> dict[str, Any]:
    """The schemas of an AsyncAPI document as one JSON Schema: a message fits it that fits one of the document's."""

    def moved(target: str) -> str:
        return target.replace("#/components/schemas/", "#/$defs/")

    payloads = [message["payload"] for message in document["components"]["messages"].values()]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": document["info"]["title"],
        "description": "Each message has its schema in $defs; those of a topic are named in the AsyncAPI document.",
        "anyOf": [item for number, item in enumerate(payloads) if item not in payloads[:number]],
        "$defs": document["components"]["schemas"],
    }
    return _with_references(schema, moved)  # type: ignore[no-any-return]


class _Bundle:
    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self._components: dict[str, dict[str, Any]] = {}
        self._from: dict[tuple[str, str], str] = {}
        root = _read(path)
        always, with_parameters = root.pop("x-everywhere", {}), root.pop("x-with-parameters", {})
        paths = {
            address: self._item(item, {**always, **(with_parameters if "{" in address else {})})
            for address, item in root.pop("paths", {}).items()
        }
        given = root.pop("components", {})
        self.document: dict[str, Any] = self._taken(root, path.name)
        if paths:
            self.document["paths"] = {address: self._taken(item, name) for address, (item, name) in paths.items()}
        components = self._taken(given, path.name)
        for section, entries in self._components.items():
            components[section] = dict(sorted(entries.items()))
        self.document["components"] = components

    def _item(self, reference: dict[str, str], everywhere: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """A path item, with what each of its operations may answer, and the file that it stands in."""
        name, _, entry = reference["$ref"].partition("#/")
        item = json.loads(json.dumps(_read(self._folder / name)[entry]))  # the entry is shared, this is ours
        for verb in VERBS & item.keys():
            item[verb]["responses"] = dict(sorted({**everywhere, **item[verb]["responses"]}.items()))
        return item, name

    def _taken(self, value: Any, name: str) -> Any:
        """A part of a file, its references leading within the document."""
        return _with_references(value, lambda target: self._taken_along(target, name))

    def _taken_along(self, target: str, name: str) -> str:
        """Where a reference in a file leads within the document."""
        file, _, entry = target.partition("#/")
        file = file or name
        if file.startswith(("openapi", "asyncapi")):
            return target
        where = SECTIONS.get(file, "schemas")
        section = self._components.setdefault(where, {})
        if entry not in section:
            self._from[where, entry] = file
            section[entry] = None  # before its own references, which may lead back
            section[entry] = self._taken(_read(self._folder / file)[entry], file)
        if self._from[where, entry] != file:
            raise ValueError(f"{entry} stands in {file} and in {self._from[where, entry]}")
        return f"#/components/{where}/{entry}"


def _with_references(value: Any, moved: Callable[[str], str]) -> Any:
    match value:
        case dict():
            return {
                key: moved(item) if key == "$ref" and isinstance(item, str) else _with_references(item, moved)
                for key, item in value.items()
            }
        case list():
            return [_with_references(item, moved) for item in value]
        case _:
            return value


@cache
def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
