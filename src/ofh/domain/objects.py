"""Keys of stored objects: what one may look like, and how prefixes are issued (security.md, S1).

A key is text that others choose in part. What could be read as a way through folders is no key of ours, whether or not
the store behind would mind.
"""

MAX_KEY_BYTES = 1024
"""As S3 has it."""


def key_fault(key: str) -> str | None:
    """Why this is no key, in words for whoever sent it; None where it is one.

    A percent sign is refused, since what stands behind it may be decoded once more by somebody else.
    """
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return "A key is text in UTF-8."
    if not key:
        return "A key has at least one character."
    if length > MAX_KEY_BYTES:
        return f"A key has at most {MAX_KEY_BYTES} bytes."
    if not key.isprintable() or "\\" in key or "%" in key:
        return "A key has no control characters, no backslash and no percent sign."
    if any(part in ("", ".", "..") for part in key.split("/")):
        return "Between the slashes of a key stands a name, and none is . or .. ."
    return None


def lies_under(key: str, prefix: str) -> bool:
    """Whether this is a key, and one below the prefix.

    Args:
        prefix: without a slash at its end.
    """
    return bool(prefix) and key.startswith(f"{prefix}/") and key_fault(key) is None


def issued_to(key: str, workspace_uuid: str) -> bool:
    """Whether the key has the form that a grant to the workspace allows: its uuid, the grant's own part, the rest."""
    return lies_under(key, workspace_uuid) and key.count("/") >= 2
