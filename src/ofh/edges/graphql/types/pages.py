"""What all cursor connections share: their page's ends, and how one is made of a page of rows."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import strawberry

from ofh.edges.graphql.fields import field
from ofh.edges.graphql.visibility import OfWorkspace
from ofh.services.pages import Page

E = TypeVar("E")

First = Annotated[int | None, strawberry.argument(description="How many at the most, 1 to 200; 50 if left out.")]
After = Annotated[
    str | None, strawberry.argument(description="Only what comes behind this cursor; from the beginning if left out.")
]


@strawberry.type(description="Where a page of a list begins and ends.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more comes behind this page.")
    has_previous_page: bool = strawberry.field(description="Whether this page began behind a cursor.")
    start_cursor: str | None = strawberry.field(description="The cursor of its first item; null if it is empty.")
    end_cursor: str | None = strawberry.field(description="The cursor of its last item; null if it is empty.")


@strawberry.type(description="A page of a list.")
class OfPage(OfWorkspace):
    """What the pages of all lists tell; each list adds its edges."""

    page: strawberry.Private[Page[Any]]
    list_of: strawberry.Private[int]
    """The workspace whose list it is."""

    @property
    def workspace_id(self) -> int:
        return self.list_of

    def placed(self, edge: Callable[..., E], node: Callable[[Any], Any]) -> list[E]:
        """The items of this page, each at its place in the list.

        Args:
            edge: made with `node` and `cursor`.
            node: what the API calls a row.
        """
        items = zip(self.page.rows, self.page.cursors, strict=True)
        return [edge(node=node(row), cursor=cursor) for row, cursor in items]

    @field("Where this page begins and ends.")
    def page_info(self) -> PageInfo:
        return PageInfo(
            has_next_page=self.page.has_next,
            has_previous_page=self.page.has_previous,
            start_cursor=self.page.cursors[0] if self.page.cursors else None,
            end_cursor=self.page.cursors[-1] if self.page.cursors else None,
        )

    @field("How many items the whole list has.")
    async def total_count(self) -> int:
        return await self.page.count()
