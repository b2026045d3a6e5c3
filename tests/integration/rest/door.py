"""The REST operations over a real database, and people who are logged in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from starlette.routing import BaseRoute, Router

from ofh.domain.actors import Actor, Role
from ofh.domain.errors import Code, HubError
from ofh.edges.auth import Origins
from ofh.edges.guard import Guard
from ofh.edges.rest.endpoint import RestEndpoints
from ofh.edges.rest.routes import Services, routes
from ofh.services.accounts import Accounts
from ofh.services.connections import Connections
from ofh.services.mail import Letters
from ofh.services.passwords import Passwords
from ofh.services.registration import Registration
from ofh.services.sessions import Sessions
from ofh.services.stream_tokens import StreamTokens
from tests.integration.accounts.house import KeptMail
from tests.support.media import MediaBench, Place

HUB = "https://hub.example.org"
STRANGER = "stranger"
"""The owner of another workspace."""
Who = Role | str | None


@dataclass
class Door:
    """The way in."""

    bench: MediaBench
    rest: RestEndpoints
    services: Services
    mail: KeptMail
    place: Place
    elsewhere: Place
    client: httpx2.AsyncClient
    tokens: dict[Role | str, str]
    throttled: list[int | None] = field(default_factory=list)
    """Who was counted; None for somebody unknown."""
    is_limited: bool = False

    async def ask(
        self, method: str, path: str, body: Any = None, *, who: Who = Role.MEMBER, **headers: str
    ) -> httpx2.Response:
        """As the published client asks: every request calls itself JSON, with a body or without."""
        given = {"content-type": "application/json", **{name.replace("_", "-"): headers[name] for name in headers}}
        given |= {"cookie": f"user-auth={self.tokens[who]}"} if who else {}
        content = {"content": body} if isinstance(body, bytes) else {} if body is None else {"json": body}
        return await self.client.request(method, f"/api{path}", headers=given, **content)

    def app(self, *more: BaseRoute) -> Any:
        """The application, with further routes."""
        made = routes(self.rest, self.services)
        return Guard(Router(routes=[*made, *more], redirect_slashes=False), proxies=(), is_tls=True)

    async def count(self, actor: Actor | None, address: str, number: int) -> None:
        """Stands where requests are counted."""
        self.throttled += [None if actor is None else actor.user_id] * number
        if self.is_limited:
            raise HubError(Code.RATE_LIMITED, "Too many requests.", retry_after_s=3)


@asynccontextmanager
async def opened(
    bench: MediaBench, *more: Any, operation_s: float = 30, is_registration_open: bool = False
) -> AsyncIterator[Door]:
    """A door.

    Args:
        more: further routes, each a function of the endpoints.
    """
    place, elsewhere = await bench.place(), await bench.place("South")
    passwords = Passwords(memory_kib=8, at_once=2)
    sessions = Sessions(
        database=bench.database,
        passwords=passwords,
        codes=bench.codes,
        limits=bench.limits,
        audit=bench.audit,
        control=bench.control,
        clock=bench.clock,
    )
    people: dict[Role | str, Actor] = {**place.people, STRANGER: elsewhere.people[Role.OWNER]}
    tokens = {
        who: (await sessions.login_with_token(await sessions.issue_login_token(actor.user_id))).token
        for who, actor in people.items()
    }

    async def count(actor: Actor | None, address: str, number: int) -> None:
        await door.count(actor, address, number)

    rest = RestEndpoints(
        sessions,
        Origins(public_url=HUB, port=443),
        address_of=lambda scope: str(scope["client"][0]),
        throttle=count,
        cookie=lambda token: f"user-auth={token or 'ended'}",
        operation_s=operation_s,
    )
    connections = Connections(
        database=bench.database, access=bench.access, audit=bench.audit, control=bench.control, clock=bench.clock
    )
    letters, mail = Letters(HUB), KeptMail()
    services = Services(
        sessions=sessions,
        accounts=Accounts(
            database=bench.database,
            passwords=passwords,
            codes=bench.codes,
            sessions=sessions,
            limits=bench.limits,
            audit=bench.audit,
            control=bench.control,
            mail=mail,
            letters=letters,
            clock=bench.clock,
        ),
        stream_tokens=StreamTokens(key=b"s" * 32, clock=bench.clock),
        registration=Registration(
            database=bench.database,
            passwords=passwords,
            codes=bench.codes,
            limits=bench.limits,
            audit=bench.audit,
            mail=mail,
            letters=letters,
            is_open=is_registration_open,
            clock=bench.clock,
        ),
        workspaces=bench.workspaces,
        connections=connections,
        links=bench.links,
        fleet=bench.fleet,
        files=bench.files,
        flights=bench.flights,
        media=bench.media,
        coverages=bench.coverages,
    )
    door = Door(bench, rest, services, mail, place, elsewhere, httpx2.AsyncClient(), tokens)
    app = door.app(*(route(rest) for route in more))
    transport = httpx2.ASGITransport(app=app)
    await mail.start()
    async with httpx2.AsyncClient(transport=transport, base_url=HUB) as door.client:
        yield door
    await mail.stop()
    passwords.close()
