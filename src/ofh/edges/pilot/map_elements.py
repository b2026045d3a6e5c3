"""The shared map as Pilot's module `map` calls it (dji-pilot-2.md, 7.2).

The path of the list is asked with `is_distributed=true` for what controllers are to have; the hub has no groups that
they are not to have, so `false` finds none.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.routing import BaseRoute

from ofh.domain.errors import bad_input
from ofh.services.map_elements import Drawing, Layer, MapElements
from ofh.services.names import check_name
from ofh.store.models import MapElement

from .endpoint import Answer, Ask, PilotEndpoints

MAX_BODY = 256 * 1024
"""Bytes: a feature of 64 KiB may be written with blanks and escapes."""
_BASE = "/map/api/v1/workspaces/{workspace_uuid}"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def routes(endpoints: PilotEndpoints, elements: MapElements) -> list[BaseRoute]:
    """The routes of the four endpoints."""

    async def groups(ask: Ask) -> Answer:
        query = dict(ask.query)
        group_id = _uuid("group_id", query["group_id"]) if query.get("group_id") else None
        layers = await elements.layers(ask.pilot.workspace_id, group_id=group_id)
        return Answer(data=[] if query.get("is_distributed") == "false" else [_layer(layer) for layer in layers])

    async def create(ask: Ask) -> Answer:
        group_id = _uuid("group_id", ask.path["group_id"])
        element_id = _uuid("id", ask.body.get("id"))
        resource = ask.body.get("resource")
        if not isinstance(resource, Mapping):
            raise bad_input("resource", "This is no object.")
        drawing = Drawing.of(ask.body.get("name"), resource.get("content"), type=resource.get("type"))
        user_name = resource.get("user_name")
        await elements.create(
            ask.pilot.workspace_id,
            group_id,
            element_id,
            drawing,
            user_name=check_name(user_name, field="user_name") if isinstance(user_name, str) else ask.pilot.name,
        )
        return Answer(data={"id": str(element_id)})

    async def update(ask: Ask) -> Answer:
        element_id = _uuid("id", ask.path["element_id"])
        drawing = Drawing.of(ask.body.get("name"), ask.body.get("content"))
        await elements.update(ask.pilot.workspace_id, element_id, drawing)
        return Answer(data={"id": str(element_id)})

    async def delete(ask: Ask) -> Answer:
        element_id = _uuid("id", ask.path["element_id"])
        await elements.delete(ask.pilot.workspace_id, element_id)
        return Answer(data={"id": str(element_id)})

    one = _BASE + "/elements/{element_id}"
    return [
        endpoints.route(_BASE + "/element-groups", {"GET": groups}, body="none"),
        endpoints.route(_BASE + "/element-groups/{group_id}/elements", create, max_body=MAX_BODY),
        endpoints.route(one, {"PUT": update, "DELETE": delete}, max_body=MAX_BODY),
    ]


def _layer(layer: Layer) -> dict[str, Any]:
    group = layer.group
    return {
        "id": str(group.id),
        "type": group.type,
        "name": group.name,
        "is_lock": group.is_locked,
        "create_time": _ms(group.created_at),
        "elements": [_element(row) for row in layer.elements],
    }


def _element(row: MapElement) -> dict[str, Any]:
    return {
        "id": str(row.element_id),
        "name": row.name,
        "create_time": _ms(row.created_at),
        "update_time": _ms(row.updated_at),
        "resource": {"type": row.type, "user_name": row.user_name, "content": row.content},
    }


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _uuid(field: str, value: Any) -> UUID:
    if not isinstance(value, str) or _UUID.fullmatch(value) is None:
        raise bad_input(field, "This is no UUID in its hyphenated form.")
    return UUID(value)
