"""One way's faults, one after the other."""

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.faults.faults import FAULTS
from tests.faults.figures import Figures, table
from tests.faults.places import PLACES
from tests.faults.scene import Sizes, scene


@dataclass
class Played:
    """What came of it."""

    figures: list[Figures] = field(default_factory=list)
    failure: str = ""
    """The first thing that did not hold; nothing was tried after it."""


async def play(
    way: str, sizes: Sizes, *, seconds: float = 0, only: Sequence[str] | None = None, say: Callable[[str], None] = print
) -> Played:
    """Try every fault of a way once, and again until the time is over.

    Args:
        only: these faults alone.
        say: is told of each fault when it is over.
    """
    until = time.monotonic() + seconds
    played = Played()
    faults = [fault for fault in FAULTS if way in fault.ways and (only is None or fault.name in only)]
    with PLACES[way]() as place:
        if place.disk is None:
            faults = [fault for fault in faults if not fault.needs_disk]
            say(f"No full disk is tried: {place.no_disk}")
        async with scene(place, sizes) as now:
            try:
                while True:
                    for together in [faults] if sizes.is_short else [[fault] for fault in faults]:
                        rows = await now.under_load(together)
                        played.figures += rows
                        say("\n".join(table(rows).splitlines()[1:]))
                    if time.monotonic() >= until:
                        break
                played.figures.append(await now.finish())
            except AssertionError:
                played.failure = traceback.format_exc()
    return played
