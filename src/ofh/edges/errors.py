"""How a refusal leaves the hub: one table from `Code` to each wire, and the words for what is our own fault.

A `HubError` may be seen by the client. Anything else is a bug: it is logged once with an id, and only the id goes out.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from graphql import ArgumentNode, FieldNode, GraphQLError, Node, ObjectFieldNode, VariableDefinitionNode

from ofh.domain.errors import Code, HubError

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

INTERNAL = "INTERNAL"
"""`extensions.code` of our own faults; no `Code`, since no service may raise it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One code on every wire (security.md, section 2)."""

    http: int
    """Status of a REST answer."""
    graphql: int = 200
    """Status of a GraphQL answer over HTTP, where the whole operation failed with this code."""
    ws_close: int | None = None
    """Close code of graphql-transport-ws; None: an `error` for that operation, the socket lives on."""


WIRE: dict[Code, Wire] = {
    Code.BAD_INPUT: Wire(http=400),
    Code.UNAUTHENTICATED: Wire(http=401, ws_close=4403),
    Code.FORBIDDEN: Wire(http=403),
    Code.GONE: Wire(http=410),
    Code.NO_COVERAGE: Wire(http=410),
    Code.CONFLICT: Wire(http=409),
    Code.RATE_LIMITED: Wire(http=429, graphql=429),
    Code.TOO_COMPLEX: Wire(http=400),
    Code.TOO_LARGE: Wire(http=413, graphql=413, ws_close=1009),
    Code.UNAVAILABLE: Wire(http=503, graphql=503, ws_close=1013),
}

RETRY_AFTER_S = 5
"""Told with RATE_LIMITED and UNAVAILABLE where the error names no time of its own."""


def retry_after_s(error: HubError) -> int | None:
    """Seconds for `Retry-After`; None where coming back makes no difference."""
    if error.code in (Code.RATE_LIMITED, Code.UNAVAILABLE):
        return error.retry_after_s or RETRY_AFTER_S
    return None


def report(error: BaseException, where: str) -> str:
    """Log a fault of ours and return the id that the client is told."""
    fault = secrets.token_hex(8)
    log.error("fault", id=fault, where=where, exc_info=error)
    return fault


def to_graphql_error(error: HubError) -> GraphQLError:
    """A refusal as graphql-core carries it."""
    return GraphQLError(error.message, original_error=error)


def hub_error(error: GraphQLError) -> HubError | None:
    """The refusal inside, if it is one."""
    return error.original_error if isinstance(error.original_error, HubError) else None


def present(error: GraphQLError, where: str) -> dict[str, Any]:
    """An error as the client sees it; what is no refusal is logged here, so call it once per error.

    Args:
        where: for the log, such as the operation's name.
    """
    refusal = hub_error(error)
    if refusal is not None:
        shown = _shown(error, refusal.message, refusal.code)
        if refusal.code is Code.BAD_INPUT:
            shown["extensions"]["fields"] = refusal.fields
        if refusal.why is not None:
            shown["extensions"] |= {"reason": refusal.why.value, "given": refusal.given}
        if (wait := retry_after_s(refusal)) is not None:
            shown["extensions"]["retryAfter"] = wait
        return shown
    if _is_clients_fault(error):
        shown = _shown(error, error.message, Code.BAD_INPUT)
        shown["extensions"]["fields"] = _fields(error)
        return shown
    return _places(error, internal(error.original_error or error, where))


def note(errors: Iterable[GraphQLError], operation: str | None, **more: Any) -> None:
    """One line in the log for all refusals of one operation: their codes, never their words, which may quote variables.

    Args:
        operation: its name in the document, if it has one.
    """
    codes = {code.value for error in errors if (code := _code(error)) is not None}
    if codes:
        log.info("refused", codes=sorted(codes), operation=operation, **more)


def internal(fault: BaseException, where: str) -> dict[str, Any]:
    """A fault of ours as the client sees it; it is logged here, so call it once per fault."""
    id = report(fault, where)
    message = f"Something went wrong on our side; the log has it under {id}."
    return {"message": message, "extensions": {"code": INTERNAL, "id": id}}


def _shown(error: GraphQLError, message: str, code: Code) -> dict[str, Any]:
    return _places(error, {"message": message, "extensions": {"code": code.value}})


def _places(error: GraphQLError, shown: dict[str, Any]) -> dict[str, Any]:
    if error.locations:
        shown["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path is not None:
        shown["path"] = list(error.path)
    return shown


def _code(error: GraphQLError) -> Code | None:
    """None: a fault of ours."""
    refusal = hub_error(error)
    if refusal is not None:
        return refusal.code
    return Code.BAD_INPUT if _is_clients_fault(error) else None


def _is_clients_fault(error: GraphQLError) -> bool:
    """Whether the library refused the document, a variable or an argument.

    Before execution there is no path. During it, an argument that cannot be read points at its node, while a resolver
    that raised, or a value that cannot be shown, points at the field.
    """
    if error.path is None:
        return not isinstance(error.original_error, MemoryError | RecursionError)
    node = error.nodes[0] if error.nodes else None
    return error.original_error is None and node is not None and not isinstance(node, FieldNode)


def _fields(error: GraphQLError) -> dict[str, str]:
    names = (_name(node) for node in error.nodes or ())
    return {name: error.message for name in names if name is not None}


def _name(node: Node) -> str | None:
    match node:
        case VariableDefinitionNode():
            return node.variable.name.value
        case ArgumentNode() | ObjectFieldNode():
            return node.name.value
        case _:
            return None
