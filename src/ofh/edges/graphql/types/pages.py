"""What all cursor connections share: their page's ends, and how one is made of a page of rows."""

from dataclasses import dataclass
from typing import Annotated, Any

import strawberry

from ofh.edges.graphql.visibility import OfWorkspace
from ofh.services.pages import Page

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


def page_info(page: Page[Any]) -> PageInfo:
    """Where a page begins and ends."""
    return PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=page.cursors[0] if page.cursors else None,
        end_cursor=page.cursors[-1] if page.cursors else None,
    )


@dataclass(kw_only=True)
class OfPage(OfWorkspace):
    """A page of rows of one workspace."""

    page: strawberry.Private[Page[Any]]
    list_of: strawberry.Private[int]
    """The workspace whose list it is."""

    @property
    def workspace_id(self) -> int:
        return self.list_of
