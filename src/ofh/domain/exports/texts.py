"""Numbers, times and names as every format takes them."""

from datetime import UTC, datetime
from decimal import Decimal
from html import escape


def number(value: float) -> str:
    """The shortest decimal number that reads back as the same; never with an exponent, which XML's decimals lack."""
    text = repr(value)
    return format(Decimal(text), "f") if "e" in text else text


def time(at: datetime) -> str:
    """ISO 8601 in UTC, with microseconds where there are any."""
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def xml(text: str) -> str:
    """A text within an element or an attribute; characters that XML 1.0 cannot hold are replaced by U+FFFD."""
    return escape("".join(character if _is_xml(ord(character)) else "\ufffd" for character in text))


def _is_xml(code: int) -> bool:
    return code in (0x9, 0xA, 0xD) or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code >= 0x10000


def shown(value: str | float | datetime) -> str:
    """A fact as plain text."""
    if isinstance(value, datetime):
        return time(value)
    return number(value) if isinstance(value, float) else str(value)
