"""Any bytes give a value or `BadJson` (security.md, A5)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.edges.strict_json import BadJson, loads

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_json_is_read(value: object) -> None:
    assert loads(json.dumps(value).encode()) == value


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        loads(data)
    except BadJson:
        pass


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nonsense",
        b"NaN",
        b'{"a": Infinity}',
        b'{"a": 1, "a": 2}',
        b'[{"a": {"b": 1, "b": 1}}]',
        rb'"\ud800"',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"[" * 65 + b"]" * 65,
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b"[" * 200_000,
        b"[" * 200_000 + b"]" * 200_000,
    ],
)
def test_what_is_refused(text: bytes) -> None:
    with pytest.raises(BadJson):
        loads(text)


def test_nesting_to_the_limit_and_brackets_in_text_are_fine() -> None:
    assert loads(b"[" * 64 + b"]" * 64)
    assert loads(json.dumps(["{[" * 100]).encode()) == ["{[" * 100]
    assert len(loads(json.dumps([[]] * 100).encode())) == 100
