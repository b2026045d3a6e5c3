"""Secrets that the hub has to be able to read again, sealed with a key of its own (security.md, P10).

AES-256-GCM from the package `cryptography`: whoever has no key neither reads nor changes what is sealed. The cipher is
imported where it is first used.
"""

import base64
import binascii
import secrets

NONCE_BYTES = 12
"""Drawn anew for each text; one key may seal 2^32 of them."""


class Seal:
    """Seals and opens texts.

    Args:
        key: 32 bytes, used for nothing else.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def close(self, text: str, *, about: str) -> str:
        """The sealed text, in unreserved URL characters.

        Args:
            about: what it belongs to; it opens for nothing else.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(self._key).encrypt(nonce, text.encode(), about.encode())
        return base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")

    def open(self, sealed: str, *, about: str) -> str | None:
        """The text; None where it was not sealed with this key for this purpose, or was changed."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            held = base64.b64decode(sealed + "=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if len(held) <= NONCE_BYTES:
            return None
        try:
            return AESGCM(self._key).decrypt(held[:NONCE_BYTES], held[NONCE_BYTES:], about.encode()).decode()
        except InvalidTag:
            return None
