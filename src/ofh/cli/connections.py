"""`ofh connection`: what remote controllers log in with, and where their way in is stuck."""

from typing import Annotated

import typer

from ofh.domain.link_steps import TITLES, Diagnosis, LinkStepState
from ofh.store import models

from .admin import Yes, ask, open_services, operator, public_url_of
from .common import Data, Json, open_database, run, settings_of
from .output import encoded, show, show_list, time_of

connection_app = typer.Typer(no_args_is_help=True, help="Connections: what remote controllers log in with.")


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(connection_app, name="connection")


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
        async with open_services(settings, with_broker=True) as services:
            created = await services.connections.create(operator(), workspace_id, name)
            return created.connection, created.secret

    row, secret = run(work())
    show(
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
        async with open_services(settings) as services:
            actor = operator()
            ids = await services.access.workspace_ids(actor) if workspace_id is None else [workspace_id]
            return [row for found in ids for row in await services.connections.list(actor, found)]

    show_list(
        "connections",
        [
            {
                "id": row.id,
                "connection_id": row.public_id,
                "name": row.name,
                "workspace_id": row.workspace_id,
                "created_at": time_of(row.created_at),
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
    ask(f"Delete connection {id}?", yes or as_json)

    async def work() -> None:
        async with open_services(settings, with_broker=True) as services:
            await services.connections.delete(operator(), id)

    run(work())
    show({"id": id}, as_json, f"Deleted connection {id}.")


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
                public_url=public_url_of(settings),
                counters=Metrics(),
                check_storage=try_storage,
            )
            await doctor.examine()
            return await doctor.examine_connection(operator(), id)

    found = run(work())
    steps = [
        {
            "name": step.name.value,
            "state": step.state.value,
            "at": time_of(step.at),
            "problem": step.problem and step.problem.value,
            "detail": step.detail,
            "hint": step.hint,
        }
        for step in found.steps
    ]
    if as_json:
        answer = {"id": id, "state": found.state.value, "summary": found.summary, "steps": steps}
        typer.echo(encoded(answer))
    else:
        typer.echo(f"{found.summary}\n")
        show_list(
            "steps",
            [
                {
                    "step": TITLES[step.name],
                    "state": step.state.value,
                    "at": time_of(step.at),
                    "problem": step.problem and step.problem.value,
                    "detail": step.detail or None,
                }
                for step in found.steps
            ],
            as_json=False,
        )
    if found.state in (LinkStepState.FAILED, LinkStepState.STALE):
        raise typer.Exit(1)
