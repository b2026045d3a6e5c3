"""How a command says what it found: one JSON object for scripts, lines and tables for people."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson
import typer


def time_of(at: datetime | None) -> str | None:
    """A moment as scripts read it."""
    return None if at is None else at.isoformat()


def show(answer: dict[str, Any], as_json: bool, *lines: str) -> None:
    """One answer: an object for a script, or lines for a person."""
    typer.echo(encoded(answer) if as_json else "\n".join(lines))


def show_list(name: str, rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """A list: an object for a script, or a table for a person."""
    if as_json:
        typer.echo(encoded({name: rows}))
        return
    if not rows:
        typer.echo(f"No {name}.")
        return
    table = [
        [column.replace("_", " ") for column in rows[0]],
        *([_cell(value) for value in row.values()] for row in rows),
    ]
    for line in aligned(table):
        typer.echo(line)


def aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table whose columns stand one below the other."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


def encoded(answer: dict[str, Any]) -> str:
    """An answer on one line of JSON."""
    return orjson.dumps(answer).decode()
