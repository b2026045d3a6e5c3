"""What the lists of our own schema weigh (security.md, section 5)."""

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from ofh.edges.errors import present
from ofh.edges.graphql.hub_schema import Asked, Operation
from ofh.edges.graphql.limits import GROWING, LONG, PAGE_ARGUMENT
from ofh.edges.graphql.schema import build_schema

BOUNDED = {
    "AlertRule.area",  # 500 corners
    "ConnectionDoctor.steps",
    "Drone.streams",
    "Drone.track",  # maxPoints
    "Flight.exports",
    "Flight.track",
    "Media.coverageMissing",
    "Query.files",  # 200 ids
    "Query.workspaces",
    "User.accessTokens",
}
"""Lists without pages that do not grow with a workspace."""

SCHEMA = build_schema()


def lists() -> set[str]:
    """Lists of objects that come whole."""
    found = set()
    for kind in SCHEMA._schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) or kind.name.startswith("__"):
            continue
        if kind.name.endswith("Connection") and "edges" in kind.fields:
            continue
        for name, field in kind.fields.items():
            inner = field.type.of_type if is_non_null_type(field.type) else field.type
            if is_list_type(inner) and PAGE_ARGUMENT not in field.args and not is_leaf_type(get_named_type(inner)):
                found.add(f"{kind.name}.{name}")
    return found


def code(query: str) -> str:
    found = SCHEMA.prepare(Asked(query=query, variables={"w": "1"}))
    return "ok" if isinstance(found, Operation) else present(found[0], "")["extensions"]["code"]


def test_a_list_that_grows_with_a_workspace_has_a_weight() -> None:
    subscribed = {f"Subscription.{name}" for name in ("traffic", "workspaceBatteries", "workspacePositions")}
    assert lists() == {*LONG, *GROWING, *BOUNDED, *subscribed}


@pytest.mark.parametrize(
    "query",
    [
        "{workspace(id:$w){drones{lastConnection{workspace{drones{id}}}}}}",
        "{workspace(id:$w){connections{workspace{mapElements{content}}}}}",
        "{workspace(id:$w){drones{lastConnection{workspace{members{since}}}}}}",
        '{fleetAt(workspaceId:$w,at:"2026-01-01T00:00:00Z"){drones{lastConnection{workspace{drones{id}}}}}}',
    ],
)
def test_all_of_each_of_all_is_too_complex(query: str) -> None:
    """One such query of a workspace of 2,000 drones had made four million objects in one turn of the loop."""
    assert code("query($w:ID!)" + query) == "TOO_COMPLEX"


def test_the_longest_track_of_each_drone_is_too_complex_and_a_short_one_is_not() -> None:
    track = 'track(from:"2026-01-01T00:00:00Z",to:"2026-01-01T00:00:00Z",maxPoints:%d){longitude latitude height time}'
    for most, expected in ((10_000, "TOO_COMPLEX"), (2_000, "ok"), (2**31 - 1, "TOO_COMPLEX"), (10**30, "BAD_INPUT")):
        assert code(f"query($w:ID!){{workspace(id:$w){{drones{{{track % most}}}}}}}") == expected
    assert code(f'{{drone(id:"1"){{{track % 10_000}}}}}') == "ok"


def test_a_whole_workspace_at_once_is_not() -> None:
    connection = "id name remoteController{id serialNumber} drone{id name} doctor{state steps{name state problem hint}}"
    assert code(f"query($w:ID!){{workspace(id:$w){{name connections{{{connection}}}}}}}") == "ok"
    assert code("query($w:ID!){workspace(id:$w){members{role user{name}} drones{id currentFlight{id}}}}") == "ok"
    assert code("{workspaces{name drones{id name online}}}") == "ok"
    flights = "drones{name telemetry{reportedAt} currentFlight{id} flights{edges{node{startedAt landedAt endedAt}}}}"
    assert code(f"query($w:ID!){{workspace(id:$w){{{flights}}}}}") == "ok"
