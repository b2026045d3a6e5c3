"""Checksums of what is uploaded, one interface for all of them.

CRC-32C and CRC-64/NVME come from AWS's own C library: in Python they would take a hundred times as long as the disk.
"""

import hashlib
import zlib
from collections.abc import Callable
from typing import Protocol

MD5 = "md5"
SHA256 = "sha256"


class Digest(Protocol):
    """As `hashlib` has it."""

    def update(self, data: memoryview, /) -> None:
        """Take further bytes."""

    def digest(self) -> bytes:
        """Of all bytes so far; of a cyclic sum big-endian."""


class _Cyclic:
    def __init__(self, next_sum: Callable[[memoryview, int], int], length: int) -> None:
        self._next_sum = next_sum
        self._length = length
        self._sum = 0

    def update(self, data: memoryview) -> None:
        self._sum = self._next_sum(data, self._sum)

    def digest(self) -> bytes:
        return self._sum.to_bytes(self._length, "big")


def _crc32c() -> Digest:
    from awscrt import checksums  # type: ignore[import-untyped]

    return _Cyclic(checksums.crc32c, 4)


def _crc64nvme() -> Digest:
    from awscrt import checksums

    return _Cyclic(checksums.crc64nvme, 8)


_DIGESTS: dict[str, Callable[[], Digest]] = {
    MD5: lambda: hashlib.md5(usedforsecurity=False),
    SHA256: hashlib.sha256,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "crc32": lambda: _Cyclic(zlib.crc32, 4),
    "crc32c": _crc32c,
    "crc64nvme": _crc64nvme,
}
NAMES = frozenset(_DIGESTS) - {MD5}
"""Those that S3 knows as `x-amz-checksum-…`."""


def digest(name: str) -> Digest:
    """A new one by its name."""
    return _DIGESTS[name]()
