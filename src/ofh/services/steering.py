"""Steering: what users tell that which runs for them under a name, such as a replay, in whatever process it runs.

Word goes by `Control`, so nobody knows whether anything heard it: a name that nothing runs under is no error. A name
counts for its user alone; several things of one user and name all hear.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from ofh.domain.errors import Code, HubError, bad_input
from ofh.domain.reasons import Reason

from .control import Control
from .names import is_text

NAME_CHARACTERS = 64
HEARERS = 10
"""What may run for one user under one name in one process: all of it does what one word says."""
Steered = Literal["replay", "view"]
"""What can be steered: a replay; the area that a subscriber of `fleet` looks at."""
Hear = Callable[[Mapping[str, Any]], None]
"""Takes what was said; must not block, and sees to it that words which make no sense do no harm."""


class Steering:
    """All that can be steered in this process. Owned by the hub."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._hearers: dict[tuple[str, int, str], list[Hear]] = defaultdict(list)
        control.subscribe(self._told)

    def check_room(self, what: Steered, user_id: int, name: str) -> None:
        """See whether one more may run for a user under a name.

        Raises:
            HubError: RATE_LIMITED.
        """
        if len(self._hearers.get((what, user_id, name), ())) >= HEARERS:
            raise HubError(Code.RATE_LIMITED, f"At most {HEARERS} of one name at a time.")

    @contextmanager
    def hearing(self, what: Steered, user_id: int, name: str, hear: Hear) -> Iterator[None]:
        """Have something hear what its user says, for as long as this lasts.

        Args:
            name: as `steering_name` let it pass.
        """
        key = (what, user_id, name)
        self._hearers[key].append(hear)
        try:
            yield
        finally:
            self._hearers[key].remove(hear)
            if not self._hearers[key]:
                del self._hearers[key]

    async def say(self, what: Steered, user_id: int, name: str, words: Mapping[str, Any]) -> None:
        """Tell all that runs for a user under a name; returns once what runs in this process has heard.

        Args:
            words: plain JSON.
        """
        await self._control.publish("steering", what=what, user_id=user_id, name=name, words=dict(words))

    def _told(self, message: Mapping[str, Any]) -> None:
        if message["kind"] == "steering":
            key = (message["what"], message["user_id"], message["name"])
            for hear in list(self._hearers.get(key, ())):
                hear(message["words"])


def steering_name(name: str, field: str = "name") -> str:
    """The name, if it can be one: 1 to 64 characters.

    Raises:
        HubError: BAD_INPUT.
    """
    if not 1 <= len(name) <= NAME_CHARACTERS:
        raise bad_input(field, f"A name has 1 to {NAME_CHARACTERS} characters.")
    if not is_text(name):
        raise bad_input(field, Reason.NO_TEXT)
    return name
