"""Ids as clients write them: one rule for paths, query strings, arguments and filters (security.md, A3)."""

import re
from typing import Final

from ofh.domain.errors import bad_input

MAX_ID: Final = 10**18 - 1
"""Eighteen digits fit every id column."""

_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def id_in(text: str) -> int | None:
    """The id that a text is; None where it is none."""
    return int(text) if _ID.fullmatch(text) else None


def number(text: str, field: str = "id") -> int:
    """The number that an id stands for.

    Raises:
        HubError: BAD_INPUT, no such number.
    """
    if (found := id_in(text)) is None:
        raise bad_input(field, "An id is a whole number of 1 to 18 digits, without a sign or leading zeros.")
    return found
