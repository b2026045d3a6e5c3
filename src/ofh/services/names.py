"""What a text or an id from outside must be before it comes near the database (security.md, A3, A4, U6).

Checks answer with the value to store and refuse with BAD_INPUT, naming the field as the service's argument is called;
an edge whose arguments have other spellings translates the name.
"""

import re
import unicodedata
from enum import Enum
from typing import Final, Literal, TypeAlias

from ofh.domain.errors import HubError, bad_input, gone
from ofh.domain.reasons import Reason

MAX_NAME_BYTES: Final = 255
MAX_EMAIL_LOCAL_BYTES: Final = 64
MAX_ID: Final = 2**63 - 1

_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories of what has no place in a label: controls, lone surrogates, line and paragraph separators."""
_LOCAL = re.compile(r"[^\s@<>()\[\]\\,;:\"]+")
_DOMAIN = re.compile(r"(?!-)[^\W_]([\w-]*[^\W_])?(\.[^\W_]([\w-]*[^\W_])?)*")
_LOCALE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Unset(Enum):
    """The kind of `UNSET`, for annotations."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
"""An argument that was left out, where None is a value of its own."""
UnsetType: TypeAlias = Literal[Unset.UNSET]


def check_text(value: str, *, field: str) -> str:
    """A text that every database and wire can carry: UTF-8, no U+0000.

    Raises:
        HubError: BAD_INPUT.
    """
    if not is_text(value):
        raise bad_input(field, Reason.NO_TEXT)
    return value


def is_text(value: str) -> bool:
    """Whether every database and wire can carry it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def check_name(value: str | None, *, field: str = "name") -> str:
    """A label that people give: 1 to 255 bytes once blanks around it are taken away, no control characters.

    Raises:
        HubError: BAD_INPUT.
    """
    if value is None:
        raise bad_input(field, Reason.EMPTY)
    check_text(value, field=field)
    name = value.strip()
    if not name:
        raise bad_input(field, Reason.EMPTY)
    if len(name.encode()) > MAX_NAME_BYTES:
        raise bad_input(field, Reason.TOO_LONG, most=MAX_NAME_BYTES)
    if has_controls(name):
        raise bad_input(field, Reason.CONTROL_CHARACTERS)
    return name


def has_controls(value: str) -> bool:
    """Whether a text holds characters that would break a line, a terminal or an encoder."""
    return any(unicodedata.category(character) in _CONTROL for character in value)


def check_email(value: str | None, *, field: str = "email") -> str:
    """An address as accounts are known by: lower case, one `@`, at most 255 bytes.

    The form is checked no further than that a letter can be addressed to it safely; only a letter that arrives proves
    an address.

    Raises:
        HubError: BAD_INPUT.
    """
    email = (value or "").strip().lower()
    local, _, domain = email.rpartition("@")
    if (
        not is_text(email)
        or has_controls(email)
        or len(email.encode()) > MAX_NAME_BYTES
        or len(local.encode()) > MAX_EMAIL_LOCAL_BYTES
        or not _LOCAL.fullmatch(local)
        or not _DOMAIN.fullmatch(domain)
    ):
        raise address_refused(field)
    return email


def address_refused(field: str = "email") -> HubError:
    """The refusal of an address: one text, whether it is none or somebody else's (design.md)."""
    return bad_input(field, Reason.ADDRESS_UNUSABLE)


def account_name(value: str, *, field: str = "username") -> str | None:
    """What somebody entered to say who they are, as the address of an account; None where no account can have it.

    Raises:
        HubError: BAD_INPUT, it is no text at all.
    """
    check_text(value, field=field)
    email = value.strip().lower()
    return email if len(email.encode()) <= MAX_NAME_BYTES and not has_controls(email) else None


def check_locale(value: str | None, *, field: str = "locale") -> str | None:
    """A BCP 47 language tag; None for none.

    Raises:
        HubError: BAD_INPUT.
    """
    if value is None:
        return None
    if len(value) > 35 or not _LOCALE.fullmatch(value):
        raise bad_input(field, "This is no language tag such as 'en' or 'de-CH'.")
    return value


def check_id(value: int, what: str) -> int:
    """A row's id, within what a column holds.

    Raises:
        HubError: GONE, no row can have it.
    """
    if not is_id(value):
        raise gone(what)
    return value


def is_id(value: int) -> bool:
    """Whether a row could have this id."""
    return 0 < value <= MAX_ID


def is_public_id(value: str) -> bool:
    """Whether a connection could have this public id."""
    return _PUBLIC_ID.fullmatch(value) is not None
