"""A track as GeoJSON (RFC 7946): one Feature with the whole line, so that it is one thing on a map and in a table.

Where the line breaks, or crosses the antimeridian, the Feature's geometry is a MultiLineString; a fix between two
breaks makes no line and follows as a Point. What GeoJSON has no place for at a position stands in lists beside it,
nested as the coordinates are: `coordinateProperties.times` and so on, as togeojson writes it, by which geojson.io and
many maps take in GPX. A Point for each fix would be tens of thousands of things on the map; who wants them takes CSV.

The lists come before the coordinates and a stream has only one pass, so a line is held until it is complete. One of
more than `MAX_LINE` points goes on in a further Feature with `continues: true`, whose first point is the last one of
the Feature before.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ofh.domain.tracks import TrackPoint

from .about import MAX_LINE, About, is_broken
from .lines import Line
from .texts import number, shown, time

LISTS = ("times", "elevations", "headings", "horizontalSpeeds", "verticalSpeeds", "batteryPercents")
"""What stands beside the coordinates, point by point; null where it was not reported."""
OF_A_POINT = ("time", "elevation", "heading", "horizontalSpeed", "verticalSpeed", "batteryPercent")
"""The same of a fix that stands alone."""
HEIGHT_REFERENCE = "WGS 84 ellipsoid"


class GeoJsonWriter:
    """See `Writer`.

    Args:
        longest: points that are held at the most.
    """

    def __init__(self, about: About, *, longest: int = MAX_LINE) -> None:
        facts = {name: _json_value(value) for name, value in about.facts().items()}
        self._facts = _inside({**facts, "heightReference": HEIGHT_REFERENCE, "heightUnit": "m"})
        self._longest = longest
        self._parts: list[Line] = []
        self._held = 0
        self._last: TrackPoint | None = None
        self._continues = False
        self._is_first = True

    def begin(self) -> Iterator[bytes]:
        """See `Writer.begin`."""
        yield b'{"type":"FeatureCollection","features":['

    def add(self, points: Sequence[TrackPoint]) -> Iterator[bytes]:
        """See `Writer.add`."""
        for point in points:
            last = self._last
            if self._held >= self._longest:
                yield from self._write()
                if last is not None and not is_broken(last, point):
                    self._continues = True
                    self._part()
                    self._put(last)
            if last is None or is_broken(last, point):
                self._part()
            elif abs(point.longitude - last.longitude) > 180:
                self._cut(last, point)
            self._put(point)
            self._last = point

    def end(self) -> Iterator[bytes]:
        """See `Writer.end`."""
        yield from self._write()
        yield b"\n]}\n"

    def _part(self) -> None:
        self._parts.append(Line(1 + len(LISTS), b","))

    def _put(self, point: TrackPoint) -> None:
        position = f"[{number(point.longitude)},{number(point.latitude)},{number(point.height)}]"
        quantities = (
            point.elevation,
            point.heading,
            point.horizontal_speed,
            point.vertical_speed,
            point.battery_percent,
        )
        known = ("null" if value is None else number(value) for value in quantities)
        self._parts[-1].add((position, f'"{time(point.time)}"', *known))
        self._held += 1

    def _cut(self, last: TrackPoint, point: TrackPoint) -> None:
        """End one part at the antimeridian and begin another beyond it (RFC 7946, 3.1.9)."""
        side = 180.0 if last.longitude > 0 else -180.0
        beyond = point.longitude + 2 * side
        share = (side - last.longitude) / (beyond - last.longitude) if beyond != last.longitude else 0.0
        at = last.time + share * (point.time - last.time)
        latitude = last.latitude + share * (point.latitude - last.latitude)
        height = last.height + share * (point.height - last.height)
        for longitude in (side, -side):
            if longitude != side:
                self._part()
            self._put(
                TrackPoint(
                    time=at,
                    longitude=longitude,
                    latitude=latitude,
                    height=height,
                    elevation=None,
                    heading=None,
                    horizontal_speed=None,
                    vertical_speed=None,
                    battery_percent=None,
                )
            )

    def _write(self) -> Iterator[bytes]:
        """What is held, as Features."""
        parts, self._parts, self._held = self._parts, [], 0
        lines = [part for part in parts if part.count > 1]
        if lines:
            yield from self._lines(lines)
        for part in parts:
            if part.count == 1:
                yield self._comma() + self._lone(part)
        self._continues = False

    def _lines(self, lines: Sequence[Line]) -> Iterator[bytes]:
        is_one = len(lines) == 1
        more = ',"continues":true' if self._continues else ""
        yield (
            self._comma() + f'{{"type":"Feature","properties":{{{self._facts}{more},"coordinateProperties":{{'.encode()
        )
        for index, name in enumerate(LISTS, 1):
            yield f'{"," if index > 1 else ""}"{name}":'.encode()
            yield from _nested(lines, index)
        kind = "LineString" if is_one else "MultiLineString"
        yield f'}}}},"geometry":{{"type":"{kind}","coordinates":'.encode()
        yield from _nested(lines, 0)
        yield b"}}"

    def _lone(self, part: Line) -> bytes:
        position, *values = (column.decode() for column in part.columns)
        known = "".join(f',"{name}":{value}' for name, value in zip(OF_A_POINT, values, strict=True))
        return (
            f'{{"type":"Feature","properties":{{{self._facts}{known}}},'
            f'"geometry":{{"type":"Point","coordinates":{position}}}}}'
        ).encode()

    def _comma(self) -> bytes:
        first, self._is_first = self._is_first, False
        return b"\n" if first else b",\n"


def _nested(lines: Sequence[Line], index: int) -> Iterator[bytes]:
    """A column of one line as a list, of several as a list of lists."""
    if len(lines) == 1:
        yield b"[%b]" % bytes(lines[0].columns[index])
        return
    for place, line in enumerate(lines):
        yield b"%b[%b]" % (b"," if place else b"[", bytes(line.columns[index]))
    yield b"]"


def _json_value(value: Any) -> Any:
    return value if isinstance(value, int | float) else shown(value)


def _inside(facts: dict[str, Any]) -> str:
    """The members of an object, without its braces."""
    return json.dumps(facts, ensure_ascii=False, allow_nan=False, separators=(",", ":"))[1:-1]
