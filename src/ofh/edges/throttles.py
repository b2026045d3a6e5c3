"""By what the requests of each kind of client are counted (security.md, section 7)."""

from ofh.domain.actors import Actor
from ofh.services.link import Pilot
from ofh.services.ratelimits import RateLimits


class Throttles:
    """Counts requests; every method raises HubError RATE_LIMITED. Who has not shown who they are counts by address."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits

    async def person(self, actor: Actor | None, address: str, number: int) -> None:
        """Requests of a session or an access token."""
        for _ in range(number):
            if actor is None:
                await self._limits.anonymous(address)
            else:
                await self._limits.request(actor.session)

    async def download(self, actor: Actor | None, address: str, _number: int) -> None:
        """A request for the bytes of a file, of which a page shows many at once."""
        if actor is None:
            await self._limits.anonymous(address)
        else:
            await self._limits.file_request(actor.session)

    async def pilot(self, pilot: Pilot | None, address: str, number: int) -> None:
        """Requests of a controller, and of its page."""
        for _ in range(number):
            if pilot is None:
                await self._limits.anonymous(address)
            else:
                await self._limits.request(f"link:{pilot.connection_id}")

    async def stranger(self, address: str) -> None:
        """A request that shows nobody."""
        await self._limits.anonymous(address)

    async def upload(self, access_key_id: str) -> None:
        """A request with an upload grant."""
        await self._limits.file_request(f"upload:{access_key_id}")
