"""What edges that take small bodies have in common: a header's text, the whole body, and the JSON object in it."""

from collections.abc import Iterable
from typing import Any

from starlette.types import Receive

from ofh.domain.errors import Code, HubError

from .patience import SMALL_BODY_S, Patience
from .strict_json import BadJson, loads

Headers = Iterable[tuple[bytes, bytes]]

JSON = "application/json"


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


def check_is_json(headers: Headers) -> None:
    """Refuse a body of another type than JSON, which a page of another origin could send (C6).

    Raises:
        HubError: BAD_INPUT.
    """
    if header(headers, b"content-type").partition(";")[0].strip().lower() != JSON:
        raise HubError(Code.BAD_INPUT, f"The body has to be {JSON}.")


def json_object(body: bytes) -> dict[str, Any]:
    """The members of a body that has to be one JSON object, whatever its type says.

    Raises:
        HubError: BAD_INPUT.
    """
    try:
        found = loads(body)
    except BadJson as error:
        raise HubError(Code.BAD_INPUT, str(error)) from None
    if not isinstance(found, dict):
        raise HubError(Code.BAD_INPUT, "The body is no JSON object.")
    return found
