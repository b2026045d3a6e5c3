"""Checksums against the check values that their definitions give for the nine digits."""

import pytest

from ofh.services.checksums import MD5, NAMES, digest

CHECKS = {
    "md5": "25f9e794323b453885f5181f1b624d0b",
    "sha1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "sha256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
    "crc32": "cbf43926",
    "crc32c": "e3069283",
    "crc64nvme": "ae8b14860a799888",
}


@pytest.mark.parametrize("name", CHECKS)
def test_each_gives_its_check_value_in_any_pieces(name: str) -> None:
    for cut in range(10):
        taken = digest(name)
        taken.update(memoryview(b"123456789"[:cut]))
        taken.update(memoryview(b"123456789"[cut:]))
        assert taken.digest().hex() == CHECKS[name]


def test_none_is_forgotten() -> None:
    assert {MD5} | NAMES == set(CHECKS)
