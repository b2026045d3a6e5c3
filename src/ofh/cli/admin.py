"""What `ofh user`, `ofh workspace`, `ofh connection` and `ofh token` share: what an administrator and a script need.

They work on the database, whether or not a hub runs on it. With `--json` there is one object on standard output and
nothing else; what went wrong is one line on standard error and exit code 1. With Redis a running hub is told at once
of what has ended; without it, it finds out within a minute by looking again.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ofh.backends.ports import Message
from ofh.domain.actors import Actor
from ofh.domain.errors import HubError
from ofh.settings import Settings
from ofh.store import models

from .common import fail, open_database

if TYPE_CHECKING:
    from ofh.people import AccountServices

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]
PasswordStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input; one line break at its end goes."),
]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's e-mail address.")]


@asynccontextmanager
async def open_services(settings: Settings, *, with_broker: bool = False) -> "AsyncIterator[AccountServices]":
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
        services = AccountServices(settings, database, public_url=public_url_of(settings), bus=bus, broker=broker)
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


async def user_of(services: "AccountServices", email: str) -> models.User:
    """The person with an e-mail address; where there is none, the command ends."""
    user = await services.accounts.find(email)
    if user is None:
        fail(f"There is no user {email}.")
    return user


def operator() -> Actor:
    """Whoever may run this command may do anything."""
    from ofh.services.access import OPERATOR

    return OPERATOR


def acting_for(user: models.User) -> Actor:
    """The operator on behalf of a person."""
    return Actor(user_id=user.id, credential="cli", credential_id=0)


def public_url_of(settings: Settings) -> str:
    """Where people reach the hub, as far as the settings say."""
    return settings.public_url or f"http://localhost:{settings.port}"


def ask(question: str, is_sure: bool) -> None:
    """Ask a person at a terminal; a script has decided already."""
    if not is_sure and sys.stdin.isatty():
        typer.confirm(question, abort=True)
