"""What is drawn on the map that a workspace's controllers and members share."""

from datetime import datetime
from uuid import UUID

import strawberry

from ofh.domain.map_elements import ElementType
from ofh.edges.graphql.fields import field
from ofh.edges.graphql.scalars import Json, describe
from ofh.edges.graphql.visibility import OfWorkspace
from ofh.store import models

describe(
    ElementType,
    "MapElementType",
    "What is drawn.",
    {
        ElementType.POINT: "One position.",
        ElementType.LINE: "A line through several positions.",
        ElementType.POLYGON: "An area.",
    },
)


@strawberry.type(
    description="A point, line or area that somebody drew, on a controller or by this API, for all of them to see."
)
class MapElement(OfWorkspace):
    row: strawberry.Private[models.MapElement]

    @property
    def workspace_id(self) -> int:
        return self.row.workspace_id

    @field("As the hub or a controller made it; unique within the workspace.")
    def id(self) -> UUID:
        found: UUID = self.row.element_id
        return found

    @field("What people call it.")
    def name(self) -> str:
        return self.row.name

    @field("What is drawn.")
    def type(self) -> ElementType:
        return ElementType(self.row.type)

    @field("Who drew it: a member's name, or what a controller says.")
    def drawn_by(self) -> str:
        return self.row.user_name

    @field(
        "A GeoJSON feature. Degrees (WGS 84), longitude first; `properties.color` is the colour as `#RRGGBB`, and "
        "`properties.clampToGround` says whether it lies on the ground."
    )
    def content(self) -> Json:
        return Json(self.row.content)

    @field("When it was drawn.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @field("When it was last changed.")
    def updated_at(self) -> datetime:
        return self.row.updated_at
