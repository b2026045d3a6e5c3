"""A track as CSV, read back by Python's own reader."""

import csv
import io
import re
from datetime import datetime

from ofh.domain.exports.csv import HEADER, CsvWriter
from ofh.domain.tracks import TrackPoint
from tests.unit.domain.exports.made import ABOUT, FLOWN, written


def rows(document: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(document.decode(), newline=""), strict=True))


def read(row: dict[str, str]) -> TrackPoint:
    """A line as the point that it came from."""

    def cell(name: str) -> float | None:
        return float(row[name]) if row[name] else None

    return TrackPoint(
        time=datetime.fromisoformat(row["time_utc"]),
        longitude=float(row["longitude_deg"]),
        latitude=float(row["latitude_deg"]),
        height=float(row["height_m_above_wgs84_ellipsoid"]),
        elevation=cell("elevation_m_above_take_off"),
        heading=cell("heading_deg_from_true_north"),
        horizontal_speed=cell("horizontal_speed_m_per_s"),
        vertical_speed=cell("vertical_speed_m_per_s"),
        battery_percent=cell("battery_percent"),
    )


def test_what_is_read_back_is_what_was_written() -> None:
    assert [read(row) for row in rows(written(CsvWriter(ABOUT), FLOWN))] == FLOWN


def test_a_track_without_points_is_a_header() -> None:
    assert written(CsvWriter(ABOUT), []).decode() == ",".join(HEADER) + "\r\n"


def test_every_column_says_its_unit() -> None:
    assert all(re.search(r"_(utc|deg|m|m_per_s|percent)(_|$)", name) for name in HEADER)


def test_lines_end_as_the_standard_wants_and_have_as_many_cells_as_the_header() -> None:
    *lines, rest = written(CsvWriter(ABOUT), FLOWN).split(b"\r\n")
    assert rest == b""
    assert len(lines) == 1 + len(FLOWN)
    assert {line.count(b",") for line in lines} == {len(HEADER) - 1}


def test_no_cell_is_anything_but_a_number_or_a_time() -> None:
    """So none can be taken for a formula, whatever people call their drones."""
    cells = {cell for row in rows(written(CsvWriter(ABOUT), FLOWN)) for cell in row.values() if cell}
    assert all(re.fullmatch(r"-?\d+(\.\d+)?|\d{4}-\d\d-\d\dT[\d:.]+Z", cell) for cell in cells), cells
