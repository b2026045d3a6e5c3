"""`ofh history`: what of the history is kept, seen and done from outside, whether or not a hub runs."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .common import Data, Json, open_database, run, settings_of
from .output import aligned, encoded

if TYPE_CHECKING:
    from ofh.services.retention import Pruning

history_app = typer.Typer(no_args_is_help=True, help="Tracks, flights, events and alerts, and how long they are kept.")

COLUMNS = ("workspace", "name", "days", "drones", "dropped", "thinned", "flights", "events", "alerts", "feed")


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(history_app, name="history")


@history_app.command("prune")
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Drop the history that is too old and thin what is old, as a running hub does once an hour.

    How old that is say OFH_HISTORY_DAYS, OFH_HISTORY_FULL_DAYS and OFH_FEED_DAYS, and each workspace for itself.
    """
    settings = settings_of(data=data)

    async def work() -> "Pruning":
        from ofh.choices import retention_of

        async with open_database(settings) as database:
            return await retention_of(settings, database).prune(is_trial=dry_run)

    done = run(work())
    if as_json:
        typer.echo(encoded({"dry_run": dry_run, **asdict(done)}))
        return
    for line in _report(done, is_trial=dry_run):
        typer.echo(line)


def _report(done: "Pruning", *, is_trial: bool) -> Iterator[str]:
    table: list[tuple[str, ...]] = [COLUMNS]
    table += [tuple(str(value) for value in asdict(row).values()) for row in done.workspaces]
    if len(table) > 1:
        yield "Points dropped and thinned, flights, events, alerts and what can be replayed (feed), by workspace:"
        yield from aligned(table)
    else:
        yield "No workspaces."
    for name, points in sorted(done.partitions.items()):
        yield f"Partition {name}, of every workspace: about {points} points dropped."
    if is_trial:
        yield "Nothing was changed. Without --dry-run this would go."
