"""`ofh user`: people's accounts."""

import sys
from typing import Annotated, Any

import typer

from ofh.settings import Settings
from ofh.store import models

from .admin import Email, PasswordStdin, Yes, ask, open_services, public_url_of, user_of
from .common import Data, Json, run, settings_of
from .output import show, show_list, time_of

user_app = typer.Typer(no_args_is_help=True, help="People's accounts.")


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(user_app, name="user")


@user_app.command("create")
def create_user(
    email: Email,
    name: Annotated[
        str | None, typer.Option("--name", help="What to call them.  [default: what stands before the @]")
    ] = None,
    password_stdin: PasswordStdin = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make an account and a link that logs in once, within 10 minutes."""
    settings = settings_of(data=data)
    password = _password() if password_stdin else None

    async def work() -> tuple[models.User, str]:
        async with open_services(settings) as services:
            user = await services.accounts.create_user(email, name, password)
            return user, await services.sessions.issue_login_token(user.id)

    user, token = run(work())
    show(
        {"id": user.id, "email": user.email, "login_token": token},
        as_json,
        f"Created user {user.id}: {user.email}",
        _login_hint(settings, token),
    )


@user_app.command("list")
def list_users(data: Data = None, as_json: Json = False) -> None:
    """List all accounts."""
    settings = settings_of(data=data)

    async def work() -> list[models.User]:
        async with open_services(settings) as services:
            return await services.accounts.list_users()

    show_list(
        "users",
        [
            {
                "id": user.id,
                "email": user.email,
                "name": user.name,
                "created_at": time_of(user.created_at),
                "has_password": user.password_hash is not None,
            }
            for user in run(work())
        ],
        as_json,
    )


@user_app.command("delete")
def delete_user(email: Email, data: Data = None, as_json: Json = False, yes: Yes = False) -> None:
    """Delete an account with its sessions and tokens. Not the last owner of a workspace."""
    settings = settings_of(data=data)
    ask(f"Delete the user {email}?", yes or as_json)

    async def work() -> models.User:
        async with open_services(settings) as services:
            user = await user_of(services, email)
            await services.accounts.delete_user(user.id)
            return user

    user = run(work())
    show({"id": user.id, "email": user.email}, as_json, f"Deleted user {user.id}: {user.email}")


@user_app.command("reset-password")
def reset_password(
    email: Email, password_stdin: PasswordStdin = False, data: Data = None, as_json: Json = False
) -> None:
    """Make a code with which a new password can be set, within 30 minutes; or set one now.

    With --password-stdin the password is set at once and all sessions of the account end.
    """
    settings = settings_of(data=data)
    password = _password() if password_stdin else None

    async def work() -> tuple[models.User, str | None]:
        async with open_services(settings) as services:
            user = await user_of(services, email)
            if password is None:
                return user, await services.accounts.issue_reset_code(user.id)
            await services.accounts.force_password(user.id, password)
            return user, None

    user, code = run(work())
    if code is None:
        show({"id": user.id, "email": user.email}, as_json, f"Set the password of {user.email}; all sessions ended.")
        return
    show(
        {"id": user.id, "email": user.email, "reset_code": code},
        as_json,
        f"A new password for {user.email} can be set once, within 30 minutes:",
        _letters(settings).reset_link(code),
    )


@user_app.command("login-link")
def login_link(email: Email, data: Data = None, as_json: Json = False) -> None:
    """Make a link that logs an account in once, within 10 minutes."""
    settings = settings_of(data=data)

    async def work() -> tuple[models.User, str]:
        async with open_services(settings) as services:
            user = await user_of(services, email)
            return user, await services.sessions.issue_login_token(user.id)

    user, token = run(work())
    show({"id": user.id, "email": user.email, "login_token": token}, as_json, _login_hint(settings, token))


def _password() -> str:
    password = sys.stdin.read()
    return password.removesuffix("\n").removesuffix("\r")


def _letters(settings: Settings) -> Any:
    from ofh.services.mail import Letters

    return Letters(public_url_of(settings))


def _login_hint(settings: Settings, token: str) -> str:
    return f"Log in once, within 10 minutes:\n{_letters(settings).login_link(token)}"
