"""Which media items show some of an area: by the ground that they show, and where that is not known by where their
camera was. A statement finds those whose box meets the area; whether the ground in the box does is looked at after it.
"""

import asyncio
from collections.abc import Sequence

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from ofh.domain.areas import Area
from ofh.store.models import Coverage, Media

BATCH = 500
_TURNS = (-360.0, 0.0, 360.0)


def near(area: Area) -> Q:
    """Media items that may show some of an area."""
    shown = Q(coverage__south__lte=area.north_deg, coverage__north__gte=area.south_deg) & Q(
        *(
            Q(coverage__west__lte=east, coverage__east__gte=west)
            for west, east in ((_ends(area)[0] + turn, _ends(area)[1] + turn) for turn in _TURNS)
        ),
        join_type=Q.OR,
    )
    return shown | (Q(coverage__west__isnull=True) & _camera_in(area))


async def showing(media_ids: Sequence[int], area: Area) -> set[int]:
    """Those of these that do; of media items that `near` has found."""
    found = set(media_ids)
    for first in range(0, len(media_ids), BATCH):
        batch = list(media_ids[first : first + BATCH])
        partly = await Coverage.filter(_reaching_out(area), media_id__in=batch).values_list("media_id", "shape")
        if partly:
            ids, shapes = zip(*partly, strict=True)
            met = await asyncio.to_thread(_meet, shapes, area)
            found -= {number for number, is_met in zip(ids, met, strict=True) if not is_met}
    return found


async def not_showing(media: QuerySet[Media], area: Area) -> int:
    """How many of the media items that `near` has found do not."""
    ids = await media.filter(coverage__west__not_isnull=True).values_list("id", flat=True)
    return len(ids) - len(await showing([int(number) for number in ids], area))  # type: ignore[call-overload]


def _ends(area: Area) -> tuple[float, float]:
    """Its western and eastern ends, the eastern one beyond 180 where it crosses the antimeridian."""
    return area.west_deg, area.east_deg + (360 if area.west_deg > area.east_deg else 0)


def _reaching_out(area: Area) -> Q:
    """Coverages that are not within it by their boxes alone."""
    west, east = _ends(area)
    within = Q(
        *(Q(west__gte=west + turn, east__lte=east + turn) for turn in _TURNS),
        join_type=Q.OR,
    ) & Q(south__gte=area.south_deg, north__lte=area.north_deg)
    return Q(west__not_isnull=True) & ~within


def _camera_in(area: Area) -> Q:
    east_of, west_of = Q(longitude__gte=area.west_deg), Q(longitude__lte=area.east_deg)
    longitudes = east_of & west_of if area.west_deg <= area.east_deg else east_of | west_of
    return longitudes & Q(latitude__gte=area.south_deg, latitude__lte=area.north_deg)


def _meet(shapes: Sequence[bytes], area: Area) -> list[bool]:
    from ofh.domain.covered_ground import meet, read_shapes

    return meet(read_shapes(shapes), area)
