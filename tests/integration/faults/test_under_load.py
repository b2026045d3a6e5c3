"""Everything that can go wrong, under the load of many devices: the short form of `make faults`.

The figures are printed; that nothing is lost and nothing counted twice is what has to hold. What else
stops and kills hubs is in `test_kill.py` and `test_stop.py`.
"""

import pytest

from tests.conftest import BOTH_WAYS
from tests.faults.figures import table
from tests.faults.play import play
from tests.faults.scene import Sizes

SHORT = Sizes(before_s=0.3, away_s=0.3, hubs=1, is_short=True)
FAULTS = {
    "embedded": ["hub killed", "disk full"],
    "services": [
        "PostgreSQL killed",
        "Redis killed",
        "PostgreSQL paused",
        "disk full",
        "Mosquitto killed",
    ],
}


@pytest.mark.parametrize("way", BOTH_WAYS)
async def test_what_was_acknowledged_is_stored_once_whatever_breaks(way: str) -> None:
    played = await play(way, SHORT, only=FAULTS[way])
    print(table(played.figures))
    assert not played.failure, f"{table(played.figures)}\n{played.failure}"
