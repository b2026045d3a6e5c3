"""Keys: what is one, and whose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.objects import MAX_KEY_BYTES, issued_to, key_fault, lies_under

WORKSPACE = "87ffce7c-da28-49cf-9134-8db9fd87ccd1"


@pytest.mark.parametrize("key", ["a", "a/b", "w/1/DJI_0001 (ü).JPG", "...", "a/..b", "+&=~", "x" * MAX_KEY_BYTES])
def test_ordinary_names_are_keys(key: str) -> None:
    assert key_fault(key) is None


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\\b", "a\0", "a\n", "a\x7f", "a\u202e", "%2e"),
        *("\ud800", "x" * (MAX_KEY_BYTES + 1), "ü" * (MAX_KEY_BYTES // 2 + 1)),
    ],
)
def test_what_might_be_a_way_is_none(key: str) -> None:
    assert key_fault(key)


def test_a_prefix_ends_at_a_slash() -> None:
    assert lies_under("w/g/photo.jpg", "w/g")
    for key in ("w/gg/photo.jpg", "w/g", "w/g/", "w/g/../h/x", "W/g/x", "x/w/g/y"):
        assert not lies_under(key, "w/g")
    assert not lies_under("photo.jpg", "")


def test_a_callbacks_key_names_the_workspace_and_a_grant() -> None:
    assert issued_to(f"{WORKSPACE}/k3v9/DJI_0001.JPG", WORKSPACE)
    for key in (
        f"{WORKSPACE}/DJI_0001.JPG",
        f"{WORKSPACE[:-1]}2/k3v9/x",
        f"/{WORKSPACE}/k3v9/x",
        "",
        f"{WORKSPACE}/k/../x",
    ):
        assert not issued_to(key, WORKSPACE)
    assert not issued_to("/k/x", "")


@given(st.text())
def test_any_text_is_a_key_or_has_a_fault_in_words(key: str) -> None:
    fault = key_fault(key)
    assert fault is None or fault.endswith(".")
