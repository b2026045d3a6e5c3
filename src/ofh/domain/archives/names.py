"""Names in an archive: such that every file system takes them, that lead nowhere else, and each once.

What people and controllers call their files is a label (security.md, U6); here it becomes a path on somebody's disk.
"""

import re
import unicodedata

MAX_BYTES = 180
"""Of one part of a path; file systems take 255, and some room is left for what tells doubles apart."""

_NOT_TAKEN = re.compile(r'[\\/:*?"<>|]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)")
"""Devices of Windows, whatever ending they are given."""
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe(part: str, otherwise: str) -> str:
    """One part of a path.

    Args:
        otherwise: where nothing is left of it.
    """
    text = unicodedata.normalize("NFC", part)
    text = "".join("_" if unicodedata.category(c) in _INVISIBLE or _NOT_TAKEN.match(c) else c for c in text)
    text = text.strip(" .")
    stem, dot, ending = text.rpartition(".")
    if not dot or len(ending.encode()) > 16:
        stem, dot, ending = text, "", ""
    text = _cut(stem, MAX_BYTES - len(ending.encode()) - 1).rstrip(" .") + dot + ending
    if _RESERVED.match(text):
        text = f"_{text}"
    return text or otherwise


class Names:
    """Gives each path once. Paths that differ in case alone are the same to many file systems."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def once(self, path: str) -> str:
        """The path, or one like it that nothing has yet."""
        folder, slash, name = path.rpartition("/")
        stem, dot, ending = name.rpartition(".")
        if not stem:
            stem, dot, ending = name, "", ""
        number = 1
        while path.casefold() in self._given:
            number += 1
            path = f"{folder}{slash}{stem} ({number}){dot}{ending}"
        self._given.add(path.casefold())
        return path


def _cut(text: str, size: int) -> str:
    """Its beginning, of so many bytes of UTF-8 at the most."""
    return text.encode()[:size].decode(errors="ignore")
