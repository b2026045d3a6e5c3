"""An AsyncAPI document as HTML: its channels, the messages on them, and what is in these. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from .markdown import blocks, inline

Json = Mapping[str, Any]

MAX_DEPTH = 9
"""Of nested members that are shown; no contract of ours goes deeper."""
_DIRECTIONS = {"receive": "the hub hears", "send": "the hub says"}
_BOUNDS = {
    "minimum": "≥ {}",
    "maximum": "≤ {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of a message, as a row of its table."""

    name: str
    """With the names of those around it, and `[]` for each list."""
    kind: str
    is_required: bool
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The two parts of a page."""

    contents: str
    """Links to what is in the body."""
    body: str


def render(document: Json) -> Rendered:
    """The whole document."""
    contents, body = [], [blocks(document["info"]["description"])]
    for name, channel in document["channels"].items():
        entries = list(_messages(document, name))
        links = "".join(
            f'<li><a href="#{escape(key)}">{escape(message["title"])}</a></li>' for key, _, message in entries
        )
        label = escape(channel["address"]).replace("/", "/<wbr>")
        contents.append(f'<p><a href="#{escape(name)}">{label}</a></p><ul>{links}</ul>')
        body.append(f'<h2 id="{escape(name)}"><code>{escape(channel["address"])}</code></h2>')
        body.append(blocks(channel.get("description", "")))
        body += [_message(document, key, direction, message) for key, direction, message in entries]
    return Rendered(contents="".join(contents), body="\n".join(body))


def members(document: Json, schema: Json) -> list[Member]:
    """The members of an object, those of the objects in it after each."""
    return list(_members(document, schema, "", 0))


def _messages(document: Json, channel: str) -> Iterator[tuple[str, str, Json]]:
    """Key, direction and message, in the order of the operations."""
    for operation in document["operations"].values():
        if operation["channel"]["$ref"] != f"#/channels/{channel}":
            continue
        on_channel = document["channels"][channel]["messages"]
        keys = [item["$ref"].rpartition("/")[2] for item in operation.get("messages", [])] or list(on_channel)
        for key in keys:
            yield f"{channel}-{key}", _DIRECTIONS[operation["action"]], _resolved(document, on_channel[key])


def _message(document: Json, key: str, direction: str, message: Json) -> str:
    payload = _resolved(document, message["payload"])
    rows = "".join(
        f"<tr><td><code>{escape(member.name)}</code></td><td>{escape(member.kind)}</td>"
        f"<td>{'always' if member.is_required else ''}</td><td>{inline(member.description)}</td></tr>"
        for member in members(document, payload)
    )
    head = "<tr><th>member</th><th>what it is</th><th>there</th><th></th></tr>"
    table = f'<div class="wide"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>' if rows else ""
    kind = direction.rpartition(" ")[2]
    return "\n".join(
        [
            f'<section class="message" id="{escape(key)}">',
            f'<h3>{escape(message["title"])} <span class="direction {kind}">{direction}</span></h3>',
            f"<p>{inline(message.get('summary', ''))}</p>",
            blocks(message.get("description", "")),
            blocks(payload.get("description", "")),
            table if table else f"<p>{escape(_kind(payload))}</p>",
            *(_example(example["payload"]) for example in message.get("examples", [])),
            "</section>",
        ]
    )


def _example(payload: Any) -> str:
    return f"<pre>{escape(json.dumps(payload, indent=2, ensure_ascii=False))}</pre>"


def _members(document: Json, schema: Json, around: str, depth: int) -> Iterator[Member]:
    if depth > MAX_DEPTH:
        return
    merged = _merged(document, schema)
    required = merged.get("required", ())
    for name, given in {**merged.get("properties", {}), **merged.get("patternProperties", {})}.items():
        item = _merged(document, given)
        full = f"{around}{name}"
        yield Member(
            name=full,
            kind=_kind(item),
            is_required=name in required,
            description=str(item.get("description", "")),
        )
        if "items" in item:
            yield from _members(document, item["items"], f"{full}[].", depth + 1)
        yield from _members(document, item, f"{full}.", depth + 1)


def _merged(document: Json, schema: Json) -> dict[str, Any]:
    """A schema with its references resolved and what it is put together of joined; what stands later says more."""
    if "$ref" in schema:
        own = {key: value for key, value in schema.items() if key != "$ref"}
        return {**_merged(document, _resolved(document, schema)), **own}
    found: dict[str, Any] = {}
    for part in (*schema.get("allOf", ()), {key: value for key, value in schema.items() if key != "allOf"}):
        merged = part if part is not schema and "allOf" not in part and "$ref" not in part else _merged(document, part)
        for key, value in merged.items():
            if key == "properties":
                known = found.setdefault(key, {})
                for name, given in value.items():
                    known[name] = {"allOf": [known[name], given]} if name in known else given
            elif key == "required":
                found[key] = [*found.get(key, ()), *value]
            else:
                found[key] = value
    return found


def _resolved(document: Json, item: Json) -> Json:
    while "$ref" in item:
        target: Any = document
        for part in item["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        item = target
    return item


def _kind(schema: Json) -> str:
    """A type in words: `text, one of a, b`."""
    if "const" in schema:
        return f"always {json.dumps(schema['const'], ensure_ascii=False)}"
    given = schema.get("type", ())
    words = [_WORDS.get(kind, kind) for kind in ([given] if isinstance(given, str) else given)]
    if "enum" in schema:
        words.append("one of " + ", ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"]))
        return ", ".join(words)
    kind = " or ".join(words)
    if schema.get("format") == "date-time":
        kind = "time"
    bounds = [text.format(schema[key]) for key, text in _BOUNDS.items() if key in schema]
    return ", ".join([*([kind] if kind else []), *bounds]) or "anything"


_WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list", "null": "null"}
