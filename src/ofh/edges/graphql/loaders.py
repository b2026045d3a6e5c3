"""Related rows, fetched in one statement for all that ask in the same round.

A row's own relation attributes would each be a hidden query; resolvers go through these instead. A set of loaders
lives for one operation (for one event in a shared subscription): it remembers what it has read, so a longer life
would show old rows. It knows nothing of the reader: whether a row may be shown is `visibility.py`'s matter.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from strawberry.dataloader import DataLoader
from tortoise.models import Model

from ofh.domain.errors import gone
from ofh.store import models
from ofh.store.devices import D, shown_of
from ofh.store.of_drones import counts_of, newest_of
from ofh.store.streams import Offer, offers_of

if TYPE_CHECKING:
    from .context import Services

M = TypeVar("M", bound=Model)
F = TypeVar("F", models.Flight, models.Media)

READ = 250
"""Rows of a list that are read at once: objects are made of them in one go, and others have their turns in between."""
BATCH = 10_000
"""Keys in one statement; both databases take some 32,000 parameters."""


class Loaders:
    """The loaders of one operation, by what they give and for what key."""

    def __init__(self, services: "Services") -> None:
        self.users = _loader(_rows(models.User))
        self.workspaces = _loader(_rows(models.Workspace))
        self.connections = _loader(_rows(models.Connection))
        self.drones = _loader(_rows(models.Drone))
        self.remote_controllers = _loader(_rows(models.RemoteController))
        self.flights = _loader(_rows(models.Flight))
        self.alerts = _loader(_rows(models.Alert))
        self.alert_rules = _loader(_rows(models.AlertRule))

        self.files = _loader(_rows(models.File))
        self.media = _loader(_rows(models.Media))
        self.media_groups = _loader(_rows(models.MediaGroup))

        self.access_tokens_of_user = _loader(_lists(models.AccessToken, "user_id"))
        self.members_of_workspace = _loader(_lists(models.Membership, "workspace_id"))
        self.connections_of_workspace = _loader(_lists(models.Connection, "workspace_id"))
        self.drones_of_workspace = _loader(_lists(models.Drone, "workspace_id"))
        self.remote_controllers_of_workspace = _loader(_lists(models.RemoteController, "workspace_id"))
        self.streams_of_drone = _loader(_lists(models.Stream, "drone_id"))
        self.stream_offers_of_drone = _loader(_stream_offers)
        self.link_steps_of_connection = _loader(_lists(models.LinkStep, "connection_id"))
        self.alert_rules_of_workspace = _loader(_lists(models.AlertRule, "workspace_id"))
        self.map_elements_of_workspace = _loader(_lists(models.MapElement, "workspace_id"))

        self.coverage_of_media = _loader(_answers(services))
        self.media_of_file = _loader(_by(models.Media, "file_id"))
        self.media_count_of_drone = _loader(_counts(models.Media))
        self.newest_media: DataLoader[tuple[int, int], list[models.Media]] = DataLoader(load_fn=_newest(models.Media))
        """By drone and how many at the most."""
        self.flight_count_of_drone = _loader(_counts(models.Flight))
        self.newest_flights: DataLoader[tuple[int, int], list[models.Flight]] = DataLoader(
            load_fn=_newest(models.Flight)
        )
        """By drone and how many at the most."""
        self.current_flight = _loader(_by(models.Flight, "open_drone_id"))
        self.drone_of_connection = _loader(_shown(models.Drone))
        self.remote_controller_of_connection = _loader(_shown(models.RemoteController))

    def forget(self) -> None:
        """Read everything anew from now on: something has been changed."""
        for loader in vars(self).values():
            loader.clear_all()


async def _stream_offers(keys: list[int]) -> list[list[Offer]]:
    found = await offers_of(keys)
    return [found[key] for key in keys]


def _answers(services: "Services") -> Callable[[list[int]], Awaitable[list[str | Mapping[str, str] | None]]]:
    """What media items show of the ground, as JSON, or what is missing to know it. Computed where nobody has yet."""

    async def load(keys: list[int]) -> list[str | Mapping[str, str] | None]:
        found = await services.coverages.of_ids(keys)
        return [found[key] for key in keys]

    return load


async def existing(loader: DataLoader[int, Any], key: int, what: str) -> Any:
    """The row of this key, where something that was just read points at it.

    Raises:
        HubError: GONE, it was deleted in between.
    """
    row = await loader.load(key)
    if row is None:
        raise gone(what)
    return row


def _loader(load: Callable[[list[int]], Awaitable[list[Any]]]) -> DataLoader[int, Any]:
    return DataLoader(load_fn=load, max_batch_size=BATCH)


def _rows(model: type[M]) -> Callable[[list[int]], Awaitable[list[M | None]]]:
    """Rows by their own id; None where there is none."""

    async def load(ids: list[int]) -> list[M | None]:
        found = {row.pk: row for row in await model.filter(id__in=ids)}
        return [found.get(key) for key in ids]

    return load


def _by(model: type[M], column: str) -> Callable[[list[int]], Awaitable[list[M | None]]]:
    """Rows by what a unique column of theirs names; None where there is none."""

    async def load(keys: list[int]) -> list[M | None]:
        found = {getattr(row, column): row for row in await model.filter(**{f"{column}__in": keys})}
        return [found.get(key) for key in keys]

    return load


def _lists(model: type[M], column: str) -> Callable[[list[int]], Awaitable[list[list[M]]]]:
    """All rows that name the key in a column, oldest first."""

    async def load(keys: list[int]) -> list[list[M]]:
        found: dict[int, list[M]] = {key: [] for key in keys}
        behind = 0
        while True:
            rows = await model.filter(**{f"{column}__in": keys}, id__gt=behind).order_by("id").limit(READ)
            for row in rows:
                found[getattr(row, column)].append(row)
            if len(rows) < READ:
                return [found[key] for key in keys]
            behind = rows[-1].pk
            await asyncio.sleep(0)

    return load


def _newest(model: type[F]) -> Callable[[list[tuple[int, int]]], Awaitable[list[list[F]]]]:
    """What drones have newest; one statement, unless they are asked for by different numbers."""

    async def load(keys: list[tuple[int, int]]) -> list[list[F]]:
        found: dict[tuple[int, int], list[F]] = {}
        for size in sorted({size for _, size in keys}):
            rows = await newest_of(model, [drone for drone, wanted in keys if wanted == size], size)
            found.update({(drone, size): listed for drone, listed in rows.items()})
        return [found[key] for key in keys]

    return load


def _counts(model: type[F]) -> Callable[[list[int]], Awaitable[list[int]]]:
    """How many drones have."""

    async def load(keys: list[int]) -> list[int]:
        counts = await counts_of(model, keys)
        return [counts.get(key, 0) for key in keys]

    return load


def _shown(model: type[D]) -> Callable[[list[int]], Awaitable[list[D | None]]]:
    async def load(keys: list[int]) -> list[D | None]:
        found = await shown_of(model, keys)
        return [found.get(key) for key in keys]

    return load
