"""`ofh export`: tracks as files, out of the database, whether or not a hub runs on it.

A file appears under its name only when it is complete. What goes wrong while it is written to standard output is one
line on standard error and exit code 1: what has been written by then is no whole file.
"""

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from ofh.domain.exports.about import ExportFormat
from ofh.domain.times import read_time

from .common import Data, clear_errors, fail, open_database, run, settings_of

if TYPE_CHECKING:
    from ofh.domain.actors import Actor
    from ofh.services.exports import Export, Exports
    from ofh.settings import Settings

export_app = typer.Typer(
    no_args_is_help=True, help="Tracks as files: GeoJSON, GPX 1.1, KML with times, or CSV with units."
)

FORMATS = ", ".join(format.suffix for format in ExportFormat)

Id = Annotated[int, typer.Argument(metavar="ID", min=1, help="Its id, as in the API.")]
Format = Annotated[
    str | None,
    typer.Option("--format", metavar="FORMAT", help=f"{FORMATS}.  [default: by the ending of FILE, else geojson]"),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", dir_okay=False, help="The file.  [default: standard output]"),
]
Force = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]
Opened = Callable[["Exports"], AbstractAsyncContextManager["Export"]]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(export_app, name="export")


@export_app.command("flight")
def export_flight(
    id: Id, format: Format = None, output: Output = None, force: Force = False, data: Data = None
) -> None:
    """Write the track of a flight, from take-off to landing; of one under way, up to its newest report."""
    from ofh.services.access import OPERATOR

    kind = _format(format, output)
    _write(settings_of(data=data), lambda exports: exports.flight(OPERATOR, id, kind), output, force)


@export_app.command("drone")
def export_drone(
    id: Id,
    start: Annotated[
        str,
        typer.Option("--from", metavar="TIME", help="The beginning: ISO 8601 with an offset, 2026-05-01T12:00:00Z."),
    ],
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="The end, likewise.  [default: now]")] = None,
    format: Format = None,
    output: Output = None,
    force: Force = False,
    data: Data = None,
) -> None:
    """Write where a drone was from one time to another, however much that is."""
    from ofh.choices import now
    from ofh.services.access import OPERATOR

    kind = _format(format, output)
    first = _time(start, "--from")
    last = now() if end is None else _time(end, "--to")
    _write(settings_of(data=data), lambda exports: exports.drone(OPERATOR, id, first, last, kind), output, force)


def _write(settings: "Settings", opened: Opened, output: Path | None, force: bool) -> None:
    async def work(target: IO[bytes]) -> None:
        async with _exports(settings) as exports, opened(exports) as export:
            with _progress(export, shown=output is not None and sys.stderr.isatty()) as show:
                async with aclosing(export.pieces()) as pieces:
                    async for piece in pieces:
                        _put(target, piece)
                        show()
                _put(target, b"")

    with clear_errors(), nullcontext(sys.stdout.buffer) if output is None else _file(output, force) as target:
        run(work(target))


@asynccontextmanager
async def _exports(settings: "Settings") -> AsyncIterator["Exports"]:
    """The service alone, on the open database."""
    from ofh.choices import now
    from ofh.services.access import Access
    from ofh.services.audit import Audit
    from ofh.services.exports import Exports
    from ofh.services.fleet import Fleet
    from ofh.services.flights import Flights

    async with open_database(settings) as database:
        access = Access(Audit(clock=now))
        fleet = Fleet(database, access, now)
        yield Exports(database, access, fleet, Flights(database, access, fleet), _always)


async def _always(_actor: "Actor") -> bool:
    """The operator has no session that could end."""
    return True


def _put(target: IO[bytes], piece: bytes) -> None:
    """Write; a reader of standard output that has had enough, such as `head`, ends the command without a word."""
    try:
        target.write(piece)
        target.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), target.fileno())  # or Python would try it once more at its end
        raise typer.Exit(1) from None


@contextmanager
def _file(path: Path, force: bool) -> Iterator[IO[bytes]]:
    """A file that gets its name when it is complete, and is gone otherwise."""
    if path.exists() and not force:
        fail(f"{path} is there already. Write over it with --force.")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as target:
            yield target
        if force:
            part.replace(path)
        else:
            _name(part, path)
    finally:
        part.unlink(missing_ok=True)


def _name(part: Path, path: Path) -> None:
    """Give a file its name, but never that of another one, however late it came."""
    try:
        os.link(part, path)
    except FileExistsError:
        fail(f"{path} is there already. Write over it with --force.")
    except OSError:  # a file system without links
        part.replace(path)


@contextmanager
def _progress(export: "Export", *, shown: bool) -> Iterator[Callable[[], None]]:
    """A bar on standard error for people, by the time that the points have reached."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    about = export.about
    whole = (about.end - about.start).total_seconds() or 1.0
    bar: Progress | nullcontext[None] = nullcontext()
    if shown:
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[points]} points")
        bar = Progress(*columns, console=Console(stderr=True))
    with bar as progress:
        task = None if progress is None else progress.add_task(about.title, total=whole, points=0)

        def show() -> None:
            if progress is not None and task is not None and export.until is not None:
                done = (export.until - about.start).total_seconds()
                progress.update(task, completed=done, points=export.points)

        yield show
        if progress is not None and task is not None:
            progress.update(task, completed=whole, points=export.points)


def _format(name: str | None, output: Path | None) -> ExportFormat:
    """What to write: as it is said, else as the file's name says."""
    wanted = name if name is not None else output.suffix.removeprefix(".") if output is not None else "geojson"
    for format in ExportFormat:
        if wanted.lower() == format.suffix:
            return format
    if name is None:
        raise typer.BadParameter(f"say which, since the ending of {output} does not: {FORMATS}", param_hint="--format")
    raise typer.BadParameter(f"write one of {FORMATS}", param_hint="--format")


def _time(text: str, option: str) -> datetime:
    at = read_time(text)
    if at is not None:
        return at
    raise typer.BadParameter("write ISO 8601 with an offset, like 2026-05-01T12:00:00Z", param_hint=option)
