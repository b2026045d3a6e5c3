"""Replays: the events of a past time once more, in their order, at any pace, with the state at the start before them.

Their users pause them, change their speed and have them jump, from whatever process that is said in (`steering.py`).
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from ofh.backends.places import AGAIN_S, MemoryPlaces, Places
from ofh.domain.actors import Actor
from ofh.domain.errors import Code, HubError, bad_input
from ofh.domain.feed import Choice
from ofh.domain.reasons import Reason
from ofh.store.database import Database

from .past import Past, micros_of
from .replay import FASTEST, Progress, Replay, Span, Wait, wait
from .steering import Steering, steering_name


class Replays:
    """All replays of one process.

    Args:
        clock: the hub's time, UTC.
        monotonic: seconds of a clock that only ever grows.
        per_user: how many of one user run at the same time.
        places: where that is counted; None: in this process alone.
    """

    def __init__(
        self,
        database: Database,
        past: Past,
        steering: Steering,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        *,
        per_user: int = 5,
        places: Places | None = None,
        wait: Wait = wait,
    ) -> None:
        self._database = database
        self._past = past
        self._steering = steering
        self._clock = clock
        self._monotonic = monotonic
        self._per_user = per_user
        self._wait = wait
        self._places = places or MemoryPlaces()
        self._turn = asyncio.Lock()
        """Replays read in turns: what happens now does not wait for all of them."""

    def span(
        self,
        workspace_id: int,
        start: datetime,
        end: datetime,
        speed: float,
        choice: Choice,
        interval: timedelta = timedelta(0),
    ) -> Span:
        """What is to be replayed, if it can be; its end is now at the latest.

        Args:
            interval: see `Span.interval_s`.
        Raises:
            HubError: BAD_INPUT.
        """
        now_us = micros_of(self._clock())
        start_us, end_us = micros_of(start), micros_of(end)
        if end_us < start_us:
            raise bad_input("to", Reason.END_BEFORE_START)
        if start_us > now_us:
            raise bad_input("from", "This must not be in the future.")
        return Span(
            workspace_id=workspace_id,
            start_us=start_us,
            end_us=min(end_us, now_us),
            speed=checked_speed(speed),
            choice=choice,
            interval_s=interval.total_seconds(),
        )

    @asynccontextmanager
    async def open(
        self, actor: Actor, span: Span, name: str | None = None, progress: Progress | None = None
    ) -> AsyncIterator["Replay"]:
        """Begin a replay for somebody who may see the workspace.

        Args:
            name: by which its user steers it.
            progress: where it goes on, if it had begun already.
        Raises:
            HubError: RATE_LIMITED, the user has too many.
        """
        async with self._place(actor.user_id):
            replay = Replay(self._database, self._past, span, self._monotonic, self._wait, self._turn, progress)
            with ExitStack() as stack:
                if name is not None:
                    stack.enter_context(self._steering.hearing("replay", actor.user_id, name, replay.hear))
                yield replay

    @asynccontextmanager
    async def _place(self, user_id: int) -> AsyncIterator[None]:
        """One of those that a user has.

        Raises:
            HubError: RATE_LIMITED.
        """
        key, place = f"replays:{user_id}", secrets.token_hex(8)
        staying: asyncio.Task[None] | None = None
        try:
            if not await self._places.take(key, place, self._per_user):
                raise HubError(Code.RATE_LIMITED, f"At most {self._per_user} replays of one user at a time.")
            staying = asyncio.create_task(self._stay(key, place), name="replay's place")
            yield
        finally:  # also of who was cancelled while it was being taken
            if staying is not None:
                staying.cancel()
            await self._places.leave(key, place)

    async def _stay(self, key: str, place: str) -> None:
        """Keep a place; what has it goes on even where others were given more meanwhile."""
        while True:
            await asyncio.sleep(AGAIN_S)
            await self._places.take(key, place, self._per_user)

    async def control(
        self,
        actor: Actor,
        name: str,
        *,
        paused: bool | None = None,
        speed: float | None = None,
        position: datetime | None = None,
    ) -> None:
        """Tell an actor's own replays of a name what to do; what is None stays as it is.

        Args:
            position: the moment to jump to.

        Raises:
            HubError: BAD_INPUT.
        """
        words: dict[str, Any] = {}
        if position is not None:
            words["position_us"] = micros_of(position)
        if speed is not None:
            words["speed"] = checked_speed(speed)
        if paused is not None:
            words["paused"] = paused
        await self._steering.say("replay", actor.user_id, steering_name(name), words)


def checked_speed(speed: float) -> float:
    """A speed that a replay can have.

    Raises:
        HubError: BAD_INPUT.
    """
    if not 0 <= speed <= FASTEST:
        raise bad_input("speed", f"This must be from 0 to {FASTEST:.0f}.")
    return speed
