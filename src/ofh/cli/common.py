"""What several commands share: settings, the open database, and how an error leaves."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any, NoReturn, TypeVar

import asyncpg
import typer

from ofh import logs
from ofh.domain.errors import HubError
from ofh.settings import Settings, SettingsError, load
from ofh.store.database import Database, away
from ofh.store.migrate import MigrationRefused

T = TypeVar("T")

Data = Annotated[
    str | None, typer.Option("--data", metavar="DIR", help="The hub's data folder.  [default: ./ofh-data]")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


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
    except typer.Exit:
        raise
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        fail(told)


def explain(error: Exception) -> str | None:
    """What a user reads of a failure that no service has put into words; None where it is a bug."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case MigrationRefused():
                return str(cause)
            case asyncpg.InvalidAuthorizationSpecificationError() | asyncpg.InvalidCatalogNameError():
                return f"PostgreSQL refuses: {cause}. Check user, password and database in OFH_DATABASE_URL."
            case sqlite3.DatabaseError() if type(cause) is sqlite3.DatabaseError:
                return (
                    f"The SQLite database cannot be used: {cause}. Put a backup in its place, or name another folder."
                )
            case ConnectionError():
                return f"A backend does not answer: {cause}. `ofh doctor` says which, and how to mend it."
            case OSError():
                return str(cause)
        cause = cause.__cause__ or cause.__context__
    refusal = away(error)
    return None if refusal is None else f"{refusal.message} `ofh doctor` says how to mend it."


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
