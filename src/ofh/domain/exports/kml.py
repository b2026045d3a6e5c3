"""A track as KML 2.2 with times: a gx:MultiTrack with a gx:Track for each unbroken stretch.

KML takes `absolute` altitudes as above sea level; ours are above the ellipsoid, and the description says so. A gx:Track
has all its times before all its positions, so a stretch is held until it is complete; one of more than `MAX_LINE`
points goes on in a further gx:Track, whose first point is the last one of the track before.

Viewers may take a description and the facts that they show below it for HTML, so the drone's name, the one text of
people's choice, stands in `name` alone.

Source: OGC 07-147r2; Google's kml22gx.xsd.
"""

from collections.abc import Iterator, Sequence

from ofh.domain.tracks import TrackPoint

from .about import HEIGHTS, MAX_LINE, About, is_broken
from .lines import Line
from .texts import number, shown, time, xml

KML = "http://www.opengis.net/kml/2.2"
GOOGLE = "http://www.google.com/kml/ext/2.2"
QUANTITIES = {
    "elevation": "Metres above take-off",
    "heading": "Heading, degrees from true north",
    "horizontalSpeed": "Speed over ground, m/s",
    "verticalSpeed": "Climb, m/s",
    "batteryPercent": "Battery, %",
}
"""What stands beside the positions, point by point, and what viewers call it."""


class KmlWriter:
    """See `Writer`.

    Args:
        longest: points that are held at the most.
    """

    def __init__(self, about: About, *, longest: int = MAX_LINE) -> None:
        self._about = about
        self._longest = longest
        self._line = Line(2 + len(QUANTITIES), b"\n")
        self._last: TrackPoint | None = None

    def begin(self) -> Iterator[bytes]:
        """See `Writer.begin`."""
        title = xml(self._about.title)
        fields = "".join(
            f'<gx:SimpleArrayField name="{name}" type="float"><displayName>{shown_as}</displayName>'
            "</gx:SimpleArrayField>\n"
            for name, shown_as in QUANTITIES.items()
        )
        facts = "".join(
            f'<Data name="{name}"><value>{xml(shown(value))}</value></Data>\n'
            for name, value in self._about.facts().items()
            if name != "droneName"
        )
        yield (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<kml xmlns="{KML}" xmlns:gx="{GOOGLE}">\n'
            f"<Document>\n<name>{title}</name>\n<description>{HEIGHTS}</description>\n"
            '<Style id="line"><LineStyle><color>ff00a5ff</color><width>3</width></LineStyle></Style>\n'
            f'<Schema id="quantities">\n{fields}</Schema>\n'
            f"<Placemark>\n<name>{title}</name>\n<description>{HEIGHTS}</description>\n<styleUrl>#line</styleUrl>\n"
            f"<ExtendedData>\n{facts}</ExtendedData>\n"
        ).encode()

    def add(self, points: Sequence[TrackPoint]) -> Iterator[bytes]:
        """See `Writer.add`."""
        for point in points:
            last = self._last
            if last is None:
                yield b"<gx:MultiTrack>\n<altitudeMode>absolute</altitudeMode>\n<gx:interpolate>0</gx:interpolate>\n"
            elif is_broken(last, point):
                yield from self._write()
            elif self._line.count >= self._longest:
                yield from self._write()
                self._put(last)
            self._put(point)
            self._last = point

    def end(self) -> Iterator[bytes]:
        """See `Writer.end`."""
        if self._last is not None:
            yield from self._write()
            yield b"</gx:MultiTrack>\n"
        yield b"</Placemark>\n</Document>\n</kml>\n"

    def _put(self, point: TrackPoint) -> None:
        self._line.add(
            (
                f"<when>{time(point.time)}</when>",
                f"<gx:coord>{number(point.longitude)} {number(point.latitude)} {number(point.height)}</gx:coord>",
                _value(point.elevation),
                _value(point.heading),
                _value(point.horizontal_speed),
                _value(point.vertical_speed),
                _value(point.battery_percent),
            )
        )

    def _write(self) -> Iterator[bytes]:
        """The line that is held, as a gx:Track."""
        line, self._line = self._line, Line(2 + len(QUANTITIES), b"\n")
        whens, positions, *quantities = line.columns
        yield b"<gx:Track>\n<altitudeMode>absolute</altitudeMode>\n"
        yield bytes(whens)
        yield b"\n"
        yield bytes(positions)
        yield b'\n<ExtendedData>\n<SchemaData schemaUrl="#quantities">\n'
        for name, values in zip(QUANTITIES, quantities, strict=True):
            yield b'<gx:SimpleArrayData name="%b">\n%b\n</gx:SimpleArrayData>\n' % (name.encode(), bytes(values))
        yield b"</SchemaData>\n</ExtendedData>\n</gx:Track>\n"


def _value(value: float | None) -> str:
    return "<gx:value/>" if value is None else f"<gx:value>{number(value)}</gx:value>"
