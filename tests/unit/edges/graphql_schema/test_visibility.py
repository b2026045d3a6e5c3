"""No object with a workspace's data without the gate of `visibility.py` (security.md, G5)."""

import ast
import dataclasses
import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from graphql import GraphQLObjectType, get_named_type, is_introspection_type
from tortoise.models import Model

import ofh
from ofh.domain.actors import Role
from ofh.domain.devices import DeviceState, Fix
from ofh.domain.events import DronePositioned
from ofh.edges.graphql.schema import build_schema
from ofh.edges.graphql.types.fleet import DronePosition
from ofh.edges.graphql.types.workspaces import Workspace
from ofh.edges.graphql.visibility import OfWorkspace, Sight
from ofh.store import models

GATE = "edges/graphql/visibility.py"
ROOTS = {"Query", "Mutation", "Subscription"}
OF_NO_WORKSPACE = {
    "ServerInfo",
    "User",
    "AccessToken",
    "LoginPayload",
    "AccessTokenPayload",
    "StreamToken",
    "TrafficAircraft",
}
"""Types that show nothing of any workspace. Whoever adds one here says so of it."""

SCHEMA = build_schema()


def object_types() -> Iterator[tuple[str, type, GraphQLObjectType]]:
    """Every object type with the class behind it."""
    for name, kind in SCHEMA._schema.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not is_introspection_type(kind):
            definition: Any = SCHEMA.get_type_by_name(name)
            yield name, definition.origin, kind


def carries_workspace_data(kind: Any) -> bool:
    """Whether a row or an event belongs to a workspace."""
    if not inspect.isclass(kind):
        return False
    if issubclass(kind, Model):
        return kind is models.Workspace or "workspace" in kind._meta.fields_map
    return dataclasses.is_dataclass(kind) and any(field.name == "workspace_id" for field in dataclasses.fields(kind))


def parents() -> dict[str, set[str]]:
    """Object type → the types with a field that gives it."""
    found: dict[str, set[str]] = {}
    for name, _, kind in object_types():
        for field in kind.fields.values():
            found.setdefault(get_named_type(field.type).name, set()).add(name)
    return found


def test_what_wraps_a_workspaces_row_or_event_passes_the_gate() -> None:
    unguarded = [
        name
        for name, origin, _ in object_types()
        if any(carries_workspace_data(hint) for hint in get_type_hints(origin).values())
        and not issubclass(origin, OfWorkspace)
    ]
    assert unguarded == []


def test_the_walk_knows_the_rows_that_belong_to_a_workspace() -> None:
    guarded = {name for name, origin, _ in object_types() if issubclass(origin, OfWorkspace)}
    assert {
        "Workspace",
        "Member",
        "Connection",
        "Drone",
        "RemoteController",
        "DronePosition",
        "DroneBattery",
        "Alert",
        "AlertRule",
    } <= guarded


def test_plain_values_are_reached_through_guarded_types_only() -> None:
    guarded = {name for name, origin, _ in object_types() if issubclass(origin, OfWorkspace)}
    values = {name for name, _, _ in object_types()} - guarded - ROOTS - OF_NO_WORKSPACE
    exposed = {name: reached - guarded - values for name, reached in parents().items() if name in values}
    assert {name: by for name, by in exposed.items() if by} == {}


def test_people_are_shown_by_these_fields_alone() -> None:
    shown = {
        f"{name}.{key}"
        for name, _, kind in object_types()
        for key, field in kind.fields.items()
        if get_named_type(field.type).name == "User"
    }
    assert shown == {
        "Query.me",
        "Query.user",
        "Mutation.updateUser",
        "LoginPayload.user",
        "Member.user",
        "Alert.acknowledgedBy",
        "AuditEntry.user",
        "File.uploadedBy",
    }


def test_types_of_no_workspace_are_a_list_that_is_kept() -> None:
    assert {name for name, _, _ in object_types()} >= OF_NO_WORKSPACE


def test_no_guarded_type_sidesteps_the_check() -> None:
    for name, origin, _ in object_types():
        if issubclass(origin, OfWorkspace):
            assert origin.__post_init__ is OfWorkspace.__post_init__, name


def test_sights_are_made_at_the_gate_alone() -> None:
    package = Path(ofh.__file__).parent
    makers = {
        path.relative_to(package).as_posix()
        for path in (package / "edges").rglob("*.py")  # what a camera sees is something else
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", None)) == "Sight"
    }
    assert makers == {GATE}


def test_nothing_is_built_without_a_sight() -> None:
    with pytest.raises(TypeError):
        Workspace(row=models.Workspace(id=7))  # type: ignore[call-arg]


def test_a_sight_of_another_workspace_shows_nothing() -> None:
    with pytest.raises(LookupError):
        Workspace(row=models.Workspace(id=7), sight=Sight(workspace_id=8, role=Role.OWNER))


def test_an_event_of_another_workspace_is_not_delivered() -> None:
    event = DronePositioned(
        workspace_id=7,
        drone_id=1,
        at=datetime(2026, 5, 1, tzinfo=UTC),
        fix=Fix(longitude_deg=1, latitude_deg=2, height_m=3),
        state=DeviceState(),
    )
    with pytest.raises(LookupError):
        DronePosition(event=event, sight=Sight(workspace_id=8, role=Role.OWNER))
