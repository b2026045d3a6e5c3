"""The GraphQL schema as HTML: the ways in, and then every type as it is printed."""

from html import escape

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
    print_type,
)

from .asyncapi import Rendered
from .markdown import blocks, inline

_WAYS = ("Query", "Mutation", "Subscription")
_KINDS: tuple[tuple[str, tuple[type[GraphQLNamedType], ...]], ...] = (
    ("Objects", (GraphQLObjectType, GraphQLInterfaceType, GraphQLUnionType)),
    ("Inputs", (GraphQLInputObjectType,)),
    ("Enumerations", (GraphQLEnumType,)),
)

ABOUT = """\
One endpoint, `/graphql`, for queries and mutations over HTTP and for all of them over a websocket with the subprotocol
`graphql-transport-ws`. A browser that opens it gets an [IDE](/graphql) with completion and documentation.

**Who asks.** The cookie `user-auth`, or an access token: `Authorization: Bearer …` over HTTP,
`{"authorization": "Bearer …"}` in `connection_init`.

**Refusals.** `extensions.code` of an error is the reason, for programs; `extensions.fields` names arguments that are to
blame. An item that does not exist and one that the caller may not know of are answered alike: null in a query, `GONE`
elsewhere.
"""
OFF = "The operator of this hub has switched introspection off; so the schema is not shown here either."


def render(sdl: str | None) -> Rendered:
    """The whole schema.

    Args:
        sdl: as it is printed; None where it is not to be shown.
    """
    if sdl is None:
        return Rendered(contents="", body=blocks(f"{ABOUT}\n{OFF}"))
    types = {
        name: found
        for name, found in build_schema(sdl).type_map.items()
        if not is_introspection_type(found) and not is_specified_scalar_type(found)
    }
    contents, body = [], [blocks(ABOUT)]
    for way in _WAYS:
        found = types.pop(way, None)
        if isinstance(found, GraphQLObjectType):
            contents.append(f'<p><a href="#{way}">{way}</a></p>')
            body.append(_way(way, found))
    for title, kinds in _KINDS:
        names = sorted(name for name, found in types.items() if isinstance(found, kinds))
        links = "".join(f'<li><a href="#{name}">{name}</a></li>' for name in names)
        contents.append(f'<p><a href="#{title}">{title}</a></p><ul>{links}</ul>')
        body.append(f'<h2 id="{title}">{title}</h2>')
        body += [f'<section class="message" id="{name}">{_printed(types[name])}</section>' for name in names]
    return Rendered(contents="".join(contents), body="\n".join(body))


def _way(name: str, way: GraphQLObjectType) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code></td><td><code>{escape(_arguments(found.args))}{escape(str(found.type))}"
        f"</code></td><td>{inline(found.description or '')}</td></tr>"
        for field, found in sorted(way.fields.items())
    )
    head = "<tr><th>field</th><th>takes and gives</th><th></th></tr>"
    return (
        f'<h2 id="{name}">{name}</h2><div class="wide"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
    )


def _arguments(arguments: dict[str, object]) -> str:
    if not arguments:
        return ""
    return "(" + ", ".join(f"{name}: {getattr(item, 'type', '')}" for name, item in arguments.items()) + ") → "


def _printed(found: GraphQLNamedType) -> str:
    return f"<h3>{escape(found.name)}</h3><pre>{escape(print_type(found))}</pre>"
