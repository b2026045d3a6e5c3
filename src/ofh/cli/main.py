"""The command `ofh`. Each command stands in a module of its own; heavy parts are imported when it runs."""

import sys

import typer

from ofh.store.migrate import migrate

from . import connections, demo, doctor, export, history, serve, simulate, tokens, users, worker, workspaces
from .common import Data, run, settings_of

app = typer.Typer(
    name="ofh",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="OpenFlightHub: the open hub that drone fleets report to. Start with: ofh demo",
)

serve.register(app)
worker.register(app)
demo.register(app)
simulate.register(app)
users.register(app)
workspaces.register(app)
connections.register(app)
tokens.register(app)
export.register(app)
doctor.register(app)
history.register(app)


@app.command("migrate")
def migrate_database(data: Data = None) -> None:
    """Bring the database's schema up to date. `ofh serve` does it too when it starts."""
    from ofh.store.database import Database

    settings = settings_of(data=data)
    applied = run(migrate(Database(settings.database)))
    typer.echo("\n".join(applied) if applied else "Nothing to do.")


@app.command("schema")
def schema() -> None:
    """Print the GraphQL schema."""
    from ofh.edges.graphql.schema import print_sdl

    sys.stdout.write(print_sdl())


@app.command("openapi")
def openapi() -> None:
    """Print the REST contract as an OpenAPI document, as served at `/api/openapi.json`."""
    from ofh.edges.docs.pages import document

    sys.stdout.write(document("openapi.json").decode())


@app.command("settings")
def settings_page() -> None:
    """Print every setting with its default and meaning, as Markdown."""
    from ofh.settings import documentation

    sys.stdout.write(documentation())


@app.command("version")
def show_version() -> None:
    """Print the version."""
    from importlib.metadata import version

    typer.echo(version("openflighthub"))


def main() -> None:
    """The entry point of the command."""
    app()


if __name__ == "__main__":
    main()
