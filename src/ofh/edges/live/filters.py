"""What a subscription's filter means: pure, and strict, since a filter that does not parse is refused."""

import re

from ofh.domain.events import Table
from ofh.domain.traffic import Circle
from ofh.edges.ids import id_in

from .protocol import MAX_FILTER

_NUMBER = re.compile(r"[+-]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})(e[+-]?\d{1,2})?", re.ASCII | re.IGNORECASE)
"""A number as JavaScript writes it."""

TABLES = {
    **{table.value: table for table in Table},
    **{f"{table.value}s": table for table in Table if table is not Table.MEDIA},
    "remote-controller": Table.REMOTE_CONTROLLER,
}
"""The names that `db_row_update` takes: a thing as REST names it in its ids, in the plural, or in its path.

They name no table of the database."""


def table_row(filter: str) -> tuple[Table, int] | None:
    """The row of `table%rowId`; None where it is none."""
    name, percent, text = filter.partition("%")
    table, number = TABLES.get(name), id_in(text)
    return (table, number) if percent and table is not None and number is not None else None


def circle(filter: str) -> Circle | None:
    """The circle of `latitude$longitude$radius`, degrees and metres; None where it is none."""
    parts = filter.split("$") if len(filter) <= MAX_FILTER else []
    if len(parts) != 3 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    latitude, longitude, radius = (float(part) for part in parts)
    found = Circle(longitude_deg=longitude, latitude_deg=latitude, radius_m=radius)
    return found if found.is_sound else None
