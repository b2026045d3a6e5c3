"""One table says how each refusal leaves the hub, and a fault of ours leaves it as an id."""

import pytest
from graphql import GraphQLError, build_schema, graphql_sync
from structlog.testing import capture_logs

from ofh.domain.errors import Code, HubError, bad_input
from ofh.edges.errors import INTERNAL, WIRE, hub_error, present, retry_after_s, to_graphql_error


def test_every_code_stands_in_the_table() -> None:
    assert set(WIRE) == set(Code)


@pytest.mark.parametrize("code", list(Code))
def test_a_refusal_shows_its_code_and_words(code: Code) -> None:
    with capture_logs() as logs:
        shown = present(to_graphql_error(HubError(code, "Because.")), "")
    assert shown["message"] == "Because."
    assert shown["extensions"]["code"] == code.value
    assert logs == []


def test_bad_input_names_the_field() -> None:
    shown = present(to_graphql_error(bad_input("name", "Too long.")), "")
    assert shown["extensions"]["fields"] == {"name": "Too long."}


def test_a_fault_is_logged_once_and_shows_an_id_only() -> None:
    error = GraphQLError("secret words", original_error=RuntimeError("secret words"), path=["a"])
    with capture_logs() as logs:
        shown = present(error, "Op")
    assert "secret" not in str(shown)
    assert shown["extensions"]["code"] == INTERNAL
    assert [line["id"] for line in logs] == [shown["extensions"]["id"]]


def test_what_the_library_refuses_is_bad_input_with_the_name_of_the_argument() -> None:
    schema = build_schema("type Query { half(of: Int!): Int }")
    wrong = graphql_sync(schema, '{ half(of: "x") }').errors or []
    assert present(wrong[0], "")["extensions"]["code"] == "BAD_INPUT"
    unread = graphql_sync(schema, "query ($of: Int!) { half(of: $of) }", variable_values={"of": "x"}).errors or []
    shown = present(unread[0], "")
    assert shown["extensions"]["code"] == "BAD_INPUT"
    assert set(shown["extensions"]["fields"]) == {"of"}


def test_a_value_that_cannot_be_shown_is_a_fault_of_ours() -> None:
    schema = build_schema("type Query { number: Int }")
    found = graphql_sync(schema, "{ number }", root_value={"number": "no number"}).errors or []
    with capture_logs():
        assert present(found[0], "")["extensions"]["code"] == INTERNAL


def test_the_time_to_come_back_is_told_where_coming_back_helps() -> None:
    assert retry_after_s(HubError(Code.RATE_LIMITED, "", retry_after_s=9)) == 9
    assert retry_after_s(HubError(Code.UNAVAILABLE, "")) is not None
    assert retry_after_s(HubError(Code.GONE, "")) is None
    assert hub_error(GraphQLError("x")) is None
