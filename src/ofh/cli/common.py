"""What several commands share: settings, the open database, and how an error leaves."""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NoReturn, TypeVar

import typer

from ofh import logs
from ofh.domain.errors import HubError
from ofh.settings import Settings, SettingsError, load
from ofh.store.database import Database, away

T = TypeVar("T")


def fail(message: str, *, code: int = 1) -> NoReturn:
    """End with one clear line on standard error."""
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(code)


def settings_of(**flags: Any) -> Settings:
    """The settings of this call; wrong ones end it with their names."""
    try:
        return load(**flags)
    except SettingsError as error:
        for line in error.lines:
            typer.echo(f"Error: {line}", err=True)
        raise typer.Exit(2) from None


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn what a user can do something about into one line and exit code 1."""
    try:
        yield
    except HubError as error:
        fail(
            "; ".join(
                [error.message, *(f"{name}: {text}" for name, text in error.fields.items() if text != error.message)]
            )
        )
    except OSError as error:
        fail(str(error))
    except Exception as error:
        refusal = away(error)
        if refusal is None:
            raise
        fail(f"{refusal.message} ({error})")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work to its end."""
    with clear_errors():
        return asyncio.run(work)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The database, migrated and open, whether or not a hub runs on it."""
    logs.configure("warning", settings.log_format)
    database = Database(settings.database, pool_size=2)
    applied = await database.migrate()
    if applied:
        print(f"Database migrated: {', '.join(applied)}", file=sys.stderr)
    await database.open()
    try:
        yield database
    finally:
        await database.close()
