"""Files and media."""

from typing import Annotated

import strawberry

from ofh.edges.graphql.types.media import File
from ofh.edges.graphql.visibility import Info, shown_or_gone
from ofh.edges.ids import number

from .base import mutation

FileId = Annotated[strawberry.ID, strawberry.argument(description="The file's id.")]


@strawberry.type
class MediaMutations:
    @mutation("Give a file another name; a media item shows it too. For members who are more than viewers.")
    async def rename_file(
        self,
        info: Info,
        id: FileId,
        name: Annotated[
            str,
            strawberry.argument(description="1 to 255 bytes, without slashes, backslashes and control characters."),
        ],
    ) -> File:
        actor = info.context.require_actor()
        row = await info.context.services.files.rename(actor, number(id, "id"), name)
        return await shown_or_gone(info, File, row, "file")

    @mutation(
        "Delete a file for good, and the media item that it belongs to; no controller sends that again. For members "
        "who are more than viewers."
    )
    async def delete_file(self, info: Info, id: FileId) -> bool:
        actor = info.context.require_actor()
        await info.context.services.files.delete(actor, number(id, "id"))
        return True

    @mutation(
        "Delete a media item for good, with its file; no controller sends it again. For members who are more than "
        "viewers."
    )
    async def delete_media(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The media item's id.")],
    ) -> bool:
        actor = info.context.require_actor()
        await info.context.services.files.delete_media(actor, number(id, "id"))
        return True
