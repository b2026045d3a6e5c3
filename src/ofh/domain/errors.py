"""The one error that a client may see.

A service raises `HubError` with a code; each edge turns the code into its own wire form by one table
(`edges/errors.py`). Whatever else escapes a service is a bug and leaves the hub as an id only.
"""

from collections.abc import Mapping
from enum import StrEnum

from .reasons import WORDS, Reason


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
        why: what the words say, for those who word it themselves; None: nobody is expected to.
        given: the numbers that stand in its words.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        fields: Mapping[str, str] | None = None,
        retry_after_s: int | None = None,
        why: Reason | None = None,
        given: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = dict(fields or {})
        self.retry_after_s = retry_after_s
        self.why = why
        self.given = dict(given or {})


def refusal(code: Code, reason: Reason, *, field: str | None = None, **given: float) -> HubError:
    """A refusal in the words of its reason.

    Args:
        field: the argument that is wrong.
        given: what stands in the braces of its words.
    """
    message = WORDS[reason].format(**{name: f"{value:g}" if value % 1 else int(value) for name, value in given.items()})
    return HubError(code, message, fields=None if field is None else {field: message}, why=reason, given=given)


def bad_input(field: str, why: str | Reason, **given: float) -> HubError:
    """The refusal of one argument, in words or by a reason that has some."""
    if isinstance(why, Reason):
        return refusal(Code.BAD_INPUT, why, field=field, **given)
    return HubError(Code.BAD_INPUT, why, fields={field: why})


def unauthenticated() -> HubError:
    """The refusal for whoever shows no session or token, or one that is dead."""
    return HubError(Code.UNAUTHENTICATED, "Log in first.")


def gone(what: str) -> HubError:
    """The refusal for what does not exist or is hidden; the same words for both."""
    return HubError(Code.GONE, f"There is no such {what}.")
