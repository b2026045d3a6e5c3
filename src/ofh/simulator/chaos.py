"""What goes wrong between a controller and its hub, drawn from a seed: links break, messages come late, twice or never.

`Chaos` only decides; those who ask it lose, repeat or wait. Without a seed nothing ever goes wrong. Each controller has
one of its own, so that its luck does not depend on what the others do.
"""

import asyncio
from random import Random

LOST_REQUEST = 0.08
"""Share of the requests that do not arrive."""
LOST_ANSWER = 0.08
"""Share of the requests that arrive, while the answer does not."""
TORN_UPLOAD = 0.15
"""Share of the uploads that break in the middle."""
REPEATED = 0.15
"""Share of callbacks and telemetry that are sent twice."""
LATE = 0.2
"""Share of what comes late, and thereby in another order."""
LATE_S = (0.2, 4.0)
LINK_LASTS_S = (20.0, 120.0)
"""After so long the MQTT connection breaks."""


class Chaos:
    """The luck of one controller.

    Args:
        seed: None for none of it.
        name: tells the controllers of one seed apart.
        haste: everything that takes time takes so many times less.
    """

    def __init__(self, seed: int | None = None, name: str = "", *, haste: float = 1.0) -> None:
        self._seed = seed
        self._haste = haste
        self._random = Random(f"{seed}:chaos:{name}")  # noqa: S311 - nothing here is a secret

    @property
    def is_calm(self) -> bool:
        """Nothing ever goes wrong."""
        return self._seed is None

    def of(self, name: str) -> "Chaos":
        """The luck of one controller, with the same seed."""
        return Chaos(self._seed, name, haste=self._haste)

    def loses_request(self) -> bool:
        """The next request does not arrive."""
        return self._happens(LOST_REQUEST)

    def loses_answer(self) -> bool:
        """The next answer does not arrive."""
        return self._happens(LOST_ANSWER)

    def repeats(self) -> bool:
        """The next statement is made twice."""
        return self._happens(REPEATED)

    def tears(self) -> float | None:
        """The next upload breaks after this share of its bytes; None: it does not."""
        return self._random.uniform(0.05, 0.95) if self._happens(TORN_UPLOAD) else None

    def hurries(self) -> bool:
        """A group is told complete before its last file is."""
        return self._happens(0.3)

    def pick(self, waiting: int) -> int:
        """Which of so many that wait comes next."""
        return self._random.randrange(waiting) if not self.is_calm else 0

    async def dawdle(self) -> None:
        """Come late, perhaps."""
        if self._happens(LATE):
            await asyncio.sleep(self._random.uniform(*LATE_S) / self._haste)

    def link_lasts_s(self) -> float:
        """How long the next MQTT connection holds."""
        return self._random.uniform(*LINK_LASTS_S) / self._haste

    def _happens(self, share: float) -> bool:
        return not self.is_calm and self._random.random() < share
