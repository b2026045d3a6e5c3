"""What a document may ask for, measured in one walk (security.md, section 5)."""

from typing import Any

import pytest
from graphql import get_introspection_query

from ofh.domain.errors import Code
from ofh.edges.errors import hub_error, present
from ofh.edges.graphql.hub_schema import Asked, HubSchema, Operation
from ofh.edges.graphql.limits import Limits
from tests.integration.graphql_edge.toy import Mutation, Query, Subscription


def schema(**numbers: int) -> HubSchema:
    return HubSchema(Query, Mutation, Subscription, limits=Limits(**numbers))


def code(given: HubSchema, query: str, variables: dict[str, Any] | None = None) -> str:
    """The code that an operation is refused with; `ok` where it may run."""
    found = given.prepare(Asked(query=query, variables=variables))
    return "ok" if isinstance(found, Operation) else present(found[0], "")["extensions"]["code"]


def nested(depth: int) -> str:
    return "{ node { " + "parent { " * (depth - 2) + "id" + " }" * (depth - 2) + " } }"


def test_depth() -> None:
    hub = schema()
    assert code(hub, nested(10)) == "ok"
    assert code(hub, nested(11)) == "TOO_COMPLEX"


def test_depth_through_fragments() -> None:
    fragments = " ".join(f"fragment F{n} on Node {{ parent {{ ...F{n + 1} }} }}" for n in range(12))
    assert code(schema(), "{ node { ...F0 } } " + fragments + " fragment F12 on Node { id }") == "TOO_COMPLEX"


def test_aliases_count_as_often_as_they_are_spread() -> None:
    hub = schema()
    assert code(hub, "{" + " ".join(f"a{n}: hello" for n in range(30)) + "}") == "ok"
    assert code(hub, "{" + " ".join(f"a{n}: hello" for n in range(31)) + "}") == "TOO_COMPLEX"
    spread = "fragment F on Node { a: id b: id }"
    assert code(hub, "{" + " ".join(f"n{n}: node {{ ...F }}" for n in range(10)) + "}" + spread) == "ok"
    assert code(hub, "{" + " ".join(f"n{n}: node {{ ...F }}" for n in range(11)) + "}" + spread) == "TOO_COMPLEX"


def test_fields() -> None:
    hub = schema(aliases=1_000)
    assert code(hub, "{" + " ".join(f"a{n}: hello" for n in range(500)) + "}") == "ok"
    assert code(hub, "{" + " ".join(f"a{n}: hello" for n in range(501)) + "}") == "TOO_COMPLEX"


@pytest.mark.parametrize(
    "query",
    [
        "{" + " hello" * 490 + "}",
        "{" + " node { id }" * 240 + "}",
        "{" + " ".join(f'hello(name: "{n}{"x" * 40}")' for n in range(60)) + "}",
        "{ ...F0 ...F1 }" + "".join(f" fragment F{n} on Query {{{' node { id }' * 100}}}" for n in range(2)),
        "{ node {"
        + "".join(f" ...F{n}" for n in range(50))
        + "} }"
        + "".join(f" fragment F{n} on Node {{ id }}" for n in range(50)),
        "{ hello } fragment F on Query {" + " node { id }" * 240 + "}",
        "{ hello }"
        + "".join(f" fragment F{n} on Node {{ ...F{n + 1} ...F{n + 1} }}" for n in range(39))
        + " fragment F39 on Node { id }",
        "query ($n: Int) { node { page(first: $n) { edges { node { id } } } } " + "hello " * 1_900 + "}",
    ],
)
def test_fields_of_one_name_that_the_library_compares_each_with_each(query: str) -> None:
    """240 of them had kept the loop busy for a quarter of a second, and a stranger may send 20 a second."""
    hub = HubSchema(Query, Mutation, Subscription)
    hub._rules = []  # what is refused is refused before the library's rules
    assert code(hub, query) == "TOO_COMPLEX"


def test_fragments_as_clients_write_them_are_no_burden() -> None:
    fields = " id __typename parent { id __typename }"
    fragments = "".join(f" fragment F{n} on Node {{{fields}}}" for n in range(20))
    assert code(schema(), "{ node {" + "".join(f" ...F{n}" for n in range(20)) + "} }" + fragments) == "ok"


def test_reading_a_long_document_counts_as_several_requests_once() -> None:
    hub, owed = schema(fields=10_000), list[int]()
    names = " ".join(f"a{n}: hello" for n in range(30))
    for query in ("{ hello }", "{" + names + "}" + "#\n" * 1_800, "{ hello } #" + "x" * 200_000):
        for _ in range(2):
            hub.prepare(Asked(query=query), owed.append)
    assert owed == [0, 3, 2, 2]  # the last one is too long to be remembered


def test_tokens_comments_counted() -> None:
    hub = schema(fields=10_000)
    assert code(hub, "#\n" * 1_997 + "{ hello }") == "ok"
    assert code(hub, "#\n" * 1_998 + "{ hello }") == "TOO_COMPLEX"
    assert code(hub, "{" + " hello" * 1_999 + "}") == "TOO_COMPLEX"


def test_definitions() -> None:
    hub = schema()
    used = " ".join(f"...F{n}" for n in range(51))
    fragments = " ".join(f"fragment F{n} on Node {{ id }}" for n in range(51))
    assert code(hub, "{ node { " + used + " } } " + fragments) == "TOO_COMPLEX"
    assert code(hub, " ".join(f"query Q{n} {{ hello }}" for n in range(11))) == "TOO_COMPLEX"
    variables = ", ".join(f"$v{n}: String" for n in range(101))
    assert code(hub, f"query ({variables}) {{ hello }}") == "TOO_COMPLEX"
    assert code(hub, "{ hello" + " @skip(if: false)" * 51 + " }") == "TOO_COMPLEX"


def test_cost_multiplies_by_pages_and_plain_lists() -> None:
    hub = schema()
    # 1 + 200 × (edges, node, id) = 601; a plain list in between makes ten of it.
    assert code(schema(cost=602), "{ node { page(first: 200) { edges { node { id } } } } }") == "ok"
    assert code(schema(cost=601), "{ node { page(first: 200) { edges { node { id } } } } }") == "TOO_COMPLEX"
    assert code(hub, "{ node { children { page(first: 200) { edges { node { id } } } } } }") == "TOO_COMPLEX"
    assert code(hub, "{ node { children { page(first: 50) { edges { node { id } } } } } }") == "ok"
    assert code(hub, "{ node { children { children { children { children { id } } } } } }") == "TOO_COMPLEX"
    assert code(schema(cost=152), "{ node { page { edges { node { id } } } } }") == "ok"
    assert code(schema(cost=151), "{ node { page { edges { node { id } } } } }") == "TOO_COMPLEX"


def test_cost_by_variables_and_their_defaults() -> None:
    hub = schema(cost=400)
    query = "query ($n: Int = 10) { node { page(first: $n) { edges { node { id } } } } }"
    assert code(hub, query) == "ok"
    assert code(hub, query, {"n": 200}) == "TOO_COMPLEX"
    assert code(hub, query, {"n": 11}) == "ok"
    assert code(hub, query, {"n": None}) == "ok"
    assert code(hub, query, {"n": "much"}) == "ok"  # refused when the variables are read


def test_a_page_beyond_the_limit_is_bad_input_with_the_field() -> None:
    hub = schema()
    query = "query ($n: Int) { node { page(first: $n) { edges { node { id } } } } }"
    for asked in (
        Asked(query="{ node { page(first: 201) { edges { node { id } } } } }"),
        Asked(query=query, variables={"n": 10**30}),
    ):
        found = hub.prepare(asked)
        assert isinstance(found, list)
        refusal = hub_error(found[0])
        assert refusal is not None
        assert refusal.code is Code.BAD_INPUT
        assert set(refusal.fields) == {"first"}


def test_fragments_that_double_forty_times_cost_their_length() -> None:
    bomb = "{ node { ...F0 ...F0 } }" + "".join(
        f" fragment F{n} on Node {{ ...F{n + 1} ...F{n + 1} }}" for n in range(39)
    )
    assert code(schema(), bomb + " fragment F39 on Node { id }") == "TOO_COMPLEX"
    assert code(schema(), bomb) == "TOO_COMPLEX"  # even where the last one does not exist


def test_nested_lists_saturate() -> None:
    hub = schema(depth=1_000, cost=10**8)
    assert code(hub, "{ node {" + "children {" * 60 + "id" + "}" * 62) == "TOO_COMPLEX"


@pytest.mark.parametrize(
    "cycle",
    [
        "{ node { ...A } } fragment A on Node { ...A }",
        "{ node { ...A } } fragment A on Node { parent { ...B } } fragment B on Node { ...A id }",
        "{ hello } fragment A on Node { ...B ...B } fragment B on Node { ...C ...C } fragment C on Node { ...A ...A }",
    ],
)
def test_cycles_are_refused(cycle: str) -> None:
    assert code(schema(), cycle) == "BAD_INPUT"


@pytest.mark.parametrize(
    "query",
    [
        "{ node {" + "... {" * 100 + "id" + "}" * 102,
        "{" + "node {" * 190 + "id" + "}" * 191,
        "{" + "a {" * 600 + "b" + "}" * 601,
        "{ hello(name: " + "[" * 900 + "]" * 900 + ") }",
    ],
)
def test_deep_nesting_is_too_complex_and_raises_nothing_else(query: str) -> None:
    assert code(schema(), query) == "TOO_COMPLEX"


def test_introspection_fits() -> None:
    text = get_introspection_query(
        specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
    )
    assert code(schema(), text) == "ok"


def test_introspection_is_bounded_and_can_be_off() -> None:
    deep = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"
    assert code(schema(), deep) == "BAD_INPUT"
    closed = HubSchema(Query, Mutation, Subscription, introspection=False)
    assert code(closed, "{ __schema { queryType { name } } }") == "BAD_INPUT"
    assert code(closed, "{ __typename }") == "ok"
    found = closed.prepare(Asked(query="{ helo }"))
    assert isinstance(found, list)
    assert "hello" not in found[0].message


def test_nul_is_refused_in_literals() -> None:
    assert code(schema(), r'{ hello(name: "a\u0000b") }') == "BAD_INPUT"


def test_documents_are_remembered_within_bounds() -> None:
    hub = schema()
    first = hub.document("{ hello }")
    assert hub.document("{ hello }") is first
    for number in range(600):
        hub.document("{ hello } #" + str(number) + "x" * 1_000)
    assert hub.document("{ hello }") is not first
    kept: Any = hub._documents
    assert sum(map(len, kept)) <= 256 * 1024
