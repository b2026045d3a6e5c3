"""What pages of other origins may read (security.md, H6): those of the configured origins, compared whole.

Which pages may act is decided elsewhere (`edges/auth.py`); here browsers are told to whom they may show an answer.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from .auth import normal_origin
from .rest_errors import Headers

METHODS = b"GET, HEAD, POST, PATCH, DELETE"
ASKED = (
    b"accept, authorization, cache-control, content-type, expires, if-none-match, if-range, pragma, range, x-request-id"
)
"""Headers that a page may send; the published client sends three about caches."""
SHOWN = b"accept-ranges, content-disposition, content-range, etag, retry-after, x-request-id"
"""Headers of an answer that a page may read beside those that every page may."""
KEPT_S = 600
"""How long a browser need not ask again."""


class CrossOrigin:
    """The headers for pages of other origins.

    Args:
        allowed: their origins.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = {normal_origin(origin, strict=False) for origin in allowed} - {None}

    def headers(self, asked: Iterable[tuple[bytes, bytes]]) -> Headers:
        """For the answer to a request with these headers: an allowed origin by name, and nothing for any other."""
        if not self._allowed:
            return []
        vary = (b"vary", b"Origin")
        origins = [value for name, value in asked if name == b"origin"]
        if len(origins) != 1 or normal_origin(origins[0].decode("latin-1")) not in self._allowed:
            return [vary]
        return [
            vary,
            (b"access-control-allow-origin", origins[0]),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", SHOWN),
        ]

    def preflight(self, scope: Mapping[str, Any]) -> Headers | None:
        """For a browser that asks before it lets a page send something; None where this is no such question, or the
        page is of no allowed origin."""
        if scope["method"] != "OPTIONS":
            return None
        if not any(name == b"access-control-request-method" for name, _ in scope["headers"]):
            return None
        if len(self.headers(scope["headers"])) <= 1:
            return None
        return [
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", ASKED),
            (b"access-control-max-age", str(KEPT_S).encode()),
        ]
