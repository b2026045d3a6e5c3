"""`ofh user`, `ofh workspace`, `ofh connection`, `ofh token`: what an administrator and a script need.

They work on the database, whether or not a hub runs on it. With `--json` there is one object on standard output and
nothing else; what went wrong is one line on standard error and exit code 1. With Redis a running hub is told at once
of what has ended; without it, it finds out within a minute by looking again.
"""

import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from ofh.backends.ports import Message
from ofh.domain.actors import Actor
from ofh.domain.errors import HubError
from ofh.domain.link_steps import TITLES, Diagnosis, LinkStepState
from ofh.settings import Settings
from ofh.store import models

from .common import fail, open_database, run, settings_of

if TYPE_CHECKING:
    from ofh.people import AccountServices

user_app = typer.Typer(no_args_is_help=True, help="People's accounts.")
workspace_app = typer.Typer(no_args_is_help=True, help="Workspaces, the shared places of work.")
connection_app = typer.Typer(no_args_is_help=True, help="Connections: what remote controllers log in with.")
token_app = typer.Typer(no_args_is_help=True, help="Personal access tokens, with which programs act for a person.")

apps: dict[str, typer.Typer] = {
    "user": user_app,
    "workspace": workspace_app,
    "connection": connection_app,
    "token": token_app,
}

Data = Annotated[
    str | None, typer.Option("--data", metavar="DIR", help="The hub's data folder.  [default: ./ofh-data]")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]
PasswordStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input; one line break at its end goes."),
]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's e-mail address.")]


def register(app: typer.Typer) -> None:
    """Add the groups of commands."""
    for name, group in apps.items():
        app.add_typer(group, name=name)


# People


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
        async with _services(settings) as services:
            user = await services.accounts.create_user(email, name, password)
            return user, await services.sessions.issue_login_token(user.id)

    user, token = run(work())
    _show(
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
        async with _services(settings) as services:
            return await services.accounts.list_users()

    _show_list(
        "users",
        [
            {
                "id": user.id,
                "email": user.email,
                "name": user.name,
                "created_at": _time(user.created_at),
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
    _ask(f"Delete the user {email}?", yes or as_json)

    async def work() -> models.User:
        async with _services(settings) as services:
            user = await _user(services, email)
            await services.accounts.delete_user(user.id)
            return user

    user = run(work())
    _show({"id": user.id, "email": user.email}, as_json, f"Deleted user {user.id}: {user.email}")


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
        async with _services(settings) as services:
            user = await _user(services, email)
            if password is None:
                return user, await services.accounts.issue_reset_code(user.id)
            await services.accounts.force_password(user.id, password)
            return user, None

    user, code = run(work())
    if code is None:
        _show({"id": user.id, "email": user.email}, as_json, f"Set the password of {user.email}; all sessions ended.")
        return
    _show(
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
        async with _services(settings) as services:
            user = await _user(services, email)
            return user, await services.sessions.issue_login_token(user.id)

    user, token = run(work())
    _show({"id": user.id, "email": user.email, "login_token": token}, as_json, _login_hint(settings, token))


# Workspaces


@workspace_app.command("create")
def create_workspace(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    owner: Annotated[str, typer.Option("--owner", metavar="EMAIL", help="The e-mail address of its owner.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a workspace."""
    settings = settings_of(data=data)

    async def work() -> models.Workspace:
        async with _services(settings) as services:
            return await services.workspaces.create(_acting(await _user(services, owner)), name)

    workspace = run(work())
    _show(
        {"id": workspace.id, "uuid": str(workspace.uuid), "name": workspace.name},
        as_json,
        f"Created workspace {workspace.id}: {workspace.name} ({workspace.uuid})",
    )


@workspace_app.command("list")
def list_workspaces(data: Data = None, as_json: Json = False) -> None:
    """List all workspaces."""
    settings = settings_of(data=data)

    async def work() -> list[models.Workspace]:
        async with _services(settings) as services:
            return [workspace for workspace, _ in await services.workspaces.list_for(_operator())]

    _show_list(
        "workspaces",
        [
            {"id": row.id, "uuid": str(row.uuid), "name": row.name, "created_at": _time(row.created_at)}
            for row in run(work())
        ],
        as_json,
    )


@workspace_app.command("delete")
def delete_workspace(
    workspace_id: Annotated[int, typer.Argument(metavar="WORKSPACE_ID", help="Its id.")],
    data: Data = None,
    as_json: Json = False,
    yes: Yes = False,
) -> None:
    """Delete a workspace with everything in it: connections, drones, history."""
    settings = settings_of(data=data)
    _ask(f"Delete workspace {workspace_id} with everything in it?", yes or as_json)

    async def work() -> None:
        async with _services(settings, with_broker=True) as services:
            await services.workspaces.delete(_operator(), workspace_id)

    run(work())
    _show({"id": workspace_id}, as_json, f"Deleted workspace {workspace_id}.")


# Connections


@connection_app.command("create")
def create_connection(
    workspace_id: Annotated[int, typer.Argument(metavar="WORKSPACE_ID", help="The workspace's id.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a connection for one more remote controller. Its secret is shown this once."""
    settings = settings_of(data=data)

    async def work() -> tuple[models.Connection, str]:
        async with _services(settings, with_broker=True) as services:
            created = await services.connections.create(_operator(), workspace_id, name)
            return created.connection, created.secret

    row, secret = run(work())
    _show(
        {"id": row.id, "connection_id": row.public_id, "secret": secret},
        as_json,
        f"Created connection {row.id}: {row.name}",
        f"Connection id: {row.public_id}",
        f"Secret:        {secret}",
    )


@connection_app.command("list")
def list_connections(
    workspace_id: Annotated[
        int | None, typer.Argument(metavar="[WORKSPACE_ID]", help="Only those of this workspace.")
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List connections."""
    settings = settings_of(data=data)

    async def work() -> list[models.Connection]:
        async with _services(settings) as services:
            operator = _operator()
            ids = await services.access.workspace_ids(operator) if workspace_id is None else [workspace_id]
            return [row for found in ids for row in await services.connections.list(operator, found)]

    _show_list(
        "connections",
        [
            {
                "id": row.id,
                "connection_id": row.public_id,
                "name": row.name,
                "workspace_id": row.workspace_id,
                "created_at": _time(row.created_at),
            }
            for row in run(work())
        ],
        as_json,
    )


@connection_app.command("delete")
def delete_connection(
    id: Annotated[int, typer.Argument(metavar="ID", help="The number that `list` shows first.")],
    data: Data = None,
    as_json: Json = False,
    yes: Yes = False,
) -> None:
    """Delete a connection: its controller can no longer log in."""
    settings = settings_of(data=data)
    _ask(f"Delete connection {id}?", yes or as_json)

    async def work() -> None:
        async with _services(settings, with_broker=True) as services:
            await services.connections.delete(_operator(), id)

    run(work())
    _show({"id": id}, as_json, f"Deleted connection {id}.")


@connection_app.command("doctor")
def connection_doctor(
    id: Annotated[int, typer.Argument(metavar="ID", help="The number that `list` shows first.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show how a controller's way into the hub stands and what to do where it is stuck. Exit code 1 where it is.

    The hub's settings are judged as this command sees them: give it the same.
    """
    settings = settings_of(data=data)

    async def work() -> Diagnosis:
        from ofh.choices import doctor_of, now, object_store
        from ofh.metrics import Metrics
        from ofh.services.access import Access
        from ofh.services.audit import Audit

        async def try_storage() -> None:
            store = object_store(settings)
            await store.start()
            try:
                await store.check()
            finally:
                await store.stop()

        async with open_database(settings) as database:
            access = Access(Audit(clock=now))
            doctor = doctor_of(
                settings,
                database,
                access,
                public_url=_public_url(settings),
                counters=Metrics(),
                check_storage=try_storage,
            )
            await doctor.examine()
            return await doctor.examine_connection(_operator(), id)

    found = run(work())
    steps = [
        {
            "name": step.name.value,
            "state": step.state.value,
            "at": _time(step.at),
            "problem": step.problem and step.problem.value,
            "detail": step.detail,
            "hint": step.hint,
        }
        for step in found.steps
    ]
    if as_json:
        answer = {"id": id, "state": found.state.value, "summary": found.summary, "steps": steps}
        typer.echo(_encoded(answer))
    else:
        typer.echo(f"{found.summary}\n")
        _show_list(
            "steps",
            [
                {
                    "step": TITLES[step.name],
                    "state": step.state.value,
                    "at": _time(step.at),
                    "problem": step.problem and step.problem.value,
                    "detail": step.detail or None,
                }
                for step in found.steps
            ],
            as_json=False,
        )
    if found.state in (LinkStepState.FAILED, LinkStepState.STALE):
        raise typer.Exit(1)


# Access tokens


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

        async with _services(settings) as services:
            expires_at = None if days is None else now() + timedelta(days=days)
            return await services.accounts.create_access_token(_acting(await _user(services, email)), name, expires_at)

    row, token = run(work())
    _show({"id": row.id, "token": token}, as_json, f"Created access token {row.id}: {row.name}", token)


@token_app.command("list")
def list_tokens(email: Email, data: Data = None, as_json: Json = False) -> None:
    """List a person's access tokens, without the tokens themselves."""
    settings = settings_of(data=data)

    async def work() -> list[models.AccessToken]:
        async with _services(settings) as services:
            return await services.accounts.list_access_tokens(_acting(await _user(services, email)))

    _show_list(
        "tokens",
        [
            {
                "id": row.id,
                "name": row.name,
                "created_at": _time(row.created_at),
                "expires_at": _time(row.expires_at),
                "last_used_at": _time(row.last_used_at),
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
    _ask(f"Revoke access token {id}?", yes or as_json)

    async def work() -> None:
        async with _services(settings) as services:
            await services.accounts.revoke_access_token(_operator(), id)

    run(work())
    _show({"id": id}, as_json, f"Revoked access token {id}.")


# What the commands share


@asynccontextmanager
async def _services(settings: Settings, *, with_broker: bool = False) -> "AsyncIterator[AccountServices]":
    """The services on the open database; with Redis also the line to running hubs."""
    from ofh.choices import outside_broker
    from ofh.people import AccountServices

    bus = None
    broker = outside_broker(settings) if with_broker else None  # only what changes its accounts waits for it
    async with open_database(settings) as database:
        if settings.redis_url is not None:
            from ofh.backends.bus_redis import RedisBus

            bus = RedisBus(settings.redis_url, prefix=settings.redis_prefix)
            try:
                await bus.start()
            except HubError:  # then hubs look again by themselves
                await bus.stop()
                bus = None
        if broker is not None:
            await broker.start(_no_message, lambda _session: None)
        services = AccountServices(settings, database, public_url=_public_url(settings), bus=bus, broker=broker)
        try:
            yield services
        finally:
            if broker is not None:
                await broker.stop()
            services.passwords.close()
            await services.limits.close()
            if bus is not None:
                await bus.stop()


async def _no_message(_message: Message) -> None:
    """This client subscribes to nothing that devices publish."""


async def _user(services: "AccountServices", email: str) -> models.User:
    user = await services.accounts.find(email)
    if user is None:
        fail(f"There is no user {email}.")
    return user


def _operator() -> Actor:
    from ofh.services.access import OPERATOR

    return OPERATOR


def _acting(user: models.User) -> Actor:
    """The operator on behalf of a person."""
    return Actor(user_id=user.id, credential="cli", credential_id=0)


def _password() -> str:
    password = sys.stdin.read()
    return password.removesuffix("\n").removesuffix("\r")


def _public_url(settings: Settings) -> str:
    return settings.public_url or f"http://localhost:{settings.port}"


def _letters(settings: Settings) -> Any:
    from ofh.services.mail import Letters

    return Letters(_public_url(settings))


def _login_hint(settings: Settings, token: str) -> str:
    return f"Log in once, within 10 minutes:\n{_letters(settings).login_link(token)}"


def _ask(question: str, is_sure: bool) -> None:
    """Ask a person at a terminal; a script has decided already."""
    if not is_sure and sys.stdin.isatty():
        typer.confirm(question, abort=True)


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _show(answer: dict[str, Any], as_json: bool, *lines: str) -> None:
    typer.echo(_encoded(answer) if as_json else "\n".join(lines))


def _show_list(name: str, rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(_encoded({name: rows}))
        return
    if not rows:
        typer.echo(f"No {name}.")
        return
    table = [
        [column.replace("_", " ") for column in rows[0]],
        *([_cell(value) for value in row.values()] for row in rows),
    ]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    for line in table:
        typer.echo(_padded(line, widths))


def _padded(cells: Iterable[str], widths: Iterable[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


def _encoded(answer: dict[str, Any]) -> str:
    return orjson.dumps(answer).decode()
