"""What edges that take small bodies have in common: a header's text, and the whole body."""

from collections.abc import Iterable

from starlette.types import Receive

from ofh.domain.errors import Code, HubError

from .patience import SMALL_BODY_S, Patience

Headers = Iterable[tuple[bytes, bytes]]


def header(headers: Headers, name: bytes, separator: str = ",") -> str:
    """All values of a header, joined; empty where there is none."""
    return separator.join(value.decode("latin-1") for key, value in headers if key == name)


async def whole_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """The body of a request.

    Args:
        limit: bytes; one more is refused, and not read.
    Raises:
        HubError: TOO_LARGE, as soon as that is known; BAD_INPUT, it was cut off, or does not come.
    """
    too_large = HubError(Code.TOO_LARGE, f"A body has at most {limit} bytes here.")
    announced = header(headers, b"content-length")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise too_large
    body = bytearray()
    patient = Patience(receive, SMALL_BODY_S)
    while True:
        try:
            message = await patient()
        except TimeoutError:
            raise HubError(Code.BAD_INPUT, "The body does not come.") from None
        if message["type"] == "http.disconnect":
            raise HubError(Code.BAD_INPUT, "The body is incomplete.")
        body += message.get("body", b"")
        if len(body) > limit:
            raise too_large
        if not message.get("more_body", False):
            return bytes(body)
