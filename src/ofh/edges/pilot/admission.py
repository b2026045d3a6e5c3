"""Who of the controllers asks: the same for a request and for a websocket."""

from collections.abc import Awaitable, Callable

from ofh.domain.errors import Code, HubError
from ofh.services.link import Links, Pilot

Throttle = Callable[[Pilot | None, str, int], Awaitable[None]]
"""The pilot (None: nobody), address, number of requests: raises HubError RATE_LIMITED."""


async def admitted(
    links: Links, throttle: Throttle, token: str | None, address: str, *, workspace_uuid: str | None = None
) -> Pilot:
    """Whose x-auth-token this is. Every attempt is counted, but for one that nobody could judge.

    Args:
        address: the client's; who shows no token that works is counted by it.
        workspace_uuid: has to be the token's own, where a path names one.
    Raises:
        HubError: UNAUTHENTICATED, FORBIDDEN, BAD_INPUT, RATE_LIMITED, UNAVAILABLE.
    """
    try:
        if workspace_uuid is None:
            pilot = await links.authenticate(token)
        else:
            pilot = await links.require(token, workspace_uuid)
    except HubError as error:
        if error.code is not Code.UNAVAILABLE:
            await throttle(None, address, 1)
        raise
    await throttle(pilot, address, 1)
    return pilot
