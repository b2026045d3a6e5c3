"""How this edge learns who asks and whether they may go on: `edges/auth.py` and the services, under one name."""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from ofh.domain.actors import Actor
from ofh.edges.auth import Credentials, Origins, Throttle, actor_of, is_checked
from ofh.services.sessions import Sessions

RawHeaders = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the HTTP and the websocket side share."""

    sessions: Sessions
    origins: Origins
    address_of: Callable[[Mapping[str, Any]], str]
    """ASGI scope → the client's address."""
    scope_of: Callable[[Actor, int], Awaitable[Hashable | None]]
    """Workspace id → `(workspace_id, role)` as in `Join.scope`; None where the right is gone."""
    throttle: Throttle
    """The number is one of operations."""

    def check_origin(self, headers: RawHeaders) -> None:
        """Refuse what a page of another origin has sent.

        Raises:
            HubError: FORBIDDEN.
        """
        bearer = Credentials.of(headers).bearer
        if is_checked(method="POST", is_graphql=True, bearer=bearer):
            self.origins.check_headers(headers)

    async def actor(self, headers: RawHeaders, address: str) -> Actor | None:
        """Who a request is from."""
        return await actor_of(self.sessions, Credentials.of(headers), address)

    async def bearer(self, token: str, address: str) -> Actor | None:
        """Whose access token this is."""
        return await self.sessions.authenticate_bearer(token, address)
