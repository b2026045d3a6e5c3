"""`/healthz`, `/readyz` and `/metrics`: what load balancers, orchestrators and Prometheus ask."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from ofh.domain.errors import HubError
from ofh.edges.guard import Network, is_within


@dataclass(frozen=True, slots=True)
class Readiness:
    """A backend and whether it answers."""

    name: str
    check: Callable[[], Awaitable[None]]
    """Raises HubError UNAVAILABLE where it does not."""


class ProbeEndpoints:
    """The three.

    Args:
        is_leaving: whether the process is about to stop.
        metrics: what Prometheus reads.
        metrics_networks: who may.
        address_of: ASGI scope → the client's address.
    """

    def __init__(
        self,
        backends: Iterable[Readiness],
        *,
        is_leaving: Callable[[], bool],
        metrics: Callable[[], bytes],
        metrics_networks: tuple[Network, ...],
        address_of: Callable[[Mapping[str, Any]], str],
    ) -> None:
        self._backends = list(backends)
        self._is_leaving = is_leaving
        self._numbers = metrics
        self._metrics_networks = metrics_networks
        self._address_of = address_of

    def routes(self) -> list[BaseRoute]:
        """One for each."""
        return [Route("/healthz", _alive), Route("/readyz", self._ready), Route("/metrics", self._metrics)]

    async def _ready(self, _request: Request) -> Response:
        """Each backend by name, without addresses. A hub that is about to stop is not ready, whatever they say."""
        states = {}
        for backend in self._backends:
            try:
                await backend.check()
                states[backend.name] = "ok"
            except HubError:
                states[backend.name] = "away"
        is_ready = all(state == "ok" for state in states.values()) and not self._is_leaving()
        status = 200 if is_ready else 503
        headers = {} if is_ready else {"retry-after": "5"}
        return JSONResponse({"ready": is_ready, "backends": states}, status, headers)

    async def _metrics(self, request: Request) -> Response:
        if not is_within(self._address_of(request.scope), self._metrics_networks):
            return PlainTextResponse("Not from this network (OFH_METRICS_NETWORKS).", 403)
        return Response(self._numbers(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _alive(_request: Request) -> Response:
    return PlainTextResponse("ok")
