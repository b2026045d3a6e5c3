"""SBS-1: what a receiver's lines tell, and what they cannot do."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.adsb.sbs import MAX_LINE_BYTES, Lines, read_line
from ofh.domain.traffic import Sighting

AT = datetime(2026, 6, 1, 8, tzinfo=UTC)


def line(
    *, altitude: str = "37000", latitude: str = "51.45735", longitude: str = "-1.02826", hex: str = "4CA2D6"
) -> bytes:
    times = "2026/06/01,08:00:00.000,2026/06/01,08:00:00.010"
    return f"MSG,3,1,1,{hex},1,{times},,{altitude},,,{latitude},{longitude},,,0,0,0,0\r".encode()


def test_a_position_is_one_of_the_moment_at_which_it_was_read() -> None:
    assert read_line(line(), AT) == Sighting(
        id="4ca2d6", longitude_deg=-1.02826, latitude_deg=51.45735, height_m=None, at=AT
    )


def test_a_pressure_altitude_is_no_height_a_geometric_one_is() -> None:
    found = read_line(line(altitude="38125H"), AT)
    assert found is not None
    assert found.height_m == pytest.approx(11_620.5)
    for altitude in ("", "H", "37000", "9" * 40 + "H", "9999999H"):
        found = read_line(line(altitude=altitude), AT)
        assert found is not None
        assert found.height_m is None


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"MSG,3",
        b"STA,,5,179,400AE7,10103,2008/11/28,14:58:51.153,2008/11/28,14:58:51.153,RM,,,,,,,",
        line(latitude=""),
        line(latitude="91"),
        line(longitude="180.5"),
        line(latitude="0", longitude="0"),
        line(latitude="nan"),
        line(latitude="1e1"),
        line(hex="4CA2"),
        line(hex="4CA2D6'"),
        b"\xff" * 100,
        line() + b"," * MAX_LINE_BYTES,
    ],
)
def test_what_tells_no_position_is_none(bad: bytes) -> None:
    assert read_line(bad, AT) is None


@given(st.binary(max_size=300) | st.lists(st.text(max_size=8), max_size=24).map(lambda parts: ",".join(parts).encode()))
def test_any_line_is_a_position_or_none(data: bytes) -> None:
    found = read_line(data, AT)
    assert found is None or -90 <= found.latitude_deg <= 90


@given(st.lists(st.binary(max_size=40)), st.data())
def test_lines_are_the_same_however_they_are_cut(wanted: list[bytes], data: st.DataObject) -> None:
    wanted = [item.replace(b"\n", b"") for item in wanted]
    whole = b"".join(item + b"\n" for item in wanted)
    lines, found, start = Lines(), [], 0
    while start < len(whole):
        end = data.draw(st.integers(start + 1, len(whole)))
        found += lines.feed(whole[start:end])
        start = end
    assert found == wanted


def test_a_line_without_end_is_not_kept_and_the_next_one_is_read() -> None:
    lines = Lines()
    assert lines.feed(b"x" * (MAX_LINE_BYTES + 1)) == []
    for _ in range(50):
        assert lines.feed(b"x" * 60_000) == []
    assert lines._rest == b""
    assert lines.feed(b"tail\n" + line() + b"\n") == [line()]
