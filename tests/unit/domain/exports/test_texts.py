"""Numbers, times and texts."""

import math
from datetime import UTC, datetime, timedelta, timezone
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.exports.texts import number, time, xml


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back_as_the_same_and_has_no_exponent(value: float) -> None:
    text = number(value)
    assert "e" not in text.lower()
    assert (float(text), math.copysign(1, float(text))) == (value, math.copysign(1, value))


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9.5))])))
def test_a_time_reads_back_as_the_same(at: datetime) -> None:
    if datetime.min.replace(tzinfo=UTC) + timedelta(days=1) < at < datetime.max.replace(tzinfo=UTC) - timedelta(days=1):
        text = time(at)
        assert text.endswith("Z")
        assert datetime.fromisoformat(text) == at


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_can_stand_in_xml(text: str) -> None:
    found = ElementTree.fromstring(f'<a b="x">{xml(text)}</a>').text or ""
    assert len(found) == len(text.replace("\r\n", "\n"))


@pytest.mark.parametrize("odd", ["\x00", "\x1b", "\ud800", "\uffff", "\ufffe"])
def test_what_xml_cannot_hold_is_replaced(odd: str) -> None:
    assert xml(f"a{odd}b") == "a\ufffdb"
