"""`ofh token`: what programs act for a person with."""

from datetime import timedelta
from typing import Annotated

import typer

from ofh.store import models

from .admin import Email, Yes, acting_for, ask, open_services, operator, user_of
from .common import Data, Json, run, settings_of
from .output import show, show_list, time_of

token_app = typer.Typer(no_args_is_help=True, help="Personal access tokens, with which programs act for a person.")


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(token_app, name="token")


@token_app.command("create")
def create_token(
    email: Email,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=36_500, help="How long it works.  [default: until revoked]")
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a personal access token for `Authorization: Bearer`. It is shown this once."""
    settings = settings_of(data=data)

    async def work() -> tuple[models.AccessToken, str]:
        from ofh.choices import now

        async with open_services(settings) as services:
            expires_at = None if days is None else now() + timedelta(days=days)
            return await services.access_tokens.create(acting_for(await user_of(services, email)), name, expires_at)

    row, token = run(work())
    show({"id": row.id, "token": token}, as_json, f"Created access token {row.id}: {row.name}", token)


@token_app.command("list")
def list_tokens(email: Email, data: Data = None, as_json: Json = False) -> None:
    """List a person's access tokens, without the tokens themselves."""
    settings = settings_of(data=data)

    async def work() -> list[models.AccessToken]:
        async with open_services(settings) as services:
            return await services.access_tokens.of(acting_for(await user_of(services, email)))

    show_list(
        "tokens",
        [
            {
                "id": row.id,
                "name": row.name,
                "created_at": time_of(row.created_at),
                "expires_at": time_of(row.expires_at),
                "last_used_at": time_of(row.last_used_at),
            }
            for row in run(work())
        ],
        as_json,
    )


@token_app.command("delete")
def delete_token(
    id: Annotated[int, typer.Argument(metavar="ID", help="The number that `list` shows first.")],
    data: Data = None,
    as_json: Json = False,
    yes: Yes = False,
) -> None:
    """Revoke an access token."""
    settings = settings_of(data=data)
    ask(f"Revoke access token {id}?", yes or as_json)

    async def work() -> None:
        async with open_services(settings) as services:
            await services.access_tokens.revoke(operator(), id)

    run(work())
    show({"id": id}, as_json, f"Revoked access token {id}.")
