"""The contracts that are served are those of `compat`, and what stands in `compat` does not know the hub."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.bundle_contracts import FOLDER, documents, text

ROOT = Path(__file__).resolve().parents[2]


def test_the_served_documents_are_made_from_those_of_compat() -> None:
    """When it fails: make generated."""
    made = documents()
    assert {path.name for path in FOLDER.iterdir()} == set(made)
    for name, document in made.items():
        assert (FOLDER / name).read_text("utf-8") == text(document), name


@pytest.mark.parametrize("name", ["openapi.json", "openapi-pilot.json", "asyncapi.json", "asyncapi-mqtt.json"])
def test_a_document_stands_by_itself(name: str) -> None:
    whole = (FOLDER / name).read_text("utf-8")
    assert ".yaml" not in whole
    assert "x-everywhere" not in whole
    assert json.loads(whole)["info"]["license"]["name"] == "Apache-2.0"


def test_every_operation_may_answer_what_any_may() -> None:
    for name in ("openapi.json", "openapi-pilot.json"):
        for path, item in json.loads((FOLDER / name).read_text("utf-8"))["paths"].items():
            for verb in item.keys() - {"parameters"}:
                answers = item[verb]["responses"].keys()
                assert answers >= {"200", "405", "413", "429", "500", "503"}, f"{verb} {path}"
                assert ("404" in answers) is ("{" in path), f"{verb} {path}"


def python_files(folder: Path) -> Iterator[Path]:
    """Without a look into what npm and pip have installed for clients."""
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and entry.name not in ("node_modules", ".venv"):
            yield from python_files(entry)
        elif entry.suffix == ".py":
            yield entry


def test_compat_imports_nothing_of_the_hub() -> None:
    wrong = []
    for path in python_files(ROOT / "compat"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            wrong += [f"{path.name}: {name}" for name in names if name.split(".")[0] == "ofh"]
    assert wrong == []
