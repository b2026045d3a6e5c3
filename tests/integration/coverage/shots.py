"""Simulated photos as they lie in a workspace once their files have been looked into."""

from dataclasses import replace
from io import BytesIO
from typing import Any

from PIL import Image

from ofh.domain.pictures.metadata import read_metadata
from ofh.simulator import picture
from ofh.simulator.photos import Photo
from ofh.store.models import File, Media
from tests.integration.coverage.survey import Survey
from tests.support.media import NOW
from tests.unit.simulator.test_photos import photos, shot

__all__ = ["kept", "plain_pictures", "taken"]


def plain_pictures(monkeypatch: Any) -> None:
    """Files with all that they say and nothing to see: drawing takes its time."""

    def plain(pose: Any, *_: Any, **__: Any) -> Image.Image:
        return Image.new("RGB", (pose.width, pose.height), (90, 120, 60))

    monkeypatch.setattr(picture, "draw", plain)


def taken(lens: int = 0, **changes: Any) -> Photo:
    """A photo of a shot 57 m above flat ground, straight down unless told otherwise."""
    return photos(shot(**changes))[lens]


async def kept(
    survey: Survey,
    photo: Photo,
    *,
    is_read: bool = True,
    says: bool = True,
    is_height_told: bool = True,
    **values: Any,
) -> Media:
    """Its row, as the callback and the reading of the file make it.

    Args:
        is_read: whether the file has been looked into.
        says: whether there are metadata in it.
        is_height_told: whether file and controller tell the height above the take-off point.
    """
    content = photo.content()
    found = read_metadata(lambda at, length: BytesIO(content[at : at + length]).read(), len(content), "image/jpeg")
    if not says:
        found = replace(found, exif={}, xmp={})
    metadata = photo.metadata if says else {}
    if not is_height_told:
        found = replace(found, xmp={name: text for name, text in found.xmp.items() if name != "RelativeAltitude"})
        del metadata["relative_altitude"]
    row = await survey.photo(
        captured_at=photo.taken_at,
        callback={"name": photo.name, "metadata": metadata} if metadata else {"name": photo.name},
        **({"meta": found.as_json(), "width": found.width, "height": found.height} if is_read else {}),
        **values,
    )
    await File.filter(id=row.file_id).update(name=photo.name, analysed_at=NOW if is_read else None)
    return row
