"""The one error that a client may see.

A service raises `HubError` with a code; each edge turns the code into its own wire form by one table
(`edges/errors.py`). Whatever else escapes a service is a bug and leaves the hub as an id only.
"""

from collections.abc import Mapping
from enum import StrEnum


class Code(StrEnum):
    """Why a request was refused. The names are those of `extensions.code` in the GraphQL API."""

    BAD_INPUT = "BAD_INPUT"
    """The request itself is wrong; `fields` names what."""
    UNAUTHENTICATED = "UNAUTHENTICATED"
    """No session or token, or one that is dead."""
    FORBIDDEN = "FORBIDDEN"
    """The caller sees the item, but the role does not allow the act."""
    GONE = "GONE"
    """No such item, or none that the caller may know of: the two are answered alike."""
    NO_COVERAGE = "NO_COVERAGE"
    """The item is there, but what it shows of the ground cannot be known; `fields` names what is missing."""
    CONFLICT = "CONFLICT"
    """Contradicts the present state."""
    RATE_LIMITED = "RATE_LIMITED"
    """Too many attempts; `retry_after_s` says when to come back."""
    TOO_COMPLEX = "TOO_COMPLEX"
    """The document asks for more than one operation may."""
    TOO_LARGE = "TOO_LARGE"
    """The body or message is longer than allowed."""
    UNAVAILABLE = "UNAVAILABLE"
    """A backend is away; trying again later is right."""


class HubError(Exception):
    """A refusal that the client may see.

    Args:
        code: the kind of refusal.
        message: a sentence that the caller can act on; no names of libraries, paths or other people's items.
        fields: for BAD_INPUT, what is wrong with which argument; for NO_COVERAGE, what is missing.
        retry_after_s: for RATE_LIMITED and UNAVAILABLE, seconds to wait.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        fields: Mapping[str, str] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = dict(fields or {})
        self.retry_after_s = retry_after_s


def bad_input(field: str, message: str) -> HubError:
    """The refusal of one argument."""
    return HubError(Code.BAD_INPUT, message, fields={field: message})


def gone(what: str) -> HubError:
    """The refusal for what does not exist or is hidden; the same words for both."""
    return HubError(Code.GONE, f"There is no such {what}.")
